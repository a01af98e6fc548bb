"""The view of a source: a host's rows with their clusters, of parts, views and vec0 tables; its cost; its readers."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import apsw
import pytest

import sqlclust
from sqlclust.sources import Source
from sqlclust.sqlite.layout import quoted
from sqlclust.store.sources import clusters_view
from tests.sources.looking import HOSTS, found, host
from tests.store.sources.clustered_host import (
    BY_INDEX,
    OURS,
    Member,
    both,
    columns,
    create,
    expected,
    initialized,
    plan,
    publish,
    register,
    source,
)

KEYS = [17, "17", b"17", 1.5, 2**60 + 1, "x", "X"]


@pytest.mark.parametrize("value", [5, "five's", b"5", 0.1, "a\0b", None, float("inf")])
def test_a_part_of_a_table(tmp_path: Path, value: object) -> None:
    """As llm keeps its collections: the same key in each."""
    con = initialized("CREATE TABLE docs (part, id TEXT, v, PRIMARY KEY (part, id))")
    con.executemany("INSERT INTO docs VALUES (?, 'a', 1)", [(value,), ("another",)])
    con.execute("INSERT INTO docs VALUES (?, 'b', 1)", (value,))
    part = source("llm:docs", only=("Part", value))
    register(con, part)
    publish(con, "llm:docs", [Member("a", 0)])
    create(con, part)
    with both(con, tmp_path) as queries:
        for query in queries:
            sql = 'SELECT id, label FROM "llm:docs_clusters" ORDER BY id'
            assert query(sql) == [("a", 0), ("b", None)]
            steps = plan(query, 'SELECT * FROM "llm:docs_clusters"')
            assert steps[0].startswith("SEARCH h USING INDEX sqlite_autoindex_docs_1 (part=?")


def test_parts_whose_names_differ_in_case() -> None:
    con = initialized("CREATE TABLE docs (part TEXT COLLATE NOCASE, id, v)")
    con.execute("INSERT INTO docs VALUES ('Five', 1, 0), ('five', 2, 0)")
    for part, id in (("Five", 1), ("five", 2)):
        create(con, source(f"of {id}", only=("part", part)))
        assert con.execute(f'SELECT id FROM "of {id}_clusters"').fetchall() == [(id,)]


VEC0 = source("vectors", "vectors", ["id"], stored="vec0")


@pytest.mark.parametrize(("of", "elsewhere"), [(VEC0, False), (VEC0, True), (source("vectors", "gone"), True)])
def test_ids_alone_where_the_table_cannot_be_read(tmp_path: Path, of: Source, elsewhere: bool) -> None:
    con = initialized()
    register(con, of)
    members = [Member(key, i % 3 - 1, i / 64) for i, key in enumerate(KEYS)]
    publish(con, "vectors", [*members, Member("not in the next", -1)])
    publish(con, "vectors", members)
    register(con, source("other", "other"))
    publish(con, "other", [Member(17, 0)])
    assert create(con, of, elsewhere=elsewhere) == {}
    assert columns(con, "vectors_clusters") == ["id", *OURS]
    keys = [member.item_id for member in members]
    wanted = expected([(key,) for key in keys], keys, members)
    with both(con, tmp_path) as queries:
        for query in queries:
            assert sorted(query("SELECT * FROM vectors_clusters"), key=repr) == sorted(wanted, key=repr)
            assert query("SELECT * FROM vectors_clusters WHERE id = 17") == wanted[:1]
            steps = plan(query, "SELECT * FROM vectors_clusters WHERE id = 17")
            assert BY_INDEX[0] in steps
            for sql in ("SELECT * FROM vectors_clusters", "SELECT * FROM vectors_clusters WHERE id = 17"):
                assert [step for step in plan(query, sql) if "SCAN" in step] == []


def test_hidden_columns_are_left_out() -> None:
    con = initialized("CREATE VIRTUAL TABLE docs USING fts5 (v, label)", "INSERT INTO docs VALUES ('a', 'theirs')")
    assert create(con, source(keys=["rowid"])) == {"label": "label:1"}
    assert columns(con, "docs_clusters") == [*OURS, "rowid", "v", "label:1"]


def test_of_a_view() -> None:
    con = initialized(
        "CREATE TABLE kept (id INTEGER PRIMARY KEY, body, v)",
        "INSERT INTO kept VALUES (1, 'a', 0), (2, 'b', 0)",
        "CREATE VIEW docs AS SELECT id AS ID, upper(body) AS body, v FROM kept",
    )
    register(con, source())
    publish(con, "docs", [Member(2, 0)])
    create(con, source())
    found = con.execute("SELECT ID, body, label FROM docs_clusters ORDER BY 1").fetchall()
    assert found == [(1, "A", None), (2, "B", 0)]
    steps = plan(lambda sql: con.execute(sql).fetchall(), "SELECT * FROM docs_clusters WHERE id = 2")
    assert [step for step in steps if "SCAN" in step] == []


def test_generated_columns_are_columns() -> None:
    con = initialized("CREATE TABLE docs (id INTEGER PRIMARY KEY, v, twice AS (id * 2), thrice AS (id * 3) STORED)")
    con.execute("INSERT INTO docs VALUES (4, NULL)")
    create(con, source())
    assert con.execute("SELECT * FROM docs_clusters").get == (4, None, 8, 12, None, None, None, None, None)


def test_one_that_calls_a_function_is_not_computed_for_the_view() -> None:
    con = initialized()
    con.create_scalar_function("of_the_host", lambda *values: values[0], 1, deterministic=True)
    con.execute("CREATE TABLE docs (id INTEGER PRIMARY KEY, v, label AS (of_the_host(id)))")
    con.execute("INSERT INTO docs VALUES (4, NULL)")
    con.create_scalar_function("of_the_host", None, 1)
    assert create(con, source()) == {"label": "label:1"}
    assert con.execute("SELECT id, label, cluster_size FROM docs_clusters").get == (4, None, None)


def test_columns_that_are_called_as_ours(tmp_path: Path) -> None:
    con = initialized('CREATE TABLE docs (id INTEGER PRIMARY KEY, v, "LABEL", cluster_size, "label:1")')
    con.execute("INSERT INTO docs VALUES (1, 0, 'theirs', 'large', 'odd')")
    register(con, source())
    publish(con, "docs", [Member(1, 0)])
    renamed = create(con, source())
    assert sorted(renamed) == ["LABEL", "cluster_size"]
    assert create(con, source()) == renamed
    with both(con, tmp_path) as queries:
        for query in queries:
            names = ", ".join(quoted(renamed[column]) for column in renamed)
            sql = f"SELECT label, cluster_size, id, {names} FROM docs_clusters"
            assert query(sql) == [(0, 1, 1, "theirs", "large")]
            assert query("SELECT * FROM docs_clusters") == [(0, 0.5, 0.25, 1, 1, 1, 0, "theirs", "large", "odd")]


def test_the_latest_result_is_shown() -> None:
    con = initialized("CREATE TABLE docs (id INTEGER PRIMARY KEY, v)", "INSERT INTO docs VALUES (1, 0), (2, 0)")
    register(con, source())
    create(con, source())
    labels = "SELECT label FROM docs_clusters ORDER BY id"
    assert con.execute(labels).fetchall() == [(None,), (None,)]
    publish(con, "docs", [Member(1, 0), Member(2, -1)])
    register(con, source("other", "other"))
    publish(con, "other", [Member(1, 5)])
    assert con.execute(labels).fetchall() == [(0,), (-1,)]
    later = publish(con, "docs", [Member(2, 3)])
    assert con.execute(labels).fetchall() == [(None,), (3,)]
    con.execute("PRAGMA foreign_keys = ON")
    con.execute("DELETE FROM ClusteringResult WHERE id = ?", (later,))
    assert con.execute(labels).fetchall() == [(0,), (-1,)]


def steps_of(con: apsw.Connection, sql: str) -> int:
    """How many steps SQLite's machine takes."""
    count = 0

    def counted() -> bool:
        nonlocal count
        count += 1
        return False

    con.set_progress_handler(counted, 1)
    con.execute(sql).fetchall()
    con.set_progress_handler(None)
    return count


def test_cost_grows_with_the_rows_read_alone() -> None:
    """Not with the table, for one row, nor with the number of results."""
    costs = []
    for rows, results in ((60, 1), (600, 12)):
        con = initialized("CREATE TABLE docs (id INTEGER PRIMARY KEY, v)")
        con.executemany("INSERT INTO docs VALUES (?, 0)", [(id,) for id in range(rows)])
        register(con, source())
        for _ in range(results):
            publish(con, "docs", [Member(id, id % 7 - 1) for id in range(rows)])
        create(con, source())
        point = steps_of(con, "SELECT * FROM docs_clusters WHERE id = 17")
        whole = steps_of(con, "SELECT * FROM docs_clusters") / rows
        grouped = steps_of(con, "SELECT label, count(*) FROM docs_clusters GROUP BY label") / rows
        costs.append((point, whole, grouped))
    (point, whole, grouped), larger = costs
    assert point < 150
    assert larger[0] == point
    assert larger[1] <= whole
    assert larger[2] <= grouped


DOCS = "CREATE TABLE docs (id INTEGER PRIMARY KEY, v)"


@pytest.mark.parametrize("program", sorted(path.stem for path in HOSTS.glob("*.sql")))
def test_over_what_programs_have(program: str) -> None:
    """Each row of a real table, or of its part, once."""
    con = host(program)
    sources = [one for one in found(con) if one.vector_column is not None and one.kind != "sqlclust"]
    sqlclust.initialize(con)
    for one in sources:
        register(con, one)
        create(con, one)
        view = quoted(clusters_view.view_name(one.name))
        rows = con.execute(f"SELECT * FROM {view}").fetchall()
        assert len(rows) == (one.n_rows if one.stored == "rows" else 0)
        if not rows:  # an empty collection
            continue
        keys = ", ".join(map(quoted, one.id_columns))
        key = con.execute(
            f"SELECT {keys if len(one.id_columns) == 1 else f'json_array({keys})'} FROM {view} LIMIT 1"
        ).get
        publish(con, one.name, [Member(key, 0)])
        labels = con.execute(f"SELECT count(*), count(label), max(medoid_item_id) FROM {view}").get
        assert labels == (one.n_rows, 1, key)


def test_both_find_the_file_whole(tmp_path: Path) -> None:
    """Also the older one, by whose json_valid NULL is not valid."""
    con = initialized("CREATE TABLE docs (id INTEGER PRIMARY KEY, v)", "INSERT INTO docs VALUES (1, 'a')")
    register(con, source())
    publish(con, "docs", [Member(1, 0)])
    create(con, source())
    with both(con, tmp_path) as queries:
        for query in queries:
            assert query("PRAGMA integrity_check") == [("ok",)]
            assert query("PRAGMA foreign_key_check") == []


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="no stock sqlite3 shell here")
def test_in_the_stock_shell(tmp_path: Path) -> None:
    con = initialized(DOCS, "INSERT INTO docs VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    register(con, source())
    publish(con, "docs", [Member(1, 0), Member(2, -1)])
    create(con, source())
    path = tmp_path / "docs.db"
    path.write_bytes(con.serialize("main"))
    sql = "PRAGMA trusted_schema = OFF; SELECT * FROM docs_clusters ORDER BY id;"
    shell = subprocess.run(
        ["sqlite3", "-bail", "-readonly", path, sql], capture_output=True, encoding="utf-8", check=False
    )
    assert (shell.stdout, shell.stderr) == ("1|a|0|0.5|0.25|1|1\n2|b|-1|0.5|0.25||\n3|c|||||\n", "")
