"""TEXT in a file that is not UTF-8, descriptions that are damaged, and names that a terminal would obey."""

from __future__ import annotations

from pathlib import Path

import pytest

import sqlclust
from sqlclust.errors import NotUnicodeError
from tests.cli.terminal import run
from tests.diagnosis.sick import broken
from tests.trust.good_file import hashes

# --- TEXT that is not UTF-8 -------------------------------------------------------------------------------------

READS: dict[str, tuple[str, dict[str, tuple[str, ...]]]] = {
    "Embedding.id": ("UPDATE Embedding SET id = {} WHERE id = 3", {"fit": (), "cut": ("1",), "predict": ("1",)}),
    "Embedding.embedding_model": ("UPDATE Embedding SET embedding_model = {} WHERE id = 3", {"fit": (), "list": ()}),
    "Embedding.content": ("UPDATE Embedding SET content = {}", {"show": (), "compare": ("1", "1")}),
    "ClusteringResult.embedding_model": (
        "UPDATE ClusteringResult SET embedding_model = {}", {"list": (), "show": (), "delete": ("1", "--yes")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("column", READS)
def test_text_that_is_not_utf8_is_named(good: Path, tmp_path: Path, column: str) -> None:
    """Such as an id of raw bytes that a program bound as TEXT: it is found by its bytes."""
    sql, commands = READS[column]
    folder = tmp_path / "bad"
    folder.mkdir()
    path = broken(good, folder / "bad.db", sql.format("CAST(x'6964ff' AS TEXT)"))
    before = hashes(folder)
    message = (
        f"{column} x'6964ff' is TEXT that is not UTF-8 (byte 0xff at position 2: invalid start byte); store it as UTF-8, or as "
        "a BLOB"
    )
    for command, args in commands.items():
        assert run(command, path, *args) == (1, "", f"Error: {message}\n"), command
    assert hashes(folder) == before


def test_text_that_is_not_utf8_in_sql(good: Path) -> None:
    """What our code reads names the column. What SQL hands to a function itself APSW decodes first, and its error comes."""
    con = sqlclust.connect(good)
    con.execute("PRAGMA foreign_keys = OFF")
    con.execute("UPDATE Embedding SET id = CAST(x'ff' AS TEXT) WHERE id = 3")
    for statement in ("SELECT clust_fit('demo')", "SELECT clust_cut(1)", "SELECT * FROM clust_labels(1)"):
        with pytest.raises(NotUnicodeError) as caught:
            con.execute(statement).fetchall()
        assert str(caught.value).startswith("Embedding.id x'ff' is TEXT that is not UTF-8 (byte 0xff at position 0: ")
    for statement in (
        "SELECT id FROM Embedding",
        "SELECT * FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding))",
    ):
        with pytest.raises(UnicodeDecodeError, match="byte 0xff in position 0"):
            con.execute(statement).fetchall()
    sql = "SELECT count(*) FROM clust_hdbscan((SELECT clust_points(CAST(id AS BLOB), vector) FROM Embedding))"
    assert con.execute(sql).get == 40
    con.close()


# --- descriptions of results and fits that are damaged ------------------------------------------------------------

NO_OBJECT = "clustering result 1 is damaged: its parameters are no JSON object ({}). Delete it and fit again"
DESCRIPTIONS = {
    "parameters a list": ("UPDATE ClusteringResult SET parameters = '[1]'", "show", NO_OBJECT.format("no JSON object")),
    "parameters no JSON": (
        "UPDATE ClusteringResult SET parameters = '{'", "list",
        NO_OBJECT.format("Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
    ),
    "parameters deep": (
        "UPDATE ClusteringResult SET parameters = printf('%.*c', 50000, '[') || printf('%.*c', 50000, ']')", "list",
        NO_OBJECT.format("nested too deeply"),
    ),
    "timings a list": (
        "UPDATE ClusteringFit SET timings = '[]'", "show",
        "clustering fit 1 is damaged: its timings are no JSON object (no JSON object). Delete it and fit again",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DESCRIPTIONS)
def test_damaged_descriptions(good: Path, tmp_path: Path, case: str) -> None:
    sql, command, message = DESCRIPTIONS[case]
    path = broken(good, tmp_path / "bad.db", sql)
    before = hashes(tmp_path)
    assert run(command, path) == (1, "", f"Error: {message}\n")
    assert hashes(tmp_path) == before
    assert run("delete", path, "1", "--yes").code == 0  # as the message advises


def test_names_that_a_terminal_would_obey(good: Path, tmp_path: Path) -> None:
    """A model's name comes from the file: no escape sequence or line break of it is written to a terminal as it is."""
    name = "char(27) || '[2J' || char(10) || 'Error: x' || char(7)"
    sql = f"UPDATE Embedding SET embedding_model = {name}; UPDATE ClusteringResult SET embedding_model = {name}"
    path = broken(good, tmp_path / "bad.db", sql)
    for command in (("list",), ("show",), ("fit",), ("fit", "nope"), ("compare", "1", "1"), ("sweep", "1")):
        ran = run(command[0], path, *command[1:])
        assert not {"\x1b", "\x07", "\r"} & {*ran.out, *ran.err}, command
        assert not [line for line in (ran.out + ran.err).splitlines() if line.startswith("Error: x")], command
