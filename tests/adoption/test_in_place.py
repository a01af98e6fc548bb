"""Adopting in the old file: beside its tables, or in their place."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

import sqlclust
from sqlclust.errors import AdoptError, ArgumentError, BackupError
from tests.adoption.adopting import change, expected_members, hashed, refused, rows, stored_members, theirs, whole
from tests.cli.terminal import succeed
from tests.schemas.old_project import MODELS, SHAPES, Shape, make

pytestmark = pytest.mark.slow


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
