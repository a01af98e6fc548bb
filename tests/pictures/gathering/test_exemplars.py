"""Which rows stand for a cluster."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sqlclust.pictures.gathering.exemplars import Depth, depth_of_members, exemplars


def depth(part: list[int], innermost: list[bool], deep: list[float]) -> Depth:
    return Depth(np.array(part, dtype=np.intp), np.array(innermost, dtype=bool), np.array(deep, dtype=np.float64))


def test_each_part_gives_its_deepest_the_largest_part_first() -> None:
    found = depth([1, 1, 1, 2, 2, 0, 0], [True] * 5 + [False] * 2, [1, 3, 2, 9, 8, 99, 99])
    cluster = np.array([0, 0, 0, 0, 0, 0, -1])
    assert exemplars(cluster, 1, found) == [[1, 3, 2, 4, 0, 5]]
    assert exemplars(cluster, 1, found, most=3) == [[1, 3, 2]]
    assert exemplars(cluster, 2, found) == [[1, 3, 2, 4, 0, 5], []]


def test_of_rows_in_one_place_one_comes_first() -> None:
    xy = np.array([[0, 0], [0, 0], [1, 0], [0, 0], [0, 2]], dtype=np.float32)
    found = depth([0] * 5, [True] * 5, [5, 6, 1, 5, 6])
    assert exemplars(np.array([0, 0, 0, 0, 1]), 2, found, xy) == [[1, 2, 0, 3], [4]]
    assert exemplars(np.array([0, 0, 0, 0, 1]), 2, found) == [[1, 0, 3, 2], [4]]


def test_without_a_tree_the_most_probable_come_first() -> None:
    found = depth_of_members(np.array([0.5, 1, 1, 1, 0]), np.array([0, 0.3, 0.1, 0.3, np.nan]))
    assert exemplars(np.array([0, 0, 0, 0, 0]), 1, found) == [[2, 1, 3, 0, 4]]


@given(
    st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 2), st.integers(0, 3), st.booleans()), max_size=40),
    st.integers(1, 9),
)
def test_they_are_members_each_once(rows: list[tuple[int, int, int, bool]], most: int) -> None:
    cluster = np.array([row[0] for row in rows], dtype=np.intp)
    parts = [3 * row[0] + row[1] for row in rows]
    deep = [float(row[2]) for row in rows]
    found = exemplars(cluster, 4, depth(parts, [part % 3 > 0 for part in parts], deep), most=most)
    for number, chosen in enumerate(found):
        members = np.flatnonzero(cluster == number).tolist()
        assert len({*chosen}) == len(chosen) == min(most, len(members))
        assert {*chosen} <= {*members}
        if innermost := [row for row in members if parts[row] % 3 > 0]:
            assert deep[chosen[0]] == max(deep[row] for row in innermost if parts[row] == parts[chosen[0]])
            sizes = [sum(parts[row] == part for row in members) for part in {parts[row] for row in innermost}]
            assert sum(parts[row] == parts[chosen[0]] for row in members) == max(sizes)
