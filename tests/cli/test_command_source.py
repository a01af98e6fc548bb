"""sqlclust source: keeping, showing, changing and deleting."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import apsw
import pytest

import sqlclust
from tests.cli.host_files import made_by
from tests.cli.terminal import fail, misuse, run, succeed
from tests.store.sources.noting import a_result, noted
from tests.trust.foreign_host import foreign_rows_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    con = sqlclust.connect(tmp_path / "note.db")
    noted(con)
    con.close()
    return tmp_path / "note.db"


def shown(out: str) -> dict[str, str]:
    """What is said below the first line, and what is next."""
    lines = [line for line in out.splitlines()[1:] if line.startswith("  ")]
    return dict(line.split(maxsplit=1) for line in lines)


def test_keeping_and_showing(path: Path) -> None:
    assert fail("source", path, "docs") == "no source 'docs'; none is registered"
    where = "lang = :l AND length(body) > :n"
    ran = run("source", path, "docs", "--table", "note", "--where", where, "-p", "l", "en", "-p", "n", 3)
    assert (ran.code, ran.err) == (0, f"{path}: our tables were added\n")
    assert ran.out.splitlines()[0] == "docs: registered"
    assert ran.out.splitlines()[-1] == f"Next: sqlclust fit {path} docs"
    expected = {
        "table": "note (table)",
        "id": "slug",
        "vector": "embedding: float32, dimension 4",
        "content": "body",
        "rows": "12 in the table",
        "where": where,
        "parameters": ":l = 'en', :n = 3",
        "remark": "from 12 rows: BLOBs of 16 bytes; only rows where lang = :l AND length(body) > :n",
    }
    assert shown(ran.out) == expected
    assert shown(succeed("source", path, "docs")) == expected
    assert f"\nNext: sqlclust fit {path} docs\n" in succeed("sources", path)


def test_several_columns_and_what_stays(path: Path) -> None:
    run("source", path, "docs", "--table", "note", "--id", "slug, lang", "--format", "float64")
    found = shown(succeed("source", path, "docs", "--content", "lang"))
    assert (found["id"], found["content"], found["vector"]) == (
        "slug, lang",
        "lang",
        "embedding: float64 (as was said), dimension 2",
    )
    found = shown(succeed("source", path, "docs", "--id", "lang"))
    assert "nothing keeps lang unique: a repeated id is an error of the fit" in found["remark"]
    assert "results" not in found


def test_formats_for_programs(path: Path) -> None:
    run("source", path, "docs", "--table", "note", "--where", "lang = :l", "--param", "l", "en")
    [row] = json.loads(succeed("source", path, "docs", "--json"))
    assert row == {
        "name": "docs", "kind": "table", "table_name": "note", "id_columns": ["slug"], "vector_column": "embedding",
        "content_column": "body", "format": "float32", "dimension": 4, "n_rows": 12, "registered": 1,
        "remark": "from 12 rows: BLOBs of 16 bytes; only rows where lang = :l", "database": None, "format_is_said": 0,
        "where": "lang = :l", "parameters": {"l": "en"}, "results": [],
    }  # fmt: skip
    assert json.loads(succeed("source", path, "docs", "--content", "body", "--nl")) == row
    [line] = csv.DictReader(io.StringIO(succeed("source", path, "docs", "--csv")))
    assert list(line) == list(row)


def test_what_is_found_but_not_kept(tmp_path: Path) -> None:
    path = made_by("llm", tmp_path / "llm.db")
    before = path.read_bytes()
    out = succeed("source", path, "llm:docs")
    assert out.startswith("llm:docs: not registered; its first fit does that\n")
    assert shown(out)["table"] == "embeddings (llm)"
    assert fail("source", path, "e", "--table", "embeddings") == (
        "table 'embeddings' has several sources; --table takes one of 'llm:docs', 'llm:notes', 'llm:none'"
    )
    assert path.read_bytes() == before


def test_wrong_usage(path: Path) -> None:
    for args, message in {
        ("--delete", "--table", "note"): "--delete takes no columns, no condition and no file",
        ("--results",): "--results is for --delete",
        ("--yes",): "--yes is for --delete",
        ("--format", "float"): "'float' is not one of",
    }.items():
        ran = run("source", path, "docs", *args)
        assert (ran.code, message in ran.err) == (2, True), args
    assert fail("source", path, "", "--table", "note") == "no source can be called '': it is empty"
    assert fail("source", path, "docs", "--table", "note", "--where", "1; DROP TABLE note").endswith(
        'near ";": syntax error; expected one SQL condition on columns of note'
    )
    assert run("source", path.with_name("none.db"), "docs", "--table", "note").code == 1
    assert not path.with_name("none.db").exists()
    assert fail("source", path, "docs", "--delete").startswith(f"{path} has no sqlclust tables")


def test_a_file_that_cannot_be_written(path: Path) -> None:
    path.chmod(0o444)
    path.parent.chmod(0o555)
    try:
        if not run("query", path, "CREATE TABLE x (y)").code:
            pytest.skip("this user may write to any file")
        assert "cannot write to it" in fail("source", path, "docs", "--table", "note")
    finally:
        path.parent.chmod(0o755)


def with_results(path: Path, n: int) -> str:
    con = sqlclust.connect(path)
    for _ in range(n):
        a_result(con, "docs")
    found = foreign_rows_of(con)
    con.close()
    return found


def test_deleting(path: Path) -> None:
    run("source", path, "docs", "--table", "note")
    ran = run("source", path, "docs", "--delete", stdin="n\n")
    assert ran.code == 1
    assert ran.err.startswith("source docs: no result is made of it; its table stays as it is\nDelete it?")
    before = with_results(path, 2)
    assert shown(succeed("source", path, "docs"))["results"] == "1, 2"
    assert fail("source", path, "docs", "--delete", "--yes") == (
        "source 'docs' cannot be deleted, 2 clustering results (1, 2) are made of it; --results deletes those too, and "
        "without it they and the source stay"
    )
    assert fail("source", path, "docs", "--table", "note", "--id", "lang").endswith(
        "2 clustering results (1, 2) are made of it; register that under another name, or delete the results first "
        "(sqlclust delete)"
    )
    ran = run("source", path, "docs", "--delete", "--results", stdin="y\n")
    assert ran.code == 0
    assert ran.err.startswith(
        "source docs: 2 results made of it (1, 2), deleted with it; its table stays as it is\nDelete it?"
    )
    # an older Click shows what was typed here
    assert ran.out.endswith("deleted source docs, with 2 results; its table stays as it is\n")
    assert fail("source", path, "docs", "--delete", "--yes") == "no source 'docs'; none is registered"
    con = apsw.Connection(str(path))
    for table in ("EmbeddingSource", "Embedding", "ClusteringResult", "EmbeddingCluster"):
        assert con.execute(f"SELECT count(*) FROM {table}").get == 0
    assert foreign_rows_of(con) == before
    con.close()


def test_deleting_for_programs(path: Path) -> None:
    run("source", path, "docs", "--table", "note")
    with_results(path, 1)
    assert json.loads(succeed("source", path, "docs", "--delete", "--results", "--yes", "--json")) == [
        {"name": "docs", "results": 1}
    ]


def test_a_damaged_row_is_said_and_can_be_deleted(path: Path) -> None:
    run("source", path, "docs", "--table", "note")
    succeed("query", path, "UPDATE EmbeddingSource SET format = 'x'")
    assert fail("source", path, "docs").startswith(
        "source 'docs' is damaged: EmbeddingSource.format is 'x', expected 'float32' or"
    )
    assert "docs (sqlclust): source 'docs' is damaged" in succeed("sources", path)
    assert (
        succeed("source", path, "docs", "--delete", "--yes")
        == "deleted source docs, with 0 results; its table stays as it is\n"
    )


def test_names_cannot_move_the_cursor(path: Path) -> None:
    name = "a\x1b[2Jb\n"
    out = run("source", path, name, "--table", "note", "--where", "lang <> '\x1b[2J'").out
    out += succeed("source", path, name)
    assert "\x1b" not in out
    assert "Next" not in out


def test_a_name_is_not_empty(path: Path) -> None:
    """A shell makes '' of a variable that is not set."""
    before = path.read_bytes()
    for option in ("--table", "--id", "--vector"):
        for command in ("source", "fit"):
            assert f"Invalid value for '{option}': it is empty" in misuse(command, path, "note", option, "")
    assert fail("source", path, "note", "--database", "") == "'': the name is empty, expected that of a database file"
    assert path.read_bytes() == before


@pytest.mark.parametrize("words", [(), ("--delete", "--yes"), ("--delete", "--results", "--yes"), ("--table", "note")])
def test_a_name_that_is_no_unicode(path: Path, words: tuple[str, ...]) -> None:
    """As Python has arguments that are none."""
    succeed("init", path)
    assert "'\\udcff'" in fail("source", path, "\udcff", *words)
