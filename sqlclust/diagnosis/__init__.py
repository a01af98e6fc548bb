"""The doctor: what is wrong in a database, and what of that can be repaired for certain.

Reads the file's tables only: no view, trigger or virtual table of it runs, and no SQL text that is stored in it.
"""

from __future__ import annotations

from sqlclust.core.runtime.control import Progress
from sqlclust.diagnosis import repair as _repair
from sqlclust.diagnosis.checks import examine
from sqlclust.diagnosis.findings import Diagnosis, Finding, Repair
from sqlclust.sqlite.database import Database
from sqlclust.vectors.formats import FormatName

__all__ = ["Diagnosis", "Finding", "Repair", "diagnose", "examine"]


def diagnose(
    database: Database,
    *,
    fix: bool = False,
    quick: bool = False,
    format: FormatName | None = None,
    progress: Progress | None = None,
) -> Diagnosis:
    """Look for what is wrong in the main database; repair what is certain if asked to.

    Args:
        fix: repair, in one transaction, after a backup in a new file in the same folder. Never touches vectors or ids. First
            PRAGMA integrity_check is run; if it complains, nothing is repaired.
        quick: leave out the slow checks: the file's integrity, vectors, stored fits, models of members.
        format: of the vectors in other programs' tables; by default float32, and a finding if they look like another.
        progress: called with (phase, fraction).

    Raises:
        RepairError: `fix`, and no backup can be made, or the database is in a transaction; nothing was changed.
        LockedError, DatabaseFileError: another program holds the file, it is read-only, …; nothing was changed.
        StatementInterrupted, KeyboardInterrupt: stopped; nothing was changed.

    Cost: reads the whole file twice, once for its integrity and once for the vectors; memory does not grow with the number
    of vectors. A stored fit is held in memory while it is checked.
    """
    findings = examine(database, quick=quick, format=format, progress=progress)
    if not fix:
        return Diagnosis(findings, [], None)
    return _repair.repair(database, findings, progress, integrity_is_known=not quick)
