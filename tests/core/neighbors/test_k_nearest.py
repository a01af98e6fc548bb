"""However neighbours are found, in whatever portions: the k nearest are those of sorting all of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sqlclust.core.neighbors import k_nearest, packed_pairs
from sqlclust.core.neighbors.k_nearest import (
    KNearest,
    KthLargest,
    NeighborPairs,
    group_maxima,
    joined_pairs,
    nearest_pairs,
    order_by_block,
)
from sqlclust.core.neighbors.packed_pairs import PackedNearest
from sqlclust.core.runtime.control import Control

pytestmark = pytest.mark.slow

OWNERS = 7
SIZES = st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(0, 60), st.integers(1, 4))


def some_pairs(seed: int, count: int, dtype: type[np.floating]) -> NeighborPairs:
    """Pairs, none of them twice; many are equally far."""
    random = np.random.default_rng(seed)
    owner, other = np.divmod(random.permutation(OWNERS * 12)[:count], 12)
    squared = random.integers(0, 4, count).astype(dtype)
    return NeighborPairs(owner.astype(np.int32), other.astype(np.int32), squared)


def by_sorting(pairs: NeighborPairs, k: int) -> tuple[list[list[int]], list[list[float]]]:
    every = sorted(zip(pairs.owner.tolist(), pairs.squared.tolist(), pairs.other.tolist(), strict=True))
    near = [[(far, other) for owner, far, other in every if owner == number][:k] for number in range(OWNERS)]
    filled = [[*some, *[(np.inf, -1)] * (k - len(some))] for some in near]
    return [[other for _, other in some] for some in filled], [[far for far, _ in some] for some in filled]


def found(nearest: KNearest) -> tuple[list[list[int]], list[list[float]]]:
    return nearest.indices.tolist(), nearest.squared.tolist()


@given(SIZES)
def test_pairs_in_portions(sizes: tuple[int, int, int, int]) -> None:
    seed, k, count, portions = sizes
    pairs = some_pairs(seed, count, np.float64)
    nearest = KNearest(OWNERS, k, squared=np.float64, indices=np.intp)
    for portion in range(portions):
        for owners in (slice(0, 3), slice(3, OWNERS)):
            mine = (pairs.owner >= owners.start) & (pairs.owner < owners.stop)
            nearest.add_pairs(pairs.at(np.flatnonzero(mine & (pairs.other % portions == portion))), owners)
    assert found(nearest) == by_sorting(pairs, k)
    kept, place = nearest_pairs(pairs, k)
    assert [kept.other[kept.owner == number].tolist() for number in range(OWNERS)] == [
        [other for other in others if other >= 0] for others in by_sorting(pairs, k)[0]
    ]
    assert (place < k).all()


@given(SIZES)
def test_packed_pairs_that_come_several_times(sizes: tuple[int, int, int, int]) -> None:
    seed, k, count, portions = sizes
    pairs = some_pairs(seed, count, np.float32)
    farther = pairs._replace(squared=pairs.squared + np.float32(1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed_pairs, "_MERGED_AT_A_TIME", 1)
        limits = np.full(OWNERS, 2.5, dtype=np.float32)
        nearest = PackedNearest(OWNERS, k, limits)
    for portion in range(portions):
        some = np.flatnonzero(pairs.other % portions == portion)
        if len(some):
            nearest.merge([nearest.packed([farther.at(some)]), nearest.packed([pairs.at(some)])], Control())
    assert found(nearest.nearest) == by_sorting(pairs, k)
    np.testing.assert_array_equal(nearest.limits, np.minimum(nearest.nearest.squared[:, -1], np.float32(2.5)))


@given(SIZES, st.sampled_from([0, 4, 1000]))
def test_panels_are_as_good_as_all_at_once(sizes: tuple[int, int, int, int], crowded: int) -> None:
    """Also where a panel is partitioned."""
    seed, k, columns, width = sizes
    nearness = np.random.default_rng(seed).permutation(OWNERS * columns).reshape(OWNERS, columns).astype(np.float32)
    nearness[nearness % 5 == 0] = -np.inf
    nearest = KNearest(OWNERS, k)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(k_nearest, "_CROWDED", crowded)
        for first in range(0, columns, width * 3):
            nearest.add_panel(nearness[:, first : first + width * 3], first)
    owner, other = (index.astype(np.int32) for index in np.nonzero(np.isfinite(nearness)))
    assert found(nearest) == by_sorting(NeighborPairs(owner, other, -nearness[owner, other]), k)


def _values(seed: int, columns: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).integers(0, 50, (3, columns)).astype(np.float32)


@given(SIZES)
def test_the_kth_largest_so_far(sizes: tuple[int, int, int, int]) -> None:
    seed, k, columns, width = sizes
    values, kth = _values(seed, columns), KthLargest(3, k)
    for first in range(0, columns, width * 3):
        kth.add(values[:, first : first + width * 3])
        shown = np.sort(values[:, : first + width * 3], axis=1)
        assert kth.least.tolist() == (shown[:, -k].tolist() if shown.shape[1] >= k else [-np.inf] * 3)


@given(SIZES, st.integers(1, 40))
def test_the_kth_of_group_maxima_is_not_above_the_kth_of_all(sizes: tuple[int, int, int, int], groups: int) -> None:
    seed, k, columns, _ = sizes
    values = _values(seed, columns + groups + k)
    maxima = group_maxima(values, groups)
    assert maxima.shape == (3, groups)
    np.testing.assert_array_equal(maxima.max(axis=1), values.max(axis=1))  # every column is in a group
    if groups >= k:
        assert (np.sort(maxima, axis=1)[:, -k] <= np.sort(values, axis=1)[:, -k]).all()


@pytest.mark.parametrize("blocks", [5, (1 << 16) + 1])
def test_order_by_block_is_stable(blocks: int) -> None:
    block = np.random.default_rng(0).integers(0, 5, 50)
    order, edges = order_by_block(block, blocks)
    for number in range(5):
        assert order[edges[number] : edges[number + 1]].tolist() == np.flatnonzero(block == number).tolist()
    assert len(edges) == blocks + 1


def test_joined_keeps_the_order() -> None:
    one, other = some_pairs(1, 4, np.float32), some_pairs(2, 3, np.float32)
    assert joined_pairs([one, other]).other.tolist() == [*one.other.tolist(), *other.other.tolist()]
