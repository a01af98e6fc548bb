"""A buffer that grows by appending. It holds gigabytes of vectors once, without knowing beforehand how many there will be."""

from __future__ import annotations

import mmap
import sys
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

_LARGE = 1 << 22


class GrowingBytes:
    """Bytes, appended in pieces.

    On Linux, from a few megabytes on, they lie in a memory map of their own. It grows without being copied. It has huge pages,
    because touching small ones for the first time takes longer than copying the bytes. Elsewhere it is a bytearray.

    Args:
        expected: bytes there will be, if that is known.
    """

    def __init__(self, expected: int = 0) -> None:
        self._small = bytearray()
        self._large: mmap.mmap | None = None
        self._used = 0
        if expected > _LARGE:
            self._enlarge(expected)

    def append(self, piece: bytes) -> None:
        """Append a piece."""
        end = self._used + len(piece)
        if end > (_LARGE if self._large is None else len(self._large)):
            self._enlarge(end + (end >> 2))
        if self._large is None:
            self._small += piece
        else:
            self._large.write(piece)
        self._used = end

    def _enlarge(self, size: int) -> None:
        if sys.platform != "linux":
            return
        if self._large is None:
            self._large = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            with suppress(OSError):  # a kernel without them
                self._large.madvise(mmap.MADV_HUGEPAGE)
            self._large.write(self._small)
            self._small = bytearray()
        else:
            self._large.resize(size)  # untouched, it is an address range and no memory

    def take(self) -> NDArray[np.uint8]:
        """All of them, uint8 and writable; nothing is appended afterwards."""
        return np.frombuffer(self._small if self._large is None else self._large, dtype=np.uint8, count=self._used)
