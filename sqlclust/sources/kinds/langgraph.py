"""LangGraph's SqliteStore: `store_vectors`, whose key is (prefix, key, field_name), beside `store` with the texts."""

from __future__ import annotations

from collections.abc import Iterator

from sqlclust.sources.found import Source
from sqlclust.sources.kind import Kind
from sqlclust.sources.look import Look


def _find(look: Look) -> Iterator[Source]:
    table = look.having("store_vectors", "prefix", "key", "field_name", "embedding")
    if table is None:
        return
    look.take(table)
    yield look.in_rows(
        "langgraph", look.sample(table), "embedding", content=None,
        remark="a long-term memory of LangGraph; its texts are in store.value, by prefix and key",
    )  # fmt: skip


LANGGRAPH = Kind("langgraph", "a long-term memory, `store_vectors`", _find)
