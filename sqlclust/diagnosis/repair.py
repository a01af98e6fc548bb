"""Repairing what is certain: after a backup, in one transaction, on a connection of its own.

That connection runs no trigger and no ON DELETE action: what a repair changes is what its statements say.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlclust import schema
from sqlclust.core.runtime.control import Progress
from sqlclust.diagnosis import checks
from sqlclust.diagnosis.clusters import MEMBER, NOISE, SIZES, WITHOUT_CLUSTER, telling_columns
from sqlclust.diagnosis.examination import RESTORE, Examination, counted
from sqlclust.diagnosis.families import Family, Role
from sqlclust.diagnosis.findings import Diagnosis, Finding, Repair
from sqlclust.diagnosis.ids import ORPHANS, check_ids
from sqlclust.diagnosis.schema_state import expected_layout, is_as_expected
from sqlclust.diagnosis.vector_tables import related_tables, vector_tables
from sqlclust.errors import CommitUnknownError, ConstraintError, RepairError, StatementError
from sqlclust.sqlite import statements
from sqlclust.sqlite.backup import back_up
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.layout import Table, object_key, quoted
from sqlclust.sqlite.transactions import translated_errors, write_transaction

PATIENCE = 10.0
"""Seconds to wait for other writers."""

_REPAIRABLE = frozenset({
    "orphans", "duplicate-assignments", "wrong-size", "noise-probability", "predicted-member", "label-without-cluster",
    "missing-index", "missing-trigger", "missing-view",
})  # fmt: skip
_OF_CONTENTS = frozenset({
    "missing-vector", "vector-type", "vector-length", "not-finite", "zero-vector", "mixed-dimensions", "other-model",
    "damaged-fit", "damaged-file", "wrong-type",
})  # fmt: skip
"""Findings that a repair leaves as they are, and that are not looked for again after it."""


def repair(
    database: Database,
    findings: list[Finding],
    progress: Progress | None = None,
    *,
    integrity_is_known: bool = True,
) -> Diagnosis:
    """Repair what of the findings can be repaired for certain. If that is nothing, no backup is made.

    Args:
        database: of the database, in no transaction. Its interrupts stop the work.
        findings: of `examine`.
        integrity_is_known: whether it looked at the file's integrity too.

    Raises:
        RepairError, LockedError, DatabaseFileError, StatementInterrupted: nothing was changed.

    Cost: the backup copies the whole file. Other writers wait for all of it; readers go on.
    """
    if not any(finding.finding in _REPAIRABLE for finding in findings):
        return Diagnosis(findings, [], None)
    path = database.filename
    if not integrity_is_known:
        findings = findings + checks.integrity(database, progress)
    if any(finding.finding == "damaged-file" for finding in findings):
        reason = "not repaired: the file is damaged, and nothing is certain in it. " + RESTORE
        explained = [f._replace(remedy=reason) if f.finding in _REPAIRABLE else f for f in findings]
        return Diagnosis(checks.ordered(explained), [], None)
    if not path:
        raise RepairError(
            "this database", reason="it is not in a file, so that there is no place for a backup beside it"
        )
    if database.is_readonly:
        raise RepairError(path, reason="the file, or its connection, is for reading only")
    if database.in_transaction:
        raise RepairError(path, reason="its connection is in a transaction; COMMIT first")
    with translated_errors(database, doing="repairing"), _own_connection(database) as own:
        return _repaired(own, database, findings, progress)


@contextmanager
def _own_connection(host: Database) -> Iterator[Database]:
    own = host.opened_again()
    try:
        statements.pragma(own, "trusted_schema", False)
        # no ON DELETE action; what the repair does to foreign keys is checked
        statements.pragma(own, "foreign_keys", False)
        own.set_triggers(False)
        own.set_defensive(True)
        # asked again and again: the host is the one whom Ctrl-C and interrupts reach
        with own.watched(lambda: host.is_interrupted, every=2_000):
            yield own
    finally:
        own.close()


def _repaired(own: Database, host: Database, findings: list[Finding], progress: Progress | None) -> Diagnosis:
    """All of it in one transaction, the last look included: whatever stops it comes before COMMIT."""
    backup: Path | None = None

    def listening(phase: str, fraction: float) -> None:
        if progress is not None:
            progress(phase, fraction)
        host.check_interrupt()

    try:
        with write_transaction(own, doing="repairing", patience=PATIENCE):
            exam = checks.start(own, listening)
            plan = _Plan(exam)
            if not plan.would_change():
                return Diagnosis([plan.explained(finding) for finding in findings], [], None)
            with exam.phase("backup"):
                backup = back_up(own, None, why="fix", at=exam.at)
            with exam.phase("repair"):
                before = _violations(exam)
                repairs = plan.carry_out()
                after = _violations(exam)
            worse = [name for name, n in after.items() if n > before.get(name, n)]
            if worse:
                reason = f"rows of {', '.join(worse)} would point at rows that a repair deletes"
                raise RepairError(own.filename, reason=reason)
            again = checks.start(own, listening)
            checks.check_rows(again)
    except CommitUnknownError as error:  # the backup may be needed
        raise CommitUnknownError(own.filename, doing=f"repairing (backup: {backup})", reason=error.reason) from None
    except BaseException:
        if backup is not None:
            backup.unlink(missing_ok=True)  # nothing was changed: it would only be taken for one that is needed
        raise
    if not repairs:
        backup.unlink(missing_ok=True)
        return Diagnosis([plan.explained(finding) for finding in findings], [], None)
    settings = {"foreign-keys-off"}  # of the host's connection, not of this one
    left = [finding for finding in again.findings if finding.finding not in settings]
    left += [finding for finding in findings if finding.finding in _OF_CONTENTS | settings]
    return Diagnosis(checks.ordered([plan.explained(finding) for finding in left]), repairs, str(backup))


def _violations(exam: Examination) -> dict[str, int]:
    """Table → rows that violate a declared foreign key of it; tables whose keys cannot be checked are left out."""
    counts: dict[str, int] = {}
    for table in exam.layout.tables.values():
        if table.foreign_keys:
            with suppress(StatementError):
                check = f"PRAGMA main.foreign_key_check({quoted(table.name)})"
                with statements.each_row(exam.database, check) as rows:
                    counts[table.name] = sum(1 for _ in rows)
    return counts


# --- the plan --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Step:
    """A statement on rows of a table, and the condition that they meet.

    Attributes:
        change: 'DELETE FROM …' or 'UPDATE … SET …', without its condition.
    """

    finding: str
    table: Table
    column: str | None
    change: str
    condition: str
    did: str


_OURS: tuple[tuple[str, Role, str], ...] = (
    ("wrong-size", "cluster", "size"),
    ("noise-probability", "assignment", "probability"),
    ("noise-probability", "prediction", "probability"),
    ("orphans", "prediction", "embedding_id"),
    ("predicted-member", "prediction", "embedding_id"),
    ("label-without-cluster", "prediction", "label"),
)
"""What is repaired only where the tables are as schema.sql makes them: finding, whose, column."""


class _Plan:
    """What would be repaired, and why the rest is not."""

    def __init__(self, exam: Examination) -> None:
        self._exam = exam
        self._steps: list[_Step] = []
        self._objects: list[tuple[str, str, str, str]] = []
        self._refused: dict[tuple[str, str | None, str | None], str] = {}
        related = related_tables(exam.layout, exam.families, vector_tables(exam.layout, exam.families))
        check_ids(exam, related)  # rows whose ids are damaged are not what they seem
        for family in exam.families:
            self._plan_orphans(family)
            self._plan_duplicates(family)
            if family.ours:
                self._plan_ours(family)
        if exam.version == schema.VERSION:
            self._plan_objects()

    def would_change(self) -> bool:
        """Whether there is anything to repair."""
        return bool(self._objects) or any(self._count(step) for step in self._steps)

    def _count(self, step: _Step) -> int:
        return int(self._exam.row(f"SELECT count(*) AS n FROM {step.table.sql} WHERE {step.condition}")[0])

    def carry_out(self) -> list[Repair]:
        """Do it; what was done."""
        database, repairs = self._exam.database, []
        for place, step in enumerate(self._steps):
            self._exam.at(place / len(self._steps))
            statements.run(database, f"{step.change} WHERE {step.condition}")
            n = database.changes
            if n:
                did = step.did.format(rows=counted(n, "row", "rows"))
                repairs.append(Repair(step.finding, step.table.name, step.column, n, did))
        for kind, name, owner, sql in self._objects:
            # a unique index on rows that are not, which are a finding; or it is there after all, under a damaged name
            with suppress(ConstraintError, StatementError):
                statements.run(database, sql)
                repairs.append(Repair(f"missing-{kind}", owner, None, 1, f"made the {kind} {name}"))
        return repairs

    def explained(self, finding: Finding) -> Finding:
        """A finding that is left, with the reason in place of a remedy that was refused."""
        reason = self._refused.get((finding.finding, finding.table, finding.column))
        return finding if reason is None else finding._replace(remedy=reason)

    # --- what is certain ---

    def _add(self, finding: str, table: Table, column: str | None, change: str, condition: str, did: str) -> None:
        foreign = [
            name
            for name, _ in self._exam.layout.triggers_on(table)
            if object_key("trigger", name) not in expected_layout(self._exam.database).objects
        ]
        if foreign:
            self._refused[finding, table.name, column] = (
                f"not repaired by sqlclust: the table has triggers of another program ({', '.join(foreign)}), which would have "
                "to run; repair it with that program"
            )
            return
        self._steps.append(_Step(finding, table, column, change.format(table=table.sql), condition, did))

    def _is_damaged(self, table: Table, *columns: str) -> bool:
        return any((table.name.lower(), column) in self._exam.damaged for column in columns)

    def _plan_orphans(self, family: Family) -> None:
        """Rows of a result that is gone."""
        roles: tuple[Role, ...] = ("assignment", "cluster", "prediction")
        for role in roles:
            found = family.get(role, "result")
            if found is None:
                continue
            child, result = found
            column = child.columns["clustering_result_id"].name
            if self._is_damaged(child, "clustering_result_id") or self._is_damaged(result, "id"):
                reason = "not repaired: ids are damaged, so that nobody knows which result a row belongs to"
            elif not self._exam.row(f"SELECT EXISTS (SELECT 1 FROM {result.sql}) AS n")[0]:
                reason = (
                    f"not repaired: {result.name} is empty, and its rows may have been lost by mistake. If not, DELETE FROM "
                    f"{quoted(child.name)}; otherwise restore a backup"
                )
            else:
                condition = ORPHANS.format(c=quoted(column), parent=result.sql)
                did = f"deleted {{rows}}: their {result.name} is gone"
                self._add("orphans", child, column, "DELETE FROM {table}", condition, did)
                continue
            self._refused["orphans", child.name, column] = reason

    def _plan_duplicates(self, family: Family) -> None:
        """Assignments that are copies of another row."""
        table = family.tables.get("assignment")
        if table is None or table.rowid is None or table.is_unique("embedding_id", "clustering_result_id"):
            return
        telling = telling_columns(table)
        if self._is_damaged(table, *(name.strip('"').lower() for name in telling)):
            self._refused["duplicate-assignments", table.name, "embedding_id"] = (
                "not repaired: ids are damaged, and rows that seem equal may be of different embeddings; sqlclust adopt takes "
                "over what is whole"
            )
            return
        self._refused["duplicate-assignments", table.name, "embedding_id"] = (
            "not repaired: the rows differ, and which of them is right is not known; delete the result and fit again"
        )
        partition = ", ".join(f"{name} COLLATE BINARY" for name in telling)
        condition = (
            f"{table.rowid} IN (SELECT place FROM (SELECT {table.rowid} AS place, row_number() OVER (PARTITION BY {partition} "
            f"ORDER BY {table.rowid}) AS copy FROM {table.sql}) WHERE copy > 1)"
        )
        did = "deleted {rows}: exact copies of another"
        self._add("duplicate-assignments", table, "embedding_id", "DELETE FROM {table}", condition, did)

    def _plan_ours(self, family: Family) -> None:
        """What only our tables have, if they are as schema.sql makes them."""
        expected = expected_layout(self._exam.database)
        ours: dict[Role, Table] = {}
        for role, table in family.tables.items():
            if self._exam.version != schema.VERSION:
                reason = "not repaired before the schema is up to date: sqlclust init, then sqlclust doctor --fix"
            elif not is_as_expected(table, expected.tables[table.name.lower()]):
                reason = f"not repaired: {table.name} is not the table that schema.sql makes"
            else:
                ours[role] = table
                continue
            for finding, of_role, column in _OURS:
                if of_role == role or (finding == "wrong-size" and role == "assignment"):
                    self._refused[finding, family[of_role].name, column] = reason
        assignment, cluster = ours.get("assignment"), ours.get("cluster")
        prediction, embedding = ours.get("prediction"), ours.get("embedding")
        if prediction and assignment and cluster and embedding:
            tables = {"prediction": prediction.sql, "assignment": assignment.sql, "cluster": cluster.sql}
            for finding, column, condition, of in (
                (
                    "orphans",
                    "embedding_id",
                    ORPHANS.format(c="embedding_id", parent=embedding.sql),
                    "their embedding is gone",
                ),
                ("predicted-member", "embedding_id", MEMBER.format(**tables), "of members of the result"),
                ("label-without-cluster", "label", WITHOUT_CLUSTER.format(**tables), "their cluster is gone"),
            ):
                did = f"deleted {{rows}}: {of}; they can be predicted again"
                self._add(finding, prediction, column, "DELETE FROM {table}", condition, did)
        if assignment and cluster:
            sizes = SIZES.format(assignment=assignment.sql, cluster=cluster.sql)
            members = (
                f"(SELECT s.members FROM ({sizes}) s WHERE s.clustering_result_id = {cluster.sql}.clustering_result_id "
                f"AND s.label = {cluster.sql}.label)"
            )
            condition = f"(clustering_result_id, label) IN (SELECT clustering_result_id, label FROM ({sizes}))"
            change = f"UPDATE {{table}} SET size = {members}"
            self._add("wrong-size", cluster, "size", change, condition, "wrote the members counted in {rows}")
        for noisy in (assignment, prediction):
            if noisy:
                change = "UPDATE {table} SET probability = 0"
                self._add("noise-probability", noisy, "probability", change, NOISE, "wrote 0 in {rows} of noise")

    def _plan_objects(self) -> None:
        """Indexes, views and triggers that are not there, of tables that are."""
        expected, found = expected_layout(self._exam.database), self._exam.layout
        for name, (kind, written, owner, sql) in expected.objects.items():
            if kind == "table" or name in found.objects:
                continue
            there, wanted = found.tables.get(owner.lower()), expected.tables.get(owner.lower())
            if wanted is None or (there is not None and is_as_expected(there, wanted)):  # None: a view's
                self._objects.append((kind, written, owner, sql))
            else:
                self._refused[f"missing-{kind}", owner, None] = (
                    f"not repaired: {owner} is not the table that schema.sql makes"
                )
