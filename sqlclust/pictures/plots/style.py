"""How plots look: inks, sizes, and settings of matplotlib, which are put back after each drawing."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sqlclust.pictures import colours
from sqlclust.pictures.plots.drawing import quiet

OWN_FONT = "DejaVu Sans"
"""Comes with matplotlib."""
POINTS_PER_INCH = 72.0
TITLE, SMALL, TINY = 10.5, 8.0, 7.0
"""Sizes of letters, in points: the title, what is beside it and on axes, names."""


@dataclass(frozen=True)
class Theme:
    """Inks of one background.

    Attributes:
        paper, ink: of the background and of text.
        faint: of text that says less.
        rule: of lines beside data.
        noise: of rows and nodes that are in no cluster.
        accent: of a second line.
        palette: of clusters; `SceneCluster.colour` is a number into it.
    """

    paper: str
    ink: str
    faint: str
    rule: str
    noise: str
    accent: str
    palette: tuple[str, ...]


def _theme(of_clusters: colours.Theme, *, ink: str, faint: str, rule: str) -> Theme:
    return Theme(
        of_clusters.background, ink, faint, rule, of_clusters.noise, of_clusters.clusters[1], of_clusters.clusters
    )


LIGHT = _theme(colours.LIGHT, ink="#1b1d21", faint="#62666d", rule="#d4d7db")
DARK = _theme(colours.DARK, ink="#eceef0", faint="#a0a6ae", rule="#3d424a")


@contextmanager
def drawing_with(families: Sequence[str]) -> Iterator[None]:
    """Matplotlib with its own defaults and ours, whatever files, variables and programs have set; after that, as it was.

    Args:
        families: of fonts, the first of which has most of the letters.
    """
    with quiet(), matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of an old matplotlib with a new pyparsing
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(
            {
                "font.family": [*families, "sans-serif"],
                "font.sans-serif": ["Verdana", OWN_FONT],  # as wide as ours, for whoever reads an SVG without it
                "font.size": SMALL,
                "svg.fonttype": "none",  # letters stay text: small files, found by a search
                "svg.hashsalt": "sqlclust",  # ids in the file are the same each time
                "pdf.fonttype": 42,  # letters stay text
                "text.hinting": "none",  # letters are where their outlines are
                "path.simplify": True,
            }
        )
        yield


def new_figure(size: tuple[float, float], theme: Theme) -> Figure:
    """An empty figure, width and height in inches."""
    return Figure(figsize=size, facecolor=theme.paper)


def as_rgb(written: Sequence[str]) -> NDArray[np.float64]:
    """Colours written #rrggbb as float64 (n, 3), 0 to 1."""
    values = [[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in written]
    return np.array(values, dtype=np.float64).reshape(-1, 3) / 255


def mixed(colour: str, other: str, share: float) -> str:
    """`share` of the other colour in a colour."""
    one, two = as_rgb([colour, other])
    return "#" + "".join(f"{round(255 * value):02x}" for value in one * (1 - share) + two * share)
