"""A good file that bad input must leave as it is."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import sqlclust
from tests.small import add_embeddings, clustered

Hashes = dict[str, str]


def hashes(folder: Path) -> Hashes:
    """SHA-256 of every file in a folder; of what is no regular file its kind. -shm is no content: readers write in it."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if not path.name.endswith("-shm"):
            mode = path.lstat().st_mode
            content = hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(mode) else str(stat.S_IFMT(mode))
            found[str(path.relative_to(folder))] = content
    return found


def make(path: Path, *, journal: str = "delete") -> Path:
    con = sqlclust.connect(path)
    con.pragma("journal_mode", journal)
    sqlclust.initialize(con)
    add_embeddings(con, clustered())
    assert sqlclust.fit(con, "demo", min_cluster_size=5) == 1
    con.close()
    return path
