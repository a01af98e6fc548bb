from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sqlclust.core.geometry.runs import places_in_runs, run_starts


@given(st.lists(st.integers(0, 5), max_size=40).map(sorted))
def test_starts_and_places_are_those_of_a_count(numbers: list[int]) -> None:
    array = np.array(numbers, dtype=np.int32)
    assert run_starts(array).tolist() == sorted(numbers.index(number) for number in set(numbers))
    assert places_in_runs(array).tolist() == [numbers[:at].count(number) for at, number in enumerate(numbers)]
