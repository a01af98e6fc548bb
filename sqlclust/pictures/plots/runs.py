"""Runs: a line of cells for each, coloured by the cluster that each step is in; names beside them, and what follows what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from sqlclust.pictures.colours import N_COLOURS
from sqlclust.pictures.plots.canvas import Canvas
from sqlclust.pictures.plots.drawing import missing
from sqlclust.pictures.plots.letters import Letters, plain
from sqlclust.pictures.plots.style import POINTS_PER_INCH, SMALL, TINY, Theme, as_rgb, mixed
from sqlclust.pictures.scene import Scene, SceneRuns

_WIDTH, _LOWEST, _HIGHEST = 8.0, 2.0, 8.0
"""Inches."""
_CELL = 13.0
"""Points of a run's line at the most."""
_AXIS, _RUN_IDS, _BESIDE, _GAP = 28.0, 70.0, 168.0, 12.0
"""Points: below for the axis, at the left for ids of runs, at the right for names, and before those."""
_LINE, _SWATCH = 11.0, 6.5
"""Points from one name to the next, and of its colour."""
_MOST_TRANSITIONS = 8
_RUN_ID_CHARACTERS, _SHORT = 14, 13
_MOST_COLUMNS = 2_000
"""Steps that have a cell of their own; of more, several share one."""


def size(scene: Scene) -> tuple[float, float]:
    """Width and height in inches."""
    n_runs, n_transitions = (len(scene.runs.run_ids), len(scene.runs.transitions)) if scene.runs else (0, 0)
    beside = (min(len(scene.clusters), N_COLOURS) + 2 + min(n_transitions, _MOST_TRANSITIONS) + 3) * _LINE
    needed = max(n_runs * _CELL + _AXIS, beside) / POINTS_PER_INCH + 0.8
    return _WIDTH, float(np.clip(needed, _LOWEST, _HIGHEST))


def draw(scene: Scene, canvas: Canvas, letters: Letters, colours: Sequence[str]) -> str:
    """Draw them; returns what is to be said below the title.

    Args:
        colours: of each cluster of the scene.

    Raises:
        NothingToDrawError: there are no runs.
    """
    runs = scene.runs
    if runs is None or not len(runs.run_ids):
        raise missing(scene, "runs", "none of its embeddings are steps of the same run")
    left, bottom, width, height = canvas.body
    names = {cluster.label: letters.names_of(cluster)[0] for cluster in scene.clusters}
    shortest = {cluster.label: letters.names_of(cluster)[-1] for cluster in scene.clusters}
    labels, counts = np.unique(scene.points.labels[runs.rows], return_counts=True)
    shown = [label for label in labels[np.argsort(-counts, kind="stable")].tolist() if label in names]
    colour_of, n_others = _told_apart(shown, dict(zip(names, colours, strict=True)), canvas.theme)
    right = left + width - _BESIDE
    ids = [letters.drawable(plain(str(run_id), _RUN_ID_CHARACTERS)) for run_id in runs.run_ids]
    line = min(_CELL, (height - _AXIS) / len(ids))
    beside = _RUN_IDS if line >= TINY else 0.0
    box = _Box(left + beside, bottom + height - line * len(ids), right - _GAP - left - beside, line * len(ids))
    cells = _cells(runs, scene.points.labels)
    _draw_cells(canvas, box, cells, colour_of)
    _draw_axes(canvas, box, cells, ids if beside else [])
    top = bottom + height
    n_transitions = min(len(runs.transitions), _MOST_TRANSITIONS)
    lines = [(names[label], colour_of[label]) for label in shown[: len(shown) - n_others]]
    if n_others:
        lines.append(("1 other cluster" if n_others == 1 else f"{n_others:,} other clusters", _others(canvas.theme)))
    top = _legend(canvas, right, top, [*lines, ("noise", canvas.theme.noise)])
    room = int((top - bottom) // _LINE - 2)
    if n_transitions and room > 0:
        _transitions(
            canvas, right, top - 0.5 * _LINE, runs.transitions[: min(room, n_transitions)], shortest, colour_of
        )
    said = "1 run" if len(ids) == 1 else f"{len(ids):,} runs"
    return f"{said}, {runs.n_hidden:,} left out" if runs.n_hidden else said


class _Box(NamedTuple):
    left: float
    bottom: float
    width: float
    height: float


class _Cells(NamedTuple):
    """Labels of steps.

    Attributes:
        label: int64 (r, c), −1 of noise, −2 where a run has no step.
        first: the sequence number of the first column.
        step: sequence numbers in each column.
    """

    label: NDArray[np.int64]
    first: int
    step: int


def _cells(runs: SceneRuns, labels: NDArray[np.int32]) -> _Cells:
    """A column for each sequence number; where there are too many, one for several, with the label of the first in it."""
    numbers = runs.sequence_numbers
    first, last = (int(numbers.min()), int(numbers.max())) if len(numbers) else (0, 0)
    step = -(-(last - first + 1) // _MOST_COLUMNS)
    run = np.repeat(np.arange(len(runs.run_ids)), np.diff(runs.starts))
    column = ((numbers - first) // step).astype(np.intp)
    label = np.full((len(runs.run_ids), (last - first) // step + 1), -2, dtype=np.int64)
    label[run[::-1], column[::-1]] = labels[runs.rows][::-1]  # so that the first is what stays
    return _Cells(label, first, step)


def _draw_cells(canvas: Canvas, box: _Box, cells: _Cells, colour_of: dict[int, str]) -> None:
    theme = canvas.theme
    known = sorted(colour_of)
    rgb = as_rgb([theme.paper, theme.noise, *(colour_of[label] for label in known)])
    at = np.searchsorted(np.array([-2, -1, *known]), cells.label)
    axes = canvas.pixels(*box)
    axes.imshow(rgb[at], extent=(0, box.width, 0, box.height), aspect="auto", interpolation="nearest")
    n = len(cells.label)
    if box.height / n >= 4:  # lines of paper between runs
        axes.hlines(np.arange(1, n) * box.height / n, 0, box.width, colors=theme.paper, linewidths=1.0)


def _draw_axes(canvas: Canvas, box: _Box, cells: _Cells, ids: Sequence[str]) -> None:
    axes = canvas.axes(*box)
    n_runs, n_columns = cells.label.shape
    start = _round_below(cells.first, n_columns * cells.step)
    first = cells.first - start - cells.step / 2
    axes.set_xlim(first, first + n_columns * cells.step)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{start + round(value):,}"))
    axes.set_xlabel("sequence number", fontsize=SMALL, color=canvas.theme.faint, labelpad=2)
    axes.set_ylim(n_runs - 0.5, -0.5)
    axes.set_yticks([])
    for at, run_id in enumerate(ids):
        y = box.bottom + box.height * (1 - (at + 0.5) / n_runs)
        canvas.text(box.left - 5, y, run_id, TINY, ha="right", va="center_baseline", color=canvas.theme.faint)


def _round_below(number: int, span: int) -> int:
    """A number that all of an axis is told from: of numbers with very many digits a float keeps only the first ones.

    It is round, so that what is round above it is round.
    """
    unit = int(10 ** len(str(10 * span)))
    return number // unit * unit


def _told_apart(shown: Sequence[int], colour_of: dict[int, str], theme: Theme) -> tuple[dict[int, str], int]:
    """A colour for each cluster, none twice: on the map it is enough if those beside each other differ, but runs have all.

    A cluster keeps its colour of the map if none that is visited more has it. Those that there is no colour for are alike.

    Returns:
        the colours; how many of `shown` are alike.
    """
    found: dict[int, str] = {}
    distinct = shown[: len(theme.palette)]
    for label in distinct:
        if colour_of[label] not in found.values():
            found[label] = colour_of[label]
    free = (colour for colour in theme.palette if colour not in found.values())
    for label in distinct:
        if label not in found:
            found[label] = next(free)
    return {label: found.get(label, _others(theme)) for label in colour_of}, len(shown) - len(distinct)


def _others(theme: Theme) -> str:
    return mixed(theme.noise, theme.ink, 0.45)


def _legend(canvas: Canvas, left: float, top: float, lines: Sequence[tuple[str, str]]) -> float:
    """Names with their colours; returns where it ends."""
    for text, colour in lines:
        canvas.swatch(left, top - _LINE / 2 - _SWATCH / 2, _SWATCH, colour)
        canvas.text(left + _SWATCH + 5, top - _LINE / 2, text, TINY, va="center_baseline")
        top -= _LINE
    return top


def _transitions(
    canvas: Canvas,
    left: float,
    top: float,
    transitions: Sequence[tuple[int, int, int]],
    names: dict[int, str],
    colour_of: dict[int, str],
) -> None:
    """The most frequent: how often, from what, to what."""
    canvas.text(left, top - _LINE / 2, "what follows what most often", TINY, va="center_baseline", weight="bold")
    for before, after, count in transitions:
        top -= _LINE
        y = top - _LINE / 2
        canvas.text(left + 22, y, f"{count:,}", TINY, va="center_baseline", ha="right", color=canvas.theme.faint)
        canvas.swatch(left + 28, y - _SWATCH / 2, _SWATCH, colour_of.get(before, canvas.theme.noise))
        canvas.swatch(left + 28 + _SWATCH + 2, y - _SWATCH / 2, _SWATCH, colour_of.get(after, canvas.theme.noise))
        text = f"{_short(names, before)} → {_short(names, after)}"
        canvas.text(left + 28 + 2 * _SWATCH + 7, y, text, TINY, va="center_baseline")


def _short(names: dict[int, str], label: int) -> str:
    return plain(names.get(label, str(label)), _SHORT)
