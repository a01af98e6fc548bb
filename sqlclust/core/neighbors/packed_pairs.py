"""Pairs packed into one number each, so that sorting millions of them moves nothing else.

A pair is one uint64: its owner's place in a block of owners, the other vector, and the bits of the float32 squared distance.
Numbers >= 0 sort as their bits do. So sorted keys stand by (owner, other, distance), and with other and distance swapped by
(owner, distance, other).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import Float32Array, IndexArray
from sqlclust.core.neighbors.k_nearest import KNearest, NeighborPairs, joined_pairs, order_by_block
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import for_each_block

PAIRS_EACH = 8
"""Pairs found for each neighbour wanted, about: some are too far, and most are met in several lists."""
PAIR_BYTES = 8
_MERGED_AT_A_TIME = 1 << 18


class PackedPairs(NamedTuple):
    """Pairs as keys, uint64 (p,), by blocks of owners, and where each block begins, intp (blocks + 1,)."""

    keys: NDArray[np.uint64]
    edges: IndexArray


class PackedNearest:
    """The k nearest found so far of each of m vectors, where pairs come packed, and any pair may come several times.

    Args:
        m, k: as `KNearest` has them.
        limits: float32 (m,), squared distances beyond which no neighbour of each vector is wanted.

    Attributes:
        nearest: the neighbours.
        limits: lowered as neighbours are found.
    """

    def __init__(self, m: int, k: int, limits: Float32Array) -> None:
        self.nearest = KNearest(m, k)
        self.limits = limits
        owners = max(64, _MERGED_AT_A_TIME // (PAIRS_EACH * k))
        self._owner_bits = min(owners.bit_length() - 1, 32 - max(1, (m - 1).bit_length()))
        self._blocks = -(-m >> self._owner_bits) if m else 0

    def packed(self, pairs: list[NeighborPairs]) -> PackedPairs:
        """Pairs packed, by the blocks of their owners."""
        every = joined_pairs(pairs)
        order, edges = order_by_block(every.owner >> self._owner_bits, self._blocks)
        return PackedPairs(self._keys(every)[order], edges)

    def merge(self, found: list[PackedPairs], control: Control) -> None:
        """Let each vector keep the nearest of what it has and of what was found for it, and lower its limit."""
        m = len(self.limits)

        def merge(number: int) -> None:
            owners = slice(number << self._owner_bits, min((number + 1) << self._owner_bits, m))
            keys = np.concatenate(
                [self._keys(self.nearest.known(owners))]
                + [part.keys[part.edges[number] : part.edges[number + 1]] for part in found]
            )
            control.check()
            self._put_nearest(keys, owners)
            self.limits[owners] = np.minimum(self.limits[owners], self.nearest.squared[owners, -1])

        for_each_block(merge, range(self._blocks), control)

    def _keys(self, pairs: NeighborPairs) -> NDArray[np.uint64]:
        owner = (pairs.owner & ((1 << self._owner_bits) - 1)).astype(np.uint64)
        keys = owner << np.uint64(32 - self._owner_bits) | pairs.other.astype(np.uint64)
        distance = np.maximum(pairs.squared, np.float32(0.0)) + np.float32(0.0)  # no -0.0
        return np.asarray(keys << np.uint64(32) | distance.view(np.uint32))

    def _put_nearest(self, keys: NDArray[np.uint64], owners: slice) -> None:
        """Set the k nearest of some owners; `keys` are all that is known of them, and are used up."""
        other_bits = 32 - self._owner_bits
        owner_mask = np.uint64(((1 << self._owner_bits) - 1) << (32 + other_bits))
        other_mask, distance_mask = np.uint64((1 << other_bits) - 1), np.uint64((1 << 32) - 1)
        # each pair once: it may have been met in several lists, with distances that differ by rounding
        keys.sort()
        pair = keys >> np.uint64(32)
        new = np.ones(len(keys), dtype=bool)
        new[1:] = pair[1:] != pair[:-1]
        keys, pair = keys[new], pair[new]
        # now by distance
        keys = (keys & owner_mask) | (keys & distance_mask) << np.uint64(other_bits) | (pair & other_mask)
        keys.sort()
        owner = (keys >> np.uint64(32 + other_bits)).astype(np.intp)
        counts = np.bincount(owner, minlength=owners.stop - owners.start)
        place = np.arange(len(owner)) - (np.cumsum(counts) - counts)[owner]
        kept = place < self.nearest.indices.shape[1]
        keys, owner, place = keys[kept], owner[kept], place[kept]
        squared = (keys >> np.uint64(other_bits) & distance_mask).astype(np.uint32).view(np.float32)
        other = (keys & other_mask).astype(np.int32)
        self.nearest.put(NeighborPairs((owners.start + owner).astype(np.int32), other, squared), place)
