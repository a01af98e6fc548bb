"""Models in our own table. They are what is fitted already, and are listed so that the list has all that there is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sqlclust.sources.found import Source
from sqlclust.sources.indexes import index_beginning_with
from sqlclust.sources.kind import MOST, Kind
from sqlclust.sources.look import Look
from sqlclust.sqlite import statements
from sqlclust.sqlite.layout import Table, quoted

_NEXT = """
SELECT embedding_model FROM {table} INDEXED BY {index}
WHERE embedding_model > ? COLLATE BINARY ORDER BY embedding_model COLLATE BINARY LIMIT 1
"""
_OF_THE_FIRST = f"""
SELECT DISTINCT embedding_model COLLATE BINARY AS model
FROM (SELECT embedding_model FROM {{table}} NOT INDEXED LIMIT {MOST}) ORDER BY model COLLATE BINARY
"""


def _find(look: Look) -> Iterator[Source]:
    table = look.layout.named("Embedding") if look.is_ours else None
    if table is None or not table.stores("id", "embedding_model", "vector", "content"):
        return
    sources = {source.name for source in look.registered}  # results give them rows there, without vectors
    for model in _models(look, table):
        if model in sources:
            continue
        sampled = look.part(table, "embedding_model", model)
        content = "content" if "content" in sampled.mean_text else None
        source = look.in_rows(
            "sqlclust", sampled, "vector", name=model, content=content, usual=None,
            remark="a model of our own: it can be fitted", only=(table.columns["embedding_model"].name, model),
        )  # fmt: skip
        length = sampled.columns["vector"].lengths
        dimension = length[0] // 4 if length and len({*length}) == 1 else None
        yield replace(source, format="float32", dimension=dimension)  # as our schema says


def _models(look: Look, table: Table) -> Iterator[str]:
    index = index_beginning_with(look.database, table, "embedding_model")
    if index is None:  # somebody dropped the index
        for (model,) in statements.all_rows(look.database, _OF_THE_FIRST.format(table=table.sql)):
            yield str(model)
        return
    model, sql = "", _NEXT.format(table=table.sql, index=quoted(index.name))
    for _ in range(MOST):
        model = statements.value(look.database, sql, (model,))
        if model is None:
            return
        yield str(model)


SQLCLUST = Kind("sqlclust", "models in our own table `Embedding`", _find)
