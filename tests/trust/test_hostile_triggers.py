"""Hostile files: triggers and constraints that change what is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import AlteredError, SqlclustError
from sqlclust.store import read_back
from tests.cli.terminal import run
from tests.diagnosis.sick import broken
from tests.schemas import trial
from tests.schemas.old import OLD
from tests.small import add_embeddings, clustered
from tests.trust.good_file import hashes
from tests.trust.hostile import Open, opened, trigger

pytestmark = pytest.mark.slow


WRITTEN = (
    "SELECT (SELECT count(*) FROM ClusteringFit), (SELECT count(*) FROM ClusteringResult), (SELECT count(*) FROM Cluster), "
    "(SELECT count(*) FROM EmbeddingCluster), (SELECT count(*) FROM EmbeddingPrediction)"
)


IGNORE = "SELECT raise(IGNORE)"
CHANGES: dict[str, tuple[str, str]] = {
    "an assignment is dropped": (
        trigger("BEFORE INSERT", "EmbeddingCluster", IGNORE, "NEW.embedding_id = 7"),
        "EmbeddingCluster has 39 rows of the new result, expected 40",
    ),
    "every assignment is dropped": (
        trigger("BEFORE INSERT", "EmbeddingCluster", IGNORE), "EmbeddingCluster has 0 rows of the new result, expected 40",
    ),
    "a cluster is dropped": (
        trigger("BEFORE INSERT", "Cluster", IGNORE, "NEW.label = 1"), "Cluster has 2 rows of the new result, expected 3",
    ),
    "the result is dropped": (
        trigger("BEFORE INSERT", "ClusteringResult", IGNORE), "ClusteringResult has not the new row, expected it",
    ),
    "the fit is dropped": (
        trigger("BEFORE INSERT", "ClusteringFit", IGNORE), "ClusteringFit has not the new row, expected it",
    ),
    "neighbours are dropped": (
        trigger("BEFORE INSERT", "ClusteringFitNeighbors", IGNORE), "ClusteringFitNeighbors has not part 0 as written, expected",
    ),
    "neighbours are changed": (
        trigger("AFTER INSERT", "ClusteringFitNeighbors", "UPDATE ClusteringFitNeighbors SET exponent = 1"),
        "ClusteringFitNeighbors has not part 0 as written, expected",
    ),
    "neighbours are added": (
        trigger("AFTER INSERT", "ClusteringFitNeighbors", "INSERT INTO ClusteringFitNeighbors SELECT clustering_fit_id, 1, "
                "0, 0, 0, 0, x'', x'', x'', x'', x'', x'' FROM ClusteringFitNeighbors WHERE clustering_fit_id > 1",
                "NEW.part = 0"),
        "ClusteringFitNeighbors has 2 of the new fit's parts, expected 1",
    ),
    "an assignment is deleted": (
        trigger("AFTER INSERT", "EmbeddingCluster", "DELETE FROM EmbeddingCluster WHERE embedding_id = 37",
                "NEW.embedding_id = 38"),
        "EmbeddingCluster has 39 rows of the new result, expected 40",
    ),
    "the result is deleted amidst": (
        trigger("AFTER INSERT", "EmbeddingCluster", "DELETE FROM ClusteringResult WHERE id = NEW.clustering_result_id",
                "NEW.embedding_id = 40"),
        "ClusteringResult has another row, expected the new result's",
    ),
    "an assignment is changed": (
        trigger("AFTER INSERT", "EmbeddingCluster",
                "UPDATE EmbeddingCluster SET probability = 0.125 WHERE embedding_id = 1 "
                "AND clustering_result_id = NEW.clustering_result_id", "NEW.embedding_id = 2"),
        "EmbeddingCluster has the row (2, 1, 2, 0.125, ",
    ),
    "a cluster is changed": (
        trigger("AFTER INSERT", "Cluster", "UPDATE Cluster SET size = 99 WHERE label = 0 AND clustering_result_id = 2"),
        "Cluster has the row (2, 0, ",
    ),
    "the parameters are changed": (
        trigger("AFTER INSERT", "ClusteringResult", "UPDATE ClusteringResult SET parameters = '{}' WHERE id = NEW.id"),
        "ClusteringResult has another row, expected the new result's",
    ),
    "a row is added": (
        trigger("AFTER INSERT", "EmbeddingCluster",
                "INSERT INTO EmbeddingCluster (clustering_result_id, embedding_id, label, probability) "
                "VALUES (NEW.clustering_result_id, 999, -1, 0)", "NEW.embedding_id = 40"),
        "EmbeddingCluster has 41 rows of the new result, expected 40",
    ),
}  # fmt: skip


PUBLISHED = [
    pytest.param(case, form, id=f"{case}, {form}")
    for case in CHANGES
    for form in ("clust_fit", "sqlclust.fit", "clust_cut", "clust_cut, min_samples")
    if form != "clust_cut" or (case != "the fit is dropped" and "neighbours" not in case)  # a cut writes no fit
]


@opened
@pytest.mark.parametrize(("case", "form"), PUBLISHED)
def test_what_is_published_is_there_or_an_error(path: Path, case: str, form: str, open_database: Open) -> None:
    sql, message = CHANGES[case]
    con = open_database(path)
    add_embeddings(con, clustered()[:1], model="other", ids=[999])
    con.execute(sql)
    written = con.execute(WRITTEN).get
    options = '{"min_cluster_size": 6}'
    if "fit" in form:
        options = '{"min_cluster_size": 6, "min_samples": 5, "cluster_selection_epsilon": 0}'
        con.execute("UPDATE ClusteringFit SET corpus_hash = 'another'")  # so that a new fit is written
    publish: dict[str, Callable[[], object]] = {
        "clust_fit": lambda: con.execute("SELECT clust_fit('demo', ?)", (options,)),
        "clust_cut": lambda: con.execute("SELECT clust_cut(1, ?)", (options,)),
        "clust_cut, min_samples": lambda: con.execute("SELECT clust_cut(1, '{\"min_samples\": 4}')"),  # writes a fit
        "sqlclust.fit": lambda: sqlclust.fit(con, "demo", min_cluster_size=6, min_samples=5),
    }
    with pytest.raises(AlteredError) as caught:
        publish[form]()
    assert str(caught.value).startswith(message), str(caught.value)
    assert str(caught.value).endswith(
        ": this database changes what is written to it, probably by its trigger 'trap'; nothing was written"
    )
    assert con.execute(WRITTEN).get == written
    assert not con.in_transaction
    con.execute("DROP TRIGGER trap")
    assert con.execute("SELECT clust_cut(1)").get > 1  # and goes on
    con.close()


ON_CONFLICT = {
    "dropped": ("IGNORE", "EmbeddingCluster has 1 row of the new result, expected 40"),
    "replaced": ("REPLACE", "EmbeddingCluster has 1 row of the new result, expected 40"),
}


@pytest.mark.parametrize("case", ON_CONFLICT)
def test_a_constraint_that_drops_rows(path: Path, case: str) -> None:
    """ON CONFLICT in a table's own definition: nothing is raised, and no trigger is there."""
    conflict, message = ON_CONFLICT[case]
    con = sqlclust.connect(path)
    sql = str(con.execute("SELECT sql FROM sqlite_schema WHERE name = 'EmbeddingCluster'").get)
    con.pragma("foreign_keys", False)
    con.execute("DROP TABLE EmbeddingCluster")
    added = f"UNIQUE (clustering_result_id) ON CONFLICT {conflict}"
    con.execute(sql.replace("PRIMARY KEY (embedding_id", f"{added},\n    PRIMARY KEY (embedding_id"))
    with pytest.raises(AlteredError) as caught:
        con.execute("SELECT clust_fit('demo')")
    assert str(caught.value) == (
        f"{message}: this database changes what is written to it, probably by an ON CONFLICT clause of the table; "
        "nothing was written"
    )
    assert con.execute("SELECT count(*) FROM ClusteringResult").get == 1
    con.close()


@opened
@pytest.mark.parametrize("how", ["ABORT", "FAIL", "ROLLBACK"])
def test_a_trigger_that_refuses(path: Path, how: str, open_database: Open) -> None:
    con = open_database(path)
    con.execute(
        trigger("BEFORE INSERT", "EmbeddingCluster", f"SELECT raise({how}, 'the file says no')", "NEW.embedding_id = 9")
    )
    written = con.execute(WRITTEN).get
    with pytest.raises(apsw.ConstraintError, match="the file says no"):
        con.execute("SELECT clust_fit('demo')")
    assert con.execute(WRITTEN).get == written
    assert not con.in_transaction
    con.close()
    assert run("fit", path) == (1, "", "Error: the file says no\n")


@opened
@pytest.mark.parametrize("recursive", [False, True])
def test_a_trigger_that_calls_itself(path: Path, recursive: bool, open_database: Open) -> None:
    con = open_database(path)
    con.pragma("recursive_triggers", recursive)
    con.execute(
        trigger("AFTER INSERT", "EmbeddingCluster",
                "INSERT INTO EmbeddingCluster (clustering_result_id, embedding_id, label, probability) "
                "SELECT NEW.clustering_result_id + 1, NEW.embedding_id, -1, 0")
    )  # fmt: skip
    written = con.execute(WRITTEN).get
    with pytest.raises(apsw.Error, match=r"FOREIGN KEY constraint failed|triggers nested too deep"):
        con.execute("SELECT clust_fit('demo')")
    assert con.execute(WRITTEN).get == written
    assert not con.in_transaction
    con.close()


@opened
def test_views_that_read_themselves(path: Path, open_database: Open) -> None:
    broken(path, path.with_name("loop.db"), "DROP VIEW ClusteringSummary; CREATE VIEW ClusteringSummary AS SELECT * FROM loop; "
           "CREATE VIEW loop AS SELECT * FROM ClusteringSummary")  # fmt: skip
    loop = path.with_name("loop.db")
    before = hashes(path.parent)
    ran = run("list", loop)
    assert (ran.code, ran.out) == (1, "")
    assert "view ClusteringSummary cannot be read (view ClusteringSummary is circularly defined)" in ran.err
    con = open_database(loop)
    with pytest.raises(SqlclustError, match="circularly defined"):
        con.execute("SELECT clust_fit('demo')")
    con.execute("CREATE TEMP VIEW mine AS SELECT * FROM clust_hdbscan((SELECT clust_points(id, label) FROM mine))")
    with pytest.raises(apsw.SQLError, match="circularly defined"):
        con.execute("SELECT * FROM mine").fetchall()
    con.close()
    assert hashes(path.parent) == before


@pytest.mark.parametrize("table", ["EmbeddingCluster", "ClusteringResult", "EmbeddingPrediction"])
def test_a_trigger_that_keeps_what_is_deleted(path: Path, table: str) -> None:
    condition = "OLD.embedding_id = 5" if table == "EmbeddingCluster" else ""
    columns = "id, embedding_model, vector"
    add = f"INSERT INTO Embedding ({columns}) SELECT 41, embedding_model, vector FROM Embedding WHERE id = 1"
    predict = (
        "INSERT INTO EmbeddingPrediction (clustering_result_id, embedding_id, label, probability) VALUES (1, 41, 0, 1)"
    )
    broken(path, path.with_name("bad.db"), f"{add}; {predict}; {trigger('BEFORE DELETE', table, IGNORE, condition)}")
    before = hashes(path.parent)
    ran = run("delete", path.with_name("bad.db"), "1", "--yes")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"Error: {table} has 1 row of the deleted result, expected 0: ")
    assert hashes(path.parent) == before


def test_triggers_on_what_is_loaded_and_predicted(path: Path, tmp_path: Path) -> None:
    file = tmp_path / "new.json"
    file.write_text(json.dumps([{"id": f"n{i}", "vector": v.tolist()} for i, v in enumerate(clustered()[:3])]))
    bad = broken(path, path.with_name("bad.db"), trigger("BEFORE INSERT", "Embedding", IGNORE, "NEW.id = 'n1'"))
    before = hashes(path.parent)
    ran = run("load", bad, file, "--model", "demo")
    assert (ran.code, ran.out) == (1, "")
    assert "Embedding has not the new row, expected it: this database changes what is written to it" in ran.err
    assert hashes(path.parent) == before
    assert run("load", path, file, "--model", "demo").code == 0
    bad = broken(
        path,
        path.with_name("worse.db"),
        trigger("BEFORE INSERT", "EmbeddingPrediction", IGNORE, "NEW.embedding_id = 'n1'"),
    )
    before = hashes(path.parent)
    ran = run("predict", bad, "1", "--store")
    assert (ran.code, ran.out) == (1, "")
    assert "EmbeddingPrediction has 2 new rows, expected 3: " in ran.err
    assert "'trap'" in ran.err
    assert hashes(path.parent) == before


OURS = "SELECT name FROM main.sqlite_schema WHERE type = 'trigger' AND tbl_name = 'ClusteringResult'"
IMPOSTORS = {
    "in place of ours": f"DROP TRIGGER ClusteringResult_delete; {trigger('BEFORE INSERT', 'Cluster', IGNORE)}".replace(
        "TRIGGER trap", "TRIGGER ClusteringResult_delete"
    ),
    "TEMP": trigger("BEFORE INSERT", "main.Cluster", IGNORE).replace(
        "CREATE TRIGGER trap", "CREATE TEMP TRIGGER ClusteringResult_delete"
    ),
}


@pytest.mark.parametrize("case", IMPOSTORS)
def test_a_trigger_with_a_name_of_ours_is_not_ours(path: Path, case: str) -> None:
    con = sqlclust.connect(path)
    assert con.execute(OURS).get == "ClusteringResult_delete"
    assert read_back.foreign_triggers(database_of(con), ("Cluster", "ClusteringResult")) == []
    con.execute(IMPOSTORS[case])
    with pytest.raises(AlteredError, match="by its trigger 'ClusteringResult_delete'; nothing was written"):
        con.execute("SELECT clust_cut(1)").fetchall()
    con.close()


@pytest.mark.parametrize("number", OLD)
def test_a_trigger_of_an_older_version_is_ours(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the newest has another text for it; in a file of the newest version only that text is ours."""
    trial.register(monkeypatch.setattr)
    con = apsw.Connection(":memory:")
    con.execute(OLD[number].SQL)
    assert read_back.foreign_triggers(database_of(con), ("EmbeddingPrediction",)) == []
    con.execute("INSERT INTO SqlclustMigration (version, name) VALUES (?, 'trial')", (trial.VERSION,))
    assert read_back.foreign_triggers(database_of(con), ("EmbeddingPrediction",)) == [
        "EmbeddingPrediction_insert",
        "EmbeddingPrediction_update",
    ]
    con.close()
