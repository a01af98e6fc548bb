"""What all checks share: the database, what was found so far, progress, and stopping."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlclust.core.runtime.control import Progress
from sqlclust.diagnosis.families import Family
from sqlclust.diagnosis.findings import Finding, Severity
from sqlclust.errors import CorruptError, MismatchError, StatementError, TooBigError
from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.layout import Layout, Table, quoted
from sqlclust.vectors.formats import FormatName

_OPCODES = 2_000
"""SQLite's steps between two looks at Ctrl-C and interrupts; in PRAGMA integrity_check a step is a page."""

_UNREADABLE = "read the table with the program that it belongs to; where text is damaged, load those rows again"
RESTORE = (
    "take a backup of the file now; restore an older one, or let the sqlite3 shell save what it can: "
    "sqlite3 DB .recover | sqlite3 NEW.db"
)


def counted(n: int, one: str, many: str) -> str:
    """`1 row is`, `2 rows are`."""
    return f"1 {one}" if n == 1 else f"{n:,} {many}"


class Examination:
    """One look at a database. Checks add to `findings`.

    Args:
        layout: the tables that the database has.
        families: those of them that belong together.
        version: of our schema; None: the file has none.
        progress: called with (phase, fraction).
        format: of the vectors in other programs' tables; None: float32, unless they look like another.
    """

    def __init__(
        self,
        database: Database,
        layout: Layout,
        families: list[Family],
        version: int | None,
        progress: Progress | None,
        format: FormatName | None = None,
    ) -> None:
        self.format = format
        self.database, self.layout, self.families, self.version = database, layout, families, version
        self.findings: list[Finding] = []
        self.damaged: set[tuple[str, str]] = set()
        """(table, column) in lower case whose ids are not what was written."""
        self._progress, self._phase, self._fraction = progress, "", 0.0

    def add(
        self,
        finding: str,
        severity: Severity,
        table: Table | str | None,
        column: str | None,
        *,
        n: int,
        example: Any = None,
        detail: str,
        remedy: str,
    ) -> None:
        """Note a finding."""
        name = table.name if isinstance(table, Table) else table
        self.findings.append(Finding(finding, name, column, example, remedy, n, severity, detail))

    def add_rows(
        self,
        finding: str,
        severity: Severity,
        table: Table | str,
        column: str,
        rows: Sequence[tuple[Any, Any]],
        *,
        detail: Callable[[int, Any], str],
        remedy: str,
    ) -> None:
        """Note what rows have in common, if there are any; the first is the example.

        Args:
            rows: (id, what is said of it).
            detail: of the number of rows, and of what is said of the example.
        """
        if rows:
            example, fact = rows[0]
            n = len(rows)
            self.add(finding, severity, table, column, n=n, example=example, detail=detail(n, fact), remedy=remedy)

    def found(self, finding: str) -> list[Finding]:
        """The findings of a kind so far."""
        return [each for each in self.findings if each.finding == finding]

    # --- reading ---

    def row(self, sql: str, bindings: tuple[Any, ...] = ()) -> tuple[Any, ...]:
        """The one row of a query; its texts come as BLOBs if one of them is not UTF-8."""
        try:
            rows = statements.all_rows(self.database, sql, bindings)
        except UnicodeDecodeError:
            names = self.database.described(sql).columns
            columns = ", ".join(
                f"CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) ELSE {name} END"
                for name in map(quoted, names)
            )
            rows = statements.all_rows(self.database, f"SELECT {columns} FROM ({sql})", bindings)
        [row] = rows
        return tuple(row)

    def check_interrupt(self) -> None:
        """Raise StatementInterrupted if the database was interrupted while no statement ran."""
        self.database.check_interrupt()

    @contextmanager
    def guarded(self, table: Table | str | None) -> Iterator[None]:
        """A check that the file itself may make fail: that is a finding, and the other checks go on."""
        name = table.name if isinstance(table, Table) else table
        try:
            yield
        except CorruptError as error:
            self.add(
                "damaged-file", "error", name, None, n=1, remedy=RESTORE,
                detail=f"reading {name or 'the file'} failed: {error}",
            )  # fmt: skip
        except UnicodeDecodeError:
            self.add("unreadable", "error", name, None, n=1, remedy=_UNREADABLE, detail="a text is not UTF-8")
        except (StatementError, TooBigError, MismatchError) as error:
            self.add("unreadable", "error", name, None, n=1, remedy=_UNREADABLE, detail=f"not checked: {error}")

    # --- progress ---

    def at(self, fraction: float) -> None:
        """How far the phase is."""
        self._fraction = min(max(fraction, 0.0), 1.0)
        if self._progress is not None:
            self._progress(self._phase, self._fraction)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Name what follows."""
        self._phase = name
        self.check_interrupt()
        self.at(0.0)
        yield
        self.at(1.0)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Let Ctrl-C, and progress, into long statements: Python's signal handlers run when SQLite calls into Python."""

        def look() -> bool:
            self.at(self._fraction)
            return False

        with self.database.watched(look, every=_OPCODES):
            yield
