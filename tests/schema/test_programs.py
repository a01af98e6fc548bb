"""schema.sql in programs that are not ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import apsw

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.schema import VERSION, schema_sql, version
from tests.schema.plain import (
    GOOD,
    ROOT,
    TABLES,
    VIEWS,
    shell,
)

RUN_IN_STDLIB = """
import sqlite3, sys
from contextlib import closing
with closing(sqlite3.connect(sys.argv[1])) as con:
    con.executescript(open("schema.sql", encoding="utf-8").read())
    tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1"
    print(*(name for name, in con.execute(tables)))
"""


def test_runs_in_the_stock_shell(tmp_path: Path) -> None:
    path = tmp_path / "shell.db"
    made = shell(path, schema_sql())
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    shell(path, "PRAGMA foreign_keys = ON;" + GOOD)
    for view in VIEWS:
        assert shell(path, f"SELECT count(*) >= 0 FROM {view};").stdout == "1\n", view
    assert (
        shell(path, "SELECT n_rows, n_clusters, n_noise, noise_share FROM ClusteringSummary;").stdout == "5|2|1|0.2\n"
    )
    refused = shell(path, "PRAGMA foreign_keys = ON; DELETE FROM Embedding WHERE id = 5;")
    assert refused.returncode != 0
    assert "FOREIGN KEY constraint failed" in refused.stderr


def test_runs_in_the_standard_library(tmp_path: Path) -> None:
    path = tmp_path / "stdlib.db"  # a process of its own: two SQLite libraries must not share one
    made = subprocess.run(
        [sys.executable, "-c", RUN_IN_STDLIB, str(path)], capture_output=True, encoding="utf-8", cwd=ROOT, check=True
    )
    assert made.stdout.split() == TABLES


def test_runs_in_apsw_and_the_file_is_ours(tmp_path: Path) -> None:
    path = str(tmp_path / "apsw.db")
    connection = apsw.Connection(path)
    connection.execute((ROOT / "schema.sql").read_text(encoding="utf-8"))
    connection.close()
    ours = sqlclust.connect(path)
    assert version(database_of(ours)) == VERSION
    assert sqlclust.initialize(ours) is False
    ours.close()


def test_objects_and_built_ins_only(plain: apsw.Connection) -> None:
    found = plain.execute(
        "SELECT type, name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY 1, 2"
    ).fetchall()
    assert found == [("table", name) for name in TABLES] + [("view", name) for name in VIEWS]
    assert all(strict for name, strict in plain.execute("SELECT name, strict FROM pragma_table_list WHERE type = 'table'")
               if not name.startswith("sqlite_"))  # fmt: skip
    code = "\n".join(line.partition("--")[0] for line in schema_sql().splitlines())
    assert "clust_" not in code
    assert plain.execute("PRAGMA foreign_key_check").fetchall() == []
    assert plain.execute("PRAGMA integrity_check").get == "ok"
