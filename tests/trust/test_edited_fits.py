"""A stored fit that somebody edited, and that still looks like one: what is wrong in it never becomes a wrong result."""

from __future__ import annotations

import hashlib
import zlib
from typing import Any

import apsw
import numpy as np
import pytest

import sqlclust
from sqlclust.core.geometry.duplicates import distinct
from sqlclust.core.neighbors.k_nearest_lists import KNearestLists
from sqlclust.core.update.state import table
from tests.benchmarks.data import embeddings
from tests.small import add_embeddings
from tests.store.left import result_rows
from tests.store.test_updating import assert_as_anew, made_from
from tests.store.test_updating_choice import OPTIONS, said
from tests.trust.edited_fits import EDITS, FIT, get, put

pytestmark = pytest.mark.slow

VECTORS = embeddings(130, 8, seed=3, identical=0.1)
CHANGES = ("add", "remove", "both")
_FIT = """
SELECT f.n_distinct, f.corpus_hash, f.row_ids, f.row_checks, f.core_distances, f.spanning_tree
FROM ClusteringFit f JOIN ClusteringResult r ON r.clustering_fit_id = f.id WHERE r.id = ?
"""


@pytest.fixture(scope="module")
def stored() -> bytes:
    """A file with a fit."""
    con = sqlclust.connect(":memory:")
    sqlclust.initialize(con)
    add_embeddings(con, VECTORS[:120])
    sqlclust.fit(con, "demo", **OPTIONS)
    con.execute("PRAGMA foreign_keys = OFF; DELETE FROM EmbeddingCluster; DELETE FROM Cluster")  # so that rows may go
    content = con.serialize("main")
    con.close()
    return content


def opened(content: bytes) -> apsw.Connection:
    con = sqlclust.connect(":memory:")
    con.deserialize("main", content)
    con.execute("PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF")
    return con


def change(con: apsw.Connection, what: str) -> None:
    if what != "remove":
        add_embeddings(con, VECTORS[120:126], ids=range(200, 206))
    if what != "add":
        con.execute("DELETE FROM Embedding WHERE id % 17 = 3")


Result = tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]


def result_of(con: apsw.Connection, result: int) -> Result:
    return result_rows(con, result), con.execute(_FIT, (result,)).fetchall()


def weights(result: Result) -> bytes:
    """Of its tree."""
    tree: bytes = result[1][0][-1]
    return tree[len(tree) // 2 :]


@pytest.fixture(scope="module")
def anew(stored: bytes) -> dict[str, Result]:
    """What a new fit gives after each change."""
    found = {}
    for what in CHANGES:
        con = opened(stored)
        change(con, what)
        found[what] = result_of(con, sqlclust.fit(con, "demo", **OPTIONS, update="never"))
        con.close()
    return found


MEASURED = "distances between its vectors are others when they are measured now"
CORE = "its core distances are not those of its lists"
TREE = "the weights of its spanning tree are not those of its lists"
LISTS = "its lists of nearest neighbours contradict each other"
OTHERS = "clustering fit 1 is damaged: its neighbours are of other vectors than its {}. Delete it and fit again"
HASHES = "two different vectors have the same hash"
ORDER = "the vectors stand in another order"
NOTICED = {
    "one_bit_of_a_distance": {LISTS},
    "a_distance": {LISTS, CORE},
    "hashes_of_two_rows": {ORDER, HASHES},
    "vectors_of_two_rows": {ORDER, HASHES},
    "another_vector_for_a_copy": {HASHES},
    "a_neighbor_left_out": {LISTS, CORE},
    "a_shorter_list": {"its lists of nearest neighbours are shorter than min_samples"},
    "another_neighbor": {LISTS, MEASURED},
    "a_core_distance": {CORE, OTHERS.format("core_distances")},
    "a_weight": {TREE},
    "a_bit_of_all_weights": {TREE},
    "another_tree": {TREE},
}


@pytest.mark.parametrize("name", EDITS)
def test_no_wrong_fit_is_made_from_one_that_was_edited(stored: bytes, anew: dict[str, Result], name: str) -> None:
    noticed = set()
    for seed in range(9):
        con, what = opened(stored), CHANGES[seed % 3]
        EDITS[name](con, np.random.default_rng(seed))
        change(con, what)
        told = str(said(con))
        if made_from(con, 2)[0] is None:
            noticed.add(told.removeprefix("a new fit, not made from fit 1: "))
        if name == "another_tree":  # one of the same weights is not noticed, nor does a cut of the old fit notice it
            assert weights(result_of(con, 2)) == weights(anew[what])
        else:
            assert result_of(con, 2) == anew[what]
        con.close()
    assert noticed >= NOTICED[name]


def test_a_forged_hash(stored: bytes) -> None:
    """A vector comes in the place of another one and has its hash; where it would stand is no different either."""
    groups = distinct(VECTORS[:120], normalize=True).group_of_row()
    random = np.random.default_rng(0)
    rows = VECTORS[:120].copy()
    row = int(np.flatnonzero(np.bincount(groups)[groups] == 1)[0])
    while True:
        rows[row] = random.normal(size=8)
        if np.array_equal(distinct(rows, normalize=True).group_of_row(), groups):
            break
    con = opened(stored)
    content = rows[row].tobytes()
    hashes, checks = get(con, "row_hashes", "<u8"), get(con, "row_checks", "<u4", FIT)
    hashes[row] = int.from_bytes(hashlib.sha256(content).digest()[:8], "little")
    checks[row] = zlib.crc32(content)
    put(con, row_hashes=hashes)
    put(con, FIT, row_checks=checks)
    con.execute("UPDATE Embedding SET vector = ? WHERE id = ?", (content, row + 1))
    change(con, "add")
    assert said(con) == f"a new fit, not made from fit 1: {MEASURED}"
    assert_as_anew(con, 2, **OPTIONS)
    con.close()


COLUMNS = {
    "n_distinct": "0",
    "min_samples": "-9223372036854775808",
    "engine": "'{}'",
    "metric": "char(27) || '[31m{fit}'",
}


@pytest.mark.parametrize("column", COLUMNS)
def test_columns_that_say_nonsense(stored: bytes, column: str) -> None:
    con = opened(stored)
    con.execute(f"UPDATE ClusteringFit SET {column} = {COLUMNS[column]}")
    change(con, "add")
    found = str(said(con))
    assert found.startswith("a new fit, not made from fit 1: ")
    assert found.isprintable()
    assert_as_anew(con, 2, **OPTIONS)
    con.close()


def test_one_long_list_does_not_take_memory_for_all() -> None:
    """A table of lists is as wide as the longest."""
    m = 40_000
    indices = np.concatenate([np.arange(1, m), np.zeros(m - 1)]).astype(np.int32)
    starts = np.concatenate([[0], np.arange(m - 1, 2 * m - 1)])
    lists = KNearestLists(np.ones(m, dtype=np.int64), starts, indices, np.arange(2.0 * m - 2))
    assert table(lists, 20).indices.shape == (m, 20)


def test_a_long_list_is_read_up_to_what_a_fit_keeps(stored: bytes) -> None:
    """A list that has all others, as far as they are: nothing in it is wrong."""
    con = opened(stored)
    lengths, vectors = get(con, "list_lengths", "<i4"), get(con, "row_vectors", "<i4")
    m = len(lengths)
    rows = np.array([np.flatnonzero(vectors == vector)[0] for vector in range(m)])
    wide = VECTORS[rows].astype(np.float64)
    squared = ((wide - wide[0]) ** 2).sum(axis=1)
    order = np.lexsort((np.arange(m), squared))
    order = order[order != 0]
    known, own = int(lengths[0]), get(con, "neighbors", "<i4")
    assert order[:known].tolist() == own[:known].tolist()
    more, far = order[known:].astype("<i4"), squared[order[known:]]
    lengths[0] = m - 1
    kept = get(con, "squared_distances", "<f8")
    put(
        con, list_lengths=lengths, n_neighbors=len(own) + len(more),
        neighbors=np.concatenate([own[:known], more, own[known:]]),
        squared_distances=np.concatenate([kept[:known], far, kept[known:]]),
    )  # fmt: skip
    change(con, "both")
    assert str(said(con)).startswith("fit 2 from fit 1: ")
    assert_as_anew(con, 2, **OPTIONS)
    con.close()
