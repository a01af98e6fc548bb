"""Connections of a host program: nothing of theirs changes, and what they do to rows and statements does nothing to ours.

The SQL pairs and the functions of fits run on them too, see `HOSTED` in conftest.py."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.errors import SqlclustError
from tests.hosted import CALLS
from tests.hosts import HOSTS, HostConnection, host_connection
from tests.schemas.old_project import make
from tests.small import add_embeddings, clustered

POINTS = "(SELECT clust_points(id, vector) FROM Embedding)"


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The same, as the bytes of a file."""
    connection = sqlclust.connect(tmp_path_factory.mktemp("hosts") / "fitted.db")
    sqlclust.initialize(connection)
    add_embeddings(connection, clustered())
    sqlclust.fit(connection, "demo", min_cluster_size=5)
    path = Path(connection.filename)
    connection.close()
    return path.read_bytes()


def outcome(con: apsw.Connection, name: str) -> object:
    try:
        return CALLS[name](con)
    except SqlclustError as error:
        return str(error).replace(con.filename, "DB")


@pytest.mark.parametrize("name", CALLS)
def test_ways_in_from_python(fitted: bytes, tmp_path: Path, name: str) -> None:
    found = []
    for kind in HOSTS:
        path = tmp_path / f"{kind}.db"
        path.write_bytes(fitted)
        connection = host_connection(path)
        connection.become(kind)
        gc.disable()  # what only the collector would end stays open
        try:
            found.append(outcome(connection, name))
            connection.check()
        finally:
            gc.enable()
            connection.close()
    assert found[1:] == found[:1] * (len(HOSTS) - 1)


@pytest.mark.parametrize("kind", HOSTS)
def test_adopt(tmp_path: Path, kind: str) -> None:
    old = make(tmp_path / "old.db")
    connection = host_connection(tmp_path / "new.db")
    connection.become(kind)
    assert sqlclust.adopt(connection, old.path).embeddings > 0
    connection.check()
    connection.close()


def test_another_process_writes_after_a_fit(host: HostConnection) -> None:
    """A read transaction left open would keep it from committing, as there is no WAL."""
    host.become("converting cursors")
    other = apsw.Connection(host.filename)
    for size in (3, 4):
        sqlclust.fit(host, "demo", min_cluster_size=size)
        other.execute("INSERT INTO Run (id) VALUES (?)", (size,))
    other.close()


def test_traces_and_factories_that_refuse_everything_are_not_asked(host: HostConnection) -> None:
    def refuse(*args: object) -> Any:
        raise AssertionError(args)

    host.exec_trace = host.row_trace = host.cursor_factory = refuse
    sqlclust.register(host)
    assert sqlclust.fit(host, "demo", min_cluster_size=4) == 2
    assert sqlclust.doctor(host).healthy
    assert host.exec_trace is host.row_trace is host.cursor_factory is refuse


def test_a_busy_handler_stays(host: HostConnection) -> None:
    asked: list[int] = []

    def handler(tries: int) -> bool:
        asked.append(tries)
        return tries < 3

    host.set_busy_handler(handler)
    sqlclust.fit(host, "demo", min_cluster_size=4)
    sqlclust.doctor(host)
    other = apsw.Connection(host.filename)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(apsw.BusyError):
        host.execute("SELECT count(*) FROM Run").get  # noqa: B018
    assert asked == [0, 1, 2, 3]
    other.close()


@pytest.mark.parametrize("kind", HOSTS)
def test_a_transaction_of_the_host_s(host: HostConnection, kind: str) -> None:
    """What reads works inside it and leaves it as it is; what would publish in one of its own is refused."""
    host.become(kind)
    host.execute("BEGIN; INSERT INTO Run (id) VALUES ('mine')")
    assert host.execute("SELECT count(*) FROM clust_labels(1)").get == 40
    assert host.execute(f"SELECT count(*) FROM clust_hdbscan({POINTS})").get == 40
    assert sqlclust.initialize(host) is False
    assert sqlclust.staleness(host, 1).is_stale is False
    with pytest.raises(SqlclustError, match="inside another one"):
        sqlclust.fit(host, "demo")
    assert host.in_transaction
    host.execute("ROLLBACK")
    host.check()
    assert host.execute("SELECT count(*) FROM Run").get == 0


@pytest.mark.parametrize("kind", HOSTS)
def test_initialize_inside_a_transaction(tmp_path: Path, kind: str) -> None:
    connection = host_connection(tmp_path / "a.db")
    connection.become(kind)
    connection.execute("BEGIN; CREATE TABLE mine (a)")
    assert sqlclust.initialize(connection) is True
    connection.execute("ROLLBACK")
    connection.check()
    assert connection.execute("SELECT count(*) FROM sqlite_schema").get == 0
    connection.execute("CREATE TABLE Embedding (x)")
    connection.execute("BEGIN; INSERT INTO Embedding VALUES (1)")
    with pytest.raises(SqlclustError):
        sqlclust.initialize(connection)
    connection.execute("COMMIT")
    assert connection.execute("SELECT count(*) FROM Embedding").get == 1
    connection.close()
