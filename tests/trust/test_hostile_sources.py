"""Tables of other programs, made to do harm or not: nothing of theirs is run, and nothing is written to them, ever."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.errors import HostTableError, SchemaConflictError, SqlclustError, TooFewRowsError
from sqlclust.sqlite.layout import quoted
from tests.cli.terminal import fail, run, succeed
from tests.sources.looking import HOSTS, found, host
from tests.trust.foreign_host import N, foreign_rows, foreign_rows_of, make
from tests.trust.good_file import hashes

pytestmark = pytest.mark.slow


# --- what other programs have is as it was -----------------------------------------------------------------------


@pytest.mark.parametrize("name", [path.stem for path in sorted(HOSTS.glob("*.sql"))])
def test_nothing_of_a_host_is_ever_written(tmp_path: Path, name: str) -> None:
    """Whatever is done with what was found in it, and whatever fails."""
    path = tmp_path / "host.db"
    host(name, path).close()
    before = foreign_rows(path)
    con = sqlclust.connect(path)
    sources = [source for source in found(con) if source.vector_column is not None]
    n_results = 0
    for source in sources:
        with suppress(TooFewRowsError, HostTableError):
            result = sqlclust.fit(con, source.name, min_cluster_size=2, min_samples=1)
            n_results += 1
            fit = con.execute("SELECT clustering_fit_id FROM ClusteringResult WHERE id = ?", (result,)).get
            con.execute("SELECT clust_cut(?, '{\"min_cluster_size\": 3}')", (fit,)).fetchall()
            assert sqlclust.staleness(con, result).is_stale is False
            if source.id_columns:
                sqlclust.source(con, source.name, content=source.content_column)
            with pytest.raises(SqlclustError):
                sqlclust.fit(con, source.name, where="no such column = 1")
            with pytest.raises(SqlclustError):
                sqlclust.fit(con, source.name, downsample=10_000)
            sqlclust.fit(con, source.name, downsample=2, min_cluster_size=2)
        assert foreign_rows_of(con) == before
    con.close()
    if n_results:
        for result_id in range(1, 3):
            assert run("predict", path, result_id, "--store").code == 0
        run("doctor", path, "--fix", "--yes")
        assert foreign_rows(path) == before
        assert succeed("list", path)
        for source in sources:
            run("source", path, source.name, "--delete", "--results", "--yes")
        con = sqlclust.connect(path)
        assert con.execute("SELECT count(*) FROM ClusteringResult").get == 0
        assert con.execute("SELECT count(*) FROM Embedding").get == 0
        con.close()
    assert foreign_rows(path) == before


def test_the_hash_sees_every_change(tmp_path: Path) -> None:
    """What the tests here rely on."""
    path = make(tmp_path / "notes.db")
    before = foreign_rows(path)
    con = sqlclust.connect(path)
    sqlclust.fit(con, "note")
    assert foreign_rows(path) == before
    for change in (
        "UPDATE note SET body = 'text 4' WHERE slug = 'note 3'",
        "UPDATE note SET embedding = CAST(embedding AS TEXT) WHERE slug = 'note 3'",
        "DELETE FROM note WHERE slug = 'note 3'",
        "CREATE INDEX i ON note (body)",
        "CREATE TRIGGER tr AFTER INSERT ON note BEGIN SELECT 1; END",
        "CREATE VIEW v AS SELECT 1",
        "ALTER TABLE note ADD COLUMN more",
    ):
        con.execute("SAVEPOINT as_it_was")
        con.execute(change)
        assert foreign_rows_of(con) != before, change
        con.execute("ROLLBACK TO as_it_was; RELEASE as_it_was")
    assert foreign_rows_of(con) == before
    con.close()


# --- names -------------------------------------------------------------------------------------------------------

NAMES = [
    'x"; DROP TABLE note; --', "a'b", "a\nb", "a;b", "[x]", "`x`", "ü\u202e", "%s{0}", "main.note", "-- x", "/* x", "a\\b", "\t ",
    "select", "1", "note_clusters", "--into", "NEW", "x)",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_that_want_out_of_their_quotes(tmp_path: Path, name: str) -> None:
    """Of the table, its key, its columns, and of the source: through fit, view, cut, prediction and deletion."""
    path = make(tmp_path / "notes.db")
    con = sqlclust.connect(path)
    key, vector, text = (quoted(f"{name}{i}") for i in "kvt")
    con.execute(
        f"CREATE TABLE {quoted(name)} ({key} TEXT PRIMARY KEY, {vector} BLOB, {text} TEXT); "
        f"INSERT INTO {quoted(name)} SELECT slug, embedding, body FROM note"
    )
    before = foreign_rows_of(con)
    said: dict[str, Any] = {"table": name, "id": f"{name}k", "vector": f"{name}v", "content": f"{name}t"}
    assert sqlclust.source(con, name, **said).name == name
    assert sqlclust.fit(con, name) == 1
    assert con.execute("SELECT clust_cut(1)").get == 2
    view = quoted(f"{name}_clusters")
    assert con.execute(f"SELECT count(*), count(label), count(DISTINCT label) FROM {view}").fetchall() == [(N, N, 4)]
    assert con.execute("SELECT count(content) FROM Embedding WHERE embedding_source = ?", (name,)).get == 3
    con.execute(f"INSERT INTO {quoted(name)} SELECT 'later', embedding, body FROM note WHERE slug = 'note 1'")
    before = foreign_rows_of(con)
    assert sqlclust.staleness(con, 1).n_new == 1
    con.close()
    assert run("predict", path, 1, "--store").code == 0
    assert run("doctor", path).code in (0, 1)
    con = sqlclust.connect(path)
    assert sqlclust.delete_source(con, name, results=True) == 2
    assert con.execute("SELECT count(*) FROM Embedding").get == 0
    assert foreign_rows_of(con) == before
    con.close()


# --- conditions --------------------------------------------------------------------------------------------------

CONDITIONS = [
    "1; DELETE FROM note",
    "1); DELETE FROM note; --",
    "1) UNION SELECT slug, embedding FROM note --",
    "1) OR (1",
    "slug IN (DELETE FROM note RETURNING slug)",
    "1 /*",
    "1 --",
    "",
    " ",
    "1; SELECT 1",
    "(SELECT clust_cut(1))",
    "writefile('x', 'y')",
    "load_extension('x')",
    "1 ORDER BY slug",
    "1 LIMIT 3",
    "slug = :missing",
    "slug = ?",
]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_only_chooses_rows(tmp_path: Path, condition: str) -> None:
    """Each is refused, or is a condition after all (a comment at its end is none of its text)."""
    path = make(tmp_path / "notes.db")
    foreign = foreign_rows(path)
    con = sqlclust.connect(path)
    if condition == "1 --":
        assert sqlclust.fit(con, "note", where=condition) == 1
        con.close()
        return
    with pytest.raises(SqlclustError):
        sqlclust.fit(con, "note", where=condition)
    with suppress(SqlclustError):  # of some it is not known before they are run
        sqlclust.source(con, "mine", table="note", where=condition or " ")
    with pytest.raises(SqlclustError):
        sqlclust.fit(con, "mine")
    assert foreign_rows_of(con) == foreign
    con.close()
    before = hashes(tmp_path)
    fail("fit", path, "other", "--table", "note", "--where", condition or " ")
    assert hashes(tmp_path) == before


# --- what would be run -------------------------------------------------------------------------------------------


def trapped(path: Path, *statements: str) -> tuple[apsw.Connection, list[str]]:
    """A connection on which the function `trap` is there for the schema, and what is put in when that is called."""
    called: list[str] = []
    con = apsw.Connection(str(path))
    con.create_scalar_function("trap", lambda *_: 1, deterministic=True)
    for statement in statements:
        con.execute(statement)
    con.close()
    con = sqlclust.connect(path)

    def trap(*values: Any) -> Any:
        called.append("trap")
        return values[0] if values else 1

    con.create_scalar_function("trap", trap, deterministic=True)
    return con, called


GENERATED: dict[str, tuple[str, dict[str, Any]]] = {
    "key": ("slug TEXT AS (trap(name)) STORED, name TEXT, body TEXT, embedding BLOB", {"id": "slug"}),
    "vector": ("slug TEXT, name TEXT, body TEXT, raw BLOB, embedding BLOB AS (trap(raw))", {"id": "slug", "vector": "embedding"}),
    "content": (
        "slug TEXT, name TEXT, raw TEXT, body TEXT AS (trap(raw)), embedding BLOB",
        {"id": "slug", "vector": "embedding", "content": "body"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", GENERATED)
def test_generated_columns_that_call_functions(tmp_path: Path, case: str) -> None:
    columns, said = GENERATED[case]
    path = make(tmp_path / "notes.db")
    con, called = trapped(path, f"CREATE TABLE g ({columns})")
    called.clear()
    before = foreign_rows_of(con) if case == "key" else None
    for act in (lambda: sqlclust.source(con, "g", table="g", **said), lambda: sqlclust.fit(con, "g")):
        with pytest.raises((HostTableError, SqlclustError)):
            act()
    assert called == []
    assert before is None or foreign_rows_of(con) == before
    con.close()


def test_other_columns_that_call_functions(tmp_path: Path) -> None:
    """They are in the view, for whoever reads that; nothing of ours does."""
    path = make(tmp_path / "notes.db")
    con, called = trapped(
        path,
        "CREATE TABLE g (slug TEXT PRIMARY KEY, embedding BLOB, body TEXT, more AS (trap(body)), CHECK (trap(1)))",
        "CREATE INDEX i ON g (trap(slug)); CREATE TRIGGER tr AFTER UPDATE ON g BEGIN SELECT trap(1); END",
        "INSERT INTO g (slug, embedding, body) SELECT slug, embedding, body FROM note",
    )
    assert sqlclust.fit(con, "g") == 1
    con.execute("SELECT clust_cut(1)").fetchall()
    assert sqlclust.staleness(con, 1).is_stale is False
    assert con.execute("SELECT count(label) FROM g_clusters").get == N
    con.close()
    run("doctor", path)
    con = sqlclust.connect(path)
    sqlclust.delete_source(con, "g", results=True)
    con.close()
    assert called == []


VIEWS = {
    "calls a function": ("SELECT slug, trap(embedding) AS embedding FROM note", r"unsafe use of trap|trap"),
    "calls one of ours": ("SELECT slug, embedding, clust_fit('note') AS x FROM note", "unsafe use of clust_fit"),
    "is circular": ("SELECT * FROM seen", "circular"),
    "has no table": ("SELECT slug, embedding FROM gone", "gone"),
}


@pytest.mark.parametrize("case", VIEWS)
def test_views_that_would_do_harm(tmp_path: Path, case: str) -> None:
    body, message = VIEWS[case]
    path = make(tmp_path / "notes.db")
    con, called = trapped(path, f"CREATE VIEW seen AS {body}")
    before = foreign_rows_of(con)
    with pytest.raises((SqlclustError, apsw.Error), match=message):
        sqlclust.source(con, "seen", id="slug", vector="embedding", format="float32")
    with pytest.raises((SqlclustError, apsw.Error)):
        sqlclust.fit(con, "seen")
    assert called == []
    assert foreign_rows_of(con) == before
    con.close()


def test_a_view_with_triggers(tmp_path: Path) -> None:
    """INSTEAD OF triggers run where somebody writes to the view, and nobody does."""
    path = make(tmp_path / "notes.db")
    con, called = trapped(
        path,
        "CREATE VIEW seen AS SELECT slug, embedding, body FROM note",
        *(f"CREATE TRIGGER on_{what} INSTEAD OF {what} ON seen BEGIN SELECT trap(1); DELETE FROM note; END"
          for what in ("INSERT", "UPDATE", "DELETE")),
    )  # fmt: skip
    before = foreign_rows_of(con)
    sqlclust.source(con, "seen", id="slug", content="body")
    assert sqlclust.fit(con, "seen") == 1
    con.execute("SELECT clust_cut(1)").fetchall()
    assert con.execute("SELECT count(label) FROM seen_clusters").get == N
    sqlclust.delete_source(con, "seen", results=True)
    assert called == []
    assert foreign_rows_of(con) == before
    con.close()


# --- vectors -----------------------------------------------------------------------------------------------------


def test_vectors_of_any_length(tmp_path: Path) -> None:
    """A huge one is named and not read; one of no bytes is none."""
    path = make(tmp_path / "notes.db")
    con = sqlclust.connect(path)
    con.execute("UPDATE note SET embedding = x'' WHERE slug = 'note 3'")
    con.execute("UPDATE note SET embedding = NULL WHERE slug = 'note 4'")
    assert sqlclust.fit(con, "note") == 1
    assert con.execute("SELECT count(*), count(label) FROM note_clusters").fetchall() == [(N, N - 2)]
    con.execute("PRAGMA synchronous = OFF; UPDATE note SET embedding = zeroblob(20000000) WHERE slug = 'note 5'")
    before = foreign_rows_of(con)
    with pytest.raises(HostTableError, match=r"'note 5' of 'note': its vector has more than 16,777,216 bytes"):
        sqlclust.fit(con, "note")
    assert foreign_rows_of(con) == before
    assert con.execute("SELECT count(*) FROM ClusteringResult").get == 1
    con.close()


# --- names of ours that are taken --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "taken",
    ["CREATE TABLE run (x)", "CREATE VIEW Embedding AS SELECT 1 AS id",
     "CREATE TABLE x (a); CREATE INDEX Embedding_item ON x (a)",
     "CREATE TABLE x (a); CREATE TRIGGER ClusteringResult_delete AFTER DELETE ON x BEGIN SELECT 1; END",
     "CREATE VIEW EmbeddingSource AS SELECT 'note' AS name", "CREATE TABLE SqlclustMigration (version, name, applied_at)",
     'CREATE TABLE "note_clusters" (x)', 'CREATE VIEW "NOTE_CLUSTERS" AS SELECT 1'],
)  # fmt: skip
def test_names_of_ours_that_are_taken(tmp_path: Path, taken: str) -> None:
    """Said before anything is computed; another file takes the results."""
    path = make(tmp_path / "notes.db")
    con = apsw.Connection(str(path))
    con.execute(taken)
    con.close()
    before = hashes(tmp_path)
    con = sqlclust.connect(path)
    phases: list[str] = []
    with pytest.raises(SqlclustError) as caught:
        sqlclust.fit(con, "note", progress=lambda phase, _: phases.append(phase))
    con.close()
    assert phases == []
    assert hashes(tmp_path) == before
    if isinstance(caught.value, SchemaConflictError):
        assert "--into RESULTS.db" in str(caught.value)
    succeed("fit", path, "note", "--into", tmp_path / "results.db")
