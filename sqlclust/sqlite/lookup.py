"""Looking rows up by a value: all rows that SQLite may call equal to it, under any affinity. SQLite compares them again."""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import suppress

from sqlclust.sqlite.database import Row

Numbered = tuple[int, Row]
"""A row and its place among all rows, from 1."""

_NEAR = 1e-13
_LARGE, _SMALL = 1e300, 1e-290


class Lookup:
    """Rows by their first value, whose column has no affinity.

    SQLite compares `column = x` in one of three ways, by the affinity of x: the values as they are; TEXT that looks like a
    number as that number; or numbers as their text. Between numbers and text SQLite rounds: a REAL has 15 or 17 digits as
    text, and reading decimals is not always exact. So more is called equal here than by SQLite, never less.
    """

    def __init__(self, rows: Iterable[Numbered]) -> None:
        self._exactly: dict[object, list[Numbered]] = {}
        self._about: dict[str, list[Numbered]] = {}
        for numbered in rows:
            value = numbered[1][0]
            self._exactly.setdefault(value, []).append(numbered)  # as in SQLite, 1 and 1.0 are equal, 1 and '1' are not
            if not isinstance(value, float | str) or _is_plain_integer(value):
                continue
            number = _real(value)
            if number is not None:
                for about in {_rounded(number * (1 - _NEAR)), _rounded(number * (1 + _NEAR))}:
                    self._about.setdefault(about, []).append(numbered)

    def find(self, value: object) -> list[Numbered]:
        """The rows whose first value may equal this one, in their order."""
        if value is None:
            return []
        found = [self._exactly.get(value, ())]
        for number in _numbers(value):
            found.append(self._exactly.get(number, ()))
            if number == number // 1:
                found.append(self._exactly.get(str(int(number)), ()))
            found.append(self._about.get(_rounded(number), ()))
        return sorted({numbered[0]: numbered for rows in found for numbered in rows}.values())


def _numbers(value: object) -> list[int | float]:
    """The numbers that SQLite may take a value for: an integer exactly, with 64 bits, and REAL."""
    if isinstance(value, int | float):
        return [value]
    if not isinstance(value, str):
        return []
    number = _real(value)
    numbers: list[int | float] = [] if number is None else [number]
    if len(value) < 100:
        with suppress(ValueError):
            numbers.append(int(value))
    return numbers


def _is_plain_integer(value: float | str) -> bool:
    """TEXT that is written the way SQLite writes the INTEGER it looks like: no blanks, no leading zeros, 64 bits."""
    if not (isinstance(value, str) and value.isascii() and value.removeprefix("-").isdigit() and len(value) < 21):
        return False
    number = int(value)
    return str(number) == value and -(2**63) <= number < 2**63


def _real(value: float | str) -> float | None:
    """What may be the number in TEXT that looks like one; more looks like one to Python than to SQLite."""
    try:
        number = float(value)
    except ValueError:
        return None
    return None if math.isnan(number) else number


def _rounded(number: float) -> str:
    """The same for numbers that SQLite may take for one another, or for what lies `_NEAR` beside them."""
    if abs(number) < _SMALL:
        return "0"
    if abs(number) > _LARGE:
        return "large" if number > 0 else "-large"
    return f"{number:.11e}"
