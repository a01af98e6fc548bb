"""Files that are no database of ours, and databases whose tables are not: name → how to make it, message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sqlclust.schema import VERSION


def damaged(reason: str) -> str:
    """What is said about a database of ours whose tables are not ours."""
    return (
        f"DB has the ledger of sqlclust's schema, but {reason}; restore it from a backup, or make a new file with sqlclust "
        "init and copy the rows"
    )


# --- files that are no database of ours: name → how to make it, message --------------------------------------------


class File(NamedTuple):
    """A file that is not what it should be; `make` gets the path of a good one and returns that of the bad one."""

    make: Callable[[Path], Path]
    message: str
    with_any_command: bool = True


def _content(change: Callable[[bytes], bytes]) -> Callable[[Path], Path]:
    def make(good: Path) -> Path:
        path = good.with_name("bad.db")
        path.write_bytes(change(good.read_bytes()))
        return path

    return make


def _named(name: str) -> Callable[[Path], Path]:
    return lambda good: good.parent / name


def _fifo(good: Path) -> Path:
    import os

    path = good.with_name("bad.db")
    os.mkfifo(path)
    return path


def _fifo_for_journal(good: Path) -> Path:
    import os

    os.mkfifo(good.with_name(good.name + "-journal"))
    return good


def _socket(good: Path) -> Path:
    import os
    import socket

    here = os.getcwd()  # the name of a socket may have 100 characters
    os.chdir(good.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind("bad.db")
    finally:
        os.chdir(here)
    return good.with_name("bad.db")


def _folder(good: Path) -> Path:
    path = good.with_name("bad.db")
    path.mkdir()
    return path


def _loop(good: Path) -> Path:
    path = good.with_name("bad.db")
    path.symlink_to(path)
    return path


NOISE = np.random.default_rng(5).integers(0, 256, 20_000, dtype=np.uint8).tobytes()
NO_DATABASE = "DB: not an SQLite database (or it is encrypted)"
DAMAGED = "DB: the database is damaged (database disk image is malformed); see PRAGMA integrity_check"
NO_SUCH_FILE = "DB: there is no such file"
NOT_REGULAR = "DB: is not a regular file, expected a database file"
NO_TABLES = "DB has no sqlclust tables; run: sqlclust init DB"
NO_RESULTS = "DB has no sqlclust tables, so no results yet; sqlclust sources DB shows what can be fitted"

FILES: dict[str, File] = {
    "no such file": File(_named("nowhere.db"), NO_SUCH_FILE),
    "no such folder": File(_named("nowhere/x.db"), NO_SUCH_FILE),
    "a file for a folder": File(_named("good.db/x.db"), NO_SUCH_FILE),
    "a name of 300 characters": File(_named("x" * 300), "DB: cannot be opened (File name too long)"),
    "a folder": File(_folder, "DB: is a directory, expected a database file"),
    "a FIFO": File(_fifo, NOT_REGULAR),
    "a socket": File(_socket, NOT_REGULAR),
    "a link to itself": File(_loop, "DB: cannot be opened (Too many levels of symbolic links)"),
    "a FIFO for its journal": File(_fifo_for_journal, "DB: DB-journal beside it is not a regular file"),
    "text": File(_content(lambda _: b"no database"), NO_DATABASE),
    "noise, as of encryption": File(_content(lambda _: NOISE), NO_DATABASE),
    "a header and noise": File(_content(lambda good: good[:16] + NOISE), NO_DATABASE),
    "a header alone": File(_content(lambda good: good[:100]), DAMAGED),
    "a database cut off after a page": File(_content(lambda good: good[:5000]), DAMAGED),
    "a database without its last page": File(_content(lambda good: good[:-4096]), DAMAGED),
    "an empty file": File(_content(lambda _: b""), NO_TABLES, with_any_command=False),
}

# --- databases whose tables are not ours: name → SQL that makes a good one so, message ----------------------------

_AS_VIEW = """
PRAGMA legacy_alter_table = ON; ALTER TABLE {name} RENAME TO hidden; CREATE VIEW {name} AS SELECT * FROM hidden
"""

TABLES: dict[str, tuple[str, str]] = {
    "of a newer version": (
        "INSERT INTO SqlclustMigration (version, name) VALUES (99, 'later')",
        f"DB has schema version 99, and this sqlclust knows {VERSION} at most; upgrade sqlclust",
    ),
    "of version 0": ("UPDATE SqlclustMigration SET version = -version", damaged("the version in it is -1")),
    "Embedding missing": ("DROP TABLE Embedding", damaged("table Embedding is missing")),
    "EmbeddingCluster missing": ("DROP TABLE EmbeddingCluster", damaged("table EmbeddingCluster is missing")),
    "ClusteringFit missing": ("DROP TABLE ClusteringFit", damaged("table ClusteringFit is missing")),
    "ClusteringSummary missing": ("DROP VIEW ClusteringSummary", damaged("view ClusteringSummary is missing")),
    "a column of another name": (
        "ALTER TABLE Embedding RENAME COLUMN vector TO numbers",
        damaged("table Embedding has no column vector BLOB"),
    ),
    "other columns": (
        "DROP TABLE Cluster; CREATE TABLE Cluster (id INTEGER) STRICT",
        damaged("table Cluster has no column clustering_result_id INTEGER"),
    ),
    "a column of another type": (
        "DROP TABLE Run; CREATE TABLE Run (id TEXT, initial_prompt TEXT, created_at TEXT) STRICT",
        damaged("table Run has no column id ANY"),
    ),
    "not STRICT": (
        "DROP TABLE Run; CREATE TABLE Run (id ANY, initial_prompt TEXT, created_at TEXT)",
        damaged("table Run is not STRICT"),
    ),
    "a view for Embedding": (_AS_VIEW.format(name="Embedding"), damaged("Embedding is a view and not a table")),
    "a view for EmbeddingCluster": (
        _AS_VIEW.format(name="EmbeddingCluster"), damaged("EmbeddingCluster is a view and not a table"),
    ),
    "a virtual table for Embedding": (
        "DROP TABLE Embedding; CREATE VIRTUAL TABLE Embedding USING fts5(id, invocation_id, embedding_model, vector, content, "
        "created_at)",
        damaged("Embedding is a virtual and not a table"),
    ),
}  # fmt: skip
