"""Indexes in files beside the database, by their names. They are not opened."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from sqlclust.sources.found import Source
from sqlclust.sources.kind import Kind
from sqlclust.sources.look import Look

_MOST = 10_000
"""Entries of the folder that are looked at."""


def _finding(kind: str, ending: str) -> Callable[[Look], Iterator[Source]]:
    def find(look: Look) -> Iterator[Source]:
        for name in _beside(look, ending):
            if name in look.files:
                continue
            yield Source(
                name=name,
                kind=kind,
                table_name=None,
                remark=f"not in this file: {name} beside it is an index of {kind}",
            )

    return find


def _beside(look: Look, ending: str) -> list[str]:
    """Files that are called as the database, with another ending or one more."""
    stem = look.file.rpartition(".")[0] or look.file
    found: list[str] = []
    if not stem:
        return found
    try:
        with os.scandir(look.folder) as entries:
            for n, entry in enumerate(entries):
                if n == _MOST:
                    break
                if entry.name.startswith(f"{stem}.") and entry.name.endswith(ending):
                    found.append(entry.name)
    except OSError:  # a folder that cannot be listed, or a name that is no file
        return []
    return sorted(found)


USEARCH = Kind("usearch", "refused: a file `NAME….usearch` beside the database", _finding("usearch", ".usearch"))
FAISS = Kind("faiss", "refused: a file `NAME….faiss` beside the database", _finding("faiss", ".faiss"))
