"""sqlclust load: what ends it writes nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.cli.commands import load as module
from sqlclust.cli.rows_to_load import RowsToLoad
from sqlclust.schema import object_names
from tests.cli.embedding_files import BEFORE, EMBEDDINGS, array_file, lines, text_file
from tests.cli.terminal import fail, misuse, on_terminal, rows, run, succeed


def test_another_dimension_than_the_models(loaded: Path, tmp_path: Path) -> None:
    file = array_file(tmp_path / "v.npy", np.ones((3, 5)))
    assert fail("load", loaded, file, "-m", "m", "--ignore") == (
        f"{file}: a new vector of model 'm' has 5 dimensions, expected 2; nothing of the file was written"
    )
    assert rows(loaded, EMBEDDINGS) == BEFORE


def test_a_file_that_is_damaged_further_on(new: Path, tmp_path: Path) -> None:
    file = tmp_path / "v.csv"
    file.write_bytes(b'id,vector\na,"[1, 2]"\nb,"[3, \xff]"\n')
    assert fail("load", new, file, "-m", "m").startswith(f"{file}: not CSV: not UTF-8 text")
    assert not new.exists()


def test_a_file_that_is_not_there(new: Path, tmp_path: Path) -> None:
    file = tmp_path / "v.npy"
    assert fail("load", new, file, "-m", "m") == f"{file}: No such file or directory"
    assert not new.exists()
    assert "Invalid value for '--format': 'x'" in misuse("load", new, file, "-m", "m", "--format", "x")


def test_the_files_before_stay(new: Path, tmp_path: Path) -> None:
    good = text_file(tmp_path / "good.jsonl", {"id": "a", "vector": [1, 2]})
    bad = text_file(tmp_path / "bad.jsonl", {"id": "b", "vector": [3]})
    ran = run("load", new, good, bad, "-m", "m")
    assert ran.code == 1
    assert ran.err == (
        f"Error: {bad}: a new vector of model 'm' has 1 dimension, expected 2; nothing of the file was written "
        f"(loaded before: {good})\n"
    )
    assert rows(new, "SELECT id FROM Embedding") == [("a",)]


def test_a_database_of_another_program(tmp_path: Path) -> None:
    path, file = tmp_path / "theirs.db", text_file(tmp_path / "v.jsonl", {"id": "a", "vector": [1, 2]})
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    assert fail("load", path, file, "-m", "m") == f"{path} has no sqlclust tables; run: sqlclust init {path}"
    assert rows(path, "SELECT name FROM sqlite_schema") == [("theirs",)]
    succeed("init", path)
    succeed("load", path, file, "-m", "m")


def test_an_empty_file_becomes_a_database(new: Path, tmp_path: Path) -> None:
    new.touch()
    bad = array_file(tmp_path / "bad.npy", [[np.nan]])
    assert run("load", new, bad, "-m", "m").code == 1
    assert new.stat().st_size == 0
    succeed("load", new, array_file(tmp_path / "v.npy", [[1.0]]), "-m", "m")
    names = {str(name).lower() for (name,) in rows(new, "SELECT name FROM sqlite_schema")}
    assert object_names(database_of(sqlclust.connect(":memory:"))) <= names


def test_another_writer(loaded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    monkeypatch.setattr("sqlclust.bindings.apsw.connection.BUSY_TIMEOUT", 50)
    other = apsw.Connection(str(loaded))
    other.execute("BEGIN IMMEDIATE")
    message = fail("load", loaded, lines(tmp_path, {"id": "c", "vector": [5, 6]}), "-m", "m")
    assert "another connection is using the database" in message
    other.execute("ROLLBACK")
    other.close()
    assert rows(loaded, EMBEDDINGS) == BEFORE


@pytest.mark.parametrize("of", ["first", "second"])
def test_control_c(new: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, of: str) -> None:
    one = text_file(tmp_path / "one.jsonl", {"id": "a", "vector": [1, 2]})
    two = text_file(tmp_path / "two.jsonl", {"id": "b", "vector": [1, 2]})
    stopped = one if of == "first" else two
    real = RowsToLoad.usable

    def interrupted(self: Any, progress: Any) -> Any:
        yield from real(self, progress)
        if self._file == str(stopped):
            raise KeyboardInterrupt

    monkeypatch.setattr(RowsToLoad, "usable", interrupted)
    ran = run("load", new, one, two, "-m", "m")
    assert ran.code == 130
    if of == "first":
        assert ran.err == "Interrupted; nothing was written\n"
        assert not new.exists()
    else:
        assert ran.err == f"Interrupted; nothing of {two} was written (loaded before: {one})\n"
        assert rows(new, "SELECT id FROM Embedding") == [("a",)]


@pytest.mark.slow
def test_progress_on_a_terminal(new: Path, tmp_path: Path) -> None:
    file = tmp_path / "v.jsonl"
    file.write_text("\n".join([json.dumps({"vector": [0.5] * 4})] * 2_500), encoding="utf-8")
    ran = on_terminal("load", new, file, "-m", "m")
    assert ran.code == 0
    assert re.search(r"\r\x1b\[Kv\.jsonl: load +[\d,]+ rows  \d+:\d\d\r", ran.out)
    assert "2,500 embeddings of model 'm' loaded" in ran.out.rsplit("\x1b[K", 1)[1]
