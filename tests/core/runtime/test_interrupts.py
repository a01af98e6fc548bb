"""Every kind of work takes a stop request: at whichever look at it the request comes, and there is a look often enough.

What counts is neither speed nor load: a stop comes at the n-th look, for n from the first to the last; and how long work goes on
between two looks is measured in processor time of the thread, as a share of all of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

import sqlclust.core.pipeline as core
from sqlclust.core.clusters.clustered_rows import ClusteredRows
from sqlclust.core.clusters.medoids import medoids
from sqlclust.core.clusters.plscan import layers
from sqlclust.core.clusters.prediction import predict
from sqlclust.core.clusters.selection import flat_clusters
from sqlclust.core.clusters.soft_membership import nearest_clusters
from sqlclust.core.geometry.duplicates import Distinct, distinct
from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.core.geometry.principal_axes import principal_axes
from sqlclust.core.labellings.agreement import adjusted_mutual_information
from sqlclust.core.labellings.lineage import Overlap, lineage
from sqlclust.core.neighbors.row_neighbors import row_neighbors
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.condensed_tree import condense
from sqlclust.core.tree.single_linkage import single_linkage
from sqlclust.core.update.consistency import Kept
from sqlclust.core.update.updating import old_fit, updated
from sqlclust.errors import Interrupted
from sqlclust.options import CutOptions, StoredFitOptions
from sqlclust.store import cut, sweep
from sqlclust.store.embeddings.points import points_of
from sqlclust.store.fits.record import FitRecord
from sqlclust.store.fits.row_ids import decode_ids, encode_ids
from sqlclust.store.fits.stored_fit import StoredFit
from tests.core.update.matching import places
from tests.core.watched import Watched, random_tree

pytestmark = pytest.mark.slow

N = 20_000
FIT = core.ReachabilityParameters(5)


def _vectors(n: int, dimension: int = 4) -> Float32Array:
    random = np.random.default_rng(1)
    return (random.integers(0, 12, (n, 1)) + 0.3 * random.normal(size=(n, dimension))).astype(np.float32)


TREE, VECTORS, EVERY = random_tree(N), _vectors(N), np.arange(N)
HIERARCHY = single_linkage(TREE)
LABELS = np.random.default_rng(3).integers(-1, 60, N)
ONES = np.ones(N, dtype=np.intp)


FLAT = flat_clusters(
    condense(HIERARCHY, min_cluster_size=50), core.CutParameters(50, cluster_selection_persistence=0.1)
)
CLUSTERED = ClusteredRows(Distinct(VECTORS, ONES, EVERY, EVERY), np.ones(N), EVERY, FLAT)
POINTS = points_of([f"{number:06d}" for number in range(N)], VECTORS)


def _stored(ids: list[Any]) -> StoredFit:
    record = FitRecord("", {}, "euclidean", False, 5, 1.0, "exact", 1.0, 0, N, N, 4, "", {}, {})
    return StoredFit(1, record, ids, np.zeros(N, np.uint32), np.zeros(N, np.float32), TREE)


def _predict(control: Control) -> object:
    members = ClusteredRows(distinct(VECTORS[:8000], normalize=False), np.ones(8000), np.arange(8000), None)
    return predict(VECTORS[10_000:11_000], members, FIT, control)


def _storing(control: Control) -> object:
    ids = [POINTS.ids[row] for row in POINTS.order.tolist()]
    return decode_ids(encode_ids(ids, control), N, control)


def _overlap(control: Control) -> object:
    """4,000 clusters on either side."""
    random = np.random.default_rng(0)
    pairs = np.unique(np.stack([np.arange(N) // 5, (np.arange(N) + random.integers(0, 9, N)) // 5], axis=1), axis=0)
    a, b = pairs.T.astype(np.int64)
    return lineage(Overlap(a, b, random.integers(1, 9, len(a))), np.unique(a), np.unique(b), control)


def _information(control: Control) -> object:
    random = np.random.default_rng(0)
    a, b = ((random.random(N) ** 3 * 300).astype(np.int64) for _ in range(2))
    return adjusted_mutual_information(a, b, control)


@cache
def _earlier() -> core.Fit:
    return core.fit(VECTORS[:4000], FIT, control=Control(), keep_lists=True)


def _update(control: Control) -> object:
    """Some go, some come; what is kept with it is compared."""
    was, points = _earlier(), core.collapsed(VECTORS[400:4400], FIT, None, control)
    first = was.points.order[was.points.starts]
    kept = Kept(was.core[first].astype(np.float32), was.tree.weight)
    old = old_fit(was, FIT)._replace(kept=kept)
    found = updated(old, points, places(was.points.vectors, points.vectors), FIT, control)
    assert isinstance(found, core.Fit)
    return found


WORK: dict[str, tuple[Callable[[Control], object], float]] = {
    # the work, and the longest share of it between two looks; some of that is one call of a library
    "clusters": (
        lambda c: core.select_clusters(TREE, core.CutParameters(5, cluster_selection_persistence=0.1), c),
        0.8,
    ),
    "single linkage": (lambda c: single_linkage(TREE, c), 0.6),
    "condense": (lambda c: condense(HIERARCHY, min_cluster_size=5, control=c), 0.8),
    "medoids": (lambda c: medoids(VECTORS, LABELS, groups=EVERY, counts=ONES, rank=EVERY, control=c), 0.6),
    "layers": (lambda c: layers(HIERARCHY, min_cluster_size=10, max_layers=8, control=c), 0.2),
    "cut": (lambda c: cut.cutting(POINTS, _stored([*range(N)]), CutOptions(min_cluster_size=20))(c), 0.4),
    "sweep": (
        lambda c: list(
            sweep._sweep_rows({5: TREE}, [cut.Wanted(5, StoredFitOptions(min_cluster_size=s)) for s in (5, 9, 20)], c)
        ),
        0.6,
    ),
    "fingerprint": (lambda c: POINTS.fingerprint(c), 0.6),
    "storing and loading ids": (_storing, 0.7),
    "directions": (lambda c: POINTS.check_directions(c), 0.7),
    "every other": (lambda c: POINTS.every(2, c), 0.95),
    "prediction": (_predict, 0.6),
    "membership": (
        lambda c: nearest_clusters(CLUSTERED, EVERY[:5000], "euclidean", c),
        0.8,
    ),
    "lineage": (_overlap, 0.8),
    "agreement": (_information, 0.4),
    "duplicates": (lambda c: distinct(VECTORS, normalize=True, control=c), 0.8),
    "principal axes": (lambda c: principal_axes(_vectors(3000, 800), 800, c), 0.4),
    "axes of few vectors": (lambda c: principal_axes(_vectors(300, 1100), 1100, c), 0.5),
    "exact": (lambda c: core.fit(VECTORS[:4000], FIT, control=c, engine="exact"), 0.4),
    "approximate": (lambda c: core.fit(VECTORS[:4000], FIT, control=c, engine="approximate"), 0.7),
    "update": (_update, 0.4),
    "neighbors": (
        lambda c: list(row_neighbors(VECTORS[:2000], 5, metric="cosine", normalize=True, rank=EVERY[:2000], control=c)),
        0.4,
    ),
}


def _looks(name: str) -> int:
    control = Watched()
    WORK[name][0](control)
    return control.looks


@pytest.mark.parametrize("name", WORK)
def test_a_stop_at_any_look_ends_it(name: str) -> None:
    looks = _looks(name)
    assert looks >= 2
    for number in sorted({int(place) for place in np.linspace(1, looks, 5)}):
        control = Watched(stop_at=number)
        interrupted = False
        try:
            WORK[name][0](control)
        except Interrupted:
            interrupted = True
        # where cores share the work, how many looks there are depends on them: this time there may have been fewer
        assert interrupted == (control.looks >= number)
        assert interrupted or number > 1


@pytest.mark.parametrize("name", WORK)
def test_looks_come_often(name: str) -> None:
    work, most = WORK[name]
    work(Control())  # imports
    control = Watched()
    started = time.process_time()
    work(control)
    control.check()
    total = time.process_time() - started
    assert control.gap < most * total, f"{control.gap:.3f} s of {total:.3f} s, in {control.looks} looks"
