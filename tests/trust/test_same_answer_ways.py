"""The same answer whichever way it is asked for: by command, SQL or Python, cut or fitted afresh, in full or in part."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.store.maps import map_of
from tests.cli.terminal import succeed
from tests.small import Id
from tests.trust.same_answer import database, of_array, of_result, of_rows, opened, parameters
from tests.trust.stored_answer import IDS, OPTIONS, WAYS, N, data, expected, in_order, names, order_of_rows

pytestmark = pytest.mark.slow


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
    "clust_fit_neighbors": "SELECT id, rank, neighbor_id, distance FROM clust_fit_neighbors(1)",
    "clust_layers": "SELECT layer, min_cluster_size, id, label, probability, persistence FROM clust_layers(1)",
    "clust_map": "SELECT id, x, y FROM clust_map(1)",
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
            map_of(database_of(con), 1, "pca")
            return {name: con.execute(sql).fetchall() for name, sql in FUNCTIONS.items()}

    one, other = ask(range(N), 1), ask(order_of_rows().tolist(), 3)
    assert all(one.values())
    for name, rows in one.items():
        if name == "clust_nearest":
            # strengths are of products of matrices: the last digits are those of the BLAS library
            assert [row[:-1] for row in other[name]] == [row[:-1] for row in rows]
            assert [row[-1] for row in other[name]] == pytest.approx([row[-1] for row in rows], rel=1e-9)
        else:
            assert other[name] == rows, name
