"""A copy of a database in a new file, by SQLite's backup interface, made before a change and kept only if there was one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlclust.errors import BackupError, CommitUnknownError, DiskFullError, ReadWriteError
from sqlclust.sqlite.database import Database

_PAGES = 256
"""Pages copied between two looks at interrupts: a megabyte."""


class Backup:
    """The backup of a database before a change.

    Attributes:
        path: its file; None as long as there is none.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.path: Path | None = None

    def make(self, target: str | None, *, why: str, at: Callable[[float], object]) -> None:
        """Copy what is committed to a file that was not there before, and sync it to the disk.

        Args:
            target: the new file; None for one beside the database, called `NAME.before-WHY-TIME`.
            at: called with the share that is done; an exception it raises stops the work.

        Raises:
            BackupError: the file is there already, or cannot be written; it is not there after an error.

        Cost: the size of the database.
        """
        source = self._database.filename
        self.path = path = _new_file(Path(source), target, why)
        try:
            # SQLite does not back up from a connection that has begun to write; another one reads what is committed
            with closing(self._database.opened_again()) as reading, closing(self._database.opened(str(path))) as copy:
                reading.copy_to(copy, at, pages=_PAGES)
            _to_disk(path)
            _to_disk(path.parent)
        except BaseException as error:
            self.remove()
            if isinstance(error, OSError | DiskFullError | ReadWriteError):
                raise BackupError(source, backup=str(path), reason=f"it cannot be written ({error})") from None
            raise

    def remove(self) -> None:
        """Remove it, if it was made: where nothing is changed it would only be taken for one that is needed."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
            self.path = None


@contextmanager
def backup_of_change(database: Database, *, doing: str) -> Iterator[Backup]:
    """A backup of what changes inside. It is removed if an error comes out, since nothing was changed then.

    Args:
        database: of a file. It may be in a write transaction that has written nothing yet.
        doing: what the change is for, for messages.

    Raises:
        CommitUnknownError: nobody knows whether anything was changed. The backup stays, and the error names it.
    """
    backup = Backup(database)
    try:
        yield backup
    except CommitUnknownError as error:
        if backup.path is None:
            raise
        raise CommitUnknownError(
            database.filename, doing=f"{doing} (backup: {backup.path})", reason=error.reason
        ) from None
    except BaseException:
        backup.remove()
        raise


def _new_file(source: Path, target: str | None, why: str) -> Path:
    """An empty file that was not there before, readable by those who may read the database."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    named = [source.with_name(f"{source.name}.before-{why}-{moment}{f'-{n}' if n > 1 else ''}") for n in range(1, 100)]
    for path in [Path(target)] if target is not None else named:
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, source.stat().st_mode & 0o777))
        except FileExistsError:
            continue
        except OSError as error:
            raise BackupError(str(source), backup=str(path), reason=f"it cannot be made ({error.strerror})") from None
        return path
    raise BackupError(str(source), backup=str(target or named[0]), reason="there is a file of that name")


def _to_disk(path: Path) -> None:
    """fsync a file, or the folder that holds its name."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        if path.is_dir():
            return  # a system where folders cannot be opened keeps names by itself
        raise
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
