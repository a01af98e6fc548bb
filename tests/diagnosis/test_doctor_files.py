"""The doctor on files of other programs."""

from __future__ import annotations

import math
from pathlib import Path

import apsw
import pytest

import sqlclust
from sqlclust.errors import DatabaseFileError
from sqlclust.sqlite.layout import affinity_of
from tests.diagnosis.looking import NO_SCHEMA, execute, look
from tests.small import add_embeddings, clustered

pytestmark = pytest.mark.slow


# --- other programs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "affinity"),
    [("UUID", "NUMERIC"), ("CHAR(32)", "TEXT"), ("VARCHAR", "TEXT"), ("", "BLOB"), ("BLOB", "BLOB"), ("INT", "INTEGER"),
     ("POINT", "INTEGER"), ("FLOATING POINT", "INTEGER"), ("CHARINT", "INTEGER"), ("DOUBLE", "REAL"), ("DATETIME", "NUMERIC"),
     ("ANY", "NUMERIC"), ("JSON", "NUMERIC"), ("uuid", "NUMERIC"), ("STRING", "NUMERIC")],
)  # fmt: skip
def test_affinity_is_what_sqlite_does(declared: str, affinity: str) -> None:
    con = apsw.Connection(":memory:")
    con.execute(f"CREATE TABLE t (c {declared})")
    con.execute("INSERT INTO t VALUES ('12'), ('1.5')")
    kinds = [kind for (kind,) in con.execute("SELECT typeof(c) FROM t ORDER BY rowid")]
    does = {"TEXT": ["text", "text"], "BLOB": ["text", "text"], "REAL": ["real", "real"]}.get(
        affinity, ["integer", "real"]
    )
    assert (affinity_of(declared), kinds) == (affinity, does)
    assert affinity_of("ANY", strict=True) == "BLOB"


def test_another_program_is_not_judged_by_our_rules(tmp_path: Path) -> None:
    """Collections of other dimensions, BLOBs of other numbers, whole numbers as ids in a NUMERIC column, JSON."""
    path = tmp_path / "other.db"
    execute(path, """
        CREATE TABLE collections (id INTEGER PRIMARY KEY, name TEXT, model TEXT);
        CREATE TABLE embeddings (collection_id INTEGER REFERENCES collections (id), id TEXT, embedding BLOB, updated INTEGER,
                                 PRIMARY KEY (collection_id, id));
        CREATE TABLE docs (id DECIMAL PRIMARY KEY, embedding BLOB, created DATE);
        CREATE TABLE chunks (id UUID PRIMARY KEY, embedding TEXT);
        INSERT INTO collections VALUES (1, 'a', 'm'), (2, 'b', 'n');
        INSERT INTO embeddings VALUES (1, 'x', x'0000803f', 1), (2, 'x', x'0000803f0000803f', 2);
        INSERT INTO docs VALUES (1, x'0102030405', '2020-01-01'), (2, x'010203040506', '2020-01-01');
        INSERT INTO chunks VALUES ('a', '[1, 2]')""")  # fmt: skip
    assert look(path) == [NO_SCHEMA, ("note", "vector-length", "docs", "embedding", 1, 2)]


def test_any_table_of_vectors_and_what_is_tied_to_it(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    execute(path, """
        CREATE TABLE item (id UUID PRIMARY KEY, vector BLOB);
        CREATE TABLE tag (id INTEGER PRIMARY KEY, item UUID REFERENCES item (id));
        CREATE TABLE elsewhere (id UUID PRIMARY KEY);
        INSERT INTO item VALUES ('a', x'0000803f'), ('0688868048517e121234567890123456', x'0000803f');
        INSERT INTO tag (item) VALUES ('a'), ('b');
        INSERT INTO elsewhere VALUES ('a'), ('1e999')""")  # fmt: skip
    assert look(path) == [
        ("error", "numeric-id-column", "item", "id", "a", 1),
        ("error", "damaged-ids", "item", "id", math.inf, 1),
        ("error", "numeric-id-column", "tag", "item", "a", 2),
        ("error", "orphans", "tag", "item", 2, 1),
        NO_SCHEMA,
    ]


def test_no_database_at_all(tmp_path: Path) -> None:
    empty = tmp_path / "empty.db"
    empty.touch()
    assert look(empty) == [NO_SCHEMA]
    garbage = tmp_path / "garbage.db"
    garbage.write_bytes(b"not a database" * 100)
    with pytest.raises(DatabaseFileError, match="not an SQLite database"):
        look(garbage)


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_the_encoding_of_a_file_does_not_matter(encoding: str, tmp_path: Path) -> None:
    """Names of tables, ids, models, parameters and JSON vectors are TEXT, and were taken for UTF-8."""
    path = tmp_path / "encoded.db"
    con = apsw.Connection(str(path))
    con.execute(f"PRAGMA encoding = '{encoding}'; CREATE TABLE first (id); DROP TABLE first")
    con.close()
    connection = sqlclust.connect(str(path))
    sqlclust.initialize(connection)
    add_embeddings(connection, clustered(), model="é", ids=[f"ü{i}" for i in range(40)])
    sqlclust.fit(connection, "é", min_cluster_size=5)
    assert connection.pragma("encoding") == encoding
    connection.close()
    assert look(path) == []
    execute(path, """
        CREATE TABLE "ö" (id TEXT PRIMARY KEY, model TEXT, vector BLOB) WITHOUT ROWID;
        INSERT INTO "ö" VALUES ('ä', 'é', x'0000803f'), ('ß', 'é', x'0000803f00000040'), ('ü', 'é', x'00')""")  # fmt: skip
    assert look(path) == [
        ("note", "vector-length", "ö", "vector", "ü", 1),
        ("note", "mixed-dimensions", "ö", "vector", "ä", 1),
    ]
