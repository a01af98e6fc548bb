"""Bad input, case by case: the exact message, the exit status, and a database that is unchanged to the last byte."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

import sqlclust
from sqlclust.errors import DatabaseFileError, NotUnicodeError, OutOfMemoryError, SqlclustError
from sqlclust.surface.catalog import CATALOG
from sqlclust.surface.records import TableFunction
from tests.cli.terminal import run
from tests.diagnosis.sick import broken
from tests.small import add_embeddings, clustered
from tests.trust.bad_input import CLI, FILES, PYTHON, SQL, TABLES, WRONG_IDS, Call, File

Hashes = dict[str, str]


def hashes(folder: Path) -> Hashes:
    """SHA-256 of every file in a folder; of what is no regular file its kind. -shm is no content: readers write in it."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if not path.name.endswith("-shm"):
            mode = path.lstat().st_mode
            content = hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(mode) else str(stat.S_IFMT(mode))
            found[str(path.relative_to(folder))] = content
    return found


def make(path: Path, *, journal: str = "delete") -> Path:
    con = sqlclust.connect(path)
    con.pragma("journal_mode", journal)
    sqlclust.initialize(con)
    add_embeddings(con, clustered())
    assert sqlclust.fit(con, "demo", min_cluster_size=5) == 1
    con.close()
    return path


@pytest.fixture(scope="module")
def wal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[apsw.Connection]:
    """A database in WAL mode, not checkpointed. All cases use one: none may change it."""
    path = make(tmp_path_factory.mktemp("wal") / "good.db", journal="wal")
    con = sqlclust.connect(path)
    con.execute("INSERT INTO Run (id) VALUES ('in the WAL')")
    yield con
    con.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("shared") / "good.db")


@pytest.fixture
def good(shared: Path, tmp_path: Path) -> Path:
    """A copy of a database, in a folder of its own."""
    return Path(shutil.copy(shared, tmp_path / "good.db"))


def unchanged(con: apsw.Connection, before: Hashes) -> None:
    folder = Path(con.filename).parent
    assert "good.db-wal" in before
    assert hashes(folder) == before
    assert not con.in_transaction


def test_there_are_enough() -> None:
    assert len(SQL) + len(PYTHON) + len(CLI) + len(FILES) + len(TABLES) >= 200


# --- SQL --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", SQL)
def test_sql(wal: apsw.Connection, case: str) -> None:
    statement, values, message = SQL[case]
    before = hashes(Path(wal.filename).parent)
    with pytest.raises(SqlclustError) as caught:
        wal.execute(statement, values).fetchall()
    assert str(caught.value) == message
    unchanged(wal, before)


BY_ID = [
    (record, argument)
    for record in CATALOG
    for argument in record.args
    if argument.startswith(("clustering_fit_id", "clustering_result_id"))
]


@pytest.mark.parametrize(("record", "argument"), BY_ID, ids=lambda value: getattr(value, "name", value))
def test_ids_of_fits_and_results(wal: apsw.Connection, record: Any, argument: str) -> None:
    """Of every function that takes one: of every other type, and one that is not there."""
    before = hashes(Path(wal.filename).parent)
    other = {"points": f"(SELECT clust_points(1, x'{'00' * 32}'))", "options": "'{}'"}
    given = ", ".join("?" if arg == argument else other.get(arg, "1") for arg in record.args)
    sql = ("SELECT * FROM " if isinstance(record, TableFunction) else "SELECT ") + f"{record.name}({given})"
    table = "ClusteringFit" if "fit" in argument else "ClusteringResult"
    for wrong, called in WRONG_IDS.values():
        with pytest.raises(SqlclustError) as caught:
            wal.execute(sql, (wrong,)).fetchall()
        assert str(caught.value) == f"{record.name}: {argument} {called}, expected an INTEGER, see {table}"
    what = "fit" if "fit" in argument else "result"
    for missing in (99, 0, -(2**63)):
        with pytest.raises(SqlclustError) as caught:
            wal.execute(sql, (missing,)).fetchall()
        assert str(caught.value) == f"no clustering {what} {missing}; ids here: 1"
    unchanged(wal, before)


# --- Python -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", PYTHON.values(), ids=PYTHON)
def test_python(wal: apsw.Connection, case: Call) -> None:
    before = hashes(Path(wal.filename).parent)
    with pytest.raises(SqlclustError) as caught:
        case.act(wal)
    assert str(caught.value) == case.message
    unchanged(wal, before)


# --- the command line -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of one vector of two dimensions."""
    path = tmp_path_factory.mktemp("vectors") / "vectors.json"
    path.write_text('[{"id": "new", "vector": [1, 2]}]')
    return path


@pytest.mark.parametrize("case", CLI)
def test_command_line(shared: Path, vectors: Path, case: str) -> None:
    args, status, message = CLI[case]

    def filled_in(text: str) -> str:
        found = {"FOLDER": str(shared.parent), "VECTORS": str(vectors), "DB": str(shared)}
        for name, value in found.items():
            text = text.replace(name, value)
        return text

    before = hashes(shared.parent)
    ran = run(*map(filled_in, args))
    assert ran.code == status
    assert ran.out == ""
    if status == 1:
        assert ran.err == f"Error: {filled_in(message)}\n"
    else:
        last = ran.err.splitlines()[-1]
        if case == "an unknown option":  # Click puts it in quotation marks since 8.4
            last = last.replace("option: --qqqq", "option '--qqqq'.")
        assert last == f"Error: {filled_in(message)}"
        assert ran.err.startswith("Usage: sqlclust ")
    assert hashes(shared.parent) == before


# --- files ------------------------------------------------------------------------------------------------------

COMMANDS: dict[str, tuple[str, ...]] = {
    "list": (),
    "show": (),
    "fit": (),
    "cut": ("1",),
    "sweep": ("1",),
    "predict": ("1",),
    "compare": ("1", "1"),
    "delete": ("1", "--yes"),
}


@pytest.mark.parametrize("case", FILES.values(), ids=FILES)
def test_files(good: Path, vectors: Path, case: File) -> None:
    path = case.make(good)
    message = case.message.replace("DB", str(path))
    before = hashes(good.parent)
    for command, args in COMMANDS.items():
        assert run(command, path, *args) == (1, "", f"Error: {message}\n"), command
    if case.with_any_command:
        for others in (("query", path, "SELECT 1"), ("query", path, "SELECT 1", "--readonly"), ("shell", path)):
            assert run(*others) == (1, "", f"Error: {message}\n"), others
        if os.path.lexists(path):  # what makes a file where there is none
            for making in (("init", path), ("load", path, vectors, "--model", "m")):
                assert run(*making) == (1, "", f"Error: {message}\n"), making
        for readonly in (True, False):
            with pytest.raises(DatabaseFileError) as caught:
                sqlclust.connect(path, readonly=readonly, create=False)
            assert str(caught.value) == message
    assert hashes(good.parent) == before


HUGE = {
    "k": ("clust_neighbors", '{"k": 2147483647}', 40 * 39),
    "min_samples": ("clust_hdbscan", '{"min_samples": 2147483647}', 40),
    "min_cluster_size": ("clust_hdbscan", '{"min_cluster_size": 2147483647}', 40),
    "max_cluster_size": ("clust_hdbscan", '{"max_cluster_size": 2147483647}', 40),
    "downsample": ("clust_hdbscan", '{"downsample": 2147483647}', 1),
    "epsilon": ("clust_hdbscan", '{"cluster_selection_epsilon": 1.7e308}', 40),
    "persistence": ("clust_hdbscan", '{"cluster_selection_persistence": 1.7e308}', 40),
}


@pytest.mark.parametrize("case", HUGE)
def test_numbers_that_are_huge_but_allowed(wal: apsw.Connection, case: str) -> None:
    """More than there are rows is as many as there are rows."""
    function, given, rows = HUGE[case]
    sql = f"SELECT count(*) FROM {function}((SELECT clust_points(id, vector) FROM Embedding), ?)"
    assert wal.execute(sql, (given,)).get == rows


@pytest.mark.parametrize("known", [True, False])
def test_more_numbers_than_there_is_memory(monkeypatch: pytest.MonkeyPatch, known: bool) -> None:
    """n · dimension beyond what a machine can address."""
    if not known:
        monkeypatch.setattr("sqlclust.store.memory.available_memory", lambda: None)
    refused = "the approximate engine needs about [0-9.]+ GiB for 2,147,483,648 vectors of 1048576 dimensions"
    message = refused if known else r"Unable to allocate 8\.00 PiB for an array with shape"
    with pytest.raises(OutOfMemoryError, match=f"^not enough memory: {message}"):
        sqlclust.hdbscan(np.broadcast_to(np.float64(1), (2**31, 2**20)))


def test_a_file_that_cannot_be_written(good: Path) -> None:
    before = hashes(good.parent)
    con = sqlclust.connect(good, readonly=True)
    with pytest.raises(DatabaseFileError) as caught:
        sqlclust.fit(con, "demo", min_cluster_size=6)
    assert str(caught.value) == f"{good}: cannot write to it: publishing needs a writable file and folder"
    con.close()
    assert hashes(good.parent) == before


@pytest.mark.parametrize("case", TABLES)
def test_tables(good: Path, tmp_path: Path, case: str) -> None:
    sql, message = TABLES[case]
    folder = tmp_path / "bad"
    folder.mkdir()
    path = broken(good, folder / "bad.db", sql)
    message = message.replace("DB", str(path))
    before = hashes(folder)
    for command, args in COMMANDS.items():
        assert run(command, path, *args) == (1, "", f"Error: {message}\n"), command
    con = sqlclust.connect(path)
    for statement in ("SELECT clust_fit('demo')", "SELECT clust_cut(1)", "SELECT * FROM clust_spanning_tree(1)"):
        with pytest.raises(SqlclustError) as caught:
            con.execute(statement).fetchall()
        assert str(caught.value) == message
    con.close()
    assert hashes(folder) == before


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
