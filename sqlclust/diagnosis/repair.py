"""Repairing what is certain: after a backup, in one transaction, on a connection of its own.

That connection runs no trigger and no ON DELETE action. So a repair changes what its statements say, and nothing else. What it
does to foreign keys is checked before COMMIT.
"""

from __future__ import annotations

import math

from sqlclust.core.runtime.control import Progress
from sqlclust.diagnosis import checks
from sqlclust.diagnosis.certain_repairs import certain_repairs
from sqlclust.diagnosis.examination import RESTORE
from sqlclust.diagnosis.findings import Diagnosis, Finding
from sqlclust.errors import RepairError
from sqlclust.sqlite.backup import backup_of_change
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.foreign_keys import foreign_key_violations
from sqlclust.sqlite.own_connection import own_connection
from sqlclust.sqlite.transactions import PATIENCE, translated_errors, write_transaction

_DOING = "repairing"

_REPAIRABLE = frozenset({
    "orphans", "duplicate-assignments", "wrong-size", "noise-probability", "predicted-member", "label-without-cluster",
    "missing-index", "missing-trigger", "missing-view", "unused-items",
})  # fmt: skip
_OF_CONTENTS = frozenset({
    "missing-vector", "vector-type", "vector-length", "not-finite", "zero-vector", "mixed-dimensions", "other-model",
    "damaged-fit", "damaged-file", "wrong-type", "items-gone",
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
        database: in no transaction. Its interrupts stop the work.
        findings: of `examine`.
        integrity_is_known: whether `examine` looked at the file's integrity too.

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
    with translated_errors(database, doing=_DOING), own_connection(database, foreign_keys=False) as own:
        own.set_defensive(True)
        return _repaired(own, database, findings, progress)


def _repaired(own: Database, host: Database, findings: list[Finding], progress: Progress | None) -> Diagnosis:
    """All of it in one transaction, the last look included: whatever stops it comes before COMMIT."""

    def listening(phase: str, fraction: float) -> None:
        if progress is not None:
            progress(phase, fraction)
        host.check_interrupt()

    with (
        backup_of_change(own, doing=_DOING) as backup,
        write_transaction(own, doing=_DOING, patience=PATIENCE),
    ):
        exam = checks.start(own, listening)
        plan = certain_repairs(exam)
        if not plan.would_change():
            return Diagnosis([plan.explained(finding) for finding in findings], [], None)
        with exam.phase("backup"):
            backup.make(None, why="fix", at=exam.at)
        with exam.phase("repair"):
            before = foreign_key_violations(own, exam.layout.tables.values())
            repairs = plan.carry_out()
            after = foreign_key_violations(own, exam.layout.tables.values())
        worse = [name for name, n in after.items() if before[name] < n < math.inf]
        if worse:
            reason = f"rows of {', '.join(worse)} would point at rows that a repair deletes"
            raise RepairError(own.filename, reason=reason)
        again = checks.start(own, listening)
        checks.check_rows(again)
    if not repairs:
        backup.remove()
        return Diagnosis([plan.explained(finding) for finding in findings], [], None)
    settings = {"foreign-keys-off"}  # of the host's connection, not of this one
    left = [finding for finding in again.findings if finding.finding not in settings]
    left += [finding for finding in findings if finding.finding in _OF_CONTENTS | settings]
    return Diagnosis(checks.ordered([plan.explained(finding) for finding in left]), repairs, str(backup.path))
