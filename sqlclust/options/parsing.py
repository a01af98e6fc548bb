"""Options from plain values and from JSON, each checked against its record."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any, TypeVar

from sqlclust.errors import OptionError, OptionsJSONError, UnknownOptionError, shown
from sqlclust.options.functions import PointsOptions
from sqlclust.options.record import Options, names

_MAX_JSON = 100_000

OptionsT = TypeVar("OptionsT", bound=Options)


def parse_json(options: type[OptionsT], text: object) -> OptionsT:
    """Options from the JSON object that SQL passes.

    Raises:
        OptionsJSONError: see `parse_object`.
        OptionError: see `parse`.
    """
    return parse(options, parse_object(text))


def parse_object(text: object) -> dict[str, Any]:
    """The JSON object that SQL passes.

    Raises:
        OptionsJSONError: not TEXT, not JSON, not an object, or a key twice.
    """
    if not isinstance(text, str):
        found = "NULL" if text is None else shown(text)
        raise OptionsJSONError(found=found)
    if len(text) > _MAX_JSON:
        raise OptionsJSONError(found=f"{len(text):,} characters")
    try:
        values = json.loads(text, object_pairs_hook=_once)
    except RecursionError:
        raise OptionsJSONError(found=f"{text[:60]!r}, nested too deeply") from None
    except ValueError as error:
        if isinstance(error, OptionsJSONError):
            raise
        raise OptionsJSONError(found=f"{text[:60]!r}, which is not JSON ({error})") from None
    if not isinstance(values, dict):
        raise OptionsJSONError(found=f"{text[:60]!r}")
    return values


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise OptionsJSONError(found="a key that occurs twice")
    return values


def parse(options: type[OptionsT], values: Mapping[str, Any]) -> OptionsT:
    """Options from plain values, each checked.

    Raises:
        UnknownOptionError: a key that these options do not have; lists those they have.
        OptionError: a value of the wrong type or outside what is allowed.
    """
    fields = {option.name: option for option in dataclasses.fields(options)}
    checked = {}
    for name, value in values.items():
        if name not in fields:
            raise UnknownOptionError(name, allowed=tuple(fields), advice=_where_else(options, name))
        checked[name] = _checked_value(fields[name], value)
    return options(**checked)


def _where_else(options: type[Options], name: str) -> str:
    """Where an option can be said that these have not, if anywhere."""
    if name in options.ELSEWHERE:
        return options.ELSEWHERE[name]
    return f"{name} is an option of clust_points, which collects the vectors" if name in names(PointsOptions) else ""


def _checked_value(option: dataclasses.Field[Any], value: Any) -> Any:
    """The value as its option has it.

    Raises:
        OptionError: it is none that the option allows.
    """
    if value is None and option.default is None:
        return None
    limits = option.metadata
    if limits["kind"] is bool:
        found, expected = _plain(value), "true or false"
        allowed = found is True or found is False
    elif limits["kind"] is tuple:
        found, expected = _names(value), "a name or a list of names"
        allowed = bool(found) or (limits["or_none"] and isinstance(value, list | tuple) and not value)
    elif limits["kind"] is str and not limits["choices"]:
        found, expected = value, "a name"
        allowed = isinstance(value, str) and (value != "" or limits["or_none"])
    elif limits["kind"] is str:
        found, expected = value, " or ".join(repr(choice) for choice in limits["choices"])
        allowed = isinstance(value, str) and value in limits["choices"]
    else:
        found, expected = _number(value, limits["kind"]), _numbers_allowed(limits)
        allowed = found is not None and _within(found, limits)
    if not allowed:
        raise OptionError(option.name, found=value, expected=expected)
    return found


def _names(value: Any) -> tuple[str, ...]:
    """One name, or several in a list; () if it is none."""
    names = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list | tuple) else ()
    return names if all(isinstance(name, str) and name for name in names) else ()


def _numbers_allowed(limits: Mapping[str, Any]) -> str:
    """Which numbers an option allows, in words."""
    words = (("of at least", "at_least"), ("above", "above"), ("at most", "at_most"))
    said = " and ".join(f"{word} {limits[name]}" for word, name in words if limits[name] is not None)
    return f"{'a whole number' if limits['kind'] is int else 'a number'} {said}".strip()


def _within(number: float, limits: Mapping[str, Any]) -> bool:
    at_least, above, at_most = limits["at_least"], limits["above"], limits["at_most"]
    return (
        (at_least is None or number >= at_least)
        and (above is None or number > above)
        and (at_most is None or number <= at_most)
    )


def _plain(value: Any) -> Any:
    """What a scalar of numpy holds; anything else as it is."""
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return value.item()
    return value


def _number(value: Any, kind: type) -> int | float | None:
    """The value as a finite int or float, or None if it is none."""
    value = _plain(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if kind is int:
        return value if isinstance(value, int) else None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
