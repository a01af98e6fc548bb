"""Registering, changing and deleting sources. What only reads them is in `sources.registered_rows`."""

from __future__ import annotations

import json
import logging
import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from sqlclust import schema
from sqlclust.errors import (
    AlteredError,
    SchemaConflictError,
    SourceChangedError,
    SourceInUseError,
    shown,
)
from sqlclust.sources.choosing import chosen as chosen_source
from sqlclust.sources.registered_rows import Registered, registered
from sqlclust.sources.said import OF_FUNCTIONS, Said, Words
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.layout import read_layout
from sqlclust.store.read_back import foreign_triggers
from sqlclust.store.sources.keepable import check_condition_of, check_name, checked_parameters

__all__ = ["Registered", "chosen", "make_tables", "register", "registered", "remove", "results_of"]

logger = logging.getLogger("sqlclust")


# --- what is meant ---


def chosen(
    database: Database,
    name: str,
    said: Said,
    *,
    condition: str | None = None,
    parameters: Mapping[str, object] | None = None,
    host: Database | None = None,
    words: Words = OF_FUNCTIONS,
) -> Registered:
    """What would be registered under a name: as it is registered, and as a person says it, and else as it is found.

    Nothing is written. Views that are named are run for some rows; see `sources.choosing.chosen`.

    Args:
        database: keeps the source, or will.
        condition: an SQL condition on the host's columns; '': none. None: as it is registered, or none.
        parameters: of its named placeholders; None: as they are registered with the condition that stays.
        host: has the table; None: `database` has it. With one, the table and its columns are looked up in any case.

    Returns:
        With the `database` that is registered; None if the source is new.

    Raises:
        SourceNameError: no source can have the name.
        HostTableError: no such table or column, …; see `sources.choosing.chosen`.
        FilterError: SQLite does not accept the condition, or a placeholder has no value.
        ArgumentError: a parameter that cannot be kept.
        SourceDamagedError: the row that is there.
        SqliteError: a file cannot be read.
    """
    check_name(database, name)
    before = registered(database, name)
    if before is not None and said == Said() and condition is None and parameters is None and host is None:
        return before
    host = database if host is None else host
    source = chosen_source(host, name, said, before=None if before is None else before.source, words=words)
    format_is_said = said.format is not None
    if before is not None and said.format is None:
        format_is_said = before.format_is_said and source.format == before.source.format
    if condition is None and before is not None:
        condition = before.condition
        parameters = before.parameters if parameters is None else parameters
    kept = checked_parameters(parameters, condition or None)
    if condition:
        check_condition_of(host, source, condition, kept or {})
    return Registered(
        source=replace(source, registered=True),
        database=None if before is None else before.database,
        format_is_said=format_is_said,
        condition=condition or None,
        parameters=kept,
    )


# --- writing; inside the caller's transaction ---


def check_tables_can_be_made(database: Database, name: str) -> None:
    """Make sure that our tables are there, or that their names are free. Nothing is written.

    Raises:
        SchemaConflictError: they are taken; it says that results can go into another file.
    """
    with _advising_another_file(database, name):
        if schema.version(database) is None:
            schema.refuse_foreign_objects(database, schema.object_names(database))


@contextmanager
def _advising_another_file(database: Database, name: str) -> Iterator[None]:
    try:
        yield
    except SchemaConflictError as error:
        if type(error) is not SchemaConflictError:
            raise
        raise SchemaConflictError(
            error.path, names=error.names, version=error.version, advice=into_another(database.filename, name)
        ) from None


def make_tables(database: Database, name: str) -> bool:
    """Make our tables where there are none, or bring older ones to the version that has sources; True if anything was done.

    Args:
        name: of the source that they are for, for messages.

    Raises:
        SchemaConflictError: their names are taken; it says that results can go into another file.
        SchemaVersionError, SchemaContentError, SchemaDamagedError, SQLiteVersionError: as `schema.initialize`.
    """
    found = schema.version(database)
    with _advising_another_file(database, name):
        done = schema.initialize(database)
    if done:
        what = "our tables were added" if found is None else f"our tables were upgraded from version {found}"
        logger.info("%s: %s, to keep source %s", database.filename or "this database", what, shown(name))
    return done


def into_another(path: str, name: str) -> str:
    """How a source of a file is fitted without writing to that file."""
    return f"To leave it as it is: sqlclust fit {shlex.quote(path or 'FILE.db')} {shlex.quote(name)} --into RESULTS.db"


_COLUMNS = (
    "kind", "database", "table_name", "storage", "id_columns", "vector_column", "content_column", "format", "format_is_said",
    "dimension", "part_column", "part_value", "condition", "parameters",
)  # fmt: skip
_INSERT = f"""
INSERT INTO main.EmbeddingSource (name, {", ".join(_COLUMNS)}) VALUES (:name, {", ".join(f":{name}" for name in _COLUMNS)})
"""
_CHANGE = f"""
UPDATE main.EmbeddingSource SET {", ".join(f"{name} = :{name}" for name in _COLUMNS)} WHERE name = :name
"""


def register(database: Database, said: Registered, *, may_move: bool = False) -> None:
    """Keep a source: as a new one, or in place of the one that has its name; see `check_change`. Our tables are there.

    Raises:
        SourceNameError: it is new, and an embedding model has its name.
        SourceInUseError: results are made of it, and it would be another table, key or column of vectors.
        SourceDamagedError: the row that is there.
        AlteredError: a trigger of the file dropped or changed what was written.
    """
    is_new = registered(database, said.name) is None
    if is_new:
        check_name(database, said.name)
    else:
        check_change(database, said, may_move=may_move)
    statements.run(database, _INSERT if is_new else _CHANGE, _row(said))
    _check_written(database, said)


def _check_written(database: Database, expected: Registered) -> None:
    """Make sure that a source is there as it was written: a trigger of the file may have dropped or changed it.

    Raises:
        AlteredError, SourceDamagedError
    """
    found = registered(database, expected.name)
    if found is None or _row(found) != _row(expected):
        row = "not the new row" if found is None else "another row"
        triggers = foreign_triggers(database, ("EmbeddingSource",))
        raise AlteredError("EmbeddingSource", found=row, expected=f"that of {shown(expected.name)}", triggers=triggers)


def check_change(database: Database, changed: Registered, *, may_move: bool = False) -> None:
    """Refuse another table, key or column of vectors for a source that results are made of. One that is new has none.

    Args:
        may_move: whether the same table may be in another file now. Where the former table or column is gone from this one, it
            may have been renamed, and the source may become another one.

    Raises:
        SourceInUseError, SourceDamagedError
    """
    before = registered(database, changed.name)
    if before is None or _origin(before) == _origin(changed):
        return
    has_moved = _origin(before)[1:] == _origin(changed)[1:]
    is_free = (has_moved and may_move) or _is_gone(database, before)
    results = [] if is_free else results_of(database, changed.name)
    if results:
        where = before.database or "this file"
        moved = f"sqlclust source DB {shlex.quote(changed.name)} --database FILE says that its table has moved from {where}, or "
        raise SourceInUseError(
            changed.name,
            clustering_result_ids=results,
            doing="changed to "
            + ("a table of another file" if has_moved else "another table, key or column of vectors"),
            advice=(moved if has_moved else "")
            + "register that under another name, or delete the results first (sqlclust delete)",
        )


def _is_gone(database: Database, kept: Registered) -> bool:
    """Whether a table of this file, its key or its column of vectors is not there any more; or the folder of files."""
    if kept.source.stored == "files":
        return not os.path.isdir(kept.source.folder or "")
    if kept.database is not None:
        return False
    source, layout = kept.source, read_layout(database)
    name = (source.table_name or "").lower()
    table = layout.named(name)
    if table is None:
        return name not in layout.others
    names = [*source.id_columns, source.vector_column or ""]
    return not all(name.lower() in (*table.columns, table.rowid) for name in names)


def check_same(database: Database, source: Registered) -> None:
    """Make sure that a source is still registered, and that its vectors are where they were when it was read.

    Raises:
        SourceChangedError, SourceDamagedError
    """
    now = registered(database, source.name)
    if now is None or _origin(now) != _origin(source):
        raise SourceChangedError(source.name, change="was deleted" if now is None else "became another table or column")


def remove(database: Database, name: str) -> None:
    """Delete the row of a registered source. Raises SourceInUseError: results are made of it."""
    results = results_of(database, name)
    if results:
        raise SourceInUseError(
            name,
            clustering_result_ids=results,
            doing="deleted",
            advice="to delete those too: results=True, or sqlclust source … --delete --results",
        )
    # rows of it that no result has: there are none, unless triggers were off when the last one went
    statements.run(database, "DELETE FROM main.Embedding WHERE embedding_source = ?", (name,))
    statements.run(database, "DELETE FROM main.EmbeddingSource WHERE name = ?", (name,))


def results_of(database: Database, name: str) -> list[int]:
    """The ids of the results that are made of a source, or of a model, the oldest first."""
    sql = "SELECT id FROM main.ClusteringResult WHERE embedding_model = ? ORDER BY id"
    return [int(found) for (found,) in statements.all_rows(database, sql, (name,))]


def _origin(of: Registered) -> tuple[object, ...]:
    """Where the vectors and keys of its results come from."""
    source = of.source
    ids = tuple(name.lower() for name in source.id_columns)
    return of.database, *source.rows, ids, (source.vector_column or "").lower()


def _row(of: Registered) -> dict[str, object]:
    source = of.source
    part_column, part_value = source.only or (None, None)
    return {
        "name": source.name,
        "kind": source.kind,
        "database": of.database,
        "table_name": source.table_name,
        "storage": source.stored,
        "id_columns": json.dumps(source.id_columns, ensure_ascii=False, separators=(",", ":")),
        "vector_column": source.vector_column,
        "content_column": source.content_column,
        "format": source.format,
        "format_is_said": int(of.format_is_said),
        "dimension": source.dimension,
        "part_column": part_column,
        "part_value": part_value,
        "condition": of.condition,
        "parameters": None if of.parameters is None else json.dumps(dict(of.parameters), ensure_ascii=False),
    }
