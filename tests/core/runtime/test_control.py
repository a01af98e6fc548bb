from __future__ import annotations

import threading

import pytest

from sqlclust.core.runtime.control import Control
from sqlclust.errors import Interrupted, SqlclustError
from tests.moments import Clock


def test_reports_phases_and_fractions() -> None:
    seen: list[tuple[str, float]] = []
    control = Control(lambda phase, fraction: seen.append((phase, fraction)))
    with control.phase("first"):
        control.at(0.25)
        control.at(-1.0)
        control.at(7.0)
    with control.phase("second"):
        pass
    assert seen == [
        ("first", 0.0),
        ("first", 0.25),
        ("first", 0.0),
        ("first", 1.0),
        ("first", 1.0),
        ("second", 0.0),
        ("second", 1.0),
    ]


def test_without_progress() -> None:
    control = Control()
    with control.phase("quiet"):
        control.at(0.5)
    assert list(control.seconds) == ["quiet"]


def test_times_phases_and_adds_up_repeated_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("sqlclust.core.runtime.control.time", clock)
    control = Control()
    for _ in range(2):
        with control.phase("nap"):
            clock.sleep(2.0)
            assert control.elapsed() == 2.0
    with control.phase("nothing"):
        pass
    assert control.seconds == {"nap": 4.0, "nothing": 0.0}


def test_a_phase_that_fails_is_not_finished() -> None:
    control = Control()
    with pytest.raises(KeyError), control.phase("failing"):
        raise KeyError
    assert control.seconds == {}


def test_stop_takes_effect_at_the_next_report() -> None:
    seen: list[float] = []
    control = Control(lambda _, fraction: seen.append(fraction))
    control.at(0.1)
    assert not control.stopped
    control.stop()
    assert control.stopped
    with pytest.raises(Interrupted, match=r"^interrupted; nothing was written$"):
        control.at(0.2)
    with pytest.raises(SqlclustError):
        control.check()
    with pytest.raises(Interrupted), control.phase("never"):
        pytest.fail("a stopped phase began")
    assert seen == [0.1]


def test_stops_from_another_thread() -> None:
    control = Control()
    thread = threading.Thread(target=control.stop)
    thread.start()
    thread.join()
    assert control.stopped
    with pytest.raises(Interrupted):
        control.check()


def test_an_exception_of_the_callback_stops_the_work() -> None:
    def interrupted(_: str, __: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Control(interrupted).at(0.5)


def test_a_part_reports_its_share_of_the_phase() -> None:
    seen: list[tuple[str, float]] = []
    control = Control(lambda phase, fraction: seen.append((phase, fraction)))
    with control.phase("work"):
        part = control.part(0.5, 1.0)
        part.at(0.5)
        part.part(0.0, 0.5).at(1.0)
        part.at(9.0)
    assert seen == [("work", fraction) for fraction in (0.0, 0.75, 0.75, 1.0, 1.0)]


def test_a_part_stops_with_the_whole_and_the_whole_with_a_part() -> None:
    control = Control()
    part = control.part(0.0, 0.5)
    part.part(0.1, 0.2).stop()
    assert control.stopped
    assert part.stopped
    for look in (control.check, part.check, lambda: part.at(0.3)):
        with pytest.raises(Interrupted):
            look()


def test_a_part_has_the_times_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("sqlclust.core.runtime.control.time", clock)
    control = Control()
    with control.phase("nap"):
        clock.sleep(2.0)
        part = control.part(0.0, 0.5)
        clock.sleep(1.0)
        assert part.elapsed() == 3.0
    assert part.seconds == {"nap": 3.0}
