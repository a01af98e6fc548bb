"""sqlclust load --from-table --sync: a copy that follows its table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cli.embedding_files import EMBEDDINGS, embedding, without_seconds
from tests.cli.host_files import change, ids_in, made_by, notes
from tests.cli.terminal import fail, rows, run, succeed
from tests.small import blob, clustered

SYNC = ("--from-table", "notes", "-m", "m", "--sync")


def synced(ours: Path, theirs: Path, *options: str) -> tuple[dict[str, Any], str]:
    """What a sync did, without what is zero; and what it said on stderr."""
    ran = run("load", ours, theirs, *SYNC, *options, "--json")
    assert ran.code == 0, ran
    (told,) = json.loads(ran.out)
    return {name: count for name, count in told.items() if isinstance(count, int) and count}, ran.err


def test_only_what_is_new_or_changed_is_written(new: Path, theirs: Path) -> None:
    assert synced(new, theirs) == ({"added": 2}, "")
    created = "SELECT id, created_at FROM Embedding ORDER BY id"
    times = rows(new, created)
    content = new.read_bytes()
    assert synced(new, theirs) == ({"unchanged": 2}, "")
    assert rows(new, created) == times
    assert len(new.read_bytes()) == len(content)
    change(
        theirs,
        "INSERT INTO notes VALUES (7, x'0000803f0000803f', 'seven')",
        "UPDATE notes SET embedding = x'0000803f0000803f' WHERE id = 'a'",
        "UPDATE notes SET body = 'two' WHERE id = 'b'",
    )
    assert synced(new, theirs) == ({"added": 1, "replaced": 2}, "")
    assert rows(new, EMBEDDINGS) == [
        embedding(7, 1, 1, content="seven"), embedding("a", 1, 1, content="one"), embedding("b", 3, 4, content="two")
    ]  # fmt: skip
    change(theirs, "UPDATE notes SET body = NULL")
    assert synced(new, theirs) == ({"unchanged": 3}, "")  # no column seems to be one of texts any more
    assert synced(new, theirs, "--content-column", "body") == ({"replaced": 3}, "")
    assert rows(new, "SELECT DISTINCT content FROM Embedding") == [(None,)]
    out = succeed("load", new, theirs, *SYNC)
    assert without_seconds(out).startswith(
        f"{theirs}, notes: 0 embeddings of model 'm' loaded, 3 unchanged, 0 deleted (… s)\n"
    )


def test_texts_beside_a_copy_of_vec0_stay(new: Path, tmp_path: Path) -> None:
    """Its own are not copied, and so those that somebody wrote are no change."""
    load = ("load", new, made_by("vec0", tmp_path / "theirs.db"), "--from-table", "full.embedding", "-m", "m")
    assert "12 embeddings of model 'm' loaded, texts (body) not copied (" in succeed(*load)
    change(new, "UPDATE Embedding SET content = 'of ' || id")
    assert "12 unchanged" in succeed(*load, "--sync")
    assert rows(new, "SELECT count(*) FROM Embedding WHERE content = 'of ' || id") == [(12,)]


def test_gone_rows_are_said_and_deleted_if_asked_for(new: Path, theirs: Path) -> None:
    synced(new, theirs)
    change(theirs, "DELETE FROM notes WHERE id = 'a'")
    counts, said = synced(new, theirs)
    assert counts == {"unchanged": 1, "gone": 1}
    assert said == (
        f"{theirs}, notes: 1 embedding of the model is not in the table any more and stays; "
        "--sync --delete deletes those that no result uses\n"
    )
    assert ids_in(new) == ["a", "b"]
    assert synced(new, theirs, "--delete") == ({"unchanged": 1, "deleted": 1}, "")
    assert ids_in(new) == ["b"]
    assert synced(new, theirs, "--delete") == ({"unchanged": 1}, "")


def test_other_models_are_left_alone(new: Path, theirs: Path, tmp_path: Path) -> None:
    other = notes(tmp_path / "other.db", values=[("x", blob(1, 2), None)])
    succeed("load", new, other, "--from-table", "notes", "-m", "other")
    synced(new, theirs)
    change(theirs, "DELETE FROM notes WHERE id = 'a'")
    synced(new, theirs, "--delete")
    assert ids_in(new) == ["b", "x"]


def test_an_empty_table_deletes_nothing(new: Path, theirs: Path) -> None:
    synced(new, theirs)
    change(theirs, "DELETE FROM notes")
    assert "table 'notes' has no rows" in fail("load", new, theirs, *SYNC, "--delete")
    named = ("--vector-column", "embedding", "--id-column", "id")
    assert fail("load", new, theirs, *SYNC, "--delete", *named).endswith("none of its 0 rows can be used")
    assert ids_in(new) == ["a", "b"]


def test_nothing_is_deleted_while_rows_are_skipped(new: Path, theirs: Path) -> None:
    synced(new, theirs)
    change(theirs, "UPDATE notes SET embedding = NULL WHERE id = 'a'")
    counts, said = synced(new, theirs, "--delete")
    assert counts == {"unchanged": 1, "gone": 1, "skipped": 1}
    assert "skipped row 1: id 'a': the vector is NULL" in said
    assert said.endswith("; nothing is deleted while rows are skipped\n")
    assert ids_in(new) == ["a", "b"]


def test_errors_write_nothing(new: Path, theirs: Path, tmp_path: Path) -> None:
    synced(new, theirs)
    before = rows(new, EMBEDDINGS)
    change(
        theirs,
        "UPDATE notes SET body = 'other'",
        "CREATE TABLE twice AS SELECT * FROM notes UNION ALL SELECT * FROM notes",
    )
    twice = ("--from-table", "twice", "--id-column", "id", "--vector-column", "embedding", "-m", "m", "--sync")
    assert fail("load", new, theirs, *twice) == (
        f"{theirs}, twice: embedding 'a' came twice; nothing of the file was written"
    )
    assert rows(new, EMBEDDINGS) == before
    fresh = tmp_path / "fresh.db"
    assert "came twice" in fail("load", fresh, theirs, *twice)
    assert not fresh.exists()
    other = notes(tmp_path / "other.db", values=[("c", blob(1, 2), None), ("d", blob(1, 2), None)])
    succeed("load", new, other, "--from-table", "notes", "-m", "other")
    change(theirs, "UPDATE notes SET id = 'c' WHERE id = 'b'")
    assert "embedding 'c' belongs to model 'other'" in fail("load", new, theirs, *SYNC)
    assert rows(new, EMBEDDINGS)[:2] == before


def test_new_rows_are_not_gone_where_rowids_are_used_up(new: Path, theirs: Path) -> None:
    synced(new, theirs)
    change(new, "UPDATE Embedding SET rowid = 9223372036854775807 WHERE id = 'a'")  # from now on they are random
    change(theirs, "DELETE FROM notes WHERE id = 'b'", "INSERT INTO notes VALUES ('c', x'0000803f0000803f', 'three')")
    assert synced(new, theirs, "--delete") == ({"added": 1, "unchanged": 1, "deleted": 1}, "")
    assert ids_in(new) == ["a", "c"]
    change(theirs, "CREATE TABLE twice AS SELECT * FROM notes UNION ALL SELECT 'd', embedding, body FROM notes")
    twice = ("--from-table", "twice", "--id-column", "id", "--vector-column", "embedding", "-m", "m", "--sync")
    assert "embedding 'd' came twice" in fail("load", new, theirs, *twice)
    assert ids_in(new) == ["a", "c"]


@pytest.fixture
def used(new: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A copy with a result of it, and one embedding that came later."""
    theirs = notes(tmp_path / "many.db", values=[(at, blob(*row), None) for at, row in enumerate(clustered().tolist())])
    synced(new, theirs)
    succeed("fit", new, "m", "--min-cluster-size", 5)
    change(theirs, "INSERT INTO notes SELECT 'later', embedding, 'text' FROM notes WHERE id = 0")
    assert synced(new, theirs) == ({"added": 1, "unchanged": 40}, "")
    succeed("predict", new, "--store")
    return new, theirs


def test_what_a_result_uses_stays(used: tuple[Path, Path]) -> None:
    ours, theirs = used
    before = rows(ours, "SELECT id, vector FROM Embedding WHERE id IN (1, 2) ORDER BY id")
    change(
        theirs,
        "UPDATE notes SET embedding = (SELECT embedding FROM notes WHERE id = 3) WHERE id IN (1, 'later')",
        "UPDATE notes SET body = 'a text' WHERE id = 5",
        "DELETE FROM notes WHERE id = 2",
    )
    counts, said = synced(ours, theirs, "--delete")
    assert counts == {"replaced": 2, "predictions": 1, "unchanged": 37, "kept_changed": 1, "kept_gone": 1}
    assert [line.partition("notes: ")[2] for line in said.splitlines()] == [
        "1 embedding of the model has another vector by now and stays as it was: a result uses it; sqlclust delete takes a "
        "result away, and the next --sync replaces it",
        "1 embedding of the model is not in the table any more and stays: a result uses it",
    ]
    assert rows(ours, "SELECT id, vector FROM Embedding WHERE id IN (1, 2) ORDER BY id") == before
    assert rows(ours, "SELECT content FROM Embedding WHERE id = 5") == [("a text",)]
    assert rows(ours, "PRAGMA foreign_key_check") == []
    succeed("delete", ours, 1, "--yes")
    assert synced(ours, theirs, "--delete") == ({"replaced": 1, "unchanged": 39, "deleted": 1}, "")
    assert rows(ours, "SELECT id, vector, content FROM Embedding ORDER BY id") == rows(
        theirs, "SELECT id, embedding, body FROM notes ORDER BY id"
    )


def test_predictions_go_with_what_is_gone(used: tuple[Path, Path]) -> None:
    ours, theirs = used
    change(theirs, "DELETE FROM notes WHERE id = 'later'")
    assert synced(ours, theirs, "--delete")[0] == {"unchanged": 40, "deleted": 1, "predictions": 1}
    assert rows(ours, "SELECT count(*) FROM EmbeddingPrediction") == [(0,)]


def test_a_trigger_that_keeps_rows_is_an_error(used: tuple[Path, Path]) -> None:
    ours, theirs = used
    change(ours, "CREATE TRIGGER keep BEFORE DELETE ON Embedding BEGIN SELECT raise(IGNORE); END")
    change(theirs, "DELETE FROM notes WHERE id = 'later'", "UPDATE notes SET body = 'changed' WHERE id = 3")
    assert "keep" in fail("load", ours, theirs, *SYNC, "--delete")
    assert rows(ours, "SELECT content FROM Embedding WHERE id = 3") == [(None,)]


CELLS = st.dictionaries(
    st.one_of(st.integers(-3, 3), st.sampled_from(["a", "b", "1"]), st.sampled_from([b"a", b""])),
    st.tuples(st.integers(0, 2), st.sampled_from([None, "x", "y"])),
    min_size=1,
    max_size=6,
)


@pytest.mark.slow
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(states=st.lists(CELLS, min_size=2, max_size=4))
def test_after_a_sync_with_delete_the_copy_is_the_table(
    tmp_path_factory: pytest.TempPathFactory, states: list[dict[Any, tuple[int, str | None]]]
) -> None:
    folder = tmp_path_factory.mktemp("sync")
    ours, theirs = folder / "ours.db", notes(folder / "theirs.db")
    for state in states:
        connection = apsw.Connection(str(theirs))
        connection.execute("DELETE FROM notes")
        values = [(key, blob(number, 1), text) for key, (number, text) in state.items()]
        connection.executemany("INSERT INTO notes VALUES (?, ?, ?)", values)
        connection.close()
        synced(ours, theirs, "--content-column", "body", "--delete")
        assert rows(ours, "SELECT id, vector, content FROM Embedding ORDER BY id") == rows(
            theirs, "SELECT id, embedding, body FROM notes ORDER BY id"
        )
