"""sqlclust load --from-table: rows and tables that cannot be copied, and hostile files."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.cli.embedding_files import EMBEDDINGS, embedding
from tests.cli.host_files import change, host_file, ids_in, notes
from tests.cli.terminal import fail, misuse, rows, run, succeed
from tests.small import blob


def test_rows_that_cannot_be_used_are_named(new: Path, tmp_path: Path) -> None:
    theirs = host_file(
        tmp_path / "theirs.db",
        "CREATE TABLE notes (id, embedding, body)",
        "INSERT INTO notes VALUES (?, ?, ?)",
        rows=[
            ("a", blob(1, 2), "one"),
            ("b", None, None),
            (None, blob(1, 2), None),
            ("d", blob(1, 2, 3), None),
            ("e", b"\1\2\3", None),
            ("f", blob(math.nan, 1), None),
            ("g", 1.5, None),
            ("h", bytes((1 << 24) + 4), None),
            ("i", "[1, 2]", 7),
            ("j", b"", b"not text"),
            ("k", blob(5, 6), b"not text"),
        ],
    )
    columns = [
        "--id-column",
        "id",
        "--vector-column",
        "embedding",
        "--content-column",
        "body",
        "--vector-format",
        "float32",
    ]
    ran = run("load", new, theirs, "--from-table", "notes", "-m", "m", *columns)
    assert [line.split(": ", 1)[1] for line in ran.err.splitlines()] == [
        "skipped row 2: id 'b': the vector is NULL",
        "skipped row 3: id null: the id is NULL",
        "skipped row 4: id 'd': the vector has 3 dimensions, expected 2 as in row 1",
        "skipped row 5: id 'e': the vector has 3 bytes, expected a positive multiple of 4 (float32)",
        "skipped row 6: id 'f': the vector has nan at position 0, expected finite numbers",
        "skipped row 7: id 'g': the vector is 1.5, expected a BLOB (float32)",
        "skipped row 8: id 'h': the vector has 16,777,220 bytes, which is more than is read",
        "skipped row 9: id 'i': the vector is TEXT, expected a BLOB (float32)",
        "skipped row 10: id 'j': the vector is an empty BLOB",
    ]
    assert rows(new, EMBEDDINGS) == [embedding("a", 1, 2, content="one"), embedding("k", 5, 6)]


def test_what_is_no_table_to_copy(new: Path, theirs: Path, tmp_path: Path) -> None:
    change(
        theirs,
        "CREATE VIEW v AS SELECT * FROM notes",
        "CREATE VIRTUAL TABLE f USING fts5(body)",
        "CREATE TABLE plain (a, b)",
        "CREATE TABLE made (id INTEGER PRIMARY KEY, g BLOB AS (zeroblob(8)), s BLOB AS (zeroblob(8)) STORED)",
        "INSERT INTO made (id) VALUES (1)",
    )
    before = theirs.read_bytes()

    def message(*options: str) -> str:
        found = fail("load", new, theirs, "-m", "m", "--from-table", *options)
        assert found.endswith("; nothing of the file was written")
        return found.removesuffix("; nothing of the file was written").removeprefix(f"{theirs}, {options[0]}: ")

    assert message("none") == "there is no table 'none'; the file has 'notes'. Did you mean 'notes'?"
    for name in ("v", "f"):
        assert "reading it would run what is in the file; copy a table" in message(name)
        assert "reading it would run" in message(name, "--id-column", "id", "--vector-column", "embedding")
    assert message("plain") == "table 'plain' has no rows"
    change(theirs, "INSERT INTO plain VALUES (1, 2)")
    before = theirs.read_bytes()
    assert message("plain") == "plain: no column of vectors was found; --vector-column says which it is"
    for column in ("g", "s"):
        assert message("made", "--vector-column", column) == (
            f"column '{column}' is generated: reading it would run what is in the file"
        )
    assert (
        message("notes", "--id-column", "x")
        == "table 'notes' has no column 'x'; its columns: 'id', 'embedding', 'body'"
    )
    assert message("notes", "--content-column", "x").startswith("table 'notes' has no column 'x'")
    assert message("notes; DROP TABLE notes").startswith("there is no table")
    assert not new.exists()
    assert theirs.read_bytes() == before
    none = tmp_path / "none.db"
    assert fail("load", new, none, "-m", "m", "--from-table", "notes") == f"{none}: there is no such file"
    (tmp_path / "text.db").write_text("no database, " * 20)
    assert "text.db" in fail("load", new, tmp_path / "text.db", "-m", "m", "--from-table", "notes")


def test_an_sqlite_file_without_a_table_named(new: Path, theirs: Path) -> None:
    message = fail("load", new, theirs, "-m", "m")
    assert message == (
        f'{theirs}: is an SQLite database: "sqlclust fit" clusters a table of it where it is, and "sqlclust load" copies one '
        "with --from-table TABLE; "
        f'"sqlclust sources {theirs}" lists what it has'
    )
    assert not new.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--from-table", "t", "--ids", "x"], "--ids is for files, and goes without --from-table"),
        (["--from-table", "t", "--vector-columns", "d*"], "--vector-columns is for files, and goes without --from-table"),
        (["--from-table", "t", "--format", "csv"], "--format is for files, and goes without --from-table"),
        (["--from-table", "t", "--run-column", "r"], "--run-column is for files, and goes without --from-table"),
        (["--from-table", "t", "a.db", "b.db"], "--from-table goes with one FILE, an SQLite database, or with none: DB itself"),
        (["--from-table", "t", "-"], "--from-table goes with an SQLite database in a file, not with standard input"),
        (["--from-table", "t", "--sync", "--replace"], "--sync goes without --replace"),
        (["--from-table", "t", "--delete"], "--delete goes with --sync"),
        (["a.csv", "--sync"], "--sync and --delete go with --from-table"),
        ([], "Missing argument 'FILE...'."),
        (["a.csv", "--vector-columns", "dim_*", "--id-column", "dim_0"],
         "--vector-columns 'dim_*' has the column of the ids, 'dim_0' (see --id-column)"),
        (["-", "-"], "- can be given once: it is standard input"),
    ],
)  # fmt: skip
def test_options_that_do_not_go_together(new: Path, options: list[str], message: str) -> None:
    assert misuse("load", new, "-m", "m", *options) == message
    assert not new.exists()


def test_names_with_quotes(new: Path, tmp_path: Path) -> None:
    theirs = host_file(
        tmp_path / "theirs.db",
        """CREATE TABLE "a ""b; DROP TABLE x" ("i ""d" PRIMARY KEY, "v'e""c" BLOB)""",
        """INSERT INTO "a ""b; DROP TABLE x" VALUES (?, ?)""",
        rows=[("k", blob(1, 2))],
    )
    succeed(
        "load",
        new,
        theirs,
        "--from-table",
        'a "b; DROP TABLE x',
        "--id-column",
        'i "d',
        "--vector-column",
        "v'e\"c",
        "-m",
        "m",
    )
    assert rows(new, EMBEDDINGS) == [embedding("k", 1, 2)]


def test_nothing_of_the_file_is_run(new: Path, tmp_path: Path) -> None:
    """Its functions, collations, triggers and indexes are the file's; a call of one of them would fail here."""
    theirs = tmp_path / "theirs.db"
    connection = apsw.Connection(str(theirs))
    connection.create_scalar_function("theirs", lambda *args: 1, deterministic=True)
    connection.create_collation("THEIRS", lambda a, b: (a > b) - (a < b))
    connection.execute(
        """CREATE TABLE notes (id TEXT COLLATE THEIRS, embedding BLOB CHECK (theirs(embedding)), g AS (theirs(id)));
        CREATE INDEX one ON notes (theirs(embedding)); CREATE INDEX two ON notes (id COLLATE THEIRS, embedding, g);
        CREATE TRIGGER t AFTER INSERT ON notes BEGIN SELECT theirs(1); END;
        CREATE VIEW v AS SELECT theirs(id) AS id, embedding FROM notes"""
    )
    connection.execute("INSERT INTO notes VALUES ('a', ?)", (blob(1, 2),))
    connection.close()
    before = theirs.read_bytes()
    succeed("load", new, theirs, "--from-table", "notes", "--id-column", "id", "-m", "m")
    assert ids_in(new) == ["a"]
    assert theirs.read_bytes() == before


def test_rows_are_counted_in_the_order_of_the_table(new: Path, tmp_path: Path) -> None:
    """An index may have all that is asked for, and would give another order, and what is damaged or made up in it."""
    rows_there = [("b", None, "x" * 900), ("a", blob(1, 2), "x" * 900), ("c", blob(1, 2), "x" * 900)]
    theirs = notes(tmp_path / "theirs.db", values=rows_there)
    change(theirs, "CREATE INDEX covering ON notes (id, embedding)")
    options = (
        "--id-column",
        "id",
        "--vector-column",
        "embedding",
        "--vector-format",
        "float32",
        "--content-column",
        "id",
    )
    assert "skipped row 1: id 'b'" in run("load", new, theirs, "--from-table", "notes", "-m", "m", *options).err


def test_text_that_is_not_utf8(new: Path, theirs: Path) -> None:
    change(theirs, "INSERT INTO notes VALUES (CAST(x'ff41' AS TEXT), zeroblob(8), NULL)")
    message = fail("load", new, theirs, "--from-table", "notes", "-m", "m")
    assert message.startswith("notes.id x'ff41' is TEXT that is not UTF-8")
    assert not new.exists()


def test_files_in_wal_mode_and_for_reading_only(new: Path, theirs: Path) -> None:
    writer = apsw.Connection(str(theirs))
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("INSERT INTO notes VALUES ('c', ?, NULL)", (blob(5, 6),))
    with writer:  # of a transaction that is not over nothing is seen
        writer.execute("INSERT INTO notes VALUES ('d', ?, NULL)", (blob(7, 8),))
        succeed("load", new, theirs, "--from-table", "notes", "-m", "m")
    writer.close()
    assert ids_in(new) == ["a", "b", "c"]
    theirs.chmod(0o444)
    succeed("load", new, theirs, "--from-table", "notes", "-m", "m", "--sync")
    assert ids_in(new) == ["a", "b", "c", "d"]


def test_a_table_that_another_program_writes_to_meanwhile(
    new: Path, theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(theirs, "PRAGMA journal_mode = WAL")
    from sqlclust.store.embeddings.loading import Loader

    real: Callable[..., None] = Loader.add

    def add(self: Any, row: Any) -> None:
        real(self, row)
        change(
            theirs,
            f"INSERT INTO notes VALUES ('{row.id}{row.id}', zeroblob(8), NULL)",
            "DELETE FROM notes WHERE id = 'b'",
        )

    monkeypatch.setattr(Loader, "add", add)
    succeed("load", new, theirs, "--from-table", "notes", "-m", "m")
    assert ids_in(new) == ["a", "b"]  # as it was when the copy began


def test_a_damaged_file(new: Path, tmp_path: Path) -> None:
    theirs = notes(tmp_path / "theirs.db", values=[(at, blob(*range(100)), "x" * 50) for at in range(3000)])
    content = bytearray(theirs.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096 * 40] = b"\xaa" * (4096 * 40)
    theirs.write_bytes(content)
    assert str(theirs) in fail("load", new, theirs, "--from-table", "notes", "-m", "m")
    assert not new.exists()


def test_advice_fits_what_is_wrong(new: Path, tmp_path: Path) -> None:
    theirs = host_file(
        tmp_path / "theirs.db",
        "CREATE TABLE hidden (rowid TEXT, oid TEXT, _rowid_ TEXT, embedding BLOB)",
        "INSERT INTO hidden VALUES ('a', 'b', 'c', x'0000803f00000040'), ('d', 'e', 'f', x'0000803f0000803f')",
        "PRAGMA writable_schema = ON",
        "INSERT INTO sqlite_schema VALUES ('table', 'v', 'v', 0, 'CREATE VIRTUAL TABLE v USING vec0(e float[8])')",
    )
    message = fail("load", new, theirs, "--from-table", "hidden", "-m", "m")
    assert (
        "nothing names its rows: no key, and no rowid that can be read; --id-column and --vector-column say" in message
    )
    message = fail("load", new, theirs, "--from-table", "v", "-m", "m")
    assert "v: its vectors cannot be read: there is no table v_rowids as vec0 makes it;" in message
    succeed(
        "load", new, theirs, "--from-table", "hidden", "-m", "m", "--id-column", "oid", "--vector-column", "embedding"
    )
    assert ids_in(new) == ["b", "e"]


@pytest.mark.parametrize("part", [math.inf, -math.inf, b"a"])
def test_a_key_that_json_has_not(new: Path, tmp_path: Path, part: object) -> None:
    theirs = host_file(
        tmp_path / "theirs.db",
        "CREATE TABLE notes (a, b, embedding BLOB, PRIMARY KEY (a, b))",
        "INSERT INTO notes VALUES (?, ?, ?)",
        rows=[(1, "x", blob(1, 2)), (part, "x", blob(3, 4)), (2.5, "x", blob(5, 6))],
    )
    ran = run("load", new, theirs, "--from-table", "notes", "-m", "m")
    assert ran.code == 0
    assert "skipped row 2" in ran.err
    assert "which JSON has not" in ran.err
    assert rows(new, "SELECT id, json_valid(id) FROM Embedding ORDER BY id") == [('[1,"x"]', 1), ('[2.5,"x"]', 1)]


@pytest.mark.parametrize("column", ["embedding", "whatever"])
def test_what_is_no_vectors_is_refused_by_its_column_too(new: Path, tmp_path: Path, column: str) -> None:
    """A pickle whose length is a multiple of four would be read as numbers."""
    theirs = host_file(
        tmp_path / "theirs.db",
        f"CREATE TABLE points (id INTEGER PRIMARY KEY, {column} BLOB)",
        "INSERT INTO points VALUES (?, ?)",
        rows=[(at, pickle.dumps([0.5 + at] * 8).ljust(128, b".")) for at in range(9)],
    )
    named = ("load", new, theirs, "--from-table", "points", "-m", "m", "--vector-column", column)
    assert "Python pickles, which are programs and are never read; if they are numbers" in fail(*named)
    assert not new.exists()
    succeed(*named, "--vector-format", "uint8")
    assert len(ids_in(new)) == 9
