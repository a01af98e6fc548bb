"""list, show, cut, compare, sweep, predict, delete and load where the vectors are a source's."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import apsw
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.sources import Source, finding
from sqlclust.sources.kind import Kind
from sqlclust.sources.look import Look
from sqlclust.store.results import listing
from tests.cli.host_files import change
from tests.cli.terminal import fail, rows, run, succeed
from tests.schemas.old import OLD
from tests.small import add_embeddings, clustered


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A host's file with result 1 of its table `docs` (keys t0 to t39), 2 of `pairs`, whose keys are of two columns and which has
    no texts, and 3 of the model 'own' of our own.
    """
    path = tmp_path_factory.mktemp("docs") / "docs.db"
    con = sqlclust.connect(str(path))
    con.execute("CREATE TABLE docs (id TEXT PRIMARY KEY, embedding BLOB, body TEXT)")
    con.execute("CREATE TABLE pairs (kind TEXT, number INTEGER, vector BLOB, PRIMARY KEY (kind, number))")
    for n, vector in enumerate(clustered()):
        con.execute("INSERT INTO docs VALUES (?, ?, ?)", (f"t{n}", vector.tobytes(), f"text {n}"))
        con.execute("INSERT INTO pairs VALUES (?, ?, ?)", ("ab"[n % 2], n, vector.tobytes()))
    for source in ("docs", "pairs"):
        sqlclust.fit(con, source, min_cluster_size=5)
    add_embeddings(con, clustered(), model="own")
    sqlclust.fit(con, "own", min_cluster_size=5)
    con.close()
    return path.read_bytes()


@pytest.fixture
def db(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "docs.db"
    path.write_bytes(content)
    return path


@pytest.fixture
def con(db: Path) -> Iterator[apsw.Connection]:
    """Another program's connection, without any guard."""
    connection = apsw.Connection(str(db))
    connection.pragma("foreign_keys", False)
    yield connection
    connection.close()


COLUMNS = ["label", "size", "share", "persistence", "medoid_embedding_id", "medoid_text", "terms"]


def test_show_says_the_host_s_keys(db: Path) -> None:
    out = succeed("show", db, 1)
    labels = [line.split() for line in out.splitlines()[-3:]]
    sql = "SELECT label, medoid_item_id FROM ClusterSummary WHERE clustering_result_id = 1"
    items = {row[0]: row[1] for row in rows(db, sql)}
    assert {int(words[0]): words[5] for words in labels} == items
    assert '["docs"' not in out
    assert '["a",' in succeed("show", db, 2)
    assert '["pairs"' not in succeed("show", db, 2)


def test_programs_get_the_key_behind_the_id_and_of_models_what_they_got(db: Path) -> None:
    of_docs = json.loads(succeed("show", db, 1, "--json"))
    assert list(of_docs[0]) == [*COLUMNS[:5], "medoid_item_id", "medoid_text", "terms"]
    assert all(json.loads(row["medoid_embedding_id"]) == ["docs", row["medoid_item_id"]] for row in of_docs)
    assert all(row["medoid_text"] == f"text {row['medoid_item_id'][1:]}" for row in of_docs)
    assert [json.loads(line) for line in succeed("show", db, 1, "--nl").splitlines()] == of_docs
    of_pairs = list(csv.DictReader(io.StringIO(succeed("show", db, 2, "--csv"))))
    assert {json.loads(row["medoid_item_id"])[0] for row in of_pairs} <= {"a", "b"}
    assert list(json.loads(succeed("show", db, 3, "--json"))[0]) == COLUMNS


def test_the_header_is_the_same_without_clusters(db: Path, con: apsw.Connection) -> None:
    con.execute("DELETE FROM Cluster; UPDATE EmbeddingCluster SET label = -1, probability = 0")
    assert succeed("show", db, 1, "--csv").strip() == ",".join([*COLUMNS[:5], "medoid_item_id", "medoid_text", "terms"])
    assert succeed("show", db, 3, "--csv").strip() == ",".join(COLUMNS)


@pytest.mark.parametrize("version", [number for number in OLD if number < 3])
def test_files_of_older_versions_have_no_items(tmp_path: Path, version: int) -> None:
    OLD[version].make(tmp_path / "old.db")
    assert list(json.loads(succeed("show", tmp_path / "old.db", "--json"))[0]) == COLUMNS
    assert succeed("list", tmp_path / "old.db")


def test_list(db: Path, con: apsw.Connection) -> None:
    assert [line.split()[1] for line in succeed("list", db).splitlines()[2:]] == ["docs", "pairs", "own"]
    succeed("delete", db, 1, "--yes")
    assert succeed("list", db).splitlines()[-1] == f"docs: a source, no result yet: sqlclust fit {db} docs"
    assert succeed("list", db, "docs") == f"docs: a source, no result yet: sqlclust fit {db} docs\n"
    assert succeed("list", db, "docs", "--json") == "[]\n"
    assert (
        fail("list", db, "other") == "no embeddings of model 'other'; models in this database: 'docs', 'own', 'pairs'"
    )


def test_compare_and_cut(db: Path) -> None:
    out = succeed("cut", db, 2, "--min-cluster-size", 7)
    assert out.endswith(f"sqlclust query {db} 'SELECT * FROM \"pairs_clusters\" WHERE label >= 0'\n")
    compared = succeed("compare", db, 2, 4)
    assert '["a",' in compared or '["b",' in compared
    assert '["pairs"' not in compared
    assert succeed("compare", db, 1, 2).endswith(
        "Results of different sources have none in common, also if they are of one table: join them by item_id.\n"
    )
    swept = succeed("sweep", db, 2, "--min-cluster-size", "5,7").splitlines()
    assert (swept[0], len(swept)) == ("fit 2: pairs, 40 rows", 6)


def test_predict_and_store(db: Path, con: apsw.Connection) -> None:
    assert succeed("predict", db, 1) == "every row of source 'docs' is in result 1\n"
    con.execute("INSERT INTO docs SELECT 'new' || id, embedding, body FROM docs WHERE id IN ('t1', 't39')")
    found = json.loads(succeed("predict", db, 1, "--store", "--json"))
    assert [(row["id"], row["neighbor_id"]) for row in found] == [("newt1", "t1"), ("newt39", "t39")]
    sql = """SELECT e.item_id, p.label, p.probability, e.embedding_model, e.vector
             FROM EmbeddingPrediction p JOIN Embedding e ON e.id = p.embedding_id ORDER BY 1"""
    assert rows(db, sql) == [(row["id"], row["label"], row["probability"], "docs", None) for row in found]
    assert json.loads(succeed("predict", db, 1, "--store", "--json")) == found  # again: they take the others' place
    assert rows(db, "SELECT count(*) FROM Embedding WHERE embedding_source = 'docs'") == [(42,)]
    assert "nothing is wrong" in succeed("doctor", db)
    assert succeed("delete", db, 1, "--yes") == "deleted result 1: 3 clusters, 40 labels; the rows of its table stay\n"
    assert rows(db, "SELECT count(*) FROM Embedding WHERE embedding_source = 'docs'") == [(0,)]


# --- delete -----------------------------------------------------------------------------------------------------------

ITEMS = "SELECT count(*) FROM Embedding WHERE embedding_source = ?"


@pytest.mark.parametrize("triggers", [True, False])
@pytest.mark.parametrize("foreign_keys", [True, False])
def test_delete_takes_what_no_other_result_has(con: apsw.Connection, foreign_keys: bool, triggers: bool) -> None:
    sqlclust.register(con)
    sqlclust.fit(con, "docs", min_cluster_size=5, downsample=2)
    con.pragma("foreign_keys", foreign_keys)
    con.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, int(triggers))
    before = con.execute("SELECT * FROM docs").fetchall()
    listing.delete_result(database_of(con), 1)
    assert con.execute(ITEMS, ("docs",)).get == 20
    assert con.execute(ITEMS, ("pairs",)).get == 40
    listing.delete_result(database_of(con), 4)
    assert con.execute(ITEMS, ("docs",)).get == 0
    assert con.execute("SELECT count(*) FROM Embedding WHERE embedding_model = 'own'").get == 40
    assert con.execute("SELECT * FROM docs").fetchall() == before
    assert sqlclust.doctor(con, quick=True).healthy


def test_a_trigger_that_keeps_them_is_said(db: Path, con: apsw.Connection) -> None:
    con.execute("CREATE TRIGGER keep BEFORE DELETE ON Embedding BEGIN SELECT raise(IGNORE); END")
    assert fail("delete", db, 1, "--yes").startswith(
        "Embedding has 40 rows of docs that no result has, expected 0: this database changes"
    )
    assert rows(db, "SELECT count(*) FROM ClusteringResult") == [(3,)]


# --- load -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def new(tmp_path: Path) -> Path:
    path = tmp_path / "new.jsonl"
    row = {"id": '["docs","t3"]', "vector": clustered()[0].tolist()}
    path.write_text(json.dumps(row) + "\n")
    return path


@pytest.mark.parametrize("options", [(), ("--replace",), ("--ignore",)])
def test_nothing_is_loaded_under_the_name_of_a_source(db: Path, new: Path, options: tuple[str, ...]) -> None:
    assert fail("load", db, new, "--model", "docs", *options) == (
        f"{new}: 'docs' is a source of this file: its vectors stay in the table that they are in, and none are loaded; give "
        "these another model name; nothing of the file was written"
    )


@pytest.mark.parametrize("options", [(), ("--replace",), ("--ignore",)])
def test_a_row_of_a_source_is_not_loaded_over(db: Path, new: Path, options: tuple[str, ...]) -> None:
    before = rows(db, "SELECT * FROM Embedding")
    assert fail("load", db, new, "--model", "mine", *options).startswith(
        f"{new}: embedding '[\"docs\",\"t3\"]' belongs to model 'docs', expected 'mine'"
    )
    assert rows(db, "SELECT * FROM Embedding") == before


def test_no_source_takes_the_name_of_a_model(db: Path) -> None:
    message = fail("source", db, "own", "--table", "docs")
    assert message.startswith("no source can be called 'own': an embedding model of this file has that name")


def test_a_fit_looks_at_the_file_once(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Look] = []
    look_at = finding._all

    def counted(look: Look, kinds: Iterable[Kind]) -> Iterator[Source]:
        looks.append(look)
        yield from look_at(look, kinds)

    monkeypatch.setattr(finding, "_all", counted)
    change(db, "CREATE TABLE more AS SELECT * FROM docs")
    for words in (["own"], ["more", "--id", "id"], ["pairs"], ["all"]):
        looks.clear()
        succeed("fit", db, *words)
        assert len(looks) == (0 if words == ["own"] else 1), words
    change(db, "CREATE TABLE another AS SELECT * FROM docs")
    looks.clear()
    assert run("fit", db, "another").code == 0
    assert len(looks) == 1


def test_a_damaged_source_does_not_stop_the_others(db: Path) -> None:
    change(db, "UPDATE EmbeddingSource SET format = 'x' WHERE name = 'docs'")
    damaged = "source 'docs' is damaged: EmbeddingSource.format is 'x', expected "
    succeed("fit", db, "own")
    succeed("fit", db, "pairs")
    assert fail("fit", db, "docs").startswith(damaged)
    assert fail("fit", db, "nope").startswith(
        "no embeddings of model 'nope'; models in this database: 'docs', 'own', 'pairs'"
    )
    ran = run("fit", db)
    assert ran.code == 1
    assert [line.split(":")[0] for line in ran.out.splitlines() if "result" in line][:2] == ["own", "pairs"]
    assert ran.err.splitlines()[0].startswith(f"Error: docs: {damaged}")
    assert ran.err.splitlines()[-1] == "Error: 1 of 3 models failed"
