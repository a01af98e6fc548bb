from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import apsw
import pytest

import sqlclust
from sqlclust.cli import corpus
from sqlclust.cli.commands.demo import FILE, MODEL
from tests.cli.terminal import fail, python, rows, run, succeed

pytestmark = pytest.mark.slow

PACKAGES = ("json", "csv", "calendar", "zipfile", "statistics", "argparse")


@pytest.fixture(scope="module")
def some() -> list[corpus.Docstring]:
    return [docstring for docstring in corpus.docstrings() if docstring.module.partition(".")[0] in PACKAGES]


@pytest.fixture
def small(some: list[corpus.Docstring], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The demo of a few modules, and a folder to run it in."""
    monkeypatch.setattr(corpus, "docstrings", lambda: some)
    monkeypatch.setattr(corpus.embed, "__kwdefaults__", {"dimension": 24, "seed": 0})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_from_nothing_to_clusters(small: Path) -> None:
    out = succeed("demo", "--log-file", "demo.log")
    assert [re.sub(r"\d+(?:[.,]\d+)*", "N", line) for line in out.splitlines()[:4]] == [
        "Reading the docstrings of Python N's standard library … N, N s",
        "Making vectors of them (TF-IDF, truncated SVD) … N of N dimensions, N s",
        f"Loading them into {FILE} … N s",
        "Clustering them with HDBSCAN … N clusters, N s",
    ]
    assert "label   size  terms, medoid\n" in out
    found = rows(small / FILE, "SELECT label, size, medoid_embedding_id FROM Cluster ORDER BY size DESC, label LIMIT 1")
    [(label, size, medoid)] = found
    [first, second] = out[out.index(f"\n{label:>5}{size:>7}  ") :].splitlines()[1:3]
    terms = json.loads(succeed("show", FILE, "--json"))[0]["terms"]
    assert first == f"{label:>5}{size:>7}  {', '.join(terms)}"
    assert len(terms) == 3
    assert second.startswith(f"{' ' * 14}{medoid}: “")
    assert rows(small / FILE, "SELECT DISTINCT embedding_model FROM Embedding") == [(MODEL,)]
    assert rows(small / FILE, "SELECT count(*) FROM Embedding WHERE content IS NULL") == [(0,)]
    assert "result 1" in (small / "demo.log").read_text(encoding="utf-8")


def test_the_statements_it_prints_run(small: Path) -> None:
    out = succeed("demo", "other name.db")
    lines = [line for line in out.splitlines() if line.startswith("sqlclust ")]
    assert len(lines) == 5
    assert lines[0] == "sqlclust page 'other name.db' 1"
    for line in lines[1:4]:
        program, *arguments = shlex.split(line)
        assert program == "sqlclust"
        assert succeed(*arguments, "--nl").count("\n") > 3
    assert lines[4] == "sqlclust shell 'other name.db'"


def test_again(small: Path) -> None:
    succeed("demo")
    embeddings = rows(small / FILE, "SELECT rowid, id FROM Embedding")
    out = succeed("demo")
    assert out.startswith(f"{FILE} has {len(embeddings):,} docstrings of an earlier run\nClustering them")
    assert rows(small / FILE, "SELECT rowid, id FROM Embedding") == embeddings
    assert rows(small / FILE, "SELECT id FROM ClusteringResult") == [(1,), (2,)]


def test_what_it_refuses(small: Path, db: Path) -> None:
    refusal = "holds other data; give the demo a file of its own: sqlclust demo OTHER.db"
    assert fail("demo", db) == f"{db}: {refusal}"
    connection = apsw.Connection("theirs.db")
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    assert fail("demo", "theirs.db") == f"theirs.db: {refusal}"
    Path("text.db").write_bytes(b"no database" * 100)
    assert fail("demo", "text.db") == f"{small / 'text.db'}: not an SQLite database (or it is encrypted)"
    assert fail("demo", ".") == ".: is a directory, expected a database file"
    assert rows(db, "SELECT count(*) FROM ClusteringResult") == [(0,)]


def test_an_empty_database_will_do(small: Path) -> None:
    succeed("init", "x.db")
    succeed("demo", "x.db")
    Path("y.db").touch()
    succeed("demo", "y.db")


def test_interrupted_while_reading(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> list[corpus.Docstring]:
        raise KeyboardInterrupt

    monkeypatch.setattr(corpus, "docstrings", interrupted)
    ran = run("demo")
    assert ran.code == 130
    assert ran.err == "Interrupted; nothing was written\n"


def test_the_real_thing(tmp_path: Path) -> None:
    ran = python("-m", "sqlclust", "demo", cwd=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    [(embeddings, clusters)] = rows(
        tmp_path / FILE, "SELECT (SELECT count(*) FROM Embedding), (SELECT count(*) FROM Cluster)"
    )
    assert int(str(embeddings)) > 5_000
    assert int(str(clusters)) > 50
    connection = sqlclust.connect(str(tmp_path / FILE), readonly=True)
    assert connection.pragma("foreign_key_check") is None
    connection.close()
