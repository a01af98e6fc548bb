"""The ids of Embedding that a source's rows have: JSON that SQLite reads too, and different for different rows."""

from __future__ import annotations

import math

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlclust.store.sources.items import embedding_ids

_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
_INTEGER = st.integers(-(2**63), 2**63 - 1)
_ITEM = _INTEGER | _TEXT | st.binary(max_size=20) | st.floats(allow_nan=False)


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (17, '["docs",17]'),
        ("a", '["docs","a"]'),
        ('say "é"\n', '["docs","say \\"é\\"\\n"]'),
        (b"\x00\xff", '["docs",{"blob":"00FF"}]'),
        (0.5, '["docs",0.5]'),
        (math.inf, '["docs",9e999]'),
        (-math.inf, '["docs",-9e999]'),
    ],
)
def test_ids(item: int | str | bytes | float, expected: str) -> None:
    assert embedding_ids("docs", [item]) == [expected]


def test_keys_of_several_columns() -> None:
    assert embedding_ids("docs", ['["a",1]', "[2,null]"], n_columns=2) == ['["docs","a",1]', '["docs",2,null]']


@given(_TEXT, st.lists(_ITEM, unique_by=lambda item: (type(item), item)))
def test_different_items_have_different_ids(source: str, items: list[int | str | bytes | float]) -> None:
    assert len({*embedding_ids(source, items)}) == len(items)
    assert not {*embedding_ids(source, items)} & {*embedding_ids(source + "'", items)}


@given(_TEXT, _INTEGER | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_sqlite_reads_the_item_out_of_its_id(source: str, item: int | str) -> None:
    con = apsw.Connection(":memory:")
    [id] = embedding_ids(source, [item])
    assert con.execute("SELECT json_valid(?1), json_array_length(?1), ?1 ->> '$[1]'", (id,)).fetchall() == [
        (1, 2, item)
    ]
