"""How the catalogue is bound to a host's connection, and what sqlclust.c calls of a table function."""

from __future__ import annotations

from collections.abc import Callable, Set
from functools import partial
from typing import Any

from sqlclust.bindings.loadable.database import HostDatabase
from sqlclust.bindings.registration import Context
from sqlclust.bindings.virtual_table import VirtualTable, declaration
from sqlclust.surface.records import AggregateFunction, ScalarFunction, TableFunction

_UTF8, _DETERMINISTIC, _DIRECTONLY, _INNOCUOUS = 0x1, 0x800, 0x80000, 0x200000  # SQLITE_…
_SCALAR, _AGGREGATE, _AGGREGATE_OF_MANY = range(3)


class HostBinder:
    """See `bindings.registration.Binder`."""

    def __init__(self, database: HostDatabase) -> None:
        self.database = database
        self._host = database.host

    def scalar(self, record: ScalarFunction, function: Callable[..., Any]) -> None:
        """See `Binder`."""
        flags = _UTF8 | (_INNOCUOUS | _DETERMINISTIC if record.innocuous else _DIRECTONLY)
        for count in record.argument_counts:
            self._host.create_function(record.name, count, flags, function, _SCALAR)

    def aggregate(self, record: AggregateFunction) -> None:
        """See `Binder`."""
        kind = _AGGREGATE_OF_MANY if hasattr(record.factory, "step_many") else _AGGREGATE
        for count in record.argument_counts:
            self._host.create_function(record.name, count, _UTF8 | _DIRECTONLY, record.factory, kind)

    def table(self, record: TableFunction, context: Context) -> None:
        """See `Binder`."""
        self._host.create_module(record.name, partial(_connected, record, context))


def _connected(record: TableFunction, context: Context) -> tuple[str, HostTable, int, int]:
    return declaration(record), HostTable(record, context), len(record.columns), len(record.args)


class HostTable(VirtualTable):
    """A table function whose rows sqlclust.c asks for itself."""

    def plan(self, constraints: list[tuple[int, int, int, str, int]], used: int) -> tuple[Any, ...] | None:
        """What SQLite is told of a plan; None: not that one.

        Args:
            constraints: column, operator, whether it is usable, collation, whether it is an IN; each.
            used: a bit for each column that the statement reads; the last is for all that come later.

        Returns:
            the place of each constraint among the values of `Cursor.begin`, from 1, 0 for none; whether SQLite need not check
            it; number and text for `begin`; cost; rows.
        """
        info = _IndexInfo(constraints, used)
        if not self.BestIndexObject(info):
            return None
        return info.places, info.omits, info.idxNum, info.idxStr or "", info.estimatedCost, info.estimatedRows


class _IndexInfo:
    """See `bindings.virtual_table.IndexInfo`."""

    def __init__(self, constraints: list[tuple[int, int, int, str, int]], used: int) -> None:
        self._constraints = constraints
        self.nConstraint = len(constraints)
        self.places, self.omits = [0] * len(constraints), [0] * len(constraints)
        self.colUsed: Set[int] = {column for column in range(64) if used >> column & 1}
        self.idxNum = 0
        self.idxStr: str | None = None
        self.estimatedCost = 0.0
        self.estimatedRows = 0

    def get_aConstraint_op(self, which: int, /) -> int:  # noqa: N802
        return self._constraints[which][1]

    def get_aConstraint_iColumn(self, which: int, /) -> int:  # noqa: N802
        return self._constraints[which][0]

    def get_aConstraint_usable(self, which: int, /) -> bool:  # noqa: N802
        return bool(self._constraints[which][2])

    def get_aConstraint_collation(self, which: int, /) -> str:  # noqa: N802
        return self._constraints[which][3]

    def get_aConstraintUsage_in(self, which: int, /) -> bool:  # noqa: N802
        return bool(self._constraints[which][4])

    def set_aConstraintUsage_argvIndex(self, which: int, position: int, /) -> None:  # noqa: N802
        self.places[which] = position

    def set_aConstraintUsage_omit(self, which: int, omit: bool, /) -> None:  # noqa: N802
        self.omits[which] = int(omit)
