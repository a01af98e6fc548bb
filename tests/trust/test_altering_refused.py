"""Upgrades that change tables and cannot be made: rows, names and tables that the trial version does not allow."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

import sqlclust
from sqlclust import schema
from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import DatabaseFileError, SchemaConflictError, SchemaContentError, SchemaDamagedError
from sqlclust.schema import versions
from tests.schemas import trial
from tests.trust.altered import OBJECTS, is_new, settings, state

VERSION = schema.VERSION  # tests make another one the newest

pytestmark = pytest.mark.slow


@pytest.mark.usefixtures("newest")
@pytest.mark.parametrize(
    ("spoil", "table", "reason"),
    [
        ("UPDATE Run SET initial_prompt = 'forbidden'", "Run", "CHECK constraint failed in Run"),
        ("UPDATE ClusteringFit SET seed = NULL", "ClusteringFit", "NULL value in ClusteringFit.seed"),
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_rows_that_the_new_text_refuses(last: Path, spoil: str, table: str, reason: str, inside: bool) -> None:
    con = sqlclust.connect(str(last))
    if "NULL" in spoil:  # as a damaged file has it
        con.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
        con.execute("PRAGMA writable_schema = ON")
        text = con.execute("SELECT sql FROM sqlite_schema WHERE name = 'ClusteringFit'").get
        update = "UPDATE sqlite_schema SET sql = ? WHERE name = 'ClusteringFit'"
        con.execute(update, (text.replace("seed            INTEGER NOT NULL", "seed            INTEGER"),))
        con.execute("PRAGMA writable_schema = RESET")
        con.execute(spoil)
        con.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    else:
        con.execute(spoil)
    objects = con.execute(OBJECTS).fetchall()
    were = settings(con)
    if inside:
        con.execute("BEGIN")
    with pytest.raises(SchemaContentError) as caught:
        sqlclust.initialize(con)
    assert (caught.value.table, caught.value.reason, caught.value.version) == (table, reason, VERSION)
    assert str(caught.value) == (
        f"{last} has rows in {table} that schema version {trial.VERSION} does not allow ({reason}); nothing was changed. The "
        f"file goes on working as schema version {VERSION}. To upgrade it, mend the rows and run: sqlclust init {last}"
    )
    assert isinstance(caught.value, SchemaConflictError)  # commands that write warn and go on
    assert con.in_transaction == inside
    assert settings(con) == were
    assert con.execute(OBJECTS).fetchall() == objects
    schema.check(database_of(con))
    con.close()


ASKING_MORE: dict[str, tuple[tuple[str, str], versions.Step, str, str]] = {
    "a foreign key": (
        ("    initial_prompt TEXT,", "    initial_prompt TEXT REFERENCES Run (id),"),
        versions.ChangeTable("Run"),
        "Run",
        "1 more foreign keys point at nothing",
    ),
    "a new column with a value and a foreign key": (
        (
            "    initial_prompt TEXT,\n    created_at     TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ'))\n",
            "    initial_prompt TEXT,\n    created_at     TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')),\n"
            "    parent_id INTEGER DEFAULT 5 REFERENCES Run (id)\n",
        ),
        versions.AddColumn("Run", "parent_id"),
        "Run",
        "1 more foreign keys point at nothing",
    ),
    "a foreign key of another column": (
        (
            "embedding_model TEXT NOT NULL CHECK (embedding_model <> ''),",
            "embedding_model TEXT NOT NULL CHECK (embedding_model <> '') REFERENCES EmbeddingSource (name),",
        ),
        versions.ChangeTable("Embedding"),
        "Embedding",
        "100 more foreign keys point at nothing",
    ),
    "a unique index": (
        ("CREATE INDEX ", "CREATE UNIQUE INDEX One ON Embedding (embedding_model);\nCREATE INDEX "),
        versions.Create("One"),
        "One",
        "UNIQUE constraint failed: Embedding.embedding_model",
    ),
}


@pytest.mark.parametrize("what", ASKING_MORE)
def test_rows_that_what_is_new_refuses(last: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    (old, new), step, table, reason = ASKING_MORE[what]
    before = state(last)
    assert old in schema.schema_sql()
    trial.register(monkeypatch.setattr, schema.schema_sql().replace(old, new, 1), (step,))
    con = sqlclust.connect(str(last))
    with pytest.raises(SchemaContentError) as caught:
        sqlclust.initialize(con)
    assert (caught.value.table, caught.value.reason) == (table, reason)
    con.close()
    assert state(last) == before


@pytest.mark.usefixtures("newest")
def test_a_view_and_a_trigger_that_somebody_dropped_are_made(last: Path) -> None:
    before = state(last)
    con = sqlclust.connect(str(last))
    con.execute("DROP VIEW ClusterSummary; DROP TRIGGER EmbeddingPrediction_insert; DROP INDEX ClusteringFit_corpus")
    assert sqlclust.initialize(con)
    con.close()
    is_new(last, before)


@pytest.mark.usefixtures("newest")
@pytest.mark.parametrize("name", ["ClusterSummary", "ClusteringFit_corpus"])
def test_a_name_that_somebody_gave_to_another_thing(last: Path, name: str) -> None:
    con = sqlclust.connect(str(last))
    con.execute(f"DROP {'VIEW' if name == 'ClusterSummary' else 'INDEX'} {name}; CREATE TABLE {name} (a)")
    before = state(last)
    with pytest.raises(SchemaConflictError) as caught:
        sqlclust.initialize(con)
    assert caught.value.names == (f"table {name}",)
    con.close()
    assert state(last) == before


@pytest.mark.usefixtures("newest")
def test_a_table_that_has_lost_a_column(last: Path) -> None:
    con = sqlclust.connect(str(last))
    con.execute("ALTER TABLE Run DROP COLUMN created_at")
    reason = f"table Run does not have the columns of version {VERSION} in their order"
    with pytest.raises(SchemaDamagedError, match=reason):
        sqlclust.initialize(con)
    con.close()


@pytest.mark.usefixtures("newest")
def test_orphans_that_were_there_do_not_hold_it_up(last: Path) -> None:
    con = apsw.Connection(str(last))
    con.execute("UPDATE Embedding SET invocation_id = 'gone' WHERE id = 1001")
    assert sqlclust.initialize(con)
    con.close()


@pytest.mark.usefixtures("newest")
def test_a_new_column_that_the_host_has_already(last: Path) -> None:
    con = sqlclust.connect(str(last))
    con.execute("ALTER TABLE Embedding ADD COLUMN tag TEXT")
    con.close()
    before = state(last)
    con = sqlclust.connect(str(last))
    with pytest.raises(SchemaConflictError, match=r"already has column Embedding\.tag of another program"):
        sqlclust.initialize(con)
    con.close()
    assert state(last) == before


def test_a_new_column_in_the_middle_is_refused(last: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake of ours, which would read every row's values in the wrong columns."""
    before = state(last)
    text = trial.SQL.replace(
        "    embedding_model TEXT NOT NULL CHECK", "    early TEXT,\n    embedding_model TEXT NOT NULL CHECK"
    )
    steps = (*trial.MIGRATION.steps, versions.AddColumn("Embedding", "early"))
    trial.register(monkeypatch.setattr, text, steps)
    con = sqlclust.connect(str(last))
    with pytest.raises(SchemaDamagedError, match="a new column of table Embedding would not be its last"):
        sqlclust.initialize(con)
    con.close()
    assert state(last) == before


@pytest.mark.usefixtures("newest")
def test_a_file_for_reading_only_is_left(last: Path) -> None:
    before = state(last)
    con = sqlclust.connect(str(last), readonly=True)
    were = settings(con)
    schema.check(database_of(con))
    with pytest.raises(DatabaseFileError, match="needs a connection that may write"):
        sqlclust.initialize(con)
    assert settings(con) == were
    con.close()
    assert state(last) == before
