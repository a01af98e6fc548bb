"""How long a fit in shards still takes, of all its phases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sqlclust.distributed.time_left import TimeLeft, expected_seconds

EXPECTED = {"scan": 10.0, "search": 100.0, "forest": 40.0}


def told(steps: list[tuple[float, str, float]]) -> Iterator[float | None]:
    """What is left at each of some moments: (seconds, phase, fraction)."""
    now = 0.0
    left = TimeLeft(EXPECTED, clock=lambda: now)
    for moment, phase, fraction in steps:
        now = moment
        yield left(phase, fraction)


def test_a_machine_that_is_half_as_quick() -> None:
    found = list(
        told([(0, "scan", 0.0), (10, "scan", 0.5), (20, "scan", 1.0), (20, "search", 0.0), (120, "search", 0.5)])
    )
    assert found == pytest.approx([150, 290, 280, 280, 180])


def test_phases_that_take_other_shares_correct_it() -> None:
    """What is left is as much longer than the model says as all was until now."""
    steps = [(0.0, "scan", 0.0), (5, "scan", 1.0), (5, "search", 0.0), (305, "search", 1.0), (305, "forest", 0.5)]
    assert list(told(steps))[-1] == pytest.approx(20 * 305 / 110)


def test_what_an_earlier_run_has_done_tells_nothing_of_the_speed() -> None:
    steps = [(0.0, "scan", 0.0), (0.1, "scan", 1.0), (0.1, "search", 0.0), (0.2, "search", 0.8), (20.1, "search", 0.9)]
    assert list(told(steps))[-1] == pytest.approx((10 + 40) * 2)


def test_phases_that_the_model_does_not_know() -> None:
    steps = [(0.0, "plan", 0.0), (500, "scan", 0.0), (510, "scan", 1.0), (511, "verify", 0.5)]
    assert list(told(steps)) == [None, 150, 140, None]


def test_expected_seconds_are_of_all_phases() -> None:
    expected = expected_seconds(708_000, 768, 400.0)
    assert list(expected)[:2] == ["scan", "number"]
    assert max(expected, key=lambda name: expected[name]) == "search"
    assert 400 < sum(expected.values()) < 500
