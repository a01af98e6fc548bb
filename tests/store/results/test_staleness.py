"""What changed since a result was made: clust_staleness, sqlclust.staleness and the view ClusteringFreshness."""

from __future__ import annotations

from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.errors import ArgumentError, FilterError, FitDamagedError, OptionError, UnknownResultError
from tests.small import blob

FRESH = "SELECT n_embeddings, n_rows, n_unassigned, n_new FROM ClusteringFreshness WHERE clustering_result_id = ?"
LATER = [blob(*([0.5] * 8)), blob(*([0.25] * 8))]


@pytest.fixture
def fitted(demo: apsw.Connection) -> apsw.Connection:
    """40 embeddings of model 'demo' and result 1 of all of them."""
    assert sqlclust.fit(demo, "demo", min_cluster_size=5) == 1
    return demo


def in_sql(con: apsw.Connection, result_id: int = 1) -> dict[str, Any]:
    cursor = con.execute("SELECT * FROM clust_staleness(?)", (result_id,))
    names = [name for name, _ in cursor.get_description()]
    [row] = cursor.fetchall()
    found = dict(zip(names, row, strict=True))
    by_python = sqlclust.staleness(con, result_id)._asdict()
    assert by_python.pop("clustering_result_id") == result_id
    assert by_python == found
    return {name: value for name, value in found.items() if name not in ("embedding_model", "n_rows")}


def nothing(**other: Any) -> dict[str, Any]:
    names = ("n_new", "n_missing", "n_changed", "is_stale")
    return {**dict.fromkeys(names, 0), **dict.fromkeys(("new_id", "missing_id", "changed_id", "remark")), **other}


def add(con: apsw.Connection, *ids: Any, model: str = "demo") -> None:
    sql = "INSERT INTO Embedding (id, embedding_model, vector) VALUES (?, ?, ?)"
    con.executemany(sql, [(i, model, LATER[n % 2]) for n, i in enumerate(ids)])


def test_fresh(fitted: apsw.Connection) -> None:
    assert in_sql(fitted) == nothing()
    assert fitted.execute("SELECT embedding_model, n_rows FROM clust_staleness(1)").get == ("demo", 40)
    assert fitted.execute(FRESH, (1,)).get == (40, 40, 0, 0)


def test_new_ones(fitted: apsw.Connection) -> None:
    add(fitted, "b", "a", 1000)
    add(fitted, "other", model="other")
    assert in_sql(fitted) == nothing(n_new=3, new_id=1000, is_stale=1)
    assert fitted.execute(FRESH, (1,)).get == (43, 40, 3, 3)


def test_changed_ones(fitted: apsw.Connection) -> None:
    fitted.execute("UPDATE Embedding SET vector = ? WHERE id IN (7, 12)", (LATER[0],))
    fitted.execute("UPDATE Embedding SET vector = vector, content = 'another' WHERE id = 3")
    assert in_sql(fitted) == nothing(n_changed=2, changed_id=7, is_stale=1)


def test_missing_ones(fitted: apsw.Connection) -> None:
    fitted.execute("PRAGMA foreign_keys = OFF; DELETE FROM Embedding WHERE id IN (9, 30); PRAGMA foreign_keys = ON")
    fitted.execute("UPDATE Embedding SET embedding_model = 'another' WHERE id = 31")
    assert in_sql(fitted) == nothing(n_missing=3, missing_id=9, is_stale=1)
    fitted.execute("PRAGMA foreign_keys = OFF; DELETE FROM Embedding; PRAGMA foreign_keys = ON")
    assert in_sql(fitted) == nothing(n_missing=40, missing_id=1, is_stale=1)


def test_a_cut_is_of_the_embeddings_of_its_fit(fitted: apsw.Connection) -> None:
    add(fitted, "between")
    assert fitted.execute("SELECT clust_cut(1, '{\"min_cluster_size\": 6}')").get == 2
    for result in (1, 2):
        assert in_sql(fitted, result) == nothing(n_new=1, new_id="between", is_stale=1)
        assert fitted.execute(FRESH, (result,)).get == (41, 40, 1, 1)


def test_downsampling_is_made_again(demo: apsw.Connection) -> None:
    sqlclust.fit(demo, "demo", min_cluster_size=5, downsample=2)
    assert in_sql(demo) == nothing()
    assert demo.execute(FRESH, (1,)).get == (40, 20, 20, 0)  # left out on purpose
    add(demo, 41)  # the 41st by rank is selected, the 42nd is not
    add(demo, 42)
    assert in_sql(demo) == nothing(n_new=1, new_id=41, is_stale=1)
    assert demo.execute(FRESH, (1,)).get == (42, 20, 22, 2)
    demo.execute("INSERT INTO Embedding (id, embedding_model, vector) VALUES (0, 'demo', ?)", (LATER[0],))
    assert in_sql(demo) == nothing(n_new=22, new_id=0, n_missing=20, missing_id=1, is_stale=1)  # all ranks move


# --- a where filter is text in the file ---------------------------------------------------------------------------


def test_where_is_run_only_when_asked(demo: apsw.Connection) -> None:
    sqlclust.fit(demo, "demo", min_cluster_size=5, where="id > 4")
    add(demo, 50, -50)
    remark = (
        "the where filter of the selection is text in the file and was not run: "
        "sqlclust.staleness(connection, id, run_where=True) runs it"
    )
    assert in_sql(demo) == nothing(n_new=None, is_stale=None, remark=remark)
    found = sqlclust.staleness(demo, 1, run_where=True)
    assert (found.n_new, found.new_id, found.n_missing, found.is_stale, found.remark) == (1, 50, 0, True, None)
    demo.execute("UPDATE Embedding SET vector = ? WHERE id = 7", (LATER[0],))
    assert in_sql(demo) == nothing(n_new=None, n_changed=1, changed_id=7, is_stale=1, remark=remark)


def test_where_from_a_file_runs_no_function_unasked(demo: apsw.Connection) -> None:
    called: list[object] = []

    def side_effect(*arguments: object) -> int:
        called.append(arguments)
        return 1

    demo.create_scalar_function("side_effect", side_effect, 0)
    sqlclust.fit(demo, "demo", min_cluster_size=5)
    demo.execute("UPDATE ClusteringResult SET parameters = json_set(parameters, '$.where', 'side_effect()')")
    demo.execute("UPDATE ClusteringFit SET selection = json_set(selection, '$.where', 'side_effect()')")
    assert in_sql(demo)["n_new"] is None
    assert called == []


@pytest.mark.parametrize(
    "where", ["1) OR (1", "1; DELETE FROM Embedding", "no_such_column = 1", "1 RETURNING 1", 7], ids=str
)
def test_where_that_is_no_condition(demo: apsw.Connection, where: object) -> None:
    sqlclust.fit(demo, "demo", min_cluster_size=5)
    demo.execute("UPDATE ClusteringResult SET parameters = json_set(parameters, '$.where', ?)", (where,))
    with pytest.raises(FilterError):
        sqlclust.staleness(demo, 1, run_where=True)
    assert demo.execute("SELECT count(*) FROM Embedding").get == 40


def test_where_with_parameters(demo: apsw.Connection) -> None:
    sqlclust.fit(
        demo, "demo", min_cluster_size=5, where="id > :least AND id < :most", parameters={"least": 4, "most": 99}
    )
    for given in (None, {"least": 4}):
        with pytest.raises(FilterError) as caught:
            sqlclust.staleness(demo, 1, run_where=True, parameters=given)
        assert str(caught.value) == (
            "where 'id > :least AND id < :most': its placeholders' values are not stored with it; give all of them as "
            f"parameters (found: {'least' if given else 'none'}); expected one SQL condition on columns of Embedding"
        )
    add(demo, 50, 500)
    found = sqlclust.staleness(demo, 1, run_where=True, parameters={"least": 4, "most": 99})
    assert (found.n_new, found.new_id, found.is_stale) == (1, 50, True)


# --- what is not known --------------------------------------------------------------------------------------------


def test_without_a_fit(fitted: apsw.Connection) -> None:
    fitted.execute("UPDATE ClusteringResult SET clustering_fit_id = NULL")
    remark = "the result has no fit, so nobody knows what it was selected by, or its vectors as they were"
    assert in_sql(fitted) == nothing(n_new=None, n_changed=None, is_stale=None, remark=remark)


def test_without_the_stored_fit(fitted: apsw.Connection) -> None:
    fitted.execute(
        "UPDATE ClusteringFit SET row_ids = NULL, row_checks = NULL, core_distances = NULL, spanning_tree = NULL"
    )
    remark = "the fit was not stored (--no-store-fit), so its vectors as they were are not known"
    assert in_sql(fitted) == nothing(n_changed=None, is_stale=None, remark=remark)
    add(fitted, 50)
    assert in_sql(fitted) == nothing(n_new=1, new_id=50, n_changed=None, is_stale=1, remark=remark)


def test_damage(fitted: apsw.Connection) -> None:
    with pytest.raises(UnknownResultError, match="no clustering result 9; ids here: 1"):
        fitted.execute("SELECT * FROM clust_staleness(9)").fetchall()
    with pytest.raises(ArgumentError, match="clustering_result_id is TEXT, expected an INTEGER"):
        fitted.execute("SELECT * FROM clust_staleness('1')").fetchall()
    fitted.execute("UPDATE ClusteringResult SET parameters = json_set(parameters, '$.downsample', -1)")
    with pytest.raises(OptionError, match="downsample"):
        fitted.execute("SELECT * FROM clust_staleness(1)").fetchall()
    fitted.execute("UPDATE ClusteringFit SET row_ids = x'00'")
    with pytest.raises(FitDamagedError, match="row_ids has an unknown form"):
        fitted.execute("SELECT * FROM clust_staleness(1)").fetchall()


def test_inside_statements(fitted: apsw.Connection) -> None:
    sqlclust.fit(fitted, "demo", min_cluster_size=6)
    add(fitted, 50)
    sql = "SELECT r.id, s.n_new, s.is_stale FROM ClusteringResult r, clust_staleness(r.id) s ORDER BY 1"
    assert fitted.execute(sql).fetchall() == [(1, 1, 1), (2, 1, 1)]
    fitted.execute(f"BEGIN; CREATE TEMP TABLE seen AS {sql}; INSERT INTO seen {sql}; COMMIT")
    assert fitted.execute("SELECT count(*) FROM seen").get == 4
