"""Work that could not go on: no memory, stopped, another package changed."""

from __future__ import annotations

from sqlclust.errors.base import SqlclustError


class OutOfMemoryError(SqlclustError):
    """Not enough memory for the work asked for."""

    def __init__(
        self,
        what: str,
        *,
        advice: str = "Use the approximate engine, select fewer rows, downsample, or fit in shards (sqlclust fit --workers)",
    ) -> None:
        super().__init__(f"not enough memory: {what}; nothing was written. {advice}")
        self.what = what


class BorrowedFunctionError(SqlclustError):
    """A function of another package that is not public, and that this version of the package has changed."""

    def __init__(self, *, package: str, version: str, function: str, found: str, expected: str) -> None:
        super().__init__(
            f"{package} {version} has changed {function}, which sqlclust calls: {found}; expected a function that takes "
            f"{expected}. Install a version of {package} that sqlclust knows, or a newer sqlclust"
        )
        self.package, self.version, self.function = package, version, function
        self.found, self.expected = found, expected


class Interrupted(SqlclustError):
    """The work was stopped on request (Ctrl-C, `Connection.interrupt()`, a callback); nothing was written."""

    def __init__(self) -> None:
        super().__init__("interrupted; nothing was written")
