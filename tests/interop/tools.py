"""Other programs that read and write our tables: those that are installed are tried, the others are named at the end.

They open files with another SQLite library than APSW. So every test closes what it has before the other opens the file.
"""

from __future__ import annotations

import io
import re
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager, redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "examples" / "other_tools.md"
TABLES = {
    "Cluster", "ClusteringFit", "ClusteringFitMap", "ClusteringFitNeighbors", "ClusteringResult", "Embedding", "EmbeddingCluster",
    "EmbeddingPrediction", "EmbeddingSource", "Invocation", "Run", "SqlclustMigration",
}  # fmt: skip

not_tried: dict[str, str] = {}
"""What could not be tried, and why."""


def tool(name: str) -> Any:
    """A module of another program; skips the test where it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return import_module(name)
    except ModuleNotFoundError as error:
        skip(name.partition(".")[0], f"{error}; pip install '.[interop]'")


def skip(name: str, reason: str) -> NoReturn:
    """Skip the test, and say so at the end of the run."""
    not_tried[name] = reason
    pytest.skip(f"{name} is not tried: {reason}")


@contextmanager
def stock(path: Path) -> Iterator[sqlite3.Connection]:
    """The file as Python's own sqlite3 opens it."""
    with closing(sqlite3.connect(path)) as connection:
        yield connection


def query(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with stock(path) as connection:
        return connection.execute(sql).fetchall()


def views(path: Path) -> list[str]:
    return [name for (name,) in query(path, "SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name")]


def chapter(heading: str) -> str:
    """The page's text below a heading."""
    text = PAGE.read_text(encoding="utf-8")
    return re.split(r"^## ", text.partition(f"\n## {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def run_blocks(heading: str) -> None:
    """Run the Python of a chapter in the current folder; what it prints must be what the comments behind `print` say."""
    blocks = re.findall(r"^```python\n(.*?)^```$", chapter(heading), re.DOTALL | re.MULTILINE)
    assert blocks
    code = "\n".join(blocks)
    said = re.findall(r"^ *print\(.*\)  # (.*)$", code, re.MULTILINE)
    assert len(said) == code.count("print(")
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile(code, str(PAGE), "exec"), {"__name__": "page"})
    assert printed.getvalue().splitlines() == said
