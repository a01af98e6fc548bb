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
from sqlclust.schema import object_names
from tests.cli.terminal import fail, misuse, on_terminal, rows, run, succeed
from tests.small import blob, clustered

EMBEDDINGS = "SELECT id, embedding_model, vector, content, invocation_id FROM Embedding ORDER BY id"


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return tmp_path / "new.db"


def text_file(path: Path, *lines: object) -> Path:
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def array_file(path: Path, values: Any) -> Path:
    np.save(path, values)
    return path


def embedding(id: object, *numbers: float, content: str | None = None, step: object = None, model: str = "m") -> Any:
    return id, model, blob(*numbers), content, step


def without_seconds(text: str) -> str:
    return re.sub(r"\(\d+\.\d s\)", "(… s)", text)


# --- what is written --------------------------------------------------------------------------------------


def test_an_array_into_a_new_database(new: Path, tmp_path: Path) -> None:
    array = array_file(tmp_path / "v.npy", [[1, 2], [3, 4]])
    ids = text_file(tmp_path / "ids.txt", "7", "0688868048517e121234567890123456")
    texts = text_file(tmp_path / "texts.txt", "seven", "the other")
    out = succeed("load", new, array, "--ids", ids, "--texts", texts, "--model", "m")
    assert without_seconds(out) == (
        f"{new} created\n{array}: 2 embeddings of model 'm' loaded (… s)\nNext: sqlclust fit {new} m\n"
    )
    assert rows(new, EMBEDDINGS) == [
        embedding("0688868048517e121234567890123456", 3, 4, content="the other"),
        embedding("7", 1, 2, content="seven"),
    ]


def test_records_with_other_names_of_columns(new: Path, tmp_path: Path) -> None:
    file = text_file(tmp_path / "v.jsonl", {"k": "a", "e": [1, 2], "t": "text"}, {"k": "b", "e": [3, 4]})
    succeed("load", new, file, "-m", "m", "--id-column", "k", "--vector-column", "e", "--content-column", "t")
    assert rows(new, EMBEDDINGS) == [embedding("a", 1, 2, content="text"), embedding("b", 3, 4)]


def test_several_files_and_an_ending_that_says_nothing(new: Path, tmp_path: Path) -> None:
    one = text_file(tmp_path / "one", "id,vector", 'a,"[1, 2]"')
    two = text_file(tmp_path / "two.json", '[{"id": "b", "vector": [3, 4]}]')
    out = succeed("load", new, one, two, "-m", "m")
    assert without_seconds(out).count("1 embedding of model 'm' loaded") == 2
    assert rows(new, EMBEDDINGS) == [embedding("a", 1, 2), embedding("b", 3, 4)]
    three = text_file(tmp_path / "three.txt", '{"id": "c", "vector": [5, 6]}')
    succeed("load", new, three, "-m", "m", "--format", "nl")
    assert rows(new, "SELECT id FROM Embedding ORDER BY id") == [("a",), ("b",), ("c",)]


# --- types of ids -----------------------------------------------------------------------------------------

NO_NUMBER = "no id, and the ids of this column are TEXT, so that no number is given"
TYPED = "SELECT typeof(id), id FROM Embedding ORDER BY rowid"


def column(path: Path, *ids: str, runs: bool = False) -> Path:
    placed = [f'{id},"[{at}, 1]"' + (f",{id},{at}" if runs else "") for at, id in enumerate(ids)]
    return text_file(path, "id,vector" + (",run_id,sequence_number" if runs else ""), *placed)


def test_a_column_of_ids_has_one_type(new: Path, tmp_path: Path) -> None:
    succeed("load", new, column(tmp_path / "a.csv", "12345678", "0abc1234", "87654321"), "-m", "hashes")
    succeed("load", new, column(tmp_path / "b.csv", "12345678", "87654321"), "-m", "numbers")
    assert rows(new, TYPED) == [
        ("text", "12345678"), ("text", "0abc1234"), ("text", "87654321"), ("integer", 12345678), ("integer", 87654321),
    ]  # fmt: skip


def test_a_part_of_a_column_that_has_digits_only_is_text_as_the_parts_before(new: Path, tmp_path: Path) -> None:
    first = column(tmp_path / "a.csv", "0abc1234", "1abc1234", runs=True)
    second = column(tmp_path / "b.csv", "12345678", "", "87654321", runs=False)
    succeed("load", new, first, "-m", "m")
    assert run("load", new, second, "-m", "m").err == f"{second}: skipped row 2: {NO_NUMBER}\n"
    assert rows(new, TYPED)[2:] == [("text", "12345678"), ("text", "87654321")]
    succeed("load", new, column(tmp_path / "c.csv", "11111111", runs=True), "-m", "m")
    assert rows(new, "SELECT typeof(id), count(*) FROM Run GROUP BY 1") == [("text", 3)]
    # what is said is done, and numbers of another model are of no concern
    succeed("load", new, column(tmp_path / "d.csv", "22222222"), "-m", "m", "--id-type", "integer")
    succeed("load", new, column(tmp_path / "e.csv", "33333333"), "-m", "other")
    assert rows(new, TYPED)[-2:] == [("integer", 22222222), ("integer", 33333333)]


def test_text_that_comes_to_integers_is_said(new: Path, tmp_path: Path) -> None:
    succeed("load", new, column(tmp_path / "a.csv", "1", "2"), "-m", "m")
    done = run("load", new, column(tmp_path / "b.csv", "3", "x"), "-m", "m")
    assert "b.csv: its ids become TEXT, and those of the model so far are INTEGER; --id-type says" in done.err


def test_a_row_without_an_id_gets_no_number_among_text(new: Path, tmp_path: Path) -> None:
    ran = run("load", new, column(tmp_path / "a.csv", "", "1", "ab"), "-m", "m")
    assert (ran.code, ran.err) == (0, f"{tmp_path / 'a.csv'}: skipped row 1: {NO_NUMBER}\n")
    assert rows(new, TYPED) == [("text", "1"), ("text", "ab")]
    numbers = column(tmp_path / "b.csv", "", "7")
    succeed("load", new, numbers, "-m", "numbers")
    assert rows(new, TYPED)[2:] == [("integer", 1), ("integer", 7)]
    ran = run("load", new, numbers, "-m", "said", "--id-type", "text", "--replace")
    assert ran.err.startswith(f"{numbers}: skipped row 1: {NO_NUMBER}\n")
    none = column(tmp_path / "c.csv", "", "")
    ran = run("load", new, none, "-m", "m")  # whose ids are TEXT
    assert (ran.code, ran.err.splitlines()[1:]) == (
        1, [f"{none}: skipped row 2: {NO_NUMBER}", f"Error: {none}: none of its 2 rows can be used"]
    )  # fmt: skip


def test_files_without_ids_have_none_that_become_text(new: Path, tmp_path: Path) -> None:
    for file in (
        array_file(tmp_path / "v.npy", [[1, 2], [3, 4]]),
        text_file(tmp_path / "v.csv", "vector", "[1]"),
        text_file(tmp_path / "v.json", '[{"vector": [1]}, {"vector": [2]}]'),
    ):
        message = fail("load", new, file, "-m", "m", "--id-type", "text")
        assert message.startswith(f"{file}: it has no ids, and they are to be TEXT: rows without an id are numbered")
    file = text_file(tmp_path / "v.jsonl", {"vector": [1]})
    assert NO_NUMBER in run("load", new, file, "-m", "m", "--id-type", "text").err
    assert not new.exists()


@pytest.mark.parametrize("option", ["--id-type", "--run-id-type"])
def test_a_type_that_is_said(new: Path, tmp_path: Path, option: str) -> None:
    file = column(tmp_path / "a.csv", "1", "2", runs=True)
    succeed("load", new, file, "-m", "m", option, "text")
    types = "SELECT (SELECT group_concat(DISTINCT typeof(id)) FROM {}) FROM Run LIMIT 1"
    assert rows(new, types.format("Embedding")) == [("text" if option == "--id-type" else "integer",)]
    assert rows(new, types.format("Run")) == [("integer" if option == "--id-type" else "text",)]
    bad = column(tmp_path / "bad.csv", "3", "007", runs=True)
    before = new.read_bytes()
    message = fail("load", new, bad, "-m", "other", option, "integer")
    name = "id" if option == "--id-type" else "run_id"
    assert message.startswith(f"{bad}: row 2: {name} is '007', expected an integer as SQLite writes it, such as 7")
    assert new.read_bytes() == before
    unmade = tmp_path / "unmade.db"
    fail("load", unmade, bad, "-m", "m", option, "integer")
    assert not unmade.exists()
    assert "'real' is not one of 'text', 'integer'" in misuse("load", new, file, "-m", "m", option, "real")


# --- rows -------------------------------------------------------------------------------------------------


def test_rows_without_an_id_are_numbered(new: Path, tmp_path: Path) -> None:
    file = array_file(tmp_path / "v.npy", [[1, 2], [3, 4]])
    succeed("load", new, file, "-m", "m")
    named = text_file(
        tmp_path / "named.jsonl", {"id": 41, "vector": [5, 6]}, {"vector": [7, 8]}, {"id": "99", "vector": [9, 9]}
    )
    succeed("load", new, named, "-m", "m")
    succeed("load", new, file, "-m", "other")
    assert [row[0] for row in rows(new, EMBEDDINGS)] == [1, 2, 41, 42, 43, 44, "99"]


def test_numbers_run_out(new: Path, tmp_path: Path) -> None:
    file = text_file(tmp_path / "v.jsonl", {"id": 2**63 - 1, "vector": [1, 2]}, {"vector": [3, 4]})
    assert "a row without an id cannot be numbered" in fail("load", new, file, "-m", "m")
    assert not new.exists()


def test_runs_and_steps(new: Path, tmp_path: Path) -> None:
    lines = ['a,"[1, 2]",r1,0', 'b,"[3, 4]",r1,1', 'c,"[5, 6]",8,0', 'd,"[7, 8]",,']
    file = text_file(tmp_path / "v.csv", "id,vector,run,step", *lines)
    options = ("--run-column", "run", "--sequence-column", "step")
    out = succeed("load", new, file, "-m", "m", *options)
    assert "4 embeddings of model 'm' loaded, 3 steps of 2 new runs (" in out
    placed = "SELECT e.id, run_id, sequence_number FROM Embedding e LEFT JOIN Invocation i ON i.id = invocation_id ORDER BY 1"
    assert rows(new, placed) == [("a", "r1", 0), ("b", "r1", 1), ("c", "8", 0), ("d", None, None)]
    assert rows(new, "SELECT id FROM Run ORDER BY id") == [("8",), ("r1",)]
    # another model's embeddings of the same steps
    other = text_file(tmp_path / "other.csv", "id,vector,run,step", "A,[1],r1,0", "B,[2],r1,1")
    out = succeed("load", new, other, "-m", "other", *options)
    assert "2 embeddings of model 'other' loaded (" in out
    assert rows(new, "SELECT count(*) FROM Invocation") == [(3,)]


@pytest.mark.parametrize("option", ["--json", "--nl", "--csv"])
def test_formats(new: Path, tmp_path: Path, option: str) -> None:
    file = text_file(tmp_path / "v.jsonl", {"id": "a", "vector": [1, 2]}, {"id": "b", "vector": []})
    ran = run("load", new, file, "-m", "m", option)
    assert ran.code == 0
    counts = {"added": 1, "replaced": 0, "ignored": 0, "runs": 0, "invocations": 0, "predictions": 0, "skipped": 1}
    found = {"file": str(file), "embedding_model": "m", **counts}
    expected = {
        "--json": json.dumps([found]) + "\n",
        "--nl": json.dumps(found) + "\n",
        "--csv": ",".join(found) + "\n" + ",".join(map(str, found.values())) + "\n",
    }
    assert ran.out == expected[option]
    assert ran.err == f"{file}: skipped row 2: the vector is an empty array, expected a JSON array of numbers\n"


# --- rows that cannot be used -----------------------------------------------------------------------------


def test_skipped_rows_are_listed(new: Path, tmp_path: Path) -> None:
    vectors = np.ones((20, 2))
    vectors[3:15] = np.nan
    file = array_file(tmp_path / "v.npy", vectors)
    ran = run("load", new, file, "-m", "m")
    assert ran.code == 0
    assert "8 embeddings of model 'm' loaded, 12 skipped (" in ran.out
    lines = ran.err.splitlines()
    assert len(lines) == 11
    assert lines[0] == f"{file}: skipped row 4: the vector has nan at position 0, expected finite numbers"
    assert lines[-1] == "… and 2 more"


def test_half_a_place_in_a_run_is_skipped(new: Path, tmp_path: Path) -> None:
    records: list[object] = [
        {"id": "a", "vector": [1], "run_id": "r"},
        {"id": "b", "vector": [1], "sequence_number": 1},
        {"id": "c", "vector": [1], "run_id": "r", "sequence_number": -1},
        {"id": "d", "vector": [1], "run_id": "r", "sequence_number": 0},
    ]
    ran = run("load", new, text_file(tmp_path / "v.jsonl", *records), "-m", "m")
    assert [line.split("skipped ")[1] for line in ran.err.splitlines()] == [
        "row 1: a run without a sequence number",
        "row 2: a sequence number without a run",
        "row 3: the sequence number is -1, expected 0 or more",
    ]
    assert rows(new, "SELECT id FROM Embedding") == [("d",)]


def test_nothing_to_use(new: Path, tmp_path: Path) -> None:
    file = array_file(tmp_path / "v.npy", np.full((3, 2), np.inf))
    ran = run("load", new, file, "-m", "m")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.endswith(f"Error: {file}: none of its 3 rows can be used\n")
    assert not new.exists()


# --- ids that are taken -----------------------------------------------------------------------------------


@pytest.fixture
def loaded(new: Path, tmp_path: Path) -> Path:
    file = text_file(
        tmp_path / "first.jsonl",
        {"id": "a", "vector": [1, 2], "content": "first", "run_id": "r", "sequence_number": 0},
        {"id": "b", "vector": [3, 4]},
    )
    succeed("load", new, file, "-m", "m")
    return new


def lines(tmp_path: Path, *records: dict[str, object]) -> Path:
    return text_file(tmp_path / "next.jsonl", *records)


BEFORE = [embedding("a", 1, 2, content="first", step=1), embedding("b", 3, 4)]


def test_an_id_that_is_there(loaded: Path, tmp_path: Path) -> None:
    file = lines(tmp_path, {"id": "c", "vector": [5, 6]}, {"id": "b", "vector": [3, 4]})
    assert fail("load", loaded, file, "-m", "m") == (
        f"{file}: embedding 'b' is already in the database; nothing of the file was written. "
        "--ignore keeps embeddings that are there, --replace puts the new ones in their place"
    )
    assert rows(loaded, EMBEDDINGS) == BEFORE


def test_an_id_twice_in_a_file(loaded: Path, tmp_path: Path) -> None:
    file = lines(tmp_path, {"id": "c", "vector": [5, 6]}, {"id": "c", "vector": [7, 8]})
    assert fail("load", loaded, file, "-m", "m").startswith(f"{file}: embedding 'c' came twice; nothing of the file")
    assert rows(loaded, EMBEDDINGS) == BEFORE
    out = succeed("load", loaded, file, "-m", "m", "--ignore")
    assert "1 embedding of model 'm' loaded, 1 already there (" in out
    assert rows(loaded, EMBEDDINGS) == [*BEFORE, embedding("c", 5, 6)]


def test_ignore(loaded: Path, tmp_path: Path) -> None:
    file = lines(tmp_path, {"id": "b", "vector": [9, 9], "content": "new"}, {"id": "c", "vector": [5, 6]})
    succeed("load", loaded, file, "-m", "m", "--ignore")
    assert rows(loaded, EMBEDDINGS) == [*BEFORE, embedding("c", 5, 6)]


def test_replace(loaded: Path, tmp_path: Path) -> None:
    file = lines(
        tmp_path,
        {"id": "a", "vector": [9, 9]},
        {"id": "b", "vector": [8, 8], "content": "new", "run_id": "r", "sequence_number": 1},
        {"id": "c", "vector": [5, 6]},
        {"vector": [4, 4], "content": "by its step", "run_id": "r", "sequence_number": 0},
    )
    out = succeed("load", loaded, file, "-m", "m", "--replace")
    assert "1 embedding of model 'm' loaded, 3 replaced, 1 steps of 0 new runs (" in out
    assert rows(loaded, EMBEDDINGS) == [
        embedding("a", 4, 4, content="by its step", step=1),
        embedding("b", 8, 8, content="new", step=2),
        embedding("c", 5, 6),
    ]


def test_an_id_of_another_model(loaded: Path, tmp_path: Path) -> None:
    file = lines(tmp_path, {"id": "a", "vector": [1, 2, 3]})
    for options in ([], ["--ignore"], ["--replace"]):
        message = fail("load", loaded, file, "-m", "other", *options)
        assert message.startswith(f"{file}: embedding 'a' belongs to model 'm', expected 'other': an id is used once")
    assert rows(loaded, EMBEDDINGS) == BEFORE


def test_a_step_that_is_taken(loaded: Path, tmp_path: Path) -> None:
    place = {"run_id": "r", "sequence_number": 0}
    taken = "is of step 0 of run 'r', which has embedding 'a' of model 'm' already"
    new = lines(tmp_path, {"id": "z", "vector": [5, 6], **place})
    for options in ([], ["--ignore"], ["--replace"]):
        assert f"embedding 'z' {taken}" in fail("load", loaded, new, "-m", "m", *options)
    moved = lines(tmp_path, {"id": "b", "vector": [5, 6], **place})
    assert f"embedding 'b' {taken}" in fail("load", loaded, moved, "-m", "m", "--replace")
    nameless = lines(tmp_path, {"vector": [5, 6], **place})
    assert taken in fail("load", loaded, nameless, "-m", "m")
    succeed("load", loaded, nameless, "-m", "m", "--ignore")
    assert rows(loaded, EMBEDDINGS) == BEFORE


def test_a_prediction_goes_with_the_vector_it_was_made_of(fitted: Path, tmp_path: Path) -> None:
    near = [float(x) for x in clustered()[0]]
    new = text_file(tmp_path / "new.jsonl", {"id": "p", "vector": near}, {"id": "q", "vector": near})
    succeed("load", fitted, new, "-m", "demo")
    succeed("predict", fitted, "--store")
    kept = "SELECT embedding_id FROM EmbeddingPrediction ORDER BY 1"
    assert rows(fitted, kept) == [("p",), ("q",)]
    same = text_file(tmp_path / "same.jsonl", {"id": "p", "vector": near, "content": "text"})
    assert "1 replaced (" in succeed("load", fitted, same, "-m", "demo", "--replace")
    assert rows(fitted, kept) == [("p",), ("q",)]
    other = text_file(tmp_path / "other.jsonl", {"id": "p", "vector": near[::-1]}, {"id": "q", "vector": near})
    out = succeed("load", fitted, other, "-m", "demo", "--replace")
    assert "2 replaced, 1 prediction of them deleted (" in out
    assert rows(fitted, kept) == [("q",)]


def test_a_clustered_vector_is_not_replaced(fitted: Path, tmp_path: Path) -> None:
    before = rows(fitted, EMBEDDINGS)
    [same] = [vector.tolist() for vector in clustered()[2:3]]
    file = lines(tmp_path, {"id": 3, "vector": [float(number) for number in same], "content": "new"})
    succeed("load", fitted, file, "-m", "demo", "--replace")
    assert rows(fitted, "SELECT content FROM Embedding WHERE id = 3") == [("new",)]
    file = lines(tmp_path, {"id": 41, "vector": same}, {"id": 4, "vector": same})
    assert fail("load", fitted, file, "-m", "demo", "--replace") == (
        f"{file}: the vector of embedding 4 cannot be replaced, clustering result 1 is made of it; delete the result first, "
        "or load the vector under a new id; nothing of the file was written"
    )
    assert [row[:3] for row in rows(fitted, EMBEDDINGS)] == [row[:3] for row in before]


# --- errors write nothing ---------------------------------------------------------------------------------


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
    real = module._RowsToLoad.usable

    def interrupted(self: Any, progress: Any) -> Any:
        yield from real(self, progress)
        if self._file == stopped:
            raise KeyboardInterrupt

    monkeypatch.setattr(module._RowsToLoad, "usable", interrupted)
    ran = run("load", new, one, two, "-m", "m")
    assert ran.code == 130
    if of == "first":
        assert ran.err == "Interrupted; nothing was written\n"
        assert not new.exists()
    else:
        assert ran.err == f"Interrupted; nothing of {two} was written (loaded before: {one})\n"
        assert rows(new, "SELECT id FROM Embedding") == [("a",)]


def test_progress_on_a_terminal(new: Path, tmp_path: Path) -> None:
    file = tmp_path / "v.jsonl"
    file.write_text("\n".join([json.dumps({"vector": [0.5] * 4})] * 2_500), encoding="utf-8")
    ran = on_terminal("load", new, file, "-m", "m")
    assert ran.code == 0
    assert re.search(r"\r\x1b\[Kv\.jsonl: load +[\d,]+ rows  \d+:\d\d\r", ran.out)
    assert "2,500 embeddings of model 'm' loaded" in ran.out.rsplit("\x1b[K", 1)[1]
