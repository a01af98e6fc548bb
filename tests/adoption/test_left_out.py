"""What adopt leaves out: damaged ids, and what our schema does not take."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

import sqlclust
from sqlclust.adoption.adoption import Adoption
from sqlclust.errors import NotUnicodeError
from tests.adoption.adopting import adopted, change, expected_members, hashed, rows, stored_members, whole
from tests.schemas.old_project import DAMAGING, MODELS, PER_MODEL, STEPS, Shape, make

pytestmark = pytest.mark.slow


def reasons(adoption: Adoption) -> dict[str, tuple[int, str]]:
    """Table → how many rows were left out, and why; of the last reason there."""
    return {left.table: (left.n, left.reason) for left in adoption.left}


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
        ("embedding", 1, "our schema refuses it: CHECK constraint failed: (vector IS NULL) <> (embedding_source IS NULL)"),
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
