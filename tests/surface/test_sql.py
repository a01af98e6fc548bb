"""Runs tests/surface/test_sql/*.sql: pairs of a statement and the rows it gives, on a fresh demo database for each pair.

    -- what it shows
    SELECT 1, 'a';
    --> 1|a

A pair ends at a blank line. `--> !! TEXT` expects an error that contains TEXT; a statement without `-->` gives no rows.
"""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from sqlclust.errors import SqlclustError

FOLDER = Path(__file__).with_suffix("")
MARK, ERROR = "-->", "!! "


def pairs(path: Path) -> list[tuple[str, str, list[str]]]:
    """(title, SQL, expected lines) of each pair in a file."""
    found = []
    for block in path.read_text(encoding="utf-8").strip().split("\n\n"):
        lines = block.splitlines()
        title = " ".join(line.removeprefix("-- ") for line in lines if line.startswith("-- "))
        sql = "\n".join(line for line in lines if not line.startswith("--"))
        found.append((title, sql, [line.removeprefix(MARK).strip() for line in lines if line.startswith(MARK)]))
    return found


CASES = [
    pytest.param(sql, expected, id=f"{path.stem}: {title}")
    for path in sorted(FOLDER.glob("*.sql"))
    for title, sql, expected in pairs(path)
]


def as_text(value: object) -> str:
    return "NULL" if value is None else str(value)


@pytest.mark.parametrize(("sql", "expected"), CASES)
def test_pair(demo: apsw.Connection, sql: str, expected: list[str]) -> None:
    try:
        found = ["|".join(map(as_text, row)) for row in demo.execute(sql)]
    except (SqlclustError, apsw.Error) as error:
        found = [ERROR + str(error)]
    if expected and expected[0].startswith(ERROR):
        assert len(found) == len(expected) == 1
        assert found[0].startswith(ERROR)
        assert expected[0].removeprefix(ERROR) in found[0]
    else:
        assert found == expected


def test_every_pair_has_a_title() -> None:
    assert CASES
    assert all(str(case.id).partition(": ")[2] for case in CASES)
    assert len({case.id for case in CASES}) == len(CASES)
