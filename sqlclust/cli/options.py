"""Click options made from the options dataclasses: hdbscan's own names, and short ones without 'cluster-selection-'."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from sqlclust.options import default_text

Command = TypeVar("Command", bound=Callable[..., Any])

_LONG_PREFIX, _LONG_FLAG = "cluster_selection_", "--cluster-selection-"


def options_of(dataclass: type) -> Callable[[Command], Command]:
    """An option for each field."""

    def decorate(command: Command) -> Command:
        for field in reversed(dataclasses.fields(dataclass)):
            command = _option_of(field)(command)
        return command

    return decorate


def lists_of(dataclass: type) -> Callable[[Command], Command]:
    """An option for each field that takes several values, as in 5,10,20; None where it is not given."""

    def decorate(command: Command) -> Command:
        for field in reversed(dataclasses.fields(dataclass)):
            option = click.option(
                *_names(field),
                field.name,
                type=_List(field),
                help=_sentence(field.metadata["help"]),
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


def _names(field: dataclasses.Field[Any]) -> list[str]:
    name = "--" + (field.metadata["flag"] or field.name.replace("_", "-"))
    return [name.replace(_LONG_FLAG, "--"), name] if field.name.startswith(_LONG_PREFIX) else [name]


def _option_of(field: dataclasses.Field[Any]) -> Callable[[Command], Command]:
    meta, names = field.metadata, _names(field)
    shown: dict[str, Any] = {"show_default": meta["auto"] or True, "help": _sentence(meta["help"])}
    if meta["kind"] is bool:
        if field.default:
            names = [f"{name}/--no-{name[2:]}" for name in names]
        return click.option(*names, field.name, is_flag=True, default=field.default, **shown)
    if meta["kind"] is str:
        return click.option(*names, field.name, type=click.Choice(meta["choices"]), default=field.default, **shown)
    numbers = click.IntRange if meta["kind"] is int else click.FloatRange
    least, above = meta["at_least"], meta["above"]
    allowed = numbers(min=least if above is None else above, min_open=above is not None)  # the rest is said by `parse`
    return click.option(*names, field.name, type=allowed, default=field.default, **shown)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "." if not text.startswith(("eom:", "exact:")) else text + "."
