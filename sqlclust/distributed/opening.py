"""Sources made again of what a plan says of them."""

from __future__ import annotations

from typing import Any

from sqlclust.distributed.database_rows import DatabaseRows
from sqlclust.distributed.folder_rows import FolderRows
from sqlclust.distributed.vectors import VectorSource


def source_of(described: dict[str, Any], spool: str) -> VectorSource:
    """The source of a description, as `VectorSource.described` gives it, and of its files in the folder of a fit."""
    kinds: dict[str, type[FolderRows] | type[DatabaseRows]] = {"folder": FolderRows, "database": DatabaseRows}
    said = dict(described)
    return kinds[said.pop("kind")].from_description(said, spool)
