"""Sources that are kept in our table `EmbeddingSource`, read back as everything from a file: any value may stand there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeGuard, cast

from sqlclust.errors import SourceDamagedError, shown
from sqlclust.schema import version
from sqlclust.sources.found import Source
from sqlclust.sources.other_files import host_path
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.layout import text_codec
from sqlclust.sqlite.values import octets, stored_object
from sqlclust.vectors.formats import FORMAT_NAMES

SINCE = 3
"""The version of the schema that has the table."""
MAX_BYTES = 1 << 20
"""Of one value of a row; a longer one is not read."""
_TEXTS = (
    "name", "kind", "database", "table_name", "storage", "id_columns", "vector_column", "content_column", "format", "part_column",
    "condition", "parameters",
)  # fmt: skip
_NUMBERS = ("format_is_said", "dimension")
_STORAGES = ("rows", "vec0", "files")
_IS_THERE = """
SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = 'EmbeddingSource' COLLATE NOCASE AND rootpage > 0
"""
_NAMED = "SELECT 1 FROM main.EmbeddingSource WHERE name = ? COLLATE BINARY LIMIT 1"
_COLUMNS = 'PRAGMA main.table_xinfo("EmbeddingSource")'
_PARAMETER = str | int | float | None


@dataclass(frozen=True, kw_only=True)
class Registered:
    """A source that is kept, or is about to be.

    Attributes:
        source: the table and its columns, under the registered name.
        database: the file that has the table, or the folder of files that have the vectors, seen from the folder of the file
            that keeps this; None: that file itself.
        format_is_said: whether a person said the format, so that vectors are read in it whatever they look like.
        condition: an SQL condition on the host's columns: only rows for which it holds. No SQL function runs it.
        parameters: values of its named placeholders: TEXT, INTEGER, REAL or None.
    """

    source: Source
    database: str | None = None
    format_is_said: bool = False
    condition: str | None = None
    parameters: Mapping[str, _PARAMETER] | None = None

    @property
    def name(self) -> str:
        """Under which it is registered."""
        return self.source.name


class Damaged(NamedTuple):
    """A row that cannot be read back: its name as far as it can be shown, and why."""

    name: str
    error: SourceDamagedError


def registered(database: Database, name: object) -> Registered | None:
    """The source of a name; None if none has it, or the file has no sources: no tables of ours, or older ones.

    Raises:
        SourceDamagedError: its row is not what sqlclust writes.
        SqliteError: the file cannot be read.
    """
    if not _can_be_kept(name) or not _has_sources(database):
        return None
    for found in _rows(database, "WHERE name = ? COLLATE BINARY", (name,)):
        if isinstance(found, Damaged):
            raise found.error
        return found
    return None


def is_registered(database: Database, name: object) -> bool:
    """Whether a source has a name, be its row damaged or not. Raises SqliteError: the file cannot be read."""
    return _can_be_kept(name) and _has_sources(database) and statements.first_row(database, _NAMED, (name,)) is not None


def registered_names(database: Database) -> list[str]:
    """The names of all of them, damaged or not. Raises SqliteError: the file cannot be read."""
    return [found.name for found in registered_or_damaged(database)]


def registered_or_damaged(database: Database) -> list[Registered | Damaged]:
    """All of them, by name; of a row that cannot be read back, what is wrong. Raises SqliteError: the file cannot be read."""
    if not _has_sources(database):
        return []
    return sorted(_rows(database, "", ()), key=lambda found: found.name)


def _can_be_kept(name: object) -> TypeGuard[str]:
    """Whether SQLite holds a name: what stands on a command line may be no Unicode."""
    return isinstance(name, str) and is_unicode(name)


def _has_sources(database: Database) -> bool:
    """Whether there is the table: a real one, none of whose columns is computed."""
    found = version(database)
    if found is None or found < SINCE or statements.first_row(database, _IS_THERE) is None:
        return False
    columns = {str(name).lower(): hidden for _, name, _, _, _, _, hidden in statements.all_rows(database, _COLUMNS)}
    return all(columns.get(name) == 0 for name in (*_TEXTS, *_NUMBERS, "part_value"))


# --- rows ---


class _Value(NamedTuple):
    kind: str
    bytes: int
    value: Any


def _rows(database: Database, where: str, bindings: tuple[object, ...]) -> Iterator[Registered | Damaged]:
    columns = (*_TEXTS, *_NUMBERS, "part_value")
    parts = [part for name in columns for part in _parts(database, name)]
    sql = f"SELECT {', '.join(parts)} FROM main.EmbeddingSource {where}"
    codec = text_codec(database)
    for row in statements.all_rows(database, sql, bindings):
        values = {name: _Value(*row[3 * i : 3 * i + 3]) for i, name in enumerate(columns)}
        found = _read(values, codec)
        if isinstance(found, Registered) and found.source.stored == "files":
            found = replace(found, source=replace(found.source, folder=host_path(database, found.database or ".")))
        yield found


def _parts(database: Database, name: str) -> tuple[str, str, str]:
    """SQL for type, bytes and value of a column. TEXT comes as a BLOB, since it may be no Unicode."""
    length = octets(database, name)
    text = f"CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) ELSE {name} END"
    return f"typeof({name})", f"coalesce({length}, 0)", f"CASE WHEN {length} <= {MAX_BYTES} THEN {text} END"


def _read(values: Mapping[str, _Value], codec: str) -> Registered | Damaged:
    of_name = values["name"]
    shown_name = bytes(of_name.value).decode(codec, errors="replace") if isinstance(of_name.value, bytes) else "?"
    try:
        return _registered(_Reader(shown_name, values, codec))
    except SourceDamagedError as error:
        return Damaged(shown_name, error)


class _Reader:
    """The values of one row, each checked."""

    def __init__(self, name: str, values: Mapping[str, _Value], codec: str) -> None:
        self.name, self._values, self._codec = name, values, codec

    def damaged(self, column: str, found: object, expected: str) -> SourceDamagedError:
        return SourceDamagedError(self.name, column=column, found=str(found), expected=expected)

    def text(self, column: str) -> str:
        """TEXT with something in it, Unicode without NUL."""
        value = self._decoded(column)
        if not isinstance(value, str):
            raise self.damaged(column, self._kind(column), "TEXT")
        if not value or "\0" in value:
            raise self.damaged(column, "TEXT with a NUL character" if value else "empty", "TEXT")
        return value

    def optional_text(self, column: str) -> str | None:
        return None if self._values[column].kind == "null" else self.text(column)

    def one_of(self, column: str, allowed: tuple[Any, ...]) -> Any:
        value = self._decoded(column)
        if value not in allowed or isinstance(value, float):
            raise self.damaged(column, shown(value), " or ".join(map(repr, allowed)))
        return value

    def value(self, column: str) -> Any:
        """Anything that SQLite holds."""
        return self._decoded(column)

    def _decoded(self, column: str) -> Any:
        kind, size, value = self._values[column]
        if size > MAX_BYTES:
            raise self.damaged(column, f"{kind.upper()} of {size:,} bytes", f"at most {MAX_BYTES:,}")
        if kind != "text":
            return value
        try:
            return bytes(value).decode(self._codec)
        except UnicodeDecodeError as error:
            raise self.damaged(column, f"no Unicode text ({error.reason})", "Unicode") from None

    def _kind(self, column: str) -> str:
        return self._values[column].kind.upper()


def _registered(row: _Reader) -> Registered:
    part_column = row.optional_text("part_column")
    dimension = row.value("dimension")
    if dimension is not None and (type(dimension) is not int or dimension < 1):
        raise row.damaged("dimension", shown(dimension), "NULL or an INTEGER of at least 1")
    condition, parameters = row.optional_text("condition"), row.optional_text("parameters")
    if parameters is not None and condition is None:
        raise row.damaged("parameters", "there without a condition", "NULL")
    source = Source(
        name=row.text("name"),
        kind=row.text("kind"),
        table_name=row.text("table_name"),
        id_columns=_id_columns(row),
        vector_column=row.text("vector_column"),
        content_column=row.optional_text("content_column"),
        format=row.one_of("format", FORMAT_NAMES),
        dimension=dimension,
        registered=True,
        stored=row.one_of("storage", _STORAGES),
        only=None if part_column is None else (part_column, row.value("part_value")),
    )
    return Registered(
        source=source,
        database=row.optional_text("database"),
        format_is_said=bool(row.one_of("format_is_said", (0, 1))),
        condition=condition,
        parameters=None if parameters is None else _parameters(row, parameters),
    )


def _id_columns(row: _Reader) -> tuple[str, ...]:
    text, expected = row.text("id_columns"), "a JSON array of the names of different columns"
    try:
        names = json.loads(text)
    except (ValueError, RecursionError):
        raise row.damaged("id_columns", shown(text), expected) from None
    if not isinstance(names, list) or not names or not all(_is_name(name) for name in names):
        raise row.damaged("id_columns", shown(text), expected)
    if len({name.lower() for name in names}) < len(names):
        raise row.damaged("id_columns", shown(text), expected)
    return tuple(names)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value) and "\0" not in value and is_unicode(value)


def is_unicode(text: str) -> bool:
    """Whether SQLite can hold it: no half of a pair of surrogates, which JSON's escapes can say."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _parameters(row: _Reader, text: str) -> dict[str, _PARAMETER]:
    expected = "a JSON object of texts, numbers and nulls"
    try:
        found = stored_object(text)
    except ValueError as error:
        raise row.damaged("parameters", f"{shown(text)} ({error})", expected) from None
    if not all(is_unicode(name) and is_parameter(value) for name, value in found.items()):
        raise row.damaged("parameters", shown(text), expected)
    return cast("dict[str, _PARAMETER]", found)


def is_parameter(value: object) -> bool:
    """Whether a value can be kept for a placeholder, and comes back as it is."""
    if isinstance(value, str):
        return is_unicode(value)
    if isinstance(value, float):
        return value - value == 0  # neither infinite nor NaN, which JSON has not
    return value is None or (type(value) is int and -(2**63) <= value < 2**63)
