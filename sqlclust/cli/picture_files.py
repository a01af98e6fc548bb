"""Pictures become files: whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets

from sqlclust.errors import PictureFileError


def write_picture(path: str, data: bytes) -> None:
    """Write a file, in the place of one that may be there: a reader sees the old one or the new one, and a full disk leaves the
    old one.

    A link stays, and what it leads to is replaced. What is no file (/dev/stdout, a pipe) is written to.

    Raises:
        PictureFileError: there is no such folder, it cannot be written, there is no room, …
    """
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise PictureFileError(path, reason=f"there is no folder {folder}")
    if os.path.isdir(target):
        raise PictureFileError(path, reason="it is a folder")
    try:
        if os.path.exists(target) and not os.path.isfile(target):
            with open(target, "wb") as stream:
                stream.write(data)
        else:
            _replace(target, data)
    except OSError as error:
        raise PictureFileError(path, reason=error.strerror or str(error)) from None


def _replace(target: str, data: bytes) -> None:
    part = f"{target}.{secrets.token_hex(4)}.part"
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as stream:
            if os.path.exists(target):
                os.fchmod(stream.fileno(), os.stat(target).st_mode & 0o7777)
            stream.write(data)
        os.replace(part, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise
