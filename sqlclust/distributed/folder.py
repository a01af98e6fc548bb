"""The spool folder: which files in it are a fit's, one client at a time, and what is removed when it is done.

The files of a fit are in a folder of their own in it, whose name no other fit has ever had. A task that somebody still runs for
an earlier fit finds that fit's folder, or none. So it writes nothing among the files of this one.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlclust.errors import SpoolFolderError, SpoolInUseError

PLAN = "plan.json"
_LOCK = "client.lock"
_FILE = (
    r"(?:plan\.json|numbers|corpus|cells|shards|leaves|(?:scan|nearest|destinations|routed|found|merged|forest|verified)-\d{6,}"
    r"|(?:picked|answer)-(?:recall|confirm|out-\d+|back-\d+)-\d{6,}|(?:request|asking)-(?:recall|confirm|out-\d+|back-\d+))"
)
_FOLDER = re.compile(r"fit-[0-9a-f]{12}")
_OF_A_FIT, _DRAFT = re.compile(_FILE), re.compile(rf"{_FILE}\.\d+-[0-9a-f]{{8}}\.tmp")
_HELD_ELSEWHERE = {errno.EACCES, errno.EAGAIN}
_held_here: set[str] = set()
"""Folders of fits of this process: a lock of a file keeps out other processes only."""
_guard = threading.Lock()


def make_folder(spool: str) -> None:
    """Make the folder, unless it is there. Raises SpoolFolderError."""
    try:
        os.makedirs(spool, exist_ok=True)
    except OSError as error:
        raise SpoolFolderError(spool, reason=f"cannot be made ({error.strerror})") from None


def new_fit(spool: str) -> str:
    """Make a folder in the spool folder for the files of a fit that begins. Raises SpoolFolderError."""
    folder = os.path.join(spool, f"fit-{secrets.token_hex(6)}")
    make_folder(folder)
    return folder


def fits(spool: str) -> list[str]:
    """The folders of fits that were begun and are not done, sorted. Those that have nothing, of a client that died early, go."""
    found = []
    for folder in _folders(spool):
        if files_of_fit(folder):
            found.append(folder)
        else:
            _remove_fit(folder)
    return found


def has_fit(spool: str) -> bool:
    """Whether a fit was begun in the spool folder and is not done; False where there is no such folder."""
    return os.path.isdir(spool) and any(os.path.isfile(os.path.join(folder, PLAN)) for folder in _folders(spool))


def files_of_fit(folder: str) -> list[str]:
    """The names of the files in a fit's folder that tasks have written, and the plan, sorted; no drafts."""
    return sorted(name for name in os.listdir(folder) if _OF_A_FIT.fullmatch(name))


def remove_spool(spool: str, folder: str | None = None) -> None:
    """Remove what a fit has written to its folder, and the spool folder if nothing else is in it.

    Args:
        folder: of the fit; None: what any fit has written.
    """
    for each in _folders(spool) if folder is None else [folder]:
        _remove_fit(each)
    with suppress(FileNotFoundError):
        os.unlink(os.path.join(spool, _LOCK))
    with suppress(
        OSError
    ):  # there is something in it; or it is a mounted disk or a link, or in a folder that is not ours
        os.rmdir(spool)


def _folders(spool: str) -> list[str]:
    paths = [os.path.join(spool, name) for name in sorted(os.listdir(spool)) if _FOLDER.fullmatch(name)]
    return [path for path in paths if os.path.isdir(path)]


def _remove_fit(folder: str) -> None:
    """Remove a fit's files, and its folder if nothing else is in it.

    The plan goes last, when nothing else of the fit's is there: whoever is stopped here, and whoever still writes meanwhile,
    leaves no files of which nobody knows whose they are.
    """
    while written := _written(folder):
        for name in written:
            with suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, name))
    with suppress(FileNotFoundError):
        os.unlink(os.path.join(folder, PLAN))
    if not os.listdir(folder):
        os.rmdir(folder)


def _written(folder: str) -> list[str]:
    """What tasks have written, drafts as well; not the plan."""
    names = [name for name in os.listdir(folder) if _OF_A_FIT.fullmatch(name) or _DRAFT.fullmatch(name)]
    return [name for name in names if name != PLAN]


@contextmanager
def held(spool: str) -> Iterator[None]:
    """Keep other clients out of a folder, which is made; the system lets go of it when this process ends, however it does.

    Raises:
        SpoolInUseError: another client has it.
        SpoolFolderError: it cannot be made or written.
    """
    made = not os.path.isdir(spool)
    make_folder(spool)
    path, real = os.path.join(spool, _LOCK), os.path.realpath(spool)
    with _guard:
        if real in _held_here:
            raise SpoolInUseError(spool, client=f"this process, {os.getpid()}")
        _held_here.add(real)
    try:
        number = _locked(spool, path)
        try:
            yield
        finally:
            if _is_at(number, path):
                with suppress(OSError):
                    os.unlink(path)
            os.close(number)
    finally:
        with _guard:
            _held_here.discard(real)
        if made:
            with suppress(OSError):  # there is something in it, or it is gone
                os.rmdir(spool)


def _locked(spool: str, path: str) -> int:
    """The open lock file, locked."""
    while True:
        try:
            number = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise SpoolFolderError(path, reason=f"cannot be written ({error.strerror})") from None
        try:
            _lock(spool, number)
        except BaseException:
            os.close(number)
            raise
        if _is_at(number, path):
            os.ftruncate(number, 0)
            os.write(number, f"process {os.getpid()} on {socket.gethostname()}".encode())
            return number
        os.close(number)  # whoever had it removed it while it was opened here


def _lock(spool: str, number: int) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.lockf(number, fcntl.LOCK_EX | fcntl.LOCK_NB)  # not `flock`: that lock would go on in forked workers
    except OSError as error:
        if error.errno in _HELD_ELSEWHERE:
            client = os.pread(number, 300, 0).decode(errors="replace") or "another process"
            raise SpoolInUseError(spool, client=client) from None
        # a disk that has no locks


def _is_at(number: int, path: str) -> bool:
    """Whether an open file is the one of this name."""
    try:
        return os.path.samestat(os.fstat(number), os.stat(path))
    except OSError:
        return False
