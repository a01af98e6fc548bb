"""The functions over stored fits and results, as SQL sees them."""

from __future__ import annotations

from typing import Any

import apsw
import numpy as np
import pytest

from sqlclust.errors import ArgumentError, OptionsJSONError, SqlclustError, TopLevelOnlyError
from tests.small import add_embeddings, clustered


@pytest.fixture
def fitted(demo: apsw.Connection) -> apsw.Connection:
    """The demo rows with ClusteringFit 1 and ClusteringResult 1."""
    demo.execute("SELECT clust_fit('demo', '{\"min_cluster_size\": 5}')").fetchall()
    return demo


OVER_FITS = (
    "clust_labels",
    "clust_sweep",
    "clust_spanning_tree",
    "clust_condensed_tree",
    "clust_core_distances",
    "clust_fit_neighbors",
    "clust_layers",
    "clust_map",
)


@pytest.mark.slow
@pytest.mark.parametrize("name", OVER_FITS)
@pytest.mark.parametrize(("value", "found"), [("1", "TEXT"), (1.0, "REAL"), (None, "NULL"), (b"1", "BLOB")])
def test_a_fit_is_given_by_its_integer_id(fitted: apsw.Connection, name: str, value: Any, found: str) -> None:
    options = ", '{}'" if name == "clust_sweep" else ""
    with pytest.raises(
        ArgumentError, match=f"^{name}: clustering_fit_id is .*, expected an INTEGER, see ClusteringFit$"
    ):
        fitted.execute(f"SELECT * FROM {name}(?{options})", (value,)).fetchall()
    with pytest.raises(ArgumentError, match=r"^clust_cut: clustering_fit_id is"):
        fitted.execute("SELECT clust_cut(?)", (value,))


def test_cut_publishes_at_top_level_only(fitted: apsw.Connection) -> None:
    assert fitted.execute("SELECT clust_cut(1, '{\"min_cluster_size\": 6}')").get == 2
    fitted.execute("BEGIN")
    with pytest.raises(TopLevelOnlyError, match=r"^clust_cut publishes in a transaction of its own"):
        fitted.execute("SELECT clust_cut(1)")
    fitted.execute("ROLLBACK")
    with pytest.raises(TopLevelOnlyError):
        fitted.execute("SELECT clust_cut(id) FROM ClusteringFit").fetchall()
    assert fitted.execute("SELECT count(*) FROM ClusteringResult").get == 2


@pytest.mark.parametrize("options", [None, "", "[]", "5", '{"min_cluster_size": 5, "min_cluster_size": 6}'])
def test_options_are_one_json_object(fitted: apsw.Connection, options: Any) -> None:
    for statement in ("SELECT clust_cut(1, ?)", "SELECT * FROM clust_labels(1, ?)", "SELECT * FROM clust_sweep(1, ?)"):
        with pytest.raises(OptionsJSONError):
            fitted.execute(statement, (options,)).fetchall()


def test_spanning_tree_connects_every_row_by_mutual_reachability(fitted: apsw.Connection) -> None:
    edges = fitted.execute("SELECT left_id, right_id, weight FROM clust_spanning_tree(1)").fetchall()
    assert len(edges) == 39
    weights = [float(weight) for _, _, weight in edges]  # type: ignore[arg-type]
    assert weights == sorted(weights)
    wrong = """
    SELECT count(*) FROM clust_spanning_tree(1) t
    JOIN clust_core_distances(1) a ON a.id = t.left_id JOIN clust_core_distances(1) b ON b.id = t.right_id
    JOIN Embedding x ON x.id = t.left_id JOIN Embedding y ON y.id = t.right_id
    WHERE abs(weight - max(a.core_distance, b.core_distance,
                           clust_distance(clust_normalize(x.vector), clust_normalize(y.vector)))) > 1e-6
    """
    assert fitted.execute(wrong).get == 0


def test_core_distance_is_that_of_the_neighbor(fitted: apsw.Connection) -> None:
    wrong = """
    SELECT count(*) AS c, max(abs(c.core_distance - n.distance)) AS difference FROM clust_core_distances(1) c
    JOIN clust_neighbors((SELECT clust_points(id, vector) FROM Embedding), '{"k": 5}') n ON n.id = c.id AND n.rank = 5
    """
    assert fitted.execute(f"SELECT c FROM ({wrong}) WHERE difference < 1e-6").get == 40


def test_the_condensed_tree_leads_to_the_labels(fitted: apsw.Connection) -> None:
    """Every cluster of the demo rows is a child of the root's; its points carry one label."""
    sql = """
    WITH RECURSIVE tree AS MATERIALIZED (SELECT * FROM clust_condensed_tree(1, '{"min_cluster_size": 5}')),
    below(top, cluster) AS (
        SELECT child, child FROM tree WHERE child IS NOT NULL AND child NOT IN (SELECT parent FROM tree WHERE child)
        UNION ALL SELECT top, t.child FROM below JOIN tree t ON t.parent = cluster AND t.child IS NOT NULL)
    SELECT top, count(*), count(DISTINCT l.label), min(l.label) FROM below JOIN tree t ON t.parent = cluster AND t.id IS NOT NULL
    JOIN clust_labels(1, '{"min_cluster_size": 5}') l ON l.id = t.id GROUP BY top
    """
    rows = fitted.execute(sql).fetchall()
    assert sorted(label for *_, label in rows) == [0, 1, 2]  # type: ignore[type-var]
    assert all(labels == 1 for _, _, labels, _ in rows)


def test_functions_of_a_fit_of_one_row(fitted: apsw.Connection) -> None:
    """A fit can only come to have one row by hand; nothing breaks."""
    fitted.execute(
        "UPDATE ClusteringFit SET n = 1, n_distinct = 1, row_ids = x'690100000000000000', "
        "row_checks = substr(row_checks, 1, 4), core_distances = substr(core_distances, 1, 4), spanning_tree = x''"
    )
    assert fitted.execute("SELECT id, label FROM clust_labels(1)").fetchall() == [(1, -1)]
    assert fitted.execute("SELECT n_clusters, noise_share FROM clust_sweep(1, '{}')").fetchall() == [(0, 1.0)]
    assert fitted.execute("SELECT * FROM clust_spanning_tree(1)").fetchall() == []
    assert fitted.execute("SELECT * FROM clust_condensed_tree(1)").fetchall() == []


def test_functions_of_fits_are_refused_in_a_schema(fitted: apsw.Connection) -> None:
    fitted.execute("CREATE VIEW v AS SELECT * FROM clust_labels(1)")
    with pytest.raises(apsw.SQLError, match=r"unsafe use of virtual table"):
        fitted.execute("SELECT * FROM v")


def test_without_our_tables() -> None:
    import sqlclust

    con = sqlclust.connect(":memory:")
    for statement in ("SELECT clust_cut(1)", "SELECT * FROM clust_labels(1)", "SELECT * FROM clust_sweep(1, '{}')"):
        with pytest.raises(SqlclustError, match="has no sqlclust tables"):
            con.execute(statement).fetchall()
    con.close()


def test_duplicates_survive_a_cut(con: apsw.Connection) -> None:
    vectors = np.vstack([clustered()] * 3)
    add_embeddings(con, vectors)
    con.execute("SELECT clust_fit('demo', '{\"min_cluster_size\": 5, \"min_samples\": 2}')").fetchall()
    differing = (
        "SELECT count(*) FROM clust_labels(1) a JOIN clust_labels(1) b ON b.id = a.id + 40 AND b.label <> a.label"
    )
    assert con.execute(differing).get == 0


# --- clust_layers ---------------------------------------------------------------------------------------------------


def test_a_layer_is_a_cut_by_leaves(fitted: apsw.Connection) -> None:
    for smallest in (2, 3, 5):
        layers = fitted.execute(
            "SELECT DISTINCT layer, min_cluster_size FROM clust_layers(1, ?)", (f'{{"min_cluster_size": {smallest}}}',)
        ).fetchall()
        assert [layer for layer, _ in layers] == list(range(len(layers)))
        for layer, size in layers:
            cut = f'{{"min_cluster_size": {size}, "cluster_selection_method": "leaf"}}'
            sql = "SELECT id, label, probability FROM clust_layers(1, ?) WHERE layer = ?"
            found = fitted.execute(sql, (f'{{"min_cluster_size": {smallest}}}', layer)).fetchall()
            assert found == fitted.execute("SELECT id, label, probability FROM clust_labels(1, ?)", (cut,)).fetchall()


def test_layers_are_limited(fitted: apsw.Connection) -> None:
    sql = 'SELECT count(DISTINCT layer), min(persistence) > 0 FROM clust_layers(1, \'{"min_cluster_size": 2, "max_layers": 1}\')'
    assert fitted.execute(sql).fetchall() == [(1, 1)]


def test_no_layers_where_nothing_splits(fitted: apsw.Connection) -> None:
    assert fitted.execute("SELECT * FROM clust_layers(1, '{\"min_cluster_size\": 30}')").fetchall() == []


@pytest.mark.parametrize("options", ['{"min_cluster_size": 1}', '{"max_layers": 0}', '{"epsilon": 1}', "[]"])
def test_layers_refuse_bad_options(fitted: apsw.Connection, options: str) -> None:
    with pytest.raises(SqlclustError, match=r"option"):
        fitted.execute("SELECT * FROM clust_layers(1, ?)", (options,)).fetchall()


# --- clust_nearest --------------------------------------------------------------------------------------------------


def test_nearest_is_of_noise_and_changes_nothing(fitted: apsw.Connection) -> None:
    rows = fitted.execute("SELECT id, label, nearest_label, strength FROM clust_nearest(1)").fetchall()
    assert [(i, label) for i, label, _, _ in rows] == [(i, -1) for i in range(37, 41)]
    assert all(label in (0, 1, 2) for _, _, label, _ in rows)
    strengths: list[Any] = [strength for *_, strength in rows]
    assert all(0 < strength <= 1 for strength in strengths)
    assert fitted.execute("SELECT count(*) FROM EmbeddingCluster WHERE label = -1").get == 4


def test_members_are_nearest_to_their_own_cluster(fitted: apsw.Connection) -> None:
    sql = 'SELECT count(*), sum(label = nearest_label) FROM clust_nearest(1, \'{"rows": "all"}\') WHERE label >= 0'
    assert fitted.execute(sql).fetchall() == [(36, 36)]


def test_the_exemplar_is_a_member_of_the_nearest_cluster(fitted: apsw.Connection) -> None:
    sql = """
    SELECT count(*) FROM (SELECT id, nearest_label, exemplar_id, distance FROM clust_nearest(1)) n
    JOIN EmbeddingCluster ec ON ec.embedding_id = n.exemplar_id AND ec.label = n.nearest_label AND ec.probability = 1
    JOIN Embedding a ON a.id = n.id JOIN Embedding b ON b.id = n.exemplar_id
    WHERE abs(n.distance - clust_distance(clust_normalize(a.vector), clust_normalize(b.vector))) < 1e-6
    """
    assert fitted.execute(sql).get == 4


def test_nearest_without_clusters_and_without_noise(fitted: apsw.Connection) -> None:
    fitted.execute("SELECT clust_cut(1, '{\"min_cluster_size\": 30}')").fetchall()
    assert fitted.execute("SELECT DISTINCT label, nearest_label, strength FROM clust_nearest(2)").fetchall() == [
        (-1, None, None)
    ]
    with pytest.raises(SqlclustError, match=r"^option 'rows': found 'some', expected 'noise' or 'all'$"):
        fitted.execute('SELECT * FROM clust_nearest(1, \'{"rows": "some"}\')').fetchall()
    with pytest.raises(SqlclustError, match=r"^clust_nearest: clustering_result_id is .*REAL, expected an INTEGER"):
        fitted.execute("SELECT * FROM clust_nearest(1.0)").fetchall()
