"""Click options made from the options dataclasses: hdbscan's own names, and short ones without 'cluster-selection-'."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import click

from sqlclust.cli.output import Command
from sqlclust.options import default_text
from sqlclust.store.results.listing import LATEST

_LONG_PREFIX = "cluster_selection_"
"""hdbscan's, which people need not write: --cluster-selection-epsilon is --epsilon as well."""


def short_name(option: str) -> str:
    """An option's name as tables for people have it."""
    return option.removeprefix(_LONG_PREFIX)


def options_of(dataclass: type, *, prefix: str = "") -> Callable[[Command], Command]:
    """An option for each field.

    Args:
        prefix: before the names of the command's parameters, where it has others of these names.
    """

    def decorate(command: Command) -> Command:
        for field in reversed(dataclasses.fields(dataclass)):
            command = _option_of(field, prefix + field.name)(command)
        return command

    return decorate


def lists_of(dataclass: type) -> Callable[[Command], Command]:
    """An option for each field that takes several values, as in 5,10,20; None where it is not given."""

    def decorate(command: Command) -> Command:
        for field in reversed(dataclasses.fields(dataclass)):
            option = click.option(
                *_flags(field),
                field.name,
                type=_List(field),
                help=_sentence(field),
                show_default=default_text(field),
            )
            command = option(command)
        return command

    return decorate


class _List(click.ParamType):  # type: ignore[type-arg]
    """Values with commas between them. Whether a value is allowed is said by `options.parse`."""

    def __init__(self, field: dataclasses.Field[Any]) -> None:
        self._kind = field.metadata["kind"]
        self.name = {int: "n,n,…", float: "x,x,…", bool: "true,false"}.get(
            self._kind, ",".join(field.metadata["choices"])
        )

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        return self.name.upper() if self._kind in (int, float) else self.name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Sequence[Any]:
        if not isinstance(value, str):
            return list(value)
        return [self._one(text.strip(), param, ctx) for text in value.split(",")]

    def _one(self, text: str, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if self._kind is bool:
            if text in ("true", "false"):
                return text == "true"
            self.fail(f"{text!r} is neither true nor false", param, ctx)
        if self._kind is str:
            return text
        try:
            return self._kind(text)
        except ValueError:
            expected = "a whole number" if self._kind is int else "a number"
            self.fail(f"{text!r} is not {expected}; write several with commas between them", param, ctx)


class Result(click.ParamType):  # type: ignore[type-arg]
    """A result: its id, as an int, or 'latest' and the like, as text."""

    name = "ID|latest"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """As it is given on the command line."""
        if isinstance(value, int) or LATEST.fullmatch(value):
            return value if isinstance(value, int) else str(value)
        if not (value.isascii() and value.isdigit()) or len(value) > 19:
            self.fail(f"{value!r} is no result; expected its id, or latest, latest~1, …", param, ctx)
        return int(value)


class _Name(click.ParamType):  # type: ignore[type-arg]
    """A name or several: not '', which a shell makes of a variable that is not set, unless that means none."""

    def __init__(self, name: str, *, or_none: bool = False) -> None:
        self.name, self._or_none = name, or_none

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value == "" and not self._or_none:
            self.fail("it is empty, expected a name", param, ctx)
        return str(value)


def _flags(field: dataclasses.Field[Any]) -> list[str]:
    """How an option is written: its own name last, a short one before it."""
    name = field.metadata["flag"] or field.name
    return [f"--{each.replace('_', '-')}" for each in dict.fromkeys((short_name(name), name))]


def _option_of(field: dataclasses.Field[Any], name: str) -> Callable[[Command], Command]:
    record, flags = field.metadata, _flags(field)
    settings: dict[str, Any] = {
        "default": field.default,
        "show_default": record["auto"] or True,
        "help": _sentence(field),
    }
    if record["kind"] is bool:
        if field.default:
            flags = [f"{flag}/--no-{flag[2:]}" for flag in flags]
        return click.option(*flags, name, is_flag=True, **settings)
    if record["kind"] is tuple:
        return click.option(*flags, name, type=_Name("COL[,COL]"), **settings)
    if record["kind"] is str and not record["choices"]:
        return click.option(*flags, name, type=_Name("NAME", or_none=record["or_none"]), **settings)
    if record["kind"] is str:
        return click.option(*flags, name, type=click.Choice(record["choices"]), **settings)
    if record["names_result"]:
        return click.option(*flags, name, type=Result(), metavar=Result.name, **settings)
    numbers = click.IntRange if record["kind"] is int else click.FloatRange
    least, above = record["at_least"], record["above"]
    allowed = numbers(min=least if above is None else above, min_open=above is not None)  # the rest is said by `parse`
    return click.option(*flags, name, type=allowed, **settings)


def _sentence(field: dataclasses.Field[Any]) -> str:
    """What an option means, with a capital, unless it begins with a value of the option."""
    help: str = field.metadata["help"]
    begins_with_a_value = help.startswith(tuple(f"{choice}:" for choice in field.metadata["choices"]))
    return f"{help if begins_with_a_value else help[:1].upper() + help[1:]}."
