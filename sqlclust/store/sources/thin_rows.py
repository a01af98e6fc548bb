"""Rows of Embedding that stand for rows of a source: no vector, but an id that results can have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from sqlclust.errors import AlteredError, ConstraintError, Id, ItemIdTakenError
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database, Row
from sqlclust.sqlite.values import now
from sqlclust.store.read_back import foreign_triggers

_THERE = "SELECT item_id FROM main.Embedding INDEXED BY Embedding_item WHERE embedding_source = ?"
_INSERT = """
INSERT INTO main.Embedding (id, embedding_model, embedding_source, item_id, created_at) VALUES (?1, ?2, ?2, ?3, ?4)
"""
_TEXT = "UPDATE main.Embedding SET content = ? WHERE id = ? AND embedding_source = ? AND content IS NOT ?1"
_COUNT = "SELECT count(*) FROM main.Embedding WHERE embedding_source = ?"
_WRITTEN = "SELECT 1 FROM main.Embedding WHERE id = ? AND embedding_source = ? AND item_id = ? AND vector IS NULL"
_TAKEN = "SELECT embedding_model FROM main.Embedding WHERE id = ? AND embedding_source IS NOT ?"
_REPORT = 5_000
"""Rows between two looks at interrupts."""


def write_rows(
    database: Database, source: str, items: Sequence[Id], ids: Sequence[str], texts: Mapping[Id, str | None]
) -> None:
    """Make sure that items of a source have their rows; inside the caller's transaction.

    Args:
        items: keys of rows.
        ids: theirs, of `items.embedding_ids`.
        texts: of some of the items; written where it is another.

    Raises:
        ItemIdTakenError: an id is that of an embedding which is no row of the source.
        AlteredError: a trigger of the file dropped or changed what was written.

    Cost: one look-up for each row, and the writing of those that are new.
    """
    with statements.each_row(database, _THERE, (source,)) as rows:
        there = {row[0] for row in rows}
    id_of = dict(zip(items, ids, strict=True))
    # in the order of the primary key, which is that of the text
    new = (
        sorted((id_of[item], item) for item in id_of.keys() - there) if there else sorted(zip(ids, items, strict=True))
    )
    moment = now()
    try:
        _run_in_parts(database, _INSERT, ((id, source, item, moment) for id, item in new))
    except ConstraintError:
        for id, _ in new:
            taken = statements.first_row(database, _TAKEN, (id, source))
            if taken is not None:
                raise ItemIdTakenError(source, embedding_id=id, embedding_model=str(taken[0])) from None
        raise
    _run_in_parts(database, _TEXT, ((text, id_of[item], source) for item, text in texts.items()))
    _check(database, source, new, expected=len(there) + len(new))


def _run_in_parts(database: Database, sql: str, rows: Iterable[Row]) -> None:
    each = iter(rows)
    while part := list(islice(each, _REPORT)):
        statements.run_many(database, sql, part)
        database.check_interrupt()


def _check(database: Database, source: str, new: Sequence[tuple[str, Id]], *, expected: int) -> None:
    """Make sure that they are there as they were written."""
    triggers = foreign_triggers(database, ("Embedding",))
    found = statements.value(database, _COUNT, (source,))
    if found != expected:
        raise AlteredError(
            "Embedding", found=f"{found:,} rows of {source}", expected=f"{expected:,}", triggers=triggers
        )
    if triggers:
        for id, item in new:
            if statements.first_row(database, _WRITTEN, (id, source, item)) is None:
                raise AlteredError("Embedding", found=f"not the row {id}", expected="it", triggers=triggers)
