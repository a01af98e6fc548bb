"""The spanning tree inside a shard, with the core distances that all shards gave, a task for each; and the client's join."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.mutual_reachability import MutualReachability
from sqlclust.core.neighbors.exact import neighbors_and_pruning
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.approximate_tree import ListAndAxisSearch
from sqlclust.core.tree.boruvka import SpanningTree, grown_tree
from sqlclust.core.tree.component_search import ComponentSearch
from sqlclust.core.tree.components import Components, every_vector_alone
from sqlclust.core.tree.confirmation import confirmed
from sqlclust.core.tree.edges import Edges, edges_between, joined, no_edges
from sqlclust.core.tree.listed_edges import ListedEdges
from sqlclust.core.tree.minimum_forest import minimum_forest
from sqlclust.distributed.division import shard_sizes
from sqlclust.distributed.merging import core_of
from sqlclust.distributed.numbering import read_copies
from sqlclust.distributed.plan import Plan, read_plan
from sqlclust.distributed.routing import load_shard
from sqlclust.distributed.searching import Found, read_found
from sqlclust.distributed.spool import SpoolFile, write_spool

_EDGES_AT_A_TIME = 1 << 20


def forest_path(spool: str, shard: int) -> str:
    """What `forest` writes."""
    return os.path.join(spool, f"forest-{shard:06d}")


def forest(spool: str, shard: int) -> None:
    """The minimum spanning forest of a shard's edges: those that its neighbours show, and those that its engine's tree found.

    A shard that is alone keeps its engine's tree as it is. The file has the columns of `Edges`, numbers of vectors for the ends.

    Raises:
        SpoolFileError, SpoolFullError
    """
    plan, distinct = read_plan(spool), read_copies(spool).distinct
    members, _, vectors = load_shard(spool, plan, shard)
    core = core_of(spool, plan, members, distinct)
    reach = MutualReachability(vectors, core, plan.parameters.distance_factor, Control())
    found = read_found(spool, shard, with_lists=plan.engine == "approximate")
    tree = _tree(plan, reach, found)
    if len(shard_sizes(spool)) > 1:
        tree = _with_listed(tree, reach, found)
    facts = {}
    if len(shard_sizes(spool)) == 1 and plan.engine == "approximate":
        alone = SpanningTree(tree.left, tree.right, tree.weight)
        facts["tree_confirmed"] = confirmed(reach, alone, plan.seed, Control())
    write_edges(forest_path(spool, shard), tree, members, facts)


def engines_confirmation(spool: str) -> float:
    """What the approximate engine measured of the tree of the one shard there is."""
    with SpoolFile(forest_path(spool, 0)) as file:
        return float(file.facts["tree_confirmed"])


def _tree(plan: Plan, reach: MutualReachability, found: Found) -> Edges:
    """What the engine gives."""
    if found.lists is None:
        near, prepared = neighbors_and_pruning(reach.vectors, found.indices.shape[1], reach.control)
        listed = ListedEdges(reach, near.indices, near.squared)
        return grown_tree(reach, listed, ComponentSearch(reach, prepared), no_edges(0))
    listed = ListedEdges(reach, found.indices, found.squared)
    return grown_tree(reach, listed, ListAndAxisSearch(reach, found.lists), no_edges(0))


def _with_listed(tree: Edges, reach: MutualReachability, found: Found) -> Edges:
    """The minimum forest of the tree's edges and all that are listed, some at a time."""
    m, k = found.indices.shape
    rows = max(1, _EDGES_AT_A_TIME // k)
    for start in range(0, m, rows):
        others = found.indices[start : start + rows].ravel()
        own = np.repeat(np.arange(start, min(start + rows, m)), k)
        distance = found.squared[start : start + rows].ravel().astype(np.float64)
        listed = edges_between(reach.weights(distance, own, others), distance, own, others)
        tree = minimum_forest(joined(tree, listed), m)
    return tree


def write_edges(path: str, edges: Edges, members: NDArray[np.int32], facts: Mapping[str, float]) -> None:
    """Write edges; `members` are the numbers of the ends, which are places."""
    ends = {"left": members[edges.left].astype(np.int32), "right": members[edges.right].astype(np.int32)}
    write_spool(path, {"weight": edges.weight, "distance": edges.distance, **ends}, facts=facts)


def read_edges(path: str) -> Edges:
    """Edges that were written."""
    with SpoolFile(path) as file:
        columns = [file.array(name) for name in Edges._fields]
    return Edges(columns[0], columns[1], columns[2].astype(np.intp), columns[3].astype(np.intp))


def join(spool: str, more: list[Edges]) -> tuple[Edges, Components]:
    """The minimum spanning forest of all shards' forests and some more edges, and the parts that it leaves.

    Cost: some 100 bytes for each vector of each shard.
    """
    distinct = read_copies(spool).distinct
    forests = [read_edges(forest_path(spool, shard)) for shard in range(len(shard_sizes(spool)))]
    tree = forests[0] if len(forests) == 1 else minimum_forest(joined(*forests, *more), distinct)
    return tree, every_vector_alone(distinct).joined_along(tree)
