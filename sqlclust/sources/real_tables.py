"""Tables and columns of another program as a person names them: real ones, read without running what is in the file."""

from __future__ import annotations

from collections.abc import Sequence

from sqlclust.errors import HostTableError, shown
from sqlclust.sqlite.layout import Layout, Table, quoted

ROWID_REMARK = "it has no key but the rowid, which VACUUM may change"
"""Of a source whose rows nothing else names."""


def real_table(layout: Layout, name: str) -> Table:
    """The table of a name.

    Raises:
        HostTableError: there is none, or it is a view or a virtual table.
    """
    table = layout.named(name)
    if table is not None:
        return table
    other = layout.others.get(name.lower())
    if other is not None:
        reason = f"{shown(name)} is a {other}: reading it would run what is in the file; copy a table"
        raise HostTableError(reason, table=name)
    raise HostTableError(f"there is no table {shown(name)}", table=name)


def column_sql(table: Table, name: str) -> str:
    """A column as SQL.

    Raises:
        HostTableError: there is none, or it is generated.
    """
    column = table.columns.get(name.lower())
    if column is None and table.rowid is not None and name.lower() in ("rowid", "_rowid_", "oid"):
        return table.rowid
    if column is None:
        there = ", ".join(repr(other.name) for other in list(table.columns.values())[:12])
        reason = f"table {shown(table.name)} has no column {shown(name)}; its columns: {there}"
        raise HostTableError(reason, table=table.name, column=name)
    if column.generated:
        reason = f"column {shown(column.name)} is generated: reading it would run what is in the file"
        raise HostTableError(reason, table=table.name, column=column.name)
    return quoted(column.name)


def key_remark(table: Table, ids: Sequence[str], part: tuple[str, object] | None) -> str:
    """What to know of columns that name rows, of the part of a table where a column has a value; '' if they are a key."""
    names = [name.lower() for name in ids]
    if names == [table.rowid] and not any(table.is_rowid(column) for column in table.columns.values()):
        return ROWID_REMARK
    if table.rowid in names or table.is_unique(*names, *([] if part is None else [part[0].lower()])):
        return ""
    return f"nothing keeps {', '.join(ids)} unique: a repeated id is an error of the fit"
