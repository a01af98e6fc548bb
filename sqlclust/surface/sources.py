"""Sources, what a database has vectors in, as rows."""

from __future__ import annotations

import json
from collections.abc import Iterator

from sqlclust.sources import find_sources
from sqlclust.sqlite.database import Row
from sqlclust.surface.records import Context, TableFunction


def clust_sources(context: Context) -> Iterator[Row]:
    """A row for each source; writes nothing."""
    for source in find_sources(context.database):
        found = source.row()
        ids = json.dumps(source.id_columns, ensure_ascii=False) if source.id_columns else None
        yield tuple({**found, "id_columns": ids}.values())


SOURCES = (
    TableFunction(
        name="clust_sources",
        function=clust_sources,
        columns={
            "name": "TEXT",
            "kind": "TEXT",
            "table_name": "TEXT",
            "id_columns": "TEXT",
            "vector_column": "TEXT",
            "content_column": "TEXT",
            "format": "TEXT",
            "dimension": "INTEGER",
            "n_rows": "INTEGER",
            "registered": "INTEGER",
            "remark": "TEXT",
        },
        summary="What the database has vectors in, whichever program wrote them: the table, what names its rows (a JSON array), "
        "format, dimension, and what that was concluded from. vector_column is NULL where they cannot be clustered, and remark "
        "says where they are. Looks at some fifty rows of each table and writes nothing; n_rows is NULL where counting would "
        "take long. registered is 1 for those that clust_source keeps.",
        example="SELECT name, kind, format, dimension, n_rows FROM clust_sources() -- demo|sqlclust|float32|8|40",
    ),
)
