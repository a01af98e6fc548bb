"""Ids from files: one column, one type.

Text in a file does not say whether `12345678` is a number or a hash that happens to have digits only. A number is not equal to
its text in SQLite, so one answer is given for a whole column, and never one for each cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, get_args

from sqlclust.cli.readers.input_file import Record, Skipped, Unusable
from sqlclust.cli.readers.opening import Given
from sqlclust.cli.readers.values import INT64, value_in_words
from sqlclust.errors import InputFileError

IdType = Literal["text", "integer"]
ID_TYPES: tuple[IdType, ...] = get_args(IdType)

_CANONICAL_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")


class WrongId(Exception):
    """An id that is not of the type of its column: the file cannot be used, whatever its other rows are."""


def is_integer(cell: object) -> bool:
    """Whether text is an integer of 64 bits as SQLite would write it: no leading zero, no plus sign, no exponent, no space."""
    return isinstance(cell, str) and _CANONICAL_INTEGER.fullmatch(cell) is not None and int(cell) in INT64


def type_of_column(cells: Iterable[object]) -> IdType:
    """INTEGER only if each cell that is not empty is one. Stops at the first that is none."""
    return "integer" if all(is_integer(cell) for cell in cells if cell not in (None, "")) else "text"


def types_of_columns(rows: Iterable[object], names: Sequence[str]) -> Mapping[str, IdType]:
    """The type of each of these columns of a file whose values are text. Stops where no row can change it any more."""
    undecided = {*names}
    for row in rows:
        if isinstance(row, dict):
            undecided -= {name for name in undecided if type_of_column([row.get(name)]) == "text"}
        if not undecided:
            break
    return {name: "integer" if name in undecided else "text" for name in names}


def as_id(value: object, wanted: IdType | None, name: str) -> object:
    """The value as an id of the type wanted; what is no id at all stays as it is.

    Raises:
        WrongId: it cannot be of that type.
    """
    if wanted is None or type(value) not in (int, float, str):
        return value
    if wanted == "text" and not isinstance(value, float):
        return str(value)
    if wanted == "integer" and type(value) is int and value in INT64:
        return value
    if wanted == "integer" and is_integer(value):
        return int(str(value))
    expected = "an integer as SQLite writes it, such as 7" if wanted == "integer" else "text or an integer"
    raise WrongId(f"{name} is {value_in_words(value)}, expected {expected}")


def check_has_id(value: object, wanted: IdType | None, name: str) -> None:
    """Raise Unusable for a row without an id in a column of TEXT: the number it would get is of another type."""
    if value is None and wanted == "text":
        raise Unusable(f"no {name}, and the ids of this column are TEXT, so that no number is given")


def with_text_id(row: Record, number: int) -> Record | Skipped:
    """A row whose id was told to be an integer, or that has none, in a column that is TEXT after all."""
    try:
        check_has_id(row.id, "text", "id")
    except Unusable as problem:
        return Skipped(number, str(problem))
    return row._replace(id=str(row.id))


def no_ids_error(given: Given) -> InputFileError:
    """What is wrong with a file without ids, all of which are to be TEXT."""
    return InputFileError(
        str(given),
        reason="it has no ids, and they are to be TEXT: rows without an id are numbered, which gives INTEGER",
    )


def ids_of_one_type(values: Sequence[object], wanted: IdType | None) -> Sequence[object]:
    """The ids of a list, of one type where one is wanted.

    Raises:
        Unusable: one cannot be of that type; names its row.
    """
    if wanted is None:
        return values
    found: list[object] = []
    for row, value in enumerate(values, 1):
        try:
            found.append(as_id(value, wanted, "id"))
        except WrongId as error:
            raise Unusable(f"row {row:,}: {error}") from None
    return found
