"""The answers that stored embeddings and fits have to give."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

import sqlclust
from tests.small import Id
from tests.trust.same_answer import Answer, hard, of_array

N = 300
OPTIONS: dict[str, Any] = {"min_cluster_size": 6, "min_samples": 4}
WAYS: dict[str, dict[str, Any]] = {
    "exact": {"normalize": False},
    "exact, of unit vectors": {},
    "exact, cosine": {"metric": "cosine"},
    "approximate": {"normalize": False, "engine": "approximate"},
}

data = functools.cache(lambda: hard(N))
names = functools.cache(lambda: [f"{i:05}" for i in range(N)])
order_of_rows = functools.cache(lambda: np.random.default_rng(1).permutation(N))


@functools.cache
def expected(way: str, **options: Any) -> Answer:
    """What clustering the array gives; the way every other is compared with."""
    answer = of_array(sqlclust.hdbscan(data(), **{**OPTIONS, **WAYS[way], **options}), names())
    assert len(answer.clusters) > 3
    return answer


# --- ids ---------------------------------------------------------------------------------------------------------------


def mixed(i: int) -> Id:
    """INTEGER and REAL by turns, then TEXT, then BLOB: as SQLite sorts."""
    if i < N // 3:
        return i + 0.5 if i % 2 else i
    return f"{i:05}" if i < 2 * N // 3 else i.to_bytes(4, "big")


IDS: dict[str, Callable[[int], Id]] = {
    "INTEGER": lambda i: i,
    "large and negative INTEGER": lambda i: (i - N // 2) * 2**54 + 1,
    "TEXT": lambda i: f"{i:05}",
    "TEXT beyond ASCII": lambda i: chr(0x3B1 + i % 25) * (1 + i // 25),
    "BLOB": lambda i: bytes([0, i // 256, i % 256]),
    "REAL": lambda i: i / 8 - 3.0,
    "mixed": mixed,
}


def in_order(kind: str) -> list[Id]:
    """N ids of a kind in SQLite's order."""
    ids = [IDS[kind](i) for i in range(N)]
    return sorted(ids) if kind == "TEXT beyond ASCII" else ids
