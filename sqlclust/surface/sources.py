"""Sources, what a database has vectors in: as rows, and registering one."""

from __future__ import annotations

import json
from collections.abc import Iterator

from sqlclust.errors import ArgumentError
from sqlclust.options import SourceOptions, parse_json
from sqlclust.sources import find_sources
from sqlclust.sources.said import Said
from sqlclust.sqlite.database import Row
from sqlclust.store.registering import keep
from sqlclust.surface.records import Context, ScalarFunction, TableFunction
from sqlclust.vectors.blobs import sqlite_type


def clust_sources(context: Context) -> Iterator[Row]:
    """A row for each source; writes nothing."""
    for source in find_sources(context.database):
        found = source.row()
        ids = json.dumps(source.id_columns, ensure_ascii=False) if source.id_columns else None
        yield tuple({**found, "id_columns": ids}.values())


def clust_source(context: Context, name: object, options: object = "{}") -> str:
    """Register a source, or change a registered one; returns its name."""
    if not isinstance(name, str):
        raise ArgumentError("clust_source", "name", found=sqlite_type(name), expected="TEXT, the name of the source")
    said = parse_json(SourceOptions, options)
    return keep(context.database, name, Said(**vars(said))).name


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
    ScalarFunction(
        name="clust_source",
        args=("name", "options"),
        optional=1,
        function=clust_source,
        uses_context=True,
        returns="TEXT",
        summary="Keeps a table of another program as a source, under a name, or changes what is kept: what the options do not "
        "say stays, or is as clust_sources() finds it. Makes our tables if there are none, writes nothing else and returns the "
        "name. Top level only: not inside a transaction or another statement.",
        example="""SELECT clust_source('notes', '{"table": "note", "content": "body"}') -- notes""",
    ),
)
