"""What is known of an option: one record, the field of a dataclass. Everything that reads options reads these."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_args

Part = Literal["selection", "fit", "cut", "labels", "work"]
"""What an option of clustering decides: which rows are taken; the neighbours and the spanning tree, so that two fits of the same
rows with another value are different fits; which clusters are cut from the tree; what these are called; or how the work is done.
"""

Recorded = Literal["always", "if said", "never"]
"""Whether a result's parameters always have an option, only where it is not None, or never."""

MAX_INTEGER = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class Options:
    """Base of the options: a subclass is a frozen dataclass of fields that `option` makes.

    Attributes:
        ELSEWHERE: names of options that people look for here and that are said elsewhere, each with where.
    """

    ELSEWHERE: ClassVar[Mapping[str, str]] = {}


def option(
    default: Any,
    help: str,
    *,
    kind: type,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    choices: tuple[str, ...] = (),
    auto: str = "",
    part: Part | None = None,
    flag: str = "",
    recorded: Recorded = "always",
    or_none: bool = False,
    names_result: bool = False,
) -> Any:
    """A field of a dataclass of options: everything that is known of an option.

    Args:
        default: None where it depends on the data; `auto` says how.
        help: what it means, for people.
        kind: int, float, bool or str; tuple: a name or several.
        at_least, above, at_most: limits of a number; of an int `at_most` is `MAX_INTEGER` where nothing is said.
        choices: of a str, all that it may be; none: any name.
        auto: what None, the default, becomes.
        part: of an option of clustering, what it decides; see `Part`.
        flag: its name on the command line, where that is another.
        recorded: when the parameters that are stored with a result have it; see `Recorded`.
        or_none: whether a name may be '', and a list of names empty, which is none.
        names_result: whether a number is the id of a result, for which commands take 'latest' and 'latest~1' too.
    """
    if kind is int and at_most is None:
        at_most = MAX_INTEGER
    metadata = {
        "help": help, "kind": kind, "at_least": at_least, "above": above, "at_most": at_most, "choices": choices, "auto": auto,
        "part": part, "flag": flag, "recorded": recorded, "or_none": or_none,
        "names_result": names_result,
    }  # fmt: skip
    return field(default=default, metadata=metadata)


def names(options: type[Options]) -> tuple[str, ...]:
    """The option names of a dataclass."""
    return tuple(f.name for f in dataclasses.fields(options))


def of_part(options: type[Options], part: Part) -> tuple[str, ...]:
    """The names of those options of clustering that decide about a part of it, in the order of the fields.

    Raises:
        TypeError: an option does not say what it decides. Nothing can be derived then: a stored fit might be taken for
            another's.
    """
    found = []
    for option in dataclasses.fields(options):
        if option.metadata.get("part") not in get_args(Part):
            raise TypeError(
                f"option {option.name!r} does not say which part of a clustering it decides: {get_args(Part)}"
            )
        if option.metadata["part"] == part:
            found.append(option.name)
    return tuple(found)


def is_recorded(option: dataclasses.Field[Any], value: object) -> bool:
    """Whether what is stored has an option with this value."""
    recorded: Recorded = option.metadata["recorded"]
    return recorded == "always" or (recorded == "if said" and value is not None)


def default_text(option: dataclasses.Field[Any]) -> str:
    """An option's default as people read it."""
    return str(option.metadata["auto"] or json.dumps(option.default))
