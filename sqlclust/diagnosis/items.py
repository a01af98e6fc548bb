"""Rows of Embedding that stand for rows of a source: their ids, who has them, and whether what they stand for is there."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from sqlclust.diagnosis.examination import Examination, counted
from sqlclust.diagnosis.families import Family, Role, has_items
from sqlclust.diagnosis.ids import RELATIONS
from sqlclust.diagnosis.sources import SOURCES, add, readable_host
from sqlclust.errors import HostTableError, Id, NullIdError, shown
from sqlclust.sources.registered_rows import Damaged, Registered, registered_or_damaged
from sqlclust.sqlite import statements
from sqlclust.sqlite.layout import Layout, Table, quoted
from sqlclust.store.sources.items import embedding_ids
from sqlclust.store.sources.reading import HostReader

_BATCH = 1024
_HOLDERS: tuple[Role, ...] = ("cluster", "assignment", "prediction")
_HIDDEN = """
SELECT count(*) AS n, min(e.id) AS example, s.name AS name
FROM {source} s JOIN {embedding} e ON e.embedding_model = s.name
WHERE e.vector IS NOT NULL AND e.embedding_source IS NULL
"""
_ITEMS = "SELECT id, item_id FROM {embedding} e WHERE embedding_source = ?"


# --- ids -------------------------------------------------------------------------------------------------------------


def check_items(exam: Examination, family: Family) -> None:
    """Ids of rows of sources, and rows that nobody has. Cost: one look at each such row, and nothing for other ones."""
    embedding = family.tables.get("embedding")
    if embedding is None or not has_items(embedding):
        return
    with exam.guarded(embedding):
        if SOURCES.lower() not in exam.layout.tables:
            return
        for kept in _readable(exam):
            _check_ids(exam, embedding, kept)
        n, example, name = exam.row(_HIDDEN.format(embedding=embedding.sql, source=f"main.{SOURCES}"))
        if n:
            exam.add(
                "source-name", "error", embedding, "embedding_model", n=n, example=example,
                detail=f"{counted(n, 'embedding has', 'embeddings have')} the name of a source as their model, such as "
                f"{shown(name)}: whatever takes that name reads the source, and not these",
                remedy="UPDATE Embedding SET embedding_model = 'another name' WHERE embedding_source IS NULL AND embedding_model "
                "= that name",
            )  # fmt: skip
        if family.get(*_HOLDERS) is None:
            return
        n, example = exam.row(
            f"SELECT count(*) AS n, min(id) AS example FROM {embedding.sql} WHERE {unused(exam.layout, family)}"
        )
        if n:
            exam.add(
                "unused-items", "note", embedding, "item_id", n=n, example=example,
                detail=f"{counted(n, 'row of a source is', 'rows of sources are')} in no result any more: triggers were off when "
                "the last one went",
                remedy="sqlclust doctor --fix deletes them; a fit that needs them makes them again",
            )  # fmt: skip


def _readable(exam: Examination) -> Iterator[Registered]:
    for kept in registered_or_damaged(exam.database):
        exam.check_interrupt()
        if not isinstance(kept, Damaged):
            yield kept


def _check_ids(exam: Examination, embedding: Table, kept: Registered) -> None:
    wrong: list[tuple[Id, Id]] = []
    n_columns = len(kept.source.id_columns)
    for rows in _batches(exam, _ITEMS.format(embedding=embedding.sql), kept):
        ids = embedding_ids(kept.name, [item for _, item in rows], n_columns=n_columns)
        wrong += [row for row, expected in zip(rows, ids, strict=True) if row[0] != expected]
    exam.add_rows(
        "item-id", "error", embedding, "id, item_id", wrong,
        detail=lambda n, item: f"{counted(n, 'row', 'rows')} of source {shown(kept.name)} {'has' if n == 1 else 'have'} another "
        f"id than a fit gives it; the example stands for {shown(item)}",
        remedy="delete the results that have them, with the source, and fit again; ids are not written anew",
    )  # fmt: skip


def _batches(exam: Examination, sql: str, kept: Registered) -> Iterator[list[tuple[Any, Any]]]:
    with statements.each_row(exam.database, sql, (kept.name,)) as rows:
        while batch := list(islice(rows, _BATCH)):
            yield batch
            exam.check_interrupt()


# --- rows that nobody has --------------------------------------------------------------------------------------------


def unused(layout: Layout, family: Family) -> str:
    """SQL: a row of Embedding stands for a row of a source, and no row of any table points at it."""
    embedding = family["embedding"]
    pointing = {
        (family[child].sql, family[child].columns[column].name)
        for child, column, parent in RELATIONS
        if parent == "embedding" and child in family.tables and family[child].stores(column)
    }
    pointing |= {
        (table.sql, table.columns[key.columns[0]].name)
        for table in layout.tables.values()
        for key in table.foreign_keys
        if key.parent.lower() == embedding.name.lower() and len(key.columns) == 1 and table.stores(*key.columns)
    }
    conditions = [
        f"id NOT IN (SELECT {quoted(column)} FROM {table} WHERE {quoted(column)} IS NOT NULL)"
        for table, column in sorted(pointing)
    ]
    return " AND ".join(["embedding_source IS NOT NULL", *conditions])


# --- what they stand for ---------------------------------------------------------------------------------------------

_MEMBERS = """
SELECT id, item_id FROM {embedding} e
WHERE embedding_source = ? AND EXISTS (SELECT 1 FROM {assignment} a WHERE a.embedding_id = e.id)
"""


def check_items_there(exam: Examination, family: Family) -> None:
    """Rows of results whose row in the host's table is gone, or has no vector any more. Views are not run.

    Cost: one pass over the keys of each source; memory for these.
    """
    found = family.get("embedding", "assignment")
    if found is None or not has_items(found[0]):
        return
    embedding, assignment = found
    with exam.guarded(embedding):
        for kept in _readable(exam):
            if kept.source.kind != "view":
                _check_there(exam, embedding, assignment, kept)


def _check_there(exam: Examination, embedding: Table, assignment: Table, kept: Registered) -> None:
    source = kept.source
    with exam.guarded(source.table_name), readable_host(exam, kept) as host:
        if host is None:
            return
        try:
            reader = HostReader(host, source)
        except HostTableError:  # which was found already
            return
        try:
            there = {*reader.ids()}
        except (HostTableError, NullIdError) as error:
            add(
                exam, "source-altered", "id_columns", kept.name, f"source {shown(kept.name)} cannot be read: {error}",
                "give each row with a vector a key of its own",
            )  # fmt: skip
            return
        sql = _MEMBERS.format(embedding=embedding.sql, assignment=assignment.sql)
        gone = [row for rows in _batches(exam, sql, kept) for row in rows if row[1] not in there]
    exam.add_rows(
        "items-gone", "note", embedding, "item_id", gone,
        detail=lambda n, item: f"{counted(n, 'row', 'rows')} of {shown(source.table_name)} that results have "
        f"{'is' if n == 1 else 'are'} not there any more, or without a vector; the example is {shown(item)}",
        remedy="nothing, if they were deleted on purpose: results stay as they are; sqlclust fit clusters what is there",
    )  # fmt: skip
