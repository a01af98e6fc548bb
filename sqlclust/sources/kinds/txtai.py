"""txtai: this is its database of texts. Its vectors are in the file `embeddings` beside it."""

from __future__ import annotations

from collections.abc import Iterator

from sqlclust.sources.found import Source
from sqlclust.sources.kind import Kind
from sqlclust.sources.look import Look


def _find(look: Look) -> Iterator[Source]:
    sections = look.having("sections", "indexid", "id", "text", "tags", "entry")
    documents = look.having("documents", "id", "data", "tags", "entry")
    if sections is None or documents is None:
        return
    look.take(sections, documents)
    yield Source(
        name="txtai:sections",
        kind="txtai",
        table_name=sections.name,
        id_columns=(sections.columns["indexid"].name,),
        content_column=sections.columns["text"].name,
        n_rows=look.count(look.sample(sections)),
        remark="not in this file: the vectors are in the file embeddings beside it, an index of faiss, or an SQLite file if "
        "txtai was set to that; then look there",
    )


TXTAI = Kind(
    "txtai",
    "an index of vectors (backend sqlite); refused: a database of texts, whose vectors are in another file",
    _find,
)
