"""Transactions: locks of others, and a COMMIT that nobody knows the end of."""

from __future__ import annotations

from sqlclust.errors.files import DatabaseError


class LockedError(DatabaseError):
    """Another connection holds a lock, usually the write lock."""

    def __init__(self, *, waited: float, doing: str) -> None:
        super().__init__(
            f"another connection is using the database and did not finish within {waited:.0f} s: {doing} "
            "was given up and nothing was written. Try again when the other is done"
        )
        self.waited, self.doing = waited, doing


class CommitUnknownError(DatabaseError):
    """A transaction of which nobody knows whether it was committed: COMMIT failed, and looking it up failed too."""

    def __init__(self, path: str, *, doing: str, reason: str) -> None:
        super().__init__(
            f"{path or 'this database'}: the end of {doing} failed ({reason}), and it cannot be told whether before or after "
            "it was done. It is there whole or not at all: look before you try again"
        )
        self.path, self.doing, self.reason = path, doing, reason
