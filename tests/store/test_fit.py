"""What a fit stores, and what it refuses before anything is written."""

from __future__ import annotations

import json
import re
import time
from importlib.metadata import version

import apsw
import numpy as np
import pytest

import sqlclust
from sqlclust.errors import (
    FilterError,
    OutOfMemoryError,
    SchemaMissingError,
    TooFewRowsError,
    TopLevelOnlyError,
    UnknownModelError,
    ZeroVectorError,
)
from tests.small import add_embeddings, blob, clustered
from tests.store.left import assert_nothing_written, counts, row

# --- what is stored --------------------------------------------------------------------------------------------


def test_parameters_are_complete_and_as_they_ran(demo: apsw.Connection) -> None:
    result = row(demo, "ClusteringResult", sqlclust.fit(demo, "demo", cluster_selection_epsilon=0.4))
    assert json.loads(result["parameters"]) == {
        "min_cluster_size": 5,
        "cluster_selection_epsilon": 0.4,
        "cluster_selection_method": "eom",
        "cluster_selection_persistence": 0.0,
        "max_cluster_size": 0,
        "allow_single_cluster": False,
        "min_samples": 5,
        "alpha": 1.0,
        "metric": "euclidean",
        "normalize": True,
        "engine": "exact",
        "downsample": 1,
        "seed": 0,
    }
    assert (result["embedding_model"], result["algorithm"]) == ("demo", "hdbscan")


def test_parameters_give_the_same_result_again(demo: apsw.Connection) -> None:
    first = sqlclust.fit(demo, "demo", min_samples=3, downsample=2, where="id <> 5", normalize=False, metric="cosine")
    parameters = json.loads(row(demo, "ClusteringResult", first)["parameters"])
    assert parameters["where"] == "id <> 5"
    second = sqlclust.fit(demo, "demo", **parameters)
    rows = "SELECT embedding_id, label, probability, outlier_score FROM EmbeddingCluster WHERE clustering_result_id = ?"
    assert demo.execute(rows, (first,)).fetchall() == demo.execute(rows, (second,)).fetchall()
    assert first != second


def test_the_fit_is_described(demo: apsw.Connection) -> None:
    add_embeddings(demo, clustered()[[0, 0, 1]] * 2, ids=["x", "y", "z"])  # the same directions
    result = row(demo, "ClusteringResult", sqlclust.fit(demo, "demo", min_samples=4, alpha=2))
    fit = row(demo, "ClusteringFit", result["clustering_fit_id"])
    described = {name: fit[name] for name in ("embedding_model", "metric", "normalize", "min_samples", "alpha")}
    assert described == {"embedding_model": "demo", "metric": "euclidean", "normalize": 1, "min_samples": 4, "alpha": 2}
    assert (fit["engine"], fit["recall"], fit["seed"]) == ("exact", 1.0, 0)
    assert (fit["n"], fit["n_distinct"], fit["dimension"]) == (43, 40, 8)
    assert re.fullmatch("[0-9a-f]{64}", fit["corpus_hash"])
    assert json.loads(fit["selection"]) == {"where": None, "downsample": 1}
    assert json.loads(fit["versions"]) == {
        "sqlclust": sqlclust.__version__,
        "hdbscan": version("hdbscan"),
        "numpy": np.__version__,
        "apsw": apsw.apsw_version(),
        "sqlite": apsw.sqlite_lib_version(),
    }


def test_times(demo: apsw.Connection) -> None:
    before = time.perf_counter()
    result = row(demo, "ClusteringResult", sqlclust.fit(demo, "demo"))
    took = time.perf_counter() - before
    timings = json.loads(row(demo, "ClusteringFit", result["clustering_fit_id"])["timings"])
    assert list(timings) == [
        "load",
        "hash",
        "duplicates",
        "neighbors",
        "spanning tree",
        "clusters",
        "medoids",
        "publish",
    ]
    assert all(0 <= seconds <= took for seconds in timings.values())
    assert sum(timings.values()) <= took + 0.001
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.fullmatch(stamp, result["started_at"])
    assert re.fullmatch(stamp, result["completed_at"])
    assert result["started_at"] <= result["completed_at"]
    duration = demo.execute("SELECT duration FROM ClusteringSummary").get
    assert 0 <= duration <= took + 0.002


def test_rows_keep_the_types_of_their_ids(con: apsw.Connection) -> None:
    ids: list[int | float | str | bytes] = [3, -(2**63), 2.5, "3", "é", "0688868048517e121234567890123456", b"", b"3"]
    add_embeddings(con, clustered(8, clusters=2, noise=0), ids=ids)
    result = sqlclust.fit(con, "demo", min_cluster_size=2)
    rows = con.execute(
        "SELECT typeof(embedding_id), embedding_id, label, probability FROM EmbeddingCluster ORDER BY embedding_id"
    ).fetchall()
    expected = con.execute("SELECT typeof(id), id FROM Embedding ORDER BY id").fetchall()
    assert [found[:2] for found in rows] == expected
    for table, columns in (("EmbeddingCluster", "label"), ("Cluster", "size"), ("ClusteringFit", "n_distinct")):
        assert con.execute(f"SELECT DISTINCT typeof({columns}) FROM {table}").fetchall() == [("integer",)]
    assert con.execute("SELECT count(*) FROM pragma_foreign_key_check").get == 0
    assert con.execute("SELECT count(*) FROM Cluster WHERE clustering_result_id = ?", (result,)).get >= 1


def test_two_rows_are_enough(con: apsw.Connection) -> None:
    add_embeddings(con, clustered(2, clusters=2, noise=0))
    sqlclust.fit(con, "demo")
    assert counts(con) == [1, 1, 0, 2]


def test_all_equal(con: apsw.Connection) -> None:
    add_embeddings(con, np.ones((20, 3), dtype=np.float32))
    sqlclust.fit(con, "demo")
    assert con.execute("SELECT DISTINCT label, probability, outlier_score FROM EmbeddingCluster").fetchall() == [
        (-1, 0, 0)
    ]
    assert counts(con)[2] == 0
    sqlclust.fit(con, "demo", allow_single_cluster=True)
    assert con.execute("SELECT label, medoid_embedding_id, size, persistence FROM Cluster").fetchall() == [
        (0, 1, 20, 1.0)
    ]


@pytest.mark.parametrize("epsilon", [1e-6, 0.5, 3.0])
@pytest.mark.parametrize("method", ["eom", "leaf"])
def test_clusters_of_nobody_publish(demo: apsw.Connection, epsilon: float, method: str) -> None:
    sqlclust.fit(
        demo,
        "demo",
        min_cluster_size=15,
        allow_single_cluster=True,
        cluster_selection_epsilon=epsilon,
        cluster_selection_method=method,
    )
    assert counts(demo)[3] == 40


def test_the_medoid_is_the_smallest_id_of_identical_rows(con: apsw.Connection) -> None:
    vectors = np.repeat(np.eye(2, 4, dtype=np.float32), 6, axis=0)
    add_embeddings(con, vectors, ids=["d", 9, "b", 2.5, b"a", "c", 8, "f", 7, "e", b"", "g"])
    sqlclust.fit(con, "demo", min_samples=2)
    assert sorted(r[0] for r in con.execute("SELECT medoid_embedding_id FROM Cluster")) == [2.5, 7]


# --- errors, before anything is written ------------------------------------------------------------------------


def test_no_tables() -> None:
    with pytest.raises(
        SchemaMissingError, match=r"^this database has no sqlclust tables; run: sqlclust init FILE\.db$"
    ):
        sqlclust.fit(sqlclust.connect(":memory:"), "demo")


@pytest.mark.parametrize("n", [1, 2])
def test_too_few_rows(con: apsw.Connection, n: int) -> None:
    add_embeddings(con, clustered(n, noise=0))
    with pytest.raises(TooFewRowsError) as caught:
        sqlclust.fit(con, "demo", where=None if n == 1 else "id = 1")
    kept = "" if n == 1 else " after the filter and downsampling"
    assert str(caught.value) == f"embedding model 'demo' has 1 row{kept}, expected at least 2 to cluster"
    with pytest.raises(TooFewRowsError, match="has 0 rows after the filter and downsampling"):
        sqlclust.fit(con, "demo", where="0")
    assert_nothing_written(con)


def test_other_errors_write_nothing(demo: apsw.Connection) -> None:
    with pytest.raises(UnknownModelError):
        sqlclust.fit(demo, "other")
    with pytest.raises(FilterError):
        sqlclust.fit(demo, "demo", where="1) OR (1")
    demo.execute("UPDATE Embedding SET vector = zeroblob(32) WHERE id = 9")
    with pytest.raises(ZeroVectorError, match=r"^embedding 9 is a zero vector"):
        sqlclust.fit(demo, "demo")
    assert_nothing_written(demo)
    sqlclust.fit(demo, "demo", normalize=False)


def test_inside_a_transaction(demo: apsw.Connection) -> None:
    demo.execute("BEGIN")
    with pytest.raises(TopLevelOnlyError, match="COMMIT first, then call it alone"):
        sqlclust.fit(demo, "demo")
    demo.execute("COMMIT")
    with pytest.raises(TopLevelOnlyError), demo:
        sqlclust.fit(demo, "demo")
    cursor = demo.execute("SELECT id FROM Embedding")  # a statement that is still reading
    with pytest.raises(TopLevelOnlyError):
        sqlclust.fit(demo, "demo")
    cursor.close()
    assert_nothing_written(demo)
    sqlclust.fit(demo, "demo")


def test_out_of_memory(demo: apsw.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise MemoryError("Unable to allocate 8.00 TiB for an array")

    monkeypatch.setattr("sqlclust.store.making.cluster", exhausted)
    with pytest.raises(
        OutOfMemoryError, match=r"^not enough memory: Unable to allocate 8\.00 TiB for an array; nothing"
    ):
        sqlclust.fit(demo, "demo")
    assert_nothing_written(demo)


def test_vectors_that_do_not_fit_each_other(demo: apsw.Connection) -> None:
    demo.execute("INSERT INTO Embedding (id, embedding_model, vector) VALUES ('short', 'demo', ?)", (blob(1, 2),))
    with pytest.raises(sqlclust.SqlclustError, match=r"^embedding 'short' has 2 dimensions, expected 8$"):
        sqlclust.fit(demo, "demo")
    assert_nothing_written(demo)
