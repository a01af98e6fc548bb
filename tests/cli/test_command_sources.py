"""sqlclust sources: the table, the formats for programs, and files of every kind."""

from __future__ import annotations

import csv
import io
import json
import shlex
from pathlib import Path

import apsw

import sqlclust
from tests.cli.terminal import fail, run, succeed
from tests.sources.looking import host


def file_of(tmp_path: Path, name: str) -> Path:
    path = tmp_path / f"{name}.db"
    host(name, path).close()
    return path


def test_the_table(tmp_path: Path) -> None:
    path = file_of(tmp_path, "llm")
    *lines, following = succeed("sources", path).splitlines()
    assert following == f"Next: sqlclust load NEW.db {path} --from-table llm:docs --model docs"
    assert lines[0].split() == ["name", "kind", "table", "id", "vector", "content", "format", "dimension", "rows"]
    assert [line.split() for line in lines[2:]] == [
        ["llm:docs", "llm", "embeddings", "id", "embedding", "content", "float32", "4", "12"],
        ["llm:notes", "llm", "embeddings", "id", "embedding", "float32", "4", "5"],
        ["llm:none", "llm", "embeddings", "id", "embedding", "?", "0"],
    ]


def test_what_cannot_be_clustered_is_named_below(tmp_path: Path) -> None:
    out = succeed("sources", file_of(tmp_path, "simplevecdb"))
    assert out.splitlines()[2].split()[:2] == ["simplevecdb:kept", "simplevecdb"]
    assert (
        "\nsimplevecdb:default (simplevecdb): not in this file: the vectors are in simplevecdb.db.default.usearch"
        in out
    )
    out = succeed("sources", file_of(tmp_path, "qdrant"))
    assert out.startswith("qdrant:points (qdrant): not in this file as vectors, but inside Python pickles")


def test_formats_for_programs(tmp_path: Path) -> None:
    path = file_of(tmp_path, "langgraph")
    [found] = json.loads(succeed("sources", path, "--json"))
    assert list(found) == [
        "name", "kind", "table_name", "id_columns", "vector_column", "content_column", "format", "dimension", "n_rows",
        "registered", "remark",
    ]  # fmt: skip
    assert (found["id_columns"], found["content_column"], found["registered"]) == (
        ["prefix", "key", "field_name"],
        None,
        0,
    )
    assert json.loads(succeed("sources", path, "--nl")) == found
    [row] = csv.DictReader(io.StringIO(succeed("sources", path, "--csv")))
    assert row == {name: "" if value is None else value if isinstance(value, str) else json.dumps(value)
                   for name, value in found.items()}  # fmt: skip
    # the same rows as SQL gives, but for JSON text
    con = sqlclust.connect(str(path), readonly=True)
    cursor = con.execute("SELECT * FROM clust_sources()")
    names = [name for name, *_ in cursor.get_description()]
    [values] = cursor.fetchall()
    con.close()
    assert {**dict(zip(names, values, strict=True)), "id_columns": found["id_columns"]} == found


def test_nothing_found(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    path.write_bytes(b"")
    assert succeed("sources", path) == f"no vectors found; sqlclust load {path} FILE --model NAME brings some in\n"
    assert succeed("sources", path, "--json") == "[]\n"
    assert succeed("sources", path, "--csv").startswith("name,kind,table_name,")
    assert path.read_bytes() == b""


def test_what_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "text.db"
    assert run("sources", path).code == 1
    path.write_text("no database at all, but text that is long enough" * 9)
    code, _, err = run("sources", path)
    assert (code, err.count("\n")) == (1, 1)


def test_a_name_cannot_move_the_cursor(tmp_path: Path) -> None:
    path = tmp_path / "names.db"
    con = apsw.Connection(str(path))
    con.execute('CREATE TABLE "a\x1b[2Jb" (id INTEGER PRIMARY KEY, embedding BLOB)')
    con.execute("INSERT INTO \"a\x1b[2Jb\" VALUES (1, x'93004e554d505901'), (2, x'0000803f00000040')")
    con.close()
    out = succeed("sources", path)
    assert "\x1b" not in out
    assert "[2Jb" in out


def test_what_to_do_next_can_be_done(tmp_path: Path) -> None:
    path, named = file_of(tmp_path, "llm"), "--from-table llm:docs --model docs"
    into_another = f"sqlclust load NEW.db {path} {named}"
    assert succeed("sources", path).endswith(f"\nNext: {into_another}\n")
    assert fail("fit", path).endswith(
        f"{path} has no sqlclust tables; to copy its vectors into another database: {into_another}"
    )
    assert fail("fit", path, "llm:notes").endswith("--from-table llm:notes --model notes")
    assert not (tmp_path / "NEW.db").exists()
    here = f"sqlclust load {path} {named}"
    assert succeed("init", path) == f"{path} has the sqlclust tables now. Next: {here}\n"
    assert succeed("sources", path).endswith(f"\nNext: {here}\n")
    assert fail("fit", path) == f"no embeddings in {path} yet; load some: {here}"
    succeed(*here.split()[1:])
    assert succeed("sources", path).endswith(f"\nNext: sqlclust fit {path} docs\n")
    assert fail("fit", path, "llm:notes") == (
        "'llm:notes' is not a model yet, but vectors of another program; copy them: "
        f"sqlclust load {path} --from-table llm:notes --model notes"
    )
    assert fail("fit", path, "nope") == "no embeddings of model 'nope'; models in this database: 'docs'"


def test_what_cannot_be_pasted_is_not_advised(tmp_path: Path) -> None:
    path = tmp_path / "names.db"
    con = apsw.Connection(str(path))
    for name in ("a\nb", "it's"):
        con.execute(f'CREATE TABLE "{name}" (id INTEGER PRIMARY KEY, embedding BLOB)')
        con.execute(f"INSERT INTO \"{name}\" VALUES (1, x'0000803f00000040'), (2, x'0000803f0000803f')")
    con.close()
    (following,) = [line for line in succeed("sources", path).splitlines() if line.startswith("Next")]
    assert shlex.split(following)[-4:] == ["--from-table", "it's", "--model", "it's"]
