"""Makes the databases of the tests anew, with the real programs: `python tests/sources/hosts/make.py FOLDER`.

For whoever adds one or wants those of a newer version. The tests read the dumps (*.sql) and need none of the
programs: llm 0.36, sqlite-vec 0.1.9, langgraph-checkpoint-sqlite 3.1.2, openai-to-sqlite 0.4.2, simplevecdb 2.7.0,
sqliteai-vector 1.1.2, chromadb 1.5.9, txtai 9.14.0 (its CREATE statements). LangChain's SQLiteVec (langchain-community 0.4.2),
datasette-embeddings 0.1a3 and qdrant-client 1.20.0 are written as databases of theirs have it. Vectors are small.
"""

from __future__ import annotations

import json
import pickle
import shutil
import sqlite3
import sys
import types
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from struct import pack
from typing import Any

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
ELSEWHERE = {"vec0_holes": Path(__file__).parents[2] / "store" / "sources"}
"""Dumps of which not only the looking is tested."""
N = 12


def vector(i: int, dimension: int = 4) -> list[float]:
    return [(i * 7 + j * 3) % 11 / 8 - 0.5 for j in range(dimension)]


def blob(i: int, dimension: int = 4) -> bytes:
    return pack(f"<{dimension}f", *vector(i, dimension))


def make_llm(path: Path) -> None:
    llm: Any = import_module("llm")
    sqlite_utils: Any = import_module("sqlite_utils")

    class Model(llm.EmbeddingModel):  # type: ignore[misc, name-defined, unused-ignore]
        model_id = "small"

        def embed_batch(self, items: Any) -> Any:
            return (vector(len(item)) for item in items)

    database = sqlite_utils.Database(path)
    for name, n, store in (("docs", N, True), ("notes", 5, False)):
        collection = llm.Collection(name, database, model=Model(), create=True)
        collection.embed_multi([(f"id{i}", "text " * i) for i in range(n)], store=store)
    llm.Collection("none", database, model=Model(), create=True)


def make_vec0(path: Path) -> None:
    connection = with_vec0(path)
    connection.execute("CREATE VIRTUAL TABLE plain USING vec0(embedding float[4], chunk_size=8)")
    connection.execute(
        "CREATE VIRTUAL TABLE full USING vec0(name TEXT PRIMARY KEY, embedding float[4] distance_metric=cosine, "
        "small int8[8], module TEXT partition key, n_chars INTEGER, +body TEXT, chunk_size=8)"
    )
    connection.execute(
        "CREATE VIRTUAL TABLE bits USING vec0(doc_id INTEGER PRIMARY KEY, embedding bit[16], chunk_size=8)"
    )
    connection.execute('CREATE VIRTUAL TABLE "a ""b" USING vec0(embedding FLOAT[4], chunk_size=8)')
    for i in range(N):
        connection.execute("INSERT INTO plain (rowid, embedding) VALUES (?, ?)", (i + 1, blob(i)))
        connection.execute(
            "INSERT INTO full (name, embedding, small, module, n_chars, body) VALUES (?, ?, vec_int8(?), ?, ?, ?)",
            (f"n{i}", blob(i), bytes(range(8)), f"m{i % 2}", i, "text " * i),
        )
        connection.execute("INSERT INTO bits (doc_id, embedding) VALUES (?, vec_bit(?))", (i, bytes([i, 7])))


def make_vec0_holes(path: Path) -> None:
    """Rows were deleted and others came; texts of metadata short and long. `said` has what the extension says of them."""
    connection = with_vec0(path)
    connection.execute(
        "CREATE VIRTUAL TABLE many USING vec0(id INTEGER PRIMARY KEY, e float[4], n INTEGER, title TEXT, "
        "p TEXT partition key, s int8[8], b bit[16], chunk_size=8)"
    )
    connection.execute(
        "CREATE VIRTUAL TABLE named USING vec0(id TEXT PRIMARY KEY, e float[4], +n INTEGER, +body TEXT, chunk_size=8)"
    )
    for i in range(3 * N):
        connection.execute(
            "INSERT INTO many (id, e, n, title, p, s, b) VALUES (?, ?, ?, ?, ?, vec_int8(?), vec_bit(?))",
            (3 * i - 5, blob(i), i, "ü" * (i % 15), f"p{i % 3}", bytes([i] * 8), bytes([i, 7])),
        )
        connection.execute(
            "INSERT INTO named (id, e, n, body) VALUES (?, ?, ?, ?)", (f"k{i}", blob(i), i, "text " * (i % 5))
        )
    for i in range(0, 3 * N, 5):
        connection.execute("DELETE FROM many WHERE id = ?", (3 * i - 5,))
        connection.execute("DELETE FROM named WHERE id = ?", (f"k{i}",))
    connection.execute("DELETE FROM many WHERE id BETWEEN 20 AND 80")  # all of some chunks
    connection.execute("INSERT INTO named (id, e, n, body) VALUES ('k0', ?, 0, 'again')", (blob(7),))
    connection.execute("CREATE TABLE said (source, id, vector_hex, text)")
    for table, vectors, text in (("many", ("e", "s", "b"), "title"), ("named", ("e",), "body")):
        for column in vectors:
            name = f"{table}.{column}" if len(vectors) > 1 else table
            connection.execute(f"INSERT INTO said SELECT ?, id, hex({column}), {text} FROM {table}", (name,))


def make_langchain(path: Path) -> None:
    connection = with_vec0(path)
    connection.execute(
        "CREATE TABLE docs (rowid INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT, metadata BLOB, text_embedding BLOB)"
    )
    connection.execute("CREATE VIRTUAL TABLE docs_vec USING vec0(rowid INTEGER PRIMARY KEY, text_embedding float[4])")
    connection.execute(
        "CREATE TRIGGER docs_embed_text AFTER INSERT ON docs BEGIN INSERT INTO docs_vec(rowid, text_embedding) "
        "VALUES (new.rowid, new.text_embedding); END"
    )
    rows = [("text " * i, '{"a": 1}', blob(i)) for i in range(N)]
    connection.executemany("INSERT INTO docs (text, metadata, text_embedding) VALUES (?, ?, ?)", rows)


def make_langgraph(path: Path) -> None:
    sqlite_vec: Any = import_module("sqlite_vec")

    real = sqlite3.connect

    class Connection(sqlite3.Connection):  # the extension is used for searching only
        def enable_load_extension(self, on: bool, /) -> None:
            pass

    sqlite_vec.load = lambda connection: None
    sqlite3.connect = lambda *args, **named: real(*args, **{**named, "factory": Connection})
    SqliteStore = import_module("langgraph.store.sqlite").SqliteStore

    embed = lambda texts: [vector(len(text)) for text in texts]  # noqa: E731
    with SqliteStore.from_conn_string(str(path), index={"dims": 4, "embed": embed, "fields": ["text"]}) as store:
        store.setup()
        for i in range(N):
            store.put(("docs", f"user{i % 2}"), f"k{i}", {"text": "hello " * i + "x"})
    sqlite3.connect = real


def make_openai_to_sqlite(path: Path) -> None:
    httpx: Any = import_module("httpx")

    class Response:
        status_code = 200

        def __init__(self, n: int) -> None:
            self.n = n

        def raise_for_status(self) -> None:
            pass

        def json(self) -> Any:
            found = [{"index": i, "embedding": vector(i, 1536)} for i in range(self.n)]
            return {"usage": {"total_tokens": 1}, "data": found}

    httpx.post = lambda url, json, **_: Response(len(json["input"]))
    cli: Any = import_module("openai_to_sqlite.cli")

    cli.truncate_tokens = lambda text, n: text
    given = path.with_suffix(".json")
    given.write_text(json.dumps([{"id": str(i), "text": f"text {i}"} for i in range(5)]))
    cli.cli(["embeddings", str(path), str(given), "--token", "x"], standalone_mode=False)


def make_simplevecdb(path: Path) -> None:
    database = import_module("simplevecdb").VectorDB(str(path))
    database.collection("default").add_texts(["a", "b"], embeddings=[vector(1), vector(2)])
    database.collection("kept", store_embeddings=True).add_texts(
        [f"t{i}" for i in range(N)], embeddings=[vector(i) for i in range(N)]
    )
    database.close()


def make_sqlite_vector(path: Path) -> None:
    apsw: Any = import_module("apsw")
    sqlite_vector: Any = import_module("sqlite_vector")

    connection = apsw.Connection(str(path))
    connection.enable_load_extension(True)
    connection.load_extension(str(Path(sqlite_vector.__file__).parent / "binaries" / "vector.so"))
    connection.execute("CREATE TABLE documents (id INTEGER PRIMARY KEY, body TEXT, e32 BLOB, e16 BLOB)")
    rows = [("text " * i, json.dumps(vector(i)), json.dumps(vector(i))) for i in range(N)]
    connection.executemany(
        "INSERT INTO documents (body, e32, e16) VALUES (?, vector_as_f32(?), vector_as_f16(?))", rows
    )
    for column, kind in (("e32", "FLOAT32"), ("e16", "FLOAT16")):
        connection.execute("SELECT vector_init('documents', ?, ?)", (column, f"dimension=4,type={kind}")).fetchall()
        connection.execute("SELECT vector_quantize('documents', ?)", (column,)).fetchall()


def make_chroma(path: Path) -> None:
    chromadb: Any = import_module("chromadb")

    shutil.rmtree(path.with_suffix(""), ignore_errors=True)
    client = chromadb.PersistentClient(str(path.with_suffix("")))
    settings = {"hnsw": {"sync_threshold": 10, "batch_size": 5}}
    for name, n in (("synced", 25), ("updated", 3), ("fresh", 5), ("none", 0)):
        collection = client.create_collection(name, embedding_function=None, configuration=settings)
        for i in range(0, n, 5):
            rows = range(i, min(n, i + 5))
            texts = [f"text {j}" for j in rows]
            collection.add(ids=[f"i{j}" for j in rows], embeddings=[vector(j) for j in rows], documents=texts)
        if name == "updated":
            collection.update(ids=["i0"], embeddings=[vector(9)])
    path.write_bytes((path.with_suffix("") / "chroma.sqlite3").read_bytes())


def make_txtai(path: Path) -> None:
    """A database of texts."""
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE documents (id TEXT PRIMARY KEY, data JSON, tags TEXT, entry DATETIME)")
    connection.execute("CREATE TABLE objects (id TEXT PRIMARY KEY, object BLOB, tags TEXT, entry DATETIME)")
    connection.execute(
        "CREATE TABLE sections (indexid INTEGER PRIMARY KEY, id TEXT, text TEXT, tags TEXT, entry DATETIME)"
    )
    connection.execute("CREATE INDEX section_id ON sections(id)")
    connection.executemany("INSERT INTO sections (id, text) VALUES (?, ?)", [(str(i), "text") for i in range(N)])
    connection.commit()


def make_txtai_index(path: Path) -> None:
    """An index of its backend sqlite."""
    connection = with_vec0(path)
    connection.execute(
        "CREATE VIRTUAL TABLE vectors USING vec0(indexid INTEGER PRIMARY KEY, embedding FLOAT[4] distance=cosine)"
    )
    connection.executemany("INSERT INTO vectors (indexid, embedding) VALUES (?, ?)", [(i, blob(i)) for i in range(N)])


def make_datasette_embeddings(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE docs (module TEXT, name TEXT, body TEXT, PRIMARY KEY (module, name))")
    connection.execute(
        'CREATE TABLE "_embeddings_docs" ("module" TEXT, "name" TEXT, "emb_text_embedding_3_small_512" BLOB, '
        'PRIMARY KEY ("module", "name"))'
    )
    connection.executemany("INSERT INTO docs VALUES (?, ?, 'text')", [("m", f"n{i}") for i in range(N)])
    rows = [("m", f"n{i}", blob(i, 16)) for i in range(N)]
    connection.executemany("INSERT INTO _embeddings_docs VALUES (?, ?, ?)", rows)
    connection.commit()


def make_qdrant(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE points (id TEXT PRIMARY KEY, point BLOB)")
    rows = [(f"p{i}", pickle.dumps({"id": i, "vector": vector(i)}, 4)) for i in range(N)]
    connection.executemany("INSERT INTO points VALUES (?, ?)", rows)
    connection.commit()


def with_vec0(path: Path) -> Any:
    apsw: Any = import_module("apsw")
    sqlite_vec: Any = import_module("sqlite_vec")

    connection = apsw.Connection(str(path))
    connection.enable_load_extension(True)
    connection.load_extension(sqlite_vec.loadable_path())
    return connection


def dump_of(name: str) -> Path:
    return ELSEWHERE.get(name, Path(__file__).parent) / f"{name}.sql"


def dump(path: Path) -> None:
    """Beside this file or where it is needed, as SQL."""
    import io

    Shell = import_module("apsw.shell").Shell

    out = io.StringIO()
    Shell(stdout=out, stderr=out, db=import_module("apsw").Connection(str(path))).process_command(".dump")
    lines = [
        line for line in out.getvalue().splitlines() if line and not line.startswith(("--", "DROP TABLE IF EXISTS "))
    ]
    text = "\n".join(lines)
    dump_of(path.stem).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    for name, make in [*globals().items()]:
        if name.startswith("make_") and isinstance(make, types.FunctionType) and name[5:] not in sys.argv[2:]:
            target = FOLDER / f"{name[5:]}.db"
            target.unlink(missing_ok=True)
            maker: Callable[[Path], None] = make
            maker(target)
            dump(target)
            print(target.stem, dump_of(target.stem).stat().st_size)
