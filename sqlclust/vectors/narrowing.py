"""Narrowing: numbers of more digits become float32. Counts the rows that differed before and are equal afterwards.

A float32 has about seven digits. Timestamps in seconds, or metres from a far origin, spend them on what all rows have in common.

Rows are compared by hashes of 64 bits, one of the row before and one of the row after. A row is merged if its hash after is
that of another row whose hash before is different.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

logger = logging.getLogger("sqlclust")

_BLOCK = 2048
"""Rows that are looked at together."""
_COLUMNS = 32
"""Columns of which rows are compared first."""
_WAITING = 256
"""Single rows that are collected before they are hashed."""
_EXACT_INTEGER = 1 << 24
"""Every integer up to here is a float32 number; above it, some are not."""
_UNCHANGED = 0
"""Instead of a hash of the row before: it is the same as float32."""


class Narrowing:
    """Counts merged rows while rows come in. Keeps sixteen bytes of each row: its two hashes."""

    def __init__(self) -> None:
        self._hashes_after: list[NDArray[np.uint64]] = []
        self._hashes_before: list[NDArray[np.uint64]] = []
        self._waiting: list[NDArray[Any]] = []
        self._some_lossy = False

    def add(self, given: NDArray[Any], stored: NDArray[np.float32]) -> None:
        """Take rows: (n, d) before, of any number type, and float32 (n, d) after, finite."""
        if not _may_lose(given):
            return
        lossy = _lossy(given, stored)
        self._some_lossy = self._some_lossy or bool(lossy.any())
        before = np.full(len(given), _UNCHANGED, dtype=np.uint64)
        before[lossy] = _hashes(given[lossy]) | np.uint64(1)  # odd, so never _UNCHANGED
        self._hashes_after.append(_hashes(stored))
        self._hashes_before.append(before)

    def add_row(self, given: NDArray[np.float64]) -> None:
        """Take one row, (d,), of as many numbers as the others; none beyond float32."""
        self._waiting.append(given)
        if len(self._waiting) == _WAITING:
            self._add_waiting()

    def _add_waiting(self) -> None:
        if self._waiting:
            rows = np.stack(self._waiting)
            self._waiting.clear()
            self.add(rows, rows.astype(np.float32))

    def merged(self) -> tuple[int, int]:
        """How many rows are equal as float32 to a row that they differed from, and how many rows there were."""
        self._add_waiting()
        n = sum(map(len, self._hashes_after))
        if not self._some_lossy:
            return 0, n
        return _count_merged(np.concatenate(self._hashes_after), np.concatenate(self._hashes_before)), n

    def warn(self) -> None:
        """Log a warning if there are any."""
        _warn(*self.merged())


def warn_if_merged(given: NDArray[Any], stored: NDArray[np.float32]) -> None:
    """Log a warning if rows were merged, where all rows are there: (n, d) before, float32 (n, d) after, finite.

    Rows that are equal in all columns are equal in 32 of them. So only rows that are equal in those are compared whole.

    Cost: O(n·d) if all numbers are float32 numbers. Otherwise O(32·n), and O(d) for each row that is equal to another in the 32.
    """
    if not _may_lose(given) or not any(
        _lossy(given[start : start + _BLOCK], stored[start : start + _BLOCK]).any()
        for start in range(0, len(given), _BLOCK)
    ):
        return
    rows = _rows_with_a_twin(_hashes(stored[:, :: max(1, given.shape[1] // _COLUMNS)]))
    if not len(rows):
        return
    narrowing = Narrowing()
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        narrowing.add(given[block], stored[block])
    _warn(narrowing.merged()[0], len(given))


def _rows_with_a_twin(hashes: NDArray[np.uint64]) -> NDArray[np.intp]:
    """The rows whose hash another row has too, ascending."""
    order = np.argsort(hashes, kind="stable")
    as_the_next = hashes[order][1:] == hashes[order][:-1]
    return np.sort(order[np.append(as_the_next, False) | np.append(False, as_the_next)])


def _warn(merged: int, n: int) -> None:
    if merged:
        logger.warning(
            "%s of %s rows differ from another one in digits that float32 does not have, and are the same vector now: "
            "subtract an origin first, such as the mean of each column",
            f"{merged:,}",
            f"{n:,}",
        )


def _may_lose(given: NDArray[Any]) -> bool:
    """Whether numbers of this type can be other ones as float32."""
    return given.dtype.itemsize > (4 if given.dtype.kind == "f" else 2)


def _lossy(given: NDArray[Any], stored: NDArray[np.float32]) -> NDArray[np.bool_]:
    """bool (n,): which rows have a number that is no float32 number. Every integer beyond 2^24 is taken for one."""
    if given.dtype.kind == "f":
        return np.asarray((given != stored).any(axis=1))
    beyond = given > _EXACT_INTEGER
    if given.dtype.kind == "i":
        beyond |= given < -_EXACT_INTEGER
    return np.asarray(beyond.any(axis=1))


def _hashes(rows: NDArray[Any]) -> NDArray[np.uint64]:
    """uint64 (n,): a hash of each row's numbers, Σ bits·multiplier modulo 2^64 with random odd multipliers.

    0.0 and -0.0 are the same number, so they get the same hash.
    """
    result = np.empty(len(rows), dtype=np.uint64)
    drawn = np.random.Generator(np.random.PCG64(20130401)).integers(2**64, size=rows.shape[1], dtype=np.uint64)
    multipliers = drawn | np.uint64(1)
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        if block.dtype == np.float32:
            bits = (block + np.float32(0.0)).view(np.uint32).astype(np.uint64)
            bits ^= bits >> np.uint64(16)  # numbers of few digits end in zeros, which multiplying would keep
        elif block.dtype.kind == "f":
            bits = (block.astype(np.float64) + 0.0).view(np.uint64)
            bits ^= bits >> np.uint64(32)
        else:
            bits = block.astype(np.uint64 if block.dtype.kind == "u" else np.int64).view(np.uint64)
        mixed = np.einsum("ij,j->i", bits, multipliers)
        result[start : start + _BLOCK] = mixed ^ (mixed >> np.uint64(29))
    return result


def _count_merged(after: NDArray[np.uint64], before: NDArray[np.uint64]) -> int:
    """How many rows are in groups of one hash after and of several hashes before.

    Sorted by `after`, then by `before`, a group has several if its first and its last one differ.
    """
    order = np.lexsort((before, after))
    after, before = after[order], before[order]
    starts = np.flatnonzero(np.append(True, after[1:] != after[:-1]))
    sizes = np.diff(starts, append=len(after))
    return int(sizes[before[starts] != before[starts + sizes - 1]].sum())
