"""Values for the placeholders of a person's SQL: --param NAME VALUE."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import click

from sqlclust.cli.output import Command

_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")
_DECIMAL = re.compile(r"-?[0-9]+\.[0-9]+")


def parameters_option(where: str) -> Callable[[Command], Command]:
    """The option --param, as the parameter `parameters`: pairs of texts. `where` says what has the placeholders."""
    return click.option(
        "--param", "-p", "parameters", type=(str, str), multiple=True, metavar="NAME VALUE",
        help=f"A value for :NAME in {where}: 12 is an INTEGER, 0.5 a REAL, anything else TEXT, also NULL.",
    )  # fmt: skip


def parameter_values(parameters: Iterable[tuple[str, str]]) -> dict[str, int | float | str]:
    """Values by name."""
    return {name.lstrip(":@$"): _value(text) for name, text in parameters}


def _value(text: str) -> int | float | str:
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text
