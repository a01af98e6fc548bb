"""sqlclust fit DB NAME --into RESULTS.db: results in another file, which then finds the host."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.errors import LockedError, SourceElsewhereError
from sqlclust.sqlite.transactions import waiting
from sqlclust.store.sources import elsewhere
from tests.cli.terminal import fail, misuse, rows, run, succeed
from tests.small import blob
from tests.trust.foreign_host import make
from tests.trust.good_file import hashes


@pytest.fixture
def host(tmp_path: Path) -> Path:
    folder = tmp_path / "theirs"
    folder.mkdir()
    return make(folder / "notes.db")


@pytest.fixture
def results(tmp_path: Path, host: Path) -> Path:
    """Of a fit into another folder."""
    folder = tmp_path / "ours"
    folder.mkdir()
    succeed("fit", host, "note", "--into", folder / "results.db")
    return folder / "results.db"


def source_of(path: Path) -> dict[str, Any]:
    found: list[dict[str, Any]] = json.loads(succeed("source", path, "note", "--json"))
    return found[0]


def test_the_host_is_only_read(host: Path, tmp_path: Path) -> None:
    before = hashes(host.parent)
    into = tmp_path / "results.db"
    out = succeed("fit", host, "note", "--into", into)
    assert f"everything is in {into}; {host} was only read" in out
    assert hashes(host.parent) == before
    assert rows(into, "SELECT database, table_name FROM EmbeddingSource") == [("theirs/notes.db", "note")]
    assert rows(into, "SELECT count(*), count(vector) FROM Embedding") == [(40, 0)]
    assert rows(into, 'SELECT count(*), count(DISTINCT label) FROM "note_clusters"') == [(40, 4)]
    assert rows(into, 'SELECT id FROM "note_clusters" WHERE medoid_item_id = id') != []


WITHOUT_VECTORS = (
    ("list",), ("show", "1"), ("sweep", "1"), ("compare", "1", "2"), ("sources",), ("source", "note"),
    ("query", "SELECT * FROM clust_spanning_tree(1)"), ("query", 'SELECT * FROM "note_clusters"'),
)  # fmt: skip
WITH_VECTORS = (
    ("predict", "1"), ("query", "SELECT * FROM clust_staleness(1)"), ("query", "SELECT * FROM clust_labels(1)"),
    ("query", f"SELECT * FROM clust_predict(1, (SELECT clust_points(1, x'{'0000803f' * 8}')))"),
    ("query", "SELECT * FROM clust_nearest(1)"), ("fit", "note"), ("fit",),
    ("cut", "1"), ("predict", "1", "--store"),
)  # fmt: skip


@pytest.mark.parametrize("moved", [False, True], ids=["in place", "both moved"])
def test_every_command_takes_the_results(results: Path, host: Path, tmp_path: Path, moved: bool) -> None:
    succeed("cut", results, 1, "--min-cluster-size", 4)
    if moved:
        (tmp_path / "away").mkdir()
        for folder in ("ours", "theirs"):
            (tmp_path / folder).rename(tmp_path / "away" / folder)
        results, host = tmp_path / "away/ours/results.db", tmp_path / "away/theirs/notes.db"
    before = hashes(host.parent)
    for command, *words in (*WITHOUT_VECTORS, *WITH_VECTORS):
        ran = run(command, results, *words)
        assert (ran.code, ran.err) == (0, ""), (command, words, ran)
    connection = sqlclust.connect(results)
    assert sqlclust.staleness(connection, 1).is_stale is False
    assert sqlclust.fit(connection, "note") > 2
    connection.close()
    succeed("delete", results, 1, "--yes")
    assert hashes(host.parent) == before


def missing(host: Path) -> str:
    host.unlink()
    return "there is no such file"


def no_database(host: Path) -> str:
    host.write_bytes(b"no database" * 1000)
    return "not an SQLite database"


def without_the_table(host: Path) -> str:
    host.unlink()
    make(host, table="another")
    return f"{host} has no table 'note'"


def a_fifo(host: Path) -> str:
    host.unlink()
    os.mkfifo(host)
    return "is not a regular file"


def a_folder(host: Path) -> str:
    host.unlink()
    host.mkdir()
    return "is a directory"


def nothing_in_it(host: Path) -> str:
    host.write_bytes(b"")
    return "has no table 'note'"


@pytest.mark.parametrize("harm", [missing, no_database, without_the_table, a_fifo, a_folder, nothing_in_it])
def test_a_host_that_cannot_be_read(results: Path, host: Path, harm: Any) -> None:
    succeed("cut", results, 1, "--min-cluster-size", 4)
    shutil.copy(host, host.with_name("kept.db"))
    reason = harm(host)
    [listed] = json.loads(succeed("sources", results, "--json"))
    is_there = harm not in (missing, a_fifo, a_folder)
    where = (
        "its table is in another file, ../theirs/notes.db" if is_there else "its file ../theirs/notes.db is not there"
    )
    assert (listed["vector_column"] is not None, listed["remark"]) == (is_there, where)
    assert ("Next: sqlclust fit" in succeed("sources", results)) == is_there
    before = hashes(results.parent)
    for command, *words in WITHOUT_VECTORS:
        ran = run(command, results, *words)
        assert (ran.code, ran.err) == (0, ""), (command, words, ran)
    for command, *words in WITH_VECTORS:
        message = fail(command, results, *words)
        assert message.startswith(
            "source 'note' is in another file, '../theirs/notes.db' seen from the folder of this one"
        )
        assert reason in message
        assert f"sqlclust source {results} note --database FILE" in message
    connection = sqlclust.connect(results)
    for call in (lambda: sqlclust.staleness(connection, 1), lambda: sqlclust.fit(connection, "note")):
        with pytest.raises(SourceElsewhereError) as caught:
            call()
        assert (caught.value.name, caught.value.path) == ("note", "../theirs/notes.db")
    connection.close()
    assert hashes(results.parent) == before
    # it is said where the table is now, and everything goes on
    succeed("source", results, "note", "--database", host.with_name("kept.db"))
    assert source_of(results)["database"] == "../theirs/kept.db"
    assert "stored fit 1 was reused" in succeed("fit", results, "note")
    succeed("delete", results, 2, "--yes")


def test_where_a_table_has_moved_is_looked_at(results: Path, host: Path) -> None:
    other = make(host.with_name("other.db"), table="another")
    before = source_of(results)
    assert "there is no table 'note'" in fail("source", results, "note", "--database", other)
    assert "no such file" in fail("source", results, "note", "--database", host.with_name("none.db"))
    assert "results are made" in fail("source", results, "note", "--database", other, "--table", "another").replace(
        "result 1 is made", "results are made"
    )
    assert source_of(results) == before
    succeed("source", results, "note", "--format", "float32")  # its table is looked at where it is
    assert source_of(results)["format_is_said"] == 1
    assert "--delete takes" in misuse("source", results, "note", "--delete", "--database", host)


def test_a_source_is_said_to_be_in_another_file(host: Path, tmp_path: Path) -> None:
    """Without a fit, and from Python."""
    connection = sqlclust.connect(tmp_path / "ours.db")
    kept = sqlclust.source(connection, "mine", table="note", content="body", database=host)
    assert (kept.name, kept.database) == ("mine", "theirs/notes.db")
    assert sqlclust.fit(connection, "mine") == 1
    assert connection.execute("SELECT clust_fit('mine')").get == 2
    connection.close()
    assert rows(tmp_path / "ours.db", "SELECT count(content) FROM Embedding") == [(3,)]
    connection = sqlclust.connect(":memory:")  # without a folder to see it from
    assert sqlclust.source(connection, "mine", table="note", database=host).database == str(host)
    assert sqlclust.fit(connection, "mine") == 1
    connection.close()


def test_the_own_file_is_no_other_file(host: Path) -> None:
    assert run("source", host, "note", "--database", host).code == 0
    assert source_of(host)["database"] is None


# --- what --into writes to ---------------------------------------------------------------------------------------


def test_into_the_host_itself(host: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(host)
    for into in (host, link):
        assert misuse("fit", host, "note", "--into", into).startswith("--into is DB itself")
    assert rows(host, "SELECT count(*) FROM sqlite_schema WHERE type = 'table'") == [(1,)]


@pytest.mark.parametrize("words", [("gone",), ("note", "--vector", "gone"), ("note", "--where", "no condition")])
def test_no_file_is_left_by_a_fit_that_fails(host: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    fail("fit", host, *words, "--into", tmp_path / "results.db")
    fail("fit", tmp_path / "none.db", "note", "--into", tmp_path / "results.db")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["theirs"]


def test_a_row_that_cannot_be_used_leaves_no_file(host: Path, tmp_path: Path) -> None:
    connection = apsw.Connection(str(host))
    connection.execute(
        "UPDATE note SET embedding = ? WHERE slug = 'note 9'", (blob(1, 2, float("nan"), 4, 5, 6, 7, 8),)
    )
    connection.close()
    assert "'note 9'" in fail("fit", host, "note", "--into", tmp_path / "results.db")
    assert not (tmp_path / "results.db").exists()


def test_into_a_file_with_other_tables(host: Path, tmp_path: Path) -> None:
    into = tmp_path / "other.db"
    connection = apsw.Connection(str(into))
    connection.execute("CREATE TABLE shopping (thing); INSERT INTO shopping VALUES ('milk')")
    connection.close()
    succeed("fit", host, "note", "--into", into)
    assert rows(into, "SELECT * FROM shopping") == [("milk",)]
    assert rows(into, "SELECT count(*) FROM EmbeddingCluster") == [(40,)]


@pytest.mark.parametrize(
    "clash", ["CREATE TABLE run (x)", "CREATE VIEW cluster AS SELECT 1", 'CREATE TABLE "note_clusters" (x)']
)
def test_into_a_file_whose_names_clash(host: Path, tmp_path: Path, clash: str) -> None:
    into = tmp_path / "other.db"
    connection = apsw.Connection(str(into))
    connection.execute(clash)
    connection.close()
    before = hashes(tmp_path)
    assert str(into) in fail("fit", host, "note", "--into", into)
    assert hashes(tmp_path) == before


def test_into_a_file_with_embeddings_of_that_name(host: Path, tmp_path: Path) -> None:
    into = tmp_path / "other.db"
    connection = sqlclust.connect(into)
    sqlclust.initialize(connection)
    connection.execute("INSERT INTO Embedding (id, embedding_model, vector) VALUES (1, 'note', zeroblob(8))")
    connection.close()
    assert "an embedding model of this file has that name" in fail("fit", host, "note", "--into", into)
    assert rows(into, "SELECT count(*) FROM EmbeddingSource") == [(0,)]


def test_into_a_file_with_another_source_of_that_name(results: Path, host: Path) -> None:
    other = make(host.with_name("other.db"))
    before = rows(results, "SELECT * FROM EmbeddingSource")
    message = fail("fit", other, "note", "--into", results)
    assert "cannot be changed to a table of another file" in message
    assert "--database FILE says that its table has moved from ../theirs/notes.db" in message
    assert rows(results, "SELECT * FROM EmbeddingSource") == before
    succeed("delete", results, 1, "--yes")
    succeed("fit", other, "note", "--into", results)  # of a source without results another one can be made
    assert source_of(results)["database"] == "../theirs/other.db"


def test_again_into_the_same_file(results: Path, host: Path, tmp_path: Path) -> None:
    assert "stored fit 1 was reused" in succeed("fit", host, "note", "--into", results)
    said = ("--table", "note", "--content", "body", "--where", "slug <> :s", "--param", "s", "x")
    succeed("fit", host, "mine", *said, "--into", results)
    succeed("fit", host, "mine", "--into", results)  # as it is registered there
    assert rows(results, "SELECT name, content_column, condition FROM EmbeddingSource ORDER BY 1") == [
        ("mine", "body", "slug <> :s"), ("note", "body", None),
    ]  # fmt: skip


def test_into_a_third_file(results: Path, tmp_path: Path) -> None:
    """The source of a file whose table is in another one."""
    third = tmp_path / "third.db"
    succeed("fit", results, "note", "--into", third)
    assert source_of(third)["database"] == "theirs/notes.db"
    assert rows(third, 'SELECT count(*) FROM "note_clusters"') == [(40,)]


def test_symbolic_links(host: Path, tmp_path: Path) -> None:
    """The folder is that of the file itself, wherever it is opened through."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "a/host.db").symlink_to(host)
    (tmp_path / "b/results.db").symlink_to(tmp_path / "a/results.db")
    succeed("fit", tmp_path / "a/host.db", "note", "--into", tmp_path / "b/results.db")
    assert source_of(tmp_path / "a/results.db")["database"] == "../theirs/notes.db"
    for path in ("a/results.db", "b/results.db"):
        succeed("cut", tmp_path / path, 1)


# --- others write to the host ------------------------------------------------------------------------------------


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_changes_of_the_host_are_noticed(tmp_path: Path, journal: str) -> None:
    host, into = make(tmp_path / "notes.db", journal=journal), tmp_path / "results.db"
    writer = apsw.Connection(str(host))
    succeed("fit", host, "note", "--into", into)
    connection = sqlclust.connect(into)

    def change(phase: str, fraction: float) -> None:
        if phase not in ("load", "check", "publish"):
            writer.execute("UPDATE note SET embedding = ? WHERE slug = 'note 3'", (blob(*range(8)),))

    with pytest.raises(sqlclust.SqlclustError, match="embedding 'note 3' was given another vector while the fit ran"):
        sqlclust.fit(connection, "note", min_cluster_size=4, progress=change)
    writer.execute("DELETE FROM note WHERE slug = 'note 4'")
    writer.execute("INSERT INTO note SELECT 'new', body, embedding FROM note WHERE slug = 'note 1'")
    found = sqlclust.staleness(connection, 1)
    assert (found.n_new, found.n_missing, found.n_changed) == (1, 1, 1)
    assert (found.new_id, found.missing_id, found.changed_id) == ("new", "note 4", "note 3")
    assert connection.execute("SELECT count(*) FROM ClusteringResult").get == 1
    connection.close()
    writer.close()


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_host_that_is_being_written(tmp_path: Path, journal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In WAL mode nobody waits; else a writer that holds the file is waited for, and Ctrl-C or an interrupt ends that."""
    monkeypatch.setattr(elsewhere, "waiting", lambda database, _: waiting(database, 0.2))
    host, into = make(tmp_path / "notes.db", journal=journal), tmp_path / "results.db"
    succeed("fit", host, "note", "--into", into)
    writer = apsw.Connection(str(host))
    writer.execute("BEGIN IMMEDIATE; UPDATE note SET body = 'another'")
    succeed("cut", into, 1)  # it has not begun to commit
    if journal == "delete":
        writer.execute("COMMIT; BEGIN EXCLUSIVE")
        assert "another" in fail("cut", into, 1)
        connection = sqlclust.connect(into)
        with pytest.raises(LockedError):
            sqlclust.staleness(connection, 1)
        monkeypatch.setattr(elsewhere, "waiting", lambda database, _: waiting(database, 60))
        monkeypatch.setattr("time.sleep", lambda _: connection.interrupt())
        with pytest.raises(apsw.InterruptError):
            connection.execute("SELECT clust_cut(1)").get  # noqa: B018
        connection.close()
    writer.execute("ROLLBACK")
    writer.close()


def test_the_texts_are_those_of_the_host(results: Path) -> None:
    medoids = rows(results, "SELECT medoid_item_id, medoid_text FROM ClusterSummary WHERE label >= 0 ORDER BY label")
    assert len(medoids) == 3
    assert medoids == [(slug, str(slug).replace("note", "text")) for slug, _ in medoids]
