"""sqlclust load: types of ids, and ids that are taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.embedding_files import BEFORE, EMBEDDINGS, array_file, column, embedding, lines, text_file
from tests.cli.terminal import fail, misuse, rows, run, succeed
from tests.small import clustered

NO_NUMBER = "no id, and the ids of this column are TEXT, so that no number is given"

TYPED = "SELECT typeof(id), id FROM Embedding ORDER BY rowid"


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
