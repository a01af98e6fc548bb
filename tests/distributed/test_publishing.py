"""Fits in shards of a database's embeddings: what is published is what a fit in memory publishes, or nothing."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.distributed import publishing
from sqlclust.distributed.folder import remove_spool
from sqlclust.distributed.publishing import Distribution, fit_with_workers
from sqlclust.distributed.workers import ProcessWorkers
from sqlclust.errors import (
    MembersReplacedError,
    OptionError,
    SpoolDamagedError,
    SpoolInUseError,
    SpoolOfAnotherFitError,
    TooFewRowsError,
    UnknownModelError,
    VectorsChangedError,
)
from sqlclust.options import FitOptions, parse
from tests.distributed.published import ASSIGNED, VECTORS, before, check_same, fit, rows
from tests.distributed.small_jobs import files_in, sharding


@pytest.mark.parametrize(
    "options", [{}, {"metric": "cosine", "min_samples": 3, "min_cluster_size": 10}, {"normalize": False}]
)
def test_one_shard_publishes_what_memory_does(con: apsw.Connection, options: dict[str, Any]) -> None:
    sharded = fit(con, **options)
    whole = sqlclust.fit(con, "demo", engine="approximate", update="never", **options)
    check_same(con, sharded, whole)


def test_what_is_recorded(con: apsw.Connection, tmp_path: Path) -> None:
    result = fit(con, shards=3)
    fit_id, engine, recall, timings, parameters = rows(
        con,
        "SELECT f.id, f.engine, f.recall, f.timings, r.parameters FROM ClusteringResult r "
        "JOIN ClusteringFit f ON f.id = r.clustering_fit_id WHERE r.id = ?",
        result,
    )[0]
    assert engine == "sharded"
    assert 0.95 < recall <= 1
    measured = json.loads(timings)["measured"]
    assert 0.9 < measured.pop("tree_confirmed") <= 1
    assert measured == {"shards": 3, "overlap": 3, "shards_asked": 3}
    said = json.loads(parameters)
    assert (said["engine"], said["shards"], said["overlap"], said["recall"]) == ("sharded", 3, 3, recall)
    assert not (tmp_path / "spool").exists()
    # and everything goes on from it
    assert con.execute("SELECT clust_cut(?, '{\"min_cluster_size\": 20}')", (fit_id,)).get > result
    assert len(rows(con, "SELECT * FROM clust_sweep(?, '{\"min_cluster_size\": [5, 9]}')", fit_id)) == 2
    alone = "(SELECT clust_points(id, vector) FROM Embedding WHERE id = 'alone')"
    assert len(rows(con, f"SELECT * FROM clust_predict(?, {alone})", result)) == 1
    assert rows(con, "SELECT * FROM clust_doctor() WHERE severity = 'error'") == []
    assert len(rows(con, "SELECT * FROM clust_staleness(?)", result)) == 1


def test_what_is_announced_is_how_it_is_divided(con: apsw.Connection) -> None:
    """Not more shards than so few vectors are worth, and nothing where a stored fit is used."""
    told: list[tuple[int, int, int, int]] = []
    for _ in range(2):
        fit(con, shards=90, announce=lambda plan: told.append((plan.n, plan.dimension, plan.overlap, plan.shards)))
    asked = rows(con, "SELECT timings ->> '$.measured.shards_asked' FROM ClusteringFit")
    assert told == [(700, 16, 3, asked[0][0])]
    assert 1 < told[0][3] < 90


def tables(con: apsw.Connection) -> None:
    """The vectors as other programs have them: with gaps, in other formats, of two collections, with rows that have none."""
    con.execute("CREATE TABLE half (k TEXT PRIMARY KEY, v BLOB)")
    con.execute("CREATE TABLE parts (a TEXT, b INTEGER, of TEXT, v TEXT, PRIMARY KEY (a, b))")
    with con:
        for row, vector in enumerate(VECTORS[:400].tolist()):
            con.execute(
                "INSERT INTO half (rowid, k, v) VALUES (?, ?, ?)",
                (3 * row, f"k{(7 * row) % 400}", np.array(vector, "<f2").tobytes()),
            )
            con.execute("INSERT INTO parts VALUES (?, ?, ?, ?)", (f"a{row % 3}", row, "mine", json.dumps(vector)))
    con.execute("INSERT INTO half VALUES ('none', NULL), ('empty', x'')")
    con.execute("INSERT INTO parts VALUES ('other', 1, 'other', '[1, 2, 3]')")


SOURCES: dict[str, dict[str, object]] = {
    "half": {"table": "half", "id": "k", "vector": "v", "format": "float16"},
    "parts": {"table": "parts", "id": ["a", "b"], "vector": "v", "format": "json"},
}


@pytest.mark.parametrize("name", SOURCES)
def test_sources_are_fitted_where_they_are(con: apsw.Connection, name: str) -> None:
    tables(con)
    con.execute("DELETE FROM parts WHERE of = 'other'")
    con.execute("SELECT clust_source(?, ?)", (name, json.dumps(SOURCES[name])))
    sharded = fit(con, model=name, min_cluster_size=5)
    whole = sqlclust.fit(con, name, engine="approximate", update="never", min_cluster_size=5)
    check_same(con, sharded, whole)
    assert len(rows(con, ASSIGNED, sharded)) == 400
    assert fit(con, model=name, min_cluster_size=5, shards=2) > whole


def test_labels_are_kept(con: apsw.Connection) -> None:
    """As a fit in memory keeps them; without `like` clusters are numbered otherwise."""
    first = fit(con, min_cluster_size=9)
    options: dict[str, Any] = {"min_cluster_size": 5, "min_samples": 9}
    plain, kept = fit(con, **options), fit(con, like=first, **options)
    whole = sqlclust.fit(con, "demo", engine="approximate", like=first, **options)
    assert rows(con, ASSIGNED, kept) == rows(con, ASSIGNED, whole) != rows(con, ASSIGNED, plain)


@pytest.mark.parametrize("late", [False, True])
def test_vectors_that_change_meanwhile(
    con: apsw.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    """Whether it is noticed while it is fitted or when it is published: nothing is, and the next fit is of what is there."""
    other = apsw.Connection(str(tmp_path / "notes.db"))
    other.set_busy_timeout(5000)
    changed: list[bool] = []

    def change() -> None:
        changed.append(True)
        other.execute(
            "UPDATE Embedding SET vector = (SELECT vector FROM Embedding WHERE id = 'note 3') WHERE id = 'note 5'"
        )

    with monkeypatch.context() as patched:
        before(patched, "with_stable_labels" if late else "corpus_hash", change)
        with pytest.raises(MembersReplacedError if late else VectorsChangedError):
            fit(con, shards=2)
    assert changed
    other.close()
    assert rows(con, "SELECT count(*) FROM ClusteringResult") == [(0,)]
    remove_spool(str(tmp_path / "spool"))
    assert fit(con, shards=2) == 1


def test_a_file_that_is_damaged_after_the_stages(
    con: apsw.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is published; and the same call goes on, as the error says."""

    def damage() -> None:
        path = files_in(tmp_path / "spool") / "merged-000000"
        whole = bytearray(path.read_bytes())
        whole[len(whole) // 4] ^= 1  # among the indices, which no stage reads again
        path.write_bytes(whole)

    with monkeypatch.context() as patched:
        before(patched, "cut_streamed", damage)
        with pytest.raises(SpoolDamagedError, match="run it again with the same spool"):
            fit(con, shards=2)
    assert rows(con, "SELECT count(*) FROM ClusteringResult") == [(0,)]
    assert fit(con, shards=2) == 1


def test_two_clients_in_one_folder(con: apsw.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    met: list[str] = []

    def second() -> None:
        other = sqlclust.connect(tmp_path / "notes.db")
        with pytest.raises(SpoolInUseError) as caught:
            fit(other, shards=2)
        other.close()
        met.append(caught.value.folder)

    before(monkeypatch, "fit_in_shards", second)
    assert fit(con, shards=2) == 1
    assert met == [str(tmp_path / "spool")]


def test_a_folder_that_cannot_be_emptied(con: apsw.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """The result is there all the same."""

    def refuse(spool: str, folder: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("sqlclust.distributed.publishing.remove_spool", refuse)
    assert fit(con) == 1


def test_a_fit_that_does_not_begin_leaves_no_folder(con: apsw.Connection, tmp_path: Path) -> None:
    with pytest.raises(UnknownModelError):
        fit(con, model="none")
    assert not (tmp_path / "spool").exists()


def test_a_commit_that_changes_no_vector(con: apsw.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def change() -> None:
        with closing(apsw.Connection(str(tmp_path / "notes.db"))) as other:
            other.execute("UPDATE Embedding SET content = content || 'text' WHERE id = 'note 5'")

    for name in ("fit_in_shards", "cut_streamed", "with_stable_labels"):
        before(monkeypatch, name, change)
    assert fit(con, shards=2) == 1


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"engine": "exact"}, OptionError, "found 'exact', expected 'auto' or 'sharded' with workers"),
        ({"update": "only"}, OptionError, "found 'only', expected 'auto' or 'never' with workers"),
        ({"model": "none"}, UnknownModelError, "none"),
        ({"model": "alone"}, TooFewRowsError, "alone"),
    ],
)
def test_what_workers_cannot_do(
    con: apsw.Connection, options: dict[str, Any], error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        fit(con, **options)
    assert rows(con, "SELECT count(*) FROM ClusteringResult") == [(0,)]


def test_a_database_in_no_file() -> None:
    con = sqlclust.connect(":memory:")
    sqlclust.initialize(con)
    how = Distribution(ProcessWorkers(1), "spool", sharding())
    with pytest.raises(OptionError, match="a database in no file"):
        fit_with_workers(database_of(con), "demo", parse(FitOptions, {}), how)
    con.close()


def test_without_workers_the_engine_is_refused(con: apsw.Connection) -> None:
    with pytest.raises(OptionError, match="'sharded' needs workers"):
        sqlclust.fit(con, "demo", engine="sharded")
    with pytest.raises(OptionError, match="'sharded' needs workers"):
        sqlclust.hdbscan(VECTORS, engine="sharded")


def test_a_database_that_grew(con: apsw.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was begun is of fewer rows, and the message says of how many."""
    with monkeypatch.context() as patched:
        patched.setattr(publishing, "cut_streamed", stop)
        with pytest.raises(KeyboardInterrupt):
            fit(con, shards=2)
    con.execute(
        "INSERT INTO Embedding (id, embedding_model, vector) SELECT 'new', 'demo', vector FROM Embedding LIMIT 1"
    )
    with pytest.raises(SpoolOfAnotherFitError, match="source's n is 700 there, and 701 is asked for") as caught:
        fit(con, shards=2)
    assert (caught.value.differs, caught.value.found, caught.value.expected) == ("source's n", 700, 701)


def stop(*arguments: Any, **more: Any) -> Any:
    """Ctrl-C."""
    raise KeyboardInterrupt
