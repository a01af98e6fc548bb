"""What the doctor says: findings, and what a repair did about them."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

Severity = Literal["error", "note"]
"""error: something is wrong. note: worth knowing, and may be meant."""


class Finding(NamedTuple):
    """One thing found.

    Attributes:
        finding: what, as a fixed word such as 'damaged-ids'.
        table: where; None: the file or the connection as a whole.
        column: where; several are separated by a comma.
        id: an example: the id of a row of `table`, or, where its key is made of several columns, the first of them.
        remedy: what to do.
        n: how many: rows, or objects.
        severity: 'error' or 'note'.
        detail: one sentence with the facts.
    """

    finding: str
    table: str | None
    column: str | None
    id: Any
    remedy: str
    n: int
    severity: Severity
    detail: str


class Repair(NamedTuple):
    """One thing repaired.

    Attributes:
        finding: of the findings, which one.
        table: what was changed.
        column: what was changed; None: whole rows, or an object.
        n: rows or objects changed.
        did: one sentence.
    """

    finding: str
    table: str
    column: str | None
    n: int
    did: str


class Diagnosis(NamedTuple):
    """What the doctor found and did.

    Attributes:
        findings: errors first; after a repair those that are left.
        repairs: what was repaired.
        backup: the file that holds the database as it was before the repair; None if nothing was repaired.
    """

    findings: list[Finding]
    repairs: list[Repair]
    backup: str | None

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong; there may be notes."""
        return all(finding.severity != "error" for finding in self.findings)
