"""The same answer whatever the ids, and the file that they are in."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

import sqlclust
from sqlclust.core.geometry.metrics import Float32Array, IndexArray, unit
from tests.trust.same_answer import database, of_result, of_rows, opened, tables
from tests.trust.stored_answer import IDS, OPTIONS, WAYS, N, data, expected, in_order, names, order_of_rows

pytestmark = pytest.mark.slow


STORED = "SELECT row_checks, core_distances, recall, n, n_distinct FROM ClusteringFit"


@functools.cache
def stored(way: str) -> list[tuple[Any, ...]]:
    with database(data(), names()) as con:
        sqlclust.fit(con, "demo", **OPTIONS, **WAYS[way])
        return con.execute(STORED).fetchall()


@pytest.mark.parametrize(("way", "kind"), [*(("exact", kind) for kind in IDS), ("approximate", "mixed")])
def test_ids_of_another_type(way: str, kind: str) -> None:
    """With the same order of ids also medoids and what is stored of a fit are the same."""
    ids = in_order(kind)
    with database(data(), ids, order=np.arange(N)[::-1]) as con:
        sqlclust.fit(con, "demo", **OPTIONS, **WAYS[way])
        assert of_result(con, 1) == expected(way).renamed(dict(zip(names(), ids, strict=True)))
        assert {type(i) for i in of_result(con, 1).rows} == {type(i) for i in ids}
        assert con.execute(STORED).fetchall() == stored(way)
        cut = of_result(con, con.execute("SELECT clust_cut(1, '{\"min_cluster_size\": 9}')").get)
        assert cut == expected(way, min_cluster_size=9).renamed(dict(zip(names(), ids, strict=True)))


def equally_good(vectors: Float32Array, members: IndexArray) -> tuple[IndexArray, IndexArray]:
    """Members whose summed squared distances to all are the smallest: within rounding, and within a billionth."""
    wide = vectors[members].astype(np.float64)
    sums = ((wide[:, None] - wide) ** 2).sum(axis=(1, 2))
    return tuple(members[sums <= sums.min() * (1 + share)] for share in (1e-13, 1e-9))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("way", ["exact", "exact, cosine", "approximate"])
def test_ids_in_another_order(way: str, seed: int) -> None:
    """Nothing changes, except that of equally good medoids the first id is taken."""
    ids = [names()[i] for i in np.random.default_rng(seed).permutation(N)]
    back = dict(zip(ids, names(), strict=True))
    with database(data(), ids) as con:
        found = of_result(con, sqlclust.fit(con, "demo", **OPTIONS, **WAYS[way]))
    assert found.renamed(back).without_medoids() == expected(way).without_medoids()
    row_of = {i: row for row, i in enumerate(ids)}
    compared = unit(data()) if "normalize" not in WAYS[way] else data()
    for label, (medoid, *_) in enumerate(found.clusters):
        members = np.array([row_of[str(i)] for i, row in found.rows.items() if row[0] == label])
        ties, near = equally_good(compared, members)
        assert row_of[str(medoid)] in near
        assert str(medoid) <= min(ids[row] for row in ties)


def corners(clusters: int = 4, copies: int = 3) -> Float32Array:
    """Squares far from each other, each corner several times: all of a square's corners are equally far from its middle."""
    square = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    middles = 100 * np.arange(clusters)[:, None, None] * np.array([1, 1])
    return np.tile((square + middles).reshape(-1, 2), (copies, 1)).astype(np.float32)


@pytest.mark.parametrize("kind", IDS)
def test_of_equally_good_medoids_the_first_id_is_taken(kind: str) -> None:
    chosen = corners()
    ids = in_order(kind)[: len(chosen)]
    rng = np.random.default_rng(5)
    options: dict[str, Any] = {"min_cluster_size": 5, "min_samples": 2, "normalize": False}
    for _ in range(2):
        named = [ids[i] for i in rng.permutation(len(ids))]
        with database(chosen, named, order=rng.permutation(len(ids))) as con:
            found = of_result(con, sqlclust.fit(con, "demo", **options))
            points = "(SELECT clust_points(id, vector) FROM Embedding)"
            assert of_rows(con, f"clust_hdbscan({points}, '{json.dumps(options)}')") == found
        place = {i: place for place, i in enumerate(ids)}
        squares = chosen[:, 0] // 100
        firsts = {
            min((i for i, own in zip(named, squares, strict=True) if own == s), key=place.__getitem__) for s in range(4)
        }
        assert {medoid for medoid, *_ in found.clusters} == firsts


# --- files -------------------------------------------------------------------------------------------------------------

FILES: dict[str, dict[str, Any]] = {
    "page of 512 bytes": {"page_size": 512},
    "page of 65,536 bytes": {"page_size": 65536},
    "WAL": {"page_size": 1024, "journal_mode": "wal"},
    "journal in memory": {"journal_mode": "memory", "synchronous": "off"},
    "UTF-16le": {"encoding": "UTF-16le"},
    "UTF-16be, WAL": {"encoding": "UTF-16be", "journal_mode": "wal"},
    "auto_vacuum, exclusive": {"auto_vacuum": "full", "locking_mode": "exclusive"},
    "memory-mapped, incremental vacuum": {"auto_vacuum": "incremental", "mmap_size": 1 << 24},
    "hardly a cache": {"cache_size": 2, "cache_spill": 1, "page_size": 512},
}


def everything(con: apsw.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Two fits, one reused, and a cut, and all that they wrote."""
    for way in "exact", "approximate":
        sqlclust.fit(con, "demo", **OPTIONS, **WAYS[way])
    sqlclust.fit(con, "demo", min_samples=4, min_cluster_size=9, **WAYS["exact"])
    con.execute('SELECT clust_cut(2, \'{"cluster_selection_method": "leaf"}\')').fetchall()
    return tables(con)


@functools.cache
def in_memory() -> dict[str, list[tuple[Any, ...]]]:
    with database(data(), in_order("mixed"), order=order_of_rows()) as con:
        written = everything(con)
    assert [len(rows) for rows in written.values()][:2] == [4, 2]
    return written


@pytest.mark.parametrize("file", FILES)
def test_another_file(file: str, tmp_path: Path) -> None:
    """All that is written is the same, byte for byte, but for the times."""
    path, pragmas = tmp_path / "a.db", FILES[file]
    with database(data(), in_order("mixed"), order=order_of_rows(), path=path, pragmas=pragmas) as con:
        for name in {"page_size", "encoding", "journal_mode"} & {*pragmas}:
            assert con.pragma(name) == pragmas[name]
        assert everything(con) == in_memory()
        assert con.execute("PRAGMA integrity_check").get == "ok"


def test_a_file_that_was_vacuumed_and_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with database(data(), in_order("mixed"), order=order_of_rows(), path=path) as con:
        con.execute("VACUUM")
    with opened(path) as con:
        assert everything(con) == in_memory()


def test_a_stored_fit_does_not_depend_on_the_order_of_rows() -> None:
    written = []
    for order in np.arange(N), order_of_rows():
        with database(data(), names(), order=order) as con:
            written.append(everything(con))
    assert written[0] == written[1]
