"""A stored fit cut with another min_samples is a fresh fit with it, to the last bit; and it is said where that cannot be had."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import apsw
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sqlclust
from sqlclust.core.update.updating import updated
from sqlclust.store import min_samples as room
from tests.core.update.test_updating import DATA, POOL, Make
from tests.small import add_embeddings, clustered
from tests.store.left import counts, fit_ids, result_rows
from tests.store.looked import LABELS, SWEEP, TREE, rows

FIT = """
SELECT embedding_model, selection, metric, normalize, min_samples, alpha, engine, recall, seed, n, n_distinct, dimension,
       corpus_hash, versions ->> 'sqlclust', row_ids, row_checks, core_distances, spanning_tree
FROM ClusteringFit WHERE id = ?
"""
NEIGHBORS = """
SELECT part, exponent, n, n_distinct, n_neighbors, row_vectors, row_hashes, counts, list_lengths, neighbors, squared_distances
FROM ClusteringFitNeighbors WHERE clustering_fit_id = ? ORDER BY part
"""
OF_FIT = (
    "SELECT * FROM clust_core_distances(?)", "SELECT * FROM clust_spanning_tree(?)", "SELECT * FROM clust_layers(?)",
    "SELECT * FROM clust_fit_neighbors(?)",
)  # fmt: skip


def opened(vectors: np.ndarray[Any, Any], **more: Any) -> apsw.Connection:
    con = sqlclust.connect(":memory:")
    sqlclust.initialize(con)
    add_embeddings(con, vectors, **more)
    return con


def is_unusable(vectors: np.ndarray[Any, Any], settled: dict[str, Any]) -> bool:
    """Whether a vector has no direction, and the settings need one."""
    return (settled["normalize"] or settled["metric"] == "cosine") and not np.abs(vectors).sum(axis=1).all()


SETTLED = st.fixed_dictionaries(
    {
        "metric": st.sampled_from(["euclidean", "cosine"]),
        "normalize": st.booleans(),
        "alpha": st.sampled_from([1.0, 1.0, 0.7]),
    }
)
CUTTING = st.fixed_dictionaries(
    {"min_cluster_size": st.sampled_from([2, 3, 5, 8])},
    optional={
        "cluster_selection_epsilon": st.sampled_from([0.0, 0.05, 0.4]),
        "cluster_selection_method": st.sampled_from(["eom", "leaf"]),
        "allow_single_cluster": st.booleans(),
    },
)


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(
    make=st.sampled_from(DATA),
    seed=st.integers(0, 10_000),
    n=st.integers(2, 70),
    fitted=st.integers(1, 12),
    wanted=st.integers(1, 12),
    settled=SETTLED,
    cutting=CUTTING,
    downsample=st.sampled_from([1, 1, 2]),
)
def test_a_smaller_one_is_a_fresh_fit(
    make: Make,
    seed: int,
    n: int,
    fitted: int,
    wanted: int,
    settled: dict[str, Any],
    cutting: dict[str, Any],
    downsample: int,
) -> None:
    random = np.random.default_rng(seed)
    vectors = make(random)[random.integers(POOL, size=n * downsample)]
    if is_unusable(vectors, settled):
        return
    fitted, wanted = max(fitted, wanted), min(fitted, wanted)
    ids = random.permutation(1000)[: len(vectors)].tolist()
    options, settled = {**cutting, "min_samples": wanted}, {**settled, "downsample": downsample}
    with closing(opened(vectors, ids=ids)) as con, closing(opened(vectors, ids=ids)) as other:
        sqlclust.fit(con, "demo", min_samples=fitted, **settled)
        sqlclust.fit(other, "demo", **settled, **options)
        looked = {sql: rows(con, sql, 1, options) for sql in (LABELS, SWEEP, TREE)}
        assert looked == {sql: rows(other, sql, 1, cutting) for sql in looked}
        assert counts(con)[:2] == [1, 1]
        result = con.execute("SELECT clust_cut(1, ?)", (json.dumps(options),)).get
        assert result == 2
        [_, fit_id] = fit_ids(con)
        assert fit_id == (1 if min(fitted, n - 1) == min(wanted, n - 1) else 2)
        assert result_rows(con, 2) == result_rows(other, 1) == looked[LABELS]
        parameters = "SELECT parameters FROM ClusteringResult WHERE id = ?"
        assert rows(con, parameters, 2) == rows(other, parameters, 1)
        for sql in (FIT, NEIGHBORS, *OF_FIT):
            assert rows(con, sql, fit_id) == rows(other, sql, 1), sql


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[apsw.Connection, apsw.Connection]]:
    """A result cut with min_samples 3 from a fit with 8, result 2, and one of a fresh fit with 3, result 1."""
    vectors = clustered(120, clusters=4, noise=8, dimension=16)
    vectors[:112] += 0.15 * np.random.default_rng(1).normal(size=(112, 16)).astype(np.float32)
    vectors[20:25] = vectors[19]
    con, fresh = opened(vectors), opened(vectors)
    sqlclust.fit(con, "demo", min_cluster_size=8)
    con.execute('SELECT clust_cut(1, \'{"min_samples": 3, "min_cluster_size": 8}\')').fetchall()
    sqlclust.fit(fresh, "demo", min_cluster_size=8, min_samples=3)
    yield con, fresh
    con.close()
    fresh.close()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id, nearest_label, strength FROM clust_nearest({result})",
        'SELECT id, nearest_label, strength FROM clust_nearest({result}, \'{{"rows": "all"}}\')',
        """SELECT id, label, probability FROM clust_predict({result},
           (SELECT clust_points(id, clust_normalize(vector)) FROM Embedding WHERE id % 3 = 0))""",
    ],
)
def test_what_goes_on_from_it_is_that_of_a_fresh_fit(both: tuple[apsw.Connection, apsw.Connection], sql: str) -> None:
    con, fresh = both
    found = rows(con, sql.format(result=2))
    assert found == rows(fresh, sql.format(result=1))
    assert found != rows(con, sql.format(result=1))


def test_its_fit_says_what_it_was_made_from(both: tuple[apsw.Connection, apsw.Connection]) -> None:
    con, fresh = both
    of_fits = "SELECT id, min_samples, updated_from FROM ClusteringFit"
    assert rows(con, of_fits) == [(1, 8, None), (2, 3, 1)]
    assert rows(fresh, of_fits) == [(1, 3, None)]
    [timings] = (json.loads(text) for (text,) in rows(con, "SELECT timings FROM ClusteringFit WHERE id = 2"))
    assert {"load", "duplicates", "update", "clusters", "publish"} <= {*timings}
    assert "neighbors" not in timings
    assert rows(con, "SELECT * FROM clust_doctor() WHERE severity = 'error'") == []


def test_it_is_stored_once(both: tuple[apsw.Connection, apsw.Connection], monkeypatch: pytest.MonkeyPatch) -> None:
    con, _ = both
    for function in ("with_neighbors", "updated"):  # nothing is made again
        monkeypatch.delattr(room, function)
    again = con.execute('SELECT clust_cut(1, \'{"min_samples": 3, "min_cluster_size": 8}\')').get
    assert rows(con, "SELECT clustering_fit_id FROM ClusteringResult WHERE id = ?", again) == [(2,)]
    assert result_rows(con, int(str(again))) == result_rows(con, 2)
    assert rows(con, SWEEP, 1, {"min_samples": [8, 3]})
    assert rows(con, TREE, 1, {"min_samples": 3}) == rows(con, TREE, 2, {})
    con.execute("DELETE FROM ClusteringResult WHERE id = ?", (again,))


def test_a_fresh_fit_uses_it_again(demo: apsw.Connection) -> None:
    sqlclust.fit(demo, "demo", min_cluster_size=5)
    demo.execute("SELECT clust_cut(1, '{\"min_samples\": 2}')").fetchall()
    sqlclust.fit(demo, "demo", min_cluster_size=5, min_samples=2)
    assert fit_ids(demo) == [1, 2, 2]


def test_one_is_cut_from_the_other(demo: apsw.Connection) -> None:
    """A fit that was made from another keeps what a fresh one keeps; and stays when that one goes."""
    sqlclust.fit(demo, "demo", min_cluster_size=5)
    demo.execute("SELECT clust_cut(1, '{\"min_samples\": 4}')").fetchall()
    demo.execute("DELETE FROM ClusteringFit WHERE id = 1")
    assert rows(demo, "SELECT id, updated_from FROM ClusteringFit") == [(2, None)]
    assert rows(demo, "SELECT clust_cut(2, '{\"min_samples\": 1}')") == [(3,)]
    assert rows(demo, "SELECT id, min_samples, updated_from FROM ClusteringFit") == [(2, 4, None), (3, 1, 2)]


def test_it_does_not_say_what_changed_when_the_fit_before_was_made(demo: apsw.Connection) -> None:
    sqlclust.fit(demo, "demo", min_cluster_size=5, where="id > 3")
    sqlclust.fit(demo, "demo", min_cluster_size=5, update="only")
    demo.execute("SELECT clust_cut(2, '{\"min_samples\": 2}')").fetchall()
    changes = "SELECT id, timings ->> '$.measured.changes.new', updated_from FROM ClusteringFit WHERE id > 1"
    assert rows(demo, changes) == [(2, 3, 1), (3, 0, 2)]


def test_no_more_than_there_are_other_rows(con: apsw.Connection) -> None:
    add_embeddings(con, clustered(6, clusters=2, noise=0))
    sqlclust.fit(con, "demo", min_samples=50)
    assert (
        rows(con, LABELS, 1, {"min_samples": 50})
        == rows(con, LABELS, 1, {"min_samples": 5})
        == rows(con, LABELS, 1, {})
    )
    assert rows(con, "SELECT min_samples FROM clust_sweep(1, '{\"min_samples\": [100, 5, 4, null]}')") == [
        (5,),
        (5,),
        (4,),
        (5,),
    ]


@pytest.mark.parametrize("alpha", [1.0, 1.5])
def test_rows_that_are_all_the_same(alpha: float) -> None:
    """Of one vector there are no neighbours, and none are needed."""
    vectors: Any = np.ones((9, 3), dtype=np.float32)
    settled: dict[str, Any] = {"alpha": alpha, "min_cluster_size": 3}
    with closing(opened(vectors)) as con, closing(opened(vectors)) as fresh:
        sqlclust.fit(con, "demo", min_samples=4, **settled)
        sqlclust.fit(fresh, "demo", min_samples=2, **settled)
        con.execute('SELECT clust_cut(1, \'{"min_samples": 2, "min_cluster_size": 3}\')').fetchall()
        assert result_rows(con, 2) == result_rows(fresh, 1)
        for sql in (FIT, NEIGHBORS):
            assert rows(con, sql, 2) == rows(fresh, sql, 1)


# --- sweep ----------------------------------------------------------------------------------------------------------


def test_a_sweep_goes_over_min_samples(both: tuple[apsw.Connection, apsw.Connection]) -> None:
    con, fresh = both
    sizes = {"min_cluster_size": [5, 8]}
    swept = rows(con, SWEEP, 1, {"min_samples": [8, 5, 3], **sizes})
    assert [row[:2] for row in swept] == [(k, size) for k in (8, 5, 3) for size in (5, 8)]
    assert [row[:-1] for row in swept[4:]] == [row[:-1] for row in rows(fresh, SWEEP, 1, sizes)]
    assert [row[:-1] for row in swept[:2]] == [row[:-1] for row in rows(con, SWEEP, 1, sizes)]
    turned = rows(con, SWEEP, 1, {**sizes, "min_samples": [8, 5, 3]})
    assert [row[:2] for row in turned] == [(k, size) for size in (5, 8) for k in (8, 5, 3)]
    assert {row[:-1] for row in turned} == {row[:-1] for row in swept}
    labels = {k: [row[1] for row in rows(con, LABELS, 1, {"min_samples": k, "min_cluster_size": 5})] for k in (8, 5)}
    pairs = json.dumps(list(zip(labels[8], labels[5], strict=True)))
    [(agreement,)] = rows(con, "SELECT clust_ari(value ->> 0, value ->> 1) FROM json_each(?)", pairs)
    assert turned[1][-1] == agreement < 1


def test_a_sweep_makes_a_tree_once(
    both: tuple[apsw.Connection, apsw.Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, real = [], updated

    def counted(old: Any, points: Any, place: Any, parameters: Any, control: Any) -> Any:
        made.append(parameters.min_samples)
        return real(old, points, place, parameters, control)

    monkeypatch.setattr(room, "updated", counted)
    rows(both[0], SWEEP, 1, {"min_cluster_size": [5, 6], "min_samples": [8, 5, 3, 5, 2]})
    assert made == [5, 2]
