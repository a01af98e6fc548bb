"""qdrant-client's local storage (mem0's default store): a table of points, which are Python pickles.

Reading a pickle runs whatever program it is. So none is ever read here.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlclust.sources.found import Source
from sqlclust.sources.kind import Kind
from sqlclust.sources.look import Look


def _find(look: Look) -> Iterator[Source]:
    table = look.having("points", "id", "point")
    if table is None or len(table.columns) != 2:
        return
    sampled = look.sample(table)
    if {*sampled.columns["point"].types} - {"blob"}:
        return
    look.take(table)
    yield Source(
        name="qdrant:points",
        kind="qdrant",
        table_name=table.name,
        id_columns=(table.columns["id"].name,),
        n_rows=look.count(sampled),
        remark="not in this file as vectors, but inside Python pickles (points.point), which are programs and are never read; "
        "qdrant_client's scroll(with_vectors=True) gives them",
    )


QDRANT = Kind("qdrant", "refused: local storage has pickles", _find)
