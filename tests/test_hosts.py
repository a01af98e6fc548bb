"""Connections of a host program: nothing of theirs changes, and what they do to rows and statements does nothing to ours.

The SQL pairs and the functions of fits run on them too, see `HOSTED` in conftest.py.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import pytest

import sqlclust
from sqlclust.bindings.apsw.connection import make_safe
from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import Id, NotAuthorizedError, SqlclustError
from sqlclust.sqlite import statements
from sqlclust.store import prediction
from sqlclust.store.cut import cut
from sqlclust.store.embeddings.loading import load_embeddings
from sqlclust.store.results.comparison import compare, lineage
from sqlclust.store.results.listing import delete_result, list_results, show_result
from tests.hosts import HOSTS, HostConnection
from tests.schemas.old_project import make
from tests.small import add_embeddings, blob, clustered

POINTS = "(SELECT clust_points(id, vector) FROM Embedding)"


def host_connection(path: Path) -> HostConnection:
    connection = HostConnection(str(path))
    make_safe(database_of(connection))
    sqlclust.register(connection)
    return connection


@pytest.fixture
def host(tmp_path: Path) -> Iterator[HostConnection]:
    """A file with the demo rows and a fit; the host is a plain one so far."""
    connection = host_connection(tmp_path / "host.db")
    sqlclust.initialize(connection)
    add_embeddings(connection, clustered())
    sqlclust.fit(connection, "demo", min_cluster_size=5)
    yield connection
    connection.close()


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


class New(NamedTuple):
    id: Id | None
    vector: bytes
    content: str | None = None
    run_id: Id | None = "r"
    sequence_number: int | None = 1


def predicted(con: apsw.Connection) -> object:
    add_embeddings(con, clustered()[:1], ids=[41])
    recovered = prediction.recover(database_of(con), 1)
    points = prediction.others(database_of(con), recovered)
    prediction.store(database_of(con), recovered, points, prediction.predict(database_of(con), recovered, points))
    return con.execute("SELECT embedding_id, label FROM EmbeddingPrediction").fetchall()


CALLS: dict[str, Callable[[apsw.Connection], object]] = {
    "initialize": sqlclust.initialize,
    "fit": lambda con: sqlclust.fit(con, "demo", min_cluster_size=4, where="id > :least", parameters={"least": 2}),
    "fit again": lambda con: sqlclust.fit(con, "demo", min_cluster_size=5, downsample=2),
    "fit of nothing": lambda con: sqlclust.fit(con, "nothing"),
    "fit by a wrong condition": lambda con: sqlclust.fit(con, "demo", where="id > 2)"),
    "fit where a value is missing": lambda con: sqlclust.fit(con, "demo", where="id > :least"),
    "cut": lambda con: cut(database_of(con), 1, {"min_cluster_size": 6}),
    "cut of nothing": lambda con: cut(database_of(con), 7, {}),
    "staleness": lambda con: sqlclust.staleness(con, 1),
    "doctor": lambda con: [finding.finding for finding in sqlclust.doctor(con).findings],
    "doctor --fix": lambda con: sqlclust.doctor(con, fix=True).repairs,
    "load": lambda con: load_embeddings(database_of(con), "demo", [New("new", blob(*range(8)))]),
    "load a repeated one": lambda con: load_embeddings(
        database_of(con), "demo", [New(None, blob(*range(8))), New(3, blob(*range(8)))]
    ),
    "predict": predicted,
    "lineage": lambda con: lineage(database_of(con), 1, 1),
    "compare": lambda con: repr(compare(database_of(con), 1, 1)),
    "list and show": lambda con: (
        [row["n_rows"] for row in list_results(database_of(con))],
        show_result(database_of(con), 1)["n_clusters"],
    ),
    "delete": lambda con: delete_result(database_of(con), 1),
}
"""Python's ways in; SQL's are in the pairs."""


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


# --- what a host forbids --------------------------------------------------------------------------------------------

FORBIDDEN = {
    "reading vectors": (apsw.SQLITE_READ, "Embedding", "vector"),
    "reading any table": (apsw.SQLITE_READ, None, None),
    "inserting results": (apsw.SQLITE_INSERT, "ClusteringResult", None),
    "transactions": (apsw.SQLITE_TRANSACTION, None, None),
    "PRAGMA": (apsw.SQLITE_PRAGMA, None, None),
    "any SELECT": (apsw.SQLITE_SELECT, None, None),
    "functions": (apsw.SQLITE_FUNCTION, None, None),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_an_authorizer_forbids(host: HostConnection, what: str) -> None:
    code, first, second = FORBIDDEN[what]

    def authorizer(operation: int, one: str | None, two: str | None, *_: Any) -> int:
        forbidden = operation == code and first in (None, one) and second in (None, two)
        return apsw.SQLITE_DENY if forbidden else apsw.SQLITE_OK

    host.authorizer = authorizer
    with pytest.raises(NotAuthorizedError, match="'s authorizer forbids a statement of sqlclust") as caught:
        sqlclust.fit(host, "demo", min_cluster_size=4)
    assert caught.value.path == host.filename
    with pytest.raises(
        (NotAuthorizedError, apsw.AuthError, apsw.SQLError)
    ):  # the host's own statement may be what is forbidden
        host.execute("SELECT clust_fit('demo')").get  # noqa: B018
    assert host.authorizer is authorizer
    host.authorizer = None
    assert not host.in_transaction
    assert host.execute("SELECT count(*) FROM ClusteringResult").get == 1


@pytest.mark.parametrize("name", ["doctor", "initialize", "fit", "lineage"])
def test_an_authorizer_forbids_functions(host: HostConnection, name: str) -> None:
    """SQLite says so in an error as of wrong SQL."""
    host.authorizer = lambda operation, *_: apsw.SQLITE_DENY if operation == apsw.SQLITE_FUNCTION else apsw.SQLITE_OK
    with pytest.raises(NotAuthorizedError, match=r"forbids a statement of sqlclust .not authorized to use function: "):
        CALLS[name](host)


def test_an_authorizer_that_makes_no_sense(host: HostConnection) -> None:
    host.authorizer = lambda operation, *_: 77 if operation == apsw.SQLITE_READ else apsw.SQLITE_OK
    with pytest.raises(NotAuthorizedError, match="authorizer malfunction"):
        sqlclust.fit(host, "demo")


HIDDEN: dict[str, tuple[str, int, str | None, str | None]] = {
    "labels": ("lineage", apsw.SQLITE_READ, "EmbeddingCluster", "label"),
    "embeddings": ("fit", apsw.SQLITE_READ, "Embedding", None),
    "vectors": ("fit", apsw.SQLITE_READ, "Embedding", "vector"),
    "ids": ("staleness", apsw.SQLITE_READ, "Embedding", "id"),
    "the schema": ("initialize", apsw.SQLITE_READ, "sqlite_master", None),
    "the schema, from the doctor": ("doctor", apsw.SQLITE_READ, "sqlite_master", None),
    "functions": ("fit", apsw.SQLITE_FUNCTION, None, None),
    "what is inserted": ("fit", apsw.SQLITE_INSERT, None, None),
    "one table's rows": ("cut", apsw.SQLITE_INSERT, "Cluster", None),
    "what is updated": ("fit", apsw.SQLITE_UPDATE, None, None),
    "what is loaded": ("load", apsw.SQLITE_INSERT, "Embedding", None),
    "transactions": ("fit", apsw.SQLITE_TRANSACTION, None, None),
    "savepoints": ("compare", apsw.SQLITE_SAVEPOINT, None, None),
    "any SELECT": ("list and show", apsw.SQLITE_SELECT, None, None),
}

_ROWS = """
SELECT count(*), sum(label) FROM EmbeddingCluster UNION ALL SELECT count(*), max(id) FROM ClusteringResult
UNION ALL SELECT count(*), sum(size) FROM Cluster UNION ALL SELECT count(*), count(content) FROM Embedding
"""


@pytest.mark.parametrize("what", HIDDEN)
def test_an_authorizer_hides(host: HostConnection, what: str) -> None:
    """SQLITE_IGNORE gives NULLs, or leaves out what is to be done; nothing is computed from that, or blamed on the file."""
    name, code, first, second = HIDDEN[what]

    def authorizer(operation: int, one: str | None, two: str | None, *_: Any) -> int:
        hidden = operation == code and first in (None, one) and second in (None, two)
        return apsw.SQLITE_IGNORE if hidden else apsw.SQLITE_OK

    before = host.execute(_ROWS).fetchall()
    host.authorizer = authorizer
    with pytest.raises(
        NotAuthorizedError, match="authorizer hides from a statement of sqlclust what it needs"
    ) as caught:
        CALLS[name](host)
    operation = apsw.mapping_authorizer_function[code]
    assert caught.value.hidden.startswith(" ".join(filter(None, (str(operation), first))))
    assert host.authorizer is authorizer
    host.authorizer = None
    assert not host.in_transaction
    assert host.execute(_ROWS).fetchall() == before


def test_an_authorizer_keeps_hiding_from_its_host(host: HostConnection) -> None:
    """Also between the rows of a function of ours. And a DELETE that is ignored deletes, as SQLite has it."""
    allowed = host.execute("SELECT label FROM Cluster").fetchall()

    def authorizer(operation: int, one: str | None, two: str | None, *_: Any) -> int:
        hidden = (operation, one) == (apsw.SQLITE_READ, "Run") or operation == apsw.SQLITE_DELETE
        return apsw.SQLITE_IGNORE if hidden else apsw.SQLITE_OK

    host.execute("INSERT INTO Run (id) VALUES ('r')")
    host.authorizer = authorizer
    seen = [host.execute("SELECT id FROM Run").get for _ in host.execute("SELECT * FROM clust_labels(1)")]
    assert seen == [None] * 40
    with statements.each_row(database_of(host), "SELECT label FROM main.Cluster") as rows:
        assert [host.execute("SELECT id FROM Run").get for _ in rows] == [None] * len(allowed)
    delete_result(database_of(host), 1)
    assert host.execute("SELECT count(*) FROM ClusteringResult").get == 0


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


# --- the room itself ---------------------------------------------------------------------------------------------------


@pytest.fixture
def con(request: pytest.FixtureRequest) -> Iterator[HostConnection]:
    connection = HostConnection(":memory:")
    connection.execute(
        "CREATE TABLE t (a INTEGER PRIMARY KEY, b UNIQUE); INSERT INTO t VALUES (1, 'x'), (2, 'y'), (3, 'z')"
    )
    connection.become(request.param)
    yield connection
    connection.check()
    connection.close()


hosts = pytest.mark.parametrize("con", HOSTS, indirect=True)


@hosts
def test_reading(con: HostConnection) -> None:
    sql = "SELECT a, b FROM t WHERE a > ? ORDER BY a"
    assert statements.all_rows(database_of(con), sql, (1,)) == [(2, "y"), (3, "z")]
    assert statements.dict_rows(database_of(con), sql, (2,)) == [{"a": 3, "b": "z"}]
    assert statements.first_row(database_of(con), sql, (0,)) == (1, "x")
    assert statements.value(database_of(con), sql, (0,)) == 1
    assert statements.first_row(database_of(con), sql, (9,)) is statements.value(database_of(con), sql, (9,)) is None
    assert statements.value(database_of(con), "SELECT :v", {"v": b"[]"}) == b"[]"
    assert statements.pragma(database_of(con), "user_version", 7) is None
    assert statements.pragma(database_of(con), "user_version") == 7
    with statements.each_row(database_of(con), sql, (0,)) as rows:
        assert next(rows) == (1, "x")
        assert con.txn_state() == apsw.mapping_txn_state["SQLITE_TXN_READ"]
    con.check()


@hosts
def test_rows_that_are_left(con: HostConnection) -> None:
    kept: list[Any] = []

    def leave() -> None:
        with statements.each_row(database_of(con), "SELECT a FROM t") as rows:
            kept.append(rows)
            raise KeyError(next(rows))

    with pytest.raises(KeyError):
        leave()
    con.check()
    with pytest.raises(apsw.CursorClosedError):
        next(kept[0])


@hosts
def test_writing(con: HostConnection) -> None:
    statements.run(database_of(con), "INSERT INTO t VALUES (4, 'v'); INSERT INTO t VALUES (5, 'w')")
    statements.run_many(database_of(con), "INSERT INTO t VALUES (?, ?)", ((n, str(n)) for n in range(6, 9)))
    assert statements.value(database_of(con), "INSERT INTO t (b) VALUES ('p'), ('q') RETURNING a") == 9
    assert (
        statements.value(database_of(con), "SELECT group_concat(a) FROM (SELECT a FROM t ORDER BY a)")
        == "1,2,3,4,5,6,7,8,9,10"
    )
    with pytest.raises(apsw.ConstraintError):
        statements.value(database_of(con), "INSERT INTO t (b) VALUES ('s'), ('p') RETURNING a")
    assert statements.value(database_of(con), "SELECT count(*) FROM t") == 10


@hosts
def test_a_write_is_checked_at_its_end(con: HostConnection) -> None:
    """A deferred foreign key is, and then the error must not be passed over."""
    statements.run(
        database_of(con), "PRAGMA foreign_keys = ON; CREATE TABLE c (a REFERENCES t DEFERRABLE INITIALLY DEFERRED)"
    )
    with pytest.raises(apsw.ConstraintError, match="FOREIGN KEY"):
        statements.value(database_of(con), "INSERT INTO c VALUES (77) RETURNING a")
    assert statements.value(database_of(con), "SELECT count(*) FROM c") == 0


@hosts
@pytest.mark.parametrize("inside", [True, False], ids=["inside a transaction", "outside"])
def test_savepoint(con: HostConnection, inside: bool) -> None:
    if inside:
        statements.run(database_of(con), "BEGIN")
    with statements.savepoint(database_of(con)):
        statements.run(database_of(con), "DELETE FROM t WHERE a = 1")

    def fail() -> None:
        with statements.savepoint(database_of(con)):
            statements.run(database_of(con), "DELETE FROM t WHERE a = 2")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert con.in_transaction is inside
    assert statements.value(database_of(con), "SELECT group_concat(a) FROM t") == "2,3"
    if inside:
        statements.run(database_of(con), "COMMIT")


@hosts
def test_described(con: HostConnection) -> None:
    assert database_of(con).described("SELECT a AS x, 1 AS y FROM t WHERE b = :b; SELECT 2") == (
        ("x", "y"),
        True,
        "SELECT 2",
        ("b",),
        False,
        False,
    )
    assert database_of(con).described("DELETE FROM t WHERE a = ?") == ((), False, "", (None,), False, False)
    assert statements.value(database_of(con), "SELECT count(*) FROM t") == 3
    with pytest.raises(apsw.SQLError):
        database_of(con).described("SELECT nothing FROM t")
