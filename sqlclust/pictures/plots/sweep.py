"""The sweep: how many clusters and how much noise other values of min_cluster_size would give."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator, PercentFormatter

from sqlclust.pictures.plots.canvas import Canvas
from sqlclust.pictures.plots.drawing import missing
from sqlclust.pictures.plots.letters import Letters
from sqlclust.pictures.plots.style import SMALL
from sqlclust.pictures.scene import Float64Array, Scene, SceneSweep

_LEFT, _BOTTOM, _BETWEEN, _RIGHT = 42.0, 30.0, 10.0, 14.0
"""Points: beside the axes, below them, between them."""
_HEADING = 16.0
"""Points above axes, for what is said on their lines."""
_APART = 6.0
"""Points between the figures of two ticks."""


def size(scene: Scene) -> tuple[float, float]:
    """Width and height in inches."""
    return 6.4, 4.8


def draw(scene: Scene, canvas: Canvas, letters: Letters, colours: Sequence[str]) -> str:
    """Draw it; returns what is to be said below the title.

    Raises:
        NothingToDrawError: there is no sweep.
    """
    sweep = scene.sweep
    if sweep is None or not sweep.cuts:
        raise missing(scene, "sweep", "a single row has none")
    left, bottom, width, height = canvas.body
    left, width = left + _LEFT, width - _LEFT - _RIGHT
    half = (height - _BOTTOM - _BETWEEN) / 2 - _HEADING
    upper = canvas.axes(left, bottom + _BOTTOM + half + _HEADING + _BETWEEN, width, half)
    lower = canvas.axes(left, bottom + _BOTTOM, width, half)
    values = np.array([cut.min_cluster_size for cut in sweep.cuts], dtype=float)
    counts = np.array([cut.n_clusters for cut in sweep.cuts], dtype=float)
    shares = np.array([(cut.noise_share, cut.largest_share) for cut in sweep.cuts])
    theme = canvas.theme
    for axes in (upper, lower):
        _frame(axes, values, sweep.stored, canvas)
    _line(upper, values, counts, theme.ink, sweep)
    upper.set_ylim(0, max(1.0, counts.max()) * 1.08)
    upper.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    upper.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    upper.tick_params(labelbottom=False)
    _heading(canvas, upper, [("clusters", theme.ink)])
    noise, largest = theme.faint, canvas.theme.accent
    _line(lower, values, shares[:, 0], noise, sweep)
    _line(lower, values, shares[:, 1], largest, sweep)
    lower.set_ylim(0, 1.04)
    lower.yaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
    lower.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    lower.set_xlabel("min_cluster_size", fontsize=SMALL, color=theme.faint, labelpad=3)
    _heading(canvas, lower, [("rows that are noise", noise), ("rows in the largest cluster", largest)])
    return f"min_cluster_size {sweep.stored:,}, dotted"


def _frame(axes: Axes, values: Float64Array, stored: int, canvas: Canvas) -> None:
    """A logarithmic axis with some of the values, and a line at the stored one."""
    theme = canvas.theme
    axes.set_xscale("log")
    first, last = float(values.min()), float(values.max())
    first, last = first / 1.08, last * 1.08 if last > first else first * 2
    axes.set_xlim(first, last)
    width = axes.get_position().width * canvas.width
    axes.xaxis.set_major_locator(FixedLocator(_ticks(values, stored, canvas, width / np.log(last / first))))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.grid(axis="y", color=theme.rule, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines["bottom"].set_visible(True)
    axes.spines["bottom"].set_color(theme.rule)
    axes.spines["bottom"].set_zorder(1)
    axes.axvline(stored, color=theme.ink, linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)


def _ticks(values: Float64Array, stored: int, canvas: Canvas, per_e: float) -> list[float]:
    """Values whose figures have room beside each other, the stored one among them; `per_e` points are a factor of e."""
    ticks = [float(stored)]
    for value in values.tolist():
        half = canvas.measure(f"{value:,.0f}", SMALL)[0] / 2
        others = ((abs(np.log(value / tick)) * per_e, canvas.measure(f"{tick:,.0f}", SMALL)[0] / 2) for tick in ticks)
        if all(away >= half + other + _APART for away, other in others):
            ticks.append(value)
    return sorted(ticks)


def _line(axes: Axes, values: Float64Array, heights: Float64Array, colour: str, sweep: SceneSweep) -> None:
    axes.plot(values, heights, color=colour, linewidth=1.2, marker="o", markersize=2.6, zorder=2, clip_on=False)
    is_stored = values == sweep.stored
    axes.plot(
        values[is_stored],
        heights[is_stored],
        color=colour,
        marker="o",
        markersize=6,
        linestyle="",
        zorder=3,
        clip_on=False,
    )


def _heading(canvas: Canvas, axes: Axes, parts: Sequence[tuple[str, str]]) -> None:
    """What the lines are, above them, each in its colour."""
    x = 0.0
    for text, colour in parts:
        axes.annotate(
            text, (0, 1), xytext=(x, 5), xycoords="axes fraction", textcoords="offset points",
            color=colour, fontsize=SMALL, weight="bold",
        )  # fmt: skip
        x += canvas.measure(text, SMALL)[0] * 1.12 + 14  # bold letters are wider
