"""Plots by their kind. Matplotlib is imported when one is drawn."""

from __future__ import annotations

import importlib
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import NamedTuple

from sqlclust.errors import NothingToDrawError, PlotsNotInstalledError, PlotTooLargeError
from sqlclust.pictures.scene import Scene

KINDS = ("map", "tree", "sweep", "runs")
FORMATS = ("svg", "png", "pdf")
MOST_PIXELS = 80_000_000
"""Of a plot: some 2 GB while it is drawn. Pillow suspects more than 89 million to be an attack."""
_PACKAGES = ("matplotlib", "PIL")


@dataclass(frozen=True)
class PlotOptions:
    """How a plot is drawn.

    Attributes:
        size: width and height in inches; None: what suits the kind.
        dark: light letters on a dark background.
        dpi: points per inch, of a PNG, and of what is drawn as points in the other formats.
    """

    size: tuple[float, float] | None = None
    dark: bool = False
    dpi: int = 200


class Plot(NamedTuple):
    """A plot as a file.

    Attributes:
        data: the file.
        remarks: sentences about what could not be drawn as it is.
    """

    data: bytes
    remarks: Sequence[str]


def draw(scene: Scene, kind: str, format: str, options: PlotOptions | None = None) -> Plot:
    """Draw a plot.

    Args:
        scene: has the part that the kind shows.
        kind: of `KINDS`.
        format: of `FORMATS`.

    Raises:
        NothingToDrawError: the scene does not have that part.
        PlotsNotInstalledError: matplotlib is not there.
        PlotTooLargeError
    """
    drawn: Plot = Plot(*_drawing().plot(scene, kind, format, options or PlotOptions()))
    return drawn


def check_size(size: tuple[float, float], dpi: int) -> None:
    """Refuse a plot that is too large.

    Args:
        size: width and height in inches.

    Raises:
        PlotTooLargeError
    """
    if size[0] * size[1] * dpi**2 > MOST_PIXELS:
        raise PlotTooLargeError(size=size, dpi=dpi, most=MOST_PIXELS)


def check_installed() -> None:
    """Whether plots can be drawn here.

    Raises:
        PlotsNotInstalledError
    """
    _drawing()


def _drawing() -> ModuleType:
    try:
        with quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own imports
            return importlib.import_module("sqlclust.pictures.plots.plot")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _PACKAGES:
            raise
        raise PlotsNotInstalledError from None
    except (ValueError, OSError, ImportError) as error:  # of a variable or a file of settings that matplotlib refuses
        raise PlotsNotInstalledError(reason=f"{type(error).__name__}: {error}".replace("\n", " ")) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Without what matplotlib logs of itself, such as where its cache of fonts is: nothing to tell readers of plots."""
    log = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def missing(scene: Scene, kind: str, otherwise: str) -> NothingToDrawError:
    """The error that a scene does not have a part, with the reason that the scene has for it."""
    for sentence in scene.missing:
        what, _, why = sentence.partition(" cannot be shown: ")
        if kind in what.split() and why:
            return NothingToDrawError(kind, reason=why.rstrip("."))
    return NothingToDrawError(kind, reason=otherwise)
