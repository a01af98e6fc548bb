"""The stages in which engines differ: neighbours, and the spanning tree.

Each engine is a class that is made from vectors, where it finds their neighbours, and then gives core distances and a tree.
`STAGES` has them by name; `engines` has the same names without heavy imports.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from sqlclust.core.engines import Engine
from sqlclust.core.geometry.integer_products import Products
from sqlclust.core.geometry.metrics import Float32Array, Float64Array, IndexArray
from sqlclust.core.geometry.mutual_reachability import MutualReachability
from sqlclust.core.neighbors.approximate import FULL, NeighborsAndLists, neighbors_and_lists
from sqlclust.core.neighbors.brute_force import recall
from sqlclust.core.neighbors.core_distances import core_distances
from sqlclust.core.neighbors.exact import Neighbors, neighbors_and_pruning
from sqlclust.core.neighbors.k_nearest_lists import SPARE_NEIGHBORS, KNearestLists, equal_lists
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.approximate_tree import approximate_tree
from sqlclust.core.tree.boruvka import SpanningTree
from sqlclust.core.tree.component_search import exact_tree
from sqlclust.core.tree.confirmation import confirmed
from sqlclust.core.tree.listed_edges import ListedEdges


class EngineStages(Protocol):
    """An engine with the neighbours that it has found.

    Attributes:
        recall: share of the min_samples nearest neighbours found, measured on a sample; 1.0 for the exact engine.
        tree_confirmed: share of a sample of vectors that see no lighter edge than the tree has, see `confirmation`; known once
            there is a tree; 1.0 for the exact engine.
        products: what products rule out pairs, or find them.
    """

    recall: float
    tree_confirmed: float
    products: Products

    def __init__(self, vectors: Float32Array, min_samples: int, seed: int, control: Control) -> None:
        """Find neighbours.

        Args:
            vectors: float32 (m, d), m >= 2, distinct.
            min_samples: how many of them core distances need; all if there are not so many.
            seed: of whatever is random.
        """

    def squared_core_distances(self, counts: IndexArray, min_samples: int) -> Float64Array:
        """float64 (m,), of vectors that occur so many times each."""

    def lists(self, counts: IndexArray) -> KNearestLists:
        """The neighbours found, to be kept: min_samples + SPARE_NEIGHBORS of each vector, or all others if there are fewer. To be
        asked for before the tree."""

    def spanning_tree(self, reach: MutualReachability) -> SpanningTree:
        """The tree of the vectors, weights squared. It uses the neighbours up, and may be asked for once."""


def _wanted(vectors: Float32Array, min_samples: int) -> int:
    return min(min_samples + SPARE_NEIGHBORS, len(vectors) - 1)


_USED_UP = "the neighbours are used up: the tree was asked for before"


class _ExactStages:
    """What brute force in float64 gives."""

    def __init__(self, vectors: Float32Array, min_samples: int, seed: int, control: Control) -> None:
        self.recall = self.tree_confirmed = 1.0
        self._near: Neighbors | None
        self._near, self._prepared = neighbors_and_pruning(vectors, _wanted(vectors, min_samples), control)
        self.products = self._prepared.products

    def squared_core_distances(self, counts: IndexArray, min_samples: int) -> Float64Array:
        """As `EngineStages` has it."""
        near = self._found()
        return core_distances(near.squared, near.indices, counts, min_samples=min_samples)

    def lists(self, counts: IndexArray) -> KNearestLists:
        """As `EngineStages` has it."""
        near = self._found()
        return equal_lists(counts, near.indices, near.squared)

    def spanning_tree(self, reach: MutualReachability) -> SpanningTree:
        """As `EngineStages` has it."""
        near = self._found()
        listed, self._near = ListedEdges(reach, near.indices, near.squared), None
        del near  # a fifth of the vectors' memory
        return exact_tree(reach, self._prepared, listed)

    def _found(self) -> Neighbors:
        if self._near is None:
            raise TypeError(_USED_UP)
        return self._near


class _ApproximateStages:
    """Neighbours from overlapping lists, and the lightest tree that they show; how good both are is measured."""

    def __init__(self, vectors: Float32Array, min_samples: int, seed: int, control: Control) -> None:
        k = _wanted(vectors, min_samples)
        near = neighbors_and_lists(vectors, k, FULL, seed, control.part(0.0, 0.9))
        self.recall = recall(vectors, near.squared, min(min_samples, k), seed, control.part(0.9, 1.0))
        self.tree_confirmed = 0.0
        self.products = near.products
        self._near: NeighborsAndLists | None = near
        self._seed = seed

    def squared_core_distances(self, counts: IndexArray, min_samples: int) -> Float64Array:
        """As `EngineStages` has it."""
        near = self._found()
        return core_distances(near.squared.astype(np.float64), near.indices, counts, min_samples=min_samples)

    def lists(self, counts: IndexArray) -> KNearestLists:
        """As `EngineStages` has it."""
        near = self._found()
        return equal_lists(counts, near.indices, near.squared)

    def spanning_tree(self, reach: MutualReachability) -> SpanningTree:
        """As `EngineStages` has it."""
        near = self._found()
        listed, lists = ListedEdges(reach, near.indices, near.squared), near.lists
        self._near = None
        del near  # up to a third of the vectors' memory
        tree = approximate_tree(reach, listed, lists)
        del listed, lists
        self.tree_confirmed = confirmed(reach, tree, self._seed, reach.control.part(1.0, 1.0))
        return tree

    def _found(self) -> NeighborsAndLists:
        if self._near is None:
            raise TypeError(_USED_UP)
        return self._near


STAGES: dict[Engine, type[EngineStages]] = {"exact": _ExactStages, "approximate": _ApproximateStages}
