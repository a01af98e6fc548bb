"""The columns of a sweep and the rows of a condensed tree, held against the labels of the same cuts and hdbscan's own tree."""

from __future__ import annotations

import json
import math
from typing import Any

import apsw
import numpy as np
import pytest
from hdbscan._hdbscan_linkage import label
from hdbscan._hdbscan_tree import condense_tree
from sklearn.metrics import adjusted_rand_score

import sqlclust
from tests.small import add_embeddings


@pytest.fixture
def fitted(con: apsw.Connection) -> apsw.Connection:
    """300 embeddings in groups of very different size, and a fit, 1."""
    random = np.random.default_rng(4)
    of = np.minimum(random.geometric(0.35, 300), 8)
    centres = 5 * random.normal(size=(9, 6))
    vectors = centres[of] + random.uniform(0.1, 1.5, (300, 1)) * random.normal(size=(300, 6))
    add_embeddings(con, vectors.astype(np.float32))
    sqlclust.fit(con, "demo", min_cluster_size=5, min_samples=3, normalize=False)
    return con


def test_a_sweep_says_what_the_cuts_give(fitted: apsw.Connection) -> None:
    sizes = [5, 9, 15, 30]
    rows: list[Any] = fitted.execute(
        "SELECT min_cluster_size, n_clusters, noise_share, largest_share, mean_persistence, ari_previous "
        "FROM clust_sweep(1, ?)",
        (json.dumps({"min_cluster_size": sizes}),),
    ).fetchall()
    before: list[int] | None = None
    shown = []
    for size, row in zip(sizes, rows, strict=True):
        cut: list[Any] = fitted.execute(
            "SELECT label, cluster_size, persistence FROM clust_labels(1, ?)", (json.dumps({"min_cluster_size": size}),)
        ).fetchall()
        labels = [number for number, _, _ in cut]
        clusters = {number: (members, lasts) for number, members, lasts in cut if number >= 0}
        assert row[:2] == (size, len(clusters))
        assert row[2] == pytest.approx(labels.count(-1) / 300)
        assert row[3] == pytest.approx(max(members for members, _ in clusters.values()) / 300)
        assert row[4] == pytest.approx(np.mean([lasts for _, lasts in clusters.values()]))
        if before is None:
            assert row[5] is None
        else:
            assert row[5] == pytest.approx(adjusted_rand_score(before, labels))
        shown.append(len({round(lasts, 9) for _, lasts in clusters.values()}) > 1)
        before = labels
    assert any(shown), "every cluster lasts as long: a mean shows nothing"
    assert any(row[5] is not None and row[5] < 0.99 for row in rows), "all cuts agree: an agreement shows nothing"


@pytest.mark.parametrize("min_cluster_size", [5, 20])
def test_the_condensed_tree_is_hdbscans(fitted: apsw.Connection, min_cluster_size: int) -> None:
    edges = fitted.execute("SELECT left_id - 1.0, right_id - 1.0, weight FROM clust_spanning_tree(1)").fetchall()
    theirs = condense_tree(label(np.array(edges)), min_cluster_size)
    expected = [
        (parent - 300, child - 300 if child >= 300 else None, child + 1 if child < 300 else None, density, size)
        for parent, child, density, size in theirs.tolist()
    ]
    found: list[Any] = fitted.execute(
        "SELECT parent, child, id, lambda, size FROM clust_condensed_tree(1, ?)",
        (json.dumps({"min_cluster_size": min_cluster_size}),),
    ).fetchall()
    assert len(found) == len(expected) > 300
    for row, other in zip(found, expected, strict=True):
        assert row[:3] == other[:3]
        assert row[4] == other[4]
        assert math.isclose(row[3], other[3], rel_tol=1e-12)
