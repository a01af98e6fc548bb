"""Components: the parts of a forest that edges have joined so far."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sqlclust.core.geometry.metrics import IndexArray
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.edges import Edges, joined, lightest


class Components(NamedTuple):
    """Which component each vector is in.

    Attributes:
        of_vector: intp (m,), numbers from 0.
        total: how many components there are.
    """

    of_vector: IndexArray
    total: int

    def joined_along(self, edges: Edges) -> Components:
        """The components that are left when edges join them, numbered anew."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        ends = self.of_vector[edges.left], self.of_vector[edges.right]
        graph = coo_array((np.ones(len(edges.left), dtype=np.int8), ends), shape=(self.total, self.total))
        total, number = connected_components(graph, directed=False)
        return Components(number[self.of_vector].astype(np.intp), int(total))


def every_vector_alone(m: int) -> Components:
    """The components before anything is joined."""
    return Components(np.arange(m), m)


def lightest_of_components(edges: Edges, components: Components, control: Control | None = None) -> Edges:
    """For each component the lightest of the edges that have an end in it; weight inf where there is none.

    Every edge counts for the components at both its ends. So edges chosen this way never close a ring, even where not all edges
    are known: in a ring each component would have chosen an edge that comes before the one its neighbour chose, all around.
    """
    owner = np.concatenate([components.of_vector[edges.left], components.of_vector[edges.right]])
    return lightest(joined(edges, edges), owner, components.total, control)
