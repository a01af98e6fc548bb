"""t-SNE on k-nearest lists."""

from __future__ import annotations

import subprocess
import sys
from functools import cache

import numpy as np
import pytest

from sqlclust.core.geometry.metrics import Float32Array, Float64Array
from sqlclust.core.layout import tsne as room
from sqlclust.core.layout.methods import LEAST_FOR_TSNE
from sqlclust.core.layout.plane import principal_plane
from sqlclust.core.layout.tsne import tsne
from sqlclust.core.neighbors.k_nearest_lists import KNearestLists, equal_lists
from sqlclust.core.runtime.control import Control
from sqlclust.errors import Interrupted
from tests.small import clustered

pytestmark = pytest.mark.pictures("openTSNE")


def lists_of(vectors: Float32Array, k: int) -> KNearestLists:
    """By brute force."""
    squared = ((vectors[:, None].astype(np.float64) - vectors[None]) ** 2).sum(axis=2)
    np.fill_diagonal(squared, np.inf)
    indices = np.argsort(squared, axis=1, kind="stable")[:, : min(k, len(vectors) - 1)]
    return equal_lists(np.ones(len(vectors), dtype=np.intp), indices, np.take_along_axis(squared, indices, axis=1))


@cache
def some(m: int = 120) -> tuple[Float32Array, KNearestLists, Float64Array]:
    vectors = clustered(m, noise=0)
    return vectors, lists_of(vectors, 19), principal_plane(vectors)


def test_near_vectors_are_near_and_clusters_apart() -> None:
    vectors, lists, start = some()
    map = tsne(lists, start)
    cluster = np.arange(len(vectors)) % 3
    nearest = lists_of(map.astype(np.float32), 10)
    assert (cluster[nearest.indices.reshape(-1, 10)] == cluster[:, None]).mean() > 0.97
    on_plane = lists_of(start.astype(np.float32), 10)
    truly = lists_of(vectors, 10).indices.reshape(-1, 10)

    def recall(found: KNearestLists) -> float:
        pairs = zip(found.indices.reshape(-1, 10).tolist(), truly.tolist(), strict=True)
        return float(np.mean([len({*a} & {*b}) / 10 for a, b in pairs]))

    assert recall(nearest) > 1.2 * recall(on_plane)


@pytest.mark.parametrize("many", [10_000, 50], ids=["quadtree", "grid"])
def test_the_same_twice_and_with_any_number_of_threads(many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_MANY", many)
    monkeypatch.setattr(room, "_EARLY", 20)
    monkeypatch.setattr(room, "_ITERATIONS", 30)
    _, lists, start = some()
    one = tsne(lists, start, threads=1)
    for threads in (1, 2, 3):
        assert tsne(lists, start, threads=threads).tobytes() == one.tobytes()


@pytest.mark.parametrize("m", [1, 2, 3, 5, LEAST_FOR_TSNE])
def test_few_vectors(m: int) -> None:
    vectors, _, _ = some()
    map = tsne(lists_of(vectors[:m], 19), principal_plane(vectors[:m]))
    assert map.shape == (m, 2)
    assert np.isfinite(map).all()


def test_enough_vectors_have_places_of_their_own() -> None:
    vectors, _, _ = some()
    m = LEAST_FOR_TSNE
    map = tsne(lists_of(vectors[:m], 19), principal_plane(vectors[:m]))
    assert np.ptp(map, axis=0).min() > 1.0
    assert len({*map_in_text(map)}) == m


def map_in_text(map: Float64Array) -> list[str]:
    return [f"{x:.5f} {y:.5f}" for x, y in map.tolist()]


def test_lists_of_several_lengths() -> None:
    """An update leaves shorter ones, and one may have none."""
    _, lists, start = some()
    lengths = lists.lengths().copy()
    lengths[::3], lengths[0] = 12, 0
    keep = np.concatenate([np.arange(a, a + n) for a, n in zip(lists.starts.tolist(), lengths.tolist(), strict=False)])
    starts = np.concatenate([[0], np.cumsum(lengths)])
    shorter = KNearestLists(lists.counts, starts, lists.indices[keep], lists.squared[keep])
    assert np.isfinite(tsne(shorter, start)).all()


def test_all_start_in_one_place() -> None:
    _, lists, start = some()
    map = tsne(lists, np.zeros_like(start))
    assert np.isfinite(map).all()
    assert np.ptp(map, axis=0).min() > 1.0


def test_widest_along_the_first_axis_and_the_sign_of_its_start() -> None:
    _, lists, start = some()
    map = tsne(lists, start)
    covariance = map.T @ map
    assert covariance[0, 0] >= covariance[1, 1]
    assert abs(covariance[0, 1]) < 1e-9 * covariance[0, 0]
    assert map.mean(axis=0) == pytest.approx([0.0, 0.0], abs=1e-9)
    assert ((map * start).sum(axis=0) >= 0).all()
    other = tsne(lists, start * [-1.0, 1.0])
    assert ((other * start * [-1.0, 1.0]).sum(axis=0) >= 0).all()


def test_it_is_stopped_within_an_iteration() -> None:
    _, lists, start = some()
    looks: list[float] = []
    control = Control(lambda _, fraction: looks.append(fraction))
    tsne(lists, start, control)
    assert looks == sorted(looks)
    assert len(looks) > room._EARLY + room._ITERATIONS
    for stop_at in (0, 3, len(looks) // 2, len(looks) - 2):
        stopping = _Stopping(stop_at)
        with pytest.raises(Interrupted):
            tsne(lists, start, stopping)
        assert stopping.seen == stop_at + 1


class _Stopping(Control):
    """It is stopped at a look of that number."""

    def __init__(self, stop_at: int) -> None:
        super().__init__(lambda _, fraction: self.look())
        self._stop_at, self.seen = stop_at, 0

    def look(self) -> None:
        self.seen += 1
        if self.seen > self._stop_at:
            self.stop()


def test_nothing_is_imported_before_a_map_is_made() -> None:
    program = (
        "import sys, sqlclust, sqlclust.store.maps, sqlclust.cli.commands.map\n"
        "from sqlclust.core.layout.methods import tsne_is_installed\n"
        "assert tsne_is_installed()\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('openTSNE', 'sklearn', 'scipy', 'matplotlib')])"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"
