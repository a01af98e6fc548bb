"""pandas on our tables, by Python's sqlite3."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sqlclust
from tests.extension import why_not
from tests.interop.tools import TABLES, query, run_blocks, skip, stock, tool, views


@pytest.fixture
def pd() -> Any:
    return tool("pandas")


@pytest.fixture
def con(results: Path) -> Iterator[sqlite3.Connection]:
    with stock(results) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        yield connection


def embeddings(pd: Any, *, model: str = "new") -> Any:
    vectors = np.arange(12, dtype="<f4").reshape(4, 3)
    return pd.DataFrame(
        {"id": [100, 101, 102, 103], "embedding_model": model, "vector": [vector.tobytes() for vector in vectors]}
    )


def test_the_page(pd: Any, colors: Path) -> None:
    run_blocks("pandas")


def test_everything_is_read(pd: Any, con: sqlite3.Connection, results: Path) -> None:
    for name in [*TABLES, *views(results)]:
        frame = pd.read_sql(f"SELECT * FROM {name}", con)
        assert len(frame) == con.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
    summary = pd.read_sql("SELECT label, size, medoid_embedding_id FROM ClusterSummary ORDER BY label LIMIT 1", con)
    assert summary.to_dict("records") == [
        {"label": 0, "size": 12, "medoid_embedding_id": summary.medoid_embedding_id[0]}
    ]


def test_integers_with_null_are_floats(pd: Any, con: sqlite3.Connection) -> None:
    rows = pd.read_sql("SELECT * FROM ClusterAssignment WHERE clustering_result_id = 1", con)
    assert [str(rows[name].dtype) for name in ("label", "size")] == ["int64", "float64"]
    assert rows["size"].astype("Int64").isna().sum() == (rows["label"] == -1).sum() == 4


def test_parameters_of_numpy_find_nothing_until_adapted(pd: Any, con: sqlite3.Connection) -> None:
    sql = "SELECT count(*) AS n FROM EmbeddingCluster WHERE clustering_result_id = ?"
    result = pd.read_sql("SELECT max(id) AS id FROM ClusteringResult", con)["id"][0]
    assert isinstance(result, np.int64)
    found = [int(pd.read_sql(sql, con, params=[value])["n"][0]) for value in (result, int(result), result.item())]
    assert found in ([0, 40, 40], [40, 40, 40])  # the latter if sqlite3 or pandas comes to know numbers of NumPy
    sqlite3.register_adapter(np.int64, lambda value: value.item())
    assert pd.read_sql(sql, con, params=[result])["n"][0] == 40


def test_rows_are_appended(pd: Any, con: sqlite3.Connection) -> None:
    embeddings(pd).to_sql("Embedding", con, if_exists="append", index=False)
    rows = con.execute(
        "SELECT id, typeof(id), vector FROM Embedding WHERE embedding_model = 'new' ORDER BY id"
    ).fetchall()
    assert [row[:2] for row in rows] == [(number, "integer") for number in range(100, 104)]
    assert np.frombuffer(rows[1][2], "<f4").tolist() == [3, 4, 5]
    with pytest.raises((pd.errors.DatabaseError, sqlite3.OperationalError)):  # there is no column "index"
        embeddings(pd).to_sql("Embedding", con, if_exists="append")


def test_float64_is_seen_by_the_fit(pd: Any, results: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(40, 8))
    frame = pd.DataFrame({"id": range(40), "embedding_model": "doubles", "vector": list(vectors)})
    with stock(results) as connection:
        frame.to_sql("Embedding", connection, if_exists="append", index=False)
        lengths = "SELECT DISTINCT length(vector) FROM Embedding WHERE embedding_model = 'doubles'"
        assert connection.execute(lengths).fetchall() == [(64,)]
    with closing(sqlclust.connect(str(results))) as ours, pytest.raises(sqlclust.SqlclustError, match="float64"):
        sqlclust.fit(ours, "doubles", min_cluster_size=5)


def test_replace_drops_our_table(pd: Any, con: sqlite3.Connection, results: Path) -> None:
    before = query(results, "SELECT sql FROM sqlite_schema WHERE name = 'Embedding'")
    with pytest.raises(pd.errors.DatabaseError, match="FOREIGN KEY"):
        embeddings(pd).to_sql("Embedding", con, if_exists="replace", index=False)
    assert query(results, "SELECT sql FROM sqlite_schema WHERE name = 'Embedding'") == before
    assert query(results, "SELECT count(*) FROM Embedding") == [(40,)]
    con.execute("PRAGMA foreign_keys = OFF")
    embeddings(pd).to_sql("Embedding", con, if_exists="replace", index=False)
    assert query(results, "SELECT sql FROM sqlite_schema WHERE name = 'Embedding'") != before
    assert query(results, "SELECT count(*) FROM Embedding") == [(4,)]


def test_a_whole_result_through_the_view(pd: Any, con: sqlite3.Connection, results: Path) -> None:
    con.execute("INSERT INTO ClusteringResult (embedding_model, algorithm, parameters) VALUES ('demo', 'mine', '{}')")
    con.commit()
    frame = pd.DataFrame(
        {
            "clustering_result_id": 3, "embedding_id": ["e01", "e02", "e03"], "label": [0, 0, -1],
            "probability": [1.0, 0.5, 0.0], "medoid_embedding_id": ["e01", "e01", None], "size": [2, 2, None],
        }
    )  # fmt: skip
    frame.to_sql("ClusterAssignment", con, if_exists="append", index=False)
    summary = "SELECT n_rows, n_clusters, n_noise FROM ClusteringSummary WHERE clustering_result_id = 3"
    assert query(results, summary) == [(3, 1, 1)]
    nowhere = pd.DataFrame({"clustering_result_id": [3], "embedding_id": "e04", "label": 9, "probability": 1.0})
    with pytest.raises((sqlite3.IntegrityError, pd.errors.DatabaseError), match="FOREIGN KEY"):
        nowhere.to_sql("EmbeddingCluster", con, if_exists="append", index=False)
    assert query(results, summary) == [(3, 1, 1)]


def test_on_a_connection_of_apsw(pd: Any, results: Path) -> None:
    with closing(sqlclust.connect(str(results))) as ours:
        with pytest.warns(UserWarning, match="SQLAlchemy"):
            assert len(pd.read_sql("SELECT * FROM Cluster", ours)) == 6
        with pytest.warns(UserWarning, match="SQLAlchemy"), pytest.raises(AttributeError, match="rollback"):
            embeddings(pd).to_sql("Embedding", ours, if_exists="append", index=False)
        cursor = ours.execute("SELECT clustering_result_id, label FROM Cluster")
        frame = pd.DataFrame.from_records(cursor, columns=[name for name, _ in cursor.get_description()])
        assert frame.shape == (6, 2)
        assert [*frame] == ["clustering_result_id", "label"]


def test_clustering_without_apsw(pd: Any, con: sqlite3.Connection) -> None:
    if missing := why_not():
        skip("sqlclust.load", missing)
    try:
        sqlclust.load(con)
    except sqlclust.errors.ExtensionUnsupportedError as error:  # a Python built so
        skip("sqlclust.load", str(error))
    sql = "SELECT * FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding), ?)"
    rows = pd.read_sql(sql, con, params=['{"min_cluster_size": 5}'])
    assert rows["label"].nunique() == 4
