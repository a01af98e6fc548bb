"""The view of a source: a host's rows with their clusters, by built-in SQL and by index, whatever the host's keys are."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import HostTableError, ViewNameError
from sqlclust.sources import Source
from sqlclust.sqlite.layout import quoted
from sqlclust.store.sources import clusters_view
from tests.store.sources.clustered_host import (
    Member,
    both,
    create,
    expected,
    initialized,
    plan,
    publish,
    register,
    source,
)

OURS = ["label", "probability", "outlier_score", "cluster_size", "medoid_item_id"]
BY_INDEX = [
    "SEARCH e USING INDEX Embedding_item (embedding_source=? AND item_id=?)",
    "SEARCH ec USING PRIMARY KEY (embedding_id=? AND clustering_result_id=?)",
    "SEARCH r USING COVERING INDEX ClusteringResult_embedding_model (embedding_model=?)",
    "SEARCH c USING PRIMARY KEY (clustering_result_id=? AND label=?)",
    "SEARCH m USING INDEX sqlite_autoindex_Embedding_1 (id=?)",
]
KEYS = [17, "17", "17.0", "1e1", b"17", 1.5, 2**60, 2**60 + 1, -1, "x", "X", "é'\"\n", "", b"", 1, "1", b"1", 0.1, 5.0]
"""That differ where the column's affinity lets them."""
TABLES = {
    "INTEGER PRIMARY KEY": "CREATE TABLE docs (id INTEGER PRIMARY KEY, v)",
    "INT": "CREATE TABLE docs (id INT UNIQUE, v)",
    "BIGINT": "CREATE TABLE docs (v, id BIGINT PRIMARY KEY)",
    "TEXT": "CREATE TABLE docs (id TEXT PRIMARY KEY, v)",
    "VARCHAR": "CREATE TABLE docs (id VARCHAR(20) UNIQUE, v)",
    "BLOB": "CREATE TABLE docs (id BLOB PRIMARY KEY, v)",
    "no type": "CREATE TABLE docs (id UNIQUE, v)",
    "NUMERIC": "CREATE TABLE docs (id NUMERIC PRIMARY KEY, v)",
    "UUID": "CREATE TABLE docs (id UUID PRIMARY KEY, v)",
    "REAL": "CREATE TABLE docs (id REAL PRIMARY KEY, v)",
    "strict ANY": "CREATE TABLE docs (id ANY PRIMARY KEY, v ANY) STRICT",
    "strict INTEGER": "CREATE TABLE docs (id INTEGER UNIQUE, v ANY) STRICT",
    "strict TEXT": "CREATE TABLE docs (id TEXT PRIMARY KEY, v ANY) STRICT",
    "without rowid": "CREATE TABLE docs (id PRIMARY KEY, v) WITHOUT ROWID",
    "without rowid INTEGER": "CREATE TABLE docs (id INTEGER PRIMARY KEY, v) WITHOUT ROWID",
    "without rowid TEXT": "CREATE TABLE docs (id TEXT PRIMARY KEY, v) WITHOUT ROWID",
    "NOCASE": "CREATE TABLE docs (id TEXT COLLATE NOCASE PRIMARY KEY, v)",
    "NOCASE, unique as BINARY": "CREATE TABLE docs (id TEXT COLLATE NOCASE, v, UNIQUE (id COLLATE BINARY))",
    "RTRIM": "CREATE TABLE docs (id COLLATE RTRIM PRIMARY KEY, v)",
}


def with_keys(con: apsw.Connection, keys: list[Any]) -> list[Any]:
    """A row for each key that the table takes; the keys as it has them."""
    for number, key in enumerate(keys):
        try:
            con.execute("INSERT OR IGNORE INTO docs (id, v) VALUES (?, ?)", (key, number))
        except (apsw.ConstraintError, apsw.MismatchError):  # STRICT, INTEGER PRIMARY KEY
            continue
    return [key for (key,) in con.execute("SELECT id FROM docs ORDER BY v")]


def members_of(keys: list[Any]) -> list[Member]:
    """Two clusters and noise; every fifth is not in the result."""
    return [Member(key, i % 3 - 1, i / 64) for i, key in enumerate(keys) if i % 5 != 4]


@pytest.mark.parametrize("analyzed", [False, True], ids=["", "analyzed"])
@pytest.mark.parametrize("table", TABLES)
def test_each_kind_of_key_is_found_by_index(tmp_path: Path, table: str, analyzed: bool) -> None:
    con = initialized(TABLES[table])
    keys = with_keys(con, KEYS)
    assert len(keys) >= 7
    register(con, source())
    publish(con, "docs", [Member(key, 0) for key in keys])
    members = members_of(keys)
    publish(con, "docs", members)
    assert create(con, source()) == {}
    if analyzed:
        con.execute("ANALYZE")
    rows = con.execute("SELECT * FROM docs ORDER BY v").fetchall()
    wanted = expected(rows, keys, members)
    with both(con, tmp_path) as queries:
        for query in queries:
            assert query("SELECT * FROM docs_clusters ORDER BY v") == wanted
            steps = plan(query, "SELECT * FROM docs_clusters")
            assert [step for step in steps if step.startswith("SEARCH")] == BY_INDEX
            assert [step for step in steps if step.startswith("SCAN")] == ["SCAN h"]
            # the host's own column is compared by the host's rules: TEXT '17' finds INTEGER 17
            for key, row in zip(keys, wanted, strict=True):
                literal = query("SELECT quote(?1)".replace("?1", as_sql(key)))[0][0]
                found = query(f"SELECT * FROM docs_clusters WHERE id = {literal}")
                assert row in found
                assert found == [row for row in wanted if row[:2] in query(f"SELECT * FROM docs WHERE id = {literal}")]
            steps = plan(query, "SELECT * FROM docs_clusters WHERE id = 17")
            assert [step for step in steps if step.startswith("SEARCH e")][:1] == BY_INDEX[:1]
            assert [step for step in steps if "SCAN" in step] == (["SCAN h"] if "unique as" in table else [])
            assert set(BY_INDEX) <= set(steps)


def as_sql(value: object) -> str:
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    return repr(value) if isinstance(value, int | float) else "'" + str(value).replace("'", "''") + "'"


def columns(con: apsw.Connection, view: str) -> list[str]:
    return [name for _, name, *_ in con.execute(f"PRAGMA table_info({quoted(view)})")]


def test_a_rowid_is_shown() -> None:
    con = initialized("CREATE TABLE docs (body, v)", "INSERT INTO docs (rowid, body) VALUES (3, 'a'), (7, 'b')")
    register(con, source(keys=["rowid"]))
    publish(con, "docs", [Member(7, 0)])
    create(con, source(keys=["rowid"]))
    assert columns(con, "docs_clusters") == ["rowid", "body", "v", *OURS]
    assert con.execute("SELECT rowid, body, label, medoid_item_id FROM docs_clusters").fetchall() == [
        (3, "a", None, None),
        (7, "b", 0, 7),
    ]
    steps = plan(lambda sql: con.execute(sql).fetchall(), "SELECT * FROM docs_clusters WHERE rowid = 7")
    assert steps[0] == "SEARCH h USING INTEGER PRIMARY KEY (rowid=?)"


def test_keys_of_several_columns(tmp_path: Path) -> None:
    """A row with a BLOB in its key, or NULL, is no item, and hinders nobody."""
    con = initialized("CREATE TABLE docs (a TEXT, b, v, PRIMARY KEY (a, b))")
    keys = [("x", 1), ("x", "1"), ("x", 1.5), ('"\n\\é', 2**60), ("x", b"1"), ("y", None)]
    con.executemany("INSERT INTO docs VALUES (?, ?, ?)", [(*key, number) for number, key in enumerate(keys)])
    of_two = source(keys=["B", "a"])
    register(con, of_two)
    items = [
        con.execute("SELECT json_array(?, ?)", key[::-1]).get if not isinstance(key[1], bytes) else None for key in keys
    ]
    members = [Member(item, i % 2, i / 8) for i, item in enumerate(items[:4])]
    publish(con, "docs", members)
    create(con, of_two)
    rows = con.execute("SELECT * FROM docs ORDER BY v").fetchall()
    with both(con, tmp_path) as queries:
        for query in queries:
            assert query("SELECT * FROM docs_clusters ORDER BY v") == expected(rows, items, members)
            steps = plan(query, "SELECT * FROM docs_clusters WHERE a = 'x' AND b = 1")
            assert [step for step in steps if "SCAN" in step] == []
            assert [step for step in plan(query, "SELECT * FROM docs_clusters") if "SCAN" in step] == ["SCAN h"]
            assert set(BY_INDEX) <= set(steps)


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
            found = query('SELECT id, label FROM "llm:docs_clusters" ORDER BY id')
            assert found == [("a", 0), ("b", None)]
            steps = plan(query, 'SELECT * FROM "llm:docs_clusters"')
            assert steps[0].startswith("SEARCH h USING INDEX sqlite_autoindex_docs_1 (part=?")


VEC0 = source("vectors", "vectors", ["id"], stored="vec0")


@pytest.mark.parametrize(("of", "elsewhere"), [(VEC0, False), (VEC0, True), (source("vectors", "gone"), True)])
def test_ids_alone_where_the_table_cannot_be_read(tmp_path: Path, of: Source, elsewhere: bool) -> None:
    con = initialized()
    register(con, of)
    members = [Member(key, i % 3 - 1, i / 64) for i, key in enumerate(KEYS[:4] + KEYS[6:9])]
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
    con.create_scalar_function("of_the_host", abs, 1, deterministic=True)
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


# --- names ----------------------------------------------------------------------------------------------------------------

NAMES = st.one_of(
    st.sampled_from(
        ["select", "e", "ec", "h", "{0}", "a'b", 'a"b', "[x]", "`", "--", "/*", "*/", "\n", "🦆", "llm:docs", ";"]
    ),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=8),
).filter(lambda name: not name.lower().startswith("sqlite_"))


@settings(max_examples=60)
@given(name=NAMES, table=NAMES, column=NAMES, value=NAMES)
def test_any_names(name: str, table: str, column: str, value: str) -> None:
    con = initialized()
    if table.lower() == column.lower() == "sqlclustmigration" or column.lower() in ("part", "v", *OURS):
        return
    con.execute(f"CREATE TABLE {quoted(table)} ({quoted(column)} TEXT PRIMARY KEY, part, v)")
    con.execute(f"INSERT INTO {quoted(table)} VALUES ('a', ?, 0), ('b', ?, 0)", (value, value + "x"))
    one = source(name, table, [column], only=("part", value))
    register(con, one)
    publish(con, name, [Member("a", 0)])
    if table.lower() == f"{name}_clusters".lower():
        with pytest.raises(ViewNameError):
            create(con, one)
        return
    assert create(con, one) == {}
    view = quoted(clusters_view.view_name(name))
    version = con.pragma("schema_version")
    create(con, one)
    assert con.pragma("schema_version") == version
    assert con.execute(f"SELECT * FROM {view}").fetchall() == [("a", value, 0, 0, 0.5, 0.25, 1, "a")]
    clusters_view.drop(database_of(con), name)
    assert con.execute("SELECT count(*) FROM sqlite_schema WHERE name = ?", (f"{name}_clusters",)).get == 0


DOCS = "CREATE TABLE docs (id INTEGER PRIMARY KEY, v)"


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("CREATE TABLE docs_clusters (a)", "table 'docs_clusters' has that name"),
        ("CREATE TABLE Docs_Clusters (a)", "table 'Docs_Clusters' has that name"),
        ("CREATE VIEW docs_clusters AS SELECT 1", "view 'docs_clusters' has that name"),
        ("CREATE INDEX docs_clusters ON docs (v)", "index 'docs_clusters' of table 'docs' has that name"),
        ("CREATE VIRTUAL TABLE docs_clusters USING fts5 (a)", "table 'docs_clusters' has that name"),
    ],
)
def test_a_taken_name_is_said_before(statement: str, reason: str) -> None:
    con = initialized(DOCS, statement)
    before = con.execute("SELECT * FROM sqlite_schema").fetchall()
    for call in (lambda: clusters_view.check_name_is_free(database_of(con), source()), lambda: create(con, source())):
        with pytest.raises(ViewNameError) as caught:
            call()
        assert (caught.value.source, caught.value.name, caught.value.reason) == ("docs", "docs_clusters", reason)
        assert reason in str(caught.value)
    clusters_view.drop(database_of(con), "docs")
    assert con.execute("SELECT * FROM sqlite_schema").fetchall() == before


def test_a_trigger_has_names_of_its_own() -> None:
    con = initialized(DOCS, "CREATE TRIGGER docs_clusters AFTER INSERT ON docs BEGIN SELECT 1; END")
    clusters_view.check_name_is_free(database_of(con), source())
    create(con, source())


@pytest.mark.parametrize("name", ["sqlite_docs", "SQLite_", "a\0b"])
def test_names_that_no_view_can_have(name: str) -> None:
    con = initialized(DOCS)
    for call in (
        lambda: clusters_view.check_name_is_free(database_of(con), source(name)),
        lambda: create(con, source(name)),
    ):
        with pytest.raises(ViewNameError):
            call()
    clusters_view.drop(database_of(con), name)


def test_two_sources_whose_names_differ_in_case() -> None:
    con = initialized(DOCS)
    create(con, source("docs"))
    clusters_view.check_name_is_free(database_of(con), source("docs"))
    with pytest.raises(ViewNameError, match="view 'docs_clusters' has that name"):
        clusters_view.check_name_is_free(database_of(con), source("Docs"))
    clusters_view.drop(database_of(con), "Docs")
    assert columns(con, "docs_clusters") == ["id", "v", *OURS]
    clusters_view.drop(database_of(con), "docs")
    assert columns(con, "docs_clusters") == []
    clusters_view.drop(database_of(con), "docs")


def test_what_is_missing_is_named() -> None:
    con = initialized(DOCS)
    for one, table, column in (
        (source(table="none"), "none", None),
        (source(keys=["id", "none"]), "docs", "none"),
        (source(only=("none", 1)), "docs", "none"),
    ):
        with pytest.raises(HostTableError) as caught:
            create(con, one)
        assert (caught.value.table, caught.value.column) == (table, column)
    assert columns(con, "docs_clusters") == []


def test_letters_beyond_ascii_differ_in_case() -> None:
    con = initialized('CREATE TABLE docs ("Ä" INTEGER PRIMARY KEY, "ä", v)', "INSERT INTO docs VALUES (1, 2, 0)")
    for key, label in (("Ä", 0), ("ä", None)):
        one = source(key, keys=[key])
        register(con, one)
        publish(con, key, [Member(1, 0)])
        create(con, one)
        assert con.execute(f'SELECT label FROM "{key}_clusters"').get == label


def test_a_very_wide_table() -> None:
    con = initialized()
    con.execute(f"CREATE TABLE docs (id INTEGER PRIMARY KEY, v, {', '.join(f'c{i}' for i in range(1995))})")
    register(con, source())
    publish(con, "docs", [Member(1, 0)])
    create(con, source())
    assert con.execute("SELECT id, label FROM docs_clusters").fetchall() == [(1, 0)]


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
