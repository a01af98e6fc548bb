"""A table function as a virtual table of SQLite: under every plan it gives what the same rows in a table give.

For every binding: the names of the methods are those of SQLite's own interface (https://sqlite.org/vtab.html), as APSW has
them. Written by hand: `apsw.ext.make_virtual_module` accepts plans in which an argument is not usable, and such a join is
silently empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from typing import Any, Protocol

from sqlclust.errors import ArgumentError
from sqlclust.sqlite.lookup import Lookup, Numbered
from sqlclust.surface.records import Context, Handle, TableFunction

_ONE_TOO_MANY = "argument after the last"
"""A hidden column after those of the arguments. SQLite takes the arguments of a call as conditions on the hidden columns, in
their order. Without this column one argument too many would be a condition on a column of the result.
"""
_ROWS_OF_A_CALL = 2**40
_READING, _LOOKING_UP = (1e6, 100_000), (9e5, 60_000)
"""Cost and rows, for the planner: one look-up is a little cheaper than reading all, two are dearer. So for an OR it reads once.
It must: after an OR of look-ups in a join it compares the arguments again, and handles cannot be compared.
"""
_EQUAL = 2  # SQLITE_INDEX_CONSTRAINT_EQ
_Arguments = tuple[tuple[str, type, Any], ...]
"""Name, type and value of each argument given: 1 and 1.0 are two."""


def declaration(record: TableFunction) -> str:
    """The CREATE TABLE that SQLite takes its columns from: those of the record, its arguments, its hidden ones.

    With the types of the record: what has none has no affinity. Hidden columns then need BLOB: to SQLite a column that is
    HIDDEN and nothing else has a type of that name, and NUMERIC affinity.
    """
    columns = [
        *(f'"{name}" {kind}' for name, kind in record.columns.items()),
        *(f'"{name}" BLOB HIDDEN' for name in (*record.args, _ONE_TOO_MANY)),
        *(f'"{name}" {kind or "BLOB"} HIDDEN' for name, kind in record.hidden_columns.items()),
    ]
    return f"CREATE TABLE ignored ({', '.join(columns)})"


class IndexInfo(Protocol):
    """What SQLite says of a plan, and is told: sqlite3_index_info, as APSW's IndexInfo has it."""

    nConstraint: int  # noqa: N815 - SQLite's names, all of them
    idxNum: int  # noqa: N815
    idxStr: str | None  # noqa: N815
    estimatedCost: float  # noqa: N815
    estimatedRows: int  # noqa: N815
    colUsed: Set[int]  # noqa: N815

    def get_aConstraint_op(self, which: int, /) -> int: ...  # noqa: D102, N802
    def get_aConstraint_iColumn(self, which: int, /) -> int: ...  # noqa: D102, N802
    def get_aConstraint_usable(self, which: int, /) -> bool: ...  # noqa: D102, N802
    def get_aConstraint_collation(self, which: int, /) -> str: ...  # noqa: D102, N802
    def get_aConstraintUsage_in(self, which: int, /) -> bool: ...  # noqa: D102, N802
    def set_aConstraintUsage_argvIndex(self, which: int, position: int, /) -> None: ...  # noqa: D102, N802
    def set_aConstraintUsage_omit(self, which: int, omit: bool, /) -> None: ...  # noqa: D102, N802


class VirtualTable:
    """A table function on a database.

    RIGHT JOIN, FULL JOIN and OR recognise a row by its rowid. So a row must have the same rowid each time that the same call
    gives it, and rows of different calls in one statement must have different ones (an OR may have both). Calls are therefore
    numbered, by the contents of their arguments, as long as there are cursors.
    """

    def __init__(self, record: TableFunction, context: Context) -> None:
        self._record, self._context = record, context
        self._n_cursors = 0
        self._calls: dict[object, int] = {}

    def BestIndexObject(self, info: IndexInfo) -> bool:  # noqa: N802 - SQLite's name
        """Accept a plan only if each argument that has conditions `=` in it has one that is usable.

        An argument may have several conditions: SQLite shows one again for each branch of an OR, and a WHERE may have more. The
        last is that of the call and becomes the argument. SQLite checks the others itself. But it cannot compare handles: those
        go to the cursor, which does.
        """
        plan = _Plan(self._record, info)
        if any(not given for given in plan.given.values()):
            return False
        values = [given[-1] for _, given in sorted(plan.given.items())]
        if plan.looked_up is not None:  # SQLite still compares; this only spares it rows that cannot be equal
            values.append(plan.looked_up)
        values.extend(plan.handles_again)
        for position, constraint in enumerate(values, start=1):
            info.set_aConstraintUsage_argvIndex(constraint, position)
            info.set_aConstraintUsage_omit(constraint, constraint != plan.looked_up)
        info.idxNum = sum(1 << argument for argument in plan.given)
        if plan.looked_up is not None:
            info.idxNum |= 1 << len(self._record.args)
        info.idxStr = plan.read_only
        info.estimatedCost, info.estimatedRows = _READING if plan.looked_up is None else _LOOKING_UP
        if plan.read_only:
            info.estimatedCost = (
                1e100  # any other plan is better, such as one that has it as an argument in each branch of an OR
            )
        return True

    def Open(self) -> Cursor:  # noqa: N802 - SQLite's name
        """One more cursor."""
        self._n_cursors += 1
        return Cursor(self._record, self._context, self)

    def closed(self) -> None:
        """One cursor less. Without any there is no statement in which calls could meet."""
        self._n_cursors -= 1
        if self._n_cursors == 0:
            self._calls.clear()

    def number_of(self, arguments: _Arguments) -> int:
        """The number of a call, from 0; the same for the same arguments, two handles on the same points among them."""
        contents = tuple((name, kind, _contents(value)) for name, kind, value in arguments)
        return self._calls.setdefault(contents, len(self._calls))

    def Disconnect(self) -> None:  # noqa: N802 - SQLite's name
        """Nothing to let go."""

    Destroy = Disconnect


class _Plan:
    """What a plan's conditions say about the arguments.

    Attributes:
        given: argument → its usable conditions `=`, by number; empty where there are unusable ones only.
        handles_again: further conditions on the argument that may be a handle.
        looked_up: the condition `id = …`, so that a join need not be given every row again for each outer row.
        read_only: an argument that the statement reads as a column and that has no condition `=` here; '' if there is none.
    """

    def __init__(self, record: TableFunction, info: IndexInfo) -> None:
        self._record, self._info = record, info
        self.given: dict[int, list[int]] = {}
        self.looked_up: int | None = None
        first = len(record.columns)
        for constraint in range(info.nConstraint):
            if info.get_aConstraint_op(constraint) != _EQUAL:
                continue  # SQLite checks it itself
            column = info.get_aConstraint_iColumn(constraint)
            argument = column - first
            if argument == len(record.args):
                raise _error(record, f"argument {argument + 1}", "one too many")
            if self._looks_up(constraint, column):
                self.looked_up = constraint
            elif 0 <= argument < len(record.args):
                usable = [constraint] if info.get_aConstraint_usable(constraint) else []
                self.given.setdefault(argument, []).extend(usable)
        self.handles_again = self._handles_again()
        if any(info.get_aConstraintUsage_in(given[-1]) for given in self.given.values() if given):
            self.looked_up = None  # with both SQLite may end with "no query solution"
        self.read_only = ""
        for argument, name in enumerate(record.args):
            if first + argument in info.colUsed and argument not in self.given:
                self.read_only = name

    def _looks_up(self, constraint: int, column: int) -> bool:
        """Not IN: it compares with an affinity that SQLite forgets once the condition is taken over."""
        return (
            column == 0
            and next(iter(self._record.columns)) == "id"
            and self._info.get_aConstraint_usable(constraint)
            and not self._info.get_aConstraintUsage_in(constraint)
            and self._info.get_aConstraint_collation(constraint) == "BINARY"
        )

    def _handles_again(self) -> list[int]:
        name = self._record.handle_argument
        conditions = [] if name is None else self.given.get(self._record.args.index(name), [])
        if name is not None and any(self._info.get_aConstraintUsage_in(condition) for condition in conditions):
            raise _error(
                self._record, name, "given with IN"
            )  # a handle does not outlive the list; IN would find nothing
        return conditions[:-1]


class Cursor:
    """One reading of a table function; SQLite starts it anew for each row of an outer table."""

    def __init__(self, record: TableFunction, context: Context, table: VirtualTable) -> None:
        self._record, self._context, self._table = record, context, table
        self._rows: Iterator[Numbered] = iter(())
        self._row: tuple[Any, ...] | None = None
        self._place = 0
        self._arguments: _Arguments = ()
        self._number: int | None = None
        self._visible, self._args = len(record.columns), len(record.args)
        self._begun: _Arguments | None = None
        self._kept: list[Numbered] | None = None
        self._lookup: Lookup | None = None

    def Filter(self, mask: int, read_only: str | None, values: tuple[Any, ...]) -> None:  # noqa: N802 - SQLite's name
        """See `begin`."""
        self._rows = self.begin(mask, read_only, values)
        self.Next()

    def begin(self, mask: int, read_only: str | None, values: tuple[Any, ...]) -> Iterator[Numbered]:
        """The rows, each after its place; for a host that asks for them itself, and calls neither Filter nor Next.

        Args:
            values: the arguments, then the value to look up, then the handles that were given again.
        """
        record = self._record
        names = [name for position, name in enumerate(record.args) if mask >> position & 1]
        arguments = tuple((name, type(value), value) for name, value in zip(names, values, strict=False))
        for name in record.args[: len(record.args) - record.optional]:
            if name not in names:
                call = record.example.rpartition(" -- ")[0]
                raise ArgumentError(record.name, name, found="not given", expected=f"a call as in: {call}")
        if read_only:
            raise _error(record, read_only, "read as a column", "an argument: ")
        looking_up = bool(mask >> len(record.args) & 1)
        self._check_again(arguments, values[len(names) + looking_up :])
        self._arguments = arguments
        if arguments != self._begun:
            self._kept = self._lookup = self._number = None
        if looking_up:
            if self._lookup is None:
                self._lookup = Lookup(self._keep())
            rows = iter(self._lookup.find(values[len(names)]))
        else:
            rows = iter(self._keep() if arguments == self._begun else self._call())
        self._begun = arguments
        return rows

    def _check_again(self, arguments: _Arguments, handles: Iterable[Any]) -> None:
        for again in handles:
            for name, kind, value in arguments:
                if name == self._record.handle_argument and again is not value:
                    if kind is type(again) and _contents(again) == _contents(value):
                        continue
                    what = "points" if name == "points" else "value"
                    raise _error(self._record, name, f"given twice, and not the same {what}")

    def _call(self) -> Iterator[Numbered]:
        return enumerate(self._record.function(self._context, **{name: value for name, _, value in self._arguments}), 1)

    def _keep(self) -> list[Numbered]:
        """All rows of the call, kept as long as its arguments stay: whoever asks twice asks for each row of an outer table."""
        if self._kept is None:
            self._kept = list(self._call())
        return self._kept

    def Next(self) -> None:  # noqa: N802 - SQLite's name
        """The next row, if there is one."""
        self._place, self._row = next(self._rows, (0, None))

    def Eof(self) -> bool:  # noqa: N802 - SQLite's name
        """Whether there was none."""
        return self._row is None

    def Column(self, number: int) -> Any:  # noqa: N802 - SQLite's name
        """A value of the row, or an argument."""
        if number < 0:
            return self.Rowid()
        row = self._row or ()
        if number < self._visible:
            return row[number]
        if number < self._visible + self._args:
            return self.argument(number - self._visible)
        return row[number - self._args - 1] if number > self._visible + self._args else None

    def argument(self, number: int) -> Any:
        """An argument, by its place, read as a column.

        One that was not given is read to compare it, in a condition that came too late to be the argument (`options IS …`, an
        outer join's ON): rows by default options and a comparison with NULL would be a wrong answer, silently.
        """
        name = self._record.args[number]
        for given, _, value in self._arguments:
            if given == name and not isinstance(value, Handle):
                return value
        raise _error(self._record, name, "read as a column", "an argument: ")

    def Rowid(self) -> int:  # noqa: N802 - SQLite's name
        """See `rowid_of`."""
        return self.rowid_of(self._place)

    def rowid_of(self, place: int) -> int:
        """The rowid of a row, by its place among all rows of its call, whatever the plan."""
        if self._number is None:
            self._number = self._table.number_of(self._arguments)
        return self._number * _ROWS_OF_A_CALL + place

    def Close(self) -> None:  # noqa: N802 - SQLite's name
        """Let everything go."""
        self._rows, self._row, self._arguments = iter(()), None, ()
        self._begun = self._kept = self._lookup = None
        self._table.closed()


def _contents(value: Any) -> Any:
    """What two arguments are compared by."""
    return value.contents if isinstance(value, Handle) else value


def _error(record: TableFunction, argument: str, found: str, expected: str = "") -> ArgumentError:
    return ArgumentError(record.name, argument, found=found, expected=expected + record.signature)
