"""Database files: opening, reading, backup, repair."""

from __future__ import annotations

from sqlclust.errors.base import SqlclustError


class DatabaseError(SqlclustError):
    """The file or its schema is not what is needed."""


class DatabaseFileError(DatabaseError):
    """A path that cannot be opened as a database."""

    def __init__(self, path: str, *, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason


class WriteProtectedError(DatabaseFileError):
    """A database that can be opened for reading only."""


class NotAuthorizedError(DatabaseError):
    """The connection's authorizer forbids something that is needed, or hides it."""

    def __init__(self, path: str, *, reason: str, hidden: str = "") -> None:
        """`hidden` is what it answers SQLITE_IGNORE to, an operation and what it is of."""
        does = (
            f"hides from a statement of sqlclust what it needs (SQLITE_IGNORE for {hidden})"
            if hidden
            else f"forbids a statement of sqlclust ({reason})"
        )
        super().__init__(f"{path or 'this database'}: the connection's authorizer {does}")
        self.path, self.reason, self.hidden = path, reason, hidden


class NotUnicodeError(DatabaseError):
    """TEXT in the database whose bytes are not UTF-8, so that no program can read it as text."""

    def __init__(self, where: str, *, value: bytes, position: int, reason: str) -> None:
        start = value[:40].hex()
        text = f"x'{start}'" if len(value) <= 40 else f"x'{start}…' ({len(value):,} bytes)"
        super().__init__(
            f"{where} {text} is TEXT that is not UTF-8 (byte 0x{value[position]:02x} at position {position}: {reason}); "
            "store it as UTF-8, or as a BLOB"
        )
        self.where, self.value, self.position = where, value, position


class RepairError(DatabaseError):
    """A database that sqlclust doctor --fix does not repair."""

    def __init__(self, path: str, *, reason: str) -> None:
        super().__init__(f"{path} was not repaired: {reason}; nothing was changed")
        self.path, self.reason = path, reason


class AdoptError(DatabaseError):
    """A database of the old project that sqlclust adopt does not take over."""

    def __init__(self, path: str, *, reason: str) -> None:
        super().__init__(f"{path or 'this database'} was not adopted: {reason}; nothing was changed")
        self.path, self.reason = path, reason


class BackupError(DatabaseError):
    """A backup that cannot be made; so what it was for was not done either."""

    def __init__(self, path: str, *, backup: str, reason: str) -> None:
        super().__init__(f"{path} was not backed up to {backup}: {reason}; nothing was changed")
        self.path, self.backup, self.reason = path, backup, reason
