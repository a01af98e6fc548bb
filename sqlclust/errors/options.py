"""Options, and the other arguments of a call."""

from __future__ import annotations

from collections.abc import Sequence

from sqlclust.errors.base import SqlclustError
from sqlclust.errors.wording import shown


class OptionError(SqlclustError):
    """An unknown option, or a value that an option does not allow."""

    def __init__(self, option: str, *, found: object, expected: str) -> None:
        super().__init__(f"option {option!r}: found {shown(found)}, expected {expected}")
        self.option, self.found, self.expected = option, found, expected


class UnknownOptionError(OptionError):
    """An option key that this function does not have."""

    def __init__(self, option: str, *, allowed: Sequence[str], advice: str = "") -> None:
        more = f". {advice}" if advice else ""
        super(OptionError, self).__init__(f"unknown option {shown(option)}; allowed are {', '.join(allowed)}{more}")
        self.option, self.found, self.expected = option, option, ", ".join(allowed)
        self.allowed = tuple(allowed)


class OptionsJSONError(SqlclustError):
    """The options argument is not one JSON object."""

    def __init__(self, *, found: str) -> None:
        super().__init__(f"options: found {found}, expected one JSON object such as '{{\"min_cluster_size\": 14}}'")
        self.found = found


class UnknownMetricError(SqlclustError):
    """A name that is no metric's where options are checked already: in a file of another version, in a call from Python."""

    def __init__(self, metric: object, *, known: Sequence[str]) -> None:
        super().__init__(f"unknown metric {shown(metric)}, expected {' or '.join(map(repr, known))}")
        self.metric, self.known = metric, tuple(known)


class UnknownEngineError(SqlclustError):
    """A name that is no engine's; see UnknownMetricError."""

    def __init__(self, engine: object, *, known: Sequence[str]) -> None:
        super().__init__(f"unknown engine {shown(engine)}, expected {' or '.join(map(repr, known))}")
        self.engine, self.known = engine, tuple(known)


class ArgumentError(SqlclustError):
    """An argument of a function of ours that is neither options nor a vector."""

    def __init__(self, function: str, argument: str, *, found: str, expected: str) -> None:
        super().__init__(f"{function}: {argument} is {found}, expected {expected}")
        self.function, self.argument, self.found, self.expected = function, argument, found, expected


class FilterError(SqlclustError):
    """A `where` filter that SQLite does not accept."""

    def __init__(self, where: object, *, reason: str, table: str = "Embedding", advice: str | None = None) -> None:
        """Advice: how to go on, where no condition is accepted."""
        how = f"; expected one SQL condition on columns of {table}" if advice is None else f". {advice}"
        super().__init__(f"where {shown(where)}: {reason}{how}")
        self.where, self.reason, self.table = where, reason, table
