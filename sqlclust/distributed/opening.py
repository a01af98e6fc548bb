"""Sources made again of what a plan says of them."""

from __future__ import annotations

from typing import Any

from sqlclust.distributed.database_rows import DatabaseRows
from sqlclust.distributed.vectors import NpyFolder, VectorSource


def source_of(described: dict[str, Any], spool: str) -> VectorSource:
    """The source of a description, as `VectorSource.described` gives it, and of its files in the folder of a fit."""
    kinds: dict[str, type[NpyFolder] | type[DatabaseRows]] = {"npy": NpyFolder, "database": DatabaseRows}
    said = dict(described)
    return kinds[said.pop("kind")].from_description(said, spool)
