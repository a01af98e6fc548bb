from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.core.pipeline import Clustering
from sqlclust.core.runtime.control import Control
from sqlclust.errors import DatabaseFileError, LockedError, MembersGoneError, UnknownResultError
from sqlclust.sqlite.values import now
from sqlclust.store.embeddings.own_vectors import OwnVectors
from sqlclust.store.embeddings.points import points_of
from sqlclust.store.embeddings.snapshot import Snapshot
from sqlclust.store.fits.record import FitRecord
from sqlclust.store.fits.storing import NewFit
from sqlclust.store.results.listing import delete_result, list_results, resolve_result, show_result
from sqlclust.store.results.publishing import NewResult, publish
from tests.small import add_embeddings, clustered

TABLES = ("ClusteringFit", "ClusteringResult", "Cluster", "EmbeddingCluster")


def counts(con: apsw.Connection) -> list[int]:
    return [con.execute(f"SELECT count(*) FROM {table}").get for table in TABLES]


def by_hand(*, labels: list[int] | None = None, medoids: list[int] | None = None) -> Clustering:
    """A clustering of the four rows of `four`."""
    return Clustering(
        np.array(labels or [0, -1, 0, 1], dtype=np.int64),
        np.array([1.0, 0.0, 0.5, 1.0]),
        np.array([0.0, 0.75, 0.25, 0.0]),
        np.array(medoids or [2, 3], dtype=np.intp),
        np.array([2, 1], dtype=np.intp),
        np.array([0.5, 0.25]),
    )


RECORD = FitRecord(
    embedding_model="demo",
    selection={"where": None, "downsample": 1},
    metric="euclidean",
    normalize=True,
    min_samples=3,
    alpha=1.0,
    engine="exact",
    recall=1.0,
    seed=0,
    n=4,
    n_distinct=4,
    dimension=2,
    corpus_hash="ab" * 32,
    versions={"sqlclust": "0.1.0"},
    timings={"load": 0.25},
)
IDS: list[int | float | str | bytes] = ["b", 7, b"x", 0.5]


@pytest.fixture
def four(con: apsw.Connection) -> apsw.Connection:
    add_embeddings(con, np.ones((4, 2), dtype=np.float32), ids=IDS)
    return con


def published(con: apsw.Connection, clustering: Clustering | None = None, **more: Any) -> int:
    points = points_of(more.pop("ids", IDS), np.ones((4, 2), dtype=np.float32))
    origin = OwnVectors(database_of(con), "demo")
    return publish(
        database_of(con),
        NewResult(
            points, clustering or by_hand(), NewFit(RECORD), {"min_cluster_size": 2}, "2026-01-01T00:00:00.000Z", origin
        ),
        snapshot=Snapshot(database_of(con), points, origin, version=origin.data_version()),
        patience=more.pop("patience", 0.1),
        control=more.pop("control", Control()),
    ).result_id


# --- publishing ------------------------------------------------------------------------------------------------


def test_publish_writes_all_of_it(four: apsw.Connection) -> None:
    assert published(four) == 1
    assert four.execute("SELECT * FROM Cluster").fetchall() == [(1, 0, b"x", 2, 0.5), (1, 1, 0.5, 1, 0.25)]
    assert four.execute(
        "SELECT clustering_result_id, embedding_id, label, probability, outlier_score FROM EmbeddingCluster ORDER BY 2"
    ).fetchall() == [(1, 0.5, 1, 1.0, 0.0), (1, 7, -1, 0.0, 0.75), (1, "b", 0, 1.0, 0.0), (1, b"x", 0, 0.5, 0.25)]
    timings = json.loads(four.execute("SELECT timings FROM ClusteringFit").get)
    assert list(timings) == ["load", "publish"]
    assert timings["load"] == 0.25
    assert published(four) == 2
    assert counts(four)[1:] == [2, 4, 8]


def test_publishing_says_how_far_it_is(four: apsw.Connection) -> None:
    seen: list[tuple[str, float]] = []
    published(four, control=Control(lambda phase, fraction: seen.append((phase, fraction))))
    assert seen[0] == ("publish", 0.0)
    assert seen[-1] == ("publish", 1.0)


def test_a_medoid_that_is_no_member_is_refused(four: apsw.Connection) -> None:
    """The file guards itself, also against us."""
    with pytest.raises(apsw.ConstraintError):
        published(four, by_hand(medoids=[1, 3]))
    with pytest.raises(apsw.ConstraintError):
        published(four, by_hand(labels=[0, 5, 0, 0]))
    assert counts(four) == [0, 0, 0, 0]
    assert not four.in_transaction


@pytest.mark.parametrize("foreign_keys", [True, False])
def test_missing_members_are_refused(four: apsw.Connection, foreign_keys: bool) -> None:
    four.pragma("foreign_keys", foreign_keys)
    with pytest.raises(MembersGoneError) as caught:
        published(four, ids=["b", "gone", b"x", "gone too"])
    assert (caught.value.embedding_id, caught.value.missing) == ("gone", 2)
    assert counts(four) == [0, 0, 0, 0]


def test_a_repeated_id_is_refused(four: apsw.Connection) -> None:
    with pytest.raises(apsw.ConstraintError, match="UNIQUE"):
        published(four, ids=["b", 7, 7, 0.5])
    assert counts(four) == [0, 0, 0, 0]


def test_inside_a_transaction(four: apsw.Connection) -> None:
    four.execute("BEGIN; INSERT INTO Run (id) VALUES (1)")
    with pytest.raises(apsw.SQLError, match="within a transaction"):
        published(four)
    assert four.in_transaction
    four.execute("COMMIT")
    assert four.execute("SELECT id FROM Run").get == 1


def test_now() -> None:
    from datetime import UTC, datetime, timedelta

    before = datetime.now(UTC)
    stamp = now()
    assert stamp.endswith("Z")
    assert len(stamp) == len("2026-01-01T00:00:00.000Z")
    assert before - timedelta(milliseconds=1) <= datetime.fromisoformat(stamp) <= datetime.now(UTC)


# --- reading ---------------------------------------------------------------------------------------------------


@pytest.fixture
def three(demo: apsw.Connection) -> apsw.Connection:
    """Three results of two models."""
    add_embeddings(demo, clustered(30, clusters=2, seed=3), model="other", ids=[f"o{i:02}" for i in range(30)])
    demo.execute("UPDATE Embedding SET content = 'text of ' || id")
    sqlclust.fit(demo, "demo")
    sqlclust.fit(demo, "other", min_cluster_size=4, where="id < 'o26'")
    sqlclust.fit(demo, "demo", cluster_selection_method="leaf", min_samples=2)
    return demo


def test_list(three: apsw.Connection) -> None:
    results = list_results(database_of(three))
    columns = ("id", "embedding_model", "algorithm", "n_rows", "n_clusters", "n_noise", "engine", "recall")
    assert [tuple(result[name] for name in columns) for result in results] == [
        (1, "demo", "hdbscan", 40, 3, 4, "exact", 1.0),
        (2, "other", "hdbscan", 26, 2, 0, "exact", 1.0),
        (3, "demo", "hdbscan", 40, 3, 4, "exact", 1.0),
    ]
    assert [result["noise_share"] for result in results] == pytest.approx([0.1, 0.0, 0.1])
    assert [result["id"] for result in list_results(database_of(three), "demo")] == [1, 3]
    assert list_results(database_of(three), "unknown") == []


def test_list_of_nothing(con: apsw.Connection) -> None:
    assert list_results(database_of(con)) == []


def test_show(three: apsw.Connection) -> None:
    shown = show_result(database_of(three), 2)
    assert (shown["id"], shown["embedding_model"], shown["n_rows"]) == (2, "other", 26)
    assert shown["parameters"]["min_cluster_size"] == 4
    assert shown["parameters"]["where"] == "id < 'o26'"
    assert shown["fit"]["n"] == 26
    assert shown["fit"]["selection"] == {"where": "id < 'o26'", "downsample": 1}
    assert shown["fit"]["versions"]["sqlclust"] == sqlclust.__version__
    assert set(shown["fit"]["timings"]) >= {"load", "neighbors", "publish"}
    assert [(cluster["size"], cluster["share"]) for cluster in shown["clusters"]] == [(13, 0.5), (13, 0.5)]
    assert {cluster["medoid_text"] for cluster in shown["clusters"]} == {
        f"text of {cluster['medoid_embedding_id']}" for cluster in shown["clusters"]
    }
    json.dumps({**shown, "clusters": []})  # plain values all through


def test_clusters_come_largest_first(four: apsw.Connection) -> None:
    published(four)
    assert [(c["label"], c["size"]) for c in show_result(database_of(four), 1)["clusters"]] == [(0, 2), (1, 1)]


def test_a_result_written_by_hand_has_no_fit(con: apsw.Connection) -> None:
    con.execute("INSERT INTO ClusteringResult (embedding_model, parameters) VALUES ('by hand', '{}')")
    shown = show_result(database_of(con), 1)
    assert (shown["fit"], shown["clusters"], shown["n_rows"], shown["noise_share"]) == (None, [], 0, None)
    assert delete_result(database_of(con), 1) == 0


def test_which_result(three: apsw.Connection) -> None:
    assert resolve_result(database_of(three), "latest") == 3
    assert resolve_result(database_of(three), 2) == 2
    assert resolve_result(database_of(three), "2") == 2
    for which in (4, 0, -1, "4", "first", "", "2.0", "latest ", 2**70):
        with pytest.raises(UnknownResultError) as caught:
            resolve_result(database_of(three), which)
        assert str(caught.value) == f"no clustering result {which!r}; ids here: 1, 2, 3"
        assert caught.value.known == (1, 2, 3)


def test_no_results_yet(con: apsw.Connection) -> None:
    with pytest.raises(UnknownResultError, match=r"^no clustering result 'latest'; there are no results yet$"):
        resolve_result(database_of(con), "latest")
    with pytest.raises(UnknownResultError):
        show_result(database_of(con), 1)
    with pytest.raises(UnknownResultError):
        delete_result(database_of(con), 1)
    assert not con.in_transaction


# --- deleting --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("foreign_keys", [True, False])
def test_delete_takes_all_of_one_result(three: apsw.Connection, foreign_keys: bool) -> None:
    """Also on a host's connection that does not enforce foreign keys and so does not cascade."""
    three.pragma("foreign_keys", foreign_keys)
    assert counts(three) == [3, 3, 8, 106]
    assert delete_result(database_of(three), 1) == 40
    assert counts(three) == [2, 2, 5, 66]
    assert [result["id"] for result in list_results(database_of(three))] == [2, 3]
    assert three.execute("SELECT count(*) FROM Embedding").get == 70
    assert three.execute("SELECT count(*) FROM pragma_foreign_key_check").get == 0
    assert delete_result(database_of(three), 3) == 40
    assert delete_result(database_of(three), 2) == 26
    assert counts(three) == [0, 0, 0, 0]
    three.execute("DELETE FROM Embedding")  # nothing holds them any more


@pytest.mark.parametrize("foreign_keys", [True, False])
def test_a_fit_goes_with_its_last_result(three: apsw.Connection, foreign_keys: bool) -> None:
    three.pragma("foreign_keys", foreign_keys)
    # results 4 and 5 are of the fit of result 1, cut again
    for size in (4, 6):
        sqlclust.fit(three, "demo", min_cluster_size=size, min_samples=5)
    fits: dict[Any, Any] = {r[0]: r[1] for r in three.execute("SELECT id, clustering_fit_id FROM ClusteringResult")}
    assert fits[1] == fits[4] == fits[5]
    for which, left in ((1, 3), (5, 3), (4, 2)):
        delete_result(database_of(three), which)
        assert counts(three)[0] == left


def test_a_new_result_does_not_take_the_id_of_a_deleted_one_in_use(three: apsw.Connection) -> None:
    delete_result(database_of(three), 1)
    assert sqlclust.fit(three, "demo") == 4


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[apsw.Connection]:
    """A file with a result; another connection is writing to it."""
    path = str(tmp_path / "locked.db")
    con, other = sqlclust.connect(path), sqlclust.connect(path)
    sqlclust.initialize(con)
    add_embeddings(con, np.ones((4, 2), dtype=np.float32), ids=IDS)
    published(con)
    con.set_busy_timeout(0)
    other.execute("BEGIN IMMEDIATE")
    yield con
    other.close()
    con.close()


def test_delete_while_another_writes(locked: apsw.Connection) -> None:
    with pytest.raises(LockedError, match="deleting was given up and nothing was written") as caught:
        delete_result(database_of(locked), 1, patience=0.2)
    assert caught.value.waited >= 0.2
    assert counts(locked) == [1, 1, 2, 4]
    assert not locked.in_transaction


def test_publish_while_another_writes(locked: apsw.Connection) -> None:
    with pytest.raises(LockedError, match="publishing was given up and nothing was written"):
        published(locked, patience=0.2)
    assert counts(locked) == [1, 1, 2, 4]
    assert [result["id"] for result in list_results(database_of(locked))] == [1]  # reading goes on


def test_delete_from_a_read_only_file(demo_file: Path) -> None:
    con = sqlclust.connect(str(demo_file))
    sqlclust.fit(con, "demo")
    con.close()
    readonly = sqlclust.connect(str(demo_file), readonly=True)
    with pytest.raises(DatabaseFileError, match="cannot write to it: deleting needs a connection that may write"):
        delete_result(database_of(readonly), 1)
    assert counts(readonly) == [1, 1, 3, 40]
    readonly.close()
