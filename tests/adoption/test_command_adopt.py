"""The command adopt, and its dry run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import sqlclust
from sqlclust.errors import SchemaConflictError
from tests.adoption.adopting import adopted, change, hashed, refused, rows
from tests.cli.terminal import run, succeed
from tests.schemas.old_project import SHAPES, Shape, make

pytestmark = pytest.mark.slow


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


def test_files_that_are_not_what_is_needed(tmp_path: Path) -> None:
    old = make(tmp_path / "old.db")
    new, other, ours = tmp_path / "new.db", tmp_path / "other.db", tmp_path / "ours.db"
    refused(f"{new}: there is no such file", new, other)
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
