"""The tables and views of ours that a database has, or should have."""

from __future__ import annotations

from collections.abc import Sequence

from sqlclust.errors.files import DatabaseError
from sqlclust.errors.wording import shown


class SchemaMissingError(DatabaseError):
    """A database without our tables."""

    def __init__(self, path: str, *, advice: str | None = None) -> None:
        """Advice: how to go on, if not by making the tables."""
        advice = advice or f"; run: sqlclust init {path or 'FILE.db'}"
        super().__init__(f"{path or 'this database'} has no sqlclust tables{advice}")
        self.path = path


class SQLiteVersionError(DatabaseError):
    """An SQLite that is older than the schema."""

    def __init__(self, *, found: str, expected: str) -> None:
        super().__init__(f"this is SQLite {found}, and sqlclust's tables need {expected} or newer; nothing was changed")
        self.found, self.expected = found, expected


class SchemaConflictError(DatabaseError):
    """Tables or views of our names that are not ours."""

    def __init__(self, path: str, *, names: Sequence[str], version: int | None = None, advice: str = "") -> None:
        """Names with their kinds; version is that of our own tables beside them, if they are there and need an upgrade.

        Advice: what to do instead, where something else than a new file does.
        """
        advice = advice or (
            "Make a new file with sqlclust init, ATTACH this one to it and copy the rows"
            if version is None
            else f"The file goes on working as schema version {version}. To upgrade it, give what has the name another one "
            f"and run: sqlclust init {path or 'FILE.db'}"
        )
        super().__init__(
            f"{path or 'this database'} already has {', '.join(names)} of another program, and sqlclust needs those "
            f"names; nothing was changed. {advice}"
        )
        self.path, self.names, self.version = path, tuple(names), version


class ViewNameError(DatabaseError):
    """The view of a source cannot have its name."""

    def __init__(self, path: str, *, source: str, name: str, reason: str) -> None:
        """Reason: what has the name, with its kind, or what is wrong with it."""
        super().__init__(
            f"source {shown(source)} shows its clusters in a view {shown(name)} of {path or 'this database'}, and {reason}; "
            "nothing was changed. Fit it as a source of another name (sqlclust fit DB NAME --table …), rename what has this one, "
            "or keep the results in a file of their own (--into RESULTS.db)"
        )
        self.path, self.source, self.name, self.reason = path, source, name, reason


class SchemaContentError(SchemaConflictError):
    """Rows that a newer version of a table of ours does not allow."""

    def __init__(self, path: str, *, table: str, reason: str, version: int, wanted: int) -> None:
        """Reason as SQLite says it; version is that of the file, and wanted the one whose table refuses the rows."""
        DatabaseError.__init__(
            self,
            f"{path or 'this database'} has rows in {table} that schema version {wanted} does not allow ({reason}); nothing "
            f"was changed. The file goes on working as schema version {version}. To upgrade it, mend the rows and run: "
            f"sqlclust init {path or 'FILE.db'}",
        )
        self.path, self.names, self.version = path, (f"table {table}",), version
        self.table, self.reason, self.wanted = table, reason, wanted


class SchemaDamagedError(DatabaseError):
    """A database of ours in which a table is missing or is not what it was."""

    def __init__(self, path: str, *, reason: str) -> None:
        super().__init__(
            f"{path or 'this database'} has the ledger of sqlclust's schema, but {reason}; restore it from a backup, or make "
            "a new file with sqlclust init and copy the rows"
        )
        self.path, self.reason = path, reason


class SchemaOutdatedError(DatabaseError):
    """A database whose tables are of an older version, which has no place for what is to be written."""

    def __init__(self, path: str, *, what: str, found: int, expected: int) -> None:
        """What is to be written, at the beginning of a sentence."""
        super().__init__(
            f"{path or 'this database'} has schema version {found}, and {what} needs {expected}; nothing was written. "
            f"Run: sqlclust init {path or 'FILE.db'}"
        )
        self.path, self.what, self.found, self.expected = path, what, found, expected


class SchemaVersionError(DatabaseError):
    """A database written by a newer version of this package."""

    def __init__(self, path: str, *, found: int, expected: int) -> None:
        super().__init__(
            f"{path or 'this database'} has schema version {found}, and this sqlclust knows {expected} at most; "
            "upgrade sqlclust"
        )
        self.path, self.found, self.expected = path, found, expected
