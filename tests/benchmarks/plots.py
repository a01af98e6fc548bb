"""What plots take, and how large they are; beside hdbscan's own plot of the condensed tree.

    python -m tests.benchmarks.plots
    python -m tests.benchmarks.plots --hdbscan      # its plot of a tree of 4,600 splits takes some twenty seconds

Scenes are made of nothing (`tests/pictures/scenes.py`). Seconds of one core for drawing alone, whatever
else the machine does: the best of several, matplotlib imported before.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from sqlclust.pictures.plots.drawing import FORMATS, draw
from sqlclust.pictures.scene import Scene
from tests.pictures.scenes import scene


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
            seconds, plot = best(lambda kind=kind, format=format: draw(of, kind, format), repeats)  # type: ignore[misc]
            print(f"{what:<34} {kind:<6} {format:<4} {seconds:6.2f} s {len(plot.data) / 1000:7.0f} KB", flush=True)


def splits_of(n_splits: int) -> Any:
    """A condensed tree, as hdbscan has it, in which so many nodes split: each into two of half its size."""
    n = 5 * (n_splits + 1)
    rows, sizes, births = [], {n: n}, {n: 0.0}
    number, ahead = n, [n]
    while len(births) < 2 * n_splits + 1:
        node = ahead.pop(0)
        split = births[node] + np.random.default_rng(node).uniform(0.05, 0.5)
        half = max(5, sizes[node] // 2)
        for size in (half, max(5, sizes[node] - half)):
            number += 1
            rows.append((node, number, split, size))
            sizes[number], births[number] = size, split
            ahead.append(number)
    point = 0
    for node in ahead:
        for _ in range(5):
            if point < n:
                rows.append((node, point, births[node] + 0.3 + 0.01 * (point % 7), 1))
                point += 1
    return np.array(
        rows, dtype=[("parent", np.intp), ("child", np.intp), ("lambda_val", float), ("child_size", np.intp)]
    )


def theirs(n_splits: int) -> None:
    from hdbscan.plots import CondensedTree
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    tree = splits_of(n_splits)

    def work() -> bytes:
        figure = Figure(figsize=(8, 11))
        CondensedTree(tree, "eom").plot(axis=figure.add_subplot(), select_clusters=True, colorbar=False)
        out = io.BytesIO()
        canvas: Any = FigureCanvasAgg(figure)
        canvas.print_png(out)
        return out.getvalue()

    seconds, data = best(work, 1)
    print(
        f"{f'hdbscan, {n_splits:,} splits':<34} {'tree':<6} {'png':<4} {seconds:6.2f} s {len(data) / 1000:7.0f} KB",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--hdbscan", action="store_true")
    given = parser.parse_args()
    draw(scene(30, 2), "map", "svg")
    ours("100 clusters, 20,000 rows", scene(20_000, 100, n_runs=200), ("map", "tree", "sweep", "runs"), given.repeats)
    ours("4,600 splits, 60,000 rows", scene(60_000, 4_601), ("tree",), given.repeats)
    ours("141,600 rows, 227 clusters", scene(141_600, 227), ("map",), given.repeats)
    if given.hdbscan:
        theirs(4_600)


if __name__ == "__main__":
    main()
