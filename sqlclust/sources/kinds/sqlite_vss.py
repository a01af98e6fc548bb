"""sqlite-vss, the forerunner of sqlite-vec: its vectors are inside an index of faiss, which is one BLOB."""

from __future__ import annotations

from collections.abc import Iterator

from sqlclust.sources.found import Source
from sqlclust.sources.kind import Kind
from sqlclust.sources.look import Look


def _find(look: Look) -> Iterator[Source]:
    for virtual in look.virtual:
        if virtual.module == "vss0":
            yield Source(
                name=virtual.name,
                kind="sqlite-vss",
                table_name=virtual.name,
                remark=f"not in this file as vectors, but inside an index of faiss, {virtual.name}_index.idx; a table "
                "that it was filled from may have them",
            )


SQLITE_VSS = Kind("sqlite-vss", "refused: its vectors are inside an index of faiss", _find)
