"""Stored fits that were edited by hand, so that lengths and ranges are still what a fit writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import apsw
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Random = np.random.Generator
FIT, NEIGHBORS = ("ClusteringFit", "id"), ("ClusteringFitNeighbors", "clustering_fit_id")


def get(con: apsw.Connection, column: str, dtype: str, table: tuple[str, str] = NEIGHBORS) -> NDArray[Any]:
    """An array of fit 1."""
    blob: bytes = con.execute(f"SELECT {column} FROM {table[0]} WHERE {table[1]} = 1").get
    return np.frombuffer(blob, dtype=dtype).copy()


def put(con: apsw.Connection, table: tuple[str, str] = NEIGHBORS, **columns: Any) -> None:
    """Change columns of fit 1."""
    for name, value in columns.items():
        stored = value.tobytes() if isinstance(value, np.ndarray) else value
        con.execute(f"UPDATE {table[0]} SET {name} = ? WHERE {table[1]} = 1", (stored,))


def two(random: Random, n: int) -> list[int]:
    one, other = random.choice(n, 2, replace=False).tolist()
    return [one, other]


def one_bit_of_a_distance(con: apsw.Connection, random: Random) -> None:
    squared = get(con, "squared_distances", "<f8")
    one = random.integers(len(squared))
    squared[one] = np.nextafter(squared[one], random.choice([0.0, 9.0]))
    put(con, squared_distances=squared)


def a_distance(con: apsw.Connection, random: Random) -> None:
    squared = get(con, "squared_distances", "<f8")
    squared[random.integers(len(squared))] *= 1 + 1e-4 * random.choice([-1, 1])
    put(con, squared_distances=squared)


def hashes_of_two_rows(con: apsw.Connection, random: Random) -> None:
    hashes, checks = get(con, "row_hashes", "<u8"), get(con, "row_checks", "<u4", FIT)
    some = two(random, len(hashes))
    hashes[some], checks[some] = hashes[some[::-1]], checks[some[::-1]]
    put(con, row_hashes=hashes)
    put(con, FIT, row_checks=checks)


def vectors_of_two_rows(con: apsw.Connection, random: Random) -> None:
    vectors = get(con, "row_vectors", "<i4")
    some = two(random, len(vectors))
    vectors[some] = vectors[some[::-1]]
    put(con, row_vectors=vectors)


def another_vector_for_a_copy(con: apsw.Connection, random: Random) -> None:
    counts, vectors = get(con, "counts", "<i4"), get(con, "row_vectors", "<i4")
    most, other = int(np.argmax(counts)), int(random.integers(len(counts)))
    vectors[np.flatnonzero(vectors == most)[-1]] = other
    counts[most] -= 1
    counts[other] += 1
    put(con, counts=counts, row_vectors=vectors)


def without(con: apsw.Connection, vector: int, first: int, last: int) -> None:
    """Take neighbours out of a vector's list."""
    lengths = get(con, "list_lengths", "<i4")
    start = int(lengths[:vector].sum())
    gone = range(start + first, start + last)
    lengths[vector] -= len(gone)
    neighbors = np.delete(get(con, "neighbors", "<i4"), gone)
    squared = np.delete(get(con, "squared_distances", "<f8"), gone)
    put(con, list_lengths=lengths, neighbors=neighbors, squared_distances=squared, n_neighbors=len(neighbors))


def a_neighbor_left_out(con: apsw.Connection, random: Random) -> None:
    lengths = get(con, "list_lengths", "<i4")
    vector = int(random.integers(len(lengths)))
    rank = int(random.integers(lengths[vector]))
    without(con, vector, rank, rank + 1)


def a_shorter_list(con: apsw.Connection, random: Random) -> None:
    lengths = get(con, "list_lengths", "<i4")
    vector = int(random.integers(len(lengths)))
    without(con, vector, int(lengths[vector] - random.integers(1, lengths[vector] + 1)), int(lengths[vector]))


def another_neighbor(con: apsw.Connection, random: Random) -> None:
    neighbors = get(con, "neighbors", "<i4")
    neighbors[random.integers(len(neighbors))] = random.integers(neighbors.max() + 1)
    put(con, neighbors=neighbors)


def a_core_distance(con: apsw.Connection, random: Random) -> None:
    core = get(con, "core_distances", "<f4", FIT)
    one = random.integers(len(core))
    core[one] = np.nextafter(core[one], np.float32(9))
    put(con, FIT, core_distances=core)


Tree = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]


def tree_of(con: apsw.Connection) -> Tree:
    """Ends and weights."""
    words = get(con, "spanning_tree", "<i4", FIT)
    e = len(words) // 4
    return words[:e], words[e : 2 * e], words[2 * e :].view("<f8")


def put_tree(con: apsw.Connection, tree: Tree) -> None:
    put(con, FIT, spanning_tree=b"".join(part.tobytes() for part in tree))


def a_weight(con: apsw.Connection, random: Random) -> None:
    tree = tree_of(con)
    one = random.integers(len(tree[2]) - 1)
    tree[2][one] = tree[2][one + 1]
    put_tree(con, tree)


def a_bit_of_all_weights(con: apsw.Connection, random: Random) -> None:
    left, right, weight = tree_of(con)
    put_tree(con, (left, right, np.nextafter(weight, random.choice([0.0, 9.0]))))


def another_tree(con: apsw.Connection, random: Random) -> None:
    """An edge leads somewhere else, and the tree is still one."""
    left, right, weight = tree_of(con)
    one, n = int(random.integers(len(left))), len(left) + 1
    others = np.arange(n - 1) != one
    graph = coo_array((np.ones(n - 2), (left[others], right[others])), shape=(n, n))
    _, part = connected_components(graph, directed=False)
    left[one] = random.choice(np.flatnonzero(part == part[left[one]]))
    put_tree(con, (left, right, weight))


EDITS: dict[str, Callable[[apsw.Connection, Random], None]] = {
    edit.__name__: edit
    for edit in (
        one_bit_of_a_distance, a_distance, hashes_of_two_rows, vectors_of_two_rows, another_vector_for_a_copy,
        a_neighbor_left_out, a_shorter_list, another_neighbor, a_core_distance, a_weight, a_bit_of_all_weights,
        another_tree,
    )
}  # fmt: skip
"""By name."""
