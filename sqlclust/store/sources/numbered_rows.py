"""The rows of a source that a fit selects, by number: for whoever reads their vectors itself, some each."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from typing import Any, NamedTuple

from sqlclust.errors import Id, RepeatedIdError
from sqlclust.sqlite import statements
from sqlclust.store.embeddings.ids import sort_key
from sqlclust.store.embeddings.selection import Selection
from sqlclust.store.sources.by_number import ByNumber
from sqlclust.store.sources.source_vectors import SourceVectors


class NumberedRows(NamedTuple):
    """Rows by number.

    Attributes:
        how: their vectors are read by a number.
        numbers: of each row; what is no int is a value of the key that is no number.
        ids: of each row.
    """

    how: ByNumber
    numbers: list[Any]
    ids: list[Id]


def numbered_rows(origin: SourceVectors, selection: Selection) -> NumberedRows | None:
    """The selected rows that have a vector, in the order of the table; None where rows have no numbers.

    Conditions are run here, as `SourceVectors.select` runs them. No vector is read that is longer than a page.

    Raises:
        as `SourceVectors.select`, but what is said of vectors.
    """
    reader, numbers, ids = origin.reader(selection), list[Any](), list[Id]()
    if reader.by_number is None:
        return None
    with statements.one_moment(origin.host):
        kept = origin.every(reader, selection.downsample)
        with closing(reader.numbered()) as batches:
            for some, of_some in batches:
                numbers += some
                ids += of_some
                origin.host.check_interrupt()
    if len({*ids}) < len(ids):
        raise reader.repeated(_repeated(ids))
    if kept is not None:
        rows = [row for row, id in enumerate(ids) if id in kept]
        numbers, ids = [numbers[row] for row in rows], [ids[row] for row in rows]
    return NumberedRows(reader.by_number, numbers, ids)


def _repeated(ids: list[Id]) -> RepeatedIdError:
    counts = {id: count for id, count in Counter(ids).items() if count > 1}
    first = min(counts, key=sort_key)
    return RepeatedIdError(embedding_id=first, occurrences=counts[first], repeated_ids=len(counts))
