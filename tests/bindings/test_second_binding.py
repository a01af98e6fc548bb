"""The port is enough: a second binding, one file, gives what the first does."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust import schema
from sqlclust.bindings.registration import Binder, register_all
from sqlclust.errors import ConstraintError, SqlclustError, StatementError, StatementInterrupted
from sqlclust.options import FitOptions, parse
from sqlclust.sqlite import interrupt, statements
from sqlclust.sqlite.database import Database
from sqlclust.store.fit import fit
from sqlclust.surface.catalog import CATALOG
from sqlclust.surface.records import ScalarFunction
from tests.bindings import second
from tests.bindings.second import SecondBinder, SecondDatabase
from tests.small import clustered

OPTIONS = '{"min_cluster_size": 5}'
INSERT = "INSERT INTO Embedding (id, embedding_model, vector) VALUES (?, 'demo', ?)"


@pytest.fixture
def database() -> Iterator[SecondDatabase]:
    """With everything registered, and 40 embeddings of model demo."""
    made = SecondDatabase()
    register_all(SecondBinder(made))
    as_port: Database = made  # that it is one is for mypy to say
    schema.initialize(as_port)
    statements.run_many(as_port, INSERT, [(row, vector.tobytes()) for row, vector in enumerate(clustered(), start=1)])
    yield made
    made.close()


def test_it_needs_the_port_and_the_catalogues_records_only() -> None:
    tree = ast.parse(Path(second.__file__).read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    assert {name for name in modules if name.startswith("sqlclust")} == {
        "sqlclust.bindings.registration",
        "sqlclust.bindings.virtual_table",
        "sqlclust.errors",
        "sqlclust.errors.sqlite",
        "sqlclust.sqlite.database",
        "sqlclust.surface.records",
    }


def test_everything_is_registered_once() -> None:
    bound: list[str] = []

    class Counted(SecondBinder):
        def scalar(self, record: ScalarFunction, function: Callable[..., Any]) -> None:
            bound.append(record.name)
            super().scalar(record, function)

    database = SecondDatabase()
    binder: Binder = Counted(database)
    for _ in range(2):
        register_all(binder)
    assert bound.count("clust_version") == 1
    assert statements.value(database, "SELECT clust_version()") == sqlclust.__version__
    assert len(CATALOG) == statements.value(
        database,
        "SELECT (SELECT count(DISTINCT name) FROM pragma_function_list WHERE name GLOB 'clust_*') + "
        "(SELECT count(*) FROM pragma_module_list WHERE name GLOB 'clust_*')",
    )
    database.close()


def both(database: SecondDatabase, demo: apsw.Connection, sql: str) -> list[Any]:
    """The rows of a statement, which are those of the first binding."""
    rows = statements.all_rows(database, sql)
    assert rows == demo.execute(sql).fetchall()
    return rows


def test_a_fit_a_cut_and_table_functions(database: SecondDatabase, demo: apsw.Connection) -> None:
    assert both(database, demo, f"SELECT clust_fit('demo', '{OPTIONS}')") == [(1,)]
    assert fit(database, "demo", parse(FitOptions, {"min_cluster_size": 6})) == 2
    assert sqlclust.fit(demo, "demo", min_cluster_size=6) == 2
    assert both(database, demo, "SELECT clust_cut(1, '{\"min_cluster_size\": 7}')") == [(3,)]
    assert (
        len(both(database, demo, "SELECT * FROM EmbeddingCluster ORDER BY clustering_result_id, embedding_id")) == 120
    )
    assert len(both(database, demo, "SELECT id, c.*, vector FROM clust_labels(1) c JOIN Embedding USING (id)")) == 40
    points = "(SELECT clust_points(id, vector) FROM Embedding)"
    assert len(both(database, demo, f"SELECT *, persistence FROM clust_hdbscan({points}, '{OPTIONS}')")) == 40
    assert len(both(database, demo, f"SELECT * FROM clust_predict(1, {points}) WHERE id IN (3, 4)")) == 2
    texts = "(SELECT clust_texts(id % 2, iif(id % 2, 'green tea', 'red wine')) FROM Embedding)"
    assert len(both(database, demo, f"SELECT *, n_rows FROM clust_terms({texts}, '{{\"stop_words\": []}}')")) > 0
    assert both(database, demo, "SELECT count(*), sum(is_stale) FROM clust_staleness(2)") == [(1, 0)]
    assert both(database, demo, "SELECT count(*) FROM clust_doctor() WHERE severity = 'error'") == [(0,)]


@pytest.mark.parametrize(
    "call", ["clust_fit('demo')", "clust_points(id, vector)", "(SELECT n FROM clust_staleness(1))"]
)
def test_what_a_file_brings_along_calls_nothing_that_reads_or_writes(database: SecondDatabase, call: str) -> None:
    statements.run(database, f"CREATE VIEW mine AS SELECT {call} FROM Embedding")
    with pytest.raises(StatementError, match="unsafe use of"):
        statements.all_rows(database, "SELECT * FROM mine")


def test_errors_are_ours(database: SecondDatabase) -> None:
    with pytest.raises(SqlclustError, match="no embeddings of model 'nope'"):
        statements.run(database, "SELECT clust_fit('nope')")
    with pytest.raises(StatementError, match="no such table: nope") as caught:
        statements.run(database, "SELECT * FROM nope")
    assert not isinstance(caught.value, apsw.Error)
    with pytest.raises(ConstraintError) as refused:
        statements.run(database, INSERT, (1, b"\0\0\0\0"))
    assert refused.value.code == apsw.SQLITE_CONSTRAINT_PRIMARYKEY


def test_an_interrupt_of_the_host_stops_the_work(database: SecondDatabase) -> None:
    def work(control: Any) -> None:
        database.interrupt()
        while True:
            control.check()

    def stop_inside_a_statement(*_: Any) -> None:
        interrupt.run(database, work)

    database._host.create_scalar_function("long_work", stop_inside_a_statement)
    with pytest.raises(StatementInterrupted):
        statements.run(database, "SELECT long_work()")
