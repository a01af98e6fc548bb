"""What plots take, and how large they are; beside hdbscan's own plot of the condensed tree.

    python -m tests.benchmarks.plots
    python -m tests.benchmarks.plots --hdbscan      # beside its plot, of a tree of nearly 4,800 splits

Scenes are made of nothing (`tests/pictures/scenes.py`); with --hdbscan there are two more plots, of the tree of the same vectors:
hdbscan's of its fit, ours of ours. Seconds of one core for drawing alone, whatever else the machine does: the best of several (of
hdbscan's one), matplotlib imported before.
"""

from __future__ import annotations

import argparse
import io
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.pictures.gathering.gathering import Parts, gather
from sqlclust.pictures.plots.drawing import FORMATS, Plot, PlotOptions, draw
from sqlclust.pictures.scene import Scene
from tests.pictures.scenes import scene
from tests.small import add_embeddings

ROWS = 48_000
OPTIONS = {"min_cluster_size": 3, "min_samples": 1}
"""Of the fits beside hdbscan: with these, so many rows have nearly 4,800 splits."""


def best(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Seconds of the processor, and what came of it."""
    seconds = []
    for _ in range(repeats):
        begun = time.process_time()
        made = work()
        seconds.append(time.process_time() - begun)
    return min(seconds), made


def ours(what: str, of: Scene, kinds: tuple[str, ...], repeats: int) -> None:
    for kind in kinds:
        for format in FORMATS:
            drawn = best(lambda kind=kind, format=format: draw(of, kind, format), repeats)  # type: ignore[misc]
            print_line(what, kind, format, drawn)


def print_line(what: str, kind: str, format: str, drawn: tuple[float, Plot]) -> None:
    seconds, plot = drawn
    print(f"{what:<34} {kind:<6} {format:<4} {seconds:6.2f} s {len(plot.data) / 1000:7.0f} KB", flush=True)


def vectors_of(n: int) -> NDArray[np.float32]:
    """Normally distributed, so that there are many small clusters and few large ones: float32 (n, 8)."""
    return np.random.default_rng(0).normal(size=(n, 8)).astype(np.float32)


def gathered(vectors: NDArray[np.float32], **options: Any) -> Scene:
    """The scene of a result of some vectors, with its tree."""
    con = sqlclust.connect(":memory:")
    sqlclust.initialize(con)
    with con:
        add_embeddings(con, vectors)
    result = sqlclust.fit(con, "demo", normalize=False, **options)
    found = gather(database_of(con), result, Parts(map=False, texts=False, sweep=False, runs=False))
    con.close()
    return found


def theirs(tree: Any) -> Plot:
    """The plot of hdbscan's own, as many pixels as ours."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Ellipse

    figure = Figure(figsize=(8, 11.2), dpi=PlotOptions.dpi)
    axis = figure.add_subplot()
    tree.plot(axis=axis, select_clusters=True)
    for oval in axis.findobj(Ellipse):
        oval.set_height(
            np.ravel(oval.get_height())[0]
        )  # of low ones an array, which NumPy takes for no number since 2.4
    out = io.BytesIO()
    canvas: Any = FigureCanvasAgg(figure)
    canvas.print_png(out)
    return Plot(out.getvalue(), ())


def beside_hdbscan(rows: int, repeats: int) -> None:
    """Plots of the condensed tree of the same vectors, each of a fit of its own with the same options."""
    from hdbscan import HDBSCAN

    vectors = vectors_of(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of hdbscan's with a new scikit-learn
        fit = HDBSCAN(**OPTIONS).fit(vectors)
        tree = fit.condensed_tree_
        n_splits = int((tree.to_numpy()["child_size"] > 1).sum()) // 2
        print_line(f"hdbscan's own, {n_splits:,} splits", "tree", "png", best(lambda: theirs(tree), 1))
    scene_of_it = gathered(vectors, **OPTIONS)
    of_ours = scene_of_it.tree
    assert of_ours is not None
    n_splits = (len(of_ours.parent) + of_ours.n_hidden) // 2
    ours(f"the same vectors, {n_splits:,} splits", scene_of_it, ("tree",), repeats)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--hdbscan", action="store_true")
    parser.add_argument("--rows", type=int, default=ROWS, help="of the vectors for --hdbscan")
    given = parser.parse_args()
    draw(scene(30, 2), "map", "svg")
    ours("100 clusters, 20,000 rows", scene(20_000, 100, n_runs=200), ("map", "tree", "sweep", "runs"), given.repeats)
    ours("4,600 splits, 60,000 rows", scene(60_000, 4_601), ("tree",), given.repeats)
    ours("141,600 rows, 227 clusters", scene(141_600, 227), ("map",), given.repeats)
    if given.hdbscan:
        beside_hdbscan(given.rows, given.repeats)


if __name__ == "__main__":
    main()
