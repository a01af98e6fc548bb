"""How long work goes on at most after a stop was asked for: `python -m tests.benchmarks.stops [rows]`.

Processor seconds of one thread between two looks at the request, for what is one call of a library.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import numpy as np

from sqlclust.core.clusters.cut_parameters import CutParameters
from sqlclust.core.clusters.selection import cluster_labels
from sqlclust.core.geometry.principal_axes import principal_axes
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.condensed_tree import condense
from sqlclust.core.tree.single_linkage import single_linkage
from sqlclust.store.embeddings.ids import sorted_order
from tests.core.watched import Watched, random_tree


def longest(work: Callable[[Control], object]) -> float:
    """The longest time between two looks."""
    control = Watched()
    work(control)
    control.check()
    return control.gap


def main(rows: int) -> None:
    """Print a line for each."""
    single_linkage(random_tree(100))  # imports
    tree = random_tree(rows)
    print(f"single linkage, {rows:,} rows {longest(lambda control: single_linkage(tree, control)):30.2f} s")
    hierarchy = single_linkage(tree)
    for size in (max(5, rows // 1000), 100, 5):
        condensed = condense(hierarchy, min_cluster_size=size)
        clusters = int((condensed["child"] >= rows).sum()) + 1

        def selecting(control: Control, condensed: np.ndarray = condensed, size: int = size) -> object:
            return cluster_labels(condensed, CutParameters(size), control)

        print(f"selecting, {clusters:,} clusters {longest(selecting):30.2f} s")
    ids = [os.urandom(16).hex() for _ in range(rows)]
    print(f"order of {rows:,} TEXT ids {longest(lambda control: sorted_order(ids)):30.2f} s")
    for count, dimension in ((9_000, 2048), (17_000, 4096), (2_000, 4096)):
        vectors = np.random.default_rng(0).standard_normal((count, dimension), dtype=np.float32)
        seconds = longest(lambda control, vectors=vectors: principal_axes(vectors, vectors.shape[1], control))  # type: ignore[misc]
        print(f"principal axes, {count:,} vectors of {dimension:,} dimensions {seconds:10.2f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_400_000)
