"""The lightest edges between some vectors and others, from one product of the two.

Measuring every pair of a block from its difference takes a hundred times as long as a product. The product gives weights with a
known error. Only edges that may be the lightest within that error are measured.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.block_distances import Blocks, Side
from sqlclust.core.geometry.groups import run_starts
from sqlclust.core.geometry.metrics import Float64Array, IndexArray
from sqlclust.core.geometry.mutual_reachability import MutualReachability
from sqlclust.core.tree.edges import Edges, edges_between


class Columns(NamedTuple):
    """Vectors that blocks of others are compared with; each has an owner, whose lightest edge is wanted.

    Attributes:
        vectors: intp (c,).
        owners: intp (c,), from 0, ascending, none left out.
        side: the vectors made ready for products.
    """

    vectors: IndexArray
    owners: IndexArray
    side: Side


class BlockEdges(NamedTuple):
    """Finds edges of mutual reachability block by block."""

    reach: MutualReachability
    blocks: Blocks

    def columns(self, vectors: IndexArray, owners: IndexArray) -> Columns:
        """Vectors made ready as columns."""
        return Columns(vectors, owners, self.blocks.side(vectors))

    def lightest(
        self, rows: IndexArray, columns: Columns, ceiling: Float64Array, outside: NDArray[np.bool_] | None = None
    ) -> tuple[Edges, IndexArray]:
        """The lightest edge of each owner to some other vectors, and few others; and the column that each edge is of.

        Args:
            rows: intp (r,), the other vectors.
            ceiling: float64 (owners,), weight of the lightest edge that each owner knows; heavier ones may be left out. Lowered
                to a bound on what is found.
            outside: bool (r, c), the pairs that count; all by default.

        Cost: O(r·c·d) multiplications in float64.
        """
        core, factor, owners = self.reach.squared_core, self.reach.distance_factor, columns.owners
        block = self.blocks.block(rows, columns.side)
        squared, slack = block.squared, block.slack
        weight = squared * factor
        np.maximum(weight, core[rows][:, None], out=weight)
        np.maximum(weight, core[columns.vectors], out=weight)
        if outside is not None:
            weight[~outside] = np.inf
        least = np.minimum.reduceat(weight.min(axis=0) + slack * factor, run_starts(owners))
        np.minimum(ceiling, least, out=ceiling)
        limit = np.minimum(ceiling[owners] + slack * factor, np.finfo(np.float64).max)
        row, column = np.nonzero(weight <= limit)
        here, there = rows[row], columns.vectors[column]
        distance, larger_core = squared[row, column], np.maximum(core[here], core[there])
        keep = self._may_be_lightest(distance, slack[column], larger_core, owners[column], ceiling)
        here, there, column, distance = here[keep], there[keep], column[keep], distance[keep]
        if not self.blocks.exact:
            distance = self.reach.squared_distances(here, there)
        return edges_between(np.maximum(distance * factor, larger_core[keep]), distance, here, there), column

    def _may_be_lightest(
        self,
        distance: Float64Array,
        slack: Float64Array,
        larger_core: Float64Array,
        owner: IndexArray,
        ceiling: Float64Array,
    ) -> NDArray[np.bool_]:
        """Which edges have to be measured: those whose weight is not certain, and of the certain ones the owner's shortest.

        Where a core distance is certainly more than the distance, it is the weight. Many edges of an owner then tie with one
        weight, and the shortest of them comes first. The ceiling is lowered to what is certain.
        """
        certain = np.flatnonzero((distance + slack) * self.reach.distance_factor <= larger_core)
        least = np.full(len(ceiling), np.inf)
        np.minimum.at(least, owner[certain], larger_core[certain])
        np.minimum(ceiling, least, out=ceiling)
        tied = certain[larger_core[certain] == least[owner[certain]]]
        shortest = np.full(len(ceiling), np.inf)
        np.minimum.at(shortest, owner[tied], distance[tied] + slack[tied])
        keep = np.ones(len(distance), dtype=bool)
        keep[certain] = False
        keep[tied] = distance[tied] - slack[tied] <= shortest[owner[tied]]
        return keep
