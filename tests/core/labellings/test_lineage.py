"""What became of clusters: every event by hand, and the matching against the dense Hungarian method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from sqlclust.core.labellings.lineage import EVENTS, Descent, Overlap, lineage


def overlap(table: dict[tuple[int, int], int]) -> Overlap:
    pairs = sorted(table)
    columns = ([a for a, _ in pairs], [b for _, b in pairs], [table[pair] for pair in pairs])
    return Overlap(*(np.array(column, dtype=np.int64) for column in columns))


def descent(table: dict[tuple[int, int], int], a: Sequence[int] = (), b: Sequence[int] = ()) -> list[Descent]:
    return lineage(overlap(table), np.array(a, dtype=np.int64), np.array(b, dtype=np.int64))


def short(rows: list[Descent]) -> list[Any]:
    return [row[:4] for row in rows]


BY_HAND: dict[str, tuple[dict[tuple[int, int], int], list[Any]]] = {
    "nothing": ({}, []),
    "noise only": ({(-1, -1): 5}, []),
    "the same under other names": ({(0, 1): 5, (1, 0): 7, (-1, -1): 2}, [("match", 0, 1, 5), ("match", 1, 0, 7)]),
    "a split in three": (
        {(0, 0): 6, (0, 1): 5, (0, 2): 4},
        [("match", 0, 0, 6), ("split", 0, 1, 5), ("split", 0, 2, 4)],
    ),
    "a merge of three": (
        {(0, 0): 4, (1, 0): 6, (2, 0): 5},
        [("merge", 0, 0, 4), ("match", 1, 0, 6), ("merge", 2, 0, 5)],
    ),
    "birth out of noise": ({(0, 0): 5, (-1, 1): 4}, [("match", 0, 0, 5), ("birth", None, 1, 0)]),
    "death into noise": ({(0, 0): 5, (1, -1): 4}, [("match", 0, 0, 5), ("death", 1, None, 0)]),
    # greedily 0 takes 0 with 60 and leaves 1 nothing; together 59 + 58 is more
    "total overlap, not the largest first": (
        {(0, 0): 60, (0, 1): 59, (1, 0): 58},
        [("match", 0, 1, 59), ("match", 1, 0, 58)],
    ),
    # 1 overlaps 1 by a single row: that is no kinship, and 1 stays a piece of 0
    "a stray row is no match": (
        {(0, 0): 60, (0, 1): 40, (1, 1): 1, (1, -1): 99},
        [("match", 0, 0, 60), ("split", 0, 1, 40), ("death", 1, None, 0)],
    ),
    "less than half of either": ({(0, 0): 4, (0, -1): 5, (-1, 0): 5}, [("death", 0, None, 0), ("birth", None, 0, 0)]),
    "half of one is enough": ({(0, 0): 4, (0, -1): 4, (-1, 0): 90}, [("match", 0, 0, 4)]),
    # equal overlaps: the more alike pair
    "of equal overlaps the higher jaccard": (
        {(0, 0): 4, (0, 1): 4, (-1, 0): 3},
        [("match", 0, 1, 4), ("split", 0, 0, 4)],
    ),
    "of equal matchings the one of equal labels": (
        {(5, 0): 4, (5, 5): 4, (7, 7): 3, (8, 7): 3, (9, 9): 3, (9, 8): 3},
        [
            ("match", 5, 5, 4),
            ("split", 5, 0, 4),
            ("match", 7, 7, 3),
            ("merge", 8, 7, 3),
            ("match", 9, 9, 3),
            ("split", 9, 8, 3),
        ],
    ),
    "equal labels are no reason for less in common": (
        {(5, 0): 5, (5, 5): 4, (0, 9): 3},
        [("match", 0, 9, 3), ("match", 5, 0, 5), ("split", 5, 5, 4)],
    ),
    "a split and a merge at once": (
        {(0, 0): 10, (0, 1): 6, (2, 0): 3, (3, 3): 8},
        [("match", 0, 0, 10), ("split", 0, 1, 6), ("merge", 2, 0, 3), ("match", 3, 3, 8)],
    ),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_by_hand(name: str) -> None:
    table, expected = BY_HAND[name]
    assert short(descent(table)) == expected


def test_the_numbers_of_a_row() -> None:
    # 0 of a: 6 things in 0 of b, 3 in 1, 1 noise; 0 of b: 6 of them and 2 that were noise
    rows = descent({(0, 0): 6, (0, 1): 3, (0, -1): 1, (-1, 0): 2})
    assert rows == [
        Descent("match", 0, 0, 6, 6 / 12, 0.6, 0.75, 10, 8),
        Descent("split", 0, 1, 3, 3 / 10, 0.3, 1.0, 10, 3),
    ]
    assert descent({(-1, 7): 2}) == [Descent("birth", None, 7, 0, None, None, None, None, 2)]
    assert descent({(7, -1): 2}) == [Descent("death", 7, None, 0, None, None, None, 2, None)]


def test_clusters_without_anything_in_common() -> None:
    rows = descent({(1, 1): 3}, a=[0, 1], b=[1, 2])
    assert short(rows) == [("death", 0, None, 0), ("match", 1, 1, 3), ("birth", None, 2, 0)]
    assert (rows[0].size_a, rows[2].size_b) == (0, 0)


def test_rows_hold_plain_numbers() -> None:
    for row in descent({(0, 0): 6, (0, 1): 3, (2, 0): 2, (3, -1): 1, (-1, 3): 1}):
        assert {type(value) for value in row} <= {str, int, float, type(None)}


tables = st.dictionaries(st.tuples(st.integers(-1, 5), st.integers(-1, 5)), st.integers(1, 9), max_size=20)


@settings(max_examples=200, deadline=None)
@given(tables)
def test_definitions_hold(table: dict[tuple[int, int], int]) -> None:
    rows = descent(table)
    assert {row.event for row in rows} <= set(EVENTS)
    size_a = {a: sum(n for (i, _), n in table.items() if i == a) for a, _ in table if a >= 0}
    size_b = {b: sum(n for (_, j), n in table.items() if j == b) for _, b in table if b >= 0}
    own_a = sorted(row.label_a for row in rows if row.event in ("match", "merge", "death") and row.label_a is not None)
    own_b = sorted(row.label_b for row in rows if row.event in ("match", "split", "birth") and row.label_b is not None)
    assert own_a == sorted(size_a)
    assert own_b == sorted(size_b)
    matched_a = {row.label_a for row in rows if row.event == "match"}
    matched_b = {row.label_b for row in rows if row.event == "match"}
    for row in rows:
        if row.label_a is None or row.label_b is None:
            continue
        n = table[row.label_a, row.label_b]
        assert (row.overlap, row.size_a, row.size_b) == (n, size_a[row.label_a], size_b[row.label_b])
        assert row.share_of_a is not None
        assert row.share_of_b is not None
        if row.event == "match":
            assert max(row.share_of_a, row.share_of_b) >= 0.5
        elif row.event == "split":
            assert row.share_of_b >= 0.5
            assert row.label_a in matched_a
        else:
            assert row.share_of_a >= 0.5
            assert row.label_b in matched_b

    dense = np.zeros((6, 6))
    for (a, b), n in table.items():
        if a >= 0 and b >= 0 and (2 * n >= size_a[a] or 2 * n >= size_b[b]):
            dense[a, b] = n
    best = dense[linear_sum_assignment(dense, maximize=True)].sum()
    assert sum(row.overlap for row in rows if row.event == "match") == best
    mirrored = descent({(b, a): n for (a, b), n in table.items()})
    assert sum(row.overlap for row in mirrored if row.event == "match") == best


def test_thousands_of_clusters_on_both_sides() -> None:
    # two giants that hold each other, and each the 3,000 small ones of the other side
    n = 3_000
    table = {(0, 0): 10**6} | {(0, i): 5 for i in range(1, n + 1)} | {(i, 0): 5 for i in range(1, n + 1)}
    rows = descent(table)
    assert [sum(row.event == event for row in rows) for event in EVENTS] == [1, n, n, 0, 0]
