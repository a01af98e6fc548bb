"""SQLite's errors as ours, and ours as SQLite's."""

from __future__ import annotations

from sqlclust.errors import NotAuthorizedError, SqlclustError, SqliteError, StatementInterrupted
from sqlclust.errors.sqlite import class_of, says_not_authorized

ERROR, NOMEM, INTERRUPT, AUTH = 1, 7, 9, 23
"""Result codes of SQLite."""


def made(code: int, message: str) -> SqliteError:
    """The error of a result code, which may be an extended one."""
    error = class_of(code)(message)
    error.code = code
    return error


def interruption() -> SqliteError:
    """The error of an interrupt."""
    return made(INTERRUPT, "interrupted")


def described(error: BaseException) -> tuple[int, str]:
    """A result code and a text for SQLite, of whatever came out of a function."""
    code, text = _code_and_text(error)
    # what SQLite takes for a text: UTF-8, up to the first NUL
    return code, text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def _code_and_text(error: BaseException) -> tuple[int, str]:
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPT, "interrupted"
    if isinstance(error, StatementInterrupted):
        return error.code or INTERRUPT, str(error)
    if isinstance(error, SqliteError):
        return error.code or ERROR, str(error)
    if isinstance(error, SqlclustError):
        return ERROR, str(error)
    if isinstance(error, MemoryError):
        return NOMEM, "out of memory"
    try:
        return ERROR, f"{type(error).__name__}: {error}"
    except Exception:  # its __str__
        return ERROR, type(error).__name__


def refusal_of(error: SqliteError, filename: str) -> NotAuthorizedError | None:
    """What to say where a host's authorizer is why."""
    code = (error.code or 0) & 0xFF
    refused = code == AUTH or (code == ERROR and says_not_authorized(str(error)))
    return NotAuthorizedError(filename, reason=str(error)) if refused else None
