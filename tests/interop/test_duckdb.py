"""DuckDB on our tables, by its extension for SQLite."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.interop.tools import ROOT, TABLES, query, run_blocks, skip, tool, views

PROPOSED = "sqlite_all_varchar"
"""What the error proposes where ids are no text."""


def packaged_extension() -> Path | None:
    """DuckDB's own extension as a package of PyPI brings it, for where DuckDB can download nothing."""
    found = find_spec("duckdb_extension_sqlite_scanner")
    folders = found.submodule_search_locations or () if found else ()
    return next((file for folder in folders for file in Path(folder).glob("extensions/*/*.duckdb_extension")), None)


@pytest.fixture(scope="session")
def _home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where DuckDB keeps what it has installed; nobody's own folder is touched."""
    return tmp_path_factory.mktemp("duckdb")


@pytest.fixture(scope="session")
def _missing(_home: Path) -> str:
    """Why there is no extension; '' if it is installed. Asked once, since the network may take its time to say no."""
    module, packaged = tool("duckdb"), packaged_extension()
    reason = ""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(_home))
        for source in ([f"'{packaged}'"] if packaged else []) + ["sqlite"]:
            try:
                with module.connect() as connection:
                    connection.execute(f"INSTALL {source}")
            except module.Error as error:
                reason = f"no extension for SQLite for version {module.__version__}: {str(error).splitlines()[0]}"
            else:
                return ""
    return reason


@pytest.fixture
def duckdb(_home: Path, _missing: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """DuckDB with the extension."""
    if _missing:
        skip("duckdb", _missing)
    monkeypatch.setenv("HOME", str(_home))
    return tool("duckdb")


@pytest.fixture
def con(duckdb: Any) -> Iterator[Any]:
    with duckdb.connect() as connection:
        yield connection


def attached(con: Any, path: Path, *, read_only: bool = True) -> Any:
    con.execute(f"ATTACH '{path}' AS host (TYPE sqlite{', READ_ONLY' if read_only else ''})")
    return con


def numbers(rows: list[tuple[Any, ...]]) -> list[str]:
    """Rows to compare, whether their numbers are numbers or text of 15 digits."""

    def same(value: Any) -> Any:
        if isinstance(value, int | float) or re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", str(value)):
            return f"{float(value):.9g}"
        return value

    return sorted(repr([same(value) for value in row]) for row in rows)


def through_sqlite(con: Any, name: str) -> list[str]:
    return numbers(con.execute(f"SELECT * FROM sqlite_query('host', 'SELECT * FROM {name}')").fetchall())


def test_the_page(duckdb: Any, colors: Path) -> None:
    run_blocks("DuckDB")


@pytest.mark.parametrize("ids", ["results", "integer_results"])
def test_sqlite_query_reads_what_sqlite_does(con: Any, ids: str, request: pytest.FixtureRequest) -> None:
    path = request.getfixturevalue(ids)
    attached(con, path)
    for name in sorted(TABLES - {"Embedding", "ClusteringFit", "ClusteringFitNeighbors"}) + views(path):
        assert through_sqlite(con, name) == numbers(query(path, f"SELECT * FROM {name}")), name
    vectors = con.execute("SELECT id, unhex(v) FROM sqlite_query('host', 'SELECT id, hex(vector) AS v FROM Embedding')")
    assert vectors.fetchall() == query(path, "SELECT CAST(id AS TEXT), vector FROM Embedding")


def test_tables_with_text_ids_are_read_as_they_are(con: Any, results: Path) -> None:
    attached(con, results)
    for name in sorted(TABLES):
        columns = ", ".join(column for _, column, *_ in query(results, f"PRAGMA table_info({name})"))
        rows = con.execute(f"SELECT * FROM host.{name}").fetchall()
        assert numbers(rows) == numbers(query(results, f"SELECT {columns} FROM {name}")), name
    assert [column[0] for column in con.execute("SELECT * FROM host.EmbeddingCluster").description] == [
        "clustering_result_id", "embedding_id", "label", "probability", "outlier_score"
    ]  # fmt: skip


def test_other_ids_are_a_mismatch_and_what_is_proposed_is_no_cure(
    duckdb: Any, con: Any, integer_results: Path, results: Path
) -> None:
    attached(con, integer_results)
    with pytest.raises(duckdb.Error, match=f"(?s)Mismatch Type Error.*{PROPOSED}"):
        con.execute("SELECT * FROM host.EmbeddingCluster").fetchall()
    for path in (integer_results, results):
        with duckdb.connect() as other:
            other.execute(f"SET {PROPOSED} = true")
            attached(other, path)
            with pytest.raises(duckdb.Error, match="Invalid unicode"):
                other.execute("SELECT * FROM host.Embedding").fetchall()
            wrong = [
                name
                for name in ("ClusterMilestone", "ClusterTrajectory", "ClusterTransition", "EmbeddingModelSummary")
                if not _is_right(duckdb, other, path, name)
            ]
            # none with a DuckDB that has mended it
            assert wrong in (
                ["ClusterMilestone", "ClusterTrajectory", "ClusterTransition", "EmbeddingModelSummary"], []
            )  # fmt: skip


def _is_right(duckdb: Any, con: Any, path: Path, view: str) -> bool:
    """Whether a view gives what SQLite gives; an error is not."""
    try:
        rows = con.execute(f"SELECT * FROM host.{view}").fetchall()
    except duckdb.Error:
        return False
    return numbers(rows) == numbers(query(path, f"SELECT * FROM {view}"))


def test_some_views_are_errors(duckdb: Any, con: Any, results: Path) -> None:
    """And the others are right, where ids are text."""
    attached(con, results)
    failed = []
    for name in views(results):
        try:
            rows = con.execute(f"SELECT * FROM host.{name}").fetchall()
        except duckdb.Error:
            failed.append(name)
        else:
            assert numbers(rows) == numbers(query(results, f"SELECT * FROM {name}")), name
    text = (ROOT / "examples" / "other_tools.md").read_text(encoding="utf-8")
    said = re.findall(r"`(\w+)`", text.partition("- Of the views, ")[2].partition(" are errors")[0])
    assert set(failed) <= set(said)  # fewer with a DuckDB that knows more of SQLite's SQL
    assert len(said) == 5


def test_writing_is_refused_read_only(duckdb: Any, con: Any, results: Path) -> None:
    attached(con, results)
    for sql in (
        "INSERT INTO host.Invocation (id, run_id, sequence_number) VALUES ('new', 'run', 99)",
        "DELETE FROM host.Invocation",
        "DROP TABLE host.EmbeddingPrediction",
    ):
        with pytest.raises(duckdb.Error, match="read-only"):
            con.execute(sql)


def test_writing_otherwise(duckdb: Any, con: Any, results: Path) -> None:
    attached(con, results, read_only=False)
    for table, columns, values in (
        ("Run", "id", "'new'"),
        ("Embedding", "id, embedding_model, vector", "'new', 'm', '0000'"),
    ):
        with pytest.raises(duckdb.Error, match="strftime"):
            con.execute(f"INSERT INTO host.{table} ({columns}) VALUES ({values})")
    con.execute("INSERT INTO host.Invocation (id, run_id, sequence_number) VALUES ('new', 'nowhere', 99)")
    con.execute("DROP TABLE host.EmbeddingPrediction")
    con.execute("DETACH host")
    assert [row[0] for row in query(results, "PRAGMA foreign_key_check")] == ["Invocation"]
    assert query(results, "SELECT name FROM sqlite_schema WHERE name = 'EmbeddingPrediction'") == []
