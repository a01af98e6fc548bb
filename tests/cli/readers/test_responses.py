"""Responses of OpenAI's embeddings API, its batch output, and BLOBs as sqlite-utils writes them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sqlclust.cli.readers.files import Columns, Skipped, read
from sqlclust.errors import InputFileError
from tests.cli.readers.input_files import reason_of, record, skipped, text_file
from tests.small import blob


def response(*vectors: Any, **more: Any) -> dict[str, Any]:
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    usage = {"prompt_tokens": 5, "total_tokens": 5}
    return {"object": "list", "data": data, "model": "text-embedding-3-small", "usage": usage, **more}


def packed(*numbers: float) -> str:
    return base64.b64encode(blob(*numbers)).decode()


@pytest.mark.parametrize("indent", [None, 2], ids=["one line", "indented"])
@pytest.mark.parametrize("name", ["o.json", "o", "o.jsonl"])
@pytest.mark.parametrize("vectors", [([1, 2], [3, 4]), (packed(1, 2), packed(3, 4))], ids=["numbers", "base64"])
def test_a_response(tmp_path: Path, vectors: tuple[Any, ...], name: str, indent: int | None) -> None:
    if name == "o.jsonl" and indent:
        return  # one object a line, by its name
    given = response(*vectors)
    given["data"].reverse()  # their index says which text they are of
    path = text_file(tmp_path / name, json.dumps(given, indent=indent))
    expected = [record(None, blob(1, 2)), record(None, blob(3, 4))]
    assert list(read(path).rows) == expected
    ids, texts = text_file(tmp_path / "ids.txt", "7\n8\n"), text_file(tmp_path / "t.json", '["one", null]')
    found = read(path, ids=ids, texts=texts)
    assert (list(found.rows), found.id_types) == (
        [record(7, blob(1, 2), content="one"), record(8, blob(3, 4))],
        {"id": "integer"},
    )
    assert list(read(path, columns=Columns(id="index")).rows) == [record(0, blob(1, 2)), record(1, blob(3, 4))]
    assert next(read(path, ids=ids, id_type="text").rows) == record("7", blob(1, 2))


def test_several_responses(tmp_path: Path) -> None:
    path = text_file(tmp_path / "o.jsonl", "\n".join(json.dumps(response([at, 1], [at, 2])) for at in (1, 2)))
    vectors = [blob(1, 1), blob(1, 2), blob(2, 1), blob(2, 2)]
    assert list(read(path).rows) == [record(None, vector) for vector in vectors]
    ids = text_file(tmp_path / "ids.txt", "a\nb\nc\nd\n")
    assert list(read(path, ids=ids).rows) == [record(*row) for row in zip("abcd", vectors, strict=True)]
    for wrong in ("a\nb\nc\n", "a\nb\nc\nd\ne\n"):
        other = text_file(tmp_path / "other.txt", wrong)
        with pytest.raises(InputFileError, match=f"other.txt: found {wrong.count(chr(10))} ids for the 4 vectors in "):
            list(read(path, ids=other).rows)


def test_batch_output(tmp_path: Path) -> None:
    def line(name: str, body: Any, error: Any = None, status: int = 200) -> dict[str, Any]:
        response = body and {"status_code": status, "body": body}
        return {"id": "batch_req_1", "custom_id": name, "response": response, "error": error}

    path = text_file(
        tmp_path / "o.jsonl",
        "\n".join(
            map(
                json.dumps,
                [
                    line("b", response([1, 2])),
                    line("x", {"error": {"message": "too\nlong", "code": None}}, status=400),
                    line("y", None, {"code": "batch_expired", "message": "expired"}),
                    line("z", None),
                    line("a", response([3, 4])),
                ],
            )
        ),
    )
    assert list(read(path, columns=Columns(id="custom_id")).rows) == [
        record("b", blob(1, 2)),
        Skipped(2, "request 'x' failed: too long"),
        Skipped(3, "request 'y' failed: expired"),
        Skipped(4, "request 'z' failed"),
        record("a", blob(3, 4)),
    ]
    ids = text_file(tmp_path / "ids.txt", "a\n" * 5)
    assert "say --id-column custom_id instead" in reason_of(path, ids=ids)


@pytest.mark.parametrize(
    ("data", "reasons"),
    [
        ([{"embedding": [1], "index": 0}, {"embedding": [1], "index": 0}], ["the indexes of the response are not 0 to 1"] * 2),
        ([{"embedding": [1], "index": 1}], ["the indexes of the response are not 0 to 0"]),
        ([{"embedding": [1], "index": "0"}], ["the indexes of the response are not 0 to 0"]),
        ([{"embedding": "?", "index": 0}], ["the vector is '?', expected a BLOB in base64 (float32)"]),
        ([{"embedding": "AAA=", "index": 0}], ["the vector has 2 bytes, expected a positive multiple of 4 (float32)"]),
        ([{"index": 0}, {"embedding": None}], ["no 'vector' in the row", "the vector is NULL, expected a JSON array of numbers"]),
    ],
)  # fmt: skip
def test_responses_that_cannot_be_used(tmp_path: Path, data: list[Any], reasons: list[str]) -> None:
    path = text_file(tmp_path / "o.json", json.dumps({"object": "list", "data": data}))
    assert [*skipped(read(path)).values()] == reasons


def test_responses_without_embeddings(tmp_path: Path) -> None:
    assert reason_of(text_file(tmp_path / "o.json", '{"object": "list", "data": []}')) == "it has no rows"
    listed = text_file(tmp_path / "l.json", '{"object": "list", "data": ["a"]}')
    assert skipped(read(listed)) == {1: "no embedding in the response"}
    error = text_file(tmp_path / "e.json", '{"error": {"message": "no key"}}')
    assert skipped(read(error)) == {1: "the request failed: no key"}


@pytest.mark.parametrize("format", ["json", "nl"])
def test_what_sqlite_utils_writes(tmp_path: Path, format: str) -> None:
    def marked(value: bytes) -> dict[str, Any]:
        return {"$base64": True, "encoded": base64.b64encode(value).decode()}

    rows = [{"id": marked(b"\x00\xff"), "vector": marked(blob(1, 2)), "content": "c"}, {"id": 2, "vector": marked(b"")}]
    path = text_file(tmp_path / "v", json.dumps(rows) if format == "json" else "\n".join(map(json.dumps, rows)))
    assert list(read(path).rows) == [
        record(b"\x00\xff", content="c"),
        Skipped(2, "the vector is an empty BLOB, expected a BLOB in base64 (float32)"),
    ]
    doubles = np.random.default_rng(0).normal(size=(40, 16)).astype("<f4").astype("<f8")
    other = text_file(tmp_path / "d.json", json.dumps([{"vector": marked(row.tobytes())} for row in doubles]))
    assert reason_of(other).startswith("found vectors of float32 that look like float64: ")
    assert len(list(read(other, vector_format="float64").rows)) == 40
    assert len(list(read(other, vector_format="float32").rows)) == 40


def test_a_request_that_failed(tmp_path: Path) -> None:
    lines = [{"error": {"message": "Incorrect API\nkey", "type": "x"}}, {"error": "no"}, response([1, 2])]
    path = text_file(tmp_path / "o.jsonl", "\n".join(map(json.dumps, lines)))
    assert [row.reason if isinstance(row, Skipped) else None for row in read(path).rows] == [
        "the request failed: Incorrect API key", "the request failed", None
    ]  # fmt: skip
