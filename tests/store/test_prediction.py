"""Results and the embeddings that came after them."""

from __future__ import annotations

import json
from typing import Any

import apsw
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import (
    DimensionMismatchError,
    FitNotStoredError,
    HandleLostError,
    MembersChangedError,
    ResultChangedError,
    ResultWithoutFitError,
    SqlclustError,
    UnknownResultError,
    ZeroVectorError,
)
from sqlclust.options import HdbscanOptions
from sqlclust.store import prediction
from sqlclust.store.cut import cut
from sqlclust.store.fit import fit
from sqlclust.store.results.listing import delete_result
from tests.small import add_embeddings, blob, clustered

MEMBERS = """
SELECT id, label, probability FROM clust_predict(?1, (SELECT clust_points(e.id, e.vector) FROM Embedding e
    JOIN EmbeddingCluster ec ON ec.embedding_id = e.id AND ec.clustering_result_id = ?1))
"""
STORED = (
    "SELECT embedding_id, label, probability FROM EmbeddingCluster WHERE clustering_result_id = ? ORDER BY embedding_id"
)
PREDICTED = "SELECT embedding_id, label, probability FROM EmbeddingPrediction WHERE clustering_result_id = ? ORDER BY 1"
OTHERS = """
SELECT id, label, probability FROM clust_predict(1, (SELECT clust_points(id, vector) FROM Embedding WHERE id > 40))
"""


@pytest.fixture
def result(demo: apsw.Connection) -> apsw.Connection:
    """The demo rows with result 1, and embeddings 41 to 46 beside it: near the clusters 0, 1, 2 of ids 1, 2, 3, and far."""
    fit(database_of(demo), "demo", HdbscanOptions(min_cluster_size=5))
    axes = np.eye(8, dtype=np.float32)
    axes[3:] = -axes[3:]
    add_embeddings(demo, axes[:6], ids=range(41, 47))
    return demo


def label_of(con: apsw.Connection, embedding_id: int) -> int:
    label: int = con.execute("SELECT label FROM EmbeddingCluster WHERE embedding_id = ?", (embedding_id,)).get
    return label


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    fit_options=st.fixed_dictionaries(
        {"min_samples": st.sampled_from([1, 3, 6])},
        optional={
            "metric": st.sampled_from(["euclidean", "cosine"]),
            "normalize": st.booleans(),
            "alpha": st.sampled_from([0.6, 1.5]),
        },
    ),
    cut_options=st.fixed_dictionaries(
        {"min_cluster_size": st.sampled_from([2, 4, 9])},
        optional={
            "cluster_selection_epsilon": st.sampled_from([0.1, 1.0]),
            "cluster_selection_method": st.sampled_from(["eom", "leaf"]),
            "cluster_selection_persistence": st.sampled_from([0.3]),
            "max_cluster_size": st.sampled_from([10]),
            "allow_single_cluster": st.booleans(),
        },
    ),
)
def test_members_are_predicted_what_is_stored(fit_options: dict[str, Any], cut_options: dict[str, Any]) -> None:
    con = sqlclust.connect(":memory:")
    sqlclust.initialize(con)
    vectors = clustered(70, clusters=4, noise=25, dimension=32)
    vectors[:20] += np.random.default_rng(2).normal(size=(20, 32)).astype(np.float32) * 0.2
    add_embeddings(con, np.vstack([vectors, vectors[::3]]), ids=[f"id {i}" for i in range(94)])
    fit(database_of(con), "demo", HdbscanOptions(min_cluster_size=5, **fit_options))
    result_id = cut(database_of(con), 1, cut_options)
    assert con.execute(MEMBERS, (result_id,)).fetchall() == con.execute(STORED, (result_id,)).fetchall()
    con.close()


def test_new_embeddings(result: apsw.Connection) -> None:
    rows = result.execute(OTHERS).fetchall()
    assert [i for i, _, _ in rows] == [41, 42, 43, 44, 45, 46]
    expected = [*(label_of(result, i) for i in (1, 2, 3)), -1, -1, -1]
    assert [label for _, label, _ in rows] == expected
    strength: list[Any] = [probability for _, _, probability in rows]
    assert all(0 < p <= 1 for p in strength[:3])
    assert strength[3:] == [0.0, 0.0, 0.0]


def test_the_neighbor_is_a_member_of_the_cluster(result: apsw.Connection) -> None:
    sql = """
    SELECT count(*) FROM (SELECT id, label, neighbor_id, distance
                          FROM clust_predict(1, (SELECT clust_points(id, vector) FROM Embedding WHERE id > 40))) p
    JOIN EmbeddingCluster ec ON ec.embedding_id = p.neighbor_id AND ec.clustering_result_id = 1
    JOIN Embedding a ON a.id = p.id JOIN Embedding b ON b.id = p.neighbor_id
    WHERE ec.label = p.label AND abs(distance - clust_distance(clust_normalize(a.vector), clust_normalize(b.vector))) < 1e-6
    """
    assert result.execute(sql).get >= 3


def test_no_points(result: apsw.Connection) -> None:
    assert (
        result.execute(
            "SELECT * FROM clust_predict(1, (SELECT clust_points(id, vector) FROM Embedding WHERE 0))"
        ).fetchall()
        == []
    )


def test_predictions_inside_a_transaction(result: apsw.Connection) -> None:
    with result:
        result.execute(
            "INSERT INTO EmbeddingPrediction (clustering_result_id, embedding_id, label, probability) "
            f"SELECT 1, * FROM ({OTHERS})"
        )
    assert result.execute(PREDICTED, (1,)).fetchall() == result.execute(OTHERS).fetchall()


# --- stored predictions --------------------------------------------------------------------------------------------


def stored_predictions(con: apsw.Connection) -> None:
    recovered = prediction.recover(database_of(con), 1)
    points = prediction.others(database_of(con), recovered)
    prediction.store(database_of(con), recovered, points, prediction.predict(database_of(con), recovered, points))


def test_storing_again_and_deleting(result: apsw.Connection) -> None:
    before = result.execute("SELECT * FROM ClusteringSummary").fetchall(), result.execute(STORED, (1,)).fetchall()
    stored_predictions(result)
    assert result.execute(PREDICTED, (1,)).fetchall() == result.execute(OTHERS).fetchall()
    result.execute("UPDATE EmbeddingPrediction SET label = -1, predicted_at = ''")
    stored_predictions(result)
    assert result.execute(PREDICTED, (1,)).fetchall() == result.execute(OTHERS).fetchall()
    assert result.execute("SELECT min(predicted_at) > '2020' FROM EmbeddingPrediction").get
    assert (
        result.execute("SELECT * FROM ClusteringSummary").fetchall(),
        result.execute(STORED, (1,)).fetchall(),
    ) == before
    result.execute("DELETE FROM Embedding WHERE id = 41")
    assert result.execute("SELECT count(*) FROM EmbeddingPrediction").get == 5
    delete_result(database_of(result), 1)
    assert result.execute("SELECT count(*) FROM EmbeddingPrediction").get == 0


@pytest.mark.parametrize("foreign_keys", [True, False])
def test_predictions_go_with_their_result(result: apsw.Connection, foreign_keys: bool) -> None:
    stored_predictions(result)
    result.pragma("foreign_keys", foreign_keys)
    if foreign_keys:
        result.execute("DELETE FROM ClusteringResult WHERE id = 1")
    else:
        delete_result(database_of(result), 1)
    assert result.execute("SELECT count(*) FROM EmbeddingPrediction").get == 0


# --- what it refuses -------------------------------------------------------------------------------------------------


def predicted(con: apsw.Connection, result_id: Any = 1, where: str = "id > 40") -> list[Any]:
    sql = f"SELECT * FROM clust_predict(?, (SELECT clust_points(id, vector) FROM Embedding WHERE {where}))"
    return con.execute(sql, (result_id,)).fetchall()


def test_unknown_results(result: apsw.Connection) -> None:
    with pytest.raises(UnknownResultError, match=r"^no clustering result 7; ids here: 1$"):
        predicted(result, 7)
    with pytest.raises(SqlclustError, match=r"^clust_predict: clustering_result_id is TEXT, expected an INTEGER, see"):
        predicted(result, "1")
    with pytest.raises(HandleLostError):
        result.execute("SELECT * FROM clust_predict(1, NULL)").fetchall()


def test_results_without_a_fit(result: apsw.Connection) -> None:
    fit(database_of(result), "demo", HdbscanOptions(min_cluster_size=5, min_samples=2), store_fit=False)
    with pytest.raises(FitNotStoredError):
        predicted(result, 2)
    result.execute("DELETE FROM ClusteringFit WHERE id = 1")
    with pytest.raises(
        ResultWithoutFitError, match=r"^clustering result 1 has no stored fit \(it was written by INSERT"
    ):
        predicted(result)


def test_points_that_do_not_fit(result: apsw.Connection) -> None:
    add = "INSERT INTO Embedding (id, embedding_model, vector) VALUES (?, 'demo', ?)"
    result.execute(add, (99, blob(1, 2)))
    with pytest.raises(DimensionMismatchError, match=r"^embedding 99 has 2 dimensions, expected 8$"):
        predicted(result, where="id = 99")
    result.execute(add, ("zero", bytes(32)))
    with pytest.raises(ZeroVectorError, match="'zero'"):
        predicted(result, where="id = 'zero'")


def test_members_that_changed(result: apsw.Connection) -> None:
    result.execute("UPDATE Embedding SET vector = zeroblob(32) WHERE id = 5")
    with pytest.raises(MembersChangedError, match="embedding 5 has another vector"):
        predicted(result)


def test_results_that_changed(result: apsw.Connection) -> None:
    parameters = json.loads(result.execute("SELECT parameters FROM ClusteringResult").get)
    edit = "UPDATE ClusteringResult SET parameters = ?"
    for wrong in ({**parameters, "min_cluster_size": 30}, {**parameters, "min_cluster_size": "x"}):
        result.execute(edit, (json.dumps(wrong),))
        with pytest.raises(ResultChangedError, match="clustering result 1 is not what its fit and its parameters give"):
            predicted(result)
    result.execute(edit, (json.dumps(parameters),))
    assert len(predicted(result)) == 6
    result.execute("UPDATE EmbeddingCluster SET label = -1 WHERE embedding_id = 10")
    with pytest.raises(ResultChangedError, match="1 row differs, such as that of embedding 10"):
        predicted(result)
