"""sqlclust load: what is written, and which rows cannot be used."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.embedding_files import EMBEDDINGS, array_file, embedding, text_file, without_seconds
from tests.cli.terminal import fail, misuse, rows, run, succeed


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


@pytest.mark.parametrize("name", ["csv", "nl"])
def test_standard_input(new: Path, tmp_path: Path, name: str) -> None:
    text = 'id,vector\na,"[1, 2]"\n' if name == "csv" else '{"id": "a", "vector": [1, 2]}\n'
    out = succeed("load", new, "-", "-m", "m", stdin=text)
    assert without_seconds(out).startswith(f"{new} created\nstandard input: 1 embedding of model 'm' loaded (… s)\n")
    assert rows(new, EMBEDDINGS) == [embedding("a", 1, 2)]
    assert fail("load", new, "-", "-m", "m", stdin="") == "standard input: the file is empty"
    damaged = text_file(tmp_path / "v.csv.gz", "x").with_suffix(".gz")
    damaged.write_bytes(gzip.compress(text.encode())[:-9])
    assert fail("load", new, damaged, "-m", "m").startswith(f"{damaged}: the gzip file is cut off")
    assert rows(new, EMBEDDINGS) == [embedding("a", 1, 2)]


def test_one_column_for_each_dimension(new: Path, tmp_path: Path) -> None:
    file = text_file(tmp_path / "v.csv", "id,dim_1,dim_0", "a,2,1")
    message = fail("load", new, file, "-m", "m")
    assert message.endswith("for one column for each dimension say --vector-columns 'dim_*'")
    succeed("load", new, file, "-m", "m", "--vector-columns", "dim_*")
    assert rows(new, EMBEDDINGS) == [embedding("a", 1, 2)]
    for other in (["--vector-column", "v"], ["--vector-format", "float32"]):
        said = misuse("load", new, file, "-m", "m", "--vector-columns", "dim_*", *other)
        assert said == "--vector-columns goes without --vector-column and --vector-format"
    assert misuse("load", new, file, "-m", "m", "--vector-columns", "").endswith("it is empty")


def test_ids_with_a_prefix(new: Path, tmp_path: Path) -> None:
    records: list[object] = [{"id": 1, "vector": [1]}, {"id": "b", "vector": [2]}, {"vector": [3]}]
    ran = run("load", new, text_file(tmp_path / "v.jsonl", *records), "-m", "m", "--id-prefix", "m:")
    assert ran.err.endswith("skipped row 3: no id, and it was to have 'm:' before it\n")
    assert rows(new, "SELECT id FROM Embedding ORDER BY id") == [("m:1",), ("m:b",)]


def test_nothing_to_use(new: Path, tmp_path: Path) -> None:
    file = array_file(tmp_path / "v.npy", np.full((3, 2), np.inf))
    ran = run("load", new, file, "-m", "m")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.endswith(f"Error: {file}: none of its 3 rows can be used\n")
    assert not new.exists()
