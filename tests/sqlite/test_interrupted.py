"""An interrupt ends whatever runs, in every phase; the request comes as the phase begins, whatever the speed of the machine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.core.runtime.control import Control
from sqlclust.errors import Interrupted
from sqlclust.sqlite import statements
from sqlclust.store.fits import neighbors
from sqlclust.store.fits import stored_fit as fits

pytestmark = pytest.mark.slow

POINTS = "(SELECT clust_points(id, vector) FROM Embedding)"
COMPUTING = ("duplicates", "neighbors", "spanning tree", "clusters", "medoids")
WORK: dict[str, tuple[str, tuple[str, ...]]] = {
    "clust_fit": (
        'SELECT clust_fit(\'demo\', \'{"min_cluster_size": 6, "min_samples": 3, "update": "never"}\')',
        ("hash", *COMPUTING),
    ),
    "clust_fit, approximate": ("SELECT clust_fit('demo', '{\"engine\": \"approximate\"}')", ("hash", *COMPUTING)),
    "clust_fit, again": ("SELECT clust_fit('demo', '{\"min_cluster_size\": 5}')", ("hash", "clusters", "duplicates")),
    "clust_fit, update": (
        'SELECT clust_fit(\'demo\', \'{"min_cluster_size": 4, "min_samples": 7, "downsample": 2, "update": "only"}\')',
        ("hash", "duplicates", "update", "clusters", "medoids"),
    ),
    "clust_hdbscan": (f"INSERT INTO Run (id) SELECT id FROM clust_hdbscan({POINTS})", COMPUTING),
    "clust_cut": ("SELECT clust_cut(1, '{\"min_cluster_size\": 7}')", ("clusters", "duplicates", "medoids")),
    "clust_cut, smaller min_samples": (
        "SELECT clust_cut(1, '{\"min_samples\": 2}')",
        ("duplicates", "update", "clusters", "medoids"),
    ),
    "clust_labels": ("INSERT INTO Run (id) SELECT id FROM clust_labels(1)", ("clusters", "duplicates", "medoids")),
    "clust_sweep": ("SELECT * FROM clust_sweep(1, '{}')", ("sweep",)),
    "clust_sweep, smaller min_samples": (
        "SELECT * FROM clust_sweep(1, '{\"min_samples\": [5, 1]}')",
        ("duplicates", "update", "sweep"),
    ),
    "clust_layers": ("SELECT * FROM clust_layers(1)", ("layers",)),
    "clust_neighbors": (
        f"INSERT INTO Run (id) SELECT DISTINCT id FROM clust_neighbors({POINTS})",
        ("duplicates", "neighbors"),
    ),
    "clust_predict": (
        f"INSERT INTO Run (id) SELECT id FROM clust_predict(1, {POINTS})",
        ("clusters", "duplicates", "predict"),
    ),
    "clust_nearest": ("INSERT INTO Run (id) SELECT id FROM clust_nearest(1)", ("clusters", "nearest clusters")),
}


@pytest.fixture
def fitted(demo: apsw.Connection) -> apsw.Connection:
    """The demo rows with a result, 1, and its fit."""
    sqlclust.fit(demo, "demo", min_cluster_size=5)
    return demo


def state(con: apsw.Connection) -> list[Any]:
    tables = ("ClusteringResult", "ClusteringFit", "Cluster", "EmbeddingCluster", "EmbeddingPrediction", "Run")
    return [con.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in tables]


def interrupted_at(con: apsw.Connection, monkeypatch: pytest.MonkeyPatch, name: str) -> list[str]:
    """From now on the connection is interrupted when a phase of this name begins; the phases that end since, and that one."""
    seen: list[str] = []
    phase = Control.phase

    @contextmanager
    def noting(self: Control, this: str) -> Iterator[None]:
        if this == name:
            seen.append(f"{this} begins")
            con.interrupt()
            self._stop.wait(10)  # until whoever waits for the work has noticed
        with phase(self, this):
            yield
        seen.append(this)

    monkeypatch.setattr(Control, "phase", noting)
    return seen


CASES = [(name, phase) for name, (_, phases) in WORK.items() for phase in phases]


@pytest.mark.parametrize(("name", "phase"), CASES)
def test_in_every_phase(fitted: apsw.Connection, monkeypatch: pytest.MonkeyPatch, name: str, phase: str) -> None:
    statement, _ = WORK[name]
    before = state(fitted)
    seen = interrupted_at(fitted, monkeypatch, phase)
    with pytest.raises(apsw.InterruptError):
        fitted.execute(statement).fetchall()
    assert seen[-1] == f"{phase} begins", "the phase was ended, or another one"
    monkeypatch.undo()
    assert state(fitted) == before
    assert not fitted.in_transaction
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("sqlclust")]
    fitted.execute(statement).fetchall()  # the connection goes on


def test_the_phases_are_all_there_are(fitted: apsw.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    on_the_connections_thread = {"load", "publish", "check"}
    for name, (statement, phases) in WORK.items():
        with monkeypatch.context() as patched:
            seen = interrupted_at(fitted, patched, "none")
            fitted.execute(statement).fetchall()
            fitted.execute("DELETE FROM Run")
        expected = {*phases} | ({"medoids"} if name == "clust_fit, again" else set())
        expected |= {"duplicates"} if name == "clust_nearest" else set()
        assert {*seen} - on_the_connections_thread == expected, name


STEPS: dict[str, Callable[[apsw.Connection], object]] = {
    "loading a fit": lambda con: con.execute("SELECT * FROM clust_spanning_tree(1)").fetchall(),
    "core distances": lambda con: con.execute("SELECT * FROM clust_core_distances(1)").fetchall(),
    "neighbours of a fit": lambda con: con.execute("SELECT * FROM clust_fit_neighbors(1)").fetchall(),
    "condensed tree": lambda con: con.execute("SELECT * FROM clust_condensed_tree(1)").fetchall(),
    "duplicates": lambda con: con.execute(
        f"SELECT * FROM clust_duplicates({POINTS}, '{{\"normalize\": true}}')"
    ).fetchall(),
    "lineage": lambda con: con.execute("SELECT * FROM clust_lineage(1, 1)").fetchall(),
}


@pytest.mark.parametrize("name", STEPS)
def test_work_that_has_no_phase(demo: apsw.Connection, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """At whichever look, the request ends it; ids of a fit of several types are looked at one by one."""
    demo.execute("UPDATE Embedding SET id = 'x' || id WHERE id = 40")
    sqlclust.fit(demo, "demo", min_cluster_size=5, min_samples=3)
    check = Control.check
    looks: list[int] = []
    stop_at = 0

    def counting(self: Control) -> None:
        looks.append(1)
        if len(looks) == stop_at:
            demo.interrupt()
            self._stop.wait(10)
        check(self)

    monkeypatch.setattr(Control, "check", counting)
    STEPS[name](demo)
    total = len(looks)
    assert total >= 1
    for place in {1, total // 2 + 1}:
        stop_at = place
        looks.clear()
        with pytest.raises(apsw.InterruptError):
            STEPS[name](demo)
        assert len(looks) == stop_at


def test_a_stop_is_no_damage(demo: apsw.Connection) -> None:
    demo.execute("UPDATE Embedding SET id = 'x' || id WHERE id = 40")
    sqlclust.fit(demo, "demo", min_cluster_size=5)
    [row] = statements.dict_rows(database_of(demo), "SELECT * FROM ClusteringFit")
    assert len(fits.decode({**row}).ids) == 40
    control = Control()
    control.stop()
    with pytest.raises(Interrupted):
        fits.decode(row, control)
    parts = statements.dict_rows(database_of(demo), "SELECT * FROM ClusteringFitNeighbors")
    with pytest.raises(Interrupted):
        neighbors.decode(parts, neighbors.FitRows(1, 40, 40), control)
