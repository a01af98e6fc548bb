"""How rows are written: tables for people, and --json, --nl, --csv for programs, as sqlite-utils has them."""

from __future__ import annotations

import base64
import csv
import json
import math
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

CLEAR_LINE = "\r\x1b[K"
"""Empties the terminal's line, such as one of progress."""

_CELL_CHARACTERS = 80
"""Longer text in a cell is cut."""
_LEAST_CHARACTERS = 12
"""To fit a terminal, columns of text are not made narrower than this."""
_HEADER_PADDING = 2
"""What tabulate adds to a header, and puts between columns."""


def output_options(command: Command) -> Command:
    """The options --json, --nl and --csv, as one parameter `output`: 'json', 'nl', 'csv', or None for a table."""
    for name, help in (
        ("csv", "Write CSV with a header; NULL is empty, a BLOB is base64."),
        ("nl", "Write one JSON object a line."),
        ("json", "Write a JSON array of objects."),
    ):
        command = click.option(f"--{name}", "output", flag_value=name, default=None, help=help)(command)
    return command


def write_rows(output: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows to stdout as they come, in a format for programs."""
    if output == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_csv_value(value) for value in row] for row in rows)
        return
    names = list(_distinct(columns))
    lines = (json.dumps(dict(zip(names, map(_json_value, row), strict=True)), ensure_ascii=False) for row in rows)
    if output == "nl":
        for line in lines:
            click.echo(line)
        return
    previous = "["
    for line in lines:
        click.echo(previous + line, nl=False)
        previous = ",\n "
    click.echo("[]" if previous == "[" else "]")


def write_dicts(output: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> None:
    """As `write_rows`; `columns` is for when there are no rows."""
    write_rows(output, list(rows[0]) if rows else columns, (list(row.values()) for row in rows))


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    spare: Sequence[str] = (),
    least: Mapping[str, int] | None = None,
) -> str:
    """Rows as text for people, one line each. Numbers are on the right, NULL is empty, long text is cut.

    On a terminal, columns of text are cut further, so that a line fits.

    Args:
        spare: columns that are left out, the first of them first, where a line does not fit otherwise.
        least: characters of a column that it is not cut below, by its header.
    """
    from tabulate import tabulate

    values = [list(row) for row in rows]
    headers = [one_line(name) for name in columns]
    cells = [[cell_text(value) for value in row] for row in values]
    numeric = [all(isinstance(row[at], int | float | None) for row in values) for at in range(len(headers))]
    if sys.stdout.isatty():
        characters, least = shutil.get_terminal_size().columns, least or {}
        for name in spare:
            cut = _fitting(cells, headers, numeric, characters, least)
            if _line(_widths(cut, headers)) > characters:
                at = headers.index(name)
                del numeric[at]
                for line in (headers, *cells):
                    del line[at]
        cells = _fitting(cells, headers, numeric, characters, least)
    text = tabulate(
        cells,
        headers=headers,
        tablefmt="simple",
        disable_numparse=True,
        colalign=["right" if right else "left" for right in numeric] if cells else None,
    )
    return "\n".join(line.rstrip() for line in text.splitlines())


def _fitting(
    cells: list[list[str]], headers: Sequence[str], numeric: Sequence[bool], characters: int, least: Mapping[str, int]
) -> list[list[str]]:
    """The cells, with the text of the widest columns cut until a line has at most so many characters, if that can be.

    Args:
        numeric: of each column, whether it has numbers, which are never cut.
        characters: of a line.
        least: of columns, see `table`.
    """
    narrowest = [max(least.get(header, _LEAST_CHARACTERS), len(header) + _HEADER_PADDING) for header in headers]
    widths = _widths(cells, headers)
    excess = _line(widths) - characters
    while excess > 0:
        spare = {at: widths[at] - narrowest[at] for at, right in enumerate(numeric) if not right}
        widest = max(spare, key=spare.__getitem__, default=None)
        if widest is None or spare[widest] <= 0:
            break
        taken = min(spare[widest], (excess + 1) // 2)
        widths[widest] -= taken
        excess -= taken
    return [[one_line(cell, width) for cell, width in zip(row, widths, strict=True)] for row in cells]


def _widths(cells: Sequence[Sequence[str]], headers: Sequence[str]) -> list[int]:
    """Of each column, as tabulate makes them."""
    columns = enumerate(zip(headers, *cells, strict=True))
    return [max([*map(len, column), len(headers[at]) + _HEADER_PADDING]) for at, column in columns]


def _line(widths: Sequence[int]) -> int:
    """Characters of a line."""
    return sum(widths) + _HEADER_PADDING * (len(widths) - 1)


def cell_text(value: Any) -> str:
    """A value in a cell of a table."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    if isinstance(value, float):
        return f"{value:.6g}"
    return one_line(str(value))


def one_line(text: str, characters: int = _CELL_CHARACTERS) -> str:
    """Text on one line, without characters that would move the cursor; longer text is cut and ends in an ellipsis."""
    text = "".join(character if character.isprintable() else " " for character in text[: 4 * characters])
    text = " ".join(text.split())
    return text if len(text) <= characters else text[: characters - 1].rstrip() + "…"


def printable(text: str) -> str:
    """Text on one line, whole, without characters that a terminal would obey: a name may come from anybody's file."""
    return "".join(c if c.isprintable() else " " if c.isspace() else repr(c)[1:-1] for c in text)


def _distinct(names: Iterable[str]) -> Iterator[str]:
    """Names as keys of an object, each once: SELECT 1 AS a, 2 AS a has a and a_2."""
    seen: set[str] = set()
    for name in names:
        key = next(key for key in chain([name], (f"{name}_{n}" for n in range(2, len(seen) + 3))) if key not in seen)
        seen.add(key)
        yield key


def _json_value(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"$base64": True, "encoded": base64.b64encode(value).decode()}
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no infinity
    return value


def _csv_value(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
