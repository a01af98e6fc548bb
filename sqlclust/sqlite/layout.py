"""The tables of a database as they are: columns, affinities, keys.

Reads the schema with PRAGMA statements only. Those are SQLite's own whatever the file holds, while a table-valued pragma
function gives way to a table or view of its name; and no view or virtual table is touched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlclust.errors import StatementError
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database

Affinity = Literal["INTEGER", "TEXT", "BLOB", "REAL", "NUMERIC"]


@dataclass(frozen=True)
class Column:
    """A column: `declared` is its type as written, `pk` its place in the primary key from 1 on, or 0."""

    name: str
    declared: str
    affinity: Affinity
    not_null: bool
    pk: int
    generated: bool


@dataclass(frozen=True)
class ForeignKey:
    """A declared foreign key, columns in pairs; `parent_columns` is empty where the parent's primary key is meant."""

    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A real table of the main database.

    Attributes:
        columns: by name in lower case.
        strict: STRICT.
        without_rowid: WITHOUT ROWID.
        unique: the sets of columns that the database keeps unique, in lower case: keys and whole unique indexes.
        indexed: first columns of its indexes and keys, in lower case.
    """

    name: str
    columns: Mapping[str, Column]
    strict: bool
    without_rowid: bool
    unique: tuple[frozenset[str], ...] = ()
    indexed: frozenset[str] = frozenset()
    foreign_keys: tuple[ForeignKey, ...] = ()

    @property
    def sql(self) -> str:
        """Its name in a statement."""
        return f"main.{quoted(self.name)}"

    def has(self, *names: str) -> bool:
        """Whether it has all these columns."""
        return all(name in self.columns for name in names)

    def stores(self, *names: str) -> bool:
        """Whether it has all these columns, and none is generated: reading such a one runs what is in the file."""
        return self.has(*names) and not any(self.columns[name].generated for name in names)

    def is_unique(self, *names: str) -> bool:
        """Whether no two rows can have the same values in these columns."""
        return any(columns <= {*names} for columns in self.unique)

    def is_rowid(self, column: Column) -> bool:
        """Whether a column is the rowid, which holds nothing but integers."""
        keys = [other for other in self.columns.values() if other.pk]
        return keys == [column] and column.declared.upper() == "INTEGER" and not self.without_rowid

    @property
    def rowid(self) -> str | None:
        """A name of the rowid that no column takes; None if there is none."""
        free = [name for name in ("rowid", "_rowid_", "oid") if name not in self.columns]
        return free[0] if free and not self.without_rowid else None

    @property
    def example(self) -> str:
        """The column that names a row in a finding."""
        keys = sorted((column for column in self.columns.values() if column.pk), key=lambda column: column.pk)
        name = "id" if "id" in self.columns or not keys else keys[0].name.lower()
        if name in self.columns:
            return quoted(self.columns[name].name)
        return self.rowid or quoted(next(iter(self.columns.values())).name)


@dataclass(frozen=True)
class Layout:
    """All of a database's main schema.

    Attributes:
        tables: real tables by name in lower case.
        others: views and virtual tables, name in lower case → 'view' or 'virtual table'.
        objects: `object_key` → (type, name, table, SQL) of every index, trigger, table and view.
        codec: its `text_codec`.
        unreadable: tables whose schema SQLite does not give, name → why.
    """

    tables: Mapping[str, Table]
    others: Mapping[str, str]
    objects: Mapping[str, tuple[str, str, str, str]]
    codec: str
    unreadable: Mapping[str, str] = field(default_factory=dict)

    def named(self, name: str) -> Table | None:
        """The real table of a name."""
        return self.tables.get(name.lower())

    def triggers_on(self, table: Table) -> list[tuple[str, str]]:
        """(name, SQL) of the triggers on a table."""
        return [
            (name, sql)
            for kind, name, owner, sql in self.objects.values()
            if kind == "trigger" and owner.lower() == table.name.lower()
        ]


def quoted(name: str) -> str:
    """A name as an identifier in SQL."""
    return '"' + name.replace('"', '""') + '"'


def affinity_of(declared: str, *, strict: bool = False) -> Affinity:
    """SQLite's affinity of a declared column type (its rules, in their order)."""
    kind = declared.upper()
    if strict and kind == "ANY":
        return "BLOB"
    if "INT" in kind:
        return "INTEGER"
    if any(word in kind for word in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if "BLOB" in kind or not kind:
        return "BLOB"
    if any(word in kind for word in ("REAL", "FLOA", "DOUB")):
        return "REAL"
    return "NUMERIC"


def object_key(kind: str, name: str) -> str:
    """Triggers have names of their own: one may be called like a table."""
    return f"trigger {name.lower()}" if kind == "trigger" else name.lower()


def text_codec(database: Database) -> str:
    """How the file stores TEXT, as Python calls it: `CAST(text AS BLOB)` gives those bytes."""
    return _CODECS.get(str(statements.pragma(database, "encoding")), "utf-8")


_CODECS = {"UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}
_OBJECTS = """
SELECT rootpage, CAST(type AS BLOB), CAST(name AS BLOB), CAST(tbl_name AS BLOB), CAST(coalesce(sql, '') AS BLOB)
FROM main.sqlite_schema
"""


def read_layout(database: Database) -> Layout:
    """The layout of the main database. Internal tables (sqlite_…) are left out."""
    tables: dict[str, Table] = {}
    others: dict[str, str] = {}
    objects: dict[str, tuple[str, str, str, str]] = {}
    unreadable: dict[str, str] = {}
    codec = text_codec(database)
    objects_found: list[tuple[Any, ...]] = statements.all_rows(database, _OBJECTS)
    for rootpage, *texts in objects_found:
        try:
            kind, name, owner, sql = (bytes(text).decode(codec) for text in texts)
        except (UnicodeDecodeError, TypeError):  # a damaged row
            unreadable[repr(texts[1])] = "what stands in sqlite_schema is no text"
            continue
        if name.lower().startswith("sqlite_"):
            continue
        objects[object_key(kind, name)] = (kind, name, owner, sql)
        if kind == "view":
            others[name.lower()] = "view"
        elif kind == "table" and not rootpage:
            others[name.lower()] = "virtual table"
        elif kind == "table":
            try:
                tables[name.lower()] = _read_table(database, name, sql)
            except StatementError as error:
                unreadable[name] = str(error)
    return Layout(tables, others, objects, codec, unreadable)


def read_view(database: Database, name: str) -> Table:
    """A view of the main database, as a table without a rowid. Its text is compiled, and not run.

    Raises:
        StatementError: it cannot be compiled, or has something that `statements.distrusting_schema` refuses.
    """
    columns = {}
    for _, column, declared, *_ in _pragma(database, "table_xinfo", name):
        columns[column.lower()] = Column(column, str(declared or ""), affinity_of(str(declared or "")), False, 0, False)
    return Table(name, columns, strict=False, without_rowid=True)


def _read_table(database: Database, name: str, sql: str) -> Table:
    options = re.sub(r"--[^\n]*|/\*.*?\*/", " ", sql[sql.rfind(")") + 1 :], flags=re.DOTALL).upper()
    strict, without_rowid = "STRICT" in options.replace(",", " ").split(), "ROWID" in options
    columns = {}
    for _, column, declared, not_null, _, pk, hidden in _pragma(database, "table_xinfo", name):
        declared = str(declared or "")
        affinity = affinity_of(declared, strict=strict)
        columns[column.lower()] = Column(column, declared, affinity, bool(not_null), pk, hidden > 1)
    unique: list[frozenset[str]] = []
    indexed: set[str] = set()
    for _, index, is_unique, _, partial, *_ in _pragma(database, "index_list", name):
        keys = [row for row in _pragma(database, "index_xinfo", index) if row[5]]
        if partial or any(row[2] is None for row in keys):
            continue
        indexed.add(keys[0][2].lower())
        if is_unique and all(str(row[4]).upper() == "BINARY" for row in keys):
            unique.append(frozenset(row[2].lower() for row in keys))
    table = Table(name, columns, strict, without_rowid)
    for column in columns.values():
        if table.is_rowid(column):
            unique.append(frozenset({column.name.lower()}))
            indexed.add(column.name.lower())
    keys_of: dict[int, list[tuple[str, str | None]]] = {}
    parents: dict[int, str] = {}
    for number, _, parent, child_column, parent_column, *_ in _pragma(database, "foreign_key_list", name):
        keys_of.setdefault(number, []).append((child_column.lower(), parent_column and parent_column.lower()))
        parents[number] = parent
    foreign_keys = tuple(
        ForeignKey(
            tuple(child for child, _ in pairs),
            parents[number],
            tuple(parent for _, parent in pairs if parent is not None),
        )
        for number, pairs in keys_of.items()
    )
    return Table(name, columns, strict, without_rowid, tuple(unique), frozenset(indexed), foreign_keys)


def _pragma(database: Database, pragma: str, name: str) -> Iterable[tuple]:  # type: ignore[type-arg]
    return statements.all_rows(database, f"PRAGMA main.{pragma}({quoted(name)})")
