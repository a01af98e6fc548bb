"""Databases of other programs: dumps of what the real ones made, and exactly what is found there."""

from __future__ import annotations

import hashlib
from pathlib import Path
from struct import pack, unpack

import apsw
import pytest

from sqlclust.sources.kinds import chroma
from sqlclust.sources.registry import KINDS
from tests.sources.looking import HOSTS, brief, found, host, made, vectors, with_vectors

ODD = pack("<4d", *(1.1 * i for i in range(1, 5)))
"""Eight float32 by its length, but it looks like four float64."""

# name, kind, table, ids, vector, content, format, dimension, rows; the beginning of what is remarked
EXPECTED: dict[str, list[tuple[object, ...]]] = {
    "llm": [
        ("llm:docs", "llm", "embeddings", ("id",), "embedding", "content", "float32", 4, 12, "from 12 rows: BLOBs of 16"),
        ("llm:notes", "llm", "embeddings", ("id",), "embedding", None, "float32", 4, 5,
         "from 5 rows: BLOBs of 16 bytes; vectors of small; the texts were not kept (llm embed-multi --store keeps them)"),
        ("llm:none", "llm", "embeddings", ("id",), "embedding", None, None, None, 0, "no rows"),
    ],
    "vec0": [
        ('a "b', "vec0", 'a "b', ("rowid",), "embedding", None, "float32", 4, 0, "read from its shadow tables"),
        ("bits", "vec0", "bits", ("doc_id",), "embedding", None, "bit", 16, 12, "read from its shadow tables"),
        ("full.embedding", "vec0", "full", ("name",), "embedding", "body", "float32", 4, 12,
         "read from its shadow tables, without the extension; partition key module"),
        ("full.small", "vec0", "full", ("name",), "small", "body", "int8", 8, 12, "read from its shadow tables"),
        ("plain", "vec0", "plain", ("rowid",), "embedding", None, "float32", 4, 12, "read from its shadow tables"),
    ],
    "langchain": [
        ("docs", "langchain", "docs", ("rowid",), "text_embedding", "text", "float32", 4, 12, "from 12 rows"),
        ("docs_vec", "vec0", "docs_vec", ("rowid",), "text_embedding", None, "float32", 4, 12,
         'read from its shadow tables, without the extension; a copy of "docs".text_embedding, which a trigger keeps'),
    ],
    "langgraph": [
        ("store_vectors", "langgraph", "store_vectors", ("prefix", "key", "field_name"), "embedding", None, "float32", 4, 12,
         "from 12 rows: BLOBs of 16 bytes; a long-term memory of LangGraph; its texts are in store.value"),
    ],
    "openai_to_sqlite": [
        ("embeddings", "openai-to-sqlite", "embeddings", ("id",), "embedding", None, "float32", 1536, 5, "from 5 rows"),
    ],
    "datasette_embeddings": [
        ("_embeddings_docs", "datasette-embeddings", "_embeddings_docs", ("module", "name"), "emb_text_embedding_3_small_512",
         None, "float32", 16, 12, "from 12 rows: BLOBs of 64 bytes; vectors of the rows of docs"),
    ],
    "sqlite_vector": [
        ("documents.e32", "sqlite-vector", "documents", ("id",), "e32", "body", "float32", 4, 12, "from 12 rows"),
        ("documents.e16", "sqlite-vector", "documents", ("id",), "e16", "body", "float16", 4, 12, "from 12 rows"),
    ],
    "txtai_index": [
        ("vectors", "txtai", "vectors", ("indexid",), "embedding", None, "float32", 4, 12, "read from its shadow tables"),
    ],
    "txtai": [
        ("txtai:sections", "txtai", "sections", ("indexid",), None, "text", None, None, 12,
         "not in this file: the vectors are in the file embeddings beside it"),
    ],
    "chroma": [
        ("chroma:fresh", "chroma", "embeddings_queue", ("id",), "vector", None, "float32", 4, 5,
         "all of them are still in embeddings_queue; chroma will move them to "),
        ("chroma:none", "chroma", "embeddings_queue", (), None, None, None, None, 0, "no rows"),
        ("chroma:synced", "chroma", "embeddings_queue", (), None, None, None, None, 25,
         "not all in this file: embeddings_queue has 6 of 25, the others are in "),
        ("chroma:updated", "chroma", "embeddings_queue", (), None, None, None, None, 3,
         "not all in this file as they are now: embeddings_queue is a log with updates or deletions"),
    ],
    "qdrant": [
        ("qdrant:points", "qdrant", "points", ("id",), None, None, None, None, 12,
         "not in this file as vectors, but inside Python pickles (points.point), which are programs and are never read"),
    ],
    "simplevecdb": [
        ("simplevecdb:kept", "simplevecdb", "items_kept", ("id",), "embedding", "text", "float32", 4, 12, "from 12 rows"),
        ("simplevecdb:default", "simplevecdb", "tinyvec_items", ("id",), None, "text", None, None, 2,
         "not in this file: the vectors are in DATABASE.default.usearch beside it"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", EXPECTED)
def test_what_is_found(name: str) -> None:
    sources = found(host(name))
    rows = [tuple(source.row().values()) for source in sources]
    expected = EXPECTED[name]
    assert [row[:9] for row in rows] == [row[:9] for row in expected]
    for row, wanted in zip(rows, expected, strict=True):
        assert str(row[10]).startswith(str(wanted[9])), row
        assert row[9] == 0  # nothing is registered


def test_every_dump_is_tested() -> None:
    assert {path.stem for path in HOSTS.glob("*.sql")} == set(EXPECTED)
    assert max(path.stat().st_size for path in HOSTS.glob("*.sql")) < 100_000


def test_every_kind_is_found_somewhere() -> None:
    kinds = {str(row[1]) for rows in EXPECTED.values() for row in rows}
    elsewhere = {"sqlclust", "table", "sqlite-vss", "usearch", "faiss"}  # in this file and test_tables.py
    assert {kind.name for kind in KINDS} == kinds | elsewhere
    assert len({kind.name for kind in KINDS}) == len(KINDS)


def test_where_the_vectors_are() -> None:
    """An oracle: what a source says is enough to read them."""
    con = host("llm")
    [docs, notes, _] = found(con)
    for source, n in ((docs, 12), (notes, 5)):
        assert source.only is not None
        column, value = source.only
        sql = f'SELECT "{source.vector_column}" FROM "{source.table_name}" WHERE "{column}" = ?'
        lengths = {len(unpack("<4f", row[0])) for row in con.execute(sql, (value,))}
        assert lengths == {source.dimension}
        assert con.execute(f"SELECT count(*) FROM ({sql})", (value,)).get == n
    con = host("chroma")
    fresh = found(con)[0]
    assert fresh.only is not None
    sql = "SELECT id FROM embeddings_queue WHERE topic = ? ORDER BY id"
    assert [id for (id,) in con.execute(sql, (fresh.only[1],))] == ["i0", "i1", "i2", "i3", "i4"]


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM embeddings_queue WHERE id = 'i4' AND {fresh}",
        "UPDATE embeddings_queue SET id = 'i3' WHERE id = 'i4' AND {fresh}",  # one is gone, another there twice
        "UPDATE embeddings_queue SET operation = 1 WHERE id = 'i4' AND {fresh}",
        "INSERT INTO embeddings_queue (operation, topic, id) SELECT 3, topic, id FROM embeddings_queue "
        "WHERE id = 'i4' AND {fresh}",
    ],
)
def test_chroma_when_the_log_is_not_just_what_was_added(change: str) -> None:
    con = host("chroma")
    con.execute(change.format(fresh="topic LIKE '%' || (SELECT id FROM collections WHERE name = 'fresh')"))
    assert con.changes() == 1
    assert brief(con)[0] == ("chroma:fresh", "chroma", None, None, None, 5)
    assert found(con)[0].remark.startswith("not all in this file")


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("_LOOKED_AT", "not known to be all in this file: embeddings_queue has more than 4 rows; see "),
        ("_COUNTED", "not known to be all in this file: too many to be counted, or without an index; see "),
    ],
)
def test_chroma_when_there_is_too_much_to_look_at(setting: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chroma, setting, 4)
    fresh = found(host("chroma"))[0]
    assert (fresh.name, fresh.vector_column) == ("chroma:fresh", None)
    assert fresh.remark.startswith(reason)
    assert fresh.remark.endswith("/data_level0.bin")


def test_simplevecdb_with_vectors_here_and_there() -> None:
    con = host("simplevecdb")
    vector = vectors(1)[0]
    con.execute("UPDATE tinyvec_items SET embedding = ? WHERE id = 1", (vector,))
    con.executemany(
        "INSERT INTO items_kept_clusters (name, algorithm, n_clusters, centroids) VALUES (?, 'kmeans', 1, ?)",
        enumerate(vectors(9, 16)),
    )
    con.execute(
        "INSERT INTO tinyvec_items_pending_vectors (doc_id, embedding, enqueued_at) VALUES (2, ?, 0)", (vector,)
    )
    kept, default = found(con)  # neither centroids nor what waits is a source
    assert (kept.name, default.name, default.vector_column) == ("simplevecdb:kept", "simplevecdb:default", None)
    assert default.remark.startswith(
        "not all in this file: the vectors are in DATABASE.default.usearch beside it; those written last"
    )


def test_sqlite_vector_with_a_copy_that_does_not_say_the_dimension() -> None:
    con = host("sqlite_vector")
    assert found(con)[0].remark.endswith("quantized by sqlite-vector; 4 numbers in each by its quantized copy")
    for data in ("x'00'", "zeroblob(counter * 8)", "zeroblob(counter * 12 + 1)", "NULL"):
        con.execute(f"UPDATE vector0_documents_e32 SET data = {data}")
        assert found(con)[0].remark.endswith("quantized by sqlite-vector"), data


@pytest.mark.parametrize(
    ("columns", "n_rows"),
    [
        ("collection_id INTEGER, id TEXT, embedding BLOB, content TEXT, PRIMARY KEY (collection_id, id)", 9),
        (
            "collection_id TEXT COLLATE NOCASE, id TEXT, embedding BLOB, content TEXT, PRIMARY KEY (collection_id, id)",
            None,
        ),
        ("id TEXT PRIMARY KEY, collection_id INTEGER, embedding BLOB, content TEXT", None),
    ],
)
@pytest.mark.parametrize("end", ["", "WITHOUT ROWID"])
def test_llm_with_another_index_than_it_makes(columns: str, n_rows: int | None, end: str) -> None:
    """A part of a table is found without an index too; it is not counted then."""
    con = host("llm")
    con.execute(
        f"DELETE FROM collections WHERE id > 1; DROP TABLE embeddings; CREATE TABLE embeddings ({columns}) {end}"
    )
    con.execute("CREATE INDEX other ON embeddings (collection_id, content)")
    rows = [(f"i{i}", vectors(9, 4 + i % 2)[i]) for i in range(9)]
    con.executemany("INSERT INTO embeddings (collection_id, id, embedding) VALUES (1, ?, ?)", rows)
    if n_rows is None and "NOCASE" not in columns:
        con.execute("DROP INDEX other")
    [docs] = found(con)
    assert (docs.name, docs.vector_column, docs.format, docs.dimension, docs.n_rows) == (
        "llm:docs",
        "embedding",
        "float32",
        None,
        n_rows,
    )
    assert "may say which belong together" not in docs.remark  # the collection is said already


LOOKALIKES = {
    "points of somebody else": ("CREATE TABLE points (id INTEGER PRIMARY KEY, point TEXT)", "point", "json"),
    "points and more": ("CREATE TABLE points (id INTEGER PRIMARY KEY, point BLOB, n)", "point", "float32"),
    "items of a shop": ("CREATE TABLE items_a (id INTEGER PRIMARY KEY, text, metadata, embedding)", "embedding", "float32"),
    "other ids": ("CREATE TABLE embeddings (id INTEGER PRIMARY KEY, embedding BLOB)", "embedding", "float32"),
    "a column of a name": ("CREATE TABLE d (id INTEGER PRIMARY KEY, emb_a BLOB)", "emb_a", "float32"),
    "a vector store and more": ("CREATE TABLE d (rowid INTEGER PRIMARY KEY, text, metadata, text_embedding, n)", "text_embedding",
                                "float32"),
}  # fmt: skip


@pytest.mark.parametrize("name", LOOKALIKES)
def test_tables_that_only_look_like_those_of_a_program(name: str) -> None:
    statement, column, format = LOOKALIKES[name]
    con = made(statement)
    values: list[object] = [
        str(list(unpack("<1536f", blob))) if format == "json" else blob for blob in vectors(9, 1536)
    ]
    table = statement.split()[2]
    con.executemany(f"INSERT INTO {table} ({column}) VALUES (?)", [(value,) for value in values])
    assert brief(con) == [(table, "table", column, format, 1536, 9)]


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("DROP TABLE plain_rowids", "there is no table plain_rowids as vec0 makes it"),
        ("DROP TABLE plain_vector_chunks00", "there is no table plain_vector_chunksNN as vec0 makes it"),
        ("ALTER TABLE plain_chunks RENAME COLUMN size TO length", "there is no table plain_chunks as vec0 makes it"),
        ("UPDATE plain_vector_chunks00 SET vectors = x'00'", "a chunk has 1 bytes, expected 8 vectors of 16 bytes"),
        ("UPDATE plain_chunks SET size = 'eight'", "a chunk has 128 bytes, expected eight vectors of 16 bytes"),
    ],
)
def test_a_vec0_table_without_what_it_needs(statement: str, reason: str) -> None:
    con = host("vec0")
    con.execute(statement)
    [plain] = [source for source in found(con) if source.table_name == "plain"]
    assert plain.vector_column is None
    assert plain.remark == f"its vectors cannot be read: {reason}"
    assert plain.n_rows is None


@pytest.mark.parametrize(
    ("arguments", "content"),
    [
        ("e float[4], +blurb text", "blurb"),  # whatever it is called, as nothing else can be text
        ("e float[4], kind text, +blurb text, +title text", "title"),
        ("e float[4], kind text", None),
        ("e float[4], chunk_size = 8, distance_metric=cosine, +body text", "body"),
        ("indexid integer primary key, embedding float[4], +body text", "body"),  # txtai has no such column
        ("e float[4] /* , f float[4] */, -- , g float[4]\n x odd(1, h float[4])", None),
    ],
)
def test_what_the_text_of_a_vec0_table_says(arguments: str, content: str | None) -> None:
    con = made("PRAGMA writable_schema = ON")
    sql = f"CREATE VIRTUAL TABLE /* using( */ v USING vec0({arguments})"
    con.execute("INSERT INTO sqlite_schema VALUES ('table', 'v', 'v', 0, ?)", (sql,))
    con.execute("PRAGMA writable_schema = RESET")
    [source] = found(con)
    assert (source.name, source.kind, source.format, source.dimension) == ("v", "vec0", "float32", 4)
    assert source.content_column == content


def test_sqlite_vss() -> None:
    con = made(
        "PRAGMA writable_schema = ON",
        "INSERT INTO sqlite_schema VALUES ('table', 'v', 'v', 0, 'CREATE VIRTUAL TABLE v USING vss0(a(4))')",
        "CREATE TABLE v_index (rowid INTEGER PRIMARY KEY, idx BLOB)",
        "PRAGMA writable_schema = RESET",
    )
    [source] = found(con)
    assert (source.name, source.kind, source.vector_column) == ("v", "sqlite-vss", None)
    assert source.remark.startswith("not in this file as vectors, but inside an index of faiss, v_index.idx")


def test_files_beside(tmp_path: Path) -> None:
    for name in ("a.db", "a.db.default.usearch", "a.faiss", "b.usearch", "a.db-wal.usearch"):
        (tmp_path / name).write_bytes(b"")
    con = apsw.Connection(str(tmp_path / "a.db"))
    assert [(s.name, s.kind, s.vector_column, s.remark) for s in found(con)] == [
        (n, k, None, f"not in this file: {n} beside it is an index of {k}")
        for n, k in (("a.db-wal.usearch", "usearch"), ("a.db.default.usearch", "usearch"), ("a.faiss", "faiss"))
    ]
    con.close()


def test_a_file_of_simplevecdb_is_named_once(tmp_path: Path) -> None:
    (tmp_path / "s.db.default.usearch").write_bytes(b"")
    con = host("simplevecdb", tmp_path / "s.db")
    assert [source.name for source in found(con)] == ["simplevecdb:kept", "simplevecdb:default"]
    assert "s.db.default.usearch beside it" in found(con)[1].remark
    con.close()


def test_our_own_models(demo: apsw.Connection) -> None:
    demo.execute(
        "INSERT INTO Embedding (id, embedding_model, vector, content) SELECT 'x' || id, 'b', vector, 'text' FROM Embedding"
    )
    rows = [tuple(source.row().values()) for source in found(demo)]
    assert [row[:10] for row in rows] == [
        ("b", "sqlclust", "Embedding", ("id",), "vector", "content", "float32", 8, 40, 0),
        ("demo", "sqlclust", "Embedding", ("id",), "vector", None, "float32", 8, 40, 0),
    ]
    with_vectors(demo, "demo", vectors(9))
    assert [source.name for source in found(demo)] == ["b", "demo", "demo.v"]  # a model keeps its name
    demo.execute("UPDATE Embedding SET embedding_model = 'demo.v' WHERE embedding_model = 'b'")
    assert [source.name for source in found(demo)] == ["demo", "demo.v", "demo.v (2)"]
    demo.execute("UPDATE Embedding SET embedding_model = 'b', vector = ? WHERE embedding_model = 'demo.v'", (ODD,))
    odd = found(demo)[0]
    assert (odd.format, odd.dimension) == ("float32", 8)  # the schema says so
    demo.execute("UPDATE Embedding SET vector = zeroblob(4) WHERE embedding_model = 'b' AND id = 'x1'")
    assert (found(demo)[0].format, found(demo)[0].dimension) == ("float32", None)
    demo.execute("DROP INDEX Embedding_embedding_model")
    assert [(source.name, source.n_rows) for source in found(demo)[:2]] == [("b", None), ("demo", None)]


def test_a_folder_that_cannot_be_listed(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    con = host("llm", tmp_path / "gone" / "a.db")
    (tmp_path / "gone" / "a.db").unlink()
    (tmp_path / "gone").rmdir()
    assert len(found(con)) == 3
    con.close()


def test_the_host_databases_do_not_change() -> None:
    """Nothing is written: the file has the same bytes."""
    for name in EXPECTED:
        con = host(name)
        before = hashlib.sha256(con.serialize("main")).hexdigest()
        changes = con.total_changes()
        found(con)
        assert (hashlib.sha256(con.serialize("main")).hexdigest(), con.total_changes()) == (before, changes), name
        assert not con.in_transaction
