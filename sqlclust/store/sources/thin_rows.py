"""Rows of Embedding that stand for rows of a source: no vector, but an id that results can have."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from sqlclust.errors import AlteredError, ConstraintError, Id, ItemIdTakenError, shown
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.values import now
from sqlclust.store.read_back import foreign_triggers

_THERE = "SELECT item_id FROM main.Embedding WHERE embedding_source = ?"
_INSERT = "INSERT INTO main.Embedding (id, embedding_model, embedding_source, item_id, created_at)"
_OF_ROWS = f"{_INSERT} VALUES (?1, ?2, ?2, ?3, ?4)"
_OF_JSON = f"{_INSERT} SELECT key, ?2, ?2, value, ?3 FROM json_each(?1)"
"""Of an object of items by id; quicker than row by row, since it is one statement."""
_OF_INTEGERS = f"{_INSERT} SELECT ?4 || value || ']', ?2, ?2, value, ?3 FROM json_each(?1)"
"""Of an array of INTEGER items, whose ids all begin alike."""
_TEXT = "UPDATE main.Embedding SET content = ? WHERE id = ? AND embedding_source = ? AND content IS NOT ?1"
_COUNT = "SELECT count(*) FROM main.Embedding WHERE embedding_source = ?"
_WRITTEN = "SELECT 1 FROM main.Embedding WHERE id = ? AND embedding_source = ? AND item_id = ? AND vector IS NULL"
_TAKEN = "SELECT embedding_model FROM main.Embedding WHERE id = ? AND embedding_source IS NOT ?"
_REPORT = 10_000
"""Rows between two looks at interrupts."""


def write_rows(
    database: Database, source: str, items: Sequence[Id], ids: Sequence[Id], texts: Mapping[Id, str | None]
) -> None:
    """Make sure that items of a source have their rows; inside the caller's transaction.

    Args:
        items: keys of rows.
        ids: theirs, of `items.embedding_ids`; in their order it is quickest.
        texts: of some of the items; written where it is another.

    Raises:
        ItemIdTakenError: an id is that of an embedding which is no row of the source.
        AlteredError: a trigger of the file dropped or changed what was written.

    Cost: one look-up for each row, and the writing of those that are new.
    """
    with statements.each_row(database, _THERE, (source,)) as rows:
        there = {row[0] for row in rows}
    new = [(id, item) for id, item in zip(ids, items, strict=True) if item not in there]
    moment = now()
    try:
        for start in range(0, len(new), _REPORT):
            _insert(database, source, new[start : start + _REPORT], moment)
            database.check_interrupt()
    except ConstraintError:
        for id, _ in new:
            taken = statements.first_row(database, _TAKEN, (id, source))
            if taken is not None:
                raise ItemIdTakenError(source, embedding_id=id, embedding_model=str(taken[0])) from None
        raise
    if texts:
        id_of = dict(zip(items, ids, strict=True))
        statements.run_many(database, _TEXT, ((text, id_of[item], source) for item, text in texts.items()))
    _check(database, source, new, expected=len(there) + len(new))


def _insert(database: Database, source: str, rows: Sequence[tuple[Id, Id]], moment: str) -> None:
    types = {type(item) for _, item in rows}
    first_id, first_item = rows[0]
    if types == {int}:
        start = str(first_id).removesuffix(f"{first_item!s}]")
        items = json.dumps([item for _, item in rows], separators=(",", ":"))
        statements.run(database, _OF_INTEGERS, (items, source, moment, start))
    elif types <= {int, str} and "\\u0000" not in (text := json.dumps(dict(rows), ensure_ascii=False)):
        statements.run(database, _OF_JSON, (text, source, moment))
    else:  # BLOBs and REAL, which JSON has not or may round, and NUL, where SQLite may end a text
        statements.run_many(database, _OF_ROWS, ((id, source, item, moment) for id, item in rows))


def _check(database: Database, source: str, new: Sequence[tuple[Id, Id]], *, expected: int) -> None:
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
                raise AlteredError("Embedding", found=f"not the row {shown(id)}", expected="it", triggers=triggers)
