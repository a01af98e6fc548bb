"""Sources of vectors: any range of any source is the same rows of the whole, and what is no vector is named."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

import sqlclust
from sqlclust.distributed.database_rows import DatabaseRows
from sqlclust.distributed.opening import source_of
from sqlclust.distributed.vectors import VectorSource
from sqlclust.errors import (
    DatabaseFileError,
    DimensionMismatchError,
    NotFiniteError,
    SqlclustError,
    VectorFilesError,
    VectorsChangedError,
    VectorTypeError,
)
from sqlclust.sqlite import statements
from sqlclust.vectors.folders import NpyFolder
from tests.distributed.small_jobs import folder_of
from tests.small import add_embeddings

VECTORS = np.random.default_rng(0).normal(size=(37, 5)).astype(np.float32)


def database_of(path: Path) -> DatabaseRows:
    """The vectors as embeddings of a model, among those of another, with gaps between the rowids."""
    con = sqlclust.connect(path)
    sqlclust.initialize(con)
    add_embeddings(con, VECTORS[:3] + 1, model="other", ids=range(1000, 1003))
    add_embeddings(con, VECTORS, ids=[f"id {row}" for row in range(len(VECTORS))])
    con.execute("UPDATE Embedding SET rowid = 1000 + 10 * rowid WHERE embedding_model = 'demo'")
    con.close()
    numbers = 1000 + 10 * np.arange(4, 4 + len(VECTORS))
    return DatabaseRows.of_numbers(DatabaseRows.own(path, "demo"), numbers, block=4)


def both(tmp_path: Path) -> list[VectorSource]:
    return [folder_of(tmp_path / "folder", VECTORS), database_of(tmp_path / "rows.db")]


def test_ranges_are_the_whole(tmp_path: Path) -> None:
    for source in both(tmp_path):
        assert (source.n, source.dimension) == VECTORS.shape
        for rows in (1, 4, 9, 100):
            ranges = source.ranges(rows)
            assert [ranges[0][0], *(stop for _, stop in ranges)] == [*(start for start, _ in ranges), len(VECTORS)]
            again = source_of(source.described(), "")
            read = [again.read(start, stop) for start, stop in ranges]
            assert np.array_equal(np.concatenate(read), VECTORS), source.name


def test_rows_have_names(tmp_path: Path) -> None:
    """By which whoever has the vectors finds them."""
    folder, database = both(tmp_path)
    con = apsw.Connection(str(tmp_path / "rows.db"))
    for row in (0, 12, 13, 36):
        path, _, place = folder.row_name(row).partition(": row ")
        assert np.array_equal(np.load(path)[int(place)], VECTORS[row])
        key, _, number = database.row_name(row).partition(" ")
        found = con.execute(f"SELECT vector FROM Embedding WHERE {key} = ?", (int(number),)).get
        assert found == VECTORS[row].tobytes()
    con.close()


def test_types_of_numbers(tmp_path: Path) -> None:
    for number, kind in enumerate(("<f2", "<f8", ">f4")):
        folder = tmp_path / str(number)
        folder.mkdir()
        np.save(folder / "a.npy", VECTORS.astype(kind))
        source = NpyFolder.found(folder)
        assert np.array_equal(source.read(3, 20), VECTORS.astype(kind)[3:20].astype(np.float32))


def test_fingerprints_change_with_what_is_written(tmp_path: Path) -> None:
    folder, database = both(tmp_path)
    for source, path in ((folder, tmp_path / "folder" / "001.npy"), (database, tmp_path / "rows.db")):
        before = source.fingerprint()
        assert source.fingerprint() == before
        os.utime(path, ns=(1, 1))
        assert source.fingerprint() != before


@pytest.mark.parametrize(
    ("array", "found"),
    [
        (np.zeros(3, dtype=np.float32), r"an array \(3,\) of float32"),
        (np.zeros((3, 2), dtype=np.int64), r"an array \(3, 2\) of int64"),
        (np.asfortranarray(np.ones((3, 2))), "in Fortran order"),
        (np.zeros((3, 0)), r"an array \(3, 0\)"),
        (np.ones((3, 7)), "vectors of 7 dimensions, expected 5 as in 000.npy"),
    ],
)
def test_arrays_that_are_no_vectors(tmp_path: Path, array: np.ndarray, found: str) -> None:
    folder_of(tmp_path / "folder", VECTORS)
    np.save(tmp_path / "folder" / "zzz.npy", array)
    with pytest.raises(VectorFilesError, match=found) as caught:
        NpyFolder.found(tmp_path / "folder")
    assert caught.value.path.endswith("zzz.npy")


def test_folders_that_have_no_vectors(tmp_path: Path) -> None:
    with pytest.raises(VectorFilesError, match=r"no \.npy file"):
        NpyFolder.found(tmp_path)
    with pytest.raises(VectorFilesError, match="cannot be read"):
        NpyFolder.found(tmp_path / "none")
    (tmp_path / "a.npy").write_bytes(b"not an array")
    with pytest.raises(VectorFilesError, match=r"no readable \.npy file"):
        NpyFolder.found(tmp_path)


def test_rows_that_are_no_vectors_are_named(tmp_path: Path) -> None:
    vectors = VECTORS.copy()
    vectors[20, 3] = np.nan
    source = folder_of(tmp_path / "folder", vectors)
    with pytest.raises(NotFiniteError, match=r"001\.npy: row 7 has nan at position 3"):
        source.read(9, 30)


def test_files_that_became_shorter_or_are_gone(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "folder", VECTORS)
    path = tmp_path / "folder" / "002.npy"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(VectorsChangedError, match=r"002\.npy was changed while it was fitted: it is shorter"):
        source.read(30, 37)
    path.unlink()
    with pytest.raises(VectorFilesError, match="cannot be read here"):
        source.read(30, 37)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ("DELETE FROM t WHERE k = 6", VectorsChangedError, 'of 4 rows between "k" 4 and 7 there are 3'),
        ("UPDATE t SET v = x'00000000' WHERE k = 5", DimensionMismatchError, "k 5 has 1 dimension, expected 5"),
        ("UPDATE t SET v = 'text' WHERE k = 5", VectorTypeError, "k 5: the vector is TEXT"),
        (
            "UPDATE t SET v = CAST(x'0000c07f' || substr(v, 5) AS BLOB) WHERE k = 5",
            NotFiniteError,
            "k 5: the vector has nan",
        ),
    ],
)
def test_rows_that_changed(tmp_path: Path, change: str, error: type[Exception], match: str) -> None:
    con = apsw.Connection(str(tmp_path / "t.db"))
    con.execute("CREATE TABLE t (k INTEGER PRIMARY KEY, v BLOB)")
    con.executemany("INSERT INTO t VALUES (?, ?)", [(row, vector.tobytes()) for row, vector in enumerate(VECTORS)])
    said = {
        "file": str(tmp_path / "t.db"),
        "table": "t",
        "key": "k",
        "vector": "v",
        "stored": "rows",
        "format": "float32",
        "part": None,
    }
    source = DatabaseRows.of_numbers(said, np.arange(len(VECTORS)), block=4)
    assert np.array_equal(source.read(4, 8), VECTORS[4:8])
    con.execute(change)
    with pytest.raises(error, match=match):
        source.read(4, 8)
    con.close()


def test_a_database_without_such_rows(tmp_path: Path) -> None:
    database_of(tmp_path / "rows.db")
    with pytest.raises(VectorFilesError, match="no rows of"):
        DatabaseRows.of_numbers(DatabaseRows.own(tmp_path / "rows.db", "unknown"), np.empty(0, dtype=np.int64))
    with pytest.raises(DatabaseFileError, match="there is no such file"):
        DatabaseRows.of_numbers(DatabaseRows.own(tmp_path / "none.db", "demo"), np.array([1]))


def test_ranges_are_read_by_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not by the index of models, which has all rows of one: for each range SQLite would look through all of them."""
    read: list[tuple[str, Any]] = []
    original = statements.each_row

    def noting(database: Any, sql: str, bindings: Any = None) -> Any:
        read.append((sql, bindings))
        return original(database, sql, bindings)

    source = database_of(tmp_path / "rows.db")
    monkeypatch.setattr(statements, "each_row", noting)
    source.read(*source.ranges(4)[0])
    con = apsw.Connection(str(tmp_path / "rows.db"))
    [(sql, bindings)] = read
    plan = [detail for *_, detail in con.execute(f"EXPLAIN QUERY PLAN {sql}", bindings)]
    con.close()
    assert len(plan) == 1
    assert "USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)" in plan[0]


def test_a_view_does_no_harm(tmp_path: Path) -> None:
    """Workers run it with no more rights than the client."""
    con = apsw.Connection(str(tmp_path / "t.db"))
    con.execute("CREATE VIEW t AS SELECT 1 AS k, load_extension('x') AS v")
    con.close()
    said = {**DatabaseRows.own(tmp_path / "t.db", ""), "table": "t", "key": "k", "vector": "v", "part": None}
    with pytest.raises(SqlclustError, match=r"unsafe use of load_extension\(\)"):
        DatabaseRows.of_numbers({**said, "stored": "view", "listed": True}, np.array([1]))
