"""simplevecdb: texts in a table for each collection, vectors in a file of usearch beside the database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sqlclust.sources.found import Source, remarks
from sqlclust.sources.kind import Kind
from sqlclust.sources.look import Look

_DEFAULT, _OTHERS = "tinyvec_items", "items_"


def _find(look: Look) -> Iterator[Source]:
    for table in look.free_tables("id", "text", "metadata", "embedding"):
        name = table.name.lower()
        if name != _DEFAULT and not name.startswith(_OTHERS):
            continue
        if f"{name}_fts" not in look.layout.others and not table.has("parent_id"):
            continue
        collection = "default" if name == _DEFAULT else table.name[len(_OTHERS) :]
        pending = look.having(f"{table.name}_pending_vectors", "doc_id", "embedding")
        look.take(table, pending, look.having(f"{table.name}_clusters", "centroids"))
        sampled = look.sample(table)
        n_null = sampled.columns["embedding"].n_null
        found = look.in_rows("simplevecdb", sampled, "embedding", name=f"simplevecdb:{collection}", content="text")
        if n_null:
            beside = f"{look.file or 'DATABASE'}.{collection}.usearch"
            look.files.add(beside)
            none = "not in this file" if n_null == sampled.n else "not all in this file"
            waiting = f"; those written last may be in {pending.name}" if pending is not None else ""
            remark = remarks(f"{none}: the vectors are in {beside} beside it{waiting}", found.remark)
            found = replace(found, vector_column=None, format=None, dimension=None, remark=remark)
        yield found


SIMPLEVECDB = Kind(
    "simplevecdb", "refused where the vectors are in a .usearch file beside it, as they are by default", _find
)
