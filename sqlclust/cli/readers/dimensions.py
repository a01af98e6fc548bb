"""Vectors of one column for each dimension: which columns they are, and their numbers."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqlclust.cli.readers.input_file import Unusable
from sqlclust.cli.readers.values import value_in_words

ALL_OF_THEM = "\0dimensions"
"""Key of a row that has the numbers of all dimensions together, as an array."""

_NUMBERED = re.compile(r"(.*?)([0-9]{1,6})")


class DimensionColumns:
    """Columns of which each holds one number of a vector.

    Args:
        said: 'dim_*', where * is the number of a dimension, counted from 0 or 1; or the names themselves, with commas between
            them as in CSV.
    """

    def __init__(self, said: str) -> None:
        self.said = said
        self._listed = () if "*" in said else tuple(next(csv.reader([said]), []))
        self._there: Collection[str] | None = None
        self._names: Sequence[str] = ()

    def names(self, there: Collection[str]) -> Sequence[str]:
        """The columns among those of a row, in the order of the dimensions.

        Raises:
            Unusable: one is missing, or a dimension comes twice.
        """
        if self._there is None or there != self._there:  # rows of a file have mostly the same
            self._names = self._listed_among(there) if self._listed else self._numbered_among(there)
            self._there = tuple(there) if isinstance(there, list | tuple) else {*there}
        return self._names

    def may_be(self, name: str) -> bool:
        """Whether a column of this name would be a dimension."""
        return name in self._listed if self._listed else self._pattern().fullmatch(name) is not None

    def _pattern(self) -> re.Pattern[str]:
        before, _, after = self.said.partition("*")
        return re.compile(re.escape(before) + "([0-9]{1,6})" + re.escape(after))

    def _listed_among(self, there: Collection[str]) -> Sequence[str]:
        missing = next((name for name in self._listed if name not in there), None)
        if missing is not None:
            raise Unusable(f"no column {missing!r}, which is to be a dimension")
        twice = next((name for at, name in enumerate(self._listed) if name in self._listed[:at]), None)
        if twice is not None:
            raise Unusable(f"column {twice!r} is to be two dimensions")
        return self._listed

    def _numbered_among(self, there: Collection[str]) -> Sequence[str]:
        before, _, after = self.said.partition("*")
        numbered = self._pattern()
        found: dict[int, str] = {}
        for name in there:
            match = numbered.fullmatch(name) if isinstance(name, str) else None
            if match is None:
                continue
            earlier = found.setdefault(int(match[1]), name)
            if earlier != name:
                raise Unusable(f"columns {earlier!r} and {name!r} are the same dimension")
        if not found:
            raise Unusable(f"no column is called {self.said!r} with a number for the *")
        first = min(found)
        missing = next(number for number in range(first, first + len(found) + 1) if number not in found)
        if first > 1 or missing <= max(found):
            number = 0 if first > 1 else missing
            raise Unusable(
                f"no column {before + str(number) + after!r}: dimensions are numbered from 0 or 1 without a gap, and there are "
                f"{len(found):,} columns from {found[first]!r} to {found[max(found)]!r}"
            )
        return [found[number] for number in sorted(found)]


def pattern_of(header: Sequence[str]) -> str | None:
    """What to say of a header most of whose columns are numbered dimensions; None if they are not."""
    patterns = [match[1] + "*" for name in header if (match := _NUMBERED.fullmatch(name))]
    likeliest = max(patterns, key=patterns.count, default=None)
    if likeliest is None or patterns.count(likeliest) < max(2, len(header) // 2):
        return None
    try:
        DimensionColumns(likeliest).names(header)
    except Unusable:
        return None
    return likeliest


def numbers_of_fields(fields: Mapping[str, Any], names: Sequence[str], *, cells: bool) -> NDArray[Any]:
    """The numbers in these fields of a row; of text if they are cells of CSV."""
    if ALL_OF_THEM in fields:
        together = fields[ALL_OF_THEM]
        if isinstance(together, Unusable):
            raise together
        numbers: NDArray[Any] = together
        return numbers
    values = [fields[name] for name in names]
    try:
        if cells:
            return np.array([_number_in(cell) for cell in values], dtype=np.float64)
        if {*map(type, values)} <= {int, float}:  # exact types: bool is no number here
            return np.array(values, dtype=np.float64)
    except OverflowError:
        raise Unusable("the vector has an integer beyond float32") from None
    except (TypeError, ValueError):
        pass
    for name, value in zip(names, values, strict=True):
        try:
            usable = type(_number_in(value)) is float if cells else type(value) in (int, float)
        except (TypeError, ValueError):
            usable = False
        if not usable:
            found = "empty" if value in (None, "") and cells else value_in_words(value)
            raise Unusable(f"{name} is {found}, expected a number")
    raise Unusable("the vector is no list of numbers")


def _number_in(cell: Any) -> float:
    """The number in a cell, as any program writes it; without the underscores that Python allows."""
    if "_" in cell:
        raise ValueError(cell)
    return float(cell)
