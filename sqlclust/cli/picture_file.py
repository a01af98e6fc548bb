"""The file that a picture is written to: whole or not at all, and never over a database."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import click

STDOUT = "-"
_SQLITE = b"SQLite format 3\x00"


def check_target(path: str, hint: str = "'-o' / '--output'") -> None:
    """Before long work: can a picture be written there?

    Raises:
        click.BadParameter: the folder is not there, the path is a folder, or a database that would be lost.
    """
    if path == STDOUT:
        return
    target = Path(path)
    if not path or target.is_dir():
        raise click.BadParameter(f"{path!r} is a folder, expected the name of a file", param_hint=hint)
    if not target.parent.is_dir():
        raise click.BadParameter(f"there is no folder {str(target.parent)!r}", param_hint=hint)
    if _begins_as_a_database(target):
        raise click.BadParameter(f"{path!r} is a database, expected another file", param_hint=hint)


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
    if path == STDOUT:
        sys.stdout.buffer.write(content)
        return
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():  # a device or a pipe, which is not replaced
        target.write_bytes(content)
        return
    unfinished = target.with_name(f".{target.name[:200]}.{os.getpid()}.unfinished")
    try:
        with unfinished.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(OSError):
            if target.exists():
                unfinished.chmod(target.stat().st_mode & 0o777)
        unfinished.replace(target)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error  # the name that was asked for
    finally:
        unfinished.unlink(missing_ok=True)


def size_text(n: int) -> str:
    """Bytes as people read them."""
    return f"{n / 1e6:.1f} MB" if n >= 950_000 else f"{max(1, round(n / 1000)):,} KB"
