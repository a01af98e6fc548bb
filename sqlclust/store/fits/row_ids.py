"""The column `row_ids` of ClusteringFit: the ids of its rows as one BLOB."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from sqlclust.core.runtime.control import Control
from sqlclust.errors import Id
from sqlclust.store.embeddings.ids import id_bytes, sort_key

_INTEGERS, _MIXED = b"i", b"m"
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
    kind, body = blob[:1], memoryview(blob)[1:]
    if kind == _INTEGERS:
        if len(body) != 8 * n:
            raise ValueError("row_ids has another length")
        integers = np.frombuffer(body, dtype="<i8")
        if (integers[1:] <= integers[:-1]).any():
            raise ValueError("row_ids are not in order")
        values: list[Id] = integers.tolist()
        return values
    if kind != _MIXED:
        raise ValueError("row_ids has an unknown form")
    control = control or Control()
    ids: list[Id] = []
    position = 0
    while position < len(body):
        if len(ids) % _BLOCK == 0:
            control.check()
        head = body[position : position + 5]
        if len(head) < 5:
            raise ValueError("row_ids ends inside an id")
        end = position + 5 + int.from_bytes(head[1:], "little")
        content = bytes(body[position + 5 : end])
        if end > len(body) or len(ids) == n:
            raise ValueError("row_ids has another length")
        ids.append(_decode_id(bytes(head[:1]), content))
        position = end
    if len(ids) != n:
        raise ValueError("row_ids has another length")
    for start in range(0, n, _BLOCK):
        control.check()
        if not all(a < b for a, b in pairwise(map(sort_key, ids[start : start + _BLOCK + 1]))):
            raise ValueError("row_ids are not in order")
    return ids


def _decode_id(kind: bytes, content: bytes) -> Id:
    if kind == b"t":
        return content.decode("utf-8", "surrogatepass")
    if kind == b"b":
        return content
    if kind == b"i" and len(content) <= 20 and int(content) in _INT64:
        return int(content)
    if kind == b"r" and len(content) <= 40:
        return float.fromhex(content.decode("ascii"))
    raise ValueError("row_ids has an id of unknown type")
