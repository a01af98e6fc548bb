"""The file that a picture is written to: whole or not at all, and never over a database."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from pathlib import Path

import click

STDOUT = "-"
_OPTION = "'-o' / '--output'"
_SQLITE = b"SQLite format 3\x00"
_OF_A_DATABASE = ("-wal", "-journal", "-shm")
"""Endings of the files that belong to a database: without them it may be damaged."""


def is_stdout(path: str) -> bool:
    """Whether a path means stdout: -, or the same file by another name, as /dev/stdout is."""
    if path == STDOUT:
        return True
    try:
        return os.path.samestat(os.stat(path), os.fstat(sys.stdout.fileno()))
    except (OSError, ValueError):
        return False


def check_target(path: str) -> None:
    """Before long work: can a picture be written there?

    Raises:
        click.BadParameter: the folder is not there, the path is a folder, or a database that would be lost, or a file of one.
    """
    if is_stdout(path):
        return
    target = Path(path)
    if not path or target.is_dir():
        raise click.BadParameter(f"{path!r} is a folder, expected the name of a file", param_hint=_OPTION)
    for folder in (target.parent, Path(os.path.realpath(path)).parent):  # a link may lead elsewhere
        if not folder.is_dir():
            raise click.BadParameter(f"there is no folder {str(folder)!r}", param_hint=_OPTION)
    if _begins_as_a_database(target):
        raise click.BadParameter(f"{path!r} is a database, expected another file", param_hint=_OPTION)
    for ending in _OF_A_DATABASE:
        if path.endswith(ending) and _begins_as_a_database(Path(path.removesuffix(ending))):
            raise click.BadParameter(f"{path!r} is a file of a database, expected another file", param_hint=_OPTION)


def _begins_as_a_database(path: Path) -> bool:
    if not path.is_file():  # a pipe waits for whoever writes
        return False
    try:
        with path.open("rb") as file:
            return file.read(len(_SQLITE)) == _SQLITE
    except OSError:
        return False


def write_picture(path: str, content: bytes) -> None:
    """Write a file, or to stdout. One that is there is replaced at once by the finished one; on an error it stays as it was.

    Raises:
        OSError
    """
    if is_stdout(path):
        sys.stdout.buffer.write(content)
        return
    try:
        _written(path, content)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error  # the name that was asked for


def _written(path: str, content: bytes) -> None:
    named = Path(path)
    if named.exists() and not named.is_file():  # a device or a pipe, which is not replaced
        named.write_bytes(content)
        return
    target = Path(os.path.realpath(path))
    # as short as can be: 255 bytes are a name, and a letter has up to four; and nobody else's, whatever another process is called
    unfinished = target.with_name(f".{target.name[:40]}.{secrets.token_hex(4)}.unfinished")
    try:
        with unfinished.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(OSError):
            if target.exists():
                unfinished.chmod(target.stat().st_mode & 0o777)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def size_text(n: int) -> str:
    """Bytes as people read them."""
    return f"{n / 1e6:.1f} MB" if n >= 950_000 else f"{max(1, round(n / 1000)):,} KB"
