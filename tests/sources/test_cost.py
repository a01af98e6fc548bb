"""What a look costs, in pages that SQLite reads: counts, which are the same on every machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.sources import counting
from sqlclust.sources.sampling import MOST_ROWS
from tests.sources.looking import found, host, made, unsynced, vectors

PAGES_OF_A_SAMPLE = 3 * MOST_ROWS
"""At most three pages down the tree for each row."""
PAGES_OF_A_COUNT = (4 << 20) // 4096


class CountedFile(apsw.VFSFile):
    """A file of which each read is counted: SQLite reads long values past its cache, which counts pages too."""

    bytes_read = 0

    def __init__(self, name: Any, flags: list[int]) -> None:
        super().__init__("", name, flags)

    def xRead(self, amount: int, offset: int) -> bytes:
        CountedFile.bytes_read += amount
        return super().xRead(amount, offset)


class CountedFiles(apsw.VFS):
    def __init__(self) -> None:
        super().__init__("counted", base="")

    def xOpen(self, name: Any, flags: list[int]) -> CountedFile:
        return CountedFile(name, flags)


@contextmanager
def opened(path: Path) -> Iterator[apsw.Connection]:
    vfs = CountedFiles()
    con = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY, vfs="counted")
    CountedFile.bytes_read = 0
    yield con
    con.close()
    del vfs


def pages_read() -> int:
    return CountedFile.bytes_read // 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "large.db"


ROWS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {n}) "


def test_a_table_of_many_rows(path: Path) -> None:
    con = unsynced(path)
    con.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, embedding BLOB)")
    con.execute(ROWS.format(n=12_000) + "INSERT INTO t SELECT i, ? FROM n", (vectors(1, 384)[0],))
    pages = con.pragma("page_count")
    con.close()
    assert isinstance(pages, int)
    with opened(path) as con:
        [source] = found(con)
        assert (source.format, source.dimension, source.n_rows) == ("float32", 384, None)
        read = pages_read()
        assert read < PAGES_OF_A_SAMPLE + 1.05 * PAGES_OF_A_COUNT
        assert read < pages / 3


@pytest.mark.slow
def test_large_values_are_not_read(path: Path) -> None:
    """One of 60 MB, alone, before vectors and behind them: as long as its length, reading it would take 15,000 pages."""
    con = unsynced(path)
    con.execute("CREATE TABLE a (id INTEGER PRIMARY KEY, embedding BLOB); INSERT INTO a VALUES (1, zeroblob(60000000))")
    con.execute("CREATE TABLE b (id INTEGER PRIMARY KEY, big BLOB, v BLOB, t TEXT)")
    con.execute("CREATE TABLE c (id TEXT PRIMARY KEY, v BLOB, big BLOB) WITHOUT ROWID")
    con.execute("CREATE TABLE d (id TEXT PRIMARY KEY, big BLOB, v BLOB) WITHOUT ROWID")
    for i, vector in enumerate(vectors(6, 16)):
        con.execute("INSERT INTO b VALUES (?1, zeroblob(60000000 * (?1 = 3)), ?2, '[' || ?1)", (i, vector))
        con.execute("INSERT INTO c VALUES (?1, ?2, zeroblob(60000000 * (?1 = '3')))", (str(i), vector))
        con.execute("INSERT INTO d VALUES (?1, zeroblob(60000000 * (?1 = '4')), ?2)", (str(i), vector))
    con.close()
    with opened(path) as con:
        a, b, c, d = found(con)
        assert pages_read() < 100
    assert (a.vector_column, a.format, a.dimension, a.n_rows) == ("embedding", None, None, 1)
    assert (
        a.remark == "from 1 row: BLOBs of 60,000,000 bytes, not looked at: they, or what stands before them, are large"
    )
    assert [(s.vector_column, s.format, s.dimension, s.n_rows) for s in (b, c, d)] == [("v", "float32", 16, 6)] * 3


def test_of_large_vectors_a_few_are_read(path: Path) -> None:
    """Of 48 rows of 200,000 bytes about a megabyte."""
    con = unsynced(path)
    con.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, embedding BLOB)")
    con.execute(ROWS.format(n=60) + "INSERT INTO t SELECT i, ? FROM n", (vectors(1, 50_000)[0],))
    con.close()
    with opened(path) as con:
        [source] = found(con)
        assert (source.format, source.dimension, source.n_rows) == ("float32", 50_000, 60)
        assert pages_read() < PAGES_OF_A_SAMPLE + (2 << 20) // 4096


def test_an_index_that_is_long_is_not_walked() -> None:
    """Of 18 MB; but one that is short beside it."""
    con = made("CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB, long, short)", "CREATE INDEX long ON t (long)")
    con.execute(ROWS.format(n=12_000) + "INSERT INTO t SELECT i, ?, zeroblob(1500) || i, i FROM n", (vectors(1)[0],))
    assert [source.n_rows for source in found(con)] == [None]
    con.execute("CREATE INDEX short ON t (short)")
    assert [source.n_rows for source in found(con)] == [12_000]


def test_all_counts_together_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "_OF_ALL", 20_000)
    con = made()
    for table in "abc":
        con.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, v BLOB, k INTEGER UNIQUE)")
        con.execute(ROWS.format(n=500) + f"INSERT INTO {table} SELECT i, ?, i FROM n", (vectors(1, 16)[0],))
    assert [source.n_rows for source in found(con)] == [500, 500, None]


@pytest.mark.slow
def test_a_hundred_tables(path: Path) -> None:
    """Together not much more than for each: and each row of `find_sources` is one."""
    con = unsynced(path)
    con.execute("BEGIN")
    for table in range(100):
        con.execute(f"CREATE TABLE t{table} (id TEXT PRIMARY KEY, body TEXT, v BLOB)")
        con.execute(
            ROWS.format(n=100) + f"INSERT INTO t{table} SELECT 'key' || i, 'text', ? FROM n", (vectors(1, 96)[0],)
        )
    con.execute("COMMIT")
    con.close()
    with opened(path) as con:
        sources = found(con)
        assert len(sources) == 100
        assert {(source.n_rows, source.dimension, source.content_column) for source in sources} == {(100, 96, "body")}
        assert pages_read() < 100 * 30


def test_one_collection_of_many(path: Path) -> None:
    """Its rows are found by the index, not by looking for them."""
    con = host("llm", path)
    con.execute("BEGIN")
    con.execute(
        ROWS.format(n=20_000) + "INSERT INTO embeddings (collection_id, id, embedding) SELECT 7, 'key' || i, ? FROM n",
        (vectors(1, 96)[0],),
    )
    con.execute("INSERT INTO collections VALUES (7, 'large', 'small'); COMMIT")
    con.close()
    with opened(path) as con:
        *_, large = found(con)
        assert (large.name, large.n_rows, large.dimension) == ("llm:large", 20_000, 96)
        assert pages_read() < 500  # of 2,300


def test_a_thousand_collections_are_listed() -> None:
    """And no more, of however many; a registered one is listed once."""
    con = host("llm")
    con.execute(
        ROWS.format(n=1_010) + "INSERT INTO collections (id, name, model) SELECT 100 + i, 'more' || i, 'm' FROM n"
    )
    assert len(found(con)) == 1_000
    sqlclust.register(con)
    sqlclust.source(con, "llm:docs")
    sources = found(con)
    assert ([source.name for source in sources if source.registered], len(sources)) == (["llm:docs"], 1_000)
