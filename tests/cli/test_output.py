from __future__ import annotations

import io
import shutil
import sys
from os import terminal_size

import pytest

from sqlclust.cli.output import cell_text, one_line, table
from sqlclust.cli.progress import ProgressLine


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


# --- tables -----------------------------------------------------------------------------------------------


def test_table() -> None:
    text = table(["name", "n"], [["a", 1], ["bb", None], ["c", 1000]])
    assert text == "name       n\n------  ----\na          1\nbb\nc       1000"


def test_text_that_looks_like_a_number_stays_as_it_is() -> None:
    assert table(["id"], [["0688868048517e12"], ["1.50"]]).splitlines()[2:] == ["0688868048517e12", "1.50"]


@pytest.mark.parametrize("width", [200, 80, 60, 40, 5])
def test_a_table_fits_the_terminal_if_it_can(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: terminal_size((width, 24)))
    text = table(["n", "a", "b"], [[1, "x" * 70, "y" * 30], [2, "z", None]])
    widest = max(map(len, text.splitlines()))
    if width == 200:
        assert "x" * 70 in text
    elif width >= 40:
        assert widest <= width
    else:
        assert widest == 3 + 2 + 12 + 2 + 12


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (b"abc", "<3 bytes>"), (1234567, "1234567"), (0.1 + 0.2, "0.3"), ("a\n\tb", "a b"), ("é", "é")],
)
def test_cell_text(value: object, text: str) -> None:
    assert cell_text(value) == text


def test_one_line() -> None:
    assert one_line("a" * 80) == "a" * 80
    assert one_line("a" * 81) == "a" * 79 + "…"
    assert one_line("abc defg", 5) == "abc…"
    assert one_line("\x1b[31m\u202ered\x00") == "[31m red"


# --- progress ---------------------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr("sqlclust.cli.progress.time.monotonic", lambda: now[0])
    return now


def test_progress(clock: list[float]) -> None:
    terminal = Terminal()
    with ProgressLine("my model", stream=terminal) as progress:
        progress("load", 0.5)
        clock[0] = 0.9
        progress("load", 1.0)
        assert terminal.getvalue() == ""  # quick work is quiet
        clock[0] = 61.5
        progress("neighbors", 0.25)
        clock[0] = 61.55
        progress("neighbors", 0.3)  # too soon
        clock[0] = 62
        progress.count("load", 12_345)
    assert terminal.getvalue().split("\r\x1b[K") == [
        "",
        "my model: neighbors     ██████░░░░░░░░░░░░░░░░░░  25%  1:01",
        "my model: load          12,345 rows  1:02",
        "",
    ]


def test_progress_fits_the_terminal(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: terminal_size((30, 24)))
    terminal = Terminal()
    progress = ProgressLine("a very long name of a model indeed", stream=terminal)
    clock[0] = 2
    progress("load", 0.5)
    assert len(terminal.getvalue().removeprefix("\r\x1b[K")) == 29


def test_progress_is_for_terminals(clock: list[float]) -> None:
    stream = io.StringIO()
    with ProgressLine(stream=stream) as progress:
        clock[0] = 5
        progress("load", 0.5)
    assert stream.getvalue() == ""
