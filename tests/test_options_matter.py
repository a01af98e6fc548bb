"""Every option of every function changes what it should, or is refused: none is taken and forgotten."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import apsw
import hdbscan
import numpy as np
import pytest

import sqlclust
from sqlclust.core import engine_stages
from sqlclust.core.neighbors.approximate import neighbors_and_lists
from sqlclust.errors import FitOptionError, SqlclustError, UnknownOptionError
from sqlclust.options import CutOptions, HdbscanOptions, StoredFitOptions, TermsOptions, names
from sqlclust.surface.catalog import OPTIONS
from tests.small import add_embeddings

N = 120
POINTS = "(SELECT clust_points(id, vector) FROM Embedding)"
BASE = {"min_cluster_size": 4, "min_samples": 1, "normalize": False}
CUT_BASE = {"min_cluster_size": 4, "min_samples": 1}


@pytest.fixture(scope="module")
def con() -> apsw.Connection:
    """Groups of different density, groups within groups, one pair of equal vectors and one of equal directions; with a
    fit of min_samples 10, and one of 1 cut from it."""
    connection = sqlclust.connect(":memory:")
    sqlclust.initialize(connection)
    add_embeddings(connection, vectors())
    assert connection.execute("SELECT clust_fit('demo', ?)", (json.dumps({**BASE, "min_samples": 10}),)).get == 1
    assert connection.execute("SELECT clust_cut(1, ?)", (json.dumps(CUT_BASE),)).get == 2
    for table in ("note", "memo"):
        connection.execute(f"""CREATE TABLE {table} AS
            SELECT id AS n, 'slug ' || id AS slug, 'text ' || id AS body, vector AS embedding FROM Embedding""")
    connection.execute("ALTER TABLE note ADD COLUMN old")
    connection.execute("UPDATE note SET old = embedding")
    return connection


def vectors() -> np.ndarray[Any, np.dtype[np.float32]]:
    rng = np.random.default_rng(9)
    group = rng.normal(size=(5, 2))[rng.integers(0, 5, N)] * 3
    found = (group + rng.normal(size=(N, 2)) * rng.uniform(0.2, 1.2, size=(N, 1))).astype(np.float32)
    found[1], found[3] = found[0], 2 * found[2]
    return found


class Answer:
    """What a call gives.

    Attributes:
        rows: all of its rows.
        labels: the label of each point in it, -1 noise.
    """

    def __init__(self, rows: list[Any], labels: list[int]) -> None:
        self.rows, self.labels = rows, labels
        self.n_clusters = len({label for label in labels if label >= 0})
        self.n_noise = sum(label < 0 for label in labels)
        self.largest = max((labels.count(label) for label in set(labels) if label >= 0), default=0)

    @property
    def groups(self) -> set[tuple[int, ...]]:
        """The points of each cluster, whatever it is called."""
        points = enumerate(self.labels)
        by_label: dict[int, list[int]] = {}
        for point, label in points:
            by_label.setdefault(label, []).append(point)
        return {tuple(group) for label, group in by_label.items() if label >= 0}


def table(select: str, labels: str = "") -> Callable[[apsw.Connection, dict[str, Any]], Answer]:
    def call(con: apsw.Connection, options: dict[str, Any]) -> Answer:
        text = {"options": json.dumps(options)}
        found: list[Any] = con.execute(labels, text).fetchall() if labels else []
        return Answer(con.execute(select, text).fetchall(), [label for (label,) in found])

    return call


def published(function: str) -> Callable[[apsw.Connection, dict[str, Any]], Answer]:
    """The rows of a result; what is stored with it are the options as they were given."""

    def call(con: apsw.Connection, options: dict[str, Any]) -> Answer:
        model = "'demo'" if function == "clust_fit" else "1"
        result = con.execute(f"SELECT {function}({model}, ?)", (json.dumps(options),)).get
        rows: list[Any] = con.execute("SELECT embedding_id, label, probability, outlier_score FROM EmbeddingCluster "
                           "WHERE clustering_result_id = ? ORDER BY 1", (result,)).fetchall()  # fmt: skip
        stored = con.execute("SELECT parameters FROM ClusteringResult WHERE id = ?", (result,)).get
        for name, value in options.items():
            assert json.loads(str(stored))[name] == value
        return Answer(rows, [row[1] for row in rows])

    return call


def kept(con: apsw.Connection, options: dict[str, Any]) -> Answer:
    """What is kept of a source."""
    con.execute("DELETE FROM EmbeddingSource")
    con.execute("SELECT clust_source('note', ?)", (json.dumps(options),)).fetchall()
    columns = "table_name, id_columns, vector_column, content_column, format"
    return Answer(con.execute(f"SELECT {columns} FROM EmbeddingSource").fetchall(), [])


TREE = "clust_condensed_tree(1, :options)"
CALLS = {
    "clust_hdbscan": table(
        f"SELECT *, cluster_size, persistence FROM clust_hdbscan({POINTS}, :options)",
        f"SELECT label FROM clust_hdbscan({POINTS}, :options)",
    ),
    "clust_fit": published("clust_fit"),
    "clust_cut": published("clust_cut"),
    "clust_labels": table("SELECT *, persistence FROM clust_labels(1, :options)", "SELECT label FROM clust_labels(1, :options)"),
    "clust_sweep": table("SELECT n_clusters, noise_share, largest_share, mean_persistence FROM clust_sweep(1, :options)",
                         "SELECT label FROM clust_labels(1, :options)"),
    "clust_condensed_tree": table(f"SELECT *, parent_label FROM {TREE}", f"""
        WITH RECURSIVE tree AS MATERIALIZED (SELECT *, parent_label FROM {TREE}),
        below (cluster, label) AS (
            SELECT child, label FROM tree WHERE label IS NOT NULL
            UNION SELECT parent, parent_label FROM tree WHERE parent = 0 AND parent_label IS NOT NULL
            UNION SELECT child, below.label FROM below JOIN tree ON tree.parent = cluster WHERE child IS NOT NULL)
        SELECT coalesce(below.label, -1) FROM tree LEFT JOIN below ON cluster = parent WHERE id IS NOT NULL"""),
    "clust_points": table("SELECT * FROM clust_duplicates((SELECT clust_points(id % 100, vector, :options) FROM Embedding))"),
    "clust_neighbors": table(f"SELECT * FROM clust_neighbors({POINTS}, :options)"),
    "clust_duplicates": table(f"SELECT * FROM clust_duplicates({POINTS}, :options)"),
    "clust_layers": table("SELECT *, persistence FROM clust_layers(2, :options)"),
    "clust_map": table("SELECT * FROM clust_map(1, :options)"),
    "clust_nearest": table("SELECT * FROM clust_nearest(2, :options)"),
    "clust_terms": table("SELECT * FROM clust_terms((SELECT clust_texts(1, 'tea')), :options)"),
    "clust_doctor": table("SELECT * FROM clust_doctor(:options)"),
    "clust_source": kept,
}  # fmt: skip

Check = Callable[[Answer, Answer], bool]
CUTTING: dict[str, tuple[dict[str, Any], object, Check]] = {
    "min_cluster_size": ({}, 12, lambda a, b: b.n_clusters < a.n_clusters),
    "cluster_selection_epsilon": ({}, 1.0, lambda a, b: b.n_clusters < a.n_clusters and b.largest > a.largest),
    "cluster_selection_method": ({}, "leaf", lambda a, b: b.n_clusters > a.n_clusters),
    "cluster_selection_persistence": ({}, 1.0, lambda a, b: b.n_clusters < a.n_clusters),
    "max_cluster_size": ({"min_cluster_size": 12}, 25, lambda a, b: b.largest <= 25 < a.largest),
    "allow_single_cluster": ({"min_cluster_size": 30}, True, lambda a, b: (a.n_clusters, b.n_clusters) == (0, 1)),
}
LABELLING: dict[str, tuple[dict[str, Any], object, Check]] = {
    **CUTTING,
    "like": ({"min_cluster_size": 12}, 2, lambda a, b: a.groups == b.groups and max(b.labels) > max(a.labels)),
    "min_samples": ({}, 10, lambda a, b: b.n_noise > a.n_noise),
}
FITTING: dict[str, tuple[dict[str, Any], object, Check]] = {
    **LABELLING,
    "alpha": ({}, 3.0, lambda a, b: len(a.rows) == len(b.rows) == N),
    "metric": ({}, "cosine", lambda a, b: len(a.rows) == len(b.rows) == N),
    "normalize": ({}, True, lambda a, b: len(a.rows) == len(b.rows) == N),
    "downsample": ({}, 2, lambda a, b: (len(a.rows), len(b.rows)) == (N, N // 2)),
}
SMALL: dict[str, dict[str, tuple[dict[str, Any], object, Check]]] = {
    "clust_neighbors": {
        "k": ({"k": 3}, 5, lambda a, b: (len(a.rows), len(b.rows)) == (3 * N, 5 * N)),
        "metric": ({"k": 3}, "cosine", lambda a, b: len(b.rows) == 3 * N),
        "normalize": ({"k": 3}, False, lambda a, b: len(b.rows) == 3 * N),
    },
    "clust_duplicates": {"normalize": ({}, True, lambda a, b: (len(a.rows), len(b.rows)) == (2, 4))},
    "clust_layers": {
        "min_cluster_size": ({}, 8, lambda a, b: min(row[1] for row in b.rows) >= 8 > min(row[1] for row in a.rows)),
        "max_layers": ({"min_cluster_size": 2}, 1, lambda a, b: len(b.rows) == N < len(a.rows)),
    },
    "clust_nearest": {"rows": ({}, "all", lambda a, b: len(a.rows) < len(b.rows) == N)},
    "clust_source": {
        "table": ({"vector": "embedding"}, "memo", lambda a, b: (a.rows[0][0], b.rows[0][0]) == ("note", "memo")),
        "id": (
            {"vector": "embedding"},
            ["slug", "n"],
            lambda a, b: (a.rows[0][1], b.rows[0][1]) == ('["rowid"]', '["slug","n"]'),
        ),
        "vector": ({"vector": "embedding"}, "old", lambda a, b: (a.rows[0][2], b.rows[0][2]) == ("embedding", "old")),
        "content": ({"vector": "embedding"}, "slug", lambda a, b: (a.rows[0][3], b.rows[0][3]) == ("body", "slug")),
        "format": ({"vector": "embedding"}, "uint8", lambda a, b: (a.rows[0][4], b.rows[0][4]) == ("float32", "uint8")),
    },
}
CUTS = [
    name
    for name, options in OPTIONS.items()
    if issubclass(options, CutOptions) and not issubclass(options, HdbscanOptions)
]
ELSEWHERE = {
    *((function, option) for function in ("clust_hdbscan", "clust_fit") for option in ("engine", "seed")),
    ("clust_points", "duplicates"),
    ("clust_points", "format"),
    ("clust_fit", "format"),
    ("clust_fit", "update"),
    ("clust_doctor", "format"),
    ("clust_map", "method"),
    *(("clust_terms", option) for option in names(TermsOptions)),
}
"""Options with tests of their own: below, `update` and `method` in tests/store (test_updating_choice.py, test_maps.py), and
those in tests/terms."""


def cases() -> list[Any]:
    found = []
    for function, options in OPTIONS.items():
        for option in names(options):
            if (function, option) not in ELSEWHERE:
                values, base = (
                    (FITTING, BASE)
                    if issubclass(options, HdbscanOptions)
                    else (LABELLING, CUT_BASE)
                    if function in CUTS
                    else (SMALL[function], {})
                )
                base = {**base, **values[option][0]}
                found.append(pytest.param(function, option, base, *values[option][1:], id=f"{function}: {option}"))
    return found


@pytest.mark.parametrize(("function", "option", "base", "value", "expected"), cases())
def test_it_changes_what_it_should(
    con: apsw.Connection, function: str, option: str, base: dict[str, Any], value: object, expected: Check
) -> None:
    before, after = CALLS[function](con, base), CALLS[function](con, {**base, option: value})
    assert before.rows != after.rows
    assert expected(before, after)


@pytest.mark.parametrize("function", CUTS)
@pytest.mark.parametrize("option", sorted(set(names(HdbscanOptions)) - set(names(StoredFitOptions))))
def test_what_a_fit_has_settled_is_refused(con: apsw.Connection, function: str, option: str) -> None:
    value = FITTING[option][1] if option in FITTING else {"engine": "approximate", "seed": 3}[option]
    with pytest.raises(FitOptionError, match=option):
        CALLS[function](con, {option: value})


@pytest.mark.parametrize("function", OPTIONS)
def test_what_a_function_does_not_have_is_refused(con: apsw.Connection, function: str) -> None:
    for option in ("nonsense", *sorted({name for each in OPTIONS.values() for name in names(each)})):
        if option not in names(OPTIONS[function]) and not (function in CUTS and option in names(HdbscanOptions)):
            with pytest.raises(UnknownOptionError):
                CALLS[function](con, {option: 1})


@pytest.mark.parametrize("function", ["clust_hdbscan", "clust_fit"])
def test_engine_and_seed(con: apsw.Connection, function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On so few points both engines find everything, so that what runs is looked at."""
    seeds: list[int] = []

    def approximate(points: Any, k: int, effort: Any, seed: int, *args: Any, **named: Any) -> Any:
        seeds.append(seed)
        return real(points, k, effort, seed, *args, **named)

    real = neighbors_and_lists
    monkeypatch.setattr(engine_stages, "neighbors_and_lists", approximate)
    for options in ({"engine": "exact"}, {"engine": "auto"}, {"seed": 5}):
        sqlclust_result(con, function, {**BASE, "alpha": 1.5, **options})
    assert seeds == []
    for seed in (0, 5):
        sqlclust_result(con, function, {**BASE, "alpha": 1.5, "engine": "approximate", "seed": seed})
    assert seeds == [0, 5]


def sqlclust_result(con: apsw.Connection, function: str, options: dict[str, Any]) -> None:
    if function == "clust_fit":
        con.execute("SELECT clust_fit('demo', ?)", (json.dumps(options),)).fetchall()
    else:
        con.execute(f"SELECT * FROM clust_hdbscan({POINTS}, ?)", (json.dumps(options),)).fetchall()


def test_duplicates_of_points(con: apsw.Connection) -> None:
    with pytest.raises(SqlclustError, match="came 2 times"):
        CALLS["clust_points"](con, {"duplicates": "error"})
    assert len(CALLS["clust_points"](con, {"duplicates": "first"}).rows) == 2


def test_format_of_points(con: apsw.Connection) -> None:
    """Four bytes are one number of float32, and four of int8."""
    sql = "SELECT clust_points(value, unhex(printf('%08d', value)), ?) FROM json_each('[1, 2, 3]')"
    neighbors = f'SELECT distance FROM clust_neighbors(({sql}), \'{{"k": 1, "normalize": false}}\')'
    assert [row[0] for row in con.execute(neighbors, ('{"format": "int8"}',))] == [1.0, 1.0, 1.0]
    assert [row[0] for row in con.execute(neighbors, ('{"format": "float32"}',))] != [1.0, 1.0, 1.0]


def test_format_of_the_doctor() -> None:
    con = sqlclust.connect(":memory:")
    con.execute("CREATE TABLE doc (id INTEGER PRIMARY KEY, embedding BLOB)")
    wide = np.random.default_rng(0).normal(size=(40, 8))
    con.executemany("INSERT INTO doc VALUES (?, ?)", [(i, row.tobytes()) for i, row in enumerate(wide)])

    def found(options: dict[str, Any]) -> set[Any]:
        return {row[0] for row in CALLS["clust_doctor"](con, options).rows}

    assert "vector-format" in found({}) - found({"format": "float64"})


# --- the condensed tree ------------------------------------------------------------------------------------------------


SELECTIONS = [
    {},
    {"cluster_selection_method": "leaf"},
    {"cluster_selection_persistence": 0.3},
    {"cluster_selection_persistence": 0.3, "cluster_selection_method": "leaf"},
    {"cluster_selection_epsilon": 0.5},
    {"max_cluster_size": 20},
    {"allow_single_cluster": True, "min_cluster_size": 30},
    {"min_cluster_size": 40},
]


@pytest.mark.parametrize("options", SELECTIONS, ids=str)
def test_the_condensed_tree_is_hdbscan_s_and_its_labels_are_those_of_clust_labels(
    con: apsw.Connection, options: dict[str, Any]
) -> None:
    given = {**CUT_BASE, **options}
    text = {"options": json.dumps(given)}
    oracle = hdbscan.HDBSCAN(algorithm="generic", **given).fit(vectors().astype(float))
    expected = oracle.condensed_tree_.to_numpy()
    rows: list[Any] = con.execute(f"SELECT parent, child, id, label FROM {TREE}", text).fetchall()
    ours = nodes([(p, i if c is None else -c) for p, c, i, _ in rows])
    theirs = nodes([(p - N, c + 1 if c < N else N - c) for p, c, _, _ in expected.tolist()])
    assert sorted(map(sorted, ours.values())) == sorted(
        map(sorted, theirs.values())
    )  # equal splits may have other numbers

    stored = con.execute("SELECT id, label FROM clust_labels(1, :options)", text).fetchall()
    n_clusters = len({label for _, label in stored} - {-1})
    selected = {label: child for _, child, _, label in rows if label is not None}
    assert all(child is not None for child in selected.values())
    root = con.execute(f"SELECT DISTINCT parent_label FROM {TREE} WHERE parent = 0", text).fetchall()
    if root == [(0,)]:
        assert (selected, n_clusters) == ({}, 1)
        return
    assert sorted(selected) == list(range(n_clusters))
    for label, child in selected.items():
        assert ours[child] == {i for i, own in stored if own == label}


def nodes(rows: list[tuple[int, int]]) -> dict[int, set[int]]:
    """The ids below each node, from its parts: an id, from 1, or minus the number of a node."""
    below: dict[int, set[int]] = {}
    for parent, child in reversed(rows):  # children have larger numbers, and come later
        below.setdefault(parent, set()).update({child} if child > 0 else below[-child])
    return below
