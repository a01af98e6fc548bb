"""Cells of a page that lead on: from a row to its cluster, from a cluster to its members and its medoid.

Links go to pages of Datasette's, which show what the reader may see. An id that is no text is asked for by a condition, because
Datasette compares what a URL has as text, and our columns keep every id as it came.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from sqlclust.plugins.pages.known import Known, SourceTable, known_of

_RESULTS = {
    "clustering_result_id": "ClusteringResult",
    "clustering_result_id_a": "ClusteringResult",
    "clustering_result_id_b": "ClusteringResult",
    "latest_clustering_result_id": "ClusteringResult",
    "clustering_fit_id": "ClusteringFit",
}
"""Columns of views that have the id of a row; of a table's columns, Datasette makes links itself."""
_LABELS = {
    "label": "clustering_result_id", "cluster_label": "clustering_result_id", "previous_label": "clustering_result_id",
    "from_label": "clustering_result_id", "to_label": "clustering_result_id", "milestone": "clustering_result_id",
    "previous_milestone": "clustering_result_id", "label_a": "clustering_result_id_a", "label_b": "clustering_result_id_b",
}  # fmt: skip
"""Columns with a cluster's label, each with the column that has its result."""
_EMBEDDINGS = ("embedding_id", "medoid_embedding_id")
_TEXT_CHARACTERS = 80


def cell(datasette: Any, database: str | None, table: str | None, column: str, value: Any, row: Any) -> Any:
    """What a cell shows; None: what it shows without us.

    Args:
        value: a dict of `value` and `label` where Datasette has looked up the label of a key.
    """
    known = known_of(datasette, database)
    if known is None or table is None or value is None:
        return None
    pages = _Pages(datasette, database)
    plain = {name: _plain(row[name]) for name in row.keys()}  # noqa: SIM118 - a row is not a mapping
    for source in known.sources:
        if source.view == table:
            return _of_view(pages, source, column, value)
    if table in known.described:
        return _of_ours(pages, known, table, column, value, plain)
    for source in known.sources:
        if source.table == table and column == source.id_columns[-1] and _is_in(source, plain):
            return pages.beside(value, "cluster", pages.rows(source.view, _key_of(source, plain)))
    return None


def actions(datasette: Any, database: str, table: str) -> list[dict[str, str]]:
    """Links in the menu of a host's table: its rows with their clusters."""
    known = known_of(datasette, database)
    pages = _Pages(datasette, database)
    return [
        {"href": pages.table(source.view), "label": f"Clusters of {source.name}"}
        for source in (known.sources if known else ())
        if source.table == table
    ]


def _of_ours(pages: _Pages, known: Known, table: str, column: str, value: Any, row: dict[str, Any]) -> Any:
    """A cell of a table or view of ours."""
    plain = _plain(value)
    if column in _LABELS and _LABELS[column] in row:
        if plain == -1:
            return pages.beside(plain, "noise", None)
        cluster = [("clustering_result_id", row[_LABELS[column]]), ("label", plain)]
        return pages.link(plain, pages.rows("ClusterSummary", cluster))
    if column in _EMBEDDINGS:
        return pages.link(_text(value), pages.row("Embedding", "id", plain))
    if column in _RESULTS and not isinstance(value, dict):
        return pages.link(plain, pages.row(_RESULTS[column], "id", plain))
    if column == "size" and row.keys() >= {"clustering_result_id", "label"}:
        members = [("clustering_result_id", row["clustering_result_id"]), ("cluster_label", row["label"])]
        return pages.link(plain, pages.rows("EmbeddingCluster", members, _sort_desc="probability"))
    if (table, column) == ("Embedding", "embedding_model") and "id" in row:
        return pages.beside(plain, "clusters", pages.rows("ClusterAssignment", [("embedding_id", row["id"])]))
    if (table, column) == ("ClusteringResult", "embedding_model") and "id" in row:
        clusters = pages.rows("ClusterSummary", [("clustering_result_id", row["id"])], _sort_desc="size")
        return pages.beside(plain, "clusters", clusters)
    if column == "item_id":
        return _item(pages, known, row.get("embedding_source"), plain)
    if column == "medoid_item_id":
        return _item(pages, known, _source_of(row.get("medoid_embedding_id")), plain)
    return None


def _of_view(pages: _Pages, source: SourceTable, column: str, value: Any) -> Any:
    """A cell of the view of a source: leads to the other rows of the cluster, and to its medoid."""
    if column == "label":
        if value == -1:
            return pages.beside(value, "noise", None)
        return pages.link(value, pages.rows(source.view, [("label", value)], _sort_desc="probability"))
    if column == "medoid_item_id" and source.view_key:
        return pages.link(value, pages.rows(source.view, _key(source.view_key, value)))
    if isinstance(value, bytes):  # Datasette would link to it by a primary key, which a view has none of, and fail
        return f"<{len(value):,} bytes>"
    return None


def _item(pages: _Pages, known: Known, source_name: object, item_id: Any) -> Any:
    """A key in the table of a source: leads to that row."""
    source = next((source for source in known.sources if source.name == source_name), None)
    if source is None or source.table is None:
        return None
    part = [] if source.part is None else [source.part]
    return pages.link(item_id, pages.rows(source.table, [*part, *_key(source.id_columns, item_id)]))


def _key(columns: tuple[str, ...], item_id: Any) -> list[tuple[str, Any]]:
    values = [item_id] if len(columns) == 1 else json.loads(item_id)
    return [*zip(columns, values, strict=True)]


def _key_of(source: SourceTable, row: dict[str, Any]) -> list[tuple[str, Any]]:
    """The key of a host's row, as the view has it."""
    values = [row[column] for column in source.id_columns]
    if source.view_key == source.id_columns:
        return [*zip(source.id_columns, values, strict=True)]
    return [("id", values[0] if len(values) == 1 else json.dumps(values, separators=(",", ":")))]


def _source_of(embedding_id: Any) -> object:
    """The name of the source, of the id of one of its rows; None of another id."""
    try:
        return json.loads(embedding_id)[0]
    except (TypeError, ValueError, LookupError):
        return None


def _is_in(source: SourceTable, row: dict[str, Any]) -> bool:
    """Whether a row of the table is of the source, and has its key, which the view has, too."""
    if not source.view_key or not row.keys() >= {*source.id_columns}:
        return False
    return source.part is None or row.get(source.part[0]) == source.part[1]


def _plain(value: Any) -> Any:
    """A value without the label that Datasette has looked up."""
    return value["value"] if isinstance(value, dict) else value


def _text(value: Any) -> str:
    """What stands for an embedding: the beginning of its text, or its id."""
    text = str((isinstance(value, dict) and value["label"]) or _plain(value))
    return text if len(text) <= _TEXT_CHARACTERS else text[: _TEXT_CHARACTERS - 1].rstrip() + "…"


def _is_compared_as_it_is(table: str, column: str, value: Any) -> bool:
    """Whether the text of a value would not be found: columns that keep every type have no affinity."""
    if isinstance(value, str):
        return False
    return not isinstance(value, int) or table == "Embedding" or column in _EMBEDDINGS


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(value: Any) -> str:
    """A number or BLOB in SQL."""
    return f"x'{value.hex()}'" if isinstance(value, bytes) else repr(value)


class _Pages:
    """Addresses of pages, and links to them."""

    def __init__(self, datasette: Any, database: str | None) -> None:
        self._urls, self._database = datasette.urls, database

    def table(self, table: str) -> str:
        return str(self._urls.table(self._database, table))

    def row(self, table: str, key: str, value: Any) -> str:
        """The page of a row, by its primary key; where a URL cannot name it, a page with this row only."""
        from datasette.utils import tilde_encode

        if isinstance(value, str) or (isinstance(value, int) and table != "Embedding"):
            return str(self._urls.row(self._database, table, tilde_encode(str(value))))
        return self.rows(table, [(key, value)])

    def rows(self, table: str, where: Iterable[tuple[str, Any]], **more: str) -> str:
        """The rows that have these values."""
        asked = [
            ("_where", f"{_quoted(column)} = {_literal(value)}")
            if _is_compared_as_it_is(table, column, value)
            else (f"{column}__exact", str(value))
            for column, value in where
        ]
        return f"{self.table(table)}?{urlencode([*asked, *more.items()])}"

    def link(self, value: Any, href: str) -> Any:
        from markupsafe import Markup

        return Markup('<a href="{}">{}</a>').format(href, value)

    def beside(self, value: Any, words: str, href: str | None) -> Any:
        """The value as it is, and a word or a link beside it."""
        from markupsafe import Markup

        shown = self.link(words, href) if href else words
        return Markup("{} <small>{}</small>").format(value, shown)
