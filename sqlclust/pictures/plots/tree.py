"""The condensed tree as an icicle that grows to the right: the clusters coloured, and their names beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from sqlclust.pictures.plots.canvas import Canvas
from sqlclust.pictures.plots.drawing import missing
from sqlclust.pictures.plots.letters import Letters
from sqlclust.pictures.plots.placing import spread
from sqlclust.pictures.plots.style import POINTS_PER_INCH, SMALL, Theme, as_rgb, mixed
from sqlclust.pictures.scene import Float64Array, Scene, SceneTree

_WIDTH, _LOWEST, _HIGHEST = 8.0, 4.5, 11.2
"""Inches."""
_AXIS, _LEADER, _GAP = 28.0, 26.0, 3.0
"""Points: for the axis below, for lines to the names, and before a name."""
_LETTERS, _LINE = 6.5, 7.2
"""Points: of names, and from one to the next."""
_LEAST_WIDTH = 0.35
"""Points of a node's border, so that the narrowest can be seen."""
_WITHIN = (0.45, 0.3)
"""How much paper is mixed into what is inside of clusters, in turn."""
_GREYS = (0.0, 0.16)
"""How much ink is mixed into what is above clusters, in turn."""
_MOST_ENDS, _BEYOND = 0.9, 1.5
"""The axis ends so far beyond the λ at which this share of clusters has ended: identical vectors may last for ever."""
_ROUND = ((1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0), (1.0, 2.0, 5.0), (1.0, 3.0), (1.0,))
_TICK = 24.0
"""Numbers on the axis, of each power of ten; and points from one to the next."""


def size(scene: Scene) -> tuple[float, float]:
    """Width and height in inches: so high that there is room for the names, if that is no more than a page."""
    needed = (len(scene.clusters) * _LINE + _AXIS) / POINTS_PER_INCH + 0.8
    return _WIDTH, float(np.clip(needed, _LOWEST, _HIGHEST))


def draw(scene: Scene, canvas: Canvas, letters: Letters, colours: Sequence[str]) -> str:
    """Draw it; returns what is to be said below the title.

    Args:
        colours: of each cluster of the scene.

    Raises:
        NothingToDrawError: there is no tree.
    """
    if scene.tree is None:
        raise missing(scene, "tree", "it was not asked for")
    tree = scene.tree
    left, bottom, width, height = canvas.body
    room = int((height - _AXIS) // _LINE)
    names = [letters.names_of(cluster)[0] for cluster in scene.clusters[:room]]  # the largest
    colour_of = {cluster.label: colour for cluster, colour in zip(scene.clusters, colours, strict=True)}
    beside = max((canvas.measure(name, _LETTERS)[0] for name in names), default=0.0) + _LEADER + _GAP
    bottom, height, width = bottom + _AXIS, height - _AXIS, width - (beside if names else 0.0)
    axis = _Axis.of(tree, width, height)
    pixels = canvas.pixels(left, bottom, width, height)
    pixels.add_collection(_nodes(tree, axis, _colours_of_nodes(tree, colour_of, canvas.theme)), autolim=False)
    _lambda_axis(canvas.axes(left, bottom, width, height), axis, canvas.theme)
    names_of = dict(zip(colour_of, names, strict=False))
    above = canvas.axes(left, bottom, width + beside, height)
    n_named = _names(
        tree,
        axis,
        above,
        width + beside,
        {label: (names_of[label], colour_of[label]) for label in names_of},
        canvas.theme,
    )
    said = [f"{len(tree.parent):,} nodes" if len(tree.parent) != 1 else "1 node"]
    if tree.n_hidden:
        said[0] += f", {tree.n_hidden:,} smaller ones left out"
    if n_beyond := int((tree.death > axis.most).sum()):
        said.append(f"{n_beyond:,} go on to the right")
    if n_named < len(scene.clusters):
        said.append(f"{n_named:,} of {len(scene.clusters):,} named")
    return " · ".join(said)


class _Axis(NamedTuple):
    """Places of λ and of rows. λ is on a logarithmic axis: as far from 1 to 2 as from 2 to 4, where distances halve, too.

    Attributes:
        least, most: λ that are shown, 0 < least < most.
        width, height: of the axes, in points.
    """

    least: float
    most: float
    width: float
    height: float

    @classmethod
    def of(cls, tree: SceneTree, width: float, height: float) -> _Axis:
        """The root begins at 0, which has no place on it: the axis begins a little before anything happens."""
        densities = np.concatenate([tree.step_lambda, tree.death])
        positive = densities[densities > 0]
        least, most = (float(positive.min()), float(positive.max())) if len(positive) else (1.0, 1.0)
        ends = tree.death[tree.label >= 0]
        if len(ends):
            most = max(least, min(most, _BEYOND * float(np.quantile(ends, _MOST_ENDS))))
        if most / least < 1.01:
            least, most = least / 2, most * 2
        return cls(least / (most / least) ** 0.03, most, width, height)

    def across(self, density: Float64Array) -> Float64Array:
        at = np.log(np.maximum(density, self.least) / self.least) / np.log(self.most / self.least)
        return np.asarray(np.minimum(at, 1) * self.width)

    def up(self, share: Float64Array) -> Float64Array:
        return np.asarray((1 - share) * self.height)


def _nodes(tree: SceneTree, axis: _Axis, colours: Float64Array) -> PolyCollection:
    """The outline of each node: steps down to its end along one side, and back along the other."""
    starts, ends = tree.step_starts[:-1], tree.step_starts[1:]
    n_steps = ends - starts
    node = np.repeat(np.arange(len(n_steps)), n_steps)
    begins = axis.across(tree.step_lambda)
    last = np.append(begins[1:], 0.0)
    last[ends - 1] = axis.across(tree.death)
    half = (tree.right - tree.left)[node] / 2 * (tree.step_size / np.maximum(tree.size[node], 1))
    middle = ((tree.left + tree.right) / 2)[node]
    x = np.column_stack([begins, last]).ravel()
    upper, lower = (np.repeat(axis.up(middle + side * half), 2) for side in (-1, 1))
    outlines = [
        np.column_stack(
            [
                np.concatenate([x[2 * start : 2 * end], x[2 * start : 2 * end][::-1]]),
                np.concatenate([upper[2 * start : 2 * end], lower[2 * start : 2 * end][::-1]]),
            ]
        )
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
    ]
    return PolyCollection(outlines, facecolors=colours, edgecolors=colours, linewidths=_LEAST_WIDTH)


def _colours_of_nodes(tree: SceneTree, colour_of: dict[int, str], theme: Theme) -> Float64Array:
    """Of clusters their own, inside of them paler; above them two greys in turn."""
    greys = [mixed(theme.noise, theme.ink, share) for share in _GREYS]
    colours: list[str] = []
    owner: list[str] = []
    depth: list[int] = []
    for parent, label in zip(tree.parent.tolist(), tree.label.tolist(), strict=True):
        own = colour_of.get(label, "")
        above = owner[parent] if parent >= 0 else ""
        depth.append(depth[parent] + 1 if parent >= 0 else 0)
        owner.append(own or above)
        if own:
            colours.append(own)
        elif above:
            colours.append(mixed(above, theme.paper, _WITHIN[depth[-1] % 2]))
        else:
            colours.append(greys[depth[-1] % 2])
    return as_rgb(colours)


def _lambda_axis(axes: Axes, axis: _Axis, theme: Theme) -> None:
    axes.set_xscale("log")
    axes.set_xlim(axis.least, axis.most)
    axes.set_yticks([])
    axes.xaxis.set_major_locator(FixedLocator(_ticks(axis).tolist()))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(FixedLocator([]))
    axes.spines["bottom"].set_visible(True)
    axes.spines["bottom"].set_color(theme.rule)
    axes.spines["bottom"].set_linewidth(0.6)
    axes.set_xlabel("density λ = 1 / distance", fontsize=SMALL, color=theme.faint, labelpad=2)


def _ticks(axis: _Axis) -> Float64Array:
    """Round numbers of λ, as many as have room; of a range of less than one power of ten those at equal steps."""
    if axis.most / axis.least < 6:
        steps = MaxNLocator(nbins=max(2, int(axis.width / (2 * _TICK))), steps=[1, 2, 5, 10])
        return _inside(axis, np.asarray(steps.tick_values(axis.least, axis.most)))
    powers = 10.0 ** np.arange(np.floor(np.log10(axis.least)), np.ceil(np.log10(axis.most)) + 1)
    ticks = powers
    for round_numbers in _ROUND:
        ticks = _inside(axis, np.outer(powers, round_numbers).ravel())
        if (np.diff(axis.across(ticks)) >= _TICK).all():
            return ticks
    return ticks[:: int(np.ceil(_TICK * len(ticks) / axis.width))]


def _inside(axis: _Axis, values: Float64Array) -> Float64Array:
    return np.asarray(values[(values >= axis.least) & (values <= axis.most)])


def _names(
    tree: SceneTree, axis: _Axis, axes: Axes, width: float, names: dict[int, tuple[str, str]], theme: Theme
) -> int:
    """Write names, with lines to their clusters; returns how many of these the tree has."""
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(0, axis.height)
    end = tree.death.copy()
    for node in range(len(end) - 1, 0, -1):  # parents come before their children
        end[tree.parent[node]] = max(end[tree.parent[node]], end[node])
    nodes = np.array([node for node, label in enumerate(tree.label.tolist()) if label in names], dtype=np.intp)
    middle = axis.up((tree.left + tree.right)[nodes] / 2)
    order = np.argsort(middle, kind="stable")
    nodes, middle = nodes[order], middle[order]
    at = spread(middle - _LINE / 2, _LINE, axis.height - _LINE) + _LINE / 2
    lines, inks = [], []
    end_of_tree, total = axis.width, axis.width + _LEADER + _GAP
    for node, y, y_name, x in zip(nodes.tolist(), middle.tolist(), at.tolist(), axis.across(end[nodes]), strict=True):
        text, colour = names[int(tree.label[node])]
        lines.append([(x + 1, y), (end_of_tree + 4, y), (total - _GAP - 4, y_name), (total - _GAP, y_name)])
        inks.append(mixed(colour, theme.paper, 0.35))
        axes.text(
            total,
            y_name,
            text,
            fontsize=_LETTERS,
            va="center_baseline",
            color=mixed(colour, theme.ink, 0.45),
            parse_math=False,
        )
    axes.add_collection(LineCollection(lines, colors=inks, linewidths=0.4), autolim=False)
    return len(nodes)
