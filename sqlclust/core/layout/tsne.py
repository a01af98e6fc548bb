"""t-SNE on k-nearest lists, by openTSNE, which is an extra: it is imported when a map is made.

Source: van der Maaten and Hinton 2008; Linderman and others 2019 for many vectors; Kobak and Berens 2019 for the start from
principal axes; Belkina and others 2019 for the learning rate.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import Float64Array
from sqlclust.core.neighbors.k_nearest_lists import KNearestLists
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import worker_count

PARAMETERS = {
    "perplexity": "a third of each list",
    "initialization": "PCA",
    "early_exaggeration": 12,
    "early_exaggeration_iterations": 250,
    "iterations": 500,
    "learning_rate": "m / exaggeration",
}
"""What a map is made with, to be kept with it."""

_EARLY, _EXAGGERATION, _ITERATIONS = 250, 12.0, 500
_MOMENTUM = 0.5, 0.8
"""In the early iterations, and in the others."""
_START, _JITTER = 1e-4, 1e-6
"""Standard deviation of the start along its first axis, and of what is added, so that no two vectors start in one place."""
_MANY = 10_000
"""From so many vectors on, repulsion is interpolated on a grid, and all threads take part: for fewer, they wait for each other
longer than they work. Below, it is summed up by a quadtree (Barnes-Hut)."""
_LISTS = 16384
"""Lists at a time while affinities are made."""


def tsne(
    lists: KNearestLists, start: Float64Array, control: Control | None = None, *, threads: int = 0
) -> Float64Array:
    """Where distinct vectors are on a map in which near ones are near each other: float64 (m, 2), finite.

    The map is centred and turned so that it is widest along the first axis; the sign of each axis is that of `start`, as far as
    they agree.

    Args:
        lists: of m distinct vectors. Distances count relative to each other, list by list.
        start: float64 (m, 2), where they are before: on their principal plane.
        threads: by default as many as this process may use where there are many vectors. The map is the same to the last bit for
            any number.

    Cost: some 60 bytes for each neighbour; time see `tests/benchmarks/maps.py`. An iteration cannot be stopped half-way: 0.2 s
    for 140,000 vectors.
    """
    control = control or Control()
    m = len(lists.counts)
    if m == 1:
        return np.zeros((1, 2))
    many = m >= _MANY
    threads = threads or (worker_count() if many else 1)
    affinities = _affinities(lists, threads, control.part(0.0, 0.05))
    from openTSNE import TSNEEmbedding

    def stop(so_far: int, of: int, iteration: int) -> bool:
        control.at(0.05 + 0.95 * (so_far + iteration) / of)
        return False

    total = _EARLY + _ITERATIONS
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
            return stop(so_far, total, iteration)

        map.optimize(
            iterations, inplace=True, exaggeration=exaggeration, momentum=momentum, callbacks=report,
            learning_rate=m / (exaggeration or 1.0),
        )  # fmt: skip
    return _turned(np.array(map, dtype=np.float64), start)


def _affinities(lists: KNearestLists, threads: int, control: Control) -> Any:
    """Symmetric probabilities of pairs, a sparse matrix (m, m) that sums to 1."""
    from openTSNE.affinity import joint_probabilities_nn
    from scipy.sparse import csr_matrix

    m, lengths = len(lists.counts), lists.lengths()
    probabilities = np.empty(len(lists.indices))
    for length in np.unique(lengths[lengths > 0]).tolist():
        owners = np.flatnonzero(lengths == length)
        for first in range(0, len(owners), _LISTS):
            control.at(0.5 * first / len(owners))
            places = lists.starts[owners[first : first + _LISTS], None] + np.arange(length)
            own = joint_probabilities_nn(
                lists.indices[places], _relative_distances(lists.squared[places]), [_perplexity(length)], symmetrize=False,
                normalization="point-wise", n_reference_samples=m, n_jobs=threads,
            )  # fmt: skip
            probabilities[places] = own.data.reshape(places.shape)
    control.at(0.6)
    one_way = csr_matrix((probabilities, lists.indices, lists.starts), shape=(m, m))
    both = one_way + one_way.T
    control.at(0.9)
    both /= both.sum()
    return both


def _perplexity(length: int) -> float:
    """Of a list: a third of its length, as usual; of a very short one more, so that the last of it counts."""
    return max(length / 3.0, float(min(length, 2)))


def _relative_distances(squared: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances over the mean of their list: perplexity does not depend on their scale, but what computes it would."""
    distances = np.sqrt(squared)
    mean = distances.mean(axis=1, keepdims=True)
    return distances / np.where(mean > 0, mean, 1.0)


def _started(start: Float64Array) -> Float64Array:
    deviation = start[:, 0].std()
    scaled = start * (_START / deviation) if deviation > 0 else np.zeros_like(start)
    return scaled + _JITTER * np.random.Generator(np.random.PCG64(20080101)).standard_normal(start.shape)


def _turned(map: Float64Array, start: Float64Array) -> Float64Array:
    """A map on its own principal axes, each with the sign that goes with its start's."""
    map = map - map.mean(axis=0)
    axes = np.linalg.eigh(map.T @ map)[1][:, ::-1]
    turned = map @ axes
    for column in range(2):
        agreement = float(turned[:, column] @ start[:, column])
        if agreement < 0 or (agreement == 0 and turned[np.abs(turned[:, column]).argmax(), column] < 0):
            turned[:, column] *= -1.0
    return turned
