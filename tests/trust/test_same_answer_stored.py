"""The same answer whatever file it is in, whatever the ids are, and whichever way it is asked for: Python, SQL, the command line,
a fresh fit or a cut.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

import sqlclust
from sqlclust.core.geometry.metrics import Float32Array, IndexArray, unit
from tests.cli.terminal import succeed
from tests.small import Id
from tests.trust.same_answer import (
    Answer,
    database,
    hard,
    of_array,
    of_result,
    of_rows,
    opened,
    parameters,
    tables,
)

pytestmark = pytest.mark.slow

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


# --- ways of asking ----------------------------------------------------------------------------------------------------


def on_command_line(path: Path, options: dict[str, Any]) -> int:
    """sqlclust fit, in this process."""
    arguments: list[object] = []
    for name, value in options.items():
        option = "--" + name.replace("_", "-")
        arguments += (
            [option if value else option.replace("--", "--no-", 1)] if isinstance(value, bool) else [option, value]
        )
    return int(json.loads(succeed("fit", path, "demo", "--json", *arguments))[0]["id"])


@pytest.mark.parametrize("way", ["exact", "exact, cosine", "approximate"])
def test_python_sql_and_command_line(way: str, tmp_path: Path) -> None:
    path, options = tmp_path / "a.db", {**OPTIONS, **WAYS[way]}
    text = json.dumps(options)
    points = "(SELECT clust_points(id, vector) FROM Embedding)"
    with database(data(), names(), order=order_of_rows(), path=path) as con:
        results = [
            sqlclust.fit(con, "demo", **options),
            con.execute("SELECT clust_fit('demo', ?)", (text,)).get,  # which reuses the fit
        ]
        assert con.execute("SELECT count(*) FROM ClusteringFit").get == 1
        results.append(con.execute("SELECT clust_cut(1, ?)", (json.dumps(OPTIONS),)).get)
        assert of_rows(con, f"clust_labels(1, '{json.dumps(OPTIONS)}')") == expected(way)
        assert of_rows(con, f"clust_hdbscan({points}, '{text}')") == expected(way)
        con.execute(
            "UPDATE ClusteringFit SET (row_ids, row_checks, core_distances, spanning_tree) = (NULL, NULL, NULL, NULL)"
        )
        results.append(con.execute("SELECT clust_fit('demo', ?)", (text,)).get)  # which cannot
        assert con.execute("SELECT count(*) FROM ClusteringFit").get == 2
        with con:
            con.execute(
                "INSERT INTO ClusteringResult (id, embedding_model, parameters) VALUES (77, 'demo', ?)", (text,)
            )
            con.execute(
                f"""INSERT INTO ClusterAssignment (clustering_result_id, embedding_id, label, probability, outlier_score,
                                                  medoid_embedding_id, size, persistence)
                    SELECT 77, id, label, probability, outlier_score, medoid_id, cluster_size, persistence
                    FROM clust_hdbscan({points}, '{text}')"""
            )
        assert of_result(con, 77) == expected(way)
    results.append(on_command_line(path, options))
    with opened(path) as con:
        for result_id in results:
            assert of_result(con, result_id) == expected(way)
        assert len({parameters(con, result_id) for result_id in results}) == 1


def test_the_command_line_in_a_process_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with database(data(), names(), order=order_of_rows(), path=path):
        pass
    environment = {**os.environ, "PYTHONHASHSEED": "3", "OPENBLAS_NUM_THREADS": "1", "LC_ALL": "C"}
    command = [sys.executable, "-m", "sqlclust", "fit", str(path), "--min-cluster-size", "6", "--min-samples", "4"]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=300)
    with opened(path) as con:
        assert of_result(con, 1) == expected("exact, of unit vectors")


def test_loaded_from_files(tmp_path: Path) -> None:
    """Of the numbers in a file of float32, float64 or text the same vectors are made."""
    np.save(tmp_path / "float32.npy", data())
    np.save(tmp_path / "float64.npy", data().astype(np.float64))
    objects = [{"id": i, "vector": vector} for i, vector in zip(names(), data().tolist(), strict=True)]
    (tmp_path / "a.json").write_text(json.dumps(objects))
    lines = [f'{row["id"]},"{row["vector"]}"' for row in objects]
    (tmp_path / "a.csv").write_text("\n".join(["id,vector", *lines]))
    (tmp_path / "ids.txt").write_text("\n".join(names()))
    for file in "float32.npy", "float64.npy", "a.json", "a.csv":
        path = tmp_path / f"{file}.db"
        ids = ["--ids", tmp_path / "ids.txt"] if file.endswith("npy") else []
        succeed("load", path, tmp_path / file, "--model", "demo", "--nl", *ids)
        with opened(path) as con:
            sqlclust.fit(con, "demo", **OPTIONS)
            found = of_result(con, 1)
            assert found.renamed({i: f"{int(i):05}" for i in found.rows}) == expected("exact, of unit vectors")


CUTS: list[dict[str, Any]] = [
    {"min_cluster_size": 2},
    {"min_cluster_size": 20},
    {"cluster_selection_method": "leaf"},
    {"cluster_selection_epsilon": 0.8},
    {"cluster_selection_epsilon": 0.8, "cluster_selection_method": "leaf"},
    {"cluster_selection_persistence": 0.05},
    {"max_cluster_size": 30},
    {"allow_single_cluster": True, "min_cluster_size": 100},
]


@pytest.mark.parametrize("way", ["exact", "exact, cosine", "approximate"])
def test_cut_or_fitted_afresh(way: str) -> None:
    with database(data(), names(), order=order_of_rows()) as con:
        sqlclust.fit(con, "demo", **OPTIONS, **WAYS[way])
        for options in CUTS:
            selecting = {"min_cluster_size": 6, **options}
            fresh = of_array(sqlclust.hdbscan(data(), **{**OPTIONS, **WAYS[way], **options}), names())
            assert of_rows(con, f"clust_labels(1, '{json.dumps(selecting)}')") == fresh
            result_id = con.execute("SELECT clust_cut(1, ?)", (json.dumps(selecting),)).get
            assert of_result(con, result_id) == fresh
            refitted = sqlclust.fit(con, "demo", **{**OPTIONS, **WAYS[way], **options})
            assert of_result(con, refitted) == fresh
            assert json.loads(parameters(con, result_id)) == json.loads(parameters(con, refitted))
            [swept] = con.execute("SELECT n_clusters, noise_share FROM clust_sweep(1, ?)", (json.dumps(selecting),))
            assert swept == (len(fresh.clusters), sum(row[0] < 0 for row in fresh.rows.values()) / N)
        assert con.execute("SELECT count(*) FROM ClusteringFit").get == 1


SETTINGS: list[dict[str, Any]] = [
    {"min_samples": 5},
    {"alpha": 0.7},
    {"metric": "cosine"},
    {"normalize": True},
    {"engine": "approximate"},
    {"engine": "approximate", "seed": 1},
]


def test_a_fit_of_other_settings_is_not_reused() -> None:
    with database(data(), names()) as con:
        sqlclust.fit(con, "demo", **OPTIONS, normalize=False)
        for number, changed in enumerate(SETTINGS, start=2):
            options = {**OPTIONS, "normalize": False, **changed}
            answer = of_array(sqlclust.hdbscan(data(), **options), names())
            for _ in range(2):
                assert of_result(con, sqlclust.fit(con, "demo", **options)) == answer
                assert con.execute("SELECT max(id), count(*) FROM ClusteringFit").fetchone() == (number, number)


def test_part_of_a_model_is_as_those_rows_alone() -> None:
    """Selected by a condition, or by rank."""
    kept = [row for row, i in enumerate(names()) if i < "00200"]
    alone = of_array(sqlclust.hdbscan(data()[kept], **OPTIONS), [names()[row] for row in kept])
    third = of_array(sqlclust.hdbscan(data()[::3], **OPTIONS), names()[::3])
    with database(data(), names(), order=order_of_rows()) as con:
        where = sqlclust.fit(con, "demo", where="id < :id", parameters={"id": "00200"}, **OPTIONS)
        assert of_result(con, where) == alone
        assert of_result(con, sqlclust.fit(con, "demo", downsample=3, **OPTIONS)) == third
        text = json.dumps({**OPTIONS, "downsample": 3})
        assert of_rows(con, f"clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding), '{text}')") == third
    assert of_array(sqlclust.hdbscan(data(), downsample=3, **OPTIONS), names()[::3]) == third


def downsampled(encoding: str) -> tuple[set[Id], set[Id]]:
    """Ids that a fit and the table function keep of a database of this encoding."""
    ids = [f"{'ｚ😀é'[i // 101]}{i:03}" for i in range(N)]  # in this order by UTF-16le, and the other way by UTF-8
    with database(data(), ids, pragmas={"encoding": encoding}) as con:
        fitted = of_result(con, sqlclust.fit(con, "demo", downsample=2, **OPTIONS))
        text = json.dumps({**OPTIONS, "downsample": 2})
        asked = of_rows(con, f"clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding), '{text}')")
    return set(fitted.rows), set(asked.rows)


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
def test_every_second_id_is_the_same_in_every_encoding(encoding: str) -> None:
    fitted, asked = downsampled(encoding)
    assert fitted == asked == downsampled("UTF-8")[0]


# --- all at once, on anything ------------------------------------------------------------------------------------------


@st.composite
def vectors(draw: st.DrawFn) -> Float32Array:
    """Up to 40 vectors of one to three small integers, most of them several times; or of real numbers, some of them near."""
    n, dimension = draw(st.integers(2, 40)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    if draw(st.booleans()):
        return rng.integers(1, draw(st.integers(2, 9)), (n, dimension)).astype(np.float32)
    chosen = rng.normal(size=(n, dimension)).astype(np.float32)
    near = rng.random(n) < 0.3
    chosen[near] = np.nextafter(chosen[0], np.float32(rng.choice([-9, 9])))
    return chosen


selecting = st.fixed_dictionaries(
    {"min_cluster_size": st.integers(2, 8), "min_samples": st.integers(1, 8)},
    optional={
        "cluster_selection_method": st.sampled_from(["eom", "leaf"]),
        "cluster_selection_epsilon": st.sampled_from([0.0, 0.5, 1.0, 2.5]),
        "max_cluster_size": st.integers(0, 20),
        "allow_single_cluster": st.booleans(),
        "alpha": st.sampled_from([0.5, 1.5]),
        "normalize": st.booleans(),
        "metric": st.sampled_from(["euclidean", "cosine"]),
        "engine": st.sampled_from(["exact", "approximate"]),
    },
)


@settings(max_examples=30, deadline=None)
@given(
    vectors(),
    selecting,
    st.sampled_from(list(IDS)),
    st.integers(0, 2**32),
    st.sampled_from(["UTF-8", "UTF-16le"]),
    st.sampled_from([512, 4096, 65536]),
)
def test_anything(
    chosen: Float32Array, options: dict[str, Any], kind: str, seed: int, encoding: str, page_size: int
) -> None:
    """An array, and a database with its rows in any order, ids of any type, and any page size and encoding."""
    n = len(chosen)
    ids = in_order(kind)[:n]
    answer = of_array(sqlclust.hdbscan(chosen, **options), ids)
    pragmas = {"encoding": encoding, "page_size": page_size}
    order = np.random.default_rng(seed).permutation(n)
    with database(chosen, ids, order=order, pragmas=pragmas) as con:
        assert of_result(con, sqlclust.fit(con, "demo", **options)) == answer
        points = "(SELECT clust_points(id, vector) FROM Embedding)"
        assert of_rows(con, f"clust_hdbscan({points}, '{json.dumps(options)}')") == answer
        cut = {name: value for name, value in options.items() if name != "min_samples"}  # of few rows there are fewer
        assert of_rows(con, f"clust_labels(1, '{json.dumps(cut)}')") == answer


# --- the other functions -----------------------------------------------------------------------------------------------

NEW = "(SELECT clust_points(id, vector) FROM Embedding WHERE id >= '00270')"
OLD = "(SELECT clust_points(id, vector) FROM Embedding WHERE id < '00270')"
FUNCTIONS: dict[str, str] = {
    "clust_neighbors": f"SELECT id, rank, neighbor_id, distance FROM clust_neighbors({OLD}, '{{\"k\": 6}}')",
    "clust_duplicates": f"SELECT id, representative_id, copies FROM clust_duplicates({OLD})",
    "clust_sweep": 'SELECT * FROM clust_sweep(1, \'{"min_cluster_size": [3, 6, 12], "cluster_selection_epsilon": [0, 1]}\')',
    "clust_spanning_tree": "SELECT weight FROM clust_spanning_tree(1)",
    "clust_condensed_tree": "SELECT parent, child, id, lambda, size, label FROM clust_condensed_tree(1) ORDER BY 1, 2, 3",
    "clust_core_distances": "SELECT id, core_distance FROM clust_core_distances(1)",
    "clust_layers": "SELECT layer, min_cluster_size, id, label, probability, persistence FROM clust_layers(1)",
    "clust_nearest": 'SELECT id, label, nearest_label, strength FROM clust_nearest(1, \'{"rows": "all"}\')',
    "clust_predict": f"SELECT id, label, probability FROM clust_predict(1, {NEW})",
    "clust_medoid": "SELECT clust_medoid(id, vector) FROM Embedding",
}


@pytest.mark.parametrize("way", ["exact", "exact, cosine", "approximate"])
def test_every_function(way: str) -> None:
    """Rows of all that reads vectors or fits, in another order of the embeddings and with other threads."""

    def ask(order: Sequence[int], blas: int) -> dict[str, list[tuple[Any, ...]]]:
        with database(data(), names(), order=np.array(order)) as con, threadpool_limits(limits=blas, user_api="blas"):
            sqlclust.fit(con, "demo", where="id < '00270'", **OPTIONS, **WAYS[way])
            return {name: con.execute(sql).fetchall() for name, sql in FUNCTIONS.items()}

    one, other = ask(range(N), 1), ask(order_of_rows().tolist(), 3)
    assert all(one.values())
    for name, rows in one.items():
        if (
            name == "clust_nearest"
        ):  # strengths are of products of matrices: the last digits are those of the BLAS library
            assert [row[:-1] for row in other[name]] == [row[:-1] for row in rows]
            assert [row[-1] for row in other[name]] == pytest.approx([row[-1] for row in rows], rel=1e-9)
        else:
            assert other[name] == rows, name
