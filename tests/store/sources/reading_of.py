"""What a reader gives, flat."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import apsw

from sqlclust.bindings.apsw.database import database_of
from sqlclust.sources import Source
from sqlclust.store.sources.reading import HostReader


def reader_of(
    connection: apsw.Connection,
    source: Source,
    condition: str | None = None,
    parameters: Mapping[str, object] | None = None,
) -> HostReader:
    return HostReader(database_of(connection), source, condition=condition, parameters=parameters)


def pairs(reader: HostReader, only: Collection[Any] | None = None) -> list[tuple[Any, Any]]:
    """(id, vector) of all batches."""
    found: list[tuple[Any, Any]] = []
    for ids, vectors in reader.batches(only=only):
        assert ids
        found += zip(ids, vectors, strict=True)
    return found


def table(*keys: str, name: str = "t", vector: str = "v", **more: Any) -> Source:
    return Source(
        name="s", table_name=name, id_columns=keys or ("id",), vector_column=vector, **{"kind": "table", **more}
    )
