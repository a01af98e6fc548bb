"""Responses of OpenAI's embeddings API, and of the many that answer as it does; also lines of its batch output.

A response has no ids and no texts. Its rows are in the order of their `index`, which is that of the texts sent.
Source: https://platform.openai.com/docs/api-reference/embeddings/object
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sqlclust.cli.readers.columns import Columns
from sqlclust.cli.readers.input_file import FailedRow
from sqlclust.cli.readers.opening import Given
from sqlclust.cli.readers.values import value_in_words
from sqlclust.errors import InputFileError


class ResponseRow(dict[str, Any]):
    """An embedding of a response: its `embedding`, its `index`, and the `custom_id` of its request in a batch."""


def rows_of_responses(rows: Iterable[object]) -> Iterator[object]:
    """The rows, with the embeddings of each response in its place; Unusable for one that failed."""
    for row in rows:
        custom, response = _taken_from_batch(row)
        if isinstance(response, FailedRow):
            yield response
        elif isinstance(response, dict) and response.get("object") == "list" and isinstance(response.get("data"), list):
            yield from _embeddings_in(response["data"], custom)
        elif isinstance(row, dict) and row.keys() == {"error"}:
            yield FailedRow(f"the request failed{_said_of(row['error'])}")
        else:
            yield row


def _taken_from_batch(row: object) -> tuple[dict[str, Any], object]:
    """The response in a line of batch output, and what names it; any other row is itself."""
    if not isinstance(row, dict) or "custom_id" not in row or "response" not in row or "error" not in row:
        return {}, row
    custom = {"custom_id": row["custom_id"]}
    response = row["response"]
    body = response.get("body") if isinstance(response, dict) else None
    if isinstance(body, dict) and body.get("object") == "list":
        return custom, body
    error = body.get("error") if isinstance(body, dict) else row["error"]
    return custom, FailedRow(f"request {value_in_words(row['custom_id'])} failed{_said_of(error)}")


def _said_of(error: object) -> str:
    """What an error of the API says, to be added to a message."""
    said = error.get("message") if isinstance(error, dict) else None
    return f": {' '.join(said.split())[:200]}" if isinstance(said, str) else ""


def _embeddings_in(data: list[Any], custom: dict[str, Any]) -> Iterator[object]:
    if not all(isinstance(item, dict) and "embedding" in item for item in data):
        yield from (item if isinstance(item, dict) else FailedRow("no embedding in the response") for item in data)
        return
    places = [item.get("index") for item in data]
    if {*map(type, places)} == {int} and sorted(places) == [*range(len(data))]:
        data = sorted(data, key=lambda item: int(item["index"]))
    elif places != [None] * len(data):
        yield from (FailedRow(f"the indexes of the response are not 0 to {len(data) - 1:,}") for _ in data)
        return
    for item in data:
        vector = item["embedding"]
        if isinstance(vector, str):  # of a request with encoding_format base64: little-endian float32
            vector = {"$base64": True, "encoded": vector}
        yield ResponseRow(item, embedding=vector, **custom)


class ListBeside(NamedTuple):
    """Ids or texts in a file of their own, in the order of a response's embeddings."""

    field: str  # of `Columns`
    what: str
    values: Sequence[object]
    file: Path


def with_lists(rows: Iterable[object], lists: Sequence[ListBeside], columns: Columns, given: Given) -> Iterator[object]:
    """The rows with what lies beside them.

    Raises:
        InputFileError: at the end, if there are not as many.
    """
    n = 0
    for n, row in enumerate(rows, 1):
        if lists and isinstance(row, dict):
            here = {getattr(columns, beside.field): beside.values[n - 1] for beside in lists if n <= len(beside.values)}
            yield ResponseRow(row, **here)
        else:
            yield row
    for beside in lists:
        if len(beside.values) != n:
            counts = f"{len(beside.values):,} {beside.what} for the {n:,} vectors in {given}"
            raise InputFileError(str(beside.file), reason=f"found {counts}, expected as many")
