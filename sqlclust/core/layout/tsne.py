"""t-SNE on k-nearest lists, by openTSNE, which is an extra: it is imported when a map is made.

Every neighbour in a list attracts alike. The usual weights, of a perplexity of a third of the list's length, all but forget the
farther two thirds, and a fit's lists are short: of the generated embeddings in `tests/benchmarks` such maps kept a quarter of the
true neighbours together that these do. So distances and their scale do not count, only who is in whose list.

Source: van der Maaten and Hinton 2008; Böhm, Berens, Kobak 2022 for uniform affinities; Linderman and others 2019 for many
vectors; Kobak and Berens 2019 for the start from principal axes; Belkina and others 2019 for the learning rate.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from sqlclust.core.geometry.metrics import Float64Array
from sqlclust.core.neighbors.k_nearest_lists import KNearestLists
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import single_threaded_blas, worker_count

_EARLY, _EXAGGERATION, _ITERATIONS = 150, 12.0, 400
_LEAST_LEARNING_RATE = 50.0
"""With the usual m / exaggeration, few vectors would stay where they start."""
PARAMETERS = {
    "affinities": "uniform",
    "initialization": "PCA",
    "early_exaggeration": _EXAGGERATION,
    "early_exaggeration_iterations": _EARLY,
    "iterations": _ITERATIONS,
}
"""What a map is made with, to be kept with it."""
_MOMENTUM = 0.5, 0.8
"""In the early iterations, and in the others."""
_START, _JITTER = 1e-4, 1e-6
"""Standard deviation of the start along its first axis, and of what is added, so that no two vectors start in one place."""
_MANY = 10_000
"""From so many vectors on, repulsion is interpolated on a grid, and all threads take part: for fewer, they wait for each other
longer than they work. Below, it is summed up by a quadtree (Barnes-Hut)."""


def tsne(
    lists: KNearestLists, start: Float64Array, control: Control | None = None, *, threads: int = 0
) -> Float64Array:
    """Where distinct vectors are on a map in which near ones are near each other: float64 (m, 2), finite.

    The map is centred and turned so that it is widest along the first axis; the sign of each axis is that of `start`, as far as
    they agree.

    Args:
        lists: of m distinct vectors; only who is in them counts.
        start: float64 (m, 2), where they are before: on their principal plane.
        threads: by default as many as this process may use where there are many vectors. The map is the same to the last bit for
            any number.

    Cost: time and memory see `tests/benchmarks/maps.py`. An iteration cannot be stopped half-way: 0.1 s for 140,000 vectors.
    """
    control = control or Control()
    m = len(lists.counts)
    if m == 1:
        return np.zeros((1, 2))
    many = m >= _MANY
    threads = threads or (worker_count() if many else 1)
    affinities = _affinities(lists, control.part(0.0, 0.05))
    from openTSNE import TSNEEmbedding

    gradient = "fft" if many else "bh"
    map = TSNEEmbedding(
        _started(start),
        SimpleNamespace(P=affinities),
        n_jobs=threads,
        callbacks_every_iters=1,
        negative_gradient_method=gradient,
    )
    for so_far, iterations, exaggeration, momentum in (
        (0, _EARLY, _EXAGGERATION, _MOMENTUM[0]),
        (_EARLY, _ITERATIONS, None, _MOMENTUM[1]),
    ):

        def report(iteration: int, error: float, embedding: Any, so_far: int = so_far) -> bool:
            control.at(0.05 + 0.95 * (so_far + iteration) / (_EARLY + _ITERATIONS))
            return False

        map.optimize(
            iterations, inplace=True, exaggeration=exaggeration, momentum=momentum, callbacks=report,
            learning_rate=max(m / (exaggeration or 1.0), _LEAST_LEARNING_RATE),
        )  # fmt: skip
    return _turned(np.array(map, dtype=np.float64), start)


def _affinities(lists: KNearestLists, control: Control) -> Any:
    """Symmetric probabilities of pairs, a sparse matrix (m, m) that sums to 1; all neighbours of a list have the same part."""
    from scipy.sparse import csr_matrix

    m = len(lists.counts)
    lengths = lists.lengths()
    probabilities = np.repeat(1.0 / np.maximum(lengths, 1), lengths)
    one_way = csr_matrix((probabilities, lists.indices, lists.starts), shape=(m, m))
    control.at(0.3)
    both = one_way + one_way.T
    control.at(0.9)
    both /= both.sum()
    return both


def _started(start: Float64Array) -> Float64Array:
    deviation = start[:, 0].std()
    scaled = start * (_START / deviation) if deviation > 0 else np.zeros_like(start)
    return scaled + _JITTER * np.random.Generator(np.random.PCG64(20080101)).standard_normal(start.shape)


def _turned(map: Float64Array, start: Float64Array) -> Float64Array:
    """A map on its own principal axes, each with the sign that goes with its start's."""
    map = map - map.mean(axis=0)
    with single_threaded_blas():  # whose sums depend on the number of threads
        turned: Float64Array = map @ np.linalg.eigh(map.T @ map)[1][:, ::-1]
        agreement = (turned * start).sum(axis=0)
    for column in np.flatnonzero(agreement < 0).tolist():
        turned[:, column] *= -1.0
    return turned
