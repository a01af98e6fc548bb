"""The option `like`: labels go on from those of an earlier result, and nothing but labels is another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

import sqlclust
from sqlclust.errors import (
    ResultChangedError,
    ResultOfAnotherModelError,
    UnknownResultError,
)
from tests.small import NOTE, add_embeddings, blob, clustered
from tests.store.left import labels_of, result_rows

OPTIONS: dict[str, Any] = {"min_cluster_size": 4, "min_samples": 2, "normalize": False}
PLAIN = """
SELECT id, label, probability, outlier_score, medoid_id, cluster_size, persistence
FROM clust_labels((SELECT clustering_fit_id FROM ClusteringResult WHERE id = ?), ?)
"""
MATCHES = "SELECT label_a, label_b FROM clust_lineage(?, ?) WHERE event = 'match'"


def cut(con: apsw.Connection, fit_id: int, **options: Any) -> int:
    result: int = con.execute("SELECT clust_cut(?, ?)", (fit_id, json.dumps(options))).get
    return result


def plain_rows(con: apsw.Connection, result_id: int) -> list[Any]:
    """What the result would be without like."""
    return con.execute(PLAIN, (result_id, json.dumps({"min_cluster_size": 4}))).fetchall()


def parameters(con: apsw.Connection, result_id: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        con.execute("SELECT parameters FROM ClusteringResult WHERE id = ?", (result_id,)).get
    )
    return found


def moving(con: apsw.Connection, seed: int) -> None:
    """Embeddings 0 to 399 in the order of time. Places where they gather come, wander, come near to each other, and go."""
    random = np.random.default_rng(seed)
    places = [random.uniform(-8, 8, 2) for _ in range(5)]
    rows = []
    for i in range(400):
        if i % 30 == 29:
            places[random.integers(5)] = random.uniform(-8, 8, 2)
        for place in places:
            place += random.normal(size=2) * 0.03
        rows.append(
            random.uniform(-9, 9, 2)
            if random.random() < 0.15
            else places[random.integers(5)] + random.normal(size=2) * 0.4
        )
    add_embeddings(con, np.array(rows, dtype=np.float32), ids=range(400))


def window(con: apsw.Connection, start: int, **options: Any) -> int:
    """A fit of 100 embeddings from `start` on."""
    where: dict[str, Any] = {"where": "id BETWEEN :a AND :a + 99", "parameters": {"a": start}}
    return sqlclust.fit(con, "demo", **OPTIONS, **where, **options)


@pytest.mark.parametrize("seed", range(4))
def test_a_chain_of_results(con: apsw.Connection, seed: int) -> None:
    """A label is one cluster's: in the results of a chain in which it occurs, one after the other. Results that are deleted, but
    for the last, change nothing.
    """
    moving(con, seed)
    random = np.random.default_rng(seed)
    chain, used, born = [window(con, 0)], [], 0
    used.append(labels_of(con, chain[0]))
    for step in range(1, 10):
        like = chain[-1]
        result = window(con, int(step * 30 + random.integers(-9, 9)), like=like)
        rows, plain = result_rows(con, result), plain_rows(con, result)

        names = dict(
            {(old[1], new[1]) for old, new in zip(plain, rows, strict=True)}
        )  # nothing but labels, one for each
        assert [(*row[:1], names[row[1]], *row[2:]) for row in plain] == rows
        assert len(set(names.values())) == len(names)
        assert names.get(-1, -1) == -1

        before = parameters(con, like).get("next_label", max(used[0], default=-1) + 1)
        unlike = cut(con, con.execute("SELECT max(id) FROM ClusteringFit").get, min_cluster_size=4)
        matches = {b: a for a, b in con.execute(MATCHES, (like, unlike))}
        new = [label for label in sorted(set(names) - {-1}) if label not in matches]
        assert {label: names[label] for label in matches} == matches
        assert [names[label] for label in new] == list(range(before, before + len(new)))
        assert dict(con.execute(MATCHES, (like, result))) == {a: a for a in matches.values()}
        assert parameters(con, result) == {**parameters(con, unlike), "like": like, "next_label": before + len(new)}

        con.execute("DELETE FROM ClusteringResult WHERE id = ?", (unlike,))
        if step % 2:
            con.execute("DELETE FROM ClusteringResult WHERE id = ?", (chain.pop(random.integers(len(chain))),))
        chain.append(result)
        used.append(labels_of(con, result))
        born += len(new)
    assert born > 3
    assert len(used[0] & used[1]) > 1
    for label in set.union(*used):
        held = [step for step, labels in enumerate(used) if label in labels]
        assert held == list(range(held[0], held[-1] + 1)), label


# --- what reads labels again ----------------------------------------------------------------------------------------


@pytest.fixture
def gaps(con: apsw.Connection) -> apsw.Connection:
    """Result 2, with gaps between its labels and not in the order of those of a fit, and result 1, the same from 0."""
    add_embeddings(con, clustered(clusters=3))
    sqlclust.fit(con, "demo", min_cluster_size=5)
    con.execute("BEGIN")
    con.execute("PRAGMA defer_foreign_keys = ON")
    for table in ("Cluster", "EmbeddingCluster"):
        con.execute(f"UPDATE {table} SET label = 70 - 7 * label WHERE label >= 0")
    con.execute("COMMIT")
    cut(con, 1, min_cluster_size=5, like=1)
    con.execute("BEGIN")
    con.execute("PRAGMA defer_foreign_keys = ON")
    for table in ("Cluster", "EmbeddingCluster"):
        con.execute(f"UPDATE {table} SET label = (70 - label) / 7 WHERE label >= 0 AND clustering_result_id = 1")
    con.execute("COMMIT")
    assert labels_of(con, 1) == {0, 1, 2}
    assert labels_of(con, 2) == {56, 63, 70}
    return con


NAMED: dict[Any, Any] = {0: 70, 1: 63, 2: 56, -1: -1, None: None}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT label, id, probability, neighbor_id, distance FROM "
        "clust_predict(?, (SELECT clust_points(id, vector) FROM Embedding))",
        'SELECT label, id, strength, exemplar_id, distance FROM clust_nearest(?, \'{"rows": "all"}\')',
        "SELECT nearest_label, id, strength, exemplar_id, distance FROM clust_nearest(?)",
        "SELECT label, embedding_id, probability, outlier_score, medoid_embedding_id, size, persistence FROM ClusterAssignment "
        "WHERE clustering_result_id = ? ORDER BY embedding_id",
    ],
)
def test_the_same_under_other_labels(gaps: apsw.Connection, sql: str) -> None:
    results: list[list[Any]] = [gaps.execute(sql, (result,)).fetchall() for result in (1, 2)]
    from_zero, named = results
    assert {row[0] for row in named} - {-1} <= {56, 63, 70}
    assert max(row[0] for row in named) > 2
    assert [(NAMED[label], *rest) for label, *rest in from_zero] == named


def test_predictions_are_stored_under_them(gaps: apsw.Connection) -> None:
    add_embeddings(gaps, clustered()[:3], ids=["x", "y", "z"])
    expected = [label for (label,) in gaps.execute(
        "SELECT label FROM EmbeddingCluster WHERE clustering_result_id = 2 AND embedding_id <= 3 ORDER BY embedding_id"
    )]  # fmt: skip
    points = "(SELECT clust_points(id, vector) FROM Embedding WHERE typeof(id) = 'text')"
    rows = gaps.execute(f"SELECT 2, id, label, probability FROM clust_predict(2, {points})").fetchall()
    assert [row[2] for row in rows] == expected
    gaps.executemany("INSERT INTO EmbeddingPrediction (clustering_result_id, embedding_id, label, probability) "
                     "VALUES (?, ?, ?, ?)", rows)  # fmt: skip
    assert gaps.execute("SELECT finding FROM clust_doctor() WHERE severity = 'error'").fetchall() == []


def test_the_condensed_tree_has_them(gaps: apsw.Connection) -> None:
    options = json.dumps({"min_cluster_size": 5, "like": 2})
    tree = "SELECT DISTINCT {} FROM clust_condensed_tree(1, ?) WHERE {} IS NOT NULL ORDER BY 1"
    for column in ("label", "parent_label"):
        found = [label for (label,) in gaps.execute(tree.format(column, column), (options,))]
        assert found == [56, 63, 70]
    from_zero = dict(gaps.execute("SELECT child, label FROM clust_condensed_tree(1, '{\"min_cluster_size\": 5}')"))
    named = dict(gaps.execute("SELECT child, label FROM clust_condensed_tree(1, ?)", (options,)))
    assert {child: NAMED[label] for child, label in from_zero.items()} == named


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("UPDATE EmbeddingCluster SET label = iif(label = 56, 63, 56) WHERE clustering_result_id = 2 AND embedding_id = 3",
         "1 row differs, such as that of embedding 3"),
        ("UPDATE EmbeddingCluster SET label = 63 WHERE label = 56", "12 rows differ, such as that of embedding "),
        ("UPDATE EmbeddingCluster SET label = -1 WHERE label = 56", "12 rows differ, such as that of embedding "),
        ("UPDATE EmbeddingCluster SET label = 99 WHERE label = -1 AND clustering_result_id = 2",
         "4 rows differ, such as that of embedding 37"),
        ("DELETE FROM EmbeddingCluster WHERE embedding_id = 1 AND clustering_result_id = 2",
         "1 row differs, such as that of embedding 1"),
    ],
)  # fmt: skip
def test_labels_that_are_not_those_of_the_fit(gaps: apsw.Connection, change: str, reason: str) -> None:
    gaps.pragma("foreign_keys", False)
    gaps.execute(change)
    with pytest.raises(ResultChangedError) as caught:
        gaps.execute("SELECT * FROM clust_nearest(2)").fetchall()
    assert reason in str(caught.value)


# --- which result -----------------------------------------------------------------------------------------------------


def test_a_stored_fit_is_used_whatever_it_is_like(demo: apsw.Connection) -> None:
    sqlclust.fit(demo, "demo", min_cluster_size=5)
    sqlclust.fit(demo, "demo", min_cluster_size=5, like=1)
    cut(demo, 1, min_cluster_size=5, like=2)
    assert demo.execute("SELECT count(*) FROM ClusteringFit").get == 1
    assert parameters(demo, 2) | {"like": 2} == parameters(demo, 3)
    assert result_rows(demo, 1) == result_rows(demo, 2) == result_rows(demo, 3)


def test_nothing_in_common(demo: apsw.Connection) -> None:
    sqlclust.fit(demo, "demo", min_cluster_size=5)
    add_embeddings(demo, clustered(), ids=range(101, 141))
    assert labels_of(demo, sqlclust.fit(demo, "demo", min_cluster_size=5, where="id > 100", like=1)) == {3, 4, 5}


def test_no_clusters(demo: apsw.Connection) -> None:
    """The labels of a result that is like another without any are still those of the chain."""
    first = sqlclust.fit(demo, "demo", min_cluster_size=5)
    empty = cut(demo, 1, min_cluster_size=30, like=first)
    assert (labels_of(demo, empty), parameters(demo, empty)["next_label"]) == (set(), 3)
    assert labels_of(demo, cut(demo, 1, min_cluster_size=5, like=empty)) == {3, 4, 5}
    alone = cut(demo, 1, min_cluster_size=30)
    assert labels_of(demo, cut(demo, 1, min_cluster_size=5, like=alone)) == {0, 1, 2}


def test_a_result_that_somebody_wrote(demo: apsw.Connection) -> None:
    """Whose parameters mean what they mean to its own algorithm, and which has any labels."""
    demo.execute(
        "INSERT INTO ClusteringResult (embedding_model, algorithm, parameters) VALUES ('demo', 'mine', '{\"like\": \"x\"}')"
    )
    demo.execute("""
        INSERT INTO ClusterAssignment (clustering_result_id, embedding_id, label, probability, medoid_embedding_id, size)
        SELECT 1, id, 1000, 1.0, 1, 12 FROM Embedding WHERE id < 37 AND id % 3 = 1""")
    result = sqlclust.fit(demo, "demo", min_cluster_size=5, like=1)
    assert labels_of(demo, result) == {1000, 1001, 1002}
    assert parameters(demo, result)["next_label"] == 1003


def test_the_labels_of_a_source(demo: apsw.Connection) -> None:
    demo.execute(NOTE)
    demo.execute("DELETE FROM note WHERE slug % 3 = 0 AND slug < 37")
    source = 'SELECT clust_source(\'docs\', \'{"table": "note", "id": "slug"}\')'
    demo.execute(source).fetchall()
    first = demo.execute("SELECT clust_fit('docs', '{\"min_cluster_size\": 5}')").get
    before = dict(demo.execute('SELECT slug, label FROM "docs_clusters"'))
    demo.execute("INSERT INTO note SELECT id, 'text', vector FROM Embedding WHERE id % 3 = 0 AND id < 37")
    second = demo.execute("SELECT clust_fit('docs', ?)", (json.dumps({"min_cluster_size": 5, "like": first}),)).get
    after = dict(demo.execute('SELECT slug, label FROM "docs_clusters"'))
    assert {slug: label for slug, label in after.items() if slug in before} == before
    assert {label for slug, label in after.items() if slug not in before} == {2}
    assert parameters(demo, second)["next_label"] == 3
    with pytest.raises(ResultOfAnotherModelError):
        sqlclust.fit(demo, "demo", min_cluster_size=5, like=second)


def test_of_a_file_without_our_tables(tmp_path: Path) -> None:
    con = sqlclust.connect(str(tmp_path / "host.db"))
    con.execute("CREATE TABLE doc (id INTEGER PRIMARY KEY, embedding BLOB)")
    con.executemany("INSERT INTO doc VALUES (?, ?)", [(i, blob(*row)) for i, row in enumerate(clustered().tolist())])
    with pytest.raises(UnknownResultError, match="no clustering result 1; there are no results yet"):
        con.execute("SELECT clust_fit('doc', '{\"like\": 1}')").fetchall()
    assert con.execute("SELECT name FROM sqlite_schema").fetchall() == [("doc",)]
    con.close()
