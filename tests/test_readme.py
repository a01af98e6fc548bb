"""The Markdown files say what is so: generated parts and shown outputs are current, their SQL and Python run, what they name is
there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import takewhile
from pathlib import Path
from typing import Any

import apsw
import click
import numpy as np
import pytest

import sqlclust
from sqlclust.cli import main
from sqlclust.surface.catalog import CATALOG
from tests.cli.terminal import succeed
from tests.package_files import PACKAGE
from tests.reference import (
    DOCUMENTS,
    GENERATED,
    README,
    ROOT,
    missing_hosts,
    shown,
    with_generated,
    with_outputs,
    without_times,
)
from tests.small import MAP

TEXTS = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in DOCUMENTS}
EACH = pytest.mark.parametrize("name", TEXTS)
LANGUAGES = {"console", "sql", "python", "js", "sh", "text"}
FOLDERS = sorted(path.parent.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("__init__.py"))


def written_by_hand(text: str) -> str:
    """The text without its generated parts, whose examples have tests of their own."""
    return re.sub(r"<!-- generated: \w+ -->\n.*?<!-- end -->", "", text, flags=re.DOTALL)


def fences(text: str) -> Iterator[tuple[str, str, str]]:
    """(line above, language, content) of every code block."""
    lines = iter(text.splitlines(keepends=True))
    above = ""
    for line in lines:
        if line.startswith("```"):
            content = "".join(takewhile(lambda inner: inner.rstrip() != "```", lines))
            yield above.rstrip(), line.strip("`\n"), content
        above = line


def blocks(name: str, language: str) -> list[str]:
    """The code blocks of a file that a test runs: neither generated nor said to be a fragment."""
    found = fences(written_by_hand(TEXTS[name]))
    elsewhere = ("<!-- fragment", "<!-- executed with")
    return [block for above, said, block in found if said == language and not above.startswith(elsewhere)]


def having(language: str) -> list[str]:
    """The files that have such blocks."""
    return [name for name in TEXTS if blocks(name, language)]


def prose(text: str) -> str:
    """The text without its code blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


# --- what is generated and executed ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def outputs(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[str]]]:
    """The files whose tests are run, with what their commands print. Most of their time is imports of one process after the
    other, so two files are made at the same time."""
    functions = [item for item in request.session.items if isinstance(item, pytest.Function)]
    names = [str(item.callspec.params["name"]) for item in functions if "outputs" in item.fixturenames]
    with ThreadPoolExecutor(2) as pool:
        yield {name: pool.submit(with_outputs, TEXTS[name]) for name in names}
        pool.shutdown(cancel_futures=True)


@pytest.mark.slow
@EACH
def test_generated_parts_and_outputs_are_current(name: str, outputs: dict[str, Future[str]]) -> None:
    expected = with_generated(outputs[name].result())
    assert without_times(TEXTS[name]) == without_times(expected), "run: python -m tests.reference"


def test_every_generated_part_is_in_one_file() -> None:
    found = [part for text in TEXTS.values() for part in re.findall(r"<!-- generated: (\w+) -->", text)]
    assert sorted(found) == sorted(GENERATED)


@EACH
def test_every_block_is_run_or_says_what_it_is(name: str) -> None:
    """`text` is only shown; `excerpt` and `fragment` have tests of their own."""
    for above, language, content in fences(written_by_hand(TEXTS[name])):
        assert language in LANGUAGES, content
        if language == "console":
            assert above.startswith("<!-- executed"), content
        if language == "sh":
            assert name == "README.md", content
        if above.startswith("<!-- fragment"):
            assert language == "python", content
            compile(content, name, "exec")


def test_a_block_that_nobody_runs_is_found() -> None:
    text = "see\n\n```console\n$ rm x\n```\n\n<!-- fragment -->\n```python\nx = 1\n```\n"
    assert list(fences(text)) == [("", "console", "$ rm x\n"), ("<!-- fragment -->", "python", "x = 1\n")]


@EACH
def test_excerpts_are_of_the_file_they_name(name: str) -> None:
    for path, block in re.findall(
        r"<!-- excerpt: (\S+) -->\n```text\n(.*?)^```$", TEXTS[name], re.DOTALL | re.MULTILINE
    ):
        lines = [line for line in block.splitlines() if line]
        assert lines
        assert set(lines) - set(TEXTS[path].splitlines()) == set()


@pytest.fixture
def roberta(tmp_path: Path) -> apsw.Connection:
    """400 embeddings in 4 clusters, steps of 4 runs."""
    con = sqlclust.connect(str(tmp_path / "embeddings.db"))
    sqlclust.initialize(con)
    rng = np.random.default_rng(5)
    centres = rng.normal(size=(4, 8))
    vectors = (centres[np.arange(400) // 3 % 4] + 0.05 * rng.normal(size=(400, 8))).astype("<f4")
    with con:
        con.executemany("INSERT INTO Run (id) VALUES (?)", [(run,) for run in range(4)])
        con.executemany(
            "INSERT INTO Invocation (id, run_id, sequence_number) VALUES (?, ?, ?)",
            [(row, row // 100, row % 100) for row in range(400)],
        )
        con.executemany(
            "INSERT INTO Embedding (id, invocation_id, embedding_model, vector, content)"
            " VALUES (?, ?, 'STSBRoberta', ?, 'text')",
            [(f"e{row}", row, vector.tobytes()) for row, vector in enumerate(vectors)],
        )
    return con


PAGE = "examples/other_tools.md"
FITS = "SELECT clust_fit('STSBRoberta'"
RESULTS: dict[str, list[tuple[Any, ...]]] = {
    "README.md": [(1, 1, 400, 4)],
    "sqlclust/surface/README.md": [(1, 1, 200, 4), (7, None, 400, 4), (8, None, 400, 4)],
    "sqlclust/store/fits/README.md": [(1, 1, 400, 4), (2, 1, 400, 4), (3, 2, 400, 4)],
    "sqlclust/store/results/README.md": [(1, 1, 400, 4)],
    "sqlclust/store/sources/README.md": [(1, 1, 400, 4)],
}
"""Of each file with SQL: the results that are there when all of it has run, with the fit they are cut from, rows and clusters."""


def test_every_file_with_sql_is_here() -> None:
    assert sorted(RESULTS) == sorted(having("sql"))


@pytest.mark.slow
@pytest.mark.parametrize("name", RESULTS)
def test_sql_in_prose_runs(roberta: apsw.Connection, name: str) -> None:
    """All blocks of a file, one after the other; on a first result where they do not make it themselves."""
    shown = blocks(name, "sql")
    if not any(FITS in block for block in shown):
        roberta.execute(f"{FITS})").fetchall()
        roberta.execute(MAP)
    for block in shown:
        block = block.replace('"downsample": 100', '"downsample": 2')  # 400 rows here, not 1.4 million
        roberta.execute(block).fetchall()
    sql = "SELECT clustering_result_id, clustering_fit_id, n_rows, n_clusters FROM ClusteringSummary"
    assert roberta.execute(sql).fetchall() == RESULTS[name]
    assert roberta.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.mark.slow
def test_python_in_prose_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert having("python") == ["README.md", PAGE]  # the page's are run by tests/interop, chapter by chapter
    [block] = blocks("README.md", "python")
    monkeypatch.chdir(tmp_path)
    succeed("load", "colors.db", ROOT / "examples" / "colors.csv", "--model", "rgb")
    names: dict[str, Any] = {}
    exec(block, names)
    assert names["result_id"] == 1
    assert len(names["clustering"].labels) == 60
    with names["con"] as con:
        con.execute("UPDATE Embedding SET content = id")
    for said in re.findall(r'`(where="[^"]*"|downsample=\d+)`', TEXTS["README.md"]):
        more = eval(f"dict({said})")
        if "downsample" in more:
            more["downsample"] = 4  # 147 rows here
        assert sqlclust.fit(names["con"], "rgb", min_cluster_size=4, normalize=False, **more) > 1


@pytest.mark.slow
def test_javascript_in_prose_runs(tmp_path: Path) -> None:
    """Beside the database that the README's first commands make."""
    if "node" in missing_hosts():
        pytest.skip(missing_hosts()["node"])
    succeed("load", tmp_path / "colors.db", ROOT / "examples" / "colors.csv", "--model", "rgb")
    con = sqlclust.connect(tmp_path / "colors.db")
    sqlclust.fit(con, "rgb", min_cluster_size=4, min_samples=2, normalize=False)
    con.close()
    [block] = [block for _, said, block in fences(TEXTS["README.md"]) if said == "js"]
    (tmp_path / "block.js").write_text(block)
    assert shown("node block.js", tmp_path, "node") == "{ n: 147 }\n"


@pytest.mark.parametrize("host", ["sqlite3", "hosts", "node"])
def test_what_the_readme_shows_is_run_here(host: str) -> None:
    """Not a failure where a program is missing: then the blocks that need it are as they were."""
    if host in missing_hosts():
        pytest.skip(missing_hosts()[host])
    assert f"<!-- executed with {host} -->" in TEXTS["README.md"]


def test_commands_for_a_fresh_machine_are_single_lines() -> None:
    shown = blocks("README.md", "sh")
    assert len(shown) == 2
    for block in shown:
        assert len(block.strip().splitlines()) == 1
        assert block.startswith("python3 -m venv .venv && ")


def test_changes_count_what_there_is() -> None:
    text = " ".join(TEXTS["sqlclust/CHANGES.md"].split())
    assert f", and {len(CATALOG) - 1} more SQL functions: " in text
    assert f"A command line of {len(main.list_commands(click.Context(main)))} commands, " in text


# --- what is named --------------------------------------------------------------------------------------------------------


def slugs(text: str) -> set[str]:
    """The anchors of a file's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(text: str, folder: Path) -> list[str]:
    """The links to files that are not there and to headings that their file does not have."""
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(text)):
        if not target.startswith("https://"):
            path, _, anchor = target.partition("#")
            file = (folder / path).resolve() if path else None
            known = text if file is None else file.read_text(encoding="utf-8") if file.is_file() else ""
            if (file is not None and not file.exists()) or (anchor and anchor not in slugs(known)):
                broken.append(target)
    return broken


PLACEHOLDER = re.compile(r"NAME|NN_|_N\.")


def missing_paths(text: str, folder: Path) -> list[str]:
    """What looks like a path of ours, a file's name or a module of the tests, and is not there.

    `NAME`, `NN` and `_N` in a path stand for anything. A name without a folder is looked for below the file's own folder, in the
    root, in the package and among the tests.
    """
    missing = []
    text = re.sub(r"https://\S+", "", text)
    for path in re.findall(r"(?<![\w./-])((?:sqlclust|tests|examples)/[\w./-]*\w/?)", text):
        place = ROOT / (path if PLACEHOLDER.search(path) is None else path.rpartition("/")[0])
        if not (place.exists() or place.with_suffix(".py").exists()):
            missing.append(path)
    for module in re.findall(r"(?<![\w./-])((?:sqlclust|tests)(?:\.[a-z_]\w*)+)", text):
        first = ROOT.joinpath(*module.split("."))
        owner = first.parent  # `tests.test_layers.LAYERS`, `sqlclust.store.fit.fit`: a name in a module
        if not any(place.with_suffix(".py").exists() or place.is_dir() for place in (first, owner)):
            missing.append(module)
    for name in re.findall(r"`([\w./]+(?:\.py|\.sql|\.md|\.toml)|(?:\w+/)+)`", text):
        if PLACEHOLDER.search(name):
            continue
        below = any(folder.rglob(name.strip("/"))) or any((ROOT / "tests").rglob(name.strip("/")))
        if not (below or (folder / name).exists() or (ROOT / name).exists() or (PACKAGE / name).exists()):
            missing.append(name)
    return missing


@EACH
def test_links_and_paths_are_there(name: str) -> None:
    folder = (ROOT / name).parent
    assert broken_links(TEXTS[name], folder) == []
    assert missing_paths(TEXTS[name], folder) == []


def test_what_is_not_there_is_found() -> None:
    text = "# A head, line\n[a](#a-head-line) [b](README.md) [c](#b) [d](tests/none.md) [e](README.md#none) [f](https://x/y)"
    assert broken_links(text, ROOT) == ["#b", "tests/none.md", "README.md#none"]
    there = "`README.md` `test_layers.py` tests/test_layers.py sqlclust/cli/commands/NAME.py `tests.reference` `core/`"
    assert missing_paths(there, ROOT) == []
    gone = "`no.py` tests/no.py sqlclust/nowhere/NAME.py `python -m tests.no.module` sqlclust.nowhere.name `nowhere/`"
    assert missing_paths(gone, ROOT) == [
        "tests/no.py", "sqlclust/nowhere/NAME.py", "tests.no.module", "sqlclust.nowhere.name", "no.py", "nowhere/"
    ]  # fmt: skip


def test_every_promise_names_tests_that_exist() -> None:
    chapter = TEXTS["sqlclust/store/README.md"].partition("## What you can rely on")[2].partition("\n## ")[0]
    rows = [line for line in chapter.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 10
    for row in rows:
        shown_by = re.findall(r"`([^`]*)`", row.rpartition("|")[0].rpartition("| ")[2])
        assert shown_by, row
        for name in shown_by:
            path, _, test = name.partition("::")
            file = ROOT / path if path.startswith("tests/") else ROOT / "tests" / "trust" / path
            assert f"def {test or 'test_'}" in file.read_text(encoding="utf-8"), name


def test_every_finding_of_the_doctor_is_in_its_table() -> None:
    """And none that there is not: words of code are strings, or choices between two."""
    chapter = TEXTS["sqlclust/diagnosis/README.md"].partition("| about | findings |")[2].partition("\n\n")[0]
    told = set(re.findall(r"`([a-z]+(?:-[a-z]+)+|unreadable|orphans)`", chapter))
    code = "".join(path.read_text(encoding="utf-8") for path in (PACKAGE / "diagnosis").glob("*.py"))
    added = set(re.findall(r"""\.add\(\s*"([a-z-]+)",""", code))
    assert len(added) > 30
    assert added - told == set()
    assert {word for word in told if f'"{word}"' not in code} == set()


# --- the files themselves -------------------------------------------------------------------------------------------------


def test_the_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("folder", [folder for folder in FOLDERS if folder != "."])  # that one has glossary and recipes
def test_every_folder_has_a_readme_of_a_page(folder: str) -> None:
    """Lists, tables and code are looked up; what is read from the first line to the last is a page at most."""
    text = written_by_hand((PACKAGE / folder / "README.md").read_text(encoding="utf-8"))
    read = [line for line in prose(text).splitlines() if re.match(r"[^\s|<#*-]|\*\*", line)]
    assert len(read) <= 60
