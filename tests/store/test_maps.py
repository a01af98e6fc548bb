"""Maps of stored fits: made, kept, read, gone with their fit."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.core.runtime.control import Control
from sqlclust.errors import (
    DatabaseFileError,
    FitNotStoredError,
    MapMethodError,
    MapNotStoredError,
    MembersChangedError,
    OutOfMemoryError,
    SchemaOutdatedError,
    UnknownFitError,
)
from sqlclust.options import HdbscanOptions
from sqlclust.store import maps, memory
from sqlclust.store.fit import fit
from sqlclust.store.maps import MadeMap, map_of, read_map
from tests.schemas.old import OLD
from tests.small import add_embeddings, clustered

tsne = pytest.mark.pictures("openTSNE")


@pytest.fixture
def fitted(demo: apsw.Connection) -> apsw.Connection:
    """The demo rows with a result, 1, and its fit."""
    sqlclust.fit(demo, "demo", min_cluster_size=5)
    return demo


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """t-SNE of a few iterations, where it is not looked at."""
    monkeypatch.setattr("sqlclust.core.layout.tsne._EARLY", 5)
    monkeypatch.setattr("sqlclust.core.layout.tsne._ITERATIONS", 5)


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if openTSNE were not installed."""
    monkeypatch.setattr(maps, "tsne_is_installed", lambda: False)


def made(con: apsw.Connection, method: Any = "auto", **named: Any) -> MadeMap:
    return map_of(database_of(con), 1, method, **named)


def stored(con: apsw.Connection) -> list[Any]:
    return con.execute("SELECT clustering_fit_id, method, n, length(xy) FROM ClusteringFitMap").fetchall()


# --- making ----------------------------------------------------------------------------------------------------------


@tsne
def test_by_tsne_and_only_once(fitted: apsw.Connection, quick: None) -> None:
    assert read_map(database_of(fitted), 1) is None
    first = made(fitted)
    assert (first.map.method, first.is_new, first.remark) == ("t-SNE", True, "")
    assert first.map.ids == list(range(1, 41))
    assert first.map.xy.shape == (40, 2)
    assert first.map.xy.dtype == np.float32
    assert np.isfinite(first.map.xy).all()
    assert stored(fitted) == [(1, "t-SNE", 40, 320)]
    again = made(fitted)
    assert (again.is_new, again.remark) == (False, "")
    assert again.map.xy.tobytes() == first.map.xy.tobytes()
    found = read_map(database_of(fitted), 1)
    assert found is not None
    assert (found.ids, found.method) == (first.map.ids, "t-SNE")
    described = fitted.execute("SELECT parameters, versions, timings FROM ClusteringFitMap").fetchall()[0]
    parameters, versions, timings = (json.loads(str(text)) for text in described)
    assert parameters["iterations"] == 400
    assert {"openTSNE", "sqlclust", "numpy"} <= {*versions}
    assert {"load", "duplicates", "plane", "map"} == {*timings}


def test_by_pca_where_opentsne_is_not_installed(fitted: apsw.Connection, without: None) -> None:
    found = made(fitted)
    assert (found.map.method, found.is_new) == ("PCA", True)
    assert found.remark == "openTSNE is not installed: pip install 'sqlclust[pictures]'"
    again = made(fitted)
    assert (again.map.method, again.is_new, again.remark) == ("PCA", False, found.remark)
    with pytest.raises(
        MapMethodError, match=r"^no map of clustering fit 1 by t-SNE: openTSNE is not installed: pip install"
    ):
        made(fitted, "t-sne")
    assert stored(fitted) == [(1, "PCA", 40, 320)]


def test_pca_is_that_of_the_vectors_as_they_are_compared(fitted: apsw.Connection) -> None:
    found = made(fitted, "pca").map.xy
    vectors = clustered().astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    left, sizes, _ = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    assert np.abs(found) == pytest.approx(np.abs(left[:, :2] * sizes[:2]), abs=1e-5)


@tsne
def test_another_method_replaces_it_where_it_is_asked_for(
    fitted: apsw.Connection, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(maps, "tsne_is_installed", lambda: False)
        assert made(fitted).map.method == "PCA"
    assert (made(fitted).map.method, stored(fitted)) == ("t-SNE", [(1, "t-SNE", 40, 320)])
    assert made(fitted, "pca")[1:] == (True, "")
    assert stored(fitted) == [(1, "PCA", 40, 320)]
    assert made(fitted, "t-sne").is_new
    with monkeypatch.context() as patch:  # one by t-SNE that is there is good without openTSNE, too
        patch.setattr(maps, "tsne_is_installed", lambda: False)
        for method in ("auto", "t-sne"):
            assert made(fitted, method)[1:] == (False, "")


def test_not_kept(fitted: apsw.Connection) -> None:
    fitted.execute("PRAGMA query_only = 1")
    assert made(fitted, "pca", keep=False).is_new
    with pytest.raises(DatabaseFileError):
        made(fitted, "pca")
    fitted.execute("PRAGMA query_only = 0")
    assert stored(fitted) == []


# --- what it is of -------------------------------------------------------------------------------------------------------


def fresh(vectors: np.ndarray[Any, Any], ids: Sequence[Any], **options: Any) -> apsw.Connection:
    con = sqlclust.connect(":memory:")
    sqlclust.initialize(con)
    add_embeddings(con, vectors, ids=ids)
    sqlclust.fit(con, "demo", min_cluster_size=3, **options)
    return con


@pytest.mark.parametrize("method", ["pca", pytest.param("t-sne", marks=tsne)])
def test_the_order_of_rows_changes_nothing_and_neither_do_other_ids(method: str, quick: None) -> None:
    vectors = np.vstack([clustered(), clustered()[:6], 2 * clustered()[6:8]])  # parallel ones are identical, too
    n, order = len(vectors), np.random.default_rng(5).permutation(len(vectors))
    ids = [*range(1, n + 1)]
    one = made(fresh(vectors, ids), method).map
    other = made(fresh(vectors[order], [ids[row] for row in order]), method).map
    assert other.ids == one.ids
    assert other.xy.tobytes() == one.xy.tobytes()
    turned = made(fresh(vectors, [f"{n - row:03}" for row in ids]), method).map
    assert turned.xy[::-1].tobytes() == one.xy.tobytes()
    for first, second in [*zip(range(6), range(40, 46), strict=True), (6, 46), (7, 47)]:
        assert one.xy[first].tolist() == one.xy[second].tolist()
    assert len({*map(tuple, one.xy.tolist())}) == 40


@pytest.mark.parametrize("n", [2, 3, 5, 29])
def test_few_rows(n: int) -> None:
    found = made(fresh(clustered(80, noise=0)[:n], range(n)))
    assert found.map.method == "PCA"
    assert found.remark == f"it needs 30 different vectors or more, and there are {n}"
    assert np.isfinite(found.map.xy).all()
    assert len({*map(tuple, found.map.xy.tolist())}) == n


def test_all_rows_equal() -> None:
    found = made(fresh(np.ones((6, 3), dtype=np.float32), range(6))).map
    assert found.xy.tolist() == [[0.0, 0.0]] * 6


def test_numbers_that_float32_cannot_hold() -> None:
    largest = np.abs(clustered()).max()
    for scale in (3.4e38 / largest, 1e-40):
        scaled = (scale * clustered().astype(np.float64)).astype(np.float32)
        xy = made(fresh(scaled, range(40), normalize=False), "pca").map.xy
        assert np.isfinite(xy).all()
        assert np.ptp(xy, axis=0).min() > 0


@tsne
def test_a_fit_that_was_brought_up_to_date(quick: None) -> None:
    """Some of its lists are shorter than those of a fresh one. It has a map of its own."""
    con = fresh(clustered(), range(40))
    assert map_of(database_of(con), 1).is_new
    add_embeddings(con, clustered(seed=9)[:4], ids=range(40, 44))
    con.pragma("foreign_keys", False)
    con.execute("DELETE FROM Embedding WHERE id = 3")
    sqlclust.fit(con, "demo", min_cluster_size=3, update="only")
    assert con.execute("SELECT updated_from FROM ClusteringFit WHERE id = 2").get == 1
    assert read_map(database_of(con), 2) is None
    found = map_of(database_of(con), 2).map
    assert (found.method, len(found.ids)) == ("t-SNE", 43)
    assert np.isfinite(found.xy).all()


# --- what there can be none of --------------------------------------------------------------------------------------


def test_a_fit_that_is_not_stored(demo: apsw.Connection) -> None:
    fit(database_of(demo), "demo", HdbscanOptions(min_cluster_size=5), store_fit=False)
    message = r"^clustering fit 1 was made without storing its tree \(.*--no-store-fit\); fit again to have a map$"
    for ask in (lambda: made(demo), lambda: read_map(database_of(demo), 1)):
        with pytest.raises(FitNotStoredError, match=message):
            ask()


@tsne
def test_a_fit_without_its_neighbours(demo: apsw.Connection) -> None:
    fit(database_of(demo), "demo", HdbscanOptions(min_cluster_size=5), store_neighbors=False)
    found = made(demo)
    assert found.map.method == "PCA"
    assert found.remark.startswith("its neighbours were not kept (store_neighbors false, --no-neighbors, ")
    with pytest.raises(MapMethodError, match="by t-SNE: its neighbours were not kept"):
        made(demo, "t-sne")


def test_no_fit_and_no_map(fitted: apsw.Connection) -> None:
    for ask in (map_of, read_map, maps.stored_map):
        with pytest.raises(UnknownFitError, match=r"^no clustering fit 7; ids here: 1$"):
            ask(database_of(fitted), 7)
    with pytest.raises(
        MapNotStoredError, match=r"^clustering fit 1 has no map; make one: sqlclust map .* 1$"
    ) as caught:
        maps.stored_map(database_of(fitted), 1)
    assert (caught.value.clustering_fit_id, caught.value.found) == (1, None)
    made(fitted, "pca")
    message = r"^clustering fit 1 has a map by PCA, and none by t-sne; make one: sqlclust map .* 1 --method t-sne$"
    with pytest.raises(MapNotStoredError, match=message):
        maps.stored_map(database_of(fitted), 1, "t-sne")
    assert maps.stored_map(database_of(fitted), 1, "pca").method == "PCA"


def test_embeddings_that_are_others_now(fitted: apsw.Connection) -> None:
    fitted.execute("UPDATE Embedding SET vector = zeroblob(32) WHERE id = 3")
    with pytest.raises(MembersChangedError, match="embedding 3 has another vector since clustering fit 1"):
        made(fitted, "pca")
    assert stored(fitted) == []


def test_no_room(fitted: apsw.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: 100)
    with pytest.raises(
        OutOfMemoryError, match=r"^not enough memory: a map needs about .* for 40 vectors of 8 dimensions"
    ):
        made(fitted, "pca")
    assert stored(fitted) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", OLD)
def test_older_files(tmp_path: Any, number: int) -> None:
    path = tmp_path / "old.db"
    OLD[number].make(path)
    con = sqlclust.connect(str(path))
    assert read_map(database_of(con), 1) is None
    with pytest.raises(MapNotStoredError):
        con.execute("SELECT * FROM clust_map(1)").fetchall()
    with pytest.raises(SchemaOutdatedError) as caught:
        made(con)
    assert str(caught.value) == (
        f"{path} has schema version {number}, and a map needs 4; nothing was written. Run: sqlclust init {path}"
    )
    assert made(con, "pca", keep=False).map.method == "PCA"
    sqlclust.initialize(con)
    assert made(con, "pca").is_new
    con.close()


# --- stopping ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", ["duplicates", "plane", pytest.param("map", marks=tsne)])
def test_stopped_in_every_phase(fitted: apsw.Connection, phase: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the beginning of it, by an interrupt of the connection."""
    begin = Control.phase

    @contextmanager
    def noting(self: Control, name: str) -> Iterator[None]:
        if name == phase:
            fitted.interrupt()
            self._stop.wait(10)  # until whoever waits for the work has noticed
        with begin(self, name):
            yield

    monkeypatch.setattr(Control, "phase", noting)
    with pytest.raises(apsw.InterruptError):
        made(fitted, "t-sne" if phase == "map" else "pca")
    assert stored(fitted) == []
    assert not fitted.in_transaction
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("sqlclust")]


@pytest.mark.parametrize("error", ["ImportError", "ValueError", "AttributeError"])
def test_an_opentsne_that_cannot_be_imported(
    fitted: apsw.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    """It was built for another NumPy, say: that is said, and a map is by PCA."""
    (tmp_path / "openTSNE").mkdir()
    (tmp_path / "openTSNE" / "__init__.py").write_text(f"raise {error}('dtype size changed')")
    for name in [name for name in sys.modules if name.split(".")[0] == "openTSNE"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    found = made(fitted)
    assert found.map.method == "PCA"
    assert found.remark == f"openTSNE cannot be imported ({error}: dtype size changed)"
    with pytest.raises(MapMethodError, match=f"{error}: dtype size changed"):
        made(fitted, "t-sne")
