"""Where the compiled extension is: in the package, or where that cannot be written in a cache folder of the user's.

Beside it lies a note that says which Python it is for. A host without Python, such as the sqlite3 shell, starts that one.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import sysconfig
import threading
from contextlib import suppress
from pathlib import Path

from sqlclust import __version__
from sqlclust.bindings.loadable import compiling
from sqlclust.errors import ExtensionFolderError, ExtensionNotCompiledError, ExtensionUnsupportedError

PACKAGE = compiling.FOLDER.parents[1]
"""The folder `sqlclust`."""
NOTE = "sqlclust.python"


def loadable_path() -> str:
    """See `sqlclust.loadable_path`."""
    path = compiled_path()
    _note_python(path.with_name(NOTE))
    return str(path.with_suffix(""))


def compiled_path() -> Path:
    """The compiled file, made now if there is none or its sources have changed since; nothing is noted.

    Raises:
        ExtensionUnsupportedError, ExtensionNotCompiledError, ExtensionFolderError: see `sqlclust.loadable_path`.
    """
    if sys.platform == "win32":
        raise ExtensionUnsupportedError(
            "sqlclust's loadable extension is for Linux and macOS, and this is Windows", advice="use sqlclust.connect"
        )
    path = compiling.FOLDER / compiling.NAME
    if compiling.fits(path):
        return path
    try:
        _compile(path)
    except OSError:  # the folder cannot be written
        path = _cache_folder() / compiling.NAME
        if not compiling.fits(path):
            try:
                _compile(path)
            except OSError as error:
                raise _unusable(path.parent, error.strerror or str(error)) from error
    return path


def _compile(path: Path) -> None:
    try:
        compiling.compile_extension(path)
    except compiling.CompilerMissingError as error:
        raise ExtensionNotCompiledError(str(path), tried=error.tried) from error


# --- the cache ------------------------------------------------------------------------------------------------------------


def _cache_folder() -> Path:
    """A folder of this user's, for this version of the sources and this package, made if it is not there.

    Raises:
        ExtensionFolderError: it cannot be made, or others could have written into it: what is there will be executed.
    """
    told = os.environ.get("XDG_CACHE_HOME", "")
    caches = Path(told if os.path.isabs(told) else os.path.expanduser("~/.cache"))
    if not caches.is_absolute():
        raise _unusable(caches, "this user has no home folder")
    # each package has a folder, because the note in it says of one; and a home may be shared by machines of two kinds
    parts = (compiling.source_digest(), str(PACKAGE), sysconfig.get_platform())
    key = hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    folder = caches / "sqlclust" / f"{__version__}-{key}"
    for each in (folder.parent, folder):
        _make_private(each)
    return folder


def _make_private(folder: Path) -> None:
    try:
        with suppress(FileExistsError):
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700)
        found = folder.lstat()
    except OSError as error:
        raise _unusable(folder, error.strerror or str(error)) from error
    if not stat.S_ISDIR(found.st_mode):
        raise _unusable(folder, "is not a folder")
    if found.st_uid != os.geteuid():
        raise _unusable(folder, f"belongs to another user (id {found.st_uid})")
    if found.st_mode & 0o022:
        raise _unusable(folder, f"can be written by others (mode {stat.S_IMODE(found.st_mode):o})")


def _unusable(folder: Path, reason: str) -> ExtensionFolderError:
    return ExtensionFolderError(str(folder), reason=reason, package=str(compiling.FOLDER))


# --- the note -------------------------------------------------------------------------------------------------------------


def _note_python(note: Path) -> None:
    """Note this Python and the package's folder, a line each, if that is not what the note says, and if it can be written."""
    program = sys.executable or ""  # of a program in which Python is embedded, that program, or nothing
    lines = [os.fsencode(program), os.fsencode(PACKAGE)]
    if "python" not in Path(program).name.lower() or any(b"\n" in line for line in lines):
        return
    content = b"".join(line + b"\n" for line in lines)
    part = note.with_name(f".{NOTE}.{os.getpid()}.{threading.get_ident()}")
    with suppress(OSError):
        if note.is_file() and note.read_bytes() == content:
            return
        try:
            part.write_bytes(content)
            os.replace(part, note)
        finally:
            part.unlink(missing_ok=True)  # it is there if that failed
