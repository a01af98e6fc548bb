"""Keys of each type that a host's table may have: the view finds them, and by index, in both SQLites."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import apsw
import pytest

from sqlclust.store.sources import clusters_view
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
)  # fmt: skip

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


@pytest.mark.parametrize("key", [1 / 3, 1764340000.1234567, 2.5, float("inf")])
def test_a_real_in_a_key_of_several_columns_is_found_where_json_writes_it_alike(tmp_path: Path, key: float) -> None:
    """Whether it does is the SQLite's: with 15 digits in 3.40, with 17 in 3.54."""
    con = initialized("CREATE TABLE docs (a TEXT, b REAL, v, PRIMARY KEY (a, b))")
    con.execute("INSERT INTO docs VALUES ('x', ?, 0)", (key,))
    of_two = source(keys=["a", "b"])
    register(con, of_two)
    item = con.execute("SELECT json_array(a, b) FROM docs").get
    publish(con, "docs", [Member(item, 0)])
    create(con, of_two)
    with both(con, tmp_path) as queries:
        for query in queries:
            [(written,)] = query("SELECT json_array(a, b) FROM docs")
            assert query("SELECT label FROM docs_clusters") == [(0 if written == item else None,)]
            assert written == item or key != 2.5


@pytest.mark.parametrize("analyzed", [False, True], ids=["", "analyzed"])
@pytest.mark.parametrize("declared", ["INTEGER PRIMARY KEY", "TEXT PRIMARY KEY"])
def test_conditions_on_our_columns_do_not_change_the_order(tmp_path: Path, declared: str, analyzed: bool) -> None:
    """SQLite makes a LEFT JOIN a JOIN where a condition holds for no NULL, and may then begin elsewhere."""
    con = initialized(f"CREATE TABLE docs (id {declared}, body TEXT, v)", "CREATE INDEX body ON docs (body)")
    con.executemany("INSERT INTO docs (id, body) VALUES (?, ?)", [(id, f"text {id % 9}") for id in range(300)])
    keys = [key for (key,) in con.execute("SELECT id FROM docs")]
    register(con, source())
    for _ in range(3):
        publish(con, "docs", [Member(key, i % 20 - 1) for i, key in enumerate(keys)])
    create(con, source())
    if analyzed:
        con.execute("ANALYZE")
    conditions = [
        "label = 3", "label >= 0", "label IS NULL", "label = 3 AND body = 'text 1'", "cluster_size > 3 AND label >= 0",
        "medoid_item_id = 5", "medoid_item_id = 5 AND label = 1 AND probability > 0", "id = 17 AND label = 3",
        "id IN (SELECT medoid_item_id FROM docs_clusters)", "label = (SELECT label FROM docs_clusters WHERE id = 17)",
        "outlier_score > 0 ORDER BY label", "label IN (1, 2) OR id = 3",
    ]  # fmt: skip
    with both(con, tmp_path) as queries:
        for query in queries:
            for condition in conditions:
                steps = plan(query, f"SELECT * FROM docs_clusters WHERE {condition}")
                assert {step[:7] for step in steps if "SCAN" in step} <= {"SCAN h", "SCAN h "}, condition
                assert steps.count(BY_INDEX[0]) == condition.count("SELECT") + 1
                if "SELECT" not in condition:
                    order = [step.split()[1] for step in steps if step.split()[1] in ("h", "e", "ec", "c", "m")]
                    assert order == sorted(order, key=["h", "e", "ec", "c", "m"].index), condition


def shown_joins() -> list[str]:
    """The statements of the README, after the one that makes the table."""
    text = (Path(clusters_view.__file__).parent / "README.md").read_text(encoding="utf-8")
    return re.findall(r"^```sql\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)[1:]


@pytest.mark.parametrize("declared", ["INTEGER PRIMARY KEY", "INT UNIQUE", "TEXT PRIMARY KEY", "UNIQUE"])
def test_joins_by_hand_go_by_index(tmp_path: Path, declared: str) -> None:
    con = initialized(f"CREATE TABLE docs (id {declared}, body TEXT, v)")
    con.executemany("INSERT INTO docs (id, body) VALUES (?, 'text')", [(id,) for id in range(1, 7)])
    keys = [key for (key,) in con.execute("SELECT id FROM docs")]
    con.execute("INSERT INTO docs (id, body) VALUES (7, 'text')")
    register(con, source())
    publish(con, "docs", [Member(key, 3 * (i % 2)) for i, key in enumerate(keys)])
    to_host, from_host = shown_joins()
    from_host = from_host.replace("(17, 18)", "(2, 3, 7)")
    labels = [(key, "text", 3 * (i % 2)) for i, key in enumerate(keys)]
    with both(con, tmp_path) as queries:
        for query in queries:
            assert sorted(query(to_host)) == labels
            steps = plan(query, to_host)
            assert [step for step in steps if "SCAN" in step] == []
            assert steps[-1].startswith("SEARCH h USING")
            assert query(from_host) == [*labels[1:3], (7 if isinstance(keys[0], int) else "7", "text", None)]
            for sql in (from_host, from_host.partition("WHERE h.id")[0]):
                assert plan(query, sql)[-2:] == BY_INDEX[:2]
            trap = plan(query, from_host.replace("+h.id", "h.id"))
            assert (BY_INDEX[0] in trap) is ("INT" not in declared)


def test_a_view_of_ids_is_joined_by_index(tmp_path: Path) -> None:
    con = initialized("CREATE TABLE docs (body, v)", "INSERT INTO docs VALUES ('a', 0), ('b', 0)")
    of_ids = source("of ids", keys=["rowid"])
    register(con, of_ids)
    publish(con, "of ids", [Member(2, 0)])
    create(con, of_ids, elsewhere=True)
    sql = (
        'SELECT docs.body, c.label FROM docs JOIN "of ids_clusters" c ON c.id = +docs.rowid WHERE docs.rowid IN (1, 2)'
    )
    with both(con, tmp_path) as queries:
        for query in queries:
            assert query(sql) == [("b", 0)]
            assert [step for step in plan(query, sql) if "SCAN" in step] == []
