"""sqlclust sources: the table, the formats for programs, and files of every kind."""

from __future__ import annotations

import csv
import io
import json
import shlex
from pathlib import Path

import sqlclust
from tests.cli.host_files import host_file, made_by
from tests.cli.terminal import fail, run, succeed


def test_the_table(tmp_path: Path) -> None:
    path = made_by("llm", tmp_path / "llm.db")
    *lines, following = succeed("sources", path).splitlines()
    assert following == f"Next: sqlclust fit {path} llm:docs"
    assert lines[0].split() == ["name", "kind", "table", "id", "vector", "content", "format", "dimension", "rows"]
    assert [line.split() for line in lines[2:]] == [
        ["llm:docs", "llm", "embeddings", "id", "embedding", "content", "float32", "4", "12"],
        ["llm:notes", "llm", "embeddings", "id", "embedding", "float32", "4", "5"],
        ["llm:none", "llm", "embeddings", "id", "embedding", "?", "0"],
    ]


def test_what_cannot_be_clustered_is_named_below(tmp_path: Path) -> None:
    out = succeed("sources", made_by("simplevecdb", tmp_path / "simplevecdb.db"))
    assert out.splitlines()[2].split()[:2] == ["simplevecdb:kept", "simplevecdb"]
    assert (
        "\nsimplevecdb:default (simplevecdb): not in this file: the vectors are in simplevecdb.db.default.usearch"
        in out
    )
    out = succeed("sources", made_by("qdrant", tmp_path / "qdrant.db"))
    assert out.startswith("qdrant:points (qdrant): not in this file as vectors, but inside Python pickles")


def test_formats_for_programs(tmp_path: Path) -> None:
    path = made_by("langgraph", tmp_path / "langgraph.db")
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
    path = host_file(
        tmp_path / "names.db",
        'CREATE TABLE "a\x1b[2Jb" (id INTEGER PRIMARY KEY, embedding BLOB)',
        "INSERT INTO \"a\x1b[2Jb\" VALUES (1, x'93004e554d505901'), (2, x'0000803f00000040')",
    )
    out = succeed("sources", path)
    assert "\x1b" not in out
    assert "[2Jb" in out


def test_what_to_do_next_can_be_done(tmp_path: Path) -> None:
    path = made_by("llm", tmp_path / "llm.db")
    fit = f"sqlclust fit {path} llm:docs"
    assert succeed("sources", path).endswith(f"\nNext: {fit}\n")
    advice = f"no embeddings in {path} yet; cluster those of another program where they are: {fit}"
    assert fail("fit", path) == advice
    assert succeed("init", path) == f"{path} has the sqlclust tables now. Next: {fit}\n"
    assert fail("fit", path) == advice
    there = "models in this database: none; sources in it: 'llm:docs', 'llm:notes', 'llm:none'"
    assert fail("fit", path, "nope") == f"no embeddings of model 'nope'; {there}"
    succeed(*fit.split()[1:], "--min-samples", "2")
    assert succeed("sources", path).endswith(f"\nNext: {fit}\n")
    assert succeed("fit", path, "--min-samples", "2").startswith("llm:docs: result 2, 12 rows in ")
    there = "models in this database: 'llm:docs'; sources in it: 'llm:notes', 'llm:none'"
    assert fail("fit", path, "nope") == f"no embeddings of model 'nope'; {there}"


def test_what_cannot_be_pasted_is_not_advised(tmp_path: Path) -> None:
    path = tmp_path / "names.db"
    for name in ("a\nb", "it's"):
        host_file(
            path,
            f'CREATE TABLE "{name}" (id INTEGER PRIMARY KEY, embedding BLOB)',
            f"INSERT INTO \"{name}\" VALUES (1, x'0000803f00000040'), (2, x'0000803f0000803f')",
        )
    (following,) = [line for line in succeed("sources", path).splitlines() if line.startswith("Next")]
    assert shlex.split(following)[-3:] == ["fit", str(path), "it's"]
