"""Pictures that cannot be drawn."""

from __future__ import annotations

from sqlclust.errors.base import SqlclustError


class PictureError(SqlclustError):
    """A picture of a result cannot be made."""


class PlotsNotInstalledError(PictureError):
    """The library that draws plots is not there, or cannot be imported."""

    def __init__(self, *, reason: str = "") -> None:
        problem = f"cannot be imported ({reason})" if reason else "is not installed: pip install 'sqlclust[pictures]'"
        super().__init__(f"plots are drawn by matplotlib, which {problem}")
        self.reason = reason


class NothingToDrawError(PictureError):
    """A result does not have what a picture shows."""

    def __init__(self, kind: str, *, reason: str) -> None:
        """`kind` is of the picture: 'map', 'tree', 'sweep' or 'runs'."""
        super().__init__(f"no {kind} in this result: {reason}")
        self.kind, self.reason = kind, reason
