"""sqlclust plot"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.options import FitOptions
from sqlclust.pictures.plots.drawing import FORMATS, KINDS
from sqlclust.store.fit import fit
from tests.cli.terminal import fail, misuse, python, rows, run, succeed
from tests.pictures.gathered import fitted, own
from tests.pictures.plots.drawn import needs_matplotlib, texts
from tests.small import add_embeddings, clustered

pytestmark = needs_matplotlib


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with result 1, of three clusters that have texts, with a map and one run; and result 2, whose fit is not stored."""
    path = tmp_path_factory.mktemp("plot") / "notes.db"
    con = sqlclust.connect(path)
    sqlclust.initialize(con)
    own(con)
    con.execute("INSERT INTO Run (id) VALUES (1)")
    con.execute("INSERT INTO Invocation (id, run_id, sequence_number) SELECT id, 1, id FROM Embedding")
    con.execute("UPDATE Embedding SET invocation_id = id")
    fitted(con)
    add_embeddings(con, clustered(seed=9), model="other", ids=range(101, 141))
    fit(database_of(con), "other", FitOptions(min_cluster_size=5), store_fit=False)
    con.close()
    return path


@pytest.fixture
def db(content: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A copy of it, in the current folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(content, "notes.db")
    return "notes.db"


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind(db: str, kind: str) -> None:
    before = Path(db).read_bytes()
    out = succeed("plot", db, kind, "1")
    path = Path(f"notes-1-{kind}.svg")
    assert out == f"notes-1-{kind}.svg: {max(1, round(path.stat().st_size / 1000))} KB, {kind} of demo, result 1\n"
    said = texts(ElementTree.fromstring(path.read_bytes()))
    assert "demo, result 1" in said
    if kind != "sweep":
        assert any("banana" in text for text in said)
    assert Path(db).read_bytes() == before
    succeed("plot", db, kind, "1", "-o", "again.svg")
    assert Path("again.svg").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("format", FORMATS)
def test_formats(db: str, format: str) -> None:
    succeed("plot", db, "sweep", 1, "-o", f"a.{format.upper()}", "--dpi", 40)
    succeed("plot", db, "sweep", 1, "-o", "b.x", "--format", format, "--dpi", 40)
    assert Path("b.x").read_bytes() == Path(f"a.{format.upper()}").read_bytes()
    if format == "svg":
        out = succeed("plot", db, "sweep", 1, "-o", "-", "--format", format, "--dpi", 40)
        assert out == Path("b.x").read_text(encoding="utf-8")


def test_no_texts(db: str) -> None:
    for kind in KINDS:
        succeed("plot", db, kind, 1, "-o", "a.svg", "--no-texts")
        said = Path("a.svg").read_text(encoding="utf-8")
        assert not any(word in said for word in ("banana", "apple", "cherry")), kind
    succeed("plot", db, "map", 1, "-o", "a.svg", "--no-texts")
    assert {"0", "1", "2"} <= set(texts(ElementTree.fromstring(Path("a.svg").read_bytes())))


def test_size_and_dark(db: str) -> None:
    succeed("plot", db, "tree", 1, "-o", "a.svg", "--size", "5x4.5", "--dark")
    root = ElementTree.fromstring(Path("a.svg").read_bytes())
    assert (root.attrib["width"], root.attrib["height"]) == ("360pt", "324pt")
    for wrong in ("5", "5x", "1x5", "5x51", "5 x 4", "nanxinf", "5x4x3", "٥x٤"):
        assert misuse("plot", db, "tree", "--size", wrong) == (
            f"Invalid value for '--size': {wrong!r} is no size: two lengths in inches, 2 to 50, such as 8x6"
        )


def test_too_many_pixels_before_a_map_is_made(db: str) -> None:
    con = sqlclust.connect(db)
    con.execute("DELETE FROM ClusteringFitMap")
    con.close()
    assert fail("plot", db, "map", 1, "--size", "50x50", "--dpi", 1_200).startswith("50 x 50 inches with 1,200 pixels ")
    assert rows(Path(db), "SELECT count(*) FROM ClusteringFitMap") == [(0,)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["map", "-o", "a.gif"], "'a.gif' ends in '.gif', expected one of .svg, .png, .pdf, or --format"),
        (["map", "-o", "a"], "'a' has no ending, expected one of .svg, .png, .pdf, or --format"),
        (["map", "-o", "no/a.svg"], "there is no folder 'no'"),
        (["map", "-o", "notes.db", "--format", "svg"], "'notes.db' is a database, expected another file"),
        (["map", "-o", ".", "--format", "svg"], "'.' is a folder, expected the name of a file"),
    ],
)
def test_files_that_cannot_be_written(db: str, words: list[str], message: str) -> None:
    before = Path(db).read_bytes()
    assert misuse("plot", db, *words) == f"Invalid value for '-o' / '--output': {message}"
    assert Path(db).read_bytes() == before
    assert [path.name for path in Path().iterdir()] == ["notes.db"]


def test_standard_output_needs_a_format(db: str) -> None:
    assert misuse("plot", db, "map", "-o", "-") == "-o - needs --format: svg, png, pdf"


def test_an_unknown_kind(db: str) -> None:
    assert misuse("plot", db, "graph").endswith("'graph' is not one of 'map', 'tree', 'sweep', 'runs'.")


def test_a_result_without_a_fit(db: str) -> None:
    Path("a.svg").write_text("what was there")
    whys = {kind: fail("plot", db, kind, 2, "-o", "a.svg") for kind in KINDS}
    assert whys["runs"] == "no runs in this result: none of its embeddings are steps of the same run"
    for kind in ("map", "tree", "sweep"):
        assert whys[kind].startswith(f"no {kind} in this result: ")
    assert Path("a.svg").read_text() == "what was there"


def test_an_unknown_result(db: str) -> None:
    assert "ids here: 1, 2" in fail("plot", db, "tree", 99)


def test_a_map_is_made_and_kept(db: str) -> None:
    con = sqlclust.connect(db)
    con.execute("DELETE FROM ClusteringFitMap")
    con.close()
    succeed("plot", db, "map", 1, "-o", "a.svg")
    assert rows(Path(db), "SELECT count(*) FROM ClusteringFitMap") == [(1,)]


@pytest.mark.parametrize("package", ["matplotlib", "PIL"])
def test_without_matplotlib(db: str, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    gone = re.compile(rf"sqlclust\.pictures\.plots\.(?!drawing$)|{package}(\.|$)")
    for name in filter(gone.match, [*sys.modules]):
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    message = "plots are drawn by matplotlib, which is not installed: pip install 'sqlclust[pictures]'"
    assert fail("plot", db, "sweep", 1) == message
    assert run("plot", "--help").code == 0


@pytest.mark.slow
def test_a_variable_that_matplotlib_refuses(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "nonsense")
    done = python("-m", "sqlclust", "plot", db, "sweep", 1)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("Error: plots are drawn by matplotlib, which cannot be imported (ValueError: ")
    assert "nonsense" in done.err
    assert done.err.count("\n") == 1


def test_help_does_not_import_what_draws() -> None:
    code = (
        "import sys, sqlclust.cli\n"
        "try: sqlclust.cli.main(['plot', '--help'])\n"
        "except SystemExit: print(sorted({'matplotlib', 'PIL', 'openTSNE', 'hdbscan'} & sys.modules.keys()))"
    )
    assert python("-c", code).out.splitlines()[-1] == "[]"
