"""The doctor on sources: a healthy file that has all kinds of them gives nothing, and each fault its row."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.vectors.formats import FormatName
from tests.cli.terminal import succeed
from tests.diagnosis.item_cases import ITEM_CASES
from tests.diagnosis.looking import brief, digest
from tests.diagnosis.sick import broken
from tests.diagnosis.source_cases import SOURCE_CASES
from tests.small import clustered
from tests.sources.looking import host

CASES = {**SOURCE_CASES, **ITEM_CASES}
REGISTER = """
INSERT INTO EmbeddingSource
    (name, kind, table_name, storage, id_columns, vector_column, format, dimension, part_column, part_value)
VALUES ('plain', 'vec0', 'plain', 'vec0', '["rowid"]', 'embedding', 'float32', 4, NULL, NULL),
       ('part', 'table', 'parted', 'rows', '["id"]', 'embedding', 'float32', 8, 'part', 'a'),
       ('seen', 'view', 'seen', 'rows', '["id"]', 'v', 'float32', 8, NULL, NULL)
"""


@pytest.fixture(scope="module")
def sourced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Result 1 of the source 'docs' (keys t0 to t39), 2 of 'pairs' (two columns, JSON), 3 of 'part', half of the table 'parted',
    without texts; the vec0 table 'plain' and the view 'seen' are registered.
    """
    path = tmp_path_factory.mktemp("sourced") / "sourced.db"
    host("vec0", path).close()
    con = sqlclust.connect(str(path))
    con.execute("CREATE TABLE docs (id TEXT PRIMARY KEY, embedding BLOB, body TEXT)")
    con.execute("CREATE TABLE parted (id TEXT PRIMARY KEY, part TEXT, embedding BLOB)")
    con.execute("CREATE TABLE pairs (kind TEXT, number INTEGER, vector TEXT, PRIMARY KEY (kind, number)) WITHOUT ROWID")
    con.execute("CREATE TABLE other (id TEXT PRIMARY KEY, v BLOB)")
    con.execute("CREATE TABLE behind (id INTEGER PRIMARY KEY, v BLOB); CREATE VIEW seen AS SELECT id, v FROM behind")
    for n, vector in enumerate(clustered()):
        con.execute("INSERT INTO docs VALUES (?, ?, ?)", (f"t{n}", vector.tobytes(), f"text {n}"))
        con.execute("INSERT INTO parted VALUES (?, ?, ?)", (f"p{n}", "ab"[n % 2], vector.tobytes()))
        con.execute("INSERT INTO pairs VALUES (?, ?, ?)", ("ab"[n % 2], n, str(vector.astype(float).round(4).tolist())))
        con.execute("INSERT INTO other VALUES (?, ?)", (f"t{n}", vector.astype("<f8").tobytes()))
    for source in ("docs", "pairs"):
        sqlclust.fit(con, source, min_cluster_size=5)
    con.execute(REGISTER)
    sqlclust.fit(con, "part", min_cluster_size=3)
    con.close()
    path.with_name("text.db").write_text("no database " * 99)
    apsw.Connection(str(path.with_name("empty.db"))).execute("CREATE TABLE one (x)")
    return path


def test_sources_that_are_well(sourced: Path) -> None:
    con = sqlclust.connect(str(sourced), readonly=True)
    assert con.execute("SELECT count(*) FROM Embedding WHERE vector IS NULL").get == 100
    assert sqlclust.doctor(con) == ([], [], None)
    assert sqlclust.doctor(con, quick=True) == ([], [], None)
    con.close()


def copy_of(sourced: Path, folder: Path, sql: str) -> Path:
    for beside in ("text.db", "empty.db"):
        (folder / beside).write_bytes(sourced.with_name(beside).read_bytes())
    return broken(sourced, folder / "sick.db", sql)


@pytest.mark.parametrize("name", CASES)
def test_finding(sourced: Path, tmp_path: Path, name: str) -> None:
    case = CASES[name]
    path = copy_of(sourced, tmp_path, case.sql)
    before = digest(path)
    con = sqlclust.connect(str(path), readonly=True)
    found = sqlclust.doctor(con).findings
    con.close()
    rows = [(*f[1:4], f.n, f.detail.replace(str(tmp_path), "FOLDER")) for f in found]
    assert [(f.severity, f.finding, *row) for f, row in zip(found, rows, strict=True)] == case.found
    assert all(f.remedy for f in found)
    assert digest(path) == before


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.fixed] + ["items gone"])
def test_fix(sourced: Path, tmp_path: Path, name: str) -> None:
    case = CASES[name]
    path = copy_of(sourced, tmp_path, case.sql)
    con = sqlclust.connect(str(path))
    before = con.execute("SELECT * FROM docs").fetchall()
    fixed = sqlclust.doctor(con, fix=True)
    assert [tuple(repair) for repair in fixed.repairs] == (case.fixed or [])
    assert [f.finding for f in fixed.findings] == ([row[1] for row in case.found] if case.left is None else case.left)
    assert sqlclust.doctor(con).findings == fixed.findings
    assert sqlclust.doctor(con, fix=True).repairs == []  # once is enough
    assert con.execute("SELECT * FROM docs").fetchall() == before
    assert con.execute("PRAGMA foreign_key_check").fetchall() == []
    con.close()


def test_a_view_whose_table_is_gone_is_to_be_dropped(sourced: Path, tmp_path: Path) -> None:
    con = sqlclust.connect(str(copy_of(sourced, tmp_path, "DROP TABLE docs")))
    [finding] = sqlclust.doctor(con).findings
    assert (finding.finding, finding.id) == ("source-gone", "docs")
    with pytest.raises(apsw.SQLError, match="error in view docs_clusters"):
        con.execute("ALTER TABLE other RENAME TO another")
    statement = finding.remedy[finding.remedy.index("DROP VIEW") :].partition(",")[0]
    con.execute(statement)
    con.execute("ALTER TABLE other RENAME TO another")
    assert "DROP VIEW" not in sqlclust.doctor(con).findings[0].remedy
    con.close()


@pytest.mark.parametrize(
    ("sql", "source", "name"),
    [
        ("ALTER TABLE docs RENAME TO notes", "docs", "notes"),
        ("ALTER TABLE docs RENAME COLUMN id TO slug", "docs", "slug"),
        ("ALTER TABLE docs RENAME COLUMN embedding TO v", "docs", "v"),
        ("ALTER TABLE docs RENAME COLUMN body TO words", "docs", "words"),
        ("ALTER TABLE pairs RENAME COLUMN number TO n", "pairs", "kind,n"),
    ],
)
def test_what_was_renamed_is_followed(sourced: Path, tmp_path: Path, sql: str, source: str, name: str) -> None:
    """As the remedy says; no result is lost by it."""
    path = copy_of(sourced, tmp_path, sql)
    con = sqlclust.connect(str(path))
    [finding] = sqlclust.doctor(con).findings
    assert (finding.finding, finding.id) == ("source-gone" if name == "notes" else "source-altered", source)
    command = finding.remedy.partition("sqlclust ")[2].partition(" …;")[0].split()
    succeed(*(path if word == "DB" else word for word in command), name)
    assert sqlclust.doctor(con).findings == []
    assert con.execute("SELECT count(*) FROM ClusteringResult").get == 3
    con.close()


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT 1", []),
        ("DELETE FROM docs WHERE id = 't3'", [("note", "items-gone", "Embedding", "item_id", '["docs","t3"]', 1)]),
        ("UPDATE docs SET embedding = x'00'", [("error", "source-format", "EmbeddingSource", "format", "docs", 1)]),
        ("DROP TABLE docs", [("error", "source-gone", "EmbeddingSource", "database", "docs", 1)]),
        ("CREATE VIEW docs_clusters AS SELECT 1", []),
    ],
)
def test_a_source_in_another_file(sourced: Path, tmp_path: Path, sql: str, found: list[tuple[object, ...]]) -> None:
    """What is in the other file is looked at as if it were in this one; it is only read."""
    path = copy_of(sourced, tmp_path, "DROP VIEW docs_clusters")
    con = sqlclust.connect(str(tmp_path / "results.db"))
    sqlclust.source(con, "docs", database=path)
    sqlclust.fit(con, "docs", min_cluster_size=5)
    other = apsw.Connection(str(path))
    other.pragma("foreign_keys", False)
    other.execute(sql)
    other.close()
    before = digest(path)
    assert brief(sqlclust.doctor(con)) == found
    assert digest(path) == before
    con.close()


@pytest.mark.parametrize(
    ("format", "value"), [("float32", "zeroblob(100000000)"), ("json", "printf('[%.*c]', 99999998, '1')")]
)
def test_a_huge_vector_of_another_program_is_not_read(format: FormatName, value: str) -> None:
    con = apsw.Connection("")
    con.execute(f"CREATE TABLE docs (id INTEGER PRIMARY KEY, embedding); INSERT INTO docs VALUES (1, {value})")
    sqlclust.register(con)
    tracemalloc.start()
    [finding] = [each for each in sqlclust.doctor(con, format=format).findings if each.table == "docs"]
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (finding.finding, finding.id) == ("vector-length", 1)
    assert finding.detail == "1 vector has more than 16,777,216 bytes; the example has 100,000,000"
    assert most < 16 << 20
    con.close()


def test_nothing_of_the_file_is_run(sourced: Path, tmp_path: Path) -> None:
    con = apsw.Connection(str(copy_of(sourced, tmp_path, "DROP VIEW docs_clusters")))  # one that trusts its schema
    con.pragma("foreign_keys", False)
    sqlclust.register(con)
    called: list[object] = []

    def evil(*values: Any) -> Any:
        called.append(values)
        return values[0]

    con.create_scalar_function("evil", evil, 1, deterministic=True)
    for sql in (
        "ALTER TABLE docs ADD COLUMN more AS (evil(id))",
        "CREATE TRIGGER of_items AFTER DELETE ON Embedding BEGIN SELECT evil(old.id); END",
        "DROP VIEW seen; CREATE VIEW seen AS SELECT evil(id) AS id, evil(v) AS v FROM behind",
        "INSERT INTO behind SELECT rowid, embedding FROM docs",
        """INSERT INTO Embedding (id, embedding_model, embedding_source, item_id) VALUES ('["seen",1]', 'seen', 'seen', 1)""",
        "UPDATE EmbeddingSource SET condition = 'evil(id)'",
        "DELETE FROM docs WHERE id = 't3'",
    ):
        con.execute(sql)
    called.clear()
    # the view calls what no view may call, and no fit reads it
    found = {finding.finding for finding in sqlclust.doctor(con).findings}
    assert found == {"source-altered", "items-gone", "source-view", "unused-items", "foreign-keys-off"}
    sqlclust.doctor(con, fix=True)
    con.execute("SELECT * FROM clust_doctor()").fetchall()
    assert called == []
    con.execute("SELECT count(v) FROM seen").fetchall()  # it would have been noted
    assert called
    con.close()


def test_keys_are_whatever_the_host_has(tmp_path: Path) -> None:
    """Among our own ids such ones would be findings: REALs that were text, hashes of which some became integers."""
    con = sqlclust.connect(str(tmp_path / "keys.db"))
    keys = ["0abc1234", "12345678", 12345678, 87654321, 1e16, 6.5e123, -1.0, b"0abc1234", b"", "", "007", 1.5]
    con.execute("CREATE TABLE docs (k, v BLOB)")
    con.executemany(
        "INSERT INTO docs VALUES (?, ?)", [(k, v.tobytes()) for k, v in zip(keys, clustered(), strict=False)]
    )
    sqlclust.source(con, "docs", id="k", vector="v")
    sqlclust.fit(con, "docs", min_cluster_size=3)
    assert con.execute("SELECT count(DISTINCT typeof(item_id)) FROM Embedding").get == 4
    assert sqlclust.doctor(con).findings == []
    con.close()


def test_a_result_of_some_rows_is_not_stale_by_a_later_one_of_all(sourced: Path, tmp_path: Path) -> None:
    """Whether a source has new rows only its table says: clust_staleness asks it."""
    con = sqlclust.connect(str(copy_of(sourced, tmp_path, "SELECT 1")))
    con.execute("INSERT INTO docs SELECT 'new' || id, embedding, body FROM docs")
    sqlclust.fit(con, "docs", min_cluster_size=5)
    assert con.execute("SELECT n_new FROM clust_staleness(1)").get == 40
    assert sqlclust.doctor(con).findings == []
    con.close()
