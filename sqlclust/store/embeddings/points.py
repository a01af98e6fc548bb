"""Points: ids with their vectors, checked. What clust_points collects and a fit selects."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import Float32Array, IndexArray
from sqlclust.core.runtime.control import Control
from sqlclust.errors import Id, ZeroVectorError
from sqlclust.store.embeddings.ids import id_bytes, sorted_order
from sqlclust.vectors.blobs import STORED, first_zero, subject_of

_BLOCK = 4096


class Fingerprint(NamedTuple):
    """What tells whether points are the same as at another time.

    Attributes:
        corpus_hash: hexadecimal SHA-256 of (id, vector) of every row in the order of ids.
        row_checks: uint32 (n,), CRC-32 of each row's stored vector in the order of ids: which row has changed.
    """

    corpus_hash: str
    row_checks: NDArray[np.uint32]


@dataclass(frozen=True, eq=False)
class Points:
    """Ids and their vectors, in the order they came.

    Attributes:
        ids: n ids, each once.
        vectors: float32 (n, dimension), finite; (0, 0) when there are none.
        order: intp (n,), the rows in the order SQLite sorts their ids.
    """

    ids: Sequence[Id]
    vectors: Float32Array
    order: IndexArray

    def __len__(self) -> int:
        return len(self.ids)

    def rank(self) -> IndexArray:
        """intp (n,), each row's place in `order`."""
        rank = np.empty(len(self.order), dtype=np.intp)
        rank[self.order] = np.arange(len(self.order))
        return rank

    def check_directions(self, control: Control | None = None) -> None:
        """Raise ZeroVectorError, naming the id, if a vector has no direction."""
        row = first_zero(self.vectors, check=(control or Control()).check)
        if row is not None:
            raise ZeroVectorError(subject_of(self.ids[row]), embedding_id=self.ids[row])

    def every(self, step: int, control: Control | None = None) -> Points:
        """Every step-th of the points by rank of their ids."""
        if step == 1:
            return self
        control = control or Control()
        rows = np.sort(self.order[::step])
        vectors = np.empty((len(rows), self.vectors.shape[1]), dtype=np.float32)
        for start in range(0, len(rows), _BLOCK):
            control.check()
            vectors[start : start + _BLOCK] = self.vectors[rows[start : start + _BLOCK]]
        return points_of([self.ids[row] for row in rows.tolist()], vectors)

    def fingerprint(self, control: Control | None = None) -> Fingerprint:
        """Hashes of the points, the same whatever order they came in. O(n·dimension)."""
        control = control or Control()
        ids, contents = hashlib.sha256(), hashlib.sha256()
        checks = np.empty(len(self.order), dtype=np.uint32)
        with ThreadPoolExecutor(1, thread_name_prefix="sqlclust-hash") as pool:
            hashing: Future[None] = pool.submit(
                contents.update, b""
            )  # of the contents, without Python's lock, beside the rest
            for start in range(0, len(self.order), _BLOCK):
                control.at(start / len(self.order))
                rows = self.order[start : start + _BLOCK]
                block = np.ascontiguousarray(self.vectors[rows], dtype=STORED)
                hashing.result()
                hashing = pool.submit(contents.update, block.data)
                checks[start : start + _BLOCK] = [zlib.crc32(row) for row in block]
                ids.update(b"".join(id_bytes(self.ids[row]) for row in rows.tolist()))
            hashing.result()
        return Fingerprint(hashlib.sha256(ids.digest() + contents.digest()).hexdigest(), checks)

    def row_hashes(self, control: Control | None = None) -> NDArray[np.uint64]:
        """uint64 (n,), in the order of ids: the first 8 bytes of SHA-256 of each row's stored vector. O(n·dimension).

        The 32 bits of `Fingerprint.row_checks` tell accidents in a file. These tell whether a vector is one that was there, and
        among 100,000 vectors two have the same 32 bits.
        """
        control = control or Control()
        hashes = np.empty(len(self.order), dtype=np.uint64)
        for start in range(0, len(self.order), _BLOCK):
            control.check()
            block = np.ascontiguousarray(self.vectors[self.order[start : start + _BLOCK]], dtype=STORED)
            digests = b"".join([hashlib.sha256(row).digest()[:8] for row in block])
            hashes[start : start + _BLOCK] = np.frombuffer(digests, dtype="<u8")
        return hashes


def points_of(ids: Sequence[Id], vectors: Float32Array) -> Points:
    """Points of ids that are distinct and vectors that are checked."""
    return Points(ids, vectors, sorted_order(ids))
