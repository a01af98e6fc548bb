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


class PlotTooLargeError(PictureError):
    """A plot of more pixels than are drawn."""

    def __init__(self, *, size: tuple[float, float], dpi: int, most: int) -> None:
        """Width and height in inches; `most`: pixels."""
        found = size[0] * size[1] * dpi**2
        super().__init__(
            f"{size[0]:.3g} x {size[1]:.3g} inches with {dpi:,} pixels to the inch are {found / 1e6:,.0f} million pixels, "
            f"expected {most // 1_000_000} million at the most; take a smaller size or fewer dpi"
        )
        self.size, self.dpi, self.most = size, dpi, most


class NothingToDrawError(PictureError):
    """A result does not have what a picture shows."""

    def __init__(self, kind: str, *, reason: str) -> None:
        """`kind` is of the picture: 'map', 'tree', 'sweep' or 'runs'."""
        super().__init__(f"no {kind} in this result: {reason}")
        self.kind, self.reason = kind, reason
