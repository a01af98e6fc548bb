"""llm, https://llm.datasette.io: collections in `collections`, their vectors in `embeddings`. Ids repeat across collections."""

from __future__ import annotations

from collections.abc import Iterator

from sqlclust.sources.found import Source, remarks
from sqlclust.sources.kind import MOST, Kind
from sqlclust.sources.look import Look
from sqlclust.sqlite import statements


def _find(look: Look) -> Iterator[Source]:
    collections = look.having("collections", "id", "name", "model")
    embeddings = look.having("embeddings", "collection_id", "id", "embedding", "content")
    if collections is None or embeddings is None:
        return
    look.take(collections, embeddings)
    sql = f"SELECT id, CAST(name AS BLOB), CAST(model AS BLOB) FROM {collections.sql} NOT INDEXED LIMIT {MOST}"
    for number, name, model in statements.all_rows(look.database, sql):
        sampled = look.part(embeddings, "collection_id", number)
        content = "content" if "content" in sampled.mean_text else None
        yield look.in_rows(
            "llm",
            sampled,
            "embedding",
            name="llm:" + look.text(name),
            content=content,
            remark=remarks(
                f"vectors of {look.text(model)}",
                None if content or not sampled.n else "the texts were not kept (llm embed-multi --store keeps them)",
            ),
            only=(embeddings.columns["collection_id"].name, number),
        )


LLM = Kind("llm", "a collection, `llm:NAME`, in the table `embeddings`", _find)
