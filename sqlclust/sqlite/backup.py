"""A copy of a database in a new file, by SQLite's backup interface. It is synced to the disk."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from sqlclust.errors import BackupError, DiskFullError, ReadWriteError
from sqlclust.sqlite.database import Database

_PAGES = 256
"""Pages copied between two looks at interrupts: a megabyte."""


def back_up(database: Database, target: str | None, *, why: str, at: Callable[[float], object]) -> Path:
    """Copy what is committed in a database to a file that was not there before.

    Args:
        database: of a file. It may be in a write transaction that has written nothing yet.
        target: the new file; None for one beside the database, called `NAME.before-WHY-TIME`.
        at: called with the share that is done; an exception it raises stops the work.

    Raises:
        BackupError: the file is there already, or cannot be written; it is not there after an error.

    Cost: the size of the database.
    """
    source = database.filename
    path = _new_file(Path(source), target, why)
    try:
        # SQLite does not back up from a connection that has begun to write; another one reads what is committed
        with closing(database.opened_again()) as reading, closing(database.opened(str(path))) as copy:
            reading.copy_to(copy, at, pages=_PAGES)
        _to_disk(path)
        _to_disk(path.parent)
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError | DiskFullError | ReadWriteError):
            raise BackupError(source, backup=str(path), reason=f"it cannot be written ({error})") from None
        raise
    return path


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
