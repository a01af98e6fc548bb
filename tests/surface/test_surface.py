"""What SQL pairs cannot say: bound values, transactions, threads, settings, second connections. See also test_sql.py."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

import sqlclust
from sqlclust.errors import (
    DatabaseFileError,
    DimensionMismatchError,
    LockedError,
    MembersGoneError,
    NotFiniteError,
    NullIdError,
    RepeatedIdError,
    SqlclustError,
    TooFewRowsError,
    TopLevelOnlyError,
    UnknownModelError,
    VectorLengthError,
    VectorTypeError,
    ZeroVectorError,
)
from tests.moments import Asked, while_computing, while_waiting
from tests.small import add_embeddings, blob, clustered

HDBSCAN = "clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding), '{\"min_cluster_size\": 5}')"
RESULT = "INSERT INTO ClusteringResult (id, embedding_model, parameters) VALUES (1, 'demo', '{}')"
CLUSTERS = (
    "INSERT INTO Cluster (clustering_result_id, label, medoid_embedding_id, size, persistence) "
    f"SELECT DISTINCT 1, label, medoid_id, cluster_size, persistence FROM {HDBSCAN} WHERE label >= 0"
)
ROWS = (
    "INSERT INTO EmbeddingCluster (clustering_result_id, embedding_id, label, probability, outlier_score) "
    f"SELECT 1, id, label, probability, outlier_score FROM {HDBSCAN} WHERE true"
)
WRITTEN = (
    "SELECT (SELECT count(*) FROM ClusteringFit), (SELECT count(*) FROM ClusteringResult), (SELECT count(*) FROM Cluster), "
    "(SELECT count(*) FROM EmbeddingCluster)"
)
NOTHING = (0, 0, 0, 0)


# --- clust_points: what it refuses ------------------------------------------------------------------------------

GOOD = blob(1, 0)
NO_BLOB = "expected a BLOB of little-endian float32 (clust_vector makes one from JSON)"
NO_LENGTH = "expected a positive multiple of 4 (float32)"
REFUSED: dict[str, tuple[list[tuple[Any, Any]], type[SqlclustError], str]] = {
    "NULL id": ([(1, GOOD), (None, GOOD)], NullIdError, "row 2: the id is NULL, expected an INTEGER, REAL, TEXT or BLOB"),
    "repeated id": (
        [("a17", GOOD), ("b", GOOD), ("a17", GOOD), ("b", GOOD), ("b", GOOD)], RepeatedIdError,
        "embedding 'a17' came 2 times, expected once (2 ids are repeated); a join in the selection probably repeats rows. "
        'Select each id once, or pass \'{"duplicates": "first"}\' as the third argument of clust_points '
        "to keep each id's first row",
    ),
    "NULL vector": ([(b"\x07", None)], VectorTypeError,
                    "embedding b'\\x07' is NULL, " + NO_BLOB),
    "TEXT vector": ([("a17", "[1, 2]")], VectorTypeError,
                    "embedding 'a17' is TEXT, " + NO_BLOB),
    "number as vector": ([(1, GOOD), (2, 5)], VectorTypeError,
                         "embedding 2 is an INTEGER, " + NO_BLOB),
    "wrong length": ([("a17", b"12345")], VectorLengthError,
                     "embedding 'a17' has 5 bytes, " + NO_LENGTH),
    "empty first": ([("a17", b"")], VectorLengthError, "embedding 'a17' has 0 bytes, " + NO_LENGTH),
    "empty later": ([(1, GOOD), ("a17", b"")], VectorLengthError,
                    "embedding 'a17' has 0 bytes, " + NO_LENGTH),
    "mixed dimensions": ([(1, GOOD), ("a17", blob(1, 2, 3))], DimensionMismatchError,
                         "embedding 'a17' has 3 dimensions, expected 2"),
    "NaN": ([(1, GOOD), ("a17", blob(0, float("nan")))], NotFiniteError,
            "embedding 'a17' has nan at position 1, expected finite numbers"),
    "infinity": ([(2.5, blob(float("-inf"), 0)), (1, GOOD)], NotFiniteError,
                 "embedding 2.5 has -inf at position 0, expected finite numbers"),
    "zero": ([(1, GOOD), ("a17", blob(0, -0.0))], ZeroVectorError,
             "embedding 'a17' is a zero vector, which has no direction: expected a vector that can be normalised "
             "(leave it out, or use metric euclidean with normalize false)"),
}  # fmt: skip


@pytest.fixture
def source(con: apsw.Connection) -> Callable[[list[tuple[Any, Any]]], apsw.Connection]:
    """A table without any check of its own: the functions work on any table."""

    def fill(rows: list[tuple[Any, Any]]) -> apsw.Connection:
        con.execute("CREATE TABLE source (position INTEGER PRIMARY KEY, id, vector)")
        con.executemany("INSERT INTO source (id, vector) VALUES (?, ?)", rows)
        return con

    return fill


@pytest.mark.parametrize("function", ["clust_hdbscan", "clust_neighbors"])
@pytest.mark.parametrize("case", REFUSED)
def test_points_are_refused(source: Callable[..., apsw.Connection], case: str, function: str) -> None:
    rows, error, message = REFUSED[case]
    con = source(rows)
    with pytest.raises(error) as caught:
        con.execute(
            f"SELECT * FROM {function}((SELECT clust_points(id, vector ORDER BY position) FROM source))"
        ).fetchall()
    assert str(caught.value) == message


def test_zero_vectors_are_clustered_where_nothing_is_normalised(source: Callable[..., apsw.Connection]) -> None:
    con = source([(1, blob(0, 0)), (2, blob(1, 0))])
    sql = "SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM source), ?)"
    assert con.execute(sql, ('{"normalize": false}',)).get == 2
    with pytest.raises(ZeroVectorError, match="embedding 1 is a zero vector"):
        con.execute(sql, ('{"normalize": false, "metric": "cosine"}',)).fetchall()


def test_the_first_of_a_repeated_id_is_kept_on_request(
    source: Callable[..., apsw.Connection], caplog: pytest.LogCaptureFixture
) -> None:
    con = source([("b", blob(1, 0)), ("a", blob(0, 1)), ("b", blob(0, 2)), ("a", blob(0, 1)), ("b", blob(1, 0))])
    points = '(SELECT clust_points(id, vector, \'{"duplicates": "first"}\' ORDER BY position) FROM source)'
    with caplog.at_level(logging.WARNING, logger="sqlclust"):
        rows = con.execute(f"SELECT id, distance FROM clust_neighbors({points}, '{{\"normalize\": false}}')").fetchall()
    assert rows == [("a", 2**0.5), ("b", 2**0.5)]
    assert [record.getMessage() for record in caplog.records] == [
        "2 ids came more than once ('b' first); kept the first row of each, left out 3 rows"
    ]


def test_ids_that_are_equal_in_sqlite_are_one_id(source: Callable[..., apsw.Connection]) -> None:
    con = source([(1, GOOD), (1.0, GOOD)])
    with pytest.raises(RepeatedIdError, match="embedding 1 came 2 times"):
        con.execute("SELECT * FROM clust_hdbscan((SELECT clust_points(id, vector) FROM source))").fetchall()
    con.execute("DELETE FROM source")
    con.executemany("INSERT INTO source (id, vector) VALUES (?, ?)", [(1, GOOD), ("1", GOOD), (b"1", GOOD)])
    rows = con.execute("SELECT id FROM clust_hdbscan((SELECT clust_points(id, vector) FROM source))").fetchall()
    assert rows == [(1,), ("1",), (b"1",)]


# --- the one-statement form ----------------------------------------------------------------------------------------


def written(con: apsw.Connection) -> Any:
    return con.execute(WRITTEN).fetchone()


def test_two_statements_with_bind_parameters(demo: apsw.Connection) -> None:
    chosen = "clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding WHERE embedding_model = :model), :options)"
    values = {"model": "demo", "options": '{"min_cluster_size": 5}', "result": 1}
    with demo:
        demo.execute(RESULT)
        demo.execute(
            "INSERT INTO Cluster (clustering_result_id, label, medoid_embedding_id, size, persistence) "
            f"SELECT DISTINCT :result, label, medoid_id, cluster_size, persistence FROM {chosen} WHERE label >= 0", values
        )  # fmt: skip
        returned = demo.execute(
            "INSERT INTO EmbeddingCluster (clustering_result_id, embedding_id, label, probability, outlier_score) "
            f"SELECT :result, id, label, probability, outlier_score FROM {chosen} "
            "RETURNING embedding_id, label, typeof(label), typeof(probability), typeof(outlier_score)", values
        ).fetchall()  # fmt: skip
    assert len(returned) == 40
    assert {row[2:] for row in returned} == {("integer", "real", "real")}
    assert written(demo) == (0, 1, 3, 40)
    direct = sqlclust.hdbscan(clustered(), min_cluster_size=5)
    assert [label for _, label, *_ in sorted(returned)] == direct.labels.tolist()


def test_rows_without_their_clusters_are_refused_whole(demo: apsw.Connection) -> None:
    demo.execute(RESULT)
    with pytest.raises(apsw.ConstraintError, match="FOREIGN KEY constraint failed"):
        demo.execute(ROWS)
    assert written(demo) == (0, 1, 0, 0)


def test_upsert(demo: apsw.Connection) -> None:
    with demo:
        demo.execute(f"{RESULT}; {CLUSTERS}; {ROWS}")
    with pytest.raises(apsw.ConstraintError, match="UNIQUE constraint failed: EmbeddingCluster"):
        demo.execute(ROWS)
    demo.execute("UPDATE EmbeddingCluster SET outlier_score = NULL")
    demo.execute(
        f"{ROWS} ON CONFLICT (embedding_id, clustering_result_id) DO UPDATE SET outlier_score = excluded.outlier_score"
    )
    assert demo.execute("SELECT count(*), count(outlier_score) FROM EmbeddingCluster").get == (40, 40)
    assert demo.execute(f"{ROWS} ON CONFLICT DO NOTHING RETURNING 1").fetchall() == []


def test_savepoints(demo: apsw.Connection) -> None:
    demo.execute(f"BEGIN; {RESULT}; SAVEPOINT a; {CLUSTERS}; SAVEPOINT b; {ROWS}; ROLLBACK TO b; {ROWS}; ROLLBACK TO a")
    assert written(demo) == (0, 1, 0, 0)
    demo.execute("ROLLBACK")
    assert written(demo) == NOTHING
    demo.execute(f"BEGIN; {RESULT}; SAVEPOINT a; {CLUSTERS}; {ROWS}; RELEASE a; COMMIT")
    assert written(demo) == (0, 1, 3, 40)


def test_an_error_within_a_transaction_leaves_the_rest_of_it(demo: apsw.Connection) -> None:
    demo.execute(f"BEGIN; {RESULT}")
    with pytest.raises(SqlclustError):
        demo.execute(ROWS.replace('"min_cluster_size"', '"nonsense"'))
    assert demo.in_transaction
    demo.execute("COMMIT")
    assert written(demo) == (0, 1, 0, 0)


def test_per_group(demo: apsw.Connection) -> None:
    add_embeddings(demo, clustered(30, clusters=2, seed=3), model="other", ids=[f"o{i}" for i in range(30)])
    rows = demo.execute("""
        SELECT m.embedding_model, count(*), count(DISTINCT label)
        FROM (SELECT DISTINCT embedding_model FROM Embedding) m,
             clust_hdbscan((SELECT clust_points(e.id, e.vector) FROM Embedding e
                            WHERE e.embedding_model = m.embedding_model), ?)
        GROUP BY 1 ORDER BY 1""", ('{"min_cluster_size": 5}',)).fetchall()  # fmt: skip
    assert rows == [("demo", 40, 4), ("other", 30, 3)]


def test_triggers(demo: apsw.Connection) -> None:
    demo.execute("CREATE TABLE seen (id, label); CREATE TABLE bell (x)")
    demo.execute("CREATE TRIGGER note AFTER INSERT ON EmbeddingCluster WHEN NEW.label >= 0 "
                 "BEGIN INSERT INTO seen VALUES (NEW.embedding_id, NEW.label); END")  # fmt: skip
    with demo:
        demo.execute(f"{RESULT}; {CLUSTERS}; {ROWS}")
    assert demo.execute("SELECT count(*) FROM seen").get == 36
    demo.execute(
        f"CREATE TEMP TRIGGER ring AFTER INSERT ON bell BEGIN INSERT INTO seen SELECT id, 'rung' FROM {HDBSCAN}; END"
    )
    demo.execute("INSERT INTO bell VALUES (1)")
    assert demo.execute("SELECT count(*) FROM seen WHERE label = 'rung'").get == 40


def test_the_order_of_rows_changes_nothing(demo: apsw.Connection) -> None:
    orders = ("id", "id DESC", "hex(vector)", "-id % 7, id")
    results = [
        demo.execute(f"SELECT *, cluster_size, persistence FROM clust_hdbscan((SELECT clust_points(id, vector ORDER BY {order}) "
                     "FROM Embedding), '{\"min_cluster_size\": 5}')").fetchall()
        for order in orders
    ]  # fmt: skip
    assert all(result == results[0] for result in results[1:])


def test_no_numpy_value_leaks(demo: apsw.Connection) -> None:
    """numpy's scalars become BLOBs without a word."""
    points = "(SELECT clust_points(id, vector) FROM Embedding UNION ALL SELECT 1 WHERE 0)"
    demo.execute(
        "INSERT INTO Embedding (id, embedding_model, vector) SELECT 41, 'demo', vector FROM Embedding WHERE id = 1"
    )
    for function in ("clust_hdbscan", "clust_duplicates", "clust_neighbors"):
        columns = [
            name for (name,) in demo.execute("SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0", (function,))
        ]
        kinds = ", ".join(f"group_concat(DISTINCT typeof({name}))" for name in columns)
        assert "blob" not in str(demo.execute(f"SELECT {kinds} FROM {function}({points})").get)
    scalars = (
        "SELECT clust_norm(vector), clust_distance(vector, vector), clust_dimension(vector), clust_ari(id, id), "
        "clust_ami(id, id), clust_medoid(id, vector) FROM Embedding"
    )
    assert [type(value) for value in demo.execute(scalars).get] == [float, float, int, float, float, int]


# --- trust -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trusted", [True, False])
def test_views_of_the_file_may_use_the_small_helpers_only(demo: apsw.Connection, trusted: bool) -> None:
    demo.pragma("trusted_schema", trusted)
    views = {
        "helper": "SELECT max(clust_dimension(vector)) FROM Embedding",
        "clust_hdbscan": f"SELECT count(*) FROM {HDBSCAN}",
        "clust_centroid": "SELECT clust_centroid(vector) FROM Embedding",
        "clust_points": "SELECT clust_points(id, vector) FROM Embedding",
        "clust_fit": "SELECT clust_fit('demo')",
    }
    for name, sql in views.items():
        demo.execute(f"CREATE VIEW v_{name} AS {sql}")
    assert demo.execute("SELECT * FROM v_helper").get == 8
    for name in ("clust_hdbscan", "clust_centroid", "clust_points", "clust_fit"):
        with pytest.raises(apsw.SQLError, match=f'unsafe use of (virtual table "{name}"|{name}\\(\\))'):
            demo.execute(f"SELECT * FROM v_{name}")
    demo.execute(f"CREATE TRIGGER hidden AFTER INSERT ON Run BEGIN INSERT INTO Run (id) SELECT id FROM {HDBSCAN}; END")
    with pytest.raises(apsw.SQLError, match="unsafe use"):
        demo.execute("INSERT INTO Run (id) VALUES ('r')")
    demo.execute(f"CREATE TEMP VIEW mine AS SELECT count(*) FROM {HDBSCAN}")
    assert demo.execute("SELECT * FROM mine").get == 40
    assert written(demo) == NOTHING


def test_a_schema_may_use_the_helpers(demo: apsw.Connection) -> None:
    demo.execute("CREATE TABLE v (vector BLOB CHECK (clust_dimension(vector) = 8), n AS (clust_norm(vector)))")
    demo.execute("CREATE INDEX v_n ON v (clust_dimension(vector))")  # deterministic
    demo.execute("INSERT INTO v SELECT vector FROM Embedding")
    with pytest.raises(apsw.ConstraintError, match="CHECK"):
        demo.execute("INSERT INTO v VALUES (x'00000000')")


# --- register and connect ----------------------------------------------------------------------------------------------


def test_register_changes_no_setting_and_may_be_repeated() -> None:
    con = apsw.Connection(":memory:")
    names = ("foreign_keys", "trusted_schema", "busy_timeout", "journal_mode", "synchronous", "cache_size", "temp_store",
             "recursive_triggers", "mmap_size", "query_only", "case_sensitive_like", "user_version")  # fmt: skip
    before = {name: con.pragma(name) for name in names if name != "case_sensitive_like"}
    changes = con.total_changes()
    for _ in range(3):
        sqlclust.register(con)
    assert {name: con.pragma(name) for name in before} == before
    assert (con.total_changes(), con.in_transaction, con.row_trace, con.exec_trace) == (changes, False, None, None)
    assert con.execute("SELECT count(*) FROM sqlite_schema").get == 0


def test_register_while_a_statement_runs(demo: apsw.Connection) -> None:
    rows = demo.execute(f"SELECT id FROM {HDBSCAN}")
    assert next(rows) == (1,)
    sqlclust.register(demo)
    assert len(rows.fetchall()) == 39


def test_register_inside_a_transaction_of_the_host() -> None:
    con = apsw.Connection(":memory:")
    con.execute("BEGIN; CREATE TABLE t (a)")
    sqlclust.register(con)
    assert con.in_transaction
    con.execute("ROLLBACK")
    assert con.execute("SELECT clust_dimension(x'00000000')").get == 1


def test_connections_are_apart() -> None:
    """Two connections in one process, each with its own functions and results."""
    one, two = sqlclust.connect(":memory:"), sqlclust.connect(":memory:")
    for con, n in ((one, 20), (two, 30)):
        sqlclust.initialize(con)
        add_embeddings(con, clustered(n))
    assert [con.execute(f"SELECT count(*) FROM {HDBSCAN}").get for con in (one, two)] == [20, 30]
    one.close()
    assert two.execute(f"SELECT count(*) FROM {HDBSCAN}").get == 30
    two.close()


def test_connect_settings_and_errors(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    con = sqlclust.connect(str(path))
    assert (con.pragma("foreign_keys"), con.pragma("trusted_schema")) == (1, 0)
    con.close()
    missing = tmp_path / "missing.db"
    for options in ({"readonly": True}, {"create": False}):
        with pytest.raises(DatabaseFileError) as caught:
            sqlclust.connect(str(missing), **options)
        assert str(caught.value) == f"{missing}: there is no such file; sqlclust init makes one"
        assert not missing.exists()
    with pytest.raises(DatabaseFileError, match="is a directory, expected a database file"):
        sqlclust.connect(str(tmp_path))
    (tmp_path / "text.db").write_text("this is not a database, and longer than a header of a hundred bytes\n" * 9)
    with pytest.raises(DatabaseFileError, match="not an SQLite database"):
        sqlclust.connect(str(tmp_path / "text.db"))


# --- clust_fit ---------------------------------------------------------------------------------------------------------


def test_clust_fit_publishes(demo: apsw.Connection) -> None:
    assert demo.execute("SELECT clust_fit(?, ?)", ("demo", '{"min_cluster_size": 5}')).get == 1
    assert demo.execute("SELECT clust_fit('demo', '{\"min_cluster_size\": 6}')").get == 2
    assert demo.execute("SELECT clustering_result_id, n_rows, n_clusters, n_noise FROM ClusteringSummary").fetchall() == [
        (1, 40, 3, 4), (2, 40, 3, 4)
    ]  # fmt: skip
    same = f"SELECT count(*) FROM {HDBSCAN} c JOIN ClusterAssignment a ON a.embedding_id = c.id AND a.clustering_result_id = 1 "
    assert demo.execute(same + "WHERE a.label = c.label AND a.probability = c.probability AND a.outlier_score = c.outlier_score "
                        "AND a.medoid_embedding_id IS c.medoid_id AND a.size IS c.cluster_size").get == 40  # fmt: skip
    assert not demo.in_transaction
    assert demo.execute("PRAGMA foreign_key_check").fetchall() == []


def test_clust_fit_more_than_once_in_one_statement(demo: apsw.Connection) -> None:
    add_embeddings(demo, clustered(20, seed=5), model="other", ids=range(100, 120))
    assert demo.execute("SELECT clust_fit(column1) FROM (VALUES ('demo'), ('other'))").fetchall() == [(1,), (2,)]
    assert demo.execute("SELECT embedding_model, n_rows FROM ClusteringSummary").fetchall() == [
        ("demo", 40),
        ("other", 20),
    ]


NOT_AT_TOP_LEVEL = {
    "after BEGIN": "BEGIN; SELECT clust_fit('demo')",
    "in a savepoint": "SAVEPOINT s; SELECT clust_fit('demo')",
    "in an INSERT": "INSERT INTO Run (id) SELECT clust_fit('demo')",
    "in an INSERT of VALUES": "INSERT INTO Run (id) VALUES (clust_fit('demo'))",
    "in an UPDATE": "UPDATE Embedding SET content = clust_fit('demo')",
    "in a CREATE TABLE": "CREATE TABLE made AS SELECT clust_fit('demo')",
    "in a SELECT with FROM": "SELECT clust_fit(embedding_model) FROM Embedding",
    "in a SELECT with a subquery": "SELECT clust_fit((SELECT min(embedding_model) FROM Embedding))",
    "in RETURNING": "INSERT INTO Run (id) VALUES (1) RETURNING clust_fit('demo')",
}


@pytest.mark.parametrize("where", NOT_AT_TOP_LEVEL)
def test_clust_fit_is_for_the_top_level(demo: apsw.Connection, where: str) -> None:
    with pytest.raises(TopLevelOnlyError) as caught:
        demo.execute(NOT_AT_TOP_LEVEL[where]).fetchall()
    assert str(caught.value) == (
        "clust_fit publishes in a transaction of its own and was called inside another one (after BEGIN, or in a statement "
        "that reads or writes a table); COMMIT first, then call it alone: SELECT clust_fit('model'). "
        "Inside a transaction use INSERT … SELECT … FROM clust_hdbscan(…)"
    )
    if demo.in_transaction:
        demo.execute("ROLLBACK")
    assert written(demo) == NOTHING
    assert demo.execute("SELECT (SELECT count(*) FROM Run), count(content) FROM Embedding").get == (0, 0)


def test_fit_while_a_statement_of_the_same_connection_reads(demo: apsw.Connection) -> None:
    rows = demo.execute("SELECT id FROM Embedding")
    next(rows)
    with pytest.raises(TopLevelOnlyError):
        sqlclust.fit(demo, "demo")
    rows.close()
    assert sqlclust.fit(demo, "demo") == 1


FIT_ERRORS = {
    "no such model": ("SELECT clust_fit('nope')", UnknownModelError,
                      "no embeddings of model 'nope'; models in this database: 'demo'"),
    "one row": ("SELECT clust_fit('demo', '{\"downsample\": 40}')", TooFewRowsError,
                "embedding model 'demo' has 1 row after the filter and downsampling, expected at least 2 to cluster"),
    "NULL": ("SELECT clust_fit(NULL)", SqlclustError,
             "clust_fit: embedding_model is NULL, expected TEXT, the name of an embedding model"),
    "a number": ("SELECT clust_fit(3)", SqlclustError,
                 "clust_fit: embedding_model is an INTEGER, expected TEXT, the name of an embedding model"),
    "options NULL": ("SELECT clust_fit('demo', NULL)", SqlclustError,
                     "options: found NULL, expected one JSON object such as '{\"min_cluster_size\": 14}'"),
}  # fmt: skip


@pytest.mark.parametrize("case", FIT_ERRORS)
def test_clust_fit_errors(demo: apsw.Connection, case: str) -> None:
    sql, error, message = FIT_ERRORS[case]
    with pytest.raises(error) as caught:
        demo.execute(sql).fetchall()
    assert str(caught.value) == message
    assert written(demo) == NOTHING


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqlclust.store.fit.PATIENCE", 0.3)


@pytest.fixture
def two(demo_file: Path) -> Iterator[tuple[apsw.Connection, apsw.Connection]]:
    """Two connections to one file."""
    pair = sqlclust.connect(str(demo_file)), sqlclust.connect(str(demo_file))
    for con in pair:
        con.set_busy_timeout(50)
    yield pair
    for con in pair:
        con.close()


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("lock", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE", "BEGIN; SELECT count(*) FROM Embedding"])
@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_lock_of_another_connection(two: tuple[apsw.Connection, apsw.Connection], lock: str, mode: str) -> None:
    con, other = two
    assert con.pragma("journal_mode", mode) == mode
    other.execute(lock).fetchall()
    if mode == "wal" and "SELECT" in lock:
        assert sqlclust.fit(con, "demo") == 1  # readers are in nobody's way
        return
    with pytest.raises(LockedError, match=r"(publishing|reading the embeddings) was given up and nothing was written"):
        con.execute("SELECT clust_fit('demo')").fetchall()
    other.execute("ROLLBACK")
    assert written(con) == written(other) == NOTHING
    assert not con.in_transaction
    assert con.execute("SELECT clust_fit('demo')").get == 1


@pytest.mark.slow
@pytest.mark.parametrize("lock", ["BEGIN IMMEDIATE", "BEGIN; SELECT count(*) FROM Embedding"], ids=["writer", "reader"])
def test_publishing_waits_its_turn(two: tuple[apsw.Connection, apsw.Connection], lock: str) -> None:
    con, other = two
    other.execute(lock).fetchall()
    timer = threading.Timer(0.6, lambda: other.execute("ROLLBACK"))
    timer.start()
    assert sqlclust.fit(con, "demo") == 1
    timer.join()
    assert written(other) == (1, 1, *written(con)[2:])


def test_others_write_while_a_fit_computes(two: tuple[apsw.Connection, apsw.Connection]) -> None:
    con, other = two
    phases: set[str] = set()

    def progress(phase: str, fraction: float) -> None:
        if phase not in phases and phase not in ("load", "publish"):
            other.execute("INSERT INTO Run (id) VALUES (?)", (phase,))
        phases.add(phase)

    assert sqlclust.fit(con, "demo", progress=progress) == 1
    assert other.execute("SELECT count(*) FROM Run").get == len(phases - {"load", "publish"}) > 0


def test_a_file_that_cannot_be_written(demo_file: Path) -> None:
    con = sqlclust.connect(str(demo_file), readonly=True)
    with pytest.raises(DatabaseFileError) as caught:
        con.execute("SELECT clust_fit('demo')").fetchall()
    assert str(caught.value) == f"{demo_file}: cannot write to it: publishing needs a writable file and folder"
    assert con.execute(f"SELECT count(*) FROM {HDBSCAN}").get == 40
    assert written(con) == NOTHING
    con.close()


@pytest.mark.parametrize("foreign_keys", [True, False])
def test_embeddings_deleted_meanwhile(two: tuple[apsw.Connection, apsw.Connection], foreign_keys: bool) -> None:
    con, other = two
    con.pragma("foreign_keys", foreign_keys)
    deleted: list[str] = []

    def progress(phase: str, fraction: float) -> None:
        if phase not in ("load", "publish") and not deleted:
            other.execute("DELETE FROM Embedding WHERE id IN (7, 9)")
            deleted.append(phase)

    with pytest.raises(MembersGoneError) as caught:
        sqlclust.fit(con, "demo", progress=progress)
    assert str(caught.value) == (
        "embedding 7 was deleted while the fit ran (2 of its rows are gone); nothing was written. Fit again"
    )
    assert written(con) == NOTHING
    assert sqlclust.fit(con, "demo") == 1
    assert con.execute("SELECT n_rows FROM ClusteringSummary").get == 38


@pytest.mark.parametrize("phase", ["load", "publish"])
def test_an_error_in_the_callback_leaves_nothing(demo: apsw.Connection, phase: str) -> None:
    def progress(current: str, fraction: float) -> None:
        if current == phase:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        sqlclust.fit(demo, "demo", progress=progress)
    assert written(demo) == NOTHING
    assert not demo.in_transaction


# --- stopping ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def slow(con: apsw.Connection) -> apsw.Connection:
    """Enough embeddings that a fit takes seconds."""
    add_embeddings(con, np.random.default_rng(1).normal(size=(40_000, 256)).astype(np.float32))
    return con


SLOW_STATEMENTS = {
    "clust_fit": "SELECT clust_fit('demo', '{\"min_samples\": 15}')",
    "clust_hdbscan": f"INSERT INTO Run (id) SELECT id FROM {HDBSCAN}",
    "clust_neighbors": "SELECT * FROM clust_neighbors((SELECT clust_points(id, vector) FROM Embedding), '{\"k\": 50}')",
}


def seconds_to_stop(
    con: apsw.Connection, statement: str, stop: Callable[[], None], expected: type[BaseException]
) -> float:
    """How long a statement goes on after it was asked to stop; nothing is left behind."""
    asked = Asked()

    def ask() -> None:
        asked.now()
        stop()

    with while_computing(ask), pytest.raises(expected):
        con.execute(statement).fetchall()
    seconds = asked.seconds
    assert written(con) == NOTHING
    assert not con.in_transaction
    for thread in threading.enumerate():
        if thread.name.startswith("sqlclust"):
            thread.join(60)  # of one that had just begun when it was stopped nobody knows that it is there
            assert not thread.is_alive()
    return seconds


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW_STATEMENTS)
def test_interrupt_from_another_thread(slow: apsw.Connection, name: str) -> None:
    assert seconds_to_stop(slow, SLOW_STATEMENTS[name], slow.interrupt, apsw.InterruptError) < 0.5
    assert slow.execute("SELECT count(*) FROM Run").get == 0
    assert slow.execute("SELECT 1").get == 1  # the connection goes on


@pytest.mark.slow
def test_keyboard_interrupt(slow: apsw.Connection) -> None:
    def stop() -> None:
        signal.raise_signal(signal.SIGINT)

    assert seconds_to_stop(slow, SLOW_STATEMENTS["clust_fit"], stop, KeyboardInterrupt) < 0.5


def test_interrupt_while_waiting_for_the_lock(
    two: tuple[apsw.Connection, apsw.Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    con, other = two
    con.set_busy_timeout(5_000)
    monkeypatch.setattr("sqlclust.store.fit.PATIENCE", 600.0)
    other.execute("BEGIN IMMEDIATE")
    while_waiting(monkeypatch, con.interrupt)
    with pytest.raises(apsw.InterruptError):
        con.execute("SELECT clust_fit('demo')").fetchall()
    other.execute("ROLLBACK")
    assert written(con) == NOTHING
    assert con.pragma("busy_timeout") == 5_000


# --- another SQLite ------------------------------------------------------------------------------------------------------


def test_a_json_function_among_the_arguments(con: apsw.Connection) -> None:
    """Some versions of SQLite wipe the handle away then, 3.54 does and 3.49 does not: the right rows, or what to write."""
    sql = (
        "SELECT count(*) FROM clust_hdbscan((SELECT clust_points(key, clust_vector(json_array(value, 1))) "
        "FROM json_each('[1, 2, 3]')))"
    )
    try:
        assert con.execute(sql).get == 3
    except sqlclust.SqlclustError as error:
        assert "SQLite also wipes it away where one of its JSON functions stands" in str(error)  # noqa: PT017 - or none
