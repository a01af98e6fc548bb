"""Relative validity against hdbscan's, on hdbscan's own trees; and by hand where hdbscan has none."""

from __future__ import annotations

import numpy as np
import pytest

from sqlclust.core.clusters.validity import relative_validity
from sqlclust.core.tree.boruvka import SpanningTree
from tests.core.clusters.test_prediction import blobs
from tests.core.clusters.test_soft_membership import theirs


@pytest.mark.parametrize("min_cluster_size", [5, 8, 20, 60])
@pytest.mark.parametrize("method", ["eom", "leaf"])
def test_as_hdbscan(min_cluster_size: int, method: str) -> None:
    compared = set()
    for seed in range(6):
        model, tree = theirs(blobs(seed, 250), min_cluster_size=min_cluster_size, cluster_selection_method=method)
        count = int(model.labels_.max()) + 1
        if count > 1:
            try:
                expected = model.relative_validity_
            except ImportError as error:
                pytest.skip(f"this hdbscan says its validity with pandas only: {error}")
            found = relative_validity(tree, model.labels_.astype(np.int64))
            assert found == pytest.approx(expected, rel=1e-9)
            compared.add(count)
    assert compared


def line(*weights: float) -> SpanningTree:
    """Rows in a row, each joined to the next; edges ascending."""
    order = np.argsort(weights, kind="stable")
    left = np.arange(len(weights))
    return SpanningTree(left[order], left[order] + 1, np.array(weights, dtype=float)[order])


def labels(*numbers: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(numbers, dtype=np.int64)


def test_by_hand() -> None:
    # two clusters, inside 1 and 2, 4 apart: (4 - 1) / 4 and (4 - 2) / 4, each of half the rows
    assert relative_validity(line(1, 4, 2), labels(0, 0, 1, 1)) == pytest.approx((0.75 + 0.5) / 2)
    # noise is not worth anything, and counts
    assert relative_validity(line(1, 4, 2, 9), labels(0, 0, 1, 1, -1)) == pytest.approx((0.75 + 0.5) * 2 / 5)
    # clusters that only noise joins: twice the longest edge away
    assert relative_validity(line(1, 5, 6, 2), labels(0, 0, -1, 1, 1)) == pytest.approx((11 / 12 + 10 / 12) * 2 / 5)
    # one cluster: twice its nearest noise away
    assert relative_validity(line(1, 2, 5), labels(0, 0, 0, -1)) == pytest.approx((10 - 2) / 10 * 3 / 4)
    assert relative_validity(line(1, 2), labels(-1, -1, -1)) is None
