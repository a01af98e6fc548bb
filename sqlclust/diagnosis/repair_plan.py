"""A plan of repairs: the statements that would run, and for what is not repaired the reason."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from sqlclust import schema
from sqlclust.diagnosis.examination import Examination, counted
from sqlclust.diagnosis.findings import Finding, Repair
from sqlclust.errors import ConstraintError, StatementError
from sqlclust.sqlite import statements
from sqlclust.sqlite.layout import Table


@dataclass(frozen=True)
class RowRepair:
    """A statement on rows of a table, and the condition that they meet.

    Attributes:
        finding: the word of what it repairs.
        column: as in the finding.
        change: 'DELETE FROM {table}' or 'UPDATE {table} SET …', without its condition.
        did: what to say when it is done, with `{rows}` in it.
    """

    finding: str
    table: Table
    column: str | None
    change: str
    condition: str
    did: str

    @property
    def sql(self) -> str:
        """The statement."""
        return f"{self.change.format(table=self.table.sql)} WHERE {self.condition}"


class RepairPlan:
    """What would be repaired, and why the rest is not."""

    def __init__(self, exam: Examination) -> None:
        self._exam = exam
        self._rows: list[RowRepair] = []
        self._objects: list[tuple[str, str, str, str]] = []
        self._refused: dict[tuple[str, str | None, str | None], str] = {}

    # --- making it ---

    def add(self, repair: RowRepair) -> None:
        """Repair rows, unless a trigger of another program would have to run."""
        table, database = repair.table, self._exam.database
        triggers = self._exam.layout.triggers_on(table)
        foreign = [name for name, sql in triggers if not schema.makes_trigger(database, name, sql)]
        if foreign:
            reason = (
                f"not repaired by sqlclust: the table has triggers of another program ({', '.join(foreign)}), which would have "
                "to run; repair it with that program"
            )
            self.refuse(repair.finding, table.name, repair.column, reason)
        else:
            self._rows.append(repair)

    def add_object(self, kind: str, name: str, owner: str, sql: str) -> None:
        """Make an index, a view or a trigger that is missing."""
        self._objects.append((kind, name, owner, sql))

    def refuse(self, finding: str, table: str, column: str | None, reason: str) -> None:
        """Say why a finding is not repaired."""
        self._refused[finding, table, column] = reason

    # --- using it ---

    def would_change(self) -> bool:
        """Whether there is anything to repair."""
        return bool(self._objects) or any(self._count(repair) for repair in self._rows)

    def _count(self, repair: RowRepair) -> int:
        return int(self._exam.row(f"SELECT count(*) AS n FROM {repair.table.sql} WHERE {repair.condition}")[0])

    def carry_out(self) -> list[Repair]:
        """Do it; what was done."""
        database, repairs = self._exam.database, []
        for place, repair in enumerate(self._rows):
            self._exam.at(place / len(self._rows))
            statements.run(database, repair.sql)
            n = database.changes
            if n:
                did = repair.did.format(rows=counted(n, "row", "rows"))
                repairs.append(Repair(repair.finding, repair.table.name, repair.column, n, did))
        for kind, name, owner, sql in self._objects:
            # it may fail: rows that are a finding break a unique index, or it is there after all under a damaged name
            with suppress(ConstraintError, StatementError):
                statements.run(database, sql)
                repairs.append(Repair(f"missing-{kind}", owner, None, 1, f"made the {kind} {name}"))
        return repairs

    def explained(self, finding: Finding) -> Finding:
        """A finding that is left; if its repair was refused, with the reason as its remedy."""
        reason = self._refused.get((finding.finding, finding.table, finding.column))
        return finding if reason is None else finding._replace(remedy=reason)
