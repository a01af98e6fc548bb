"""How good the tree of several shards is: what the engine's own measure says of the same tree, in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlclust.core.geometry.mutual_reachability import MutualReachability
from sqlclust.core.pipeline import ReachabilityParameters, collapsed
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.boruvka import SpanningTree
from sqlclust.core.tree.confirmation import confirmed
from sqlclust.distributed import confirming
from sqlclust.distributed.confirming import _Paths
from tests.distributed.small_jobs import PARAMETERS, fitted, real_like


@pytest.mark.parametrize(
    ("parameters", "overlap"),
    [(PARAMETERS, 3), (ReachabilityParameters(4, "euclidean", alpha=1.4), 1)],
)
def test_it_is_what_is_measured_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parameters: ReachabilityParameters, overlap: int
) -> None:
    """Without overlap the tree lacks edges across the borders of shards, and that is said."""
    monkeypatch.setattr(confirming, "_PANEL", 100)
    vectors = real_like(1000, seed=3)
    sharded = fitted(tmp_path, vectors, shards=5, overlap=overlap, parameters=parameters)
    control = Control()
    points = collapsed(vectors, parameters, None, control)
    reach = MutualReachability(points.vectors, sharded.squared_core, parameters.distance_factor, control)
    tree = SpanningTree(sharded.edges.left, sharded.edges.right, sharded.edges.weight)
    expected = confirmed(reach, tree, 0, control)
    assert sharded.tree_confirmed == expected
    assert expected < 1.0 if overlap == 1 else expected > 0.98
    assert sharded.fit().tree_confirmed == expected


@given(st.lists(st.integers(0, 5), max_size=12), st.data())
def test_paths_have_the_largest_gaps_between(gaps: list[int], data: st.DataObject) -> None:
    leaves = st.integers(0, len(gaps))
    places, place = data.draw(st.lists(leaves, min_size=1, unique=True)), data.draw(leaves)
    paths = _Paths(np.array([*gaps, 0], dtype=np.float32), np.array(places, dtype=np.int32))
    expected = [max(gaps[min(place, other) : max(place, other)], default=0) for other in places]
    assert paths.heaviest(place).tolist() == expected


def test_a_chain_of_leaves_takes_no_more(tmp_path: Path) -> None:
    """Where one vector after the other joins, each farther than the last, every gap is a step; all of them, for all of the
    sample, did not fit into a worker."""
    angles = np.cumsum(np.linspace(0.0005, 0.002, 1200))
    vectors = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    sharded = fitted(tmp_path, vectors, shards=4, parameters=ReachabilityParameters(2))
    size = (Path(sharded.folder) / confirming.LEAVES).stat().st_size
    assert size < 8 * len(vectors) + 4096
