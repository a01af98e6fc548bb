"""The colours of examples/colors.csv as other programs keep vectors: what the README clusters where it is."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import apsw
import numpy as np

from tests.sources.looking import host

ROOT = Path(__file__).resolve().parent.parent
_CHUNK = 1024
"""Vectors in a chunk of sqlite-vec, if it is not told otherwise."""


def _colors() -> dict[str, bytes]:
    with open(ROOT / "examples" / "colors.csv", encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        return {row["id"]: np.array(json.loads(row["vector"]), dtype="<f4").tobytes() for row in rows}


def llm_collection(path: Path) -> None:
    """A collection `colors` of llm."""
    con = host("llm", path)
    con.execute("DELETE FROM embeddings; DELETE FROM collections; INSERT INTO collections VALUES (1, 'colors', 'rgb')")
    con.executemany(
        "INSERT INTO embeddings (collection_id, id, embedding, content, updated) VALUES (1, ?, ?, ?, 0)",
        [(name, vector, f"the colour {name}") for name, vector in _colors().items()],
    )
    con.close()


def vec0_table(path: Path) -> None:
    """A virtual table `vec_colors` of sqlite-vec: its shadow tables, written without the extension."""
    colors, name = _colors(), "vec_colors"
    made = f"CREATE VIRTUAL TABLE {name} USING vec0(name TEXT PRIMARY KEY, embedding float[3])"
    con = apsw.Connection(str(path))
    con.execute(
        f"""
        CREATE TABLE {name}_chunks (chunk_id INTEGER PRIMARY KEY AUTOINCREMENT, size INTEGER NOT NULL, validity BLOB NOT NULL,
                                    rowids BLOB NOT NULL);
        CREATE TABLE {name}_rowids (rowid INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, chunk_id INTEGER,
                                    chunk_offset INTEGER);
        CREATE TABLE {name}_vector_chunks00 (rowid PRIMARY KEY, vectors BLOB NOT NULL);
        CREATE TABLE {name}_info (key TEXT PRIMARY KEY, value ANY);
        """
    )
    rowids = np.zeros(_CHUNK, dtype="<i8")
    rowids[: len(colors)] = np.arange(1, len(colors) + 1)
    valid = np.packbits(np.arange(_CHUNK) < len(colors), bitorder="little").tobytes()
    con.execute(f"INSERT INTO {name}_chunks VALUES (1, ?, ?, ?)", (_CHUNK, valid, rowids.tobytes()))
    con.executemany(f"INSERT INTO {name}_rowids (chunk_offset, id, chunk_id) VALUES (?, ?, 1)", [*enumerate(colors)])
    vectors = b"".join(colors.values()).ljust(_CHUNK * 12, b"\0")
    con.execute(f"INSERT INTO {name}_vector_chunks00 VALUES (1, ?)", (vectors,))
    con.execute("PRAGMA writable_schema = ON")
    con.execute("INSERT INTO sqlite_schema VALUES ('table', ?1, ?1, 0, ?2)", (name, made))
    con.close()
