"""Files of an older version are used as they are, by whom they are upgraded, and files of a newer one are refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import apsw
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import (
    DatabaseFileError,
    MapNotStoredError,
    MinSamplesError,
    NeighborsNotStoredError,
    SchemaVersionError,
    UpdateError,
)
from sqlclust.schema import VERSION, version
from tests.cli.terminal import Ran, run, succeed
from tests.schemas.old import OLD
from tests.store.left import result_rows
from tests.trust.unwritable import commands
from tests.trust.version_1_files import hashed, read, upgrade, whole_version

pytestmark = pytest.mark.slow


@pytest.fixture(params=OLD)
def number(request: pytest.FixtureRequest) -> int:
    """Of each version before the newest."""
    version: int = request.param
    return version


@pytest.fixture(params=[number for number in OLD if number < 3])
def number_before_sources(request: pytest.FixtureRequest) -> int:
    """Of each version that keeps no neighbours."""
    version: int = request.param
    return version


@pytest.fixture
def old(number: int, old_files: dict[int, Path], tmp_path: Path) -> Path:
    return Path(shutil.copy(old_files[number], tmp_path / "old.db"))


# --- when --------------------------------------------------------------------------------------------------------


def test_init_says_what_it_did(old: Path, number: int) -> None:
    assert succeed("init", old) == f"{old} upgraded from schema version {number} to {VERSION}\n"
    assert succeed("init", old) == f"{old} has the tables already; nothing was changed\n"


READING = {
    "list": ("list",),
    "show": ("show", "1"),
    "compare": ("compare", "1", "2"),
    "sweep": ("sweep", "1", "--min-cluster-size", "4,5"),
    "predict": ("predict", "1"),
    "query": ("query", "SELECT * FROM ClusteringSummary", "--readonly"),
}


@pytest.mark.parametrize("name", READING)
def test_reading_needs_no_upgrade(old: Path, tmp_path: Path, name: str) -> None:
    """The same output as of an upgraded file, and the file is not touched."""
    new = Path(shutil.copy(old, tmp_path / "new.db"))
    assert upgrade(new)
    command, *arguments = READING[name]
    before = hashed(old)
    out = succeed(command, old, *arguments)
    assert out.replace(str(old), str(new)) == succeed(command, new, *arguments)
    assert hashed(old) == before


WRITING = {
    "fit": ("fit", "other", "--min-cluster-size", "5"),
    "cut": ("cut", "1", "--min-cluster-size", "3"),
    "delete": ("delete", "7", "--yes"),
    "predict --store": ("predict", "1", "--store"),
}


@pytest.mark.parametrize("name", WRITING)
def test_commands_that_write_upgrade_first(old: Path, name: str) -> None:
    command, *arguments = WRITING[name]
    ran = run(command, old, *arguments)
    assert ran.code == 0, ran
    assert read(old, "SELECT max(version) FROM SqlclustMigration", "PRAGMA integrity_check") == [
        [(VERSION,)],
        [("ok",)],
    ]


def test_load_upgrades_first(old: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"id": "new", "vector": [1, 0, 0, 0, 0, 0, 0, 0]}\n', encoding="utf-8")
    succeed("load", old, rows, "--model", "demo")
    assert read(old, "SELECT max(version) FROM SqlclustMigration") == [[(VERSION,)]]


def test_python_and_sql_work_on_it_as_it_is(old: Path, number: int) -> None:
    con = sqlclust.connect(str(old))
    result = sqlclust.fit(con, "other", min_cluster_size=5)
    assert con.execute("SELECT clust_fit('other', '{\"min_cluster_size\": 4}')").get == result + 1
    fit = con.execute("SELECT max(id) FROM ClusteringFit").get
    if number < 3:
        with pytest.raises(NeighborsNotStoredError, match="or by an earlier version"):
            con.execute("SELECT * FROM clust_fit_neighbors(?)", (fit,)).fetchall()
        with pytest.raises(MinSamplesError, match="or an earlier version"):
            con.execute("SELECT clust_cut(?, '{\"min_samples\": 2}')", (fit,)).fetchall()
    else:
        assert con.execute("SELECT count(*) FROM clust_fit_neighbors(?)", (fit,)).get > 0
    with pytest.raises(MapNotStoredError):
        con.execute("SELECT * FROM clust_map(?)", (fit,)).fetchall()
    assert con.execute("SELECT clust_cut(?)", (fit,)).get == result + 2
    con.execute("DELETE FROM ClusteringResult WHERE id = ?", (result,))
    assert version(database_of(con)) == number
    con.close()
    whole_version(old, number)


# --- files that cannot be written --------------------------------------------------------------------------------


def test_a_file_that_cannot_be_written_is_read(old: Path) -> None:
    before = hashed(old)
    con = sqlclust.connect(str(old), readonly=True)
    assert con.execute("SELECT count(*) FROM ClusterSummary").get > 0
    assert con.execute("SELECT count(*) FROM clust_labels(1)").get == 40
    assert sqlclust.staleness(con, 1).n_new == 20
    assert con.execute("SELECT count(*) FROM clust_doctor() WHERE severity = 'error'").get == 0
    with pytest.raises(DatabaseFileError) as caught:
        sqlclust.initialize(con)
    assert str(caught.value) == (
        f"{old}: cannot write to it: making the tables needs a connection that may write, and this one is for reading only"
    )
    con.close()
    assert hashed(old) == before


def test_an_old_file_in_a_folder_that_cannot_be_written(old: Path, number: int, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    path = Path(shutil.copy(old, kept))
    listed, made = commands(kept, [("list", path), ("init", path)])
    assert "demo" in listed.out
    assert made == Ran(
        1, "", f"Error: {path}: cannot write to it: making the tables needs a writable file and folder\n"
    )
    whole_version(path, number)


# --- newer files -------------------------------------------------------------------------------------------------


@pytest.fixture
def newer(old: Path) -> Path:
    con = apsw.Connection(str(old))
    con.execute("INSERT INTO SqlclustMigration (version, name) VALUES (99, 'from the future')")
    con.close()
    return old


@pytest.mark.parametrize("name", [*(name for name in READING if name != "query"), *WRITING, "init"])
def test_a_newer_file_is_refused_by_commands(newer: Path, name: str) -> None:
    command, *arguments = {**READING, **WRITING, "init": ("init",)}[name]
    before = hashed(newer)
    ran = run(command, newer, *arguments)
    assert (ran.code, ran.out, ran.err) == (
        1,
        "",
        f"Error: {newer} has schema version 99, and this sqlclust knows {VERSION} at most; upgrade sqlclust\n",
    )
    assert hashed(newer) == before


NEWER_SQL = (
    "SELECT clust_fit('demo')",
    "SELECT clust_cut(1)",
    "SELECT * FROM clust_labels(1)",
    "SELECT * FROM clust_layers(1)",
    "SELECT * FROM clust_core_distances(1)",
    "SELECT * FROM clust_map(1)",
    "SELECT * FROM clust_spanning_tree(1)",
    "SELECT * FROM clust_condensed_tree(1)",
    "SELECT * FROM clust_sweep(1, '{\"min_cluster_size\": [4]}')",
    "SELECT * FROM clust_predict(1, (SELECT clust_points(id, vector) FROM Embedding WHERE id = 1001))",
)


@pytest.mark.parametrize("statement", NEWER_SQL)
def test_a_newer_file_is_refused_by_sql(newer: Path, statement: str) -> None:
    before = hashed(newer)
    con = sqlclust.connect(str(newer))
    with pytest.raises(SchemaVersionError) as caught:
        con.execute(statement).fetchall()
    assert caught.value.found == 99
    con.close()
    assert hashed(newer) == before


def test_a_newer_file_is_refused_by_python(newer: Path) -> None:
    con = sqlclust.connect(str(newer))
    for attempt in (
        lambda: sqlclust.initialize(con),
        lambda: sqlclust.fit(con, "demo"),
        lambda: sqlclust.staleness(con, 1),
    ):
        with pytest.raises(SchemaVersionError, match=r"has schema version 99, and this sqlclust knows \d+ at most"):
            attempt()
    con.close()


# --- bringing up to date --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("update", ["auto", "never", "only"])
def test_a_fit_of_an_older_file_has_no_neighbors_to_go_on_from(
    old_files: dict[int, Path], number_before_sources: int, tmp_path: Path, update: str
) -> None:
    old = Path(shutil.copy(old_files[number_before_sources], tmp_path / "old.db"))
    new = Path(shutil.copy(old, tmp_path / "new.db"))
    assert upgrade(new)
    for path in (old, new):
        con = sqlclust.connect(str(path))
        before = con.execute("SELECT max(id) FROM ClusteringResult").get
        if update == "only":
            with pytest.raises(UpdateError):
                sqlclust.fit(con, "demo", min_samples=3, update=update)
            assert con.execute("SELECT max(id) FROM ClusteringResult").get == before
        else:
            result = sqlclust.fit(con, "demo", min_samples=3, update=update)
            anew = sqlclust.fit(con, "demo", min_samples=3, update="never")
            assert result_rows(con, result) == result_rows(con, anew)
            assert sqlclust.fit(con, "demo", min_samples=3, update="only") == anew + 1  # reused
        con.close()
    # of an upgraded file the next one is made from the new fit
    if update != "only":
        con = sqlclust.connect(str(new))
        result = sqlclust.fit(con, "demo", min_samples=2, update="only")
        made_from: int | None = con.execute("SELECT max(updated_from) FROM ClusteringFit").get
        assert made_from is not None
        con.close()
