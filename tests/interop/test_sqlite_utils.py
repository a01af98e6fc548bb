"""sqlite-utils on our tables: its commands and its Python API."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import sqlclust
from tests.cli.terminal import run
from tests.interop.tools import TABLES, query, run_blocks, stock, tool, views
from tests.small import blob

VECTOR = blob(*range(8))


@pytest.fixture
def db(results: Path) -> Iterator[Any]:
    """With foreign keys on."""
    database = tool("sqlite_utils").Database(str(results))
    database.execute("PRAGMA foreign_keys = ON")
    yield database
    database.close()


def command(*args: object, stdin: str | None = None) -> Any:
    """What `sqlite-utils` with these arguments gives."""
    return CliRunner().invoke(tool("sqlite_utils.cli").cli, [str(arg) for arg in args], input=stdin)


def findings(path: Path) -> list[str]:
    """What the doctor finds."""
    return [found["finding"] for found in json.loads(run("doctor", path, "--quick", "--json").out)]


def test_the_page(colors: Path) -> None:
    run_blocks("sqlite-utils")


def test_everything_is_read(db: Any, results: Path) -> None:
    for name in [*TABLES, *views(results)]:
        rows = command("rows", results, name)
        assert rows.exit_code == 0, rows.output
        assert len(json.loads(rows.output)) == db.execute(f"SELECT count(*) FROM {name}").fetchone()[0]


def test_every_id_keeps_its_type(db: Any) -> None:
    for identifier in (7, "7", 2.5, b"\xff"):
        db["Embedding"].insert({"id": identifier, "embedding_model": "new", "vector": VECTOR})
    kept = db.execute("SELECT typeof(id) FROM Embedding WHERE embedding_model = 'new' ORDER BY 1").fetchall()
    assert kept == [("blob",), ("integer",), ("real",), ("text",)]


def test_an_id_of_numpy_becomes_a_blob_until_it_is_adapted(db: Any) -> None:
    types = "SELECT typeof(id) FROM Run WHERE id <> 'run' ORDER BY 1"
    db["Run"].insert({"id": np.int64(5)})
    assert db.execute(types).fetchall() in ([("blob",)], [("integer",)])
    db.execute("DELETE FROM Run WHERE id <> 'run'")
    sqlite3.register_adapter(np.int64, lambda value: value.item())
    db["Run"].insert({"id": np.int64(5)})
    db["Run"].insert({"id": int(np.int64(6))})
    assert db.execute(types).fetchall() == [("integer",)] * 2


def test_a_list_is_no_vector(db: Any) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="cannot store TEXT value in BLOB column"):
        db["Embedding"].insert({"id": "list", "embedding_model": "new", "vector": [1.0, 2.0]})


def test_the_command_line_has_foreign_keys_off(results: Path) -> None:
    row = json.dumps({"clustering_result_id": 1, "embedding_id": "nowhere", "label": -1, "probability": 0})
    assert command("insert", results, "EmbeddingCluster", "-", stdin=row).exit_code == 0
    assert len(query(results, "PRAGMA foreign_key_check")) == 1
    vector = {"$base64": True, "encoded": "AACAPwAAAEA="}
    row = json.dumps({"id": "new", "embedding_model": "new", "vector": vector})
    assert command("insert", results, "Embedding", "-", stdin=row).exit_code == 0
    assert query(results, "SELECT vector FROM Embedding WHERE id = 'new'") == [(blob(1, 2),)]


def test_from_python_they_can_be_on(db: Any) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        db["EmbeddingCluster"].insert(
            {"clustering_result_id": 1, "embedding_id": "nowhere", "label": -1, "probability": 0}
        )


def test_replace_deletes_the_row_first(db: Any) -> None:
    db["ClusteringResult"].upsert({"id": 1, "embedding_model": "demo", "parameters": '{"x": 1}'}, pk="id")
    assert db.execute("SELECT parameters, algorithm FROM ClusteringResult WHERE id = 1").fetchall() == [
        ('{"x": 1}', "hdbscan")
    ]
    db["ClusteringResult"].update(1, {"algorithm": "other"})
    count = "SELECT count(*) FROM EmbeddingCluster WHERE clustering_result_id = 1"
    assert db.execute(count).fetchall() == [(40,)]
    with pytest.raises(sqlite3.IntegrityError, match="NOT NULL"):
        db["ClusteringResult"].upsert({"id": 1, "algorithm": "other"}, pk="id")
    db["ClusteringResult"].insert({"id": 1, "embedding_model": "demo", "parameters": "{}"}, pk="id", replace=True)
    assert db.execute(count).fetchall() == [(0,)]


@pytest.mark.parametrize(
    ("table", "options"),
    [
        ("EmbeddingCluster", ["--rename", "outlier_score", "glosh"]),
        ("EmbeddingPrediction", ["--drop", "predicted_at"]),
        ("Cluster", ["--default", "size", "1"]),
    ],
)
def test_transform_fails_at_a_generated_column(results: Path, table: str, options: list[str]) -> None:
    schema = query(results, "SELECT sql FROM sqlite_schema ORDER BY rowid")
    done = command("transform", results, table, *options)
    if done.exit_code == 0:
        pytest.skip(f"sqlite-utils transforms {table}: the page can be shorter")
    assert "cluster_label" in str(done.exception)
    assert query(results, "SELECT sql FROM sqlite_schema ORDER BY rowid") == schema
    assert query(results, f"SELECT name FROM sqlite_schema WHERE name LIKE '{table}_new%'") == []


KNOWS_ANY = tuple(int(part) for part in version("sqlite-utils").split(".")[:2]) >= (4, 2)
PARTLY_INDEXED = {"Embedding": ["--drop", "content"], "ClusteringFit": ["--drop", "timings"]}


@pytest.mark.parametrize("table", PARTLY_INDEXED)
def test_transform_fails_at_an_index_of_some_rows(results: Path, table: str) -> None:
    schema = query(results, "SELECT sql FROM sqlite_schema ORDER BY rowid")
    done = command("transform", results, table, *PARTLY_INDEXED[table])
    assert done.exit_code == 1
    if KNOWS_ANY:
        assert "is a partial or expression index" in str(done.exception)
    assert query(results, "SELECT sql FROM sqlite_schema ORDER BY rowid") == schema
    assert findings(results) == []


TRANSFORMS: dict[str, list[str]] = {
    "Run": ["--rename", "initial_prompt", "prompt"],
    "Invocation": ["--rename", "type", "kind"],
    "ClusteringResult": ["--rename", "algorithm", "method"],
    "SqlclustMigration": ["--rename", "name", "title"],
}


@pytest.mark.skipif(not KNOWS_ANY, reason="sqlite-utils 4.2 is the first that keeps columns of type ANY")
@pytest.mark.parametrize("table", TRANSFORMS)
def test_other_tables_are_transformed_and_then_refused(results: Path, table: str) -> None:
    key = "version" if table == "SqlclustMigration" else "id"
    types = query(results, f"SELECT {key}, typeof({key}) FROM {table}")
    assert command("transform", results, table, *TRANSFORMS[table]).exit_code == 0
    assert query(results, f"SELECT {key}, typeof({key}) FROM {table}") == types
    # it makes the table anew, and no trigger of it
    assert findings(results) == ["other-table", "missing-trigger"][: 1 + (table == "ClusteringResult")]
    with (
        closing(sqlclust.connect(str(results))) as ours,
        pytest.raises(sqlclust.SqlclustError, match=f"table {table} has no"),
    ):
        sqlclust.fit(ours, "demo", min_cluster_size=5)


@pytest.mark.skipif(KNOWS_ANY, reason="sqlite-utils before 4.2 does not know ANY")
def test_before_it_knew_any_it_took_ids_for_numbers(results: Path, integer_results: Path) -> None:
    for path in (results, integer_results):
        assert command("transform", path, "Invocation", *TRANSFORMS["Invocation"]).exit_code == 1
    assert command("transform", results, "Run", *TRANSFORMS["Run"]).exit_code == 1  # 'run' is no REAL
    with stock(integer_results) as connection, connection:
        connection.execute("INSERT INTO Run (id) VALUES (1)")
        connection.execute("UPDATE Invocation SET run_id = 1")
        connection.execute("DELETE FROM Run WHERE id = 'run'")
    assert command("transform", integer_results, "Run", *TRANSFORMS["Run"]).exit_code == 0
    assert query(integer_results, "SELECT typeof(id) FROM Run") == [("real",)]


def test_columns_of_others_are_left_alone(results: Path) -> None:
    for table in sorted(TABLES):
        assert command("add-column", results, table, "note", "text").exit_code == 0
    assert findings(results) == ["more-columns"] * len(TABLES)
    with closing(sqlclust.connect(str(results))) as ours:
        assert sqlclust.fit(ours, "demo", min_cluster_size=5) == 3
