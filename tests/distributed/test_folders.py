"""Vectors in files beside the database: fitted in memory and in shards, published as those of a table are."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

import sqlclust
from sqlclust.cli import main
from sqlclust.distributed import publishing
from sqlclust.distributed.folder_rows import FolderRows
from sqlclust.distributed.plan import Sharding, plan_of
from sqlclust.errors import (
    FilterError,
    HostTableError,
    MembersReplacedError,
    SourceElsewhereError,
    SourceInUseError,
    SpoolOfAnotherFitError,
    SqlclustError,
    VectorsChangedError,
)
from sqlclust.store.sources.file_rows import FileRows
from sqlclust.vectors.parquet import ParquetFolder
from tests.distributed.published import ASSIGNED, check_same, fit, rows
from tests.distributed.small_jobs import PARAMETERS, folder_of, real_like
from tests.small import add_embeddings

VECTORS = real_like(300, 16)
OPTIONS: dict[str, Any] = {"min_cluster_size": 4, "min_samples": 3}
PARTS = ((0, 120), (120, 120), (120, 300))


@pytest.fixture
def con(tmp_path: Path) -> Iterator[apsw.Connection]:
    connection = sqlclust.connect(tmp_path / "notes.db")
    sqlclust.initialize(connection)
    connection.execute("PRAGMA synchronous = OFF")
    yield connection
    connection.close()


def ids_of(start: int, stop: int) -> list[str]:
    return [f"doc {(7 * row) % 300}" for row in range(start, stop)]


def parquet(folder: Path, type_: Any = None, **more: Any) -> Path:
    """The vectors in three files, one of which is empty, in row groups of fifty."""
    folder.mkdir()
    for number, (start, stop) in enumerate(PARTS):
        columns = {
            "slug": ids_of(start, stop),
            "embedding": pa.array(VECTORS[start:stop].tolist(), type_ or pa.list_(pa.float32(), 16)),
            "body": [f"text of {row}" for row in range(start, stop)],
            **more,
        }
        pq.write_table(pa.table(columns), folder / f"{number}.parquet", row_group_size=50)
    return folder


def both(con: apsw.Connection, name: str, **said: Any) -> int:
    """The result in shards; it is that in memory."""
    sharded = fit(con, model=name, **{**OPTIONS, **said})
    whole = sqlclust.fit(con, name, engine="approximate", update="never", **{**OPTIONS, **said})
    check_same(con, sharded, whole)
    return sharded


ITEMS = """
SELECT e.item_id, ec.label, ec.probability FROM EmbeddingCluster ec JOIN Embedding e ON e.id = ec.embedding_id
WHERE clustering_result_id = ? ORDER BY 1
"""


def test_arrays(con: apsw.Connection, tmp_path: Path) -> None:
    """A row's id is its place; and all that goes on from a fit goes on."""
    folder_of(tmp_path / "vectors", VECTORS)
    sqlclust.source(con, "files", folder=tmp_path / "vectors")
    result = both(con, "files")
    add_embeddings(con, VECTORS, ids=range(300))
    copied = fit(con, **OPTIONS)
    assert rows(con, ITEMS, result) == [
        (id, label, probability) for id, label, probability, _ in rows(con, ASSIGNED, copied)
    ]
    assert rows(con, "SELECT corpus_hash FROM ClusteringFit GROUP BY 1 HAVING count(*) > 2") != []
    assert rows(con, "SELECT count(*), max(label) > 0 FROM files_clusters") == [(300, 1)]
    fit_id = con.execute("SELECT clustering_fit_id FROM ClusteringResult WHERE id = ?", (result,)).get
    cut = con.execute("SELECT clust_cut(?, '{\"min_cluster_size\": 9}')", (fit_id,)).get
    assert len(rows(con, ITEMS, cut)) == 300
    assert sqlclust.staleness(con, cut).is_stale == 0
    assert [finding for finding in sqlclust.doctor(con).findings if finding.severity == "error"] == []
    assert rows(con, "SELECT kind, n_rows, remark FROM clust_sources() WHERE name = 'files'") == [
        ("npy", None, "files of a folder, vectors")
    ]
    again = sqlclust.connect(tmp_path / "notes.db")
    assert fit(again, model="files", **OPTIONS) > cut  # it is registered, the way to it seen from the database
    again.close()


@pytest.mark.parametrize("said", [{"downsample": 3}, {"shards": 3, "min_samples": 1}])
def test_some_rows_and_shards(con: apsw.Connection, tmp_path: Path, said: dict[str, Any]) -> None:
    sqlclust.source(con, "files", folder=parquet(tmp_path / "vectors"))
    if "shards" not in said:
        both(con, "files", **said)
    result = fit(con, model="files", **{**OPTIONS, **said})
    assert len(rows(con, ITEMS, result)) == 300 // said.get("downsample", 1)


@pytest.mark.parametrize(
    "type_", [None, pa.list_(pa.float64()), pa.large_list(pa.float32()), pa.list_(pa.float32(), 16)]
)
def test_parquet(con: apsw.Connection, tmp_path: Path, type_: Any) -> None:
    sqlclust.source(con, "files", folder=parquet(tmp_path / "vectors", type_), id="slug", content="body")
    result = both(con, "files")
    assert [id for id, *_ in rows(con, ITEMS, result)] == sorted(ids_of(0, 300))
    [(medoid, text)] = rows(con, "SELECT item_id, content FROM Embedding WHERE content IS NOT NULL LIMIT 1")
    assert text == f"text of {ids_of(0, 300).index(medoid)}"
    add_embeddings(con, VECTORS, ids=ids_of(0, 300))
    fit(con, **OPTIONS)
    assert rows(con, "SELECT count(*) FROM ClusteringFit GROUP BY corpus_hash") == [(3,)]


def test_memory_for_reading_parquet(tmp_path: Path) -> None:
    """PyArrow takes some of what a worker has; shards are the smaller for it."""
    sources = (FolderRows(ParquetFolder.found(parquet(tmp_path / "parquet"))), folder_of(tmp_path / "arrays", VECTORS))
    of_parquet, of_arrays = (plan_of(source, PARAMETERS, 0, Sharding(memory=1000 << 20)).most for source in sources)
    assert of_parquet is not None
    assert of_arrays is not None
    assert 0 < of_parquet < of_arrays / 2


def test_parquet_by_places(con: apsw.Connection, tmp_path: Path) -> None:
    sqlclust.source(con, "files", folder=parquet(tmp_path / "vectors"))
    assert [id for id, *_ in rows(con, ITEMS, both(con, "files"))] == list(range(300))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_a_database_for_files_is_made(tmp_path: Path) -> None:
    """Whoever has files only need not make one first; without a result there is none."""
    db, vectors = tmp_path / "new.db", parquet(tmp_path / "vectors")
    for wrong in (("--folder", tmp_path / "nowhere"), ("--folder", vectors, "--id", "nope")):
        assert run("fit", db, "files", *wrong).exit_code == 1
        assert not db.exists()
    done = run("fit", db, "files", "--folder", vectors, "--id", "slug", "--min-cluster-size", 4)
    assert done.exit_code == 0, done.output
    assert f"  {db} was made\n" in done.stdout
    assert "its other tables" not in run("fit", db, "files", "--folder", vectors, "--id", "slug").stdout
    assert "there is no such file" in run("fit", tmp_path / "other.db", "files").stderr


@pytest.mark.slow
def test_the_command(con: apsw.Connection, tmp_path: Path) -> None:
    """In memory, and then by a process that has little."""
    options = ("--min-cluster-size", 4, "--min-samples", 3)
    arguments = (
        "fit",
        tmp_path / "notes.db",
        "files",
        *options,
        "--folder",
        parquet(tmp_path / "vectors"),
        "--id",
        "slug",
    )
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    workers = ("--workers", 1, "--spool", tmp_path / "spool", "--memory", "1500MB")
    again = run("fit", tmp_path / "notes.db", "files", *options, *workers)
    assert again.exit_code == 0, again.output
    assert "files: 300 rows of 16 dimensions in one shard" in again.stderr
    assert rows(con, "SELECT engine, count(*) OVER (PARTITION BY corpus_hash) FROM ClusteringFit") == [
        ("exact", 2),
        ("sharded", 2),
    ]
    for more, message in (
        (("--into", tmp_path / "x.db"), "--folder goes without --into"),
        (("--where", "1"), "--folder goes without --where"),
        (("--table", "t"), "--table is 't', and files of a folder have their own"),
        (("--content", "none"), "no column 'none'"),
    ):
        assert message in run(*arguments, *more).output
    assert "go with the name of one source" in run("fit", tmp_path / "notes.db", "--folder", "x").output


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"folder": "none"}, "none: cannot be read"),
    ({"folder": "empty"}, "no .npy file"),
    ({"folder": "mixed"}, "has .npy and Parquet files, expected one kind"),
    ({"folder": "arrays", "id": "slug"}, "id names a column, and .npy files have none"),
    ({"folder": "parquet", "vector": "body"}, "a column 'body' of string, expected a column of lists"),
    ({"folder": "parquet", "vector": "none"}, "no column 'none' \\('slug', 'embedding', 'body'\\)"),
    ({"folder": "parquet", "id": "none"}, "no column 'none'"),
    ({"folder": "parquet", "id": ["slug", "body"]}, "id names 2 columns, expected one"),
    ({"folder": "parquet", "format": "float16"}, "format is 'float16', and files of a folder have their own"),
    ({"folder": "several"}, "several columns of lists of numbers \\('a', 'b'\\)"),
    ({"folder": "texts"}, "no column of lists of numbers \\('a'\\)"),
    ({"folder": "short"}, "a vector of 1 dimensions in row 1, expected 2 numbers in each"),
    ({"folder": "nulls"}, "no vector in row 1"),
    ({"folder": "null inside"}, "a null among the numbers of row 1"),
    ({"folder": "widths"}, "vectors of 3 dimensions, expected 2 as in 0.parquet"),
    ({"folder": "infinite"}, "0.parquet: row 1 has inf at position 0"),
    ({"folder": "damaged"}, "no readable Parquet file"),
    ({"folder": "twice", "id": "x"}, "2 columns 'x', expected one of that name"),
    (
        {"folder": "beyond 64 bits", "id": "x"},
        "x is 18446744073709551615 in row 1, expected numbers or texts, as SQLite has them",
    ),
    ({"folder": "no number", "id": "x"}, "x is nan in row 1, expected numbers or texts, as SQLite has them"),
    ({"folder": "parquet", "where": "1"}, "files of a folder cannot be filtered"),
    ({"folder": "parquet", "database": "other.db"}, "database is 'other.db', expected none with a folder of files"),
]
TABLES: dict[str, list[dict[str, Any]]] = {
    "several": [{"a": [[1.0]], "b": [[1.0]]}],
    "texts": [{"a": ["[1, 2]"]}],
    "short": [{"a": [[1.0, 2.0], [1.0]]}],
    "nulls": [{"a": [[1.0, 2.0], None]}],
    "null inside": [{"a": [[1.0, 2.0], [1.0, None]]}],
    "widths": [{"a": [[1.0, 2.0]]}, {"a": [[1.0, 2.0, 3.0]]}],
    "beyond 64 bits": [{"a": [[1.0, 2.0]] * 2, "x": np.array([1, 2**64 - 1], dtype=np.uint64)}],
    "no number": [{"a": [[1.0, 2.0]] * 2, "x": [1.0, float("nan")]}],
    "infinite": [{"a": [[1.0, 2.0], [float("inf"), 2.0]]}],
}


@pytest.mark.parametrize(("said", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_cannot_be(con: apsw.Connection, tmp_path: Path, said: dict[str, Any], message: str) -> None:
    parquet(tmp_path / "parquet")
    folder_of(tmp_path / "arrays", VECTORS)
    for name in ("empty", "mixed", "damaged", "twice", *TABLES):
        (tmp_path / name).mkdir()
    for name, tables in TABLES.items():
        for number, columns in enumerate(tables):
            pq.write_table(pa.table(columns), tmp_path / name / f"{number}.parquet")
    of_one_name = pa.table([[1, 2], [1, 2], [[1.0, 2.0]] * 2], names=["x", "x", "embedding"])
    pq.write_table(of_one_name, tmp_path / "twice" / "0.parquet")
    np.save(tmp_path / "mixed" / "a.npy", VECTORS)
    (tmp_path / "mixed" / "b.pq").write_bytes(b"")
    (tmp_path / "damaged" / "a.parquet").write_bytes(b"PAR1 no such file PAR1")
    ways: list[Callable[[str], int]] = [lambda name: sqlclust.fit(con, name), lambda name: fit(con, model=name)]
    for fitted in ways:
        with pytest.raises(SqlclustError, match=message):  # at once, or when all vectors are read
            fitted(sqlclust.source(con, "files", **{**said, "folder": tmp_path / said["folder"]}).name)
    assert rows(con, "SELECT count(*) FROM ClusteringResult") == [(0,)]


def test_files_that_change(con: apsw.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = folder_of(tmp_path / "vectors", VECTORS)
    sqlclust.source(con, "files", folder=tmp_path / "vectors")
    path = tmp_path / "vectors" / "002.npy"
    kept = path.read_bytes()
    for when, error in (("corpus_hash", VectorsChangedError), ("with_stable_labels", MembersReplacedError)):
        original = getattr(publishing, when)

        def changing(*arguments: Any, original: Any = original, **more: Any) -> Any:
            changed = np.load(path)
            changed[5] = 1
            np.save(path, changed)
            return original(*arguments, **more)

        with monkeypatch.context() as patched:
            patched.setattr(publishing, when, changing)
            with pytest.raises(error):
                fit(con, model="files")
        path.write_bytes(kept)
    np.save(tmp_path / "vectors" / "003.npy", VECTORS[:5])
    with pytest.raises(SpoolOfAnotherFitError):
        fit(con, model="files")
    assert rows(con, "SELECT count(*) FROM ClusteringResult") == [(0,)]
    assert source.n == 300


@pytest.mark.parametrize("ending", ["npy", "parquet"])
def test_files_that_change_while_memory_reads_them(con: apsw.Connection, tmp_path: Path, ending: str) -> None:
    """There is no spool folder that would have to be emptied."""
    (folder_of if ending == "npy" else lambda path, _: parquet(path))(tmp_path / "vectors", VECTORS)
    source = sqlclust.source(con, "files", folder=tmp_path / "vectors").source
    reading = FileRows(source)
    if ending == "npy":
        path = tmp_path / "vectors" / "002.npy"
        path.write_bytes(path.read_bytes()[:-4])
    else:
        path = tmp_path / "vectors" / "2.parquet"
        pq.write_table(pq.read_table(path).slice(1), path)
    with pytest.raises(HostTableError, match=rf"{path.name} was changed while it was read: it .* it (was|had)\. Do"):
        [*reading.batches(None)]


def test_a_folder_that_moves(con: apsw.Connection, tmp_path: Path) -> None:
    folder_of(tmp_path / "vectors", VECTORS)
    sqlclust.source(con, "files", folder=tmp_path / "vectors")
    result = sqlclust.fit(con, "files", **OPTIONS)
    os.rename(tmp_path / "vectors", tmp_path / "moved")
    for act in (lambda: fit(con, model="files"), lambda: sqlclust.staleness(con, result)):
        with pytest.raises(SourceElsewhereError, match="there is no folder"):
            act()
    assert [each.finding for each in sqlclust.doctor(con).findings] == ["source-gone"]
    sqlclust.source(con, "files", folder=tmp_path / "moved")
    assert sqlclust.staleness(con, result).is_stale == 0
    parquet(tmp_path / "others")
    with pytest.raises(SourceInUseError):
        sqlclust.source(con, "files", folder=tmp_path / "others")


def test_without_pyarrow(con: apsw.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet(tmp_path / "vectors")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(HostTableError, match="PyArrow is not installed, expected it to read Parquet: pip install"):
        sqlclust.source(con, "files", folder=tmp_path / "vectors")
    with pytest.raises(FilterError):
        sqlclust.source(con, "files", folder=tmp_path / "vectors", where="1")
