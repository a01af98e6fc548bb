"""The option `like` where there is no such result, or one that no other can be like: a clear error, and nothing is written."""

from __future__ import annotations

import json
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.errors import NoLabelsLeftError, ResultDamagedError, ResultOfAnotherModelError, UnknownResultError
from sqlclust.options import MAX_INTEGER
from tests.small import add_embeddings, clustered
from tests.store.left import TABLES, labels_of


def damage(con: apsw.Connection, result_id: int, **values: Any) -> None:
    """Other parameters of a result, as somebody writes them."""
    con.execute(
        "UPDATE ClusteringResult SET parameters = json_patch(parameters, ?) WHERE id = ?",
        (json.dumps(values), result_id),
    )


USES = {
    "fit": "SELECT clust_fit('demo', :options)",
    "cut": "SELECT clust_cut(1, :options)",
    "labels": "SELECT * FROM clust_labels(1, :options)",
    "tree": "SELECT * FROM clust_condensed_tree(1, :options)",
}


def refused(con: apsw.Connection, error: type[Exception], use: str, **options: Any) -> str:
    before = [con.execute(f"SELECT count(*) FROM {table}").get for table in TABLES]
    text = json.dumps({"min_cluster_size": 5, **options})
    with pytest.raises(error) as caught:
        con.execute(USES[use], {"options": text}).fetchall()
    assert [con.execute(f"SELECT count(*) FROM {table}").get for table in TABLES] == before
    return str(caught.value)


@pytest.mark.parametrize("use", USES)
def test_no_such_result(demo: apsw.Connection, use: str) -> None:
    sqlclust.fit(demo, "demo", min_cluster_size=5)
    assert refused(demo, UnknownResultError, use, like=7) == "no clustering result 7; ids here: 1"


@pytest.mark.parametrize("use", USES)
def test_a_result_of_another_model(demo: apsw.Connection, use: str) -> None:
    sqlclust.fit(demo, "demo", min_cluster_size=5)
    add_embeddings(demo, clustered(), model="other", ids=range(101, 141))
    sqlclust.fit(demo, "other", min_cluster_size=5)
    assert refused(demo, ResultOfAnotherModelError, use, like=2) == (
        "clustering result 2 is of 'other', expected one of 'demo', whose clusters can be like its own"
    )


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"like": 1}, "its next_label is missing, expected a whole number of at least 3"),
        ({"next_label": 3}, "its like is missing, expected a whole number of at least 1"),
        ({"like": "1", "next_label": 3}, "its like is '1', expected a whole number of at least 1"),
        ({"like": 0, "next_label": 3}, "its like is 0, expected a whole number of at least 1"),
        ({"like": True, "next_label": 3}, "its like is True, expected a whole number of at least 1"),
        ({"like": 1, "next_label": 2}, "its next_label is 2, expected a whole number of at least 3"),
        ({"like": 1, "next_label": -1}, "its next_label is -1, expected a whole number of at least 3"),
        ({"like": 1, "next_label": 3.0}, "its next_label is 3.0, expected a whole number of at least 3"),
        ({"like": 1, "next_label": [3]}, "its next_label is [3], expected a whole number of at least 3"),
        ({"like": 1, "next_label": {"3": 3}}, "its next_label is {'3': 3}, expected a whole number of at least 3"),
    ],
)
def test_a_result_that_does_not_say_which_labels_are_free(
    demo: apsw.Connection, values: dict[str, Any], reason: str
) -> None:
    sqlclust.fit(demo, "demo", min_cluster_size=5)
    damage(demo, 1, **values)
    for use in USES:
        message = refused(demo, ResultDamagedError, use, like=1)
        assert message == f"clustering result 1 is damaged: {reason}. Delete it and fit again"
    assert demo.execute("SELECT finding, id FROM clust_doctor() WHERE severity = 'error'").fetchall() == [
        ("wrong-next-label", 1)
    ]
    for sql in (
        "SELECT * FROM clust_nearest(1)",
        "SELECT * FROM clust_staleness(1)",
        "SELECT * FROM clust_lineage(1, 1)",
    ):
        assert demo.execute(sql).fetchall()


@pytest.mark.parametrize("use", USES)
def test_no_labels_are_left(demo: apsw.Connection, use: str) -> None:
    sqlclust.fit(demo, "demo", min_cluster_size=5, where="id % 3 <> 1 OR id > 36")
    demo.execute("SELECT clust_fit('demo', '{\"min_cluster_size\": 5}')").fetchall()
    assert len(labels_of(demo, 1)) == 2
    damage(demo, 1, like=1, next_label=MAX_INTEGER)
    fit_id = 2
    demo.execute("UPDATE ClusteringResult SET clustering_fit_id = 2")
    uses = {name: sql.replace("(1,", f"({fit_id},") for name, sql in USES.items()}
    found: list[Any] = demo.execute(uses[use], {"options": json.dumps({"min_cluster_size": 5, "like": 1})}).fetchall()
    assert use not in ("fit", "cut") or labels_of(demo, found[0][0]) == {0, 1, MAX_INTEGER}
    damage(demo, 1, next_label=MAX_INTEGER + 1)
    with pytest.raises(NoLabelsLeftError) as caught:
        demo.execute(uses[use], {"options": json.dumps({"min_cluster_size": 5, "like": 1})}).fetchall()
    assert str(caught.value) == (
        "1 new cluster needs a label from 2147483648 on, since clustering result 1 and those before it have used the others, and "
        "2147483647 is the largest; number them anew, without the option 'like'"
    )
    damage(demo, 1, next_label=10**30)
    with pytest.raises(NoLabelsLeftError):
        demo.execute(uses[use], {"options": json.dumps({"min_cluster_size": 5, "like": 1})}).fetchall()
