"""Labels that stay: what matches keeps its label, what is new gets one that was never used, and lineage sees it so."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlclust.core.labellings.lineage import Int64Array, Overlap, lineage
from sqlclust.core.labellings.stable_labels import stable_labels

NOISE = -1


def array(*values: int) -> Int64Array:
    return np.array(values, dtype=np.int64)


def clusters_of(labels: Int64Array) -> Int64Array:
    return np.unique(labels[labels != NOISE])


def stable(a: list[int], b: list[int], next_label: int) -> list[int]:
    """The new labels of the clusters of b, after a."""
    before, now = array(*a), array(*b)
    return stable_labels(Overlap.of(before, now), clusters_of(before), clusters_of(now), next_label)


@pytest.mark.parametrize(
    ("a", "b", "next_label", "expected"),
    [
        ([], [], 0, []),
        ([-1, -1], [0, 0], 0, [0]),
        ([5, 5, 9, 9], [0, 0, 1, 1], 10, [5, 9]),
        ([5, 5, 9, 9], [1, 1, 0, 0], 10, [9, 5]),
        ([5, 5, 5, 5, 5, 9], [0, 0, 0, 1, 1, -1], 20, [5, 20]),  # a split: the larger part keeps it
        ([5, 5, 5, 9, 9], [0, 0, 0, 0, 0], 20, [5]),  # a merge
        ([5, 5, -1, -1, 9, 9], [-1, -1, 0, 0, 1, 1], 20, [20, 9]),  # a death and a birth, which is not what died
    ],
)
def test_by_hand(a: list[int], b: list[int], next_label: int, expected: list[int]) -> None:
    assert stable(a, b, next_label) == expected


labels = st.integers(-1, 4)


@settings(max_examples=300, deadline=None)
@given(pairs=st.lists(st.tuples(labels, labels), max_size=24), above=st.integers(0, 3), data=st.data())
def test_what_matches_keeps_its_label_and_lineage_says_so(
    pairs: list[tuple[int, int]], above: int, data: st.DataObject
) -> None:
    """With few things there are many matchings that are equally good, and the same one is found again."""
    names = array(*data.draw(st.permutations(range(0, 15, 3))))
    before = np.append(names, NOISE)[array(*(a for a, _ in pairs))]
    now = array(*(b for _, b in pairs))
    now = np.append(np.cumsum(np.isin(np.arange(5), now)) - 1, NOISE)[
        now
    ]  # from 0 without a gap, as a clustering has them
    earlier, clusters = clusters_of(before), clusters_of(now)
    next_label = int(earlier.max(initial=NOISE)) + 1 + above
    events = lineage(Overlap.of(before, now), earlier, clusters)
    found = stable_labels(Overlap.of(before, now), earlier, clusters, next_label)

    matches = {row.label_b: row.label_a for row in events if row.event == "match"}
    new = iter(range(next_label, 99))
    assert found == [matches[b] if b in matches else next(new) for b in clusters.tolist()]

    renamed = array(*found, NOISE)[now]
    again = lineage(Overlap.of(before, renamed), earlier, clusters_of(renamed))
    assert {row.label_a for row in again if row.event == "match"} == set(matches.values())
    assert all(row.label_a == row.label_b for row in again if row.event == "match")
    for row in again:
        assert row.event not in ("split", "birth") or (row.label_b is not None and row.label_b >= next_label)


@given(st.lists(st.tuples(st.integers(-2, 10**12), labels), max_size=30))
def test_an_overlap_counts_pairs(pairs: list[tuple[int, int]]) -> None:
    found = Overlap.of(array(*(a for a, _ in pairs)), array(*(b for _, b in pairs)))
    rows = list(zip(*(column.tolist() for column in found), strict=True))
    assert rows == [(*pair, n) for pair, n in sorted(Counter(pairs).items())]
    assert {column.dtype for column in found} == {np.dtype(np.int64)}
