"""Whether work fits into memory, before it starts and before its vectors are read."""

from __future__ import annotations

from sqlclust.core.cost import memory_bytes
from sqlclust.core.runtime.available_memory import available_memory
from sqlclust.core.runtime.threads import worker_count
from sqlclust.errors import OutOfMemoryError, dimensions
from sqlclust.vectors.blobs import ITEM_BYTES

_GIB = 1 << 30
ID_BYTES = 150
"""Bytes of an id while it is read and checked: a Python int or a text of some 40 bytes, with its place in a list and in a set."""


def check_memory(n: int, dimension: int, min_samples: int, engine: str, *, more: int = 0) -> None:
    """Refuse a fit that needs more than the memory that is free.

    Args:
        more: bytes it needs besides what `core.cost.memory_bytes` says: vectors that are still to be read, a copy.

    Raises:
        OutOfMemoryError: it says how much is needed and how much there is.
        UnknownEngineError
    """
    check_free(
        memory_bytes(n, dimension, min_samples, engine) + more,
        f"the {engine} engine",
        f"{_vectors(n, dimension)} and min_samples {min_samples}",
    )


def check_free(needed: int, what: str, of: str, *, advice: str = "") -> None:
    """Refuse work that needs more than the memory that is free, before it takes it.

    Args:
        needed: bytes.
        what: the work, in the message; of what, `of`.
        advice: what to do instead, for work that is no fit.

    Raises:
        OutOfMemoryError
    """
    free = available_memory()
    if free is not None and needed > free:
        reason = f"{what} needs about {_gib(needed)} for {of}, and {_gib(free)} are free"
        raise OutOfMemoryError(reason, **({"advice": advice} if advice else {}))


FEWER = "Select fewer rows"
"""Advice where there is no other engine."""

_TREE_BYTES = 500
"""Bytes of a row of a stored fit while clusters are cut from it: the hierarchy, the condensed tree, and what follows."""
_ROW_BYTES = 100
_BLOCKS = 64 << 20


def check_neighbors(n: int, dimension: int, k: int) -> None:
    """Refuse to look for the k nearest of n vectors where the result, or the way to it, has no room. Raises OutOfMemoryError."""
    k = min(k, max(n - 1, 1))
    needed = memory_bytes(n, dimension, k, "exact") + n * (16 * k + 400)
    check_free(needed, "clust_neighbors", f"{_vectors(n, dimension)} and k {k}", advice=FEWER)


def check_duplicates(n: int, dimension: int) -> None:
    """Refuse to look for duplicates among n vectors where they have no room once more. Raises OutOfMemoryError."""
    needed = n * (ITEM_BYTES * dimension + _ROW_BYTES)
    check_free(needed, "clust_duplicates", _vectors(n, dimension), advice=FEWER)


_HIERARCHY_BYTES = 100
"""Bytes of a row in a spanning tree and its hierarchy."""


def check_cutting(n: int, dimension: int = 0, *, trees: int = 1) -> None:
    """Refuse to cut a stored fit of n rows that has no room; with a dimension, where its vectors are still to be read.

    Args:
        trees: how many are cut, and held while they are.

    Raises:
        OutOfMemoryError
    """
    vectors = reading_bytes(n, dimension) + n * (ITEM_BYTES * dimension + _ROW_BYTES) if dimension else 0
    of = _vectors(n, dimension) if dimension else f"{n:,} rows"
    needed = n * (_TREE_BYTES + _HIERARCHY_BYTES * (trees - 1)) + vectors
    check_free(needed, "cutting a stored fit", of, advice="Fit fewer rows")


_NEIGHBOR_BYTES = 200
"""Bytes of a neighbour kept with a fit while a smaller min_samples is made of it: as it is read, and edges of the tree."""


def check_other_min_samples(n: int, dimension: int, k: int) -> None:
    """Refuse to make a fit with a smaller min_samples of a stored one of n rows, with k neighbours each, that has no room.

    Raises:
        OutOfMemoryError
    """
    vectors = reading_bytes(n, dimension) + n * (ITEM_BYTES * dimension + _ROW_BYTES)
    of = f"{_vectors(n, dimension)} with {k} neighbours each"
    needed = n * (_TREE_BYTES + _NEIGHBOR_BYTES * k) + vectors
    check_free(needed, "a smaller min_samples of a stored fit", of, advice="Fit fewer rows")


def check_predicting(n: int, q: int, dimension: int, *, to_read: bool = False) -> None:
    """Refuse to predict q vectors by n members; with `to_read` the q are still to be read. Raises OutOfMemoryError."""
    needed = 2 * ITEM_BYTES * (n + 2 * q) * dimension + _ROW_BYTES * (n + q) + _BLOCKS * worker_count()
    needed += reading_bytes(q, dimension) if to_read else 0
    of = f"{_vectors(q, dimension)} and {n:,} members"
    check_free(needed, "predicting", of, advice="Predict fewer rows at a time")


_MAP_ROW_BYTES, _MAP_NEIGHBOR_BYTES = 300, 100
"""Bytes of a row, and of a neighbour kept with the fit, while a map is made: affinities of both directions, and their sum."""


def check_map(n: int, dimension: int, n_neighbors: int) -> None:
    """Refuse to make a map of a stored fit of n rows that has no room; `n_neighbors`: in all lists, 0 by PCA.

    Raises:
        OutOfMemoryError
    """
    vectors = reading_bytes(n, dimension) + n * (ITEM_BYTES * dimension + _ROW_BYTES)
    needed = vectors + n * _MAP_ROW_BYTES + n_neighbors * _MAP_NEIGHBOR_BYTES + _BLOCKS
    check_free(needed, "a map", _vectors(n, dimension), advice="Fit fewer rows")


_WORD_BYTES = 80
"""Bytes of a word while it is counted, for each number of words of a phrase that it may be in."""


def check_counting_words(n_words: int, ngrams: int) -> None:
    """Refuse to count words, and phrases of them, that have no room. Raises OutOfMemoryError."""
    needed = n_words * _WORD_BYTES * (1 + ngrams)
    check_free(needed, "counting", f"{n_words:,} words and ngrams {ngrams}", advice="Take fewer texts, or ngrams 1")


def check_room_for_more(n: int, dimension: int) -> None:
    """Refuse to collect more vectors where a quarter more than the n there are has no room.

    Raises:
        OutOfMemoryError
    """
    needed, free = n * (ITEM_BYTES * dimension + ID_BYTES) // 4, available_memory()
    if free is not None and needed > free:
        reason = f"{_vectors(n, dimension)} are read, there are more of them, and {_gib(free)} are free"
        raise OutOfMemoryError(reason, advice=FEWER)


def reading_bytes(n: int, dimension: int) -> int:
    """What reading n vectors with their ids takes: bytes."""
    return n * (ITEM_BYTES * dimension + ID_BYTES)


def _vectors(n: int, dimension: int) -> str:
    return f"{n:,} vectors of {dimensions(dimension)}"


def _gib(count: int) -> str:
    return f"{count / _GIB:.1f} GiB" if count >= _GIB // 20 else f"{count / (1 << 20):.1f} MiB"
