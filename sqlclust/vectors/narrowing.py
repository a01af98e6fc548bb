"""Numbers of more digits that become float32: different rows that become equal, counted.

Timestamps in seconds, or metres from a far origin, take the digits of a float32 for what all rows have in common.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

logger = logging.getLogger("sqlclust")

_BLOCK = 2048
_COLUMNS = 32
_WAITING = 256
_EXACT_INTEGER = 1 << 24
"""Integers up to here are float32 numbers."""


class Narrowing:
    """Rows as they come, before and after they became float32. Sixteen bytes are kept of each."""

    def __init__(self) -> None:
        self._after: list[NDArray[np.uint64]] = []
        self._before: list[NDArray[np.uint64]] = []
        self._waiting: list[NDArray[Any]] = []
        self._any = False

    def add(self, given: NDArray[Any], stored: NDArray[np.float32]) -> None:
        """Take rows: (n, d) before, of any number type, and float32 (n, d) after, finite."""
        if not _may_lose(given):
            return
        lossy = _lossy(given, stored)
        self._any = self._any or bool(lossy.any())
        before = np.zeros(len(given), dtype=np.uint64)  # 0: what it is as float32
        before[lossy] = _hashes(given[lossy]) | np.uint64(1)
        self._after.append(_hashes(stored))
        self._before.append(before)

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
        n = sum(map(len, self._after))
        if not self._any:
            return 0, n
        return _count(np.concatenate(self._after), np.concatenate(self._before)), n

    def warn(self) -> None:
        """Log a warning if there are any."""
        _warn(*self.merged())


def warn_if_merged(given: NDArray[Any], stored: NDArray[np.float32]) -> None:
    """The same of rows that are all there: (n, d) before, float32 (n, d) after, finite.

    Cost: O(n·d), of numbers that are all float32 numbers; O(32·n) otherwise, and what rows that are equal in 32 columns take.
    """
    if not _may_lose(given) or not any(
        _lossy(given[start : start + _BLOCK], stored[start : start + _BLOCK]).any()
        for start in range(0, len(given), _BLOCK)
    ):
        return
    step = max(1, given.shape[1] // _COLUMNS)
    some = _hashes(stored[:, ::step])
    order = np.argsort(some, kind="stable")
    same = some[order][1:] == some[order][:-1]
    rows = np.sort(order[np.append(same, False) | np.append(False, same)])
    if not len(rows):
        return
    found = Narrowing()
    for start in range(0, len(rows), _BLOCK):
        part = rows[start : start + _BLOCK]
        found.add(given[part], stored[part])
    _warn(found.merged()[0], len(given))


def _warn(merged: int, n: int) -> None:
    if merged:
        logger.warning(
            "%s of %s rows differ from another one in digits that float32 does not have, and are the same vector now: "
            "subtract an origin first, such as the mean of each column",
            f"{merged:,}",
            f"{n:,}",
        )


def _may_lose(given: NDArray[Any]) -> bool:
    return given.dtype.itemsize > (4 if given.dtype.kind == "f" else 2)


def _lossy(given: NDArray[Any], stored: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which rows have numbers that are no float32, bool (n,); of large integers all are taken for such."""
    if given.dtype.kind == "f":
        return np.asarray((given != stored).any(axis=1))
    beyond = given > _EXACT_INTEGER
    if given.dtype.kind == "i":
        beyond |= given < -_EXACT_INTEGER
    return np.asarray(beyond.any(axis=1))


def _hashes(rows: NDArray[Any]) -> NDArray[np.uint64]:
    """uint64 (n,): of each row's numbers. 0.0 and -0.0 are one number."""
    result = np.empty(len(rows), dtype=np.uint64)
    drawn = np.random.Generator(np.random.PCG64(20130401)).integers(2**64, size=rows.shape[1], dtype=np.uint64)
    multipliers = drawn | np.uint64(1)
    for start in range(0, len(rows), _BLOCK):
        part = rows[start : start + _BLOCK]
        if part.dtype == np.float32:
            bits = (part + np.float32(0.0)).view(np.uint32).astype(np.uint64)
            bits ^= bits >> np.uint64(16)  # numbers of few digits end in zeros
        elif part.dtype.kind == "f":
            bits = (part.astype(np.float64) + 0.0).view(np.uint64)
            bits ^= bits >> np.uint64(32)
        else:
            bits = part.astype(np.uint64 if part.dtype.kind == "u" else np.int64).view(np.uint64)
        mixed = np.einsum("ij,j->i", bits, multipliers)
        result[start : start + _BLOCK] = mixed ^ (mixed >> np.uint64(29))
    return result


def _count(after: NDArray[np.uint64], before: NDArray[np.uint64]) -> int:
    """Rows in groups that are equal after and were not before."""
    order = np.lexsort((before, after))
    after, before = after[order], before[order]
    starts = np.flatnonzero(np.append(True, after[1:] != after[:-1]))
    sizes = np.diff(starts, append=len(after))
    return int(sizes[before[starts] != before[starts + sizes - 1]].sum())
