"""Moving in from the old project (tests/schemas/old_project.py): what survived goes over as it was, the rest is named, and
nothing of theirs is lost.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.adoption.adoption import Adoption, adopt_from
from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import AdoptError, ArgumentError, BackupError, LockedError, NotUnicodeError, SchemaConflictError
from tests.cli.terminal import Ran, run, succeed
from tests.schemas.old_project import DAMAGING, MODELS, PER_MODEL, SHAPES, STEPS, Old, Shape, make

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
OURS = {
    *("Cluster", "ClusteringFit", "ClusteringResult", "Embedding", "EmbeddingCluster"),
    *("EmbeddingPrediction", "Invocation", "Run", "SqlclustMigration"),
}
WITH_MEDOIDS: tuple[Shape, ...] = ("clusters", "medoids", "plural")


def hashed(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def rows(path: Path, sql: str, *values: object) -> list[Any]:
    con = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return con.execute(sql, values).fetchall()
    finally:
        con.close()


def change(path: Path, sql: str) -> None:
    con = apsw.Connection(str(path))
    con.execute(sql).fetchall()
    con.close()


def adopted(old: Old, *, dry_run: bool = False) -> tuple[apsw.Connection, Adoption]:
    con = sqlclust.connect(":memory:")
    adoption = sqlclust.adopt(con, old.path, dry_run=dry_run)
    return con, adoption


def reasons(adoption: Adoption) -> dict[str, tuple[int, str]]:
    """Table → how many rows were left out, and why; of the last reason there."""
    return {left.table: (left.n, left.reason) for left in adoption.left}


def expected_members(old: Old, model: str) -> dict[str, tuple[str | None, float]]:
    """Embedding → its medoid and its probability."""
    names = old.embeddings[model]
    return {
        name: (names[old.medoids[label]], 1.0) if label >= 0 else (None, 0.0)
        for name, label in zip(names, old.labels, strict=True)
    }


def stored_members(con: apsw.Connection, result_id: int) -> dict[str, tuple[str | None, float]]:
    sql = """
        SELECT embedding_id, medoid_embedding_id, probability FROM ClusterAssignment WHERE clustering_result_id = ?
    """
    return {str(name): (medoid, probability) for name, medoid, probability in con.execute(sql, (result_id,))}


def whole(con: apsw.Connection) -> None:
    assert con.execute("PRAGMA integrity_check").get == "ok"
    assert con.execute("PRAGMA foreign_key_check").fetchall() == []
    assert not con.in_transaction


# --- what goes over ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ids", ["CHAR(32)", "UUID", "TEXT"])
def test_everything_goes_over_where_no_id_was_damaged(tmp_path: Path, shape: Shape, ids: str) -> None:
    old = make(tmp_path / "old.db", shape, ids)
    before = hashed(old.path)
    con, adoption = adopted(old)
    assert hashed(old.path) == before
    assert (adoption.runs, adoption.invocations, adoption.embeddings) == (4, 80, 80)
    plural = shape == "plural"
    table = "embeddings" if plural else "embedding"
    theirs = rows(old.path, f"SELECT id, invocation_id, embedding_model, vector FROM {table} ORDER BY 1")
    assert (
        con.execute("SELECT id, invocation_id, embedding_model, vector FROM Embedding ORDER BY 1").fetchall() == theirs
    )
    assert {row[0] for row in theirs} == {name for names in old.embeddings.values() for name in names}
    steps = con.execute(
        "SELECT id, run_id, sequence_number, type, output_text FROM Invocation ORDER BY rowid"
    ).fetchall()
    assert steps[1] == (old.texts[0], old.runs[0], 1, "text", "text 0")
    assert steps[-2][3:] == ("image", None)
    assert con.execute("SELECT id, initial_prompt FROM Run ORDER BY rowid").fetchall() == [
        (run_id, f"prompt {place}") for place, run_id in enumerate(old.runs)
    ]
    whole(con)
    con.close()


@pytest.mark.parametrize("shape", WITH_MEDOIDS)
def test_results_go_over_as_they_were(tmp_path: Path, shape: Shape) -> None:
    old = make(tmp_path / "old.db", shape)
    con, adoption = adopted(old)
    assert [result.old_id for result in adoption.results] == old.results
    assert [result.id for result in adoption.results] == [1, 2, 3]
    assert [(result.n_rows, result.n_clusters) for result in adoption.results] == [(PER_MODEL, 3)] * 3
    assert adoption.left == []
    for result_id, model in enumerate((MODELS[0], MODELS[0], MODELS[1]), start=1):
        assert stored_members(con, result_id) == expected_members(old, model)
    parameters = [json.loads(row[0]) for row in con.execute("SELECT parameters FROM ClusteringResult ORDER BY id")]
    stored = [{"cluster_selection_epsilon": epsilon, "allow_single_cluster": True} for epsilon in (0.4, 0.6, 0.4)]
    if shape == "plural":
        stored = [{**parameter, "layer": layer} for layer, parameter in enumerate(stored)]
    assert parameters == stored
    assert con.execute("SELECT DISTINCT algorithm FROM ClusteringResult").get == (
        "evoc" if shape == "plural" else "hdbscan"
    )
    assert con.execute("SELECT started_at, completed_at FROM ClusteringResult WHERE id = 1").get == (
        "2025-07-16T16:20:03.103Z", "2025-07-16T16:21:03.103Z"
    )  # fmt: skip
    assert con.execute("SELECT sum(n_new) FROM ClusteringFreshness").get == 0  # they came before they were clustered
    assert con.execute("SELECT n_clusters, n_noise, duration FROM ClusteringSummary").fetchall() == [(3, 4, 60.0)] * 3
    whole(con)
    con.close()


def test_labels_are_kept_where_there_were_any(tmp_path: Path) -> None:
    old = make(tmp_path / "old.db", "clusters")
    con, _ = adopted(old)
    found: list[Any] = con.execute(
        "SELECT embedding_id, label FROM EmbeddingCluster WHERE clustering_result_id = 1"
    ).fetchall()
    labels = dict(found)
    assert [labels[name] for name in old.embeddings[MODELS[0]]] == old.labels
    con.close()


def test_adopted_embeddings_are_clustered_and_adopted_results_read(tmp_path: Path) -> None:
    old = make(tmp_path / "old.db")
    new = tmp_path / "new.db"
    succeed("adopt", old.path, new)
    assert "epsilon 0.6" in succeed("list", new)
    assert "text 15" in succeed("show", new, 1)
    ran = run("fit", new, MODELS[0], "--min-cluster-size", 5)
    assert ran.code == 0, ran
    assert run("compare", new, 1, 4).code == 0
    assert run("doctor", new).code == 0
    assert run("init", new).out == f"{new} has the tables already; nothing was changed\n"


# --- ids that were damaged ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["clusters", "medoids"])
def test_damaged_ids_are_named_and_not_guessed(tmp_path: Path, shape: Shape) -> None:
    old = make(tmp_path / "old.db", shape, "UUID", damaging=True)
    assert rows(old.path, "SELECT typeof(id), count(*) FROM embedding GROUP BY 1 ORDER BY 1") == [
        ("integer", 1), ("real", 2), ("text", 77)
    ]  # fmt: skip
    con, adoption = adopted(old)
    assert (adoption.runs, adoption.invocations, adoption.embeddings) == (4, 79, 77)
    number = "the id is no longer the text it was: its column is declared UUID, and SQLite made a number of it"
    assert [(left.table, left.n, left.reason, left.example) for left in adoption.left[:3]] == [
        ("invocation", 1, number, "rowid 12, where the id is inf now"),
        ("embedding", 3, number, "rowid 4, where the id is inf now"),
        (
            "embedding.invocation_id",
            2,
            "the embedding went over, but not its link: the invocation did not",
            old.embeddings[MODELS[0]][5],
        ),
    ]
    survived = {name for names in old.embeddings.values() for name in names} - {*DAMAGING.values()}
    assert {row[0] for row in con.execute("SELECT id FROM Embedding")} == survived
    unlinked = con.execute(
        "SELECT id FROM Embedding WHERE invocation_id IS NULL ORDER BY embedding_model DESC"
    ).fetchall()
    assert unlinked == [(old.embeddings[model][5],) for model in MODELS]
    # the results of the model with damaged ids are listed, the other model's goes over
    assert [result.old_id for result in adoption.results] == [old.results[2]]
    assert stored_members(con, 1) == expected_members(old, MODELS[1])
    assert [(left.table, left.reason, left.example) for left in adoption.left[3:]] == [
        ("clusteringresult", "3 of 40 members have ids that are no longer the text they were (as inf)", result)
        for result in old.results[:2]
    ]
    whole(con)
    con.close()


def test_ids_damaged_in_the_assignments_alone(tmp_path: Path) -> None:
    """What the migration did: the embeddings keep their ids, the assignments' were made numbers of."""
    old = make(tmp_path / "old.db", "clusters", "CHAR(32)", damaging=True)
    con, adoption = adopted(old)
    assert adoption.embeddings == 80
    assert {*DAMAGING.values()} <= {row[0] for row in con.execute("SELECT id FROM Embedding")}
    assert [result.old_id for result in adoption.results] == [old.results[2]]
    assert reasons(adoption) == {
        "clusteringresult": (1, "3 of 40 members have ids that are no longer the text they were (as inf)")
    }
    con.close()


def test_the_remedy_for_a_damaged_embedding_works(tmp_path: Path) -> None:
    old = make(tmp_path / "old.db", "medoids", "UUID", damaging=True)
    con, adoption = adopted(old)
    [left] = [left for left in adoption.left if left.table == "embedding"]
    assert left.remedy.startswith("the vector is whole: find it by its rowid in the old file")
    con.execute("ATTACH ? AS theirs", (str(old.path),))
    con.execute(
        "INSERT INTO Embedding (id, invocation_id, embedding_model, vector) "
        "SELECT 'found again', invocation_id, embedding_model, vector FROM theirs.embedding WHERE rowid = 4"
    )
    assert con.execute("SELECT length(vector) FROM Embedding WHERE id = 'found again'").get == 32
    con.close()


# --- what our schema does not take -------------------------------------------------------------------------------

MEDOID_ELSEWHERE = """
UPDATE embeddingcluster SET medoid_embedding_id = NULL
WHERE clustering_result_id = '{result}' AND embedding_id = medoid_embedding_id
"""
WRONG_RESULTS = {
    "medoid outside its cluster": (
        "medoids", MEDOID_ELSEWHERE, "the medoid of cluster 0, '{medoid}', is not a member of it"
    ),
    "assigned twice": (
        "labelless", "INSERT INTO embeddingcluster SELECT 'again', embedding_id, clustering_result_id, "
        "medoid_embedding_id FROM embeddingcluster WHERE clustering_result_id = '{result}' LIMIT 1",
        "1 of 41 members are assigned twice (as '{first}')",
    ),
    "orphan": (
        "medoids", "UPDATE embeddingcluster SET embedding_id = 'gone' "
        "WHERE clustering_result_id = '{result}' AND medoid_embedding_id IS NULL AND embedding_id = '{last}'",
        "1 of 40 members are embeddings that are not there, or did not go over (as 'gone')",
    ),
    "another model": (
        "medoids", "UPDATE clusteringresult SET embedding_model = 'Nomic' WHERE id = '{result}'",
        "40 of 40 members are embeddings of another model (as '{first}')",
    ),
    "parameters no JSON": (
        "medoids", "UPDATE clusteringresult SET parameters = '{{epsilon: ' WHERE id = '{result}'",
        "its parameters are '{{epsilon: ', expected a JSON object",
    ),
    "parameters a list": (
        "medoids", "UPDATE clusteringresult SET parameters = '[]' WHERE id = '{result}'",
        "its parameters are '[]', expected a JSON object",
    ),
    "parameters NULL": (
        "medoids", "UPDATE clusteringresult SET parameters = NULL WHERE id = '{result}'",
        "its parameters are None, expected a JSON object",
    ),
    "not completed": (
        "medoids", "UPDATE clusteringresult SET completed_at = NULL WHERE id = '{result}'", "it was not completed",
    ),
    "no assignments": (
        "medoids", "DELETE FROM embeddingcluster WHERE clustering_result_id = '{result}'", "it has no assignments",
    ),
    "damaged id": (
        "medoids", "UPDATE clusteringresult SET id = 1e999 WHERE id = '{result}'",
        "its id is no longer the text it was: its column is declared UUID",
    ),
    "size": (
        "clusters", "UPDATE cluster SET size = 13 WHERE clustering_result_id = '{result}' AND cluster_id = 1",
        "cluster 1 has 12 members, and 13 were stored as its size",
    ),
    "no medoid": (
        "clusters", "UPDATE cluster SET medoid_embedding_id = NULL WHERE clustering_result_id = '{result}'",
        "the medoid of cluster 0 is None, expected an id",
    ),
    "one medoid for two clusters": (
        "clusters", "UPDATE cluster SET medoid_embedding_id = '{medoid}' "
        "WHERE clustering_result_id = '{result}' AND cluster_id = 2",
        "cluster 2: our schema refuses it: UNIQUE constraint failed: Cluster.clustering_result_id, "
        "Cluster.medoid_embedding_id",
    ),
    "cluster gone": (
        "clusters", "DELETE FROM cluster WHERE clustering_result_id = '{result}' AND cluster_id = -1",
        "4 of 40 members are of a cluster that is not there (as '{noise}')",
    ),
    "cluster with a damaged id": (
        "clusters", "UPDATE cluster SET id = 1e999 WHERE clustering_result_id = '{result}' AND cluster_id = 1",
        "the id of a cluster is inf: its column is declared UUID",
    ),
    "label": (
        "clusters", "UPDATE cluster SET cluster_id = -2 WHERE clustering_result_id = '{result}' AND cluster_id = -1",
        "a cluster has the label -2, expected -1, 0, 1, …",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_RESULTS)
def test_a_result_that_is_not_so_is_listed_and_not_bent(tmp_path: Path, name: str) -> None:
    shape, sql, reason = WRONG_RESULTS[name]
    old = make(tmp_path / "old.db", "clusters" if shape == "clusters" else "medoids", "UUID")
    if shape == "labelless":  # before there was a UNIQUE
        con = apsw.Connection(str(old.path))
        con.execute(
            "CREATE TABLE copied AS SELECT * FROM embeddingcluster; DROP TABLE embeddingcluster; "
            "ALTER TABLE copied RENAME TO embeddingcluster"
        )
        con.close()
    names = old.embeddings[MODELS[0]]
    ordered = sorted(names[place] for place in old.medoids)
    facts = {
        "result": old.results[0], "first": names[0], "last": names[-1], "noise": names[PER_MODEL - 4],
        "medoid": names[old.medoids[0]] if shape == "clusters" else ordered[0],
    }  # fmt: skip
    change(old.path, sql.format(**facts))
    con, adoption = adopted(old)
    kept = [result.old_id for result in adoption.results]
    assert kept == old.results[1:]
    found = [left for left in adoption.left if left.table == "clusteringresult"]
    assert [(left.n, left.reason) for left in found] == [(1, reason.format(**facts))]
    assert found[0].remedy == "cluster again with sqlclust fit"
    assert con.execute("SELECT count(*) FROM ClusteringResult").get == 2
    assert con.execute("SELECT count(*) FROM EmbeddingCluster").get == 2 * PER_MODEL
    whole(con)
    con.close()


WRONG_ROWS = {
    "vector NULL": (
        "UPDATE embedding SET vector = NULL WHERE id = '{id}'",
        ("embedding", 1, "our schema refuses it: NOT NULL constraint failed: Embedding.vector"),
    ),
    "vector TEXT": (
        "UPDATE embedding SET vector = 'abcd' WHERE id = '{id}'",
        ("embedding", 1, "our schema refuses it: cannot store TEXT value in BLOB column Embedding.vector"),
    ),
    "vector of odd length": (
        "UPDATE embedding SET vector = x'00112233445566' WHERE id = '{id}'",
        ("embedding", 1, "our schema refuses it: CHECK constraint failed: length(vector) > 0 AND length(vector) % 4 = 0"),
    ),
    "no model": (
        "UPDATE embedding SET embedding_model = '' WHERE id = '{id}'",
        ("embedding", 1, "our schema refuses it: CHECK constraint failed: embedding_model <> ''"),
    ),
    "two embeddings of a step": (
        "DROP INDEX unique_invocation_embedding_model; "
        "INSERT INTO embedding SELECT 'second', started_at, completed_at, invocation_id, embedding_model, vector "
        "FROM embedding WHERE id = '{id}'",
        (
            "embedding",
            1,
            "our schema refuses it: UNIQUE constraint failed: Embedding.invocation_id, Embedding.embedding_model",
        ),
    ),
    "a step twice": (
        "UPDATE invocation SET sequence_number = 2 WHERE sequence_number = 0 AND run_id = '{run}'",
        ("invocation", 1, "our schema refuses it: UNIQUE constraint failed: Invocation.run_id, Invocation.sequence_number"),
    ),
    "a run gone": (
        "DELETE FROM run WHERE id = '{run}'",
        ("invocation", STEPS, "its run did not go over"),
    ),
    "assignments of no result": (
        "DELETE FROM clusteringresult WHERE id = '{result}'",
        ("embeddingcluster", PER_MODEL, "they are of a result that is not there, or whose id is no longer the text it was"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("dry_run", [False, True], ids=["", "dry run"])
@pytest.mark.parametrize("name", WRONG_ROWS)
def test_a_row_that_our_schema_refuses_is_named(tmp_path: Path, name: str, dry_run: bool) -> None:
    sql, expected = WRONG_ROWS[name]
    old = make(tmp_path / "old.db")
    change(old.path, sql.format(id=old.embeddings[MODELS[1]][0], run=old.runs[0], result=old.results[2]))
    con, adoption = adopted(old, dry_run=dry_run)
    assert expected in [(left.table, left.n, left.reason) for left in adoption.left]
    assert len([left for left in adoption.left if left.table == expected[0]]) == 1
    if not dry_run:
        whole(con)
    con.close()


def test_text_that_is_not_unicode(tmp_path: Path) -> None:
    old = make(tmp_path / "old.db")
    change(old.path, f"UPDATE invocation SET output_text = CAST(x'ff' AS TEXT) WHERE id = '{old.texts[3]}'")
    message = "in table invocation, a value x'ff' is TEXT that is not UTF-8"
    con = sqlclust.connect(":memory:")
    with pytest.raises(NotUnicodeError, match=message):
        sqlclust.adopt(con, old.path)
    assert con.execute("SELECT count(*) FROM sqlite_schema").get == 0
    con.close()
    before = hashed(old.path)
    con = sqlclust.connect(str(old.path))
    with pytest.raises(NotUnicodeError, match=message):
        sqlclust.adopt(con, replace=True)
    con.close()
    assert hashed(old.path) == before


def test_tables_that_are_not_there_are_passed_over(tmp_path: Path) -> None:
    old = make(tmp_path / "old.db")
    change(old.path, "DROP TABLE embeddingcluster; DROP TABLE clusteringresult; DROP TABLE invocation; DROP TABLE run")
    con, adoption = adopted(old)
    assert (adoption.runs, adoption.invocations, adoption.embeddings, adoption.results) == (0, 0, 80, [])
    assert reasons(adoption) == {
        "embedding.invocation_id": (80, "the embedding went over, but not its link: the invocation did not")
    }
    con.close()


# --- a dry run ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_a_dry_run_says_what_would_be_and_writes_nothing(tmp_path: Path, shape: Shape) -> None:
    old = make(tmp_path / "old.db", shape, "UUID", damaging=True)
    before = hashed(old.path)
    con, dry = adopted(old, dry_run=True)
    assert con.execute("SELECT count(*) FROM sqlite_schema").get == 0
    con.close()
    con, real = adopted(old)
    con.close()
    assert [result._replace(id=None) for result in real.results] == dry.results
    assert real.left == dry.left
    assert (real.runs, real.invocations, real.embeddings) == (dry.runs, dry.invocations, dry.embeddings)
    assert 80 * 300 < dry.bytes_needed < 80 * 1500
    new = tmp_path / "new.db"
    for arguments in ((old.path, new), (old.path, "--replace")):
        out = succeed("adopt", *arguments, "--dry-run")
        assert f"{real.embeddings} embeddings" in out
        assert out.endswith("MB on disk; nothing was written\n")
    assert not new.exists()
    assert hashed(old.path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["old.db"]


# --- the command -------------------------------------------------------------------------------------------------


def test_the_command(tmp_path: Path) -> None:
    old = make(tmp_path / "old.db", "medoids", "UUID", damaging=True)
    new = tmp_path / "new.db"
    out = succeed("adopt", old.path, new)
    assert out.startswith(
        f"{old.path} → {new}\n"
        "  4 runs, 79 invocations, 77 embeddings\n"
        f"  result {old.results[2]} → 1: Nomic, 40 rows in 3 clusters\n"
        "  left out: invocation: 1, for example rowid 12, where the id is inf now\n"
        "            the id is no longer the text it was: its column is declared UUID, and SQLite made a number of it\n"
        "            to do: "
    )
    assert (
        "  columns left out: invocation: started_at, completed_at, model, seed, input_invocation_id, output_image_data\n"
        in out
    )
    assert out.endswith(f"Next: sqlclust list {new}; sqlclust doctor {new}\n")


def test_the_command_for_programs(tmp_path: Path) -> None:
    old = make(tmp_path / "old.db", "medoids", "UUID", damaging=True)
    found = json.loads(succeed("adopt", old.path, tmp_path / "new.db", "--json"))
    assert [list(row) for row in found] == [["table", "n", "old_id", "id", "adopted", "reason", "remedy"]] * len(found)
    assert [(row["table"], row["n"], row["old_id"], row["id"]) for row in found if row["adopted"]] == [
        ("Run", 4, None, None), ("Invocation", 79, None, None), ("Embedding", 77, None, None),
        ("ClusteringResult", 40, old.results[2], 1),
    ]  # fmt: skip
    assert [(row["table"], row["n"]) for row in found if not row["adopted"]] == [
        ("invocation", 1), ("embedding", 3), ("embedding.invocation_id", 2), ("clusteringresult", 1),
        ("clusteringresult", 1),
    ]  # fmt: skip
    assert all(row["reason"] and row["remedy"] for row in found if not row["adopted"])


USAGE = {
    "new and replace": (("new.db", "--replace"), "--replace is for DB itself; NEW is a new file"),
    "backup alone": (("new.db", "--backup", "b.db"), "--backup goes with --replace"),
}


@pytest.mark.parametrize("name", USAGE)
def test_wrong_usage(tmp_path: Path, name: str) -> None:
    arguments, message = USAGE[name]
    ran = run("adopt", tmp_path / "old.db", *arguments)
    assert ran.code == 2
    assert f"Error: {message}" in ran.err


def refused(message: str, *arguments: object) -> None:
    assert run("adopt", *arguments) == Ran(1, "", f"Error: {message}\n")


def test_files_that_are_not_what_is_needed(tmp_path: Path) -> None:
    old = make(tmp_path / "old.db")
    new, other, ours = tmp_path / "new.db", tmp_path / "other.db", tmp_path / "ours.db"
    refused(f"{new}: there is no such file; sqlclust init makes one", new, other)
    change(other, "CREATE TABLE embedding (id, words)")
    refused(
        f"{other} was not adopted: it has no table embedding or embeddings of that project; nothing was changed",
        other,
        new,
    )
    succeed("init", ours)
    refused(f"{ours} was not adopted: it is a database of sqlclust's; nothing was changed", ours, new)
    refused(f"{old.path} was not adopted: {ours} has tables of sqlclust already; nothing was changed", old.path, ours)
    refused(f"{old.path} was not adopted: it was also given as the new file; nothing was changed", old.path, old.path)
    change(old.path, "ALTER TABLE embeddingcluster RENAME COLUMN embedding_id TO x")
    refused(
        f"{old.path} was not adopted: table embeddingcluster has no column embedding_id; nothing was changed",
        old.path,
        new,
    )
    both = make(tmp_path / "both.db", "plural")
    change(both.path, "CREATE TABLE embedding (id, embedding_model, vector)")
    refused(
        f"{both.path} was not adopted: it has tables of both forms, embedding and embeddings; DROP or rename one of them; "
        "nothing was changed",
        *(both.path, new),
    )
    assert not new.exists()


def test_a_new_file_may_hold_other_tables(tmp_path: Path) -> None:
    old = make(tmp_path / "old.db")
    new = tmp_path / "new.db"
    change(new, "CREATE TABLE notes (text); INSERT INTO notes VALUES ('mine')")
    succeed("adopt", old.path, new)
    assert rows(new, "SELECT * FROM notes") == [("mine",)]
    taken = tmp_path / "taken.db"
    change(taken, "CREATE TABLE Cluster (x)")
    con = sqlclust.connect(str(taken))
    with pytest.raises(SchemaConflictError):
        sqlclust.adopt(con, old.path)
    con.close()


# --- in the old file ---------------------------------------------------------------------------------------------


def test_names_that_collide_need_a_decision(tmp_path: Path) -> None:
    old = make(tmp_path / "old.db", "clusters")
    before = hashed(old.path)
    refused(
        f"{old.path} was not adopted: our tables cannot stand beside its run, invocation, embedding, clusteringresult, "
        "embeddingcluster, cluster, which have the same names. Give a new file (sqlclust adopt OLD.db NEW.db), or --replace; "
        "nothing was changed",
        old.path,
    )
    assert hashed(old.path) == before


def theirs(path: Path) -> dict[str, list[Any]]:
    """Every row of every table that is not ours, with its definition."""
    sql = "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    return {name: [text, *rows(path, f'SELECT * FROM "{name}"')] for name, text in rows(path, sql) if name not in OURS}


def test_beside_the_plural_tables(tmp_path: Path) -> None:
    old = make(tmp_path / "old.db", "plural")
    before = theirs(old.path)
    out = succeed("adopt", old.path)
    assert out.startswith(f"{old.path}\n  4 runs, 80 invocations, 80 embeddings\n")
    after = theirs(old.path)
    assert {name: after[name] for name in before} == before
    con = sqlclust.connect(str(old.path))
    assert stored_members(con, 3) == expected_members(old, MODELS[1])
    whole(con)
    con.close()
    assert [path.name for path in tmp_path.iterdir()] == ["old.db"]
    refused(f"{old.path} was not adopted: it has tables of sqlclust already; nothing was changed", old.path)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
def test_in_their_place_after_a_backup(tmp_path: Path, shape: Shape, journal: str) -> None:
    old = make(tmp_path / "old.db", shape)
    change(old.path, f"PRAGMA journal_mode = {journal}; PRAGMA user_version = 12; PRAGMA application_id = 34")
    if shape != "plural":
        change(old.path, "CREATE VIEW prompts AS SELECT id, initial_prompt FROM run")
        change(old.path, f"INSERT INTO persistencediagram VALUES ('p', NULL, NULL, x'00', '{old.runs[1]}', 'Nomic')")
    before = theirs(old.path)
    content = rows(old.path, "SELECT name, sql FROM sqlite_schema ORDER BY 1")
    out = succeed("adopt", old.path, "--replace")
    [backup] = [path for path in tmp_path.iterdir() if path.name.startswith("old.db.before-adopt-")]
    assert f"  backup: {backup}\n" in out
    assert theirs(backup) == before
    assert rows(backup, "SELECT name, sql FROM sqlite_schema ORDER BY 1") == content
    assert rows(backup, "PRAGMA integrity_check") == [("ok",)]
    # their other tables are as they were, and what was adopted is not there twice
    gone = {"run", "invocation", "embedding", "clusteringresult", "embeddingcluster", "cluster"}
    if shape == "plural":
        gone = {"runs", "invocations", "embeddings", "clustering_results", "embedding_clusters"}
    assert theirs(old.path) == {name: found for name, found in before.items() if name not in gone}
    con = sqlclust.connect(str(old.path))
    if shape != "labels":
        assert stored_members(con, 3) == expected_members(old, MODELS[1])
    if shape != "plural":
        assert con.execute("SELECT initial_prompt FROM prompts").fetchall() == [(f"prompt {n}",) for n in range(4)]
        con.execute("DELETE FROM persistencediagram")  # the key to our Run works
        con.execute("PRAGMA foreign_keys = ON")
        with pytest.raises(apsw.ConstraintError, match="FOREIGN KEY"):
            con.execute("INSERT INTO persistencediagram VALUES ('p', NULL, NULL, x'00', 'no run', 'Nomic')")
    assert con.pragma("user_version") == 12
    assert con.pragma("application_id") == 34
    assert con.pragma("journal_mode") == journal.lower()
    fresh = apsw.Connection(":memory:")
    sqlclust.initialize(fresh)
    ours = "SELECT type, name, sql FROM sqlite_schema WHERE name = ? AND type = ?"
    for kind, name in fresh.execute("SELECT type, name FROM sqlite_schema").fetchall():
        assert con.execute(ours, (name, kind)).fetchall() == fresh.execute(ours, (name, kind)).fetchall()
    whole(con)
    con.close()


def test_a_backup_of_a_given_name_overwrites_nothing(tmp_path: Path) -> None:
    old = make(tmp_path / "old.db")
    before = hashed(old.path)
    there = tmp_path / "there.db"
    there.write_text("precious", encoding="utf-8")
    refused(
        f"{old.path} was not backed up to {there}: there is a file of that name; nothing was changed",
        *(old.path, "--replace", "--backup", there),
    )
    assert (hashed(old.path), there.read_text(encoding="utf-8")) == (before, "precious")
    con = sqlclust.connect(str(old.path))
    with pytest.raises(BackupError, match="it cannot be made"):
        sqlclust.adopt(con, replace=True, backup=tmp_path / "no folder" / "x.db")
    kept = tmp_path / "kept.db"
    assert sqlclust.adopt(con, replace=True, backup=kept).backup == str(kept)
    con.close()
    assert rows(kept, "SELECT count(*) FROM embedding") == [(80,)]


VIEW = "CREATE VIEW seeds AS SELECT id, seed FROM run"
KEY = """
CREATE TABLE theirs (id, step TEXT REFERENCES invocation (id));
INSERT INTO theirs VALUES (1, '{text}');
UPDATE invocation SET run_id = 'gone' WHERE id = '{text}';
"""
PARENT = "CREATE TABLE theirs (seed INTEGER REFERENCES run (seed)); CREATE UNIQUE INDEX seeds ON run (seed)"
TIED = {
    "a view": (VIEW, "its view seeds needs columns that our tables do not have. DROP the view, or give a new file"),
    "a key": (KEY, "rows of theirs would point at rows that did not go over. Give a new file"),
    "a key to a column that we do not have": (
        PARENT,
        "rows of theirs would point at rows that did not go over. Give a new file",
    ),
}


@pytest.mark.parametrize("name", TIED)
def test_what_stays_must_work_without_what_goes(tmp_path: Path, name: str) -> None:
    sql, reason = TIED[name]
    old = make(tmp_path / "old.db")
    change(old.path, sql.format(text=old.texts[0]))
    before = hashed(old.path)
    refused(f"{old.path} was not adopted: {reason}; nothing was changed", old.path, "--replace")
    assert hashed(old.path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["old.db"]  # nor a backup of what is as it was
    succeed("adopt", old.path, tmp_path / "new.db")


def test_python_needs_a_file_and_no_transaction(tmp_path: Path) -> None:
    con = sqlclust.connect(":memory:")
    with pytest.raises(ArgumentError, match="adopt: replace is given with a source, expected to be given without"):
        sqlclust.adopt(con, "old.db", replace=True)
    with pytest.raises(AdoptError, match="this database was not adopted: it is not in a file"):
        sqlclust.adopt(con)
    con.close()
    old = make(tmp_path / "old.db", "plural")
    con = sqlclust.connect(str(old.path))
    con.execute("BEGIN")
    with pytest.raises(AdoptError, match="its connection is in a transaction; COMMIT first"):
        sqlclust.adopt(con)
    con.execute("COMMIT")
    con.close()
    readonly = sqlclust.connect(str(old.path), readonly=True)
    assert sqlclust.adopt(readonly, dry_run=True).embeddings == 80
    readonly.close()


# --- stopped, killed, no room -------------------------------------------------------------------------------------


class Stop(Exception):
    pass


@pytest.mark.parametrize("shape", ["medoids", "plural"])
@pytest.mark.parametrize("phase", ["runs", "steps of runs", "embeddings", "results", "backup"])
@pytest.mark.parametrize("error", [Stop, KeyboardInterrupt])
def test_stopping_leaves_nothing(tmp_path: Path, shape: Shape, phase: str, error: type[BaseException]) -> None:
    old = make(tmp_path / "old.db", shape)
    before = hashed(old.path)

    def progress(found: str, fraction: float) -> None:
        if found == phase and fraction == 1.0:
            raise error

    new = tmp_path / "new.db"
    con = sqlclust.connect(str(new))
    if phase != "backup":
        with pytest.raises(error):
            sqlclust.adopt(con, old.path, progress=progress)
        assert con.execute("SELECT count(*) FROM sqlite_schema").get == 0
    con.close()
    new.unlink()
    con = sqlclust.connect(str(old.path))
    with pytest.raises(error):
        sqlclust.adopt(con, replace=True, progress=progress)
    whole(con)
    con.close()
    assert hashed(old.path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["old.db"]


def test_an_interrupt_stops_it(tmp_path: Path) -> None:
    old = make(tmp_path / "old.db")
    before = hashed(old.path)
    con = sqlclust.connect(str(old.path))

    def progress(phase: str, _: float) -> None:
        if phase == "results":
            con.interrupt()

    with pytest.raises(apsw.InterruptError):
        sqlclust.adopt(con, replace=True, progress=progress)
    con.close()
    assert hashed(old.path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["old.db"]


SLOW = """
import sys, time, sqlclust
con = sqlclust.connect(sys.argv[1])
con.execute("PRAGMA cache_size = 1")
def progress(phase, fraction):
    if phase == "results" and fraction > 0.5:
        print("now", flush=True)
        time.sleep(60)
if len(sys.argv) > 2:
    sqlclust.adopt(con, sys.argv[2], progress=progress)
else:
    sqlclust.adopt(con, replace=True, progress=progress)
"""


@pytest.mark.parametrize("place", ["a new file", "their place"])
def test_killed(tmp_path: Path, place: str) -> None:
    old = make(tmp_path / "old.db")
    before, content = hashed(old.path), theirs(old.path)
    new = tmp_path / "new.db"
    arguments = [str(new), str(old.path)] if place == "a new file" else [str(old.path)]
    process = subprocess.Popen([sys.executable, "-c", SLOW, *arguments], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    assert process.stdout.readline() == "now\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    con = sqlclust.connect(str(old.path))  # rolls back
    whole(con)
    con.close()
    assert theirs(old.path) == content
    if place == "a new file":
        assert hashed(old.path) == before
        succeed("adopt", old.path, new)  # what is left of the new file is empty, and is used
    else:
        succeed("adopt", old.path, "--replace")


def test_ctrl_c_on_the_command(tmp_path: Path) -> None:
    old = make(tmp_path / "old.db")
    new = tmp_path / "new.db"
    script = """
import sys
from sqlclust.cli import main
from sqlclust.adoption import rows as adopt_rows
def stop(self):
    raise KeyboardInterrupt
adopt_rows.Copying._results = stop
main(["adopt", *sys.argv[1:]])
"""
    ran = subprocess.run(
        [sys.executable, "-c", script, str(old.path), str(new)], capture_output=True, text=True, cwd=ROOT
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "Interrupted; nothing was written\n")
    assert [path.name for path in tmp_path.iterdir()] == ["old.db"]


def test_no_room_is_said_before_anything_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = make(tmp_path / "old.db")
    new = tmp_path / "new.db"
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    refused(
        f"{old.path} was not adopted: about 0.0 GB are needed where {new} is, and 0.0 GB are free; nothing was changed",
        *(old.path, new),
    )
    assert run("adopt", old.path, "--replace").code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["old.db"]


def test_a_locked_file_is_said(tmp_path: Path) -> None:
    old = make(tmp_path / "old.db", "plural")
    other = apsw.Connection(str(old.path))
    other.execute("BEGIN EXCLUSIVE")
    con = apsw.Connection(":memory:")
    source = apsw.Connection(str(old.path))
    source.set_busy_timeout(100)
    with pytest.raises(LockedError, match=r"reading the old tables was given up and nothing was written"):
        adopt_from(database_of(con), database_of(source))
    other.execute("ROLLBACK")
    for each in (other, con, source):
        each.close()
