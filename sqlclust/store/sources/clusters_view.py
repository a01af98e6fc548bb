"""The view `<source>_clusters`: a host's rows, each with its cluster in the source's latest result.

Built-in SQL of 3.38 alone, so every program that opens the file reads it. All is looked up by index, row by row of the host's
table: its key, as `+ key` without the affinity of its declared type, finds the row of `Embedding`; that one the row of
`EmbeddingCluster`. The latest result is looked up once a statement. A condition on a host's column uses the host's index.

Other programs change their tables, and SQLite reads every view of a file when it does ALTER TABLE. What that means here:

- ADD COLUMN, DROP COLUMN, RENAME COLUMN and RENAME TO work. The host's columns are written `h.*`: one that comes or goes does so
  in the view, and SQLite writes another name of the table or of a key into its text. Only a column of the key or of the part
  cannot be dropped. `h.*` leaves no place for other names: where a column of the host's is called as one of ours, ours come
  first, and SQLite calls the host's "label:1". (A column `label` that is added later takes the name until the next fit.)
- DROP TABLE leaves a view without its table, and then every ALTER TABLE … RENAME and DROP COLUMN of the file is refused with
  "error in view …: no such table". So is making a table again (CREATE new, DROP old, ALTER TABLE new RENAME TO old), which
  Alembic's batches do, Django where it alters a field or adds one with a default, and sqlite-utils before 4.2. It is so with
  every view, since a view has to name its table. The transaction can be rolled back, and nothing is lost. The cure is DROP VIEW
  before; the next fit makes it again. `PRAGMA legacy_alter_table = ON` avoids it too: sqlite-utils sets it since 4.2.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from sqlclust.errors import HostTableError, ViewNameError, shown
from sqlclust.sources import Source
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.layout import quoted

COLUMNS = ("label", "probability", "outlier_score", "cluster_size", "medoid_item_id")
"""Of ours in the view."""

_ROWIDS = ("rowid", "_rowid_", "oid")
_MOST_COLUMNS = 2000
"""That SQLite gives a row."""

_TAKEN = """
SELECT type, name, tbl_name, substr(coalesce(sql, ''), 1, length(:head)) = :head, sql IS :text
FROM main.sqlite_schema WHERE name = :name COLLATE NOCASE AND type <> 'trigger'
"""
_LATEST = "(SELECT max(r.id) FROM ClusteringResult AS r WHERE r.embedding_model = {source})"
_OURS = "ec.label, ec.probability, ec.outlier_score, c.size AS cluster_size, m.item_id AS medoid_item_id"
_CLUSTERS = """
LEFT JOIN Cluster AS c ON c.clustering_result_id = ec.clustering_result_id AND c.label = ec.label
LEFT JOIN Embedding AS m ON m.id = c.medoid_embedding_id
""".strip()
_OF_HOST = """
SELECT {columns}
FROM {table} AS h
LEFT JOIN Embedding AS e ON e.embedding_source = {source} AND e.item_id = {key}
LEFT JOIN EmbeddingCluster AS ec ON ec.embedding_id = e.id AND ec.clustering_result_id = {latest}
{clusters}{part}
""".strip()
_OF_IDS = """
SELECT e.item_id AS id, {columns}
FROM EmbeddingCluster AS ec
JOIN Embedding AS e ON e.id = ec.embedding_id
{clusters}
WHERE ec.clustering_result_id = {latest} AND e.embedding_source = {source}
""".strip()


def view_name(source_name: str) -> str:
    """The name of a source's view."""
    return f"{source_name}_clusters"


def check_name_is_free(database: Database, source: Source) -> None:
    """Make sure that the view can be made; to be asked before a fit.

    Raises:
        ViewNameError: another table, view or index has the name, or no view can have it.
    """
    _is_there(database, source.name, "")


def create(database: Database, source: Source, *, elsewhere: bool) -> dict[str, str]:
    """Make a source's view, or make it again where its text would be another; inside the caller's transaction.

    It has every row of the host's table, or of the part of it that the source is: the host's columns in their order (before them
    the rowid, where that is the key), then `COLUMNS`, which are NULL where the row is not in the latest result. Generated columns
    are columns like others, computed when somebody reads them and not before. Over a vec0 table, which no view may read, where
    the host's table is `elsewhere`, and of a table so wide that SQLite has no room for more columns, it has `id`, which is the
    item's, and `COLUMNS`, of the rows of the latest result only.

    Args:
        source: with a key. Its columns are looked up in the table as it is.
        elsewhere: whether the host's table is in another file.

    Returns:
        The host's columns that are called as one of `COLUMNS`, each with its name in the view; `COLUMNS` then come first.

    Raises:
        HostTableError: a column of the source's is not in the table, or there is no table.
        ViewNameError: as `check_name_is_free`.
    """
    text, columns = _text(database, source, elsewhere=elsewhere)
    is_same = _is_there(database, source.name, text)
    if not is_same:
        if is_same is not None:
            statements.run(database, f"DROP VIEW main.{quoted(view_name(source.name))}")
        statements.run(database, text)
    if not _same_names(columns):
        return {}
    names = _columns(database, view_name(source.name))[-len(columns) :]
    return {column: name for column, name in zip(columns, names, strict=True) if column.lower() in COLUMNS}


def is_current(database: Database, source: Source, *, elsewhere: bool) -> bool | None:
    """Whether the view that is there is the one that `create` would make now; None if there is none. Args, Raises as there."""
    text, _ = _text(database, source, elsewhere=elsewhere)
    return _is_there(database, source.name, text)


def _text(database: Database, source: Source, *, elsewhere: bool) -> tuple[str, tuple[str, ...]]:
    """The text of a source's view, and the host's columns in it; none where it has the item's id alone."""
    columns = () if elsewhere or source.stored != "rows" else _columns(database, source.table_name or "")
    if 0 < len(columns) < _MOST_COLUMNS - len(COLUMNS):
        return _head(source.name) + _text_of_host(source, columns), columns
    return _head(source.name) + _filled(_OF_IDS, source, columns=_OURS), ()


def drop(database: Database, source_name: str) -> None:
    """Drop a source's view, if there is one and it is ours; inside the caller's transaction."""
    try:
        is_there = _is_there(database, source_name, "") is not None
    except ViewNameError:
        return
    if is_there:
        statements.run(database, f"DROP VIEW main.{quoted(view_name(source_name))}")


def _head(source_name: str) -> str:
    """What the text of a view of ours begins with, by which it is known; SQLite keeps it, also when it renames what is in it."""
    comment = f"-- sqlclust: the clusters of source {json.dumps(source_name)}"  # no line break in JSON
    return f"CREATE VIEW {quoted(view_name(source_name))} AS\n{comment}\n"


def _is_there(database: Database, source_name: str, text: str) -> bool | None:
    """Whether the view that is there has this text; None if there is none.

    Raises:
        ViewNameError: what is there is not ours.
    """
    name = view_name(source_name)
    reason = "SQLite keeps names that begin with 'sqlite_' for itself" if name.lower().startswith("sqlite_") else ""
    if "\0" in name:
        reason = "SQL has no names with a NUL"
    if reason:
        raise ViewNameError(database.filename, source=source_name, name=name, reason=reason)
    bindings = {"name": name, "head": _head(source_name), "text": text}
    found = statements.first_row(database, _TAKEN, bindings)
    if found is None:
        return None
    kind, spelt, table, is_ours, is_same = found
    if kind == "view" and is_ours:
        return bool(is_same)
    what = f"index {shown(spelt)} of table {shown(table)}" if kind == "index" else f"{kind} {shown(spelt)}"
    raise ViewNameError(database.filename, source=source_name, name=name, reason=f"{what} has that name")


def _same_names(columns: Iterable[str]) -> bool:
    return any(column.lower() in COLUMNS for column in columns)


def _columns(database: Database, table: str) -> tuple[str, ...]:
    """The columns of a table or view, without hidden ones."""
    rows = statements.all_rows(database, f"PRAGMA main.table_xinfo({quoted(table)})")
    if not rows:
        raise HostTableError(f"there is no table {shown(table)}", table=table)
    return tuple(name for _, name, _, _, _, _, hidden in rows if hidden != 1)


def _text_of_host(source: Source, columns: Sequence[str]) -> str:
    keys = [_column(source, name, columns) for name in source.id_columns]
    theirs = [*(f"h.{key} AS {key}" for key in keys if key in _ROWIDS), "h.*"]
    part = ""
    if source.only is not None:
        column, value = source.only
        name = _column(source, column, columns)
        part = f"\nWHERE h.{name} IS NULL" if value is None else f"\nWHERE h.{name} = {_literal(value)} COLLATE BINARY"
    return _filled(
        _OF_HOST,
        source,
        columns=", ".join([_OURS, *theirs] if _same_names(columns) else [*theirs, _OURS]),
        table=quoted(source.table_name or ""),
        key=_item_id([f"h.{key}" for key in keys]),
        part=part,
    )


def _filled(form: str, source: Source, **parts: str) -> str:
    name = _literal(source.name)
    return form.format(clusters=_CLUSTERS, source=name, latest=_LATEST.format(source=name), **parts)


def _column(source: Source, name: str, columns: Sequence[str]) -> str:
    """A column as SQL; the rowid without quotes, which no column is."""
    found = [column for column in columns if column.lower() == name.lower()]
    if found:  # with letters beyond ASCII two columns may differ in their case alone
        return quoted(name if name in found else found[0])
    if name.lower() in _ROWIDS:
        return name.lower()
    reason = f"table {shown(source.table_name)} has no column {shown(name)}"
    raise HostTableError(reason, table=source.table_name or "", column=name)


def _item_id(keys: Sequence[str]) -> str:
    """A row's item id as SQL, without an affinity."""
    if len(keys) == 1:
        return f"+ {keys[0]}"
    types = ", ".join(f"typeof({key})" for key in keys)
    # JSON has no BLOBs, and a row that has one is no item
    return f"CASE WHEN 'blob' IN ({types}) THEN NULL ELSE json_array({', '.join(keys)}) END"


def _literal(value: object) -> str:
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, float):
        return {"inf": "9e999", "-inf": "-9e999"}.get(repr(value), repr(value))
    if isinstance(value, int):
        return str(value)
    parts = ["'" + part.replace("'", "''") + "'" for part in str(value).split("\0")]  # a statement ends at a NUL
    return parts[0] if len(parts) == 1 else f"({' || char(0) || '.join(parts)})"
