"""Results written by statements of one's own: bound values, transactions, savepoints, triggers. See also test_sql.py."""

from __future__ import annotations

import apsw
import pytest

import sqlclust
from sqlclust.errors import SqlclustError
from tests.small import add_embeddings, clustered
from tests.surface.one_statement import CLUSTERS, HDBSCAN, NOTHING, RESULT, ROWS, written


def test_two_statements_with_bind_parameters(demo: apsw.Connection) -> None:
    chosen = "clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding WHERE embedding_model = :model), :options)"
    values = {"model": "demo", "options": '{"min_cluster_size": 5}', "result": 1}
    with demo:
        demo.execute(RESULT)
        demo.execute(
            "INSERT INTO Cluster (clustering_result_id, label, medoid_embedding_id, size, persistence) "
            f"SELECT DISTINCT :result, label, medoid_id, cluster_size, persistence FROM {chosen} WHERE label >= 0", values
        )  # fmt: skip
        returned = demo.execute(
            "INSERT INTO EmbeddingCluster (clustering_result_id, embedding_id, label, probability, outlier_score) "
            f"SELECT :result, id, label, probability, outlier_score FROM {chosen} "
            "RETURNING embedding_id, label, typeof(label), typeof(probability), typeof(outlier_score)", values
        ).fetchall()  # fmt: skip
    assert len(returned) == 40
    assert {row[2:] for row in returned} == {("integer", "real", "real")}
    assert written(demo) == (0, 1, 3, 40)
    direct = sqlclust.hdbscan(clustered(), min_cluster_size=5)
    assert [label for _, label, *_ in sorted(returned)] == direct.labels.tolist()


def test_rows_without_their_clusters_are_refused_whole(demo: apsw.Connection) -> None:
    demo.execute(RESULT)
    with pytest.raises(apsw.ConstraintError, match="FOREIGN KEY constraint failed"):
        demo.execute(ROWS)
    assert written(demo) == (0, 1, 0, 0)


def test_upsert(demo: apsw.Connection) -> None:
    with demo:
        demo.execute(f"{RESULT}; {CLUSTERS}; {ROWS}")
    with pytest.raises(apsw.ConstraintError, match="UNIQUE constraint failed: EmbeddingCluster"):
        demo.execute(ROWS)
    demo.execute("UPDATE EmbeddingCluster SET outlier_score = NULL")
    demo.execute(
        f"{ROWS} ON CONFLICT (embedding_id, clustering_result_id) DO UPDATE SET outlier_score = excluded.outlier_score"
    )
    assert demo.execute("SELECT count(*), count(outlier_score) FROM EmbeddingCluster").get == (40, 40)
    assert demo.execute(f"{ROWS} ON CONFLICT DO NOTHING RETURNING 1").fetchall() == []


def test_savepoints(demo: apsw.Connection) -> None:
    demo.execute(f"BEGIN; {RESULT}; SAVEPOINT a; {CLUSTERS}; SAVEPOINT b; {ROWS}; ROLLBACK TO b; {ROWS}; ROLLBACK TO a")
    assert written(demo) == (0, 1, 0, 0)
    demo.execute("ROLLBACK")
    assert written(demo) == NOTHING
    demo.execute(f"BEGIN; {RESULT}; SAVEPOINT a; {CLUSTERS}; {ROWS}; RELEASE a; COMMIT")
    assert written(demo) == (0, 1, 3, 40)


def test_an_error_within_a_transaction_leaves_the_rest_of_it(demo: apsw.Connection) -> None:
    demo.execute(f"BEGIN; {RESULT}")
    with pytest.raises(SqlclustError):
        demo.execute(ROWS.replace('"min_cluster_size"', '"nonsense"'))
    assert demo.in_transaction
    demo.execute("COMMIT")
    assert written(demo) == (0, 1, 0, 0)


def test_per_group(demo: apsw.Connection) -> None:
    add_embeddings(demo, clustered(30, clusters=2, seed=3), model="other", ids=[f"o{i}" for i in range(30)])
    rows = demo.execute("""
        SELECT m.embedding_model, count(*), count(DISTINCT label)
        FROM (SELECT DISTINCT embedding_model FROM Embedding) m,
             clust_hdbscan((SELECT clust_points(e.id, e.vector) FROM Embedding e
                            WHERE e.embedding_model = m.embedding_model), ?)
        GROUP BY 1 ORDER BY 1""", ('{"min_cluster_size": 5}',)).fetchall()  # fmt: skip
    assert rows == [("demo", 40, 4), ("other", 30, 3)]


def test_triggers(demo: apsw.Connection) -> None:
    demo.execute("CREATE TABLE seen (id, label); CREATE TABLE bell (x)")
    demo.execute("CREATE TRIGGER note AFTER INSERT ON EmbeddingCluster WHEN NEW.label >= 0 "
                 "BEGIN INSERT INTO seen VALUES (NEW.embedding_id, NEW.label); END")  # fmt: skip
    with demo:
        demo.execute(f"{RESULT}; {CLUSTERS}; {ROWS}")
    assert demo.execute("SELECT count(*) FROM seen").get == 36
    demo.execute(
        f"CREATE TEMP TRIGGER ring AFTER INSERT ON bell BEGIN INSERT INTO seen SELECT id, 'rung' FROM {HDBSCAN}; END"
    )
    demo.execute("INSERT INTO bell VALUES (1)")
    assert demo.execute("SELECT count(*) FROM seen WHERE label = 'rung'").get == 40


def test_the_order_of_rows_changes_nothing(demo: apsw.Connection) -> None:
    orders = ("id", "id DESC", "hex(vector)", "-id % 7, id")
    results = [
        demo.execute(f"SELECT *, cluster_size, persistence FROM clust_hdbscan((SELECT clust_points(id, vector ORDER BY {order}) "
                     "FROM Embedding), '{\"min_cluster_size\": 5}')").fetchall()
        for order in orders
    ]  # fmt: skip
    assert all(result == results[0] for result in results[1:])


def test_no_numpy_value_leaks(demo: apsw.Connection) -> None:
    """numpy's scalars become BLOBs without a word."""
    points = "(SELECT clust_points(id, vector) FROM Embedding UNION ALL SELECT 1 WHERE 0)"
    demo.execute(
        "INSERT INTO Embedding (id, embedding_model, vector) SELECT 41, 'demo', vector FROM Embedding WHERE id = 1"
    )
    for function in ("clust_hdbscan", "clust_duplicates", "clust_neighbors"):
        columns = [
            name for (name,) in demo.execute("SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0", (function,))
        ]
        kinds = ", ".join(f"group_concat(DISTINCT typeof({name}))" for name in columns)
        assert "blob" not in str(demo.execute(f"SELECT {kinds} FROM {function}({points})").get)
    scalars = (
        "SELECT clust_norm(vector), clust_distance(vector, vector), clust_dimension(vector), clust_ari(id, id), "
        "clust_ami(id, id), clust_medoid(id, vector) FROM Embedding"
    )
    assert [type(value) for value in demo.execute(scalars).get] == [float, float, int, float, float, int]
