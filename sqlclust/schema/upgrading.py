"""The steps that bring an older file to the text of schema.sql, inside the transaction that there is.

A thing gets its newest text at once, however many versions it is behind. What SQLite's ALTER TABLE ADD COLUMN would do is done
through the text, too: it does nothing else than write it (a row that ends early has the column's default: SQLite's file
format, section 2.1), and would leave another text than schema.sql's. What it would check is checked afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlclust.errors import ConstraintError, SchemaConflictError, SchemaContentError, SchemaDamagedError
from sqlclust.schema import versions
from sqlclust.schema.ledger import refuse_foreign_objects
from sqlclust.schema.new_file import Made, objects, of_a_new_file
from sqlclust.schema.table_text import with_columns
from sqlclust.schema.texts import write_texts
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.foreign_keys import violations_in

_KINDS = ("table", "index", "view", "trigger")
"""In the order in which one may need the other."""
_THERE = "SELECT type, name, sql FROM main.sqlite_schema WHERE type = ? AND name = ? COLLATE NOCASE"
_COLUMNS = "SELECT lower(name) FROM pragma_table_xinfo(?, 'main') ORDER BY cid"
_LEDGER = "INSERT INTO main.SqlclustMigration (version, name) VALUES (?, ?)"


def upgrade(database: Database, found: int) -> None:
    """Bring a file from version `found` to the newest. The transaction has to be undone if this fails.

    Raises:
        SchemaConflictError: a name that is new is taken.
        SchemaContentError: rows are there that the new tables do not allow.
        SchemaDamagedError: a table that is changed is not as that version made it.

    Cost: a table with another text is read whole once, so that SQLite checks its rows; for a new index of it, its rows are
        read without what is on overflow pages; for a new foreign key of columns that it had, two such passes look each row up.
        No other table is read, and no row is written.
    """
    history, ours = versions.history(), objects(database)
    new = {name.lower() for name in history.missing(found)}
    refuse_foreign_objects(database, new)
    outdated = [ours[name] for name in history.outdated(found)]
    tables = [made for made in outdated if made.kind == "table"]
    violations = {made.name: violations_in(database, made.name) for made in tables if _has_new_keys(database, made)}
    texts = [_new_table(database, made, found) for made in tables]
    texts += [made for made in outdated if made.kind in ("view", "trigger") and _is_there(database, made)]
    if texts:
        write_texts(database, texts)
    for made in outdated:
        if made.kind == "index":
            statements.run(database, f"DROP INDEX IF EXISTS main.{made.name}")
        if made.kind == "index" or (made.kind != "table" and made not in texts):  # somebody dropped it
            refuse_foreign_objects(database, {made.name.lower()})
            new.add(made.name.lower())
    for made in sorted((ours[name] for name in new), key=lambda made: _KINDS.index(made.kind)):
        _create(database, made, found)
    for made in tables:
        _check_columns(database, made, found)
        _check_rows(database, made.name, found, violations.get(made.name))
    for number, name, _ in versions.MIGRATIONS:
        if number > found:
            statements.run(database, _LEDGER, (number, name))


def _is_there(database: Database, made: Made) -> bool:
    return statements.first_row(database, _THERE, (made.kind, made.name)) is not None


def _create(database: Database, made: Made, found: int) -> None:
    try:
        statements.run(database, made.sql)
    except ConstraintError as error:  # a unique index
        raise _refused(database, made.name, str(error), found) from None


# --- tables ----------------------------------------------------------------------------------------------------------


@of_a_new_file
def _columns_of_ours(new: Database) -> dict[str, list[str]]:
    return {name: _columns(new, name) for name, made in objects(new).items() if made.kind == "table"}


def _columns(database: Database, table: str) -> list[str]:
    return [str(name) for (name,) in statements.all_rows(database, _COLUMNS, (table,))]


def _had_and_added(database: Database, made: Made, found: int) -> tuple[list[str], list[str]]:
    """Columns of a table of ours that a file of version `found` has, and those that it gets."""
    history, columns = versions.history(), _columns_of_ours(database)[made.name.lower()]
    had = [column for column in columns if history.has(found, made.name, column)]
    return had, [column for column in columns if column not in had]


def _new_table(database: Database, made: Made, found: int) -> Made:
    """The table's new text, with the columns that the host added: those stand where their values are stored."""
    had, added = _had_and_added(database, made, found)
    there = _columns(database, made.name)
    if there[: len(had)] != had:
        reason = f"table {made.name} does not have the columns of version {found} in their order"
        raise SchemaDamagedError(database.filename, reason=reason)
    more = there[len(had) :]
    taken = [f"column {made.name}.{column}" for column in more if column in added]
    if taken:
        raise SchemaConflictError(database.filename, names=taken, version=found)
    row = statements.first_row(database, _THERE, ("table", made.name)) or ("", "", "")
    return made._replace(sql=with_columns(made.sql, str(row[2]), more, after=had[-1]))


def _check_columns(database: Database, made: Made, found: int) -> None:
    """SQLite reads columns by their places, so a new one stands after all that were there."""
    had, added = _had_and_added(database, made, found)
    there = _columns(database, made.name)
    host = [column for column in there if column not in {*had, *added}]
    if there != [*had, *host, *added]:
        reason = f"a new column of table {made.name} would not be its last"
        raise SchemaDamagedError(database.filename, reason=reason)


_KEYS = (
    'SELECT id, lower("table"), lower("from"), lower("to") FROM pragma_foreign_key_list(?, \'main\') ORDER BY id, seq'
)
_DECLARED = "SELECT lower(name), upper(type) FROM pragma_table_xinfo(?, 'main')"
_DEFAULTS = "SELECT lower(name) FROM pragma_table_xinfo(?, 'main') WHERE dflt_value IS NOT NULL"
_Key = tuple[tuple[str, ...], ...]


def _has_new_keys(database: Database, made: Made) -> bool:
    """Whether rows that are there may have values in all columns of a foreign key that the table does not have yet."""
    ours = _foreign_keys_of_ours(database)[made.name.lower()]
    has_value = {*_columns(database, made.name), *ours.defaults}
    return any(
        all(child in has_value for _, child, *_ in key) for key in ours.keys - _foreign_keys(database, made.name)
    )


class _KeysOfOurs(NamedTuple):
    """Foreign keys of a table of ours, and its columns that have a default."""

    keys: set[_Key]
    defaults: set[str]


@of_a_new_file
def _foreign_keys_of_ours(new: Database) -> dict[str, _KeysOfOurs]:
    return {
        name: _KeysOfOurs(
            _foreign_keys(new, name), {str(column) for (column,) in statements.all_rows(new, _DEFAULTS, (name,))}
        )
        for name, made in objects(new).items()
        if made.kind == "table"
    }


def _foreign_keys(database: Database, table: str) -> set[_Key]:
    """(parent, column, its type, column of the parent) of each column of each key, all in lower case but the type."""
    declared: dict[str, str] = dict(statements.all_rows(database, _DECLARED, (table,)))
    keys: dict[int, list[tuple[str, ...]]] = {}
    for number, parent, child, to in statements.all_rows(database, _KEYS, (table,)):
        keys.setdefault(number, []).append((parent, child, declared.get(child, ""), to or ""))
    return {tuple(key) for key in keys.values()}


def _check_rows(database: Database, table: str, found: int, violations: int | None) -> None:
    """Types, NOT NULL, CHECKs and, with `violations`, foreign keys; rows that pointed nowhere before are the doctor's."""
    wrong = [str(row[0]) for row in statements.all_rows(database, f"PRAGMA main.quick_check({table})")]
    if wrong != ["ok"]:
        raise _refused(database, table, "; ".join(_few(wrong)), found)
    more = 0 if violations is None else violations_in(database, table) - violations
    if more > 0:
        raise _refused(database, table, f"{more} more foreign keys point at nothing", found)


def _few(messages: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(messages))[:3]


def _refused(database: Database, table: str, reason: str, found: int) -> SchemaContentError:
    return SchemaContentError(database.filename, table=table, reason=reason, version=found, wanted=versions.VERSION)
