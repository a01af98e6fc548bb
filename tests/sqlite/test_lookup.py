"""The look-up by id finds whatever SQLite calls equal: SQLite itself says what that is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlclust.sqlite.lookup import Lookup
from tests.trust.query_database import IDS, OTHERS

AFFINITIES = ("BLOB", "TEXT", "NUMERIC", "INTEGER", "REAL")
numbers = st.integers(-(2**63), 2**63 - 1) | st.integers(-20, 20) | st.floats(allow_nan=False) | st.sampled_from(
    [2**53, 2**53 + 1, -(2**63), 1e15, 1e16, 0.1 + 0.2, 1e-300, 5e-324, 1.7976931348623157e308, 9.5e17, float("inf"), -0.0]
)  # fmt: skip
texts = st.one_of(
    st.sampled_from([value for value in IDS + OTHERS if isinstance(value, str)]),
    numbers.map(str),
    numbers.map(lambda number: f" {number!r}\n"),
    numbers.map(lambda number: f"{number:+.14e}"),
    st.integers(-(10**25), 10**25).map(lambda number: f"0{number}"),
    st.text(alphabet="0123456789.e+-_ xnaif", max_size=12),
)
values = numbers | texts | st.binary(max_size=3)


@pytest.fixture(scope="module")
def con() -> Iterator[apsw.Connection]:
    connection = apsw.Connection(":memory:")
    for affinity in AFFINITIES:
        connection.execute(f"CREATE TABLE t_{affinity} (x {affinity})")
    connection.execute("CREATE TABLE ids (id)")
    yield connection
    connection.close()


def related(value: Any) -> st.SearchStrategy[Any]:
    """Other ways of writing a value, and values beside it."""
    found = [value, str(value)]
    if isinstance(value, str):
        for kind in (int, float):
            try:
                found.append(kind(value))
            except (ValueError, OverflowError):
                continue
    if isinstance(value, int | float):
        found += [
            float(value),
            f"{value:.15g}",
            f"{value:.17g}",
            f"{value:.20f}" if abs(value) < 1e20 else "1",
            value + 1,
        ]
    return st.sampled_from([v for v in found if v == v and (not isinstance(v, int) or -(2**63) <= v < 2**63)])


@pytest.mark.parametrize("affinity", AFFINITIES)
@given(data=st.data())
def test_what_sqlite_calls_equal_is_found(con: apsw.Connection, affinity: str, data: st.DataObject) -> None:
    identifier = data.draw(values)
    value = data.draw(related(identifier) | values)
    con.execute(f"DELETE FROM ids; DELETE FROM t_{affinity}")
    con.execute("INSERT INTO ids VALUES (?)", (identifier,))
    con.execute(f"INSERT INTO t_{affinity} VALUES (?)", (value,))
    [(compared, equal)] = con.execute(f"SELECT x, id = x FROM ids, t_{affinity}").fetchall()
    rows = [(1, (identifier, "row")), (2, ("another", "row"))]
    found = Lookup(rows).find(compared)
    assert not equal or rows[0] in found
    assert found == sorted(found)
    # a column of the first SELECT's affinity, whose values do not follow it
    compound = f"(SELECT x FROM t_{affinity} WHERE 0 UNION ALL SELECT ?)"
    [(compared, equal)] = con.execute(f"SELECT x, id = x FROM ids, {compound}", (value,)).fetchall()
    assert not equal or rows[0] in Lookup(rows).find(compared)


@pytest.mark.parametrize("value", IDS)
def test_an_id_is_found_by_itself(value: Any) -> None:
    rows = [(place, (identifier,)) for place, identifier in enumerate(IDS, 1)]
    assert value in [row[0] for _, row in Lookup(rows).find(value)]


def test_few_others_are_found() -> None:
    """A look-up in many ids is quick because it finds few, whatever the ids look like."""
    kinds: list[list[Any]] = [
        list(range(1000)),
        list(range(2**62, 2**62 + 1000)),
        [i + 0.5 for i in range(1000)],
        [str(i) for i in range(1000)],
        [f"{i:06}" for i in range(1000)],
        [f"w{i}" for i in range(1000)],
    ]
    for ids in kinds:
        found = Lookup(enumerate(((identifier,) for identifier in ids), 1))
        assert max(len(found.find(identifier)) for identifier in ids) <= 2


def test_null_is_equal_to_nothing() -> None:
    assert Lookup([(1, ("a",))]).find(None) == []
