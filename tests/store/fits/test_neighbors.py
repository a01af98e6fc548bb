"""Neighbours kept with a fit: what is written comes back, what is damaged is an error, and they go when their fit goes."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import Any

import apsw
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.core.neighbors.k_nearest_lists import KNearestLists
from sqlclust.errors import AlteredError, FitDamagedError, NeighborsNotStoredError
from sqlclust.options import HdbscanOptions
from sqlclust.store.fit import fit
from sqlclust.store.fits import loading, neighbors
from sqlclust.store.fits.neighbors import FitNeighbors, FitRows, decode, to_parts
from sqlclust.store.results.listing import delete_result
from tests.extension import originals
from tests.small import add_embeddings, clustered
from tests.store.sources.in_place import copied, host_table

FIVE = HdbscanOptions(min_cluster_size=5)
PARTS = "SELECT count(*) FROM ClusteringFitNeighbors"


@st.composite
def kept(draw: st.DrawFn) -> FitNeighbors:
    """Neighbours as an update may leave them: lists of any length, ties among them, vectors that many rows have."""
    m = draw(st.integers(1, 9))
    row_vectors = draw(st.permutations([*range(m), *draw(st.lists(st.integers(0, m - 1), max_size=9))]))
    indices: list[int] = []
    squared: list[float] = []
    starts = [0]
    for vector in range(m):
        others = (
            draw(st.lists(st.sampled_from([v for v in range(m) if v != vector] or [0]), unique=True)) if m > 1 else []
        )
        distances = st.sampled_from([0.0, 1.0]) | st.floats(0, allow_infinity=False)
        listed = sorted((draw(distances), other) for other in others)
        squared += [distance for distance, _ in listed]
        indices += [other for _, other in listed]
        starts.append(len(indices))
    counts = np.bincount(row_vectors, minlength=m)
    lists = KNearestLists(
        counts, np.array(starts), np.array(indices, dtype=np.int32), np.array(squared, dtype=np.float64)
    )
    hashes = draw(st.lists(st.integers(0, 2**64 - 1), min_size=len(row_vectors), max_size=len(row_vectors)))
    exponent = draw(st.integers(-78, 149))
    return FitNeighbors(np.array(row_vectors, dtype=np.int32), np.array(hashes, dtype=np.uint64), lists, exponent)


@settings(max_examples=200)
@given(kept(), st.integers(1, 20), st.integers(1, 20))
def test_what_is_written_comes_back(found: FitNeighbors, rows: int, listed: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbors, "_ROWS", rows)
        patch.setattr(neighbors, "_NEIGHBORS", listed)
        parts = [vars(part) for part in to_parts(found)]
    n, m = len(found.row_vectors), len(found.lists.counts)
    assert len(parts) >= max(math.ceil(n / rows), math.ceil(m / rows))
    assert all(part["n"] <= rows and part["n_distinct"] <= rows for part in parts)
    assert all(part["n_neighbors"] <= listed or part["n_distinct"] == 1 for part in parts)
    back = decode(parts, FitRows(1, n, m))
    assert back.exponent == found.exponent
    for one, other in zip((*back.lists, *vars(back).values()), (*found.lists, *vars(found).values()), strict=True):
        if isinstance(one, np.ndarray):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)


@pytest.fixture
def fitted(demo: apsw.Connection) -> apsw.Connection:
    """The demo rows with a stored fit, 1, ids of every type, and five rows that have the vector of another."""
    demo.execute("UPDATE Embedding SET id = 'a' || id WHERE id < 10")
    demo.execute("UPDATE Embedding SET id = CAST('b' || id AS BLOB) WHERE id BETWEEN 10 AND 19")
    demo.execute("UPDATE Embedding SET id = id + 0.5 WHERE id BETWEEN 20 AND 29")
    demo.execute(
        "UPDATE Embedding SET vector = (SELECT vector FROM Embedding WHERE id = 35) WHERE typeof(id) = 'integer' AND id > 35"
    )
    fit(database_of(demo), "demo", FIVE)
    return demo


def of_fit(con: apsw.Connection, fit_id: int = 1) -> FitNeighbors:
    found = loading.load_neighbors(database_of(con), loading.load(database_of(con), fit_id))
    assert found is not None
    return found


def test_what_a_fit_keeps(fitted: apsw.Connection) -> None:
    found = of_fit(fitted)
    vectors = [vector for (vector,) in fitted.execute("SELECT vector FROM Embedding ORDER BY id")]
    assert found.row_hashes.tolist() == [int.from_bytes(hashlib.sha256(v).digest()[:8], "little") for v in vectors]
    assert len({*zip(vectors, found.row_vectors.tolist(), strict=True)}) == len({*vectors}) == 35
    assert found.lists.counts.tolist() == np.bincount(found.row_vectors).tolist()
    assert found.lists.lengths().tolist() == [10] * 35
    assert found.exponent == 0
    rows = fitted.execute("SELECT * FROM clust_fit_neighbors(1)").fetchall()
    handle = "(SELECT clust_points(id, vector) FROM Embedding)"
    assert rows == fitted.execute(f"SELECT * FROM clust_neighbors({handle}, '{{\"k\": 10}}')").fetchall()
    assert len(rows) == 400


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("engine", ["exact", "approximate"])
@pytest.mark.parametrize("factor", [1.0, 2.0**90, 2.0**-90])
def test_distances_are_in_the_metric(con: apsw.Connection, metric: str, engine: str, factor: float) -> None:
    sqlclust.initialize(con)
    add_embeddings(con, clustered(60) * np.float32(factor))
    sqlclust.fit(con, "demo", min_samples=3, metric=metric, normalize=False, engine=engine)
    rows = con.execute("SELECT * FROM clust_fit_neighbors(1)").fetchall()
    options = f'{{"k": 8, "normalize": false, "metric": "{metric}"}}'
    exact = con.execute(
        "SELECT * FROM clust_neighbors((SELECT clust_points(id, vector) FROM Embedding), ?)", (options,)
    ).fetchall()
    assert [row[:3] for row in rows] == [row[:3] for row in exact]
    distances = [np.array([row[3] for row in found], dtype=np.float64) for found in (rows, exact)]
    np.testing.assert_allclose(distances[0], distances[1], rtol=0 if engine == "exact" else 1e-4)


def test_of_a_source_they_are_those_of_a_copy(con: apsw.Connection) -> None:
    ids, vectors = [f"k{i:02}" for i in range(40)], clustered(40)
    host_table(con, ids, [vector.tobytes() for vector in vectors])
    own = copied(ids, vectors)
    for each in (con, own):
        sqlclust.fit(each, "docs", min_cluster_size=5)
    for sql in ("SELECT * FROM ClusteringFitNeighbors", "SELECT * FROM clust_fit_neighbors(1)"):
        assert con.execute(sql).fetchall() == own.execute(sql).fetchall() != []


def test_in_many_parts(demo: apsw.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    fit(database_of(demo), "demo", FIVE)
    whole = demo.execute("SELECT * FROM clust_fit_neighbors(1)").fetchall()
    monkeypatch.setattr(neighbors, "_ROWS", 11)
    monkeypatch.setattr(neighbors, "_NEIGHBORS", 30)
    delete_result(database_of(demo), 1)
    fit(database_of(demo), "demo", FIVE)
    assert demo.execute(PARTS).get == 14
    assert demo.execute("SELECT * FROM clust_fit_neighbors(2)").fetchall() == whole


# --- not kept, and gone ------------------------------------------------------------------------------------------------


@originals()
def test_none_are_kept(demo: apsw.Connection) -> None:
    fit(database_of(demo), "demo", FIVE, store_neighbors=False)
    fit(database_of(demo), "demo", HdbscanOptions(min_samples=2), store_fit=False)
    assert demo.execute(PARTS).get == 0
    with pytest.raises(NeighborsNotStoredError) as caught:
        demo.execute("SELECT * FROM clust_fit_neighbors(1)").fetchall()
    assert str(caught.value) == (
        "clustering fit 1 was stored without its neighbours (store_neighbors false, --no-neighbors, or by an earlier version); "
        "delete it and fit again, or use clust_neighbors"
    )
    assert caught.value.clustering_fit_id == 1
    again = fit(database_of(demo), "demo", FIVE)  # of the same rows: used as it is
    assert demo.execute("SELECT clustering_fit_id FROM ClusteringResult WHERE id = ?", (again,)).get == 1
    assert demo.execute(PARTS).get == 0
    assert demo.execute("SELECT clust_cut(1)").get == again + 1
    assert sqlclust.doctor(demo).findings == []


@pytest.mark.parametrize("foreign_keys", [True, False])
def test_they_go_with_the_last_result_of_their_fit(fitted: apsw.Connection, foreign_keys: bool) -> None:
    fit(database_of(fitted), "demo", HdbscanOptions(min_cluster_size=5, min_samples=2))
    cut = fitted.execute("SELECT clust_cut(1)").get
    fitted.pragma("foreign_keys", foreign_keys)
    assert fitted.execute(PARTS).get == 2
    delete_result(database_of(fitted), 1)
    assert fitted.execute(PARTS).get == 2
    delete_result(database_of(fitted), cut)
    assert fitted.execute("SELECT clustering_fit_id FROM ClusteringFitNeighbors").fetchall() == [(2,)]


def test_they_go_with_their_fit(fitted: apsw.Connection) -> None:
    fitted.execute("DELETE FROM ClusteringFit")
    assert fitted.execute(PARTS).get == 0


def test_a_trigger_that_keeps_them_is_an_error(fitted: apsw.Connection) -> None:
    fitted.execute(
        "CREATE TRIGGER trap BEFORE DELETE ON ClusteringFitNeighbors BEGIN SELECT raise(IGNORE); END; "
        "PRAGMA foreign_keys = OFF"
    )
    with pytest.raises(AlteredError, match=r"^ClusteringFitNeighbors has 1 of the deleted fit's parts, expected 0: "):
        delete_result(database_of(fitted), 1)
    assert fitted.execute(
        "SELECT (SELECT count(*) FROM ClusteringFit), (SELECT count(*) FROM ClusteringResult)"
    ).fetchall() == [(1, 1)]


# --- damage ------------------------------------------------------------------------------------------------------------


def numbers(column: str, kind: str, change: Callable[[Any], None]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A BLOB with some of its numbers changed."""

    def changed(row: dict[str, Any]) -> dict[str, Any]:
        values = np.frombuffer(row[column], dtype=kind).copy()
        change(values)
        return {column: values.tobytes()}

    return changed


def put(place: Any, value: Any) -> Callable[[Any], None]:
    return lambda values: values.__setitem__(place, value)


def swap_first(values: Any) -> None:
    values[[0, 1]] = values[[1, 0]]


DAMAGES: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any]], str]] = {
    "a part that is missing": (lambda row: {"part": 1}, "part 0 of its neighbours is missing"),
    "an exponent of no float32": (lambda row: {"exponent": 2000}, "exponent"),
    "n negative": (lambda row: {"n": -1}, "no counts"),
    "n beyond memory": (lambda row: {"n": 2**62}, "another length"),
    "rows truncated": (lambda row: {"row_vectors": row["row_vectors"][:-4]}, "another length"),
    "other rows": (
        lambda row: {"n": 39, "row_vectors": row["row_vectors"][4:], "row_hashes": row["row_hashes"][8:]}, "of other rows",
    ),
    "hashes truncated": (lambda row: {"row_hashes": row["row_hashes"][:-1]}, "another length"),
    "a vector below": (numbers("row_vectors", "<i4", put(0, -1)), "vectors that are not there"),
    "a vector beyond": (numbers("row_vectors", "<i4", put(0, 35)), "vectors that are not there"),
    "a vector of no row": (numbers("row_vectors", "<i4", put(slice(None), 0)), "other counts than rows"),
    "counts of others": (numbers("counts", "<i4", put(0, 77)), "other counts than rows"),
    "a list of less": (numbers("list_lengths", "<i4", put(0, 9)), "another length than its lists"),
    "a list of less than nothing": (
        numbers("list_lengths", "<i4", put(slice(0, 2), [-1, 21])), "another length than its lists",
    ),
    "neighbours truncated": (lambda row: {"neighbors": row["neighbors"][4:]}, "another length"),
    "a neighbour below": (numbers("neighbors", "<i4", put(5, -1)), "vectors that are not there"),
    "a neighbour beyond": (numbers("neighbors", "<i4", put(5, 35)), "vectors that are not there"),
    "its own neighbour": (numbers("neighbors", "<i4", put(0, 0)), "its own neighbour"),
    "a neighbour twice": (numbers("neighbors", "<i4", lambda values: put(0, values[3])(values)), "a neighbour twice"),
    "distances truncated": (lambda row: {"squared_distances": row["squared_distances"][:-8]}, "another length"),
    "a distance NaN": (numbers("squared_distances", "<f8", put(-1, math.nan)), "squared distances are none"),
    "a distance infinite": (numbers("squared_distances", "<f8", put(9, math.inf)), "squared distances are none"),
    "a distance negative": (numbers("squared_distances", "<f8", put(0, -1.0)), "squared distances are none"),
    "distances descending": (numbers("squared_distances", "<f8", swap_first), "not in order"),
    "ties descending": (
        lambda row: {
            **numbers("squared_distances", "<f8", put(slice(0, 10), 1.0))(row),
            **numbers("neighbors", "<i4", put(slice(0, 10), np.arange(20, 10, -1)))(row),
        },
        "not in order",
    ),
}  # fmt: skip


@originals()
@pytest.mark.parametrize("name", DAMAGES)
def test_what_is_damaged_is_an_error(fitted: apsw.Connection, name: str) -> None:
    change, reason = DAMAGES[name]
    cursor = fitted.execute("SELECT * FROM ClusteringFitNeighbors")
    columns = [column for column, _ in cursor.get_description()]
    row = dict(zip(columns, cursor.fetchall()[0], strict=True))
    fitted.pragma("ignore_check_constraints", True)
    for column, value in change(row).items():
        assert value != row[column]
        fitted.execute(f"UPDATE ClusteringFitNeighbors SET {column} = ?", (value,))
    with pytest.raises(FitDamagedError, match=f"^clustering fit 1 is damaged: .*{reason}"):
        fitted.execute("SELECT * FROM clust_fit_neighbors(1)").fetchall()
    assert "damaged-neighbors" in {finding.finding for finding in sqlclust.doctor(fitted).findings}
    assert fitted.execute("SELECT clust_cut(1)").get == 2  # which needs none


@originals()
def test_a_part_of_another_exponent(fitted: apsw.Connection) -> None:
    fitted.execute(
        "INSERT INTO ClusteringFitNeighbors SELECT clustering_fit_id, 1, 7, 0, 0, 0, x'', x'', x'', x'', x'', x'' "
        "FROM ClusteringFitNeighbors"
    )
    with pytest.raises(FitDamagedError, match="exponent"):
        of_fit(fitted)
