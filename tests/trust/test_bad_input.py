"""Bad input, case by case: the exact message, the exit status, and a database that is unchanged to the last byte."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

import sqlclust
from sqlclust.errors import DatabaseFileError, OutOfMemoryError, SqlclustError
from sqlclust.surface.catalog import CATALOG
from sqlclust.surface.records import TableFunction
from tests.cli.terminal import run
from tests.diagnosis.sick import broken
from tests.trust.bad_input_commands import CLI
from tests.trust.bad_input_files import FILES, NO_RESULTS, NO_TABLES, TABLES, File
from tests.trust.bad_input_python import PYTHON, Call
from tests.trust.bad_input_sql import SQL, WRONG_IDS
from tests.trust.good_file import Hashes, hashes, make


@pytest.fixture(scope="module")
def wal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[apsw.Connection]:
    """A database in WAL mode, not checkpointed. All cases use one: none may change it."""
    path = make(tmp_path_factory.mktemp("wal") / "good.db", journal="wal")
    con = sqlclust.connect(path)
    con.execute("INSERT INTO Run (id) VALUES ('in the WAL')")
    yield con
    con.close()


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
        asks_for_results = case.message == NO_TABLES and command != "fit"
        said = NO_RESULTS.replace("DB", str(path)) if asks_for_results else message
        assert run(command, path, *args) == (1, "", f"Error: {said}\n"), command
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
    assert (
        str(caught.value)
        == f"{good}: cannot write to it: publishing needs a connection that may write, and this one is for reading only"
    )
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
