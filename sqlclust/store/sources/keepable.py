"""What can be kept of a source: a name, a condition, the values of its placeholders."""

from __future__ import annotations

from collections.abc import Mapping

from sqlclust import schema
from sqlclust.errors import ArgumentError, FilterError, SourceNameError, shown
from sqlclust.sources import Source
from sqlclust.sources.registered_rows import MAX_BYTES, is_parameter, is_unicode, registered_names
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.layout import quoted
from sqlclust.store.embeddings.condition import check_condition, check_text
from sqlclust.store.sources.file_rows import condition_on_files
from sqlclust.store.sources.vec0_rows import condition_on_vec0


def check_name(database: Database, name: object) -> None:
    """Refuse a name that cannot be kept, or that our own vectors have.

    Raises:
        SourceNameError
        SchemaDamagedError, SchemaVersionError: tables of ours are there, and not as they should be.
    """
    if not isinstance(name, str):
        raise SourceNameError(name, reason=f"it is a {type(name).__name__}, expected text")
    if not name:
        raise SourceNameError(name, reason="it is empty")
    if "\0" in name or not is_unicode(name):
        raise SourceNameError(name, reason="it has a NUL character or is not valid Unicode")
    if len(name.encode()) > MAX_BYTES:
        raise SourceNameError(name, reason=f"it has more than {MAX_BYTES:,} bytes")
    if schema.version(database) is None:
        return
    schema.check(database)
    if statements.first_row(database, _OWN_VECTORS, (name,)) is not None:
        reason = "an embedding model of this file has that name, with vectors of its own; give the source another one"
        raise SourceNameError(name, reason=reason)
    names = registered_names(database)
    if name not in names and (same := [other for other in names if other.encode().lower() == name.encode().lower()]):
        reason = f"there is a source {shown(same[0])}, and names of sources differ by more than case, as those of their views"
        raise SourceNameError(name, reason=reason, other=same[0])


_OWN_VECTORS = "SELECT 1 FROM main.Embedding WHERE embedding_model = ? AND vector IS NOT NULL LIMIT 1"


def checked_parameters(
    parameters: Mapping[str, object] | None, condition: str | None
) -> dict[str, str | int | float | None] | None:
    """Values of placeholders as they are kept; True and False are 1 and 0, as in SQLite.

    Raises:
        ArgumentError: no mapping of names to values that JSON has, or there is no condition for them.
    """
    if parameters is None:
        return None
    if not isinstance(parameters, Mapping):
        found = f"a {type(parameters).__name__}"
        raise ArgumentError("source", "parameters", found=found, expected="a mapping of names to values")
    if condition is None and parameters:
        raise ArgumentError("source", "parameters", found="without a condition", expected="to be given with where")
    kept = {}
    for name, value in parameters.items():
        plain = int(value) if isinstance(value, bool) else value
        if not isinstance(name, str) or not is_unicode(name) or not is_parameter(plain):
            found = f"{shown(value)} for {shown(name)}"
            raise ArgumentError("source", "parameters", found=found, expected="text, a number or None for each name")
        kept[name] = plain
    return kept or None  # type: ignore[return-value]


def check_condition_of(database: Database, source: Source, condition: object, parameters: Mapping[str, object]) -> None:
    """Refuse what is not one condition on the columns of a source's table, or would write, or other values than it needs.

    Args:
        database: has the table.

    Raises:
        FilterError
    """
    table = source.table_name or ""
    check_text(condition, table=table)
    assert isinstance(condition, str)
    if len(condition.encode()) > MAX_BYTES:
        raise FilterError(condition, reason=f"it has more than {MAX_BYTES:,} bytes", table=table)
    if source.stored == "vec0":
        raise condition_on_vec0(condition, table)
    if source.stored == "files":
        raise condition_on_files(condition, table)
    rows = f"main.{quoted(table)}"
    with statements.distrusting_schema(database):
        check_condition(database, condition, parameters=parameters, rows=rows, table=table)
