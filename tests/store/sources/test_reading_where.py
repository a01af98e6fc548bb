"""Conditions of a person's on a source: on the columns of the host's table, one condition, that writes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from sqlclust.errors import FilterError
from tests.sources.looking import made
from tests.store.sources.reading_of import pairs, reader_of, table

CONDITION = "CREATE TABLE t (id INTEGER PRIMARY KEY, v, lang TEXT)"
LANGUAGES: list[tuple[object, ...]] = [(i, b"1234" if i < 6 else None, ["en", "de"][i % 2]) for i in range(7)]


def test_a_condition_on_the_hosts_columns() -> None:
    con = made(CONDITION, rows=("INSERT INTO t VALUES (?, ?, ?)", LANGUAGES))
    for condition, parameters, ids in (
        ("lang = 'en'", None, [0, 2, 4]),
        ("lang = :l -- and no more", {"l": "de"}, [1, 3, 5]),
        ("lang = 'en' OR id = 1", None, [0, 1, 2, 4]),
        ("0 OR id >= :n", {"n": 4}, [4, 5]),
        ("rowid > (SELECT count(*) FROM t) - 4", None, [4, 5]),
    ):
        reader = reader_of(con, table(), condition, parameters)
        assert reader.ids() == ids == [id for id, _ in pairs(reader)]
        assert [id for id, _ in pairs(reader, {0, 1, 5})] == [id for id in ids if id in {0, 1, 5}]
        assert reader.count() is None


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("1) OR (1", "syntax error"),
        ("1; DELETE FROM t", "syntax error"),
        ("1); DELETE FROM t; SELECT (1", "more than a condition"),
        ("no_such = 1", "no such column"),
        ("id = ?", "binding|no name"),
        ("id = :gone", "no value for :gone"),
        ("id = :bad", "TypeError|Unable"),
        ("id = \0", "NUL"),
        (5, "it is a int"),
        ("count(*) > 1", "misuse of aggregate"),
    ],
)
def test_what_is_no_condition(condition: Any, reason: str) -> None:
    con = made(CONDITION, rows=("INSERT INTO t VALUES (?, ?, ?)", LANGUAGES))
    with pytest.raises(FilterError, match=f"(?s){reason}.*on columns of t"):
        pairs(reader_of(con, table(), condition, {"bad": object()}))
    assert con.execute("SELECT count(*) FROM t").get == 7


def test_parameters_are_a_mapping() -> None:
    con = made(CONDITION)
    with pytest.raises(FilterError, match="its parameters are a list, expected a mapping"):
        reader_of(con, table(), "id = :a", [1])  # type: ignore[arg-type]
