"""openai-to-sqlite: a table of ids, always TEXT, and vectors of 1,536 float32; what they are of is in another table."""

from __future__ import annotations

from collections.abc import Iterator

from sqlclust.sources.found import Source
from sqlclust.sources.kind import Kind
from sqlclust.sources.look import Look

_BYTES = 4 * 1536


def _find(look: Look) -> Iterator[Source]:
    for table in look.free_tables("id", "embedding"):
        if len(table.columns) != 2:
            continue
        key, vector = table.columns["id"], table.columns["embedding"]
        if (key.affinity, key.pk, vector.affinity) != ("TEXT", 1, "BLOB"):
            continue
        sampled = look.sample(table)
        if {*sampled.columns["embedding"].lengths} - {0} == {_BYTES}:
            look.take(table)
            remark = "by openai-to-sqlite: the ids are TEXT, also where those of the table they came from are INTEGER"
            yield look.in_rows("openai-to-sqlite", sampled, "embedding", content=None, remark=remark)


OPENAI_TO_SQLITE = Kind("openai-to-sqlite", "a table of `id` and `embedding`, 1,536 float32", _find)
