"""Ids: of any type SQLite has, in its order, and as bytes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from sqlclust.core.geometry.metrics import IndexArray
from sqlclust.errors import Id


def sorted_order(ids: Sequence[Id]) -> IndexArray:
    """intp (n,), the order in which SQLite sorts ids: numbers, then TEXT by its UTF-8 bytes, then BLOBs."""
    kinds = set(map(type, ids))
    if kinds <= {int, bool}:  # the usual case, and its array sorts faster
        with suppress(OverflowError):
            return np.argsort(np.array(ids, dtype=np.int64), kind="stable")
    alike = kinds <= {str} or kinds <= {bytes}  # Python compares text by code point: the order of its UTF-8
    ranked = sorted(range(len(ids)), key=ids.__getitem__ if alike else lambda row: sort_key(ids[row]))
    return np.array(ranked, dtype=np.intp)


def sort_key(value: Id) -> tuple[int, int | float | bytes]:
    """A key by which Python sorts ids as SQLite does."""
    if isinstance(value, str):
        return 1, value.encode("utf-8", "surrogatepass")
    if isinstance(value, bytes):
        return 2, value
    return 0, value


def id_bytes(value: Id) -> bytes:
    """An id's type (i, r, t, b), the length of its bytes as uint32, and its bytes: different for different ids."""
    if isinstance(value, str):
        kind, body = b"t", value.encode("utf-8", "surrogatepass")
    elif isinstance(value, bytes):
        kind, body = b"b", value
    elif isinstance(value, int):
        kind, body = b"i", str(value).encode()
    else:
        kind, body = b"r", value.hex().encode()
    return kind + len(body).to_bytes(4, "little") + body
