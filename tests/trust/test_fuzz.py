"""Decoders of what comes from others: a value or SqlclustError, whatever the bytes. For longer: python -m tests.trust.fuzz"""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlclust.errors import SqlclustError
from tests.trust.fuzz import TARGETS, attempt, loop, packed, read_fit, stored_row

pytestmark = pytest.mark.slow

targets = pytest.mark.parametrize("name", TARGETS)


@targets
def test_good_examples(name: str) -> None:
    assert any(attempt(TARGETS[name], data) for data in TARGETS[name].good())


@targets
@settings(max_examples=150)
@given(data=st.binary(max_size=200))
def test_any_bytes(name: str, data: bytes) -> None:
    attempt(TARGETS[name], data)


@targets
def test_good_examples_changed_at_random(name: str) -> None:
    tried, accepted = loop(TARGETS[name], seconds=0.7, seed=11)
    assert tried > 50
    assert tried > accepted  # some are refused: the loop does change them


@settings(max_examples=300)
@given(st.data())
def test_fits_with_parts_exchanged(data: st.DataObject) -> None:
    """Changes that a random byte seldom is: each BLOB cut, repeated or of other numbers, each number another."""
    row = dict(stored_row())
    for name in data.draw(
        st.lists(st.sampled_from(("row_ids", "row_checks", "core_distances", "spanning_tree")), max_size=2)
    ):
        blob = row[name]
        start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(blob))] * 2)))
        row[name] = blob[:start] + data.draw(st.binary(max_size=16)) + blob[end:]
    for name in data.draw(st.lists(st.sampled_from(("n", "n_distinct", "dimension", "min_samples")), max_size=2)):
        row[name] = data.draw(st.integers(-2, 45) | st.integers(-(2**63), 2**63 - 1))
    with suppress(SqlclustError):
        read_fit(packed(row))


def test_a_decoder_that_lets_others_out_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    bad = TARGETS["vector"]._replace(read=lambda data: data[100])
    with pytest.raises(IndexError):
        attempt(bad, b"abc")
    assert capsys.readouterr().err == "failed: b'abc'\n"
