"""The column `row_ids` of ClusteringFit: the ids of its rows as one BLOB."""

from __future__ import annotations

from collections.abc import Sequence
from operator import lt
from typing import Any

import numpy as np

from sqlclust.core.runtime.control import Control
from sqlclust.errors import Id
from sqlclust.store.embeddings.ids import id_bytes, sort_key

_INTEGERS, _MIXED = b"i", b"m"
_INTEGER, _REAL, _TEXT, _BLOB = b"irtb"
_BLOCK = 8192
_INT64 = range(-(2**63), 2**63)


def encode_ids(ids: Sequence[Id], control: Control | None = None) -> bytes:
    """Ids as one BLOB: `i` and int64 each, or `m` and for each its type (i, r, t, b), its length as uint32 and its bytes."""
    if all(isinstance(value, int) for value in ids):
        return _INTEGERS + np.array(ids, dtype="<i8").tobytes()
    parts = [_MIXED]
    for start in range(0, len(ids), _BLOCK):
        (control or Control()).check()
        parts.append(b"".join(map(id_bytes, ids[start : start + _BLOCK])))
    return b"".join(parts)


def decode_ids(blob: bytes, n: int, control: Control | None = None) -> list[Id]:
    """The n ids of a BLOB, which are in SQLite's order, each once.

    Raises:
        ValueError, OverflowError: it is no such BLOB.
    """
    kind = blob[:1]
    if kind == _INTEGERS:
        if len(blob) != 1 + 8 * n:
            raise ValueError("row_ids has another length")
        integers = np.frombuffer(blob, dtype="<i8", offset=1)
        if (integers[1:] <= integers[:-1]).any():
            raise ValueError("row_ids are not in order")
        values: list[Id] = integers.tolist()
        return values
    if kind != _MIXED:
        raise ValueError("row_ids has an unknown form")
    ids = _decode_each(blob, n, control or Control())
    if not _are_in_order(ids, control or Control()):
        raise ValueError("row_ids are not in order")
    return ids


def _decode_each(blob: bytes, n: int, control: Control) -> list[Id]:
    ids: list[Id] = []
    size, position = len(blob), 1
    while position < size:
        if len(ids) % _BLOCK == 0:
            control.check()
        start = position + 5
        if start > size:
            raise ValueError("row_ids ends inside an id")
        kind, content = (
            blob[position],
            blob[start : (end := start + int.from_bytes(blob[position + 1 : start], "little"))],
        )
        if end > size or len(ids) == n:
            raise ValueError("row_ids has another length")
        ids.append(content.decode("utf-8", "surrogatepass") if kind == _TEXT else _decode_id(kind, content))
        position = end
    if len(ids) != n:
        raise ValueError("row_ids has another length")
    return ids


def _are_in_order(ids: list[Id], control: Control) -> bool:
    """Whether they ascend as SQLite sorts them, each once."""
    for start in range(0, len(ids), _BLOCK):
        control.check()
        some: list[Any] = ids[start : start + _BLOCK + 1]
        kinds = set(map(type, some))
        if not (kinds <= {str} or kinds <= {bytes}):  # those Python compares as SQLite does
            some = [*map(sort_key, some)]
        if not all(map(lt, some, some[1:])):
            return False
    return True


def _decode_id(kind: int, content: bytes) -> Id:
    if kind == _BLOB:
        return content
    if kind == _INTEGER and len(content) <= 20 and int(content) in _INT64:
        return int(content)
    if kind == _REAL and len(content) <= 40:
        return float.fromhex(content.decode("ascii"))
    raise ValueError("row_ids has an id of unknown type")
