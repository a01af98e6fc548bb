"""Files that somebody made to do harm, or that are damaged: nothing of them is run, and the rest of them is still found."""

from __future__ import annotations

import os
import random
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import CorruptError, SqliteError
from sqlclust.sqlite.layout import Column, Table, quoted, read_layout
from sqlclust.store.sources.host_rows import host_rows
from tests.schemas.old import OLD
from tests.sources.looking import HOSTS, brief, found, host, made, unsynced, vectors, with_vectors

N = 9
GOOD = ("good", "table", "v", "float32", 4, N)


class Module:
    """A virtual table's module that must not be touched."""

    def __init__(self, called: list[str]) -> None:
        self._called = called

    def Create(self, *_: Any) -> Any:
        self._called.append("a virtual table was made")
        raise AssertionError

    Connect = Create


def test_nothing_of_the_file_is_run(tmp_path: Path) -> None:
    path = str(tmp_path / "trap.db")
    called: list[str] = []

    def trap(*values: Any) -> int:
        called.append("a function was called")
        return 1

    con = unsynced(path)
    con.create_scalar_function("trap", lambda *_: 1, deterministic=True)
    con.create_collation("trap", lambda a, b: (a > b) - (a < b))
    con.execute("""
        CREATE TABLE t (id TEXT COLLATE trap PRIMARY KEY, v BLOB CHECK (trap(v)), w BLOB AS (CAST(trap(v) AS BLOB)),
                        embedding BLOB AS (trap(v)) STORED);
        CREATE INDEX i ON t (trap(v)); CREATE INDEX p ON t (id) WHERE trap(v) > 0;
        CREATE TABLE k (id TEXT COLLATE trap PRIMARY KEY, v BLOB) WITHOUT ROWID;
        CREATE VIEW embeddings AS SELECT trap(1) AS id, trap(2) AS vector;
        CREATE TABLE collections (id INTEGER PRIMARY KEY, name TEXT, model TEXT);
        PRAGMA writable_schema = ON;
        INSERT INTO sqlite_schema VALUES ('table', 'points', 'points', 0, 'CREATE VIRTUAL TABLE points USING trap(id, point)');
        INSERT INTO sqlite_schema VALUES ('table', 'vec', 'vec', 0, 'CREATE VIRTUAL TABLE vec USING vec0(e float[4])');
    """)
    for table in ("t", "k"):
        con.executemany(f"INSERT INTO {table} (id, v) VALUES (?, ?)", [(f"k{i}", v) for i, v in enumerate(vectors(N))])
    con.execute("CREATE TRIGGER tr BEFORE INSERT ON t BEGIN SELECT trap(1); END")
    con.close()
    con = apsw.Connection(path)
    con.create_scalar_function("trap", trap, deterministic=True)
    con.create_collation("trap", lambda a, b: trap())
    for name in ("trap", "vec0"):
        con.create_module(name, Module(called), use_bestindex_object=True)  # type: ignore[arg-type]
    sources = [(source.name, source.vector_column, source.n_rows) for source in found(con)]
    assert sources == [("vec", None, None), ("t", "v", N), ("k", "v", N)]
    assert called == []
    con.close()


def make_generated(con: apsw.Connection, table: Table, generated: Column) -> None:
    """A table of the same name with the same rows; but one of its columns is computed by a function."""
    columns = list(table.columns.values())
    described = [f"{quoted(c.name)} {c.declared}{' AS (trap())' * (c is generated)}" for c in columns]
    keys = [quoted(c.name) for c in columns if c.pk]
    if generated.pk == 0 and keys:
        described.append(f"PRIMARY KEY ({', '.join(keys)})")
    others = ", ".join(quoted(c.name) for c in columns if c is not generated)
    con.execute(f"""
        CREATE TEMP TABLE kept AS SELECT * FROM {table.sql}; DROP TABLE {table.sql};
        CREATE TABLE {table.sql} ({", ".join(described)});
        INSERT INTO {table.sql} ({others}) SELECT {others} FROM kept; DROP TABLE kept;
    """)


@pytest.mark.slow
@pytest.mark.parametrize("name", [path.stem for path in sorted(HOSTS.glob("*.sql"))])
def test_no_generated_column_is_computed(name: str) -> None:
    """Whichever column of a table that a kind looks at it is."""
    called: list[str] = []

    def trap(*_: Any) -> bytes:
        called.append("a function was called")
        return vectors(1)[0]

    con = host(name)
    con.create_scalar_function("trap", trap, deterministic=True)
    for table in read_layout(database_of(con)).tables.values():
        for column in table.columns.values() if len(table.columns) > 1 else ():
            con.execute("SAVEPOINT as_it_was")
            make_generated(con, table, column)
            called.clear()
            found(con)
            assert called == [], f"{table.name}.{column.name}"
            con.execute("ROLLBACK TO as_it_was; RELEASE as_it_was")


def with_a_collation(name: str) -> tuple[apsw.Connection, list[str]]:
    """A database of hosts, all text in an order of the file's own; and what is put in when that is called."""
    sql = (HOSTS / f"{name}.sql").read_text(encoding="utf-8")
    lines = [
        line if line.startswith("INSERT") else re.sub(r'(?i)(?<=[\w"] )text\b(?=[ ,)]|$)', "TEXT COLLATE trap", line)
        for line in sql.splitlines()
    ]
    con = apsw.Connection(":memory:")
    con.create_collation("trap", lambda a, b: (a > b) - (a < b))
    con.execute("\n".join(lines))
    if name == "chroma":
        con.execute("CREATE INDEX plain ON embeddings (segment_id COLLATE BINARY)")
    called: list[str] = []
    con.create_collation("trap", lambda a, b: called.append(a) or 0)  # type: ignore[func-returns-value]
    return con, called


@pytest.mark.parametrize("name", [path.stem for path in sorted(HOSTS.glob("*.sql"))])
def test_no_collation_of_the_file_is_called(name: str) -> None:
    con, called = with_a_collation(name)
    sources = [(s.name, s.kind, s.table_name, s.vector_column) for s in found(con)]
    assert called == []
    assert sources == [(s.name, s.kind, s.table_name, s.vector_column) for s in found(host(name))]


def test_no_collation_of_the_file_is_called_by_a_copy_of_vec0() -> None:
    """Its vectors are looked up chunk by chunk."""
    con, called = with_a_collation("vec0")
    for table, columns in (
        ("plain_rowids", "rowid INTEGER PRIMARY KEY, id, chunk_id TEXT COLLATE trap, chunk_offset COLLATE trap"),
        ("plain_vector_chunks00", "rowid TEXT COLLATE trap, vectors BLOB"),
    ):
        con.execute(f"CREATE TEMP TABLE kept AS SELECT * FROM {table}; DROP TABLE {table}")
        con.execute(f"CREATE TABLE {table} ({columns}); INSERT INTO {table} SELECT * FROM kept; DROP TABLE kept")
    database = database_of(con)
    [plain] = [source for source in found(con) if source.name == "plain"]
    assert [bytes(row.vector) for row in host_rows(database, plain)] == vectors(12)  # type: ignore[call-overload]
    assert called == []


def test_a_collation_that_is_not_there() -> None:
    con = made()
    con.create_collation("gone", lambda a, b: (a > b) - (a < b))
    for table, end in (("t", ""), ("w", "WITHOUT ROWID")):
        con.execute(f"CREATE TABLE {table} (id TEXT COLLATE gone PRIMARY KEY, v BLOB) {end}")
        con.executemany(f"INSERT INTO {table} VALUES (?, ?)", [(f"k{i}", v) for i, v in enumerate(vectors(N))])
    con.create_collation("gone", None)
    t, w = found(con)
    assert (t.name, t.vector_column, t.n_rows) == ("t", "v", N)
    assert (w.name, w.vector_column, w.remark) == ("w", None, "not looked at: no query solution")  # nobody can read it


def test_names_that_want_out_of_their_quotes() -> None:
    con = with_vectors(made(), "good", vectors(N))
    names = ['x" ; DROP TABLE good; --', "a\nb", "[c]", "d'e", "`f`", "ü\u202e", "main.good", "sqlite", "good ", "%s{}"]
    for name in names:
        identifier = quoted(name)
        con.execute(
            f'CREATE TABLE {identifier} ({identifier} INTEGER PRIMARY KEY, "v""{name.replace(chr(34), "")}" BLOB)'
        )
        con.executemany(f"INSERT INTO {identifier} VALUES (?, ?)", enumerate(vectors(N)))
    sources = found(con)
    assert [source.name for source in sources] == ["good", *names]
    assert {source.n_rows for source in sources} == {N}
    assert [source.id_columns for source in sources[1:]] == [(name,) for name in names]
    for name in ("llm:docs", "docs"):  # a table with the name of a collection
        con = with_vectors(host("llm"), name, vectors(N))
        assert [s.name for s in found(con)][-1] == {"llm:docs": "llm:docs.v", "docs": "docs"}[name]


_CREATE_BAD = b'CREATE TABLE "\xe4" (id TEXT PRIMARY KEY, v BLOB) WITHOUT ROWID'.hex()
DAMAGED: dict[str, tuple[str, list[tuple[object, ...]]]] = {
    "a name that is not UTF-8": (
        "UPDATE sqlite_schema SET name = CAST(x'e4' AS TEXT), tbl_name = CAST(x'e4' AS TEXT), "
        f"sql = CAST(x'{_CREATE_BAD}' AS TEXT) WHERE name = 'bad'",
        [GOOD, ("b'\\xe4'", "table", None, None, None, None)],
    ),
    "a vec0 table of a huge dimension": (
        "UPDATE sqlite_schema SET rootpage = 0, sql = 'CREATE VIRTUAL TABLE bad USING vec0(e float[999999999])' "
        "WHERE name = 'bad'",
        [("bad", "vec0", None, "float32", 999999999, None), GOOD],
    ),
    "a table on the page of another": (
        "UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'other') WHERE name = 'bad'",
        [("bad", "table", None, None, None, None), GOOD],
    ),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_schemas(name: str, tmp_path: Path) -> None:
    change, expected = DAMAGED[name]
    path = str(tmp_path / "damaged.db")
    con = unsynced(path)
    con.execute(
        "CREATE TABLE bad (id TEXT PRIMARY KEY, v BLOB) WITHOUT ROWID; CREATE TABLE other (id INTEGER PRIMARY KEY, w)"
    )
    con.executemany("INSERT INTO bad VALUES (?, ?)", [(f"{i}", v) for i, v in enumerate(vectors(N))])
    with_vectors(con, "good", vectors(N))
    con.execute(f"PRAGMA writable_schema = ON; {change}")
    con.close()
    con = apsw.Connection(path)
    assert sorted(brief(con), key=str) == sorted(expected, key=str)
    con.close()


@pytest.mark.parametrize(
    "change",
    [
        "sql = 'CREATE TABLE good ('",
        "sql = 'CREATE VIRTUAL TABLE good USING', rootpage = 0",
        "sql = 'CREATE VIRTUAL TABLE good USING vec0((,)))', rootpage = 0",
        "rootpage = 9999",
        "name = CAST(x'ff00fe' AS TEXT), tbl_name = CAST(x'ff00fe' AS TEXT), sql = 'CREATE'",
    ],
)
def test_a_schema_that_sqlite_cannot_read(change: str, tmp_path: Path) -> None:
    path = str(tmp_path / "damaged.db")
    con = with_vectors(unsynced(path), "good", vectors(N))
    con.execute(f"PRAGMA writable_schema = ON; UPDATE sqlite_schema SET {change} WHERE name = 'good'")
    con.close()
    con = apsw.Connection(path)
    with pytest.raises(CorruptError, match="malformed database schema"):
        found(con)
    con.close()


def test_a_table_with_a_damaged_page(tmp_path: Path) -> None:
    path = tmp_path / "damaged.db"
    con = with_vectors(unsynced(path), "good", vectors(N))
    with_vectors(con, "bad", vectors(400, 100))
    root = con.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'bad'").get
    con.close()
    content = bytearray(path.read_bytes())
    content[4096 * (root - 1) : 4096 * root] = os.urandom(4096)
    path.write_bytes(content)
    con = apsw.Connection(str(path))
    good, bad = found(con)
    assert (good.name, good.n_rows) == ("good", N)
    assert (bad.name, bad.vector_column) == ("bad", None)
    assert bad.remark.startswith("not looked at: ")
    con.close()


@pytest.mark.parametrize("name", ["llm", "vec0", "chroma", "sqlite_vector", "simplevecdb"])
def test_flipped_bytes(name: str, tmp_path: Path) -> None:
    """Whatever a disk makes of a file: sources, or an error of SQLite's in our words."""
    path = tmp_path / "flipped.db"
    host(name, path).close()
    good, generator, n_read = path.read_bytes(), random.Random(3), 0
    for _ in range(25):
        content = bytearray(good)
        for _ in range(generator.choice([1, 5, 40, 300])):
            content[generator.randrange(100, len(content))] = generator.randrange(256)
        path.write_bytes(content)
        con = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        with suppress(SqliteError):
            found(con)
            n_read += 1
        con.close()
    assert n_read > 5


def test_text_that_is_not_utf_8() -> None:
    con = host("llm")
    con.execute("UPDATE collections SET name = CAST(x'ff61' AS TEXT) WHERE name = 'notes'")
    con.execute("UPDATE embeddings SET content = CAST(x'fffe' AS TEXT)")
    assert [source.name for source in found(con)] == ["llm:docs", "llm:\ufffda", "llm:none"]
    con = made("CREATE TABLE t (id TEXT PRIMARY KEY, embedding)")
    con.execute("INSERT INTO t VALUES ('a', CAST(x'5bff5d' AS TEXT)), (CAST(x'ff' AS TEXT), '[0.5, 1.5]')")
    assert brief(con) == []
    con.execute("DELETE FROM t WHERE id = 'a'")
    assert brief(con) == [("t", "table", "embedding", "json", 2, 1)]


def test_ids_of_every_type() -> None:
    con = made("CREATE TABLE t (id PRIMARY KEY, v BLOB)")
    ids: list[Any] = [1, -1, 2**63 - 1, 1.5, "a", "1", b"\0\xff", "", None]
    con.executemany("INSERT INTO t VALUES (?, ?)", list(zip(ids, vectors(len(ids)), strict=True)))
    assert brief(con) == [("t", "table", "v", "float32", 4, len(ids))]


def test_many_columns() -> None:
    con = made(f"CREATE TABLE t ({', '.join(f'c{i}' for i in range(1999))})")
    con.executemany("INSERT INTO t (c1998) VALUES (?)", [(v,) for v in vectors(N)])
    assert brief(con) == [("t", "table", "c1998", "float32", 4, N)]


def test_files(tmp_path: Path) -> None:
    """An empty file; one in WAL mode that is read only; older files of ours."""
    empty = tmp_path / "empty.db"
    empty.write_bytes(b"")
    con = apsw.Connection(str(empty), flags=apsw.SQLITE_OPEN_READONLY)
    assert found(con) == []
    con.close()
    con = host("llm", tmp_path / "wal.db")
    con.pragma("journal_mode", "wal")
    con.close()
    shutil.copy(tmp_path / "wal.db", tmp_path / "copy.db")
    copy = sqlclust.connect(str(tmp_path / "copy.db"), readonly=True)
    assert [source.name for source in found(copy)] == ["llm:docs", "llm:notes", "llm:none"]
    copy.close()


@pytest.mark.slow  # making such a file is
@pytest.mark.parametrize("version", OLD)
def test_files_of_ours_of_older_versions(version: int, tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    OLD[version].make(path)
    con = sqlclust.connect(str(path), readonly=True)
    models = con.execute(
        "SELECT embedding_model, count(*) FROM Embedding WHERE vector IS NOT NULL GROUP BY 1 ORDER BY 1"
    ).fetchall()
    of_others = [("notes", 6)] if version >= 3 else []  # registered there
    assert [(source.name, source.n_rows) for source in found(con)] == [*models, *of_others]
    assert {source.kind for source in found(con)} == {"sqlclust", *("table" for _ in of_others)}
    con.close()
