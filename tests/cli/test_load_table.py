"""sqlclust load --from-table: copies of what other programs keep."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sqlclust.vectors.formats import FORMATS
from tests.cli.embedding_files import EMBEDDINGS, embedding, without_seconds
from tests.cli.host_files import host_file, ids_in, made_by, notes
from tests.cli.terminal import fail, rows, succeed
from tests.small import blob
from tests.vectors.written import WRITTEN


def test_a_table_of_another_file(new: Path, theirs: Path) -> None:
    before = theirs.read_bytes()
    out = succeed("load", new, theirs, "--from-table", "notes", "-m", "m")
    assert without_seconds(out) == (
        f"{new} created\n{theirs}, notes: 2 embeddings of model 'm' loaded (… s)\nNext: sqlclust fit {new} m\n"
    )
    assert rows(new, EMBEDDINGS) == [embedding("a", 1, 2, content="one"), embedding("b", 3, 4)]
    assert theirs.read_bytes() == before


def test_a_table_of_the_same_file(theirs: Path) -> None:
    told = f"{theirs} has no sqlclust tables; run: sqlclust init {theirs}"
    assert fail("load", theirs, "--from-table", "notes", "-m", "m") == told
    succeed("init", theirs)
    succeed("load", theirs, "--from-table", "notes", "-m", "m")
    assert rows(theirs, EMBEDDINGS) == [embedding("a", 1, 2, content="one"), embedding("b", 3, 4)]
    same = theirs.parent / "link.db"
    same.symlink_to(theirs)
    succeed("load", theirs, same, "--from-table", "NOTES", "-m", "m", "--ignore")
    for file in ([], [theirs], [same]):
        assert "'m' is a model in this very file" in fail("load", theirs, *file, "--from-table", "m", "-m", "other")


def test_what_programs_are_told(new: Path, theirs: Path) -> None:
    counts = {"added": 2, "replaced": 0, "ignored": 0, "runs": 0, "invocations": 0, "predictions": 0}
    first = json.loads(succeed("load", new, theirs, "--from-table", "notes", "-m", "m", "--json"))
    told = {"file": str(theirs), "table": "notes", "embedding_model": "m"}
    assert first == [{**told, **counts, "skipped": 0}]
    again = json.loads(succeed("load", new, theirs, "--from-table", "notes", "-m", "m", "--sync", "--json"))
    more = {"unchanged": 2, "kept_changed": 0, "deleted": 0, "kept_gone": 0, "gone": 0}
    assert again == [{**told, **counts, "added": 0, **more, "skipped": 0}]


@pytest.mark.parametrize(
    ("name", "table", "n", "first"),
    [
        ("llm", "llm:docs", 12, "id0"), ("llm", "llm:notes", 5, "id0"), ("vec0", "plain", 12, 1), ("vec0", "bits", 12, 0),
        ("vec0", "full.small", 12, "n0"), ("vec0", "full.embedding", 12, "n0"), ("langchain", "docs", 12, 1),
        ("langchain", "docs_vec", 12, 1), ("datasette_embeddings", "_embeddings_docs", 12, '["m","n0"]'),
        ("sqlite_vector", "documents.e32", 12, 1), ("sqlite_vector", "documents.e16", 12, 1),
    ],
)  # fmt: skip
def test_what_other_programs_made(new: Path, tmp_path: Path, name: str, table: str, n: int, first: object) -> None:
    theirs = made_by(name, tmp_path / "theirs.db")
    before = hashlib.sha256(theirs.read_bytes()).digest()
    succeed("load", new, theirs, "--from-table", table, "-m", "m")
    found = ids_in(new)
    assert (len(found), found[0]) == (n, first)
    assert hashlib.sha256(theirs.read_bytes()).digest() == before


def test_vec0_gives_the_vectors_of_its_rows(new: Path, tmp_path: Path) -> None:
    theirs = made_by("vec0", tmp_path / "theirs.db")
    succeed("load", new, theirs, "--from-table", "full.embedding", "-m", "f")
    sql = """SELECT r.id, substr(v.vectors, 1 + r.chunk_offset * 16, 16)
    FROM full_rowids r JOIN full_vector_chunks00 v ON v.rowid = r.chunk_id ORDER BY 1"""  # as facts.md has it
    expected = rows(theirs, sql)
    assert rows(new, "SELECT id, vector FROM Embedding ORDER BY id") == expected
    succeed("load", new, theirs, "--from-table", "full.small", "-m", "s", "--id-prefix", "s:")
    small: Any = rows(theirs, "SELECT vectors FROM full_vector_chunks01 LIMIT 1")[0][0]
    numbers = np.frombuffer(small, "i1").reshape(-1, 8).astype("<f4")
    places: Any = rows(theirs, "SELECT 's:' || id, chunk_offset FROM full_rowids")
    offsets = dict(places)
    for id, vector in rows(new, "SELECT id, vector FROM Embedding WHERE embedding_model = 's'"):
        assert vector == numbers[offsets[id]].tobytes()


IDS = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False)
    .map(lambda number: number + 0.0)
    .filter(lambda x: not x.is_integer()),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6),
    st.binary(max_size=6),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(keys=st.lists(IDS, min_size=1, max_size=5, unique_by=lambda id: (str(type(id)), id)), own=st.booleans())
def test_ids_of_every_type_are_kept(tmp_path_factory: pytest.TempPathFactory, keys: list[Any], own: bool) -> None:
    folder = tmp_path_factory.mktemp("ids")
    theirs = notes(folder / "theirs.db", values=[(key, blob(at, 1), None) for at, key in enumerate(keys)])
    ours = theirs if own else folder / "ours.db"
    if own:
        succeed("init", theirs)
    succeed("load", ours, theirs, "--from-table", "notes", "-m", "m")
    found = {vector: id for id, vector in rows(ours, "SELECT id, vector FROM Embedding")}
    for at, key in enumerate(keys):
        copied = found[blob(at, 1)]
        assert (type(copied), copied) == (type(key), key)


@pytest.mark.parametrize("format", WRITTEN)
def test_every_format_that_is_said(new: Path, tmp_path: Path, format: Any) -> None:
    numbers, value = WRITTEN[format]
    values = [(1, value, None), (2, value, None)]
    theirs = notes(tmp_path / "theirs.db", values=values)
    succeed("load", new, theirs, "--from-table", "notes", "-m", "m", "--vector-format", format)
    assert rows(new, "SELECT DISTINCT vector FROM Embedding") == [(blob(*numbers),)]


@pytest.mark.parametrize("format", ["float32", "float64", "float16", "bfloat16", "int8", "json"])
def test_formats_that_are_found(new: Path, tmp_path: Path, format: Any) -> None:
    given = (np.random.default_rng(0).normal(size=(60, 32)) / 4).astype("<f4")
    if format == "bfloat16":
        values: list[Any] = [np.ascontiguousarray(row.view("<u2")[1::2]).tobytes() for row in given]
    elif format == "int8":
        values = [(row * 80).astype("i1").tobytes() for row in given]
    elif format == "json":
        values = [json.dumps(row.tolist()) for row in given]
    else:
        values = [row.astype(FORMATS[format].dtype).tobytes() for row in given]
    theirs = notes(tmp_path / "theirs.db", values=[(at, value, None) for at, value in enumerate(values)])
    succeed("load", new, theirs, "--from-table", "notes", "-m", "m")
    record = FORMATS[format]
    for (vector,), value in zip(rows(new, "SELECT vector FROM Embedding ORDER BY id"), values, strict=True):
        assert vector == np.asarray(record.numbers_of(value, "it"), "<f4").tobytes()


def test_columns_that_are_said(new: Path, tmp_path: Path) -> None:
    theirs = host_file(
        tmp_path / "theirs.db",
        "CREATE TABLE t (a TEXT, b INT, x BLOB, y BLOB, note TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID",
        "INSERT INTO t VALUES (?, ?, ?, ?, ?)",
        rows=[('k"', 1, blob(1, 2), blob(3, 4), "n")],
    )
    succeed("load", new, theirs, "--from-table", "t", "--vector-column", "Y", "--content-column", "note", "-m", "m")
    assert rows(new, EMBEDDINGS) == [embedding('["k\\"",1]', 3, 4, content="n")]
    for said, id in (("b", 1), ("b, a", '[1,"k\\""]'), ("note", "n")):
        succeed(
            "load", new, theirs, "--from-table", "t", "--vector-column", "x", "--id-column", said, "-m", f"of {said}"
        )
        assert rows(new, f"SELECT id FROM Embedding WHERE embedding_model = 'of {said}'") == [(id,)]


@pytest.mark.parametrize(
    "options", [["documents.e16"], ["documents", "--vector-column", "E16"], ["documents.e16", "--vector-column", "e16"]]
)
def test_several_columns_of_vectors(new: Path, tmp_path: Path, options: list[str]) -> None:
    theirs = made_by("sqlite_vector", tmp_path / "theirs.db")
    message = fail("load", new, theirs, "-m", "m", "--from-table", "documents")
    assert (
        "table 'documents' has several columns of vectors; --from-table takes one of 'documents.e32', 'documents.e16'"
        in message
    )
    out = succeed("load", new, theirs, "-m", "m", "--from-table", *options)
    assert "12 embeddings of model 'm' loaded, vectors read as float16 (" in out
    ((first,),) = rows(theirs, "SELECT e16 FROM documents WHERE id = 1")
    assert isinstance(first, bytes)
    assert rows(new, "SELECT vector FROM Embedding WHERE id = 1") == [
        (np.frombuffer(first, "<f2").astype("<f4").tobytes(),)
    ]


def test_rows_without_a_key_have_their_rowid(new: Path, tmp_path: Path) -> None:
    theirs = host_file(
        tmp_path / "theirs.db",
        "CREATE TABLE t (vector)",
        "INSERT INTO t (rowid, vector) VALUES (?, ?)",
        rows=[(7, blob(1, 2))],
    )
    succeed("load", new, theirs, "--from-table", "t", "-m", "m")
    assert ids_in(new) == [7]


@pytest.mark.parametrize("options", [[], ["--vector-column", "odd", "--vector-format", "uint8"]])
def test_the_key_is_the_same_whichever_column_is_said(new: Path, tmp_path: Path, options: list[str]) -> None:
    """Also of a column that is not found as one of vectors."""
    theirs = host_file(
        tmp_path / "theirs.db",
        "CREATE TABLE t (name TEXT NOT NULL UNIQUE, embedding BLOB, odd BLOB)",
        "INSERT INTO t VALUES (?, ?, ?)",
        rows=[("a", blob(1, 2), b"\0\1"), ("b", blob(3, 4), b"\0\2")],
    )
    succeed("load", new, theirs, "--from-table", "t", "-m", "m", *options)
    assert ids_in(new) == ["a", "b"]


def test_collections_whose_ids_repeat(new: Path, tmp_path: Path) -> None:
    theirs = made_by("llm", tmp_path / "theirs.db")
    message = fail("load", new, theirs, "--from-table", "embeddings", "-m", "m")
    assert "--from-table takes one of 'llm:docs', 'llm:notes', 'llm:none'" in message
    assert "has no rows" not in message
    succeed("load", new, theirs, "--from-table", "llm:docs", "-m", "docs")
    message = fail("load", new, theirs, "--from-table", "llm:notes", "-m", "notes")
    assert message.endswith("nothing of the file was written. --id-prefix notes: does that")
    succeed("load", new, theirs, "--from-table", "llm:notes", "-m", "notes", "--id-prefix", "notes:")
    assert {id for id in ids_in(new) if id.startswith("notes:")} == {f"notes:id{at}" for at in range(5)}


def test_a_model_of_another_file_of_ours(new: Path, theirs: Path, tmp_path: Path) -> None:
    succeed("load", new, theirs, "--from-table", "notes", "-m", "m")
    succeed("load", tmp_path / "copy.db", new, "--from-table", "m", "-m", "copy")
    copied = [embedding("a", 1, 2, content="one", model="copy"), embedding("b", 3, 4, model="copy")]
    assert rows(tmp_path / "copy.db", EMBEDDINGS) == copied


def test_types_of_ids_and_a_prefix(new: Path, tmp_path: Path) -> None:
    theirs = notes(tmp_path / "theirs.db", values=[(7, blob(1, 2), None), (1.5, blob(3, 4), None)])
    assert "1.5" in fail("load", new, theirs, "--from-table", "notes", "-m", "m", "--id-type", "text")
    succeed("load", new, theirs, "--from-table", "notes", "-m", "m", "--id-prefix", "p")
    assert ids_in(new) == ["p1.5", "p7"]


@pytest.mark.parametrize(("host", "table"), [("llm", "llm:docs"), ("langgraph", "store_vectors")])
def test_a_model_may_have_the_name_of_its_table(tmp_path: Path, host: str, table: str) -> None:
    path = made_by(host, tmp_path / "x.db")
    succeed("init", path)
    copied = ("load", path, "--from-table", table, "-m", table)
    assert "12 embeddings" in succeed(*copied)
    assert "12 unchanged" in succeed(*copied, "--sync")
    for ours in ("Embedding", "embedding", "EmbeddingCluster", "ClusteringSummary"):
        assert "is a table of sqlclust in this very file" in fail("load", path, "--from-table", ours, "-m", "m")
