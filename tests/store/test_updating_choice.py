"""Which stored fit is brought up to date, what is said of it, and when there is none."""

from __future__ import annotations

import logging
import re
from typing import Any

import apsw
import numpy as np
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import FitDamagedError, OptionError, UpdateError
from sqlclust.options import FitOptions
from sqlclust.store.fit import fit
from sqlclust.store.results.listing import delete_result
from tests.small import add_embeddings, blob, clustered
from tests.store.left import result_rows
from tests.store.test_updating import assert_as_anew, made_from

OPTIONS: dict[str, Any] = {"min_cluster_size": 5, "min_samples": 3}


@pytest.fixture
def fitted(demo: apsw.Connection) -> apsw.Connection:
    """40 embeddings with a fit."""
    sqlclust.fit(demo, "demo", **OPTIONS)
    return demo


def add(con: apsw.Connection, n: int = 2, seed: int = 1) -> None:
    ids = con.execute("SELECT max(id) FROM Embedding").get
    add_embeddings(con, clustered(n + 4, seed=seed)[:n], ids=range(ids + 1, ids + 1 + n))


def said(con: apsw.Connection, **options: Any) -> str | None:
    """What a fit tells people of stored fits."""
    told: list[str] = []
    where = options.pop("where", None)
    store_neighbors = options.pop("store_neighbors", True)
    fit(
        database_of(con),
        "demo",
        FitOptions(**{**OPTIONS, **options}),
        where=where,
        store_neighbors=store_neighbors,
        tell=told.append,
    )
    assert len(told) <= 1
    return told[0] if told else None


def test_what_was_done_is_said_and_kept(fitted: apsw.Connection, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sqlclust")
    assert said(fitted) == "stored fit 1 was reused: same embeddings and settings"
    add(fitted, 5)
    fitted.execute("UPDATE Embedding SET vector = ? WHERE id = 7", (blob(*range(8)),))
    assert said(fitted) == "fit 2 from fit 1: 5 new, 0 gone, 1 changed"
    assert made_from(fitted, 3) == (1, [5, 0, 1])
    assert said(fitted, min_samples=2) == "fit 3 from fit 2: the same embeddings, another min_samples"
    assert made_from(fitted, 4) == (2, [0, 0, 0])
    assert said(fitted, where="id <> 3") == "fit 4 from fit 2: 0 new, 1 gone, 0 changed"
    assert said(fitted, seed=5) == "fit 5 from fit 2: the same embeddings, another seed"
    assert "demo: fit 4 from fit 2: 0 new, 1 gone, 0 changed" in caplog.messages


def test_never_uses_no_stored_fit(fitted: apsw.Connection) -> None:
    assert said(fitted, update="never") is None
    assert made_from(fitted, 2) == (None, None)
    assert fitted.execute("SELECT max(id) FROM ClusteringFit").get == 2


def test_a_first_fit_has_nothing_to_say(demo: apsw.Connection) -> None:
    with pytest.raises(UpdateError, match="there is no stored fit of these settings and this selection") as caught:
        said(demo, update="only")
    assert caught.value.clustering_fit_id is None
    assert said(demo) is None


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "another engine": ({"engine": "approximate"}, {}, "its engine is approximate, and not exact"),
    "another metric": ({"metric": "cosine"}, {}, "its metric is cosine, and not euclidean"),
    "no neighbours": ({"store_neighbors": False}, {}, "it was stored without its neighbours"),
    "a large alpha": ({"alpha": 2.0}, {"alpha": 2.0}, "alpha is 2.0, and an update needs one of at most 1"),
    "too few": ({"min_samples": 39}, {"min_samples": 41}, "40 rows were in the fit, and an update needs more than"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_why_a_fit_is_not_made_from_the_one_before(demo: apsw.Connection, name: str) -> None:
    before, now, reason = REFUSED[name]
    said(demo, **before)
    add(demo)
    with pytest.raises(UpdateError, match=reason) as caught:
        said(demo, **now, update="only")
    assert caught.value.clustering_fit_id == 1
    assert demo.execute("SELECT count(*) FROM ClusteringResult").get == 1
    assert str(said(demo, **now)).startswith(f"a new fit, not made from fit 1: {reason}")
    assert made_from(demo, 2) == (None, None)


def test_a_new_fit_where_that_is_quicker(demo: apsw.Connection) -> None:
    add_embeddings(demo, np.random.default_rng(1).normal(size=(1500, 8)).astype(np.float32), ids=range(100, 1600))
    said(demo, where="id < 150")
    assert said(demo) == "a new fit, not made from fit 1: 1,450 vectors differ from its 90, and a new fit is quicker"
    sqlclust.fit(demo, "demo", **OPTIONS, update="only", where="id > 1")
    assert said(demo, min_samples=30) == (
        "a new fit, not made from fit 2: it knows 8 neighbours of each vector, fewer than min_samples, 30"
    )


def test_of_several_fits_the_nearest_is_brought_up_to_date(fitted: apsw.Connection) -> None:
    add(fitted, 12)
    said(fitted, where="id % 2 = 0", update="never")
    assert said(fitted, where="id > 2") == "fit 3 from fit 1: 12 new, 2 gone, 0 changed"
    assert said(fitted, where="id % 2 = 0 AND id > 2") == "fit 4 from fit 2: 0 new, 1 gone, 0 changed"


def test_cuts_with_fewer_neighbours_do_not_hide_the_fit_that_they_were_made_from(demo: apsw.Connection) -> None:
    said(demo, min_samples=9)
    for min_samples in (1, 2, 3):
        demo.execute("SELECT clust_cut(1, ?)", (f'{{"min_samples": {min_samples}}}',)).fetchall()
    add(demo)
    assert said(demo, min_samples=9) == "fit 5 from fit 1: 2 new, 0 gone, 0 changed"


@pytest.mark.parametrize("update", ["auto", "only"])
def test_where_the_nearest_is_damaged_the_next_is_brought_up_to_date(fitted: apsw.Connection, update: str) -> None:
    said(fitted, where="id > 3", update="never")
    add(fitted)
    fitted.execute("UPDATE ClusteringFitNeighbors SET squared_distances = zeroblob(length(squared_distances)) "
                   "WHERE clustering_fit_id = 1")  # fmt: skip
    assert said(fitted, update=update) == "fit 3 from fit 2: 5 new, 0 gone, 0 changed"
    assert_as_anew(fitted, 3, **OPTIONS)


def test_downsampled_and_filtered_selections(fitted: apsw.Connection) -> None:
    for options in ({"downsample": 2}, {"downsample": 3, "where": "id > 5"}):
        sqlclust.fit(fitted, "demo", **OPTIONS, **options)
        add(fitted, 9, seed=len(options))
        fitted.execute("UPDATE Embedding SET vector = ? WHERE id = 9", (blob(*range(len(options), 8 + len(options))),))
        result = sqlclust.fit(fitted, "demo", **OPTIONS, **options, update="only")
        assert made_from(fitted, result)[0] is not None
        assert_as_anew(fitted, result, **OPTIONS, **options)


@pytest.mark.parametrize("keys", ["slug TEXT PRIMARY KEY", "slug INTEGER PRIMARY KEY", "slug PRIMARY KEY"])
def test_sources(keys: str) -> None:
    con = sqlclust.connect(":memory:")
    con.execute(f"CREATE TABLE note ({keys}, embedding BLOB)")
    rows = [(i, v.tobytes()) for i, v in enumerate(clustered(60))]
    con.executemany("INSERT INTO note VALUES (?, ?)", rows[:50])
    sqlclust.fit(con, "note", **OPTIONS)
    con.executemany("INSERT INTO note VALUES (?, ?)", rows[50:])
    con.execute("DELETE FROM note WHERE slug = 3; UPDATE note SET slug = 1003 WHERE slug = 4; "
                "UPDATE note SET embedding = (SELECT embedding FROM note WHERE slug = 6) WHERE slug = 5")  # fmt: skip
    result = sqlclust.fit(con, "note", **OPTIONS, update="only")
    assert made_from(con, result) == (1, [11, 2, 1])
    assert_as_anew(con, result, "note", **OPTIONS)
    assert con.execute("SELECT count(*) FROM note_clusters").get == 59


def test_an_approximate_fit_is_brought_up_to_date(demo: apsw.Connection) -> None:
    """On so few embeddings it misses nothing, so that the clusters are those of an exact fit. It measures itself again."""
    add_embeddings(demo, clustered(1000, noise=8, seed=5), ids=range(100, 1100))
    options = {**OPTIONS, "engine": "approximate"}
    assert said(demo, engine="approximate", where="id > 25") is None
    demo.execute("UPDATE Embedding SET vector = ? WHERE id = 107", (blob(*range(8)),))
    assert said(demo, engine="approximate", update="only") == (
        "fit 2 from fit 1: 25 new, 0 gone, 1 changed (approximate: labels depend on that fit too)"
    )
    measured = "SELECT engine, recall, timings ->> '$.measured.tree_confirmed' FROM ClusteringFit WHERE id = 2"
    assert demo.execute(measured).fetchall() == [("approximate", 1.0, 1.0)]
    exact = sqlclust.fit(demo, "demo", **OPTIONS, update="never")
    assert [row[:2] for row in result_rows(demo, 2)] == [row[:2] for row in result_rows(demo, exact)]
    with pytest.raises(UpdateError, match="an approximate fit is updated where these are at most 10%"):
        sqlclust.fit(demo, "demo", **options, update="only", where="id > 300")


DAMAGE = {
    "lists of other vectors": "UPDATE ClusteringFitNeighbors SET squared_distances = zeroblob(length(squared_distances))",
    "a part of another length": "UPDATE ClusteringFitNeighbors SET row_hashes = x'00'",
    "hashes of no row": "UPDATE ClusteringFitNeighbors SET row_hashes = zeroblob(length(row_hashes))",
    "a tree of nothing": "UPDATE ClusteringFit SET spanning_tree = zeroblob(length(spanning_tree))",
    "no tree of its vectors": "UPDATE ClusteringFit SET n_distinct = 39",
    "another scale": "UPDATE ClusteringFitNeighbors SET exponent = exponent + 1",
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_fit_is_no_reason_to_fail(fitted: apsw.Connection, name: str) -> None:
    fitted.execute("PRAGMA ignore_check_constraints = ON")
    fitted.execute(DAMAGE[name])
    add(fitted)
    with pytest.raises((FitDamagedError, UpdateError), match="fit 1"):
        said(fitted, update="only")
    assert str(said(fitted)).startswith("a new fit, not made from fit 1: ")
    assert_as_anew(fitted, 2, **OPTIONS)


def test_the_old_fit_stays_for_its_results_and_may_go(fitted: apsw.Connection) -> None:
    add(fitted)
    result = sqlclust.fit(fitted, "demo", **OPTIONS)
    assert made_from(fitted, result) == (1, [2, 0, 0])
    assert fitted.execute("SELECT count(*) FROM clust_labels(1)").get == 40
    delete_result(database_of(fitted), 1)
    assert made_from(fitted, result) == (None, [2, 0, 0])
    add(fitted, 3)
    assert said(fitted) == "fit 3 from fit 2: 3 new, 0 gone, 0 changed"


def test_a_fit_that_is_not_kept_is_updated_too(fitted: apsw.Connection) -> None:
    add(fitted)
    result = fit(database_of(fitted), "demo", FitOptions(**OPTIONS), store_fit=False)
    assert made_from(fitted, result) == (1, [2, 0, 0])
    assert fitted.execute("SELECT count(*) FROM ClusteringFitNeighbors WHERE clustering_fit_id = 2").get == 0
    result = fit(database_of(fitted), "demo", FitOptions(**OPTIONS), store_neighbors=False)
    assert made_from(fitted, result) == (1, [2, 0, 0])
    assert fitted.execute("SELECT count(*) FROM ClusteringFitNeighbors WHERE clustering_fit_id = 3").get == 0


def test_without_a_database_there_are_no_stored_fits(fitted: apsw.Connection) -> None:
    refused = re.compile("'update'.*stored fits")
    with pytest.raises(OptionError, match=refused):
        sqlclust.hdbscan(clustered(), update="auto")
    points = "(SELECT clust_points(id, vector) FROM Embedding)"
    with pytest.raises(OptionError, match=refused):
        fitted.execute(f"SELECT * FROM clust_hdbscan({points}, ?)", ('{"update": "auto"}',)).fetchall()


def test_fits_of_cuts_with_a_smaller_min_samples_do_not_stand_before_the_one_that_they_are_of(
    demo: apsw.Connection,
) -> None:
    """They know too few neighbours. Where much goes, a fit of fewer neighbours would be the quicker one to go on from."""
    options = {"min_samples": 14}
    add_embeddings(demo, clustered(1500, seed=5), ids=range(100, 1600))
    said(demo, **options)
    for min_samples in (2, 3, 4, 5):
        demo.execute("SELECT clust_cut(1, json_object('min_samples', ?))", (min_samples,)).fetchall()
    assert said(demo, **options, update="only", where="id > 180") == "fit 6 from fit 1: 0 new, 121 gone, 0 changed"
    add(demo)
    assert said(demo, **options) == "fit 7 from fit 1: 2 new, 0 gone, 0 changed"
