"""Upgrades that change tables: a trial version (tests/schemas/trial.py) is applied to files of every version there was."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

import sqlclust
from sqlclust import schema
from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import SchemaDamagedError, SchemaVersionError
from sqlclust.schema import versions
from sqlclust.schema.checking import _shapes, expected_shapes
from tests.schemas import trial
from tests.schemas.old import KNOWN
from tests.trust.altered import FIT, is_new, settings, state

pytestmark = pytest.mark.slow


# --- what comes out ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("newest")
@pytest.mark.parametrize("journal", ["delete", "wal"])
@pytest.mark.parametrize("foreign_keys", [False, True])
@pytest.mark.parametrize("inside", [False, True], ids=["alone", "inside a transaction"])
@pytest.mark.parametrize("host", [False, True], ids=["our connection", "a host's"])
def test_an_altered_file_is_what_a_new_file_is(
    older: Path, journal: str, foreign_keys: bool, inside: bool, host: bool
) -> None:
    before = state(older)
    con = apsw.Connection(str(older)) if host else sqlclust.connect(str(older))
    con.pragma("journal_mode", journal)
    con.pragma("foreign_keys", foreign_keys)
    were = settings(con)
    assert were[0] == (not host)
    if inside:
        con.execute("BEGIN; INSERT INTO Run (id) VALUES ('mine')")
    assert sqlclust.initialize(con) is True
    assert settings(con) == were
    assert con.in_transaction == inside
    con.execute(FIT)  # the connection has the new CHECK already
    con.execute("DELETE FROM ClusteringFit WHERE min_samples = 0; DELETE FROM Run WHERE id = 'mine'")
    con.execute("UPDATE sqlite_sequence SET seq = 1 WHERE name = 'ClusteringFit'")
    if inside:
        con.execute("COMMIT")
    assert sqlclust.initialize(con) is False
    con.close()
    is_new(older, before)
    con = apsw.Connection(str(older))
    con.execute("VACUUM")
    con.close()
    is_new(older, before)


@pytest.mark.usefixtures("newest")
def test_what_the_new_texts_ask_for_holds(last: Path) -> None:
    con = sqlclust.connect(str(last))
    sqlclust.initialize(con)
    for statement, reason in {
        "UPDATE ClusteringFit SET min_samples = -1": "CHECK",
        "UPDATE ClusteringFit SET repeats = id": "CHECK",
        "UPDATE ClusteringFit SET repeats = 99": "FOREIGN KEY",
        "UPDATE Run SET initial_prompt = 'forbidden'": "CHECK",
        "UPDATE EmbeddingCluster SET rank = NULL": "NOT NULL",
        "INSERT INTO EmbeddingPrediction SELECT clustering_result_id, embedding_id, 0, 1, 'now' FROM EmbeddingCluster":
            "a member is not predicted",
        "INSERT INTO EmbeddingTag VALUES ('t', 'x'); DELETE FROM EmbeddingTag": "a tag stays",
    }.items():  # fmt: skip
        with pytest.raises(apsw.ConstraintError, match=reason):
            con.execute(statement)
    con.execute("INSERT INTO Invocation (id, sequence_number) VALUES ('of no run', 0)")
    con.execute("UPDATE Embedding SET tag = x'00' WHERE id = 1001")
    assert con.execute("SELECT DISTINCT more FROM ClusterSummary").get == 1
    assert con.execute("SELECT n FROM TagSummary").get == 1
    con.close()


@pytest.mark.usefixtures("newest")
def test_the_doctor_finds_nothing_in_an_altered_file(older: Path) -> None:
    con = sqlclust.connect(str(older))
    before = {finding.finding for finding in sqlclust.doctor(con).findings} - {"older-schema"}
    sqlclust.initialize(con)
    assert {finding.finding for finding in sqlclust.doctor(con).findings} == before
    con.close()


@pytest.mark.usefixtures("newest")
def test_columns_of_the_hosts_own_stay(last: Path) -> None:
    con = sqlclust.connect(str(last))
    con.execute("""
        ALTER TABLE ClusteringFit ADD COLUMN "a ""note"", (b)" TEXT DEFAULT 'x,)' CHECK (length("a ""note"", (b)") > 0);
        ALTER TABLE EmbeddingCluster ADD COLUMN note TEXT; UPDATE EmbeddingCluster SET note = label;
        ALTER TABLE Embedding ADD COLUMN [x y] INTEGER AS (length(vector))
    """)
    lengths = con.execute("SELECT [x y] FROM Embedding").fetchall()
    assert sqlclust.initialize(con)
    assert con.execute("SELECT DISTINCT note = label, rank FROM EmbeddingCluster").fetchall() == [(1, 7)]
    assert con.execute("SELECT [x y] FROM Embedding").fetchall() == lengths
    assert con.execute("""SELECT DISTINCT "a ""note"", (b)", repeats FROM ClusteringFit""").fetchall() == [
        ("x,)", None)
    ]  # fmt: skip
    con.execute(FIT)
    assert con.pragma("integrity_check") == "ok"
    schema.check(database_of(con))
    assert {finding.finding for finding in sqlclust.doctor(con).findings} - {"stale-result", "source-view"} == {
        "more-columns"
    }
    con.close()


# --- older and newer programs ------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", KNOWN)
def test_what_an_older_file_must_have_is_what_its_schema_made(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Derived from the migrations; compared with the text that the version had."""
    con = apsw.Connection(":memory:")
    con.execute(KNOWN[number].SQL)
    for newer in (False, True):
        if newer:
            trial.register(monkeypatch.setattr)
        database = database_of(con)
        schema.check(database)
        expected = expected_shapes(database, number)
        with monkeypatch.context() as then:
            then.setattr("sqlclust.schema.versions.schema_sql", lambda: KNOWN[number].SQL)
            made = _shapes(database)
        assert {name: (s.kind, s.strict, {*s.columns}) for name, s in expected.items()} == {
            name: (s.kind, s.strict, {*s.columns}) for name, s in made.items()
        }


def test_a_type_that_changes_is_not_asked_of_an_older_file(last: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = "    initial_prompt TEXT,"
    assert before in schema.schema_sql()
    text = schema.schema_sql().replace(before, "    initial_prompt ANY,")
    trial.register(monkeypatch.setattr, text, (versions.ChangeTable("Run"),))
    con = sqlclust.connect(str(last))
    schema.check(database_of(con))
    assert sqlclust.initialize(con)
    schema.check(database_of(con))
    con.execute("INSERT INTO Run (id, initial_prompt) VALUES ('r2', x'00')")
    con.close()


def test_what_is_new_and_changed_later_is_made_at_once() -> None:
    history = versions.History((
        versions.Migration(2, "new", (versions.Create("Note"),)),
        versions.Migration(3, "changed", (versions.AddColumn("note", "Text"), versions.ChangeTable("Run"))),
    ))  # fmt: skip
    assert [(history.missing(number), history.outdated(number)) for number in (1, 2, 3)] == [
        (["note"], ["run"]), ([], ["note", "run"]), ([], [])
    ]  # fmt: skip
    assert [history.has(number, "Note", "text") for number in (1, 2, 3)] == [False, False, True]


@pytest.mark.usefixtures("newest")
def test_an_older_file_is_read_as_it_is(older: Path) -> None:
    before = state(older)
    con = sqlclust.connect(str(older))
    schema.check(database_of(con))
    assert con.execute("SELECT count(*) FROM clust_labels(1)").get == 40
    con.execute("SELECT * FROM clust_doctor()").fetchall()
    con.execute("DROP VIEW ClusterSummary; CREATE VIEW ClusterSummary AS SELECT 1 AS clustering_result_id")
    with pytest.raises(SchemaDamagedError, match="view ClusterSummary has no column label"):
        schema.check(database_of(con))
    con.close()
    con = apsw.Connection(str(older))
    [view] = [row[3] for row in before[0] if row[1] == "ClusterSummary"]
    con.execute(f"DROP VIEW ClusterSummary; {view}")
    con.close()
    assert state(older) == before


def test_a_program_of_before_refuses_an_altered_file(last: Path) -> None:
    with pytest.MonkeyPatch.context() as newer:
        trial.register(newer.setattr)
        con = sqlclust.connect(str(last))
        sqlclust.initialize(con)
        con.close()
    con = sqlclust.connect(str(last))
    for attempt in (schema.check, schema.initialize):
        with pytest.raises(SchemaVersionError):
            attempt(database_of(con))
    con.close()
