"""Clustering vectors that are in memory, with options: no SQL."""

from __future__ import annotations

import sqlclust.core.pipeline as core
from sqlclust.core.engines import engine_of
from sqlclust.core.geometry.metrics import Float32Array, IndexArray
from sqlclust.core.runtime.control import Control
from sqlclust.errors import ZeroVectorError
from sqlclust.options import HdbscanOptions
from sqlclust.sqlite.memory_errors import clear_memory_errors
from sqlclust.store.embeddings.one_direction import warn_of_one_direction
from sqlclust.store.memory import check_memory
from sqlclust.vectors.blobs import as_matrix, first_zero


def reachability(options: HdbscanOptions) -> core.ReachabilityParameters:
    """How mutual reachability is measured with options that are resolved."""
    return core.ReachabilityParameters(
        options.min_samples or 1, options.metric, normalize=options.normalize, alpha=options.alpha
    )


def cluster(
    vectors: Float32Array,
    options: HdbscanOptions,
    control: Control,
    *,
    rank: IndexArray | None = None,
    keep_lists: bool = False,
) -> tuple[core.Fit, core.Clustering]:
    """Cluster vectors that are checked, with options that are resolved; `rank` and `keep_lists` as in `core.pipeline.fit`.

    Raises:
        UnknownMetricError, UnknownEngineError: options that are not resolved, or that no check has seen.
    """
    if options.needs_directions:
        warn_of_one_direction(vectors)
    fitted = core.fit(
        vectors,
        reachability(options),
        engine=engine_of(options.engine).name,
        seed=options.seed,
        rank=rank,
        keep_lists=keep_lists,
        control=control,
    )
    return fitted, cut(fitted, options, rank, control)


def cut(fitted: core.Fit, options: HdbscanOptions, rank: IndexArray | None, control: Control) -> core.Clustering:
    """Clusters from a fit, with options that are resolved; `rank` as in `core.pipeline.fit`."""
    parameters = core.CutParameters(**options.selecting(len(fitted.core)))
    return core.cut(fitted, parameters, rank=rank, control=control)


@clear_memory_errors("clustering")
def cluster_array(vectors: object, options: HdbscanOptions, control: Control) -> core.Clustering:
    """Cluster anything array-like (n, d); rows stand in for ids in messages.

    Raises:
        MatrixError, NotFiniteError, ZeroVectorError, OutOfMemoryError
    """

    def check(n: int, dimension: int, copy: int) -> None:
        n = -(-n // options.downsample)
        if n > 1:
            resolved = options.resolved(n, dimension)
            check_memory(n, dimension, resolved.min_samples or 1, resolved.engine, more=copy)

    matrix = as_matrix(vectors, check=check)[:: options.downsample]
    if len(matrix) == 0:
        return core.clustering_of_nothing()
    if options.needs_directions and (row := first_zero(matrix)) is not None:
        raise ZeroVectorError(f"row {row * options.downsample}")
    _, clustering = cluster(matrix, options.resolved(*matrix.shape), control)
    return clustering
