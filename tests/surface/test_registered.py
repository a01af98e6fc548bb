"""What registering and connecting change, and what a file's own schema may call."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

import sqlclust
from sqlclust.errors import DatabaseFileError
from tests.small import add_embeddings, clustered
from tests.surface.one_statement import HDBSCAN, NOTHING, written


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


@pytest.mark.parametrize("defensive", [0, 1])
@pytest.mark.parametrize("writable", [0, 1])
def test_register_leaves_what_may_be_written_of_the_schema_as_it_was(writable: int, defensive: int) -> None:
    """Although SQLite turns that off when it is to read the schema again."""
    con = apsw.Connection(":memory:")
    con.pragma("writable_schema", bool(writable))
    con.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, defensive)
    sqlclust.register(con)
    assert con.pragma("writable_schema") == writable
    assert con.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, -1) == defensive


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
        assert str(caught.value) == f"{missing}: there is no such file"
        assert not missing.exists()
    with pytest.raises(DatabaseFileError, match="is a directory, expected a database file"):
        sqlclust.connect(str(tmp_path))
    (tmp_path / "text.db").write_text("this is not a database, and longer than a header of a hundred bytes\n" * 9)
    with pytest.raises(DatabaseFileError, match="not an SQLite database"):
        sqlclust.connect(str(tmp_path / "text.db"))
