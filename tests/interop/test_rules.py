"""The page's rules for all tools, on Python's own sqlite3, and that every tool has its chapter and its tests."""

from __future__ import annotations

import re
import sqlite3
import tomllib
from pathlib import Path

import apsw
import numpy as np
import pytest

from tests.cli.terminal import python
from tests.interop.tools import PAGE, ROOT, stock
from tests.lowest import lowest

NOWHERE = (
    "INSERT INTO EmbeddingCluster (clustering_result_id, embedding_id, label, probability) VALUES (1, 'nowhere', -1, 0)"
)


def test_foreign_keys_are_off_by_default(results: Path) -> None:
    with stock(results) as connection:
        connection.execute(NOWHERE)
        connection.rollback()
        connection.execute("BEGIN")
        connection.execute("PRAGMA foreign_keys = ON")  # does nothing here
        connection.execute(NOWHERE)
        connection.rollback()
        connection.execute("PRAGMA foreign_keys = ON")
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
            connection.execute(NOWHERE)


@pytest.mark.parametrize("value", [np.int64(5), np.int32(5), np.float32(5), np.bool_(True)])
def test_numbers_of_numpy_become_blobs_until_adapted(results: Path, value: np.generic) -> None:
    with stock(results) as connection:
        [kept] = connection.execute("SELECT typeof(?)", (value,)).fetchone()
        assert kept in ("blob", "integer", "real")  # the latter if sqlite3 comes to know them
        [kept] = connection.execute("SELECT typeof(?)", (value.item(),)).fetchone()
        assert kept in ("integer", "real")
        sqlite3.register_adapter(type(value), lambda number: number.item())
        assert connection.execute("SELECT typeof(?)", (value,)).fetchone() == (kept,)


TWO_LIBRARIES = """
import sqlite3, sys
import sqlclust
ours = sqlclust.connect(sys.argv[1])
ours.execute("PRAGMA journal_mode = WAL").fetchall()
ours.execute("SELECT count(*) FROM Embedding").fetchall()
if sys.argv[2] == "both":
    other = sqlite3.connect(sys.argv[1])
    other.execute("SELECT count(*) FROM Embedding").fetchall()
    other.close()  # deletes the -wal that the other library has open
ours.execute("INSERT INTO Run (id) VALUES ('committed')")
ours.execute("SELECT id FROM Run").fetchall()
import os
os._exit(0)  # as a process that is killed later
"""


@pytest.mark.skipif(apsw.using_amalgamation is False, reason="APSW has the system's SQLite here, as sqlite3 has")
@pytest.mark.parametrize("libraries", ["one", "both"])
def test_two_libraries_in_a_process_lose_rows(results: Path, libraries: str) -> None:
    ran = python("-c", TWO_LIBRARIES, results, libraries)
    assert (ran.code, ran.err) == (0, "")
    with stock(results) as connection:
        [n] = connection.execute("SELECT count(*) FROM Run WHERE id = 'committed'").fetchone()
    assert n == (1 if libraries == "one" else 0)


def test_every_tool_has_its_chapter_and_its_tests() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extra = [pinned.partition("==")[0] for pinned in lowest(project["optional-dependencies"]["interop"])]
    chapters = re.findall(r"^## (.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)[1:]
    names = [chapter.lower().replace("-", "_") for chapter in chapters]
    assert sorted(f"test_{name}.py" for name in names) == sorted(
        path.name for path in Path(__file__).parent.glob("test_*.py") if path != Path(__file__)
    )
    assert {*names} - {"sqlite_utils"} <= {*extra}  # which is a dependency of ours
