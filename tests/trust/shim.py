"""A VFS that fails, or kills the process, at the n-th operation on a database's files."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from itertools import count
from typing import Any

import apsw

_names = count()

_CODES = {
    "read": apsw.SQLITE_IOERR_READ,
    "write": apsw.SQLITE_IOERR_WRITE,
    "sync": apsw.SQLITE_IOERR_FSYNC,
    "truncate": apsw.SQLITE_IOERR_TRUNCATE,
    "size": apsw.SQLITE_IOERR_FSTAT,
    "lock": apsw.SQLITE_IOERR_LOCK,
    "delete": apsw.SQLITE_IOERR_DELETE,
    "access": apsw.SQLITE_IOERR_ACCESS,
    "open": apsw.SQLITE_CANTOPEN,
}

CHANGING = ("write", "sync", "truncate", "delete")
"""Operations that change files."""


def failure(operation: str) -> apsw.Error:
    """The error that SQLite gets for an operation."""
    error: apsw.Error = apsw.CantOpenError("made up") if operation == "open" else apsw.IOError(f"made up: {operation}")
    return _with_code(error, _CODES[operation])


def full(operation: str) -> apsw.Error:
    """What a full disk says."""
    return _with_code(apsw.FullError(f"made up: {operation}"), apsw.SQLITE_FULL)


def _with_code(error: apsw.Error, code: int) -> apsw.Error:
    error.extendedresult = code  # type: ignore[attr-defined]  # missing in the stubs
    return error


class Shim(apsw.VFS):
    """Passes everything on, and counts; from `arm` on something happens at the n-th operation.

    Attributes:
        name: for apsw.Connection(vfs=…).
        done: names of the operations since it was armed, if they are among those watched.
        struck: how often it failed.
    """

    def __init__(self) -> None:
        self.name = f"shim {next(_names)}"
        self.done: list[str] = []
        self.struck = 0
        self._watched: tuple[str, ...] = ()
        self._at, self._lasting, self._after = 0, False, False
        self._end: int | None = None
        self._error: Callable[[str], BaseException] | None = failure
        super().__init__(self.name, "")

    def arm(
        self,
        at: int,
        *,
        watched: tuple[str, ...] = tuple(_CODES),
        error: Callable[[str], BaseException] | None = failure,
        lasting: bool = False,
        after: bool = False,
        end: int | None = None,
    ) -> None:
        """Let the operation number `at` of those watched fail.

        Args:
            error: what is raised; None for a read that gives half of what it should.
            end: from then on the file seems to end there, as if somebody had cut it off; nothing is raised.
            lasting: all after it fail as well.
            after: the operation is done, and then fails all the same.
        """
        self.done, self.struck = [], 0
        self._watched, self._at, self._error, self._lasting, self._after = watched, at, error, lasting, after
        self._end = end

    @property
    def end(self) -> int | None:
        """Where the database file seems to end."""
        return self._end if self.struck else None

    def disarm(self) -> None:
        """Let everything pass."""
        self._watched, self._end = (), None

    def on(self, operation: str, work: Callable[[], Any]) -> Any:
        """An operation."""
        if operation not in self._watched:
            return work()
        self.done.append(operation)
        number = len(self.done)
        if number != self._at and not (self._lasting and number > self._at):
            return work()
        self.struck += 1
        if self._end is not None:
            return work()
        if self._error is None:
            content: bytes = work()
            return content[: len(content) // 2]
        if self._after:
            work()
        raise self._error(operation)

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:
        if flags[0] & (apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_WAL):
            file: apsw.VFSFile = self.on("open", lambda: _File(self, name, flags))
            return file
        return super().xOpen(name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        self.on("delete", lambda: super(Shim, self).xDelete(filename, False))

    def xAccess(self, pathname: str, flags: int) -> bool:
        return bool(self.on("access", lambda: super(Shim, self).xAccess(pathname, flags)))


class _File(apsw.VFSFile):
    def __init__(self, shim: Shim, name: Any, flags: list[int]) -> None:
        self._shim = shim
        self._is_database = bool(flags[0] & apsw.SQLITE_OPEN_MAIN_DB)
        super().__init__("", name, flags)

    def xRead(self, amount: int, offset: int) -> bytes:
        content: bytes = self._shim.on("read", lambda: super(_File, self).xRead(amount, offset))
        return content if self._end is None else content[: max(0, self._end - offset)]

    def xWrite(self, data: Any, offset: int) -> None:
        self._shim.on("write", lambda: super(_File, self).xWrite(data, offset))

    def xSync(self, flags: int) -> None:
        self._shim.on("sync", lambda: None)  # nothing here survives a power failure, nor has to

    def xTruncate(self, newsize: int) -> None:
        self._shim.on("truncate", lambda: super(_File, self).xTruncate(newsize))

    def xFileSize(self) -> int:
        size: int = self._shim.on("size", lambda: super(_File, self).xFileSize())
        return size if self._end is None else min(size, self._end)

    @property
    def _end(self) -> int | None:
        return self._shim.end if self._is_database else None

    def xLock(self, level: int) -> None:
        self._shim.on("lock", lambda: super(_File, self).xLock(level))


def kill(operation: str) -> BaseException:
    """End this process on the spot."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError(f"still alive in {operation}")
