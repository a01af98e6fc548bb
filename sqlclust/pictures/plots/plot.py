"""A plot of any kind, drawn by matplotlib: its head, its colours and its fonts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlclust.pictures.plots import map, runs, sweep, tree
from sqlclust.pictures.plots.canvas import Canvas
from sqlclust.pictures.plots.drawing import PlotOptions, check_size
from sqlclust.pictures.plots.letters import Letters, names_of, plain
from sqlclust.pictures.plots.style import DARK, LIGHT, OWN_FONT, drawing_with
from sqlclust.pictures.scene import Scene

_KINDS = {"map": map, "tree": tree, "sweep": sweep, "runs": runs}
_TITLE_CHARACTERS = 90


def plot(scene: Scene, kind: str, format: str, options: PlotOptions) -> tuple[bytes, Sequence[str]]:
    """As `drawing.draw`: the file, and remarks."""
    drawn, theme = _KINDS[kind], DARK if options.dark else LIGHT
    size = options.size or drawn.size(scene)
    check_size(size, options.dpi)
    title = plain(scene.title, _TITLE_CHARACTERS)
    with drawing_with([OWN_FONT]):
        letters = Letters([title, *_all_names(scene)])
    with drawing_with(letters.families):
        canvas = Canvas(size, theme)
        colours = [theme.palette[cluster.colour % len(theme.palette)] for cluster in scene.clusters]
        said = drawn.draw(scene, canvas, letters, colours)
        canvas.head(letters.drawable(title), " · ".join(filter(None, (*_figures(scene), said))))
        data = canvas.written(format, options.dpi)
    return data, list(_remarks(letters))


def _all_names(scene: Scene) -> Iterator[str]:
    for cluster in scene.clusters:
        yield from names_of(cluster)


def _figures(scene: Scene) -> Iterator[str]:
    """What the line below each title begins with."""
    n, n_clusters = len(scene.points.labels), len(scene.clusters)
    yield "1 row" if n == 1 else f"{n:,} rows"
    if not n_clusters:
        yield "no clusters"
        return
    yield "1 cluster" if n_clusters == 1 else f"{n_clusters:,} clusters"
    yield f"{(scene.points.labels < 0).mean():.1%} noise".replace("%", " %")


def _remarks(letters: Letters) -> Iterator[str]:
    if (n := len(letters.numbered)) == 1:
        yield "1 cluster has its number for a name: no font here has all letters of its terms"
    elif n:
        yield f"{n:,} clusters have their numbers for names: no font here has all letters of their terms"
