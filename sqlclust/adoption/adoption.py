"""Moving in from the project that this one comes from: its tables are read, and ours filled, in one transaction."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlclust import schema
from sqlclust.adoption.copy import AdoptedResult, Copy, LeftOut
from sqlclust.adoption.copying import copy_rows
from sqlclust.adoption.source import OldTables, find_old_tables
from sqlclust.core.runtime.control import Control, Progress
from sqlclust.diagnosis.families import Role
from sqlclust.errors import AdoptError, StatementError
from sqlclust.sqlite import statements
from sqlclust.sqlite.backup import backup_of_change
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.foreign_keys import foreign_key_violations
from sqlclust.sqlite.layout import quoted, read_layout
from sqlclust.sqlite.own_connection import own_connection
from sqlclust.sqlite.rolling_back import one_state
from sqlclust.sqlite.transactions import translated_errors, write_transaction

_DOING = "adopting"
_SAMPLE = 1_000
_IDS, _INDEXES, _ASSIGNMENT = 120, 160, 200
"""Bytes, with ids of 32 characters: of a row beside its vector or text, of its entries in indexes, and of an assignment."""


@dataclass(frozen=True)
class Adoption:
    """What was taken over, or would be.

    Attributes:
        runs, invocations, embeddings: rows.
        results: those that went over.
        left: what did not, and why.
        columns_left: old table → columns of which nothing went over.
        bytes_needed: about what our tables take, bytes; and with `replace` the backup.
        backup: the backup's path; None where nothing of theirs was touched.
    """

    runs: int
    invocations: int
    embeddings: int
    results: list[AdoptedResult]
    left: list[LeftOut]
    columns_left: dict[str, list[str]] = field(default_factory=dict)
    bytes_needed: int = 0
    backup: str | None = None


def adopt_from(
    database: Database, old: Database, *, dry_run: bool = False, progress: Progress | None = None
) -> Adoption:
    """Fill a database with what is in the old project's tables of another one, which is only read.

    Args:
        database: gets our tables, which it must not have yet; in no transaction.
        old: has the old tables; another file, in no transaction.
        dry_run: write nothing but a temporary file without vectors; say what would be.

    Raises:
        AdoptError: there are no such tables, ours are there already, or there is no room.
        SchemaConflictError, NotUnicodeError, LockedError, DatabaseFileError, StatementInterrupted; nothing was written.

    Cost: one pass over the old tables; disk as `Adoption.bytes_needed` says.
    """
    if _same_file(database, old):
        raise AdoptError(old.filename, reason="it was also given as the new file")
    with _reading(old):
        tables = find_old_tables(old)
        if schema.version(database) is not None:
            raise AdoptError(
                old.filename, reason=f"{database.filename or 'the database'} has tables of sqlclust already"
            )
        needed = _bytes_needed(old, tables)
        if dry_run:
            return _tried(old, tables, needed, progress)
        _check_room(old.filename, database.filename, needed)
        with write_transaction(database, doing=_DOING):
            schema.initialize(database)
            copy = Copy(old, tables, database, Control(progress))
            copy_rows(copy)
            _check_foreign_keys(old.filename, database)
    return _adoption(copy, tables, needed)


def adopt_in_place(
    database: Database,
    *,
    replace: bool = False,
    backup: str | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Adoption:
    """Fill our tables in the old project's own file: beside its tables, or in their place.

    Beside them is possible where they have other names than ours, as the later ones do. In their place: after a backup,
    the old tables are dropped in the same transaction; the project's other tables stay.

    Args:
        database: in a file, and in no transaction. Its interrupts stop the work, which is done by a connection of its own.
        replace: drop the old tables.
        backup: the backup's path; None for a file beside the database.
        dry_run: as for `adopt_from`.

    Raises:
        AdoptError: as `adopt_from`; the names collide and `replace` was not asked for; or what would stay in the file, a view
            or a foreign key, needs what would go.
        BackupError: no backup could be made.
        SchemaConflictError, NotUnicodeError, LockedError, DatabaseFileError, StatementInterrupted; nothing was changed, and a
            backup that was begun is not there.

    Cost: as `adopt_from`; with `replace` also a copy of the file. The space of what was dropped is used again, and given back
    by VACUUM.
    """
    path = database.filename
    if not path:
        raise AdoptError(path, reason="it is not in a file")
    if database.in_transaction:
        raise AdoptError(path, reason="its connection is in a transaction; COMMIT first")
    with _reading(database):
        tables = find_old_tables(database)
        if schema.version(database) is not None:
            raise AdoptError(path, reason="it has tables of sqlclust already")
        if (taken := tables.collide(database)) and not replace:
            reason = (
                f"our tables cannot stand beside its {', '.join(taken)}, which have the same names. Give a new file "
                "(sqlclust adopt OLD.db NEW.db), or --replace"
            )
            raise AdoptError(path, reason=reason)
        needed = _bytes_needed(database, tables) + (_file_bytes(database) if replace else 0)
        if dry_run:
            return _tried(database, tables, needed, progress)
        _check_room(path, path, needed)
    with translated_errors(database, doing=_DOING), own_connection(database, foreign_keys=not replace) as own:
        statements.pragma(own, "legacy_alter_table", True)  # references to a name stay references to that name
        return _replaced(own, needed, backup, progress) if replace else _beside(own, needed, progress)


def _beside(own: Database, needed: int, progress: Progress | None) -> Adoption:
    with write_transaction(own, doing=_DOING):
        tables = find_old_tables(own)
        schema.initialize(own)
        copy = Copy(own, tables, own, Control(progress))
        copy_rows(copy)
    return _adoption(copy, tables, needed)


def _replaced(own: Database, needed: int, backup: str | None, progress: Progress | None) -> Adoption:
    control = Control(progress)
    with backup_of_change(own, doing=_DOING) as made, write_transaction(own, doing=_DOING):
        tables = find_old_tables(own)
        with control.phase("backup"):
            made.make(backup, why="adopt", at=control.at)
        before = _violations_of_the_rest(own, tables)
        views = {name for name in _views(own) if _works(own, name)}
        names = _set_aside(own, tables)
        schema.initialize(own)
        copy = Copy(own, tables.renamed(own, names), own, control)
        copy_rows(copy)
        for name in names.values():
            statements.run(own, f"DROP TABLE main.{quoted(name)}")
        _check_rest(own, before, views)
    return _adoption(copy, tables, needed, backup=str(made.path))


def _set_aside(own: Database, tables: OldTables) -> dict[Role, str]:
    """Rename the old tables, so that ours can have their names."""
    taken = set(read_layout(own).objects)
    names: dict[Role, str] = {}
    for role, name in tables.names.items():
        number = 1
        while (aside := f"adopted_{name}_{number}").lower() in taken:
            number += 1
        statements.run(own, f"ALTER TABLE main.{quoted(name)} RENAME TO {quoted(aside)}")
        names[role] = aside
    return names


def _tried(old: Database, tables: OldTables, needed: int, progress: Progress | None) -> Adoption:
    """What would be: our tables in a temporary file, without the vectors."""
    with closing(old.opened("")) as trial:
        statements.pragma(trial, "foreign_keys", True)
        with write_transaction(trial, doing="trying"):
            schema.initialize(trial)
            copy = Copy(old, tables, trial, Control(progress), stub=True)
            copy_rows(copy)
    return _adoption(copy, tables, needed)


def _adoption(copy: Copy, tables: OldTables, needed: int, *, backup: str | None = None) -> Adoption:
    return Adoption(
        runs=copy.copied["run"],
        invocations=copy.copied["invocation"],
        embeddings=copy.copied["embedding"],
        results=copy.results,
        left=copy.left,
        columns_left=tables.columns_left,
        bytes_needed=needed,
        backup=backup,
    )


# --- the old file ----------------------------------------------------------------------------------------------


@contextmanager
def _reading(old: Database) -> Iterator[None]:
    """One state of the old file for all that is read inside."""
    if old.in_transaction:
        raise AdoptError(old.filename, reason="its connection is in a transaction; COMMIT first")
    with translated_errors(old, doing="reading the old tables"), one_state(old):
        yield


def _same_file(database: Database, old: Database) -> bool:
    try:
        return Path(database.filename).samefile(old.filename)
    except OSError:  # in memory, or deleted
        return False


# --- what stays in the file ---------------------------------------------------------------------------------------


def _check_foreign_keys(path: str, database: Database) -> None:
    """Raise AdoptError if rows of ours point nowhere. Where foreign keys are enforced, SQLite has seen to it."""
    if statements.pragma(database, "foreign_keys"):
        return
    for row in statements.all_rows(database, "PRAGMA main.foreign_key_check"):
        if str(row[0]).lower() in schema.object_names(database):
            raise AdoptError(path, reason=f"rows of {row[0]} point at rows of {row[2]} that are not there")


def _check_rest(own: Database, before: dict[str, float], views: set[str]) -> None:
    """What is left of the other program must work as well as it did."""
    for name, n in foreign_key_violations(own, read_layout(own).tables.values()).items():
        if n > before.get(name, 0):
            reason = f"rows of {name} would point at rows that did not go over. Give a new file"
            raise AdoptError(own.filename, reason=reason)
    for name in views:
        if not _works(own, name):
            reason = f"its view {name} needs columns that our tables do not have. DROP the view, or give a new file"
            raise AdoptError(own.filename, reason=reason)


def _violations_of_the_rest(own: Database, tables: OldTables) -> dict[str, float]:
    """Of the tables that stay."""
    going = {table.name for table in tables.tables.values()}
    return foreign_key_violations(own, [table for table in read_layout(own).tables.values() if table.name not in going])


def _views(own: Database) -> list[str]:
    return [name for name, kind in read_layout(own).others.items() if kind == "view"]


def _works(own: Database, view: str) -> bool:
    try:
        statements.all_rows(own, f"SELECT * FROM main.{quoted(view)} LIMIT 0")
    except StatementError:
        return False
    return True


# --- disk -----------------------------------------------------------------------------------------------------------


def _bytes_needed(old: Database, tables: OldTables) -> int:
    """About what our tables will take: from the numbers of rows, and the lengths in the first thousand of them."""
    needed = _count(old, tables, "embedding") * (_on_pages(_mean(old, tables, "embedding", "vector") + _IDS) + _INDEXES)
    if tables.has("invocation"):
        needed += _count(old, tables, "invocation") * (
            _mean(old, tables, "invocation", "output_text") + _IDS + _INDEXES
        )
    if tables.has("assignment"):
        needed += _count(old, tables, "assignment") * _ASSIGNMENT
    return int(needed)


def _count(old: Database, tables: OldTables, role: Role) -> int:
    return int(statements.value(old, f"SELECT count(*) FROM {tables.sql(role)}"))


def _mean(old: Database, tables: OldTables, role: Role, column: str) -> float:
    lengths = f"SELECT length({tables.column(role, column)}) AS v FROM {tables.sql(role)} old LIMIT {_SAMPLE}"
    return float(statements.value(old, f"SELECT avg(v) FROM ({lengths})") or 0)


def _on_pages(row: float) -> float:
    """What a row takes of pages of 4096 bytes: as many whole rows as go on one, or whole pages for one row."""
    return 4096 / (4061 // row) if row <= 4061 else 4096 * math.ceil(row / 4092)


def _file_bytes(database: Database) -> int:
    return int(statements.pragma(database, "page_count")) * int(statements.pragma(database, "page_size"))


def _check_room(old: str, target: str, needed: int) -> None:
    if not target:
        return
    free = shutil.disk_usage(Path(target).absolute().parent).free
    if free < needed:
        reason = f"about {needed / 1e9:,.1f} GB are needed where {target} is, and {free / 1e9:,.1f} GB are free"
        raise AdoptError(old, reason=reason)
