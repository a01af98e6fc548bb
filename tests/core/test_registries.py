"""Metrics and engines by name: one list of each, and a name that is on neither is an error wherever it arrives."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest

import sqlclust.core
from sqlclust.core import cost
from sqlclust.core import pipeline as hdbscan
from sqlclust.core.clusters import prediction
from sqlclust.core.clusters import soft_membership as membership
from sqlclust.core.clusters.clustered_rows import ClusteredRows
from sqlclust.core.engine_stages import STAGES
from sqlclust.core.engines import ENGINES, SHARDED, Engine, engine_of
from sqlclust.core.geometry import metrics
from sqlclust.core.geometry.duplicates import distinct
from sqlclust.core.geometry.metrics import METRICS, Float32Array, Metric, metric_of
from sqlclust.core.geometry.mutual_reachability import ReachabilityParameters
from sqlclust.core.neighbors import nearest_member, row_neighbors
from sqlclust.core.neighbors.k_nearest_lists import equal_lists
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.boruvka import SpanningTree
from sqlclust.core.tree.edges import Edges
from sqlclust.core.update import consistency, updating
from sqlclust.core.update.state import State, table
from sqlclust.errors import SqlclustError, UnknownEngineError, UnknownMetricError
from sqlclust.options import Engine as EngineOption
from sqlclust.options import HdbscanOptions
from sqlclust.store.clustering import cluster
from sqlclust.store.memory import check_memory

pytestmark = pytest.mark.slow

VECTORS = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
EVERY = np.arange(6)
ONES = np.ones(6)
A_TREE = SpanningTree(EVERY[:5], EVERY[1:], ONES[:5])


def _fit(metric: Any, vectors: Float32Array = VECTORS, engine: Any = "exact", *, lists: bool = False) -> hdbscan.Fit:
    parameters = ReachabilityParameters(2, metric)
    return hdbscan.fit(vectors, parameters, engine=engine, keep_lists=lists, control=Control())


def _clustered() -> ClusteredRows:
    return ClusteredRows(distinct(VECTORS, normalize=False), ONES, EVERY, None)


def _members() -> nearest_member.MemberVectors:
    return nearest_member.MemberVectors(VECTORS, np.ones(6, dtype=np.intp), ONES.astype(np.float32), EVERY)


def _contradiction(parameters: ReachabilityParameters) -> str | None:
    lists = _fit("euclidean", lists=True).lists
    assert lists is not None
    state = State(lists.counts, table(lists, 5), ONES, Edges(ONES[:5], ONES[:5], EVERY[:5], EVERY[1:]))
    kept = consistency.Kept(ONES.astype(np.float32), ONES[:5])
    return consistency.contradiction(state, kept, lists, parameters, 0, Control())


METRIC_TAKERS: dict[Callable[..., Any], Callable[[Any], object]] = {
    metric_of: metric_of,
    metrics.unit_length: lambda metric: metrics.unit_length(metric, normalize=True),
    metrics.from_squared: lambda metric: metrics.from_squared(ONES, metric),
    metrics.to_squared: lambda metric: metrics.to_squared(ONES, metric),
    metrics.distance: lambda metric: metrics.distance(VECTORS[0], VECTORS[1], metric),
    hdbscan.fit: _fit,
    hdbscan.collapsed: lambda metric: hdbscan.collapsed(VECTORS, ReachabilityParameters(2, metric), None, Control()),
    hdbscan.in_metric: lambda metric: hdbscan.in_metric(
        distinct(VECTORS, normalize=False), ONES, A_TREE, ReachabilityParameters(2, metric), 0
    ),
    updating.old_fit: lambda metric: updating.old_fit(_fit("euclidean", lists=True), ReachabilityParameters(2, metric)),
    updating.updated: lambda metric: updating.updated(
        updating.old_fit(_fit("euclidean", lists=True), ReachabilityParameters(2)),
        distinct(VECTORS, normalize=False),
        EVERY,
        ReachabilityParameters(2, metric),
        Control(),
    ),
    consistency.contradiction: lambda metric: _contradiction(ReachabilityParameters(2, metric)),
    row_neighbors.row_neighbors: lambda metric: next(
        row_neighbors.row_neighbors(VECTORS, 2, metric=metric, normalize=True, rank=EVERY, control=Control())
    ),
    row_neighbors.listed_neighbors: lambda metric: next(
        row_neighbors.listed_neighbors(
            equal_lists(np.ones(6, dtype=np.intp), np.empty((6, 0)), np.empty((6, 0))),
            EVERY,
            2,
            metric=metric,
            exponent=0,
        )
    ),
    # both where nothing is to be computed
    membership.nearest_clusters: lambda metric: membership.nearest_clusters(_clustered(), EVERY, metric, Control()),
    prediction.predict: lambda metric: prediction.predict(
        VECTORS[:0], _clustered(), ReachabilityParameters(2, metric), Control()
    ),
    nearest_member.nearest_members: lambda metric: nearest_member.nearest_members(
        _members(), VECTORS[:0], ReachabilityParameters(2, metric), Control()
    ),
}
ENGINE_TAKERS: dict[Callable[..., Any], Callable[[Any], object]] = {
    engine_of: engine_of,
    hdbscan.fit: lambda engine: _fit("euclidean", engine=engine),
    cost.memory_bytes: lambda engine: cost.memory_bytes(10, 10, 3, engine),
    cost.fit_seconds: lambda engine: cost.fit_seconds(10, 10, engine, multiplications_per_second=1e9),
    cost.update_seconds: lambda engine: cost.update_seconds(
        10, 10, 3, new=1, gone=1, engine=engine, multiplications_per_second=1e9
    ),
}


def _takers(parameter: str) -> set[Any]:
    """Every public function of the core with a parameter of this name, or with parameters that have one."""
    found = set()
    for info in pkgutil.walk_packages(sqlclust.core.__path__, "sqlclust.core."):
        module = importlib.import_module(info.name)
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and not name.startswith("_"):
                taken = inspect.signature(function).parameters
                within = [taken[name] for name in taken if taken[name].annotation == "ReachabilityParameters"]
                in_parameters = within and parameter in ReachabilityParameters._fields
                found |= {function} if parameter in taken or in_parameters else set()
    return found


def test_every_function_of_the_core_that_takes_one_is_here() -> None:
    assert _takers("metric") == set(METRIC_TAKERS) - {metric_of}
    assert _takers("engine") == set(ENGINE_TAKERS) - {engine_of}


@pytest.mark.parametrize("take", METRIC_TAKERS.values(), ids=[function.__name__ for function in METRIC_TAKERS])
@pytest.mark.parametrize("wrong", ["manhattan", "Cosine", "", None, ["cosine"], b"cosine"], ids=repr)
def test_an_unknown_metric_is_an_error(take: Callable[[Any], object], wrong: Any) -> None:
    with pytest.raises(UnknownMetricError, match=r"^unknown metric .*, expected 'euclidean' or 'cosine'$") as caught:
        take(wrong)
    assert caught.value.metric == wrong
    assert caught.value.known == METRICS
    for right in METRICS:
        take(right)


@pytest.mark.parametrize("take", ENGINE_TAKERS.values(), ids=[function.__name__ for function in ENGINE_TAKERS])
@pytest.mark.parametrize("wrong", ["auto", "Exact", "", None, ["exact"]], ids=repr)
def test_an_unknown_engine_is_an_error(take: Callable[[Any], object], wrong: Any) -> None:
    with pytest.raises(UnknownEngineError, match=r"^unknown engine .*, expected 'exact' or 'approximate'$") as caught:
        take(wrong)
    assert caught.value.engine == wrong
    assert caught.value.known == ENGINES
    for right in ENGINES:
        take(right)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"engine": "auto"}, UnknownEngineError),
        ({"engine": "quick"}, UnknownEngineError),
        ({"metric": "hamming", "engine": "exact"}, UnknownMetricError),
    ],
)
def test_options_that_nobody_checked(wrong: dict[str, Any], error: type[SqlclustError]) -> None:
    options = HdbscanOptions(min_cluster_size=5, min_samples=2, **wrong)
    with pytest.raises(error):
        cluster(VECTORS, options, Control())


def test_one_row_has_an_engine_too() -> None:
    for engine in ENGINES:
        assert _fit("euclidean", VECTORS[:1], engine).engine == engine
    with pytest.raises(UnknownEngineError):
        _fit("euclidean", VECTORS[:1], "quick")


def test_memory_of_an_unknown_engine() -> None:
    with pytest.raises(UnknownEngineError):
        check_memory(10, 10, 3, "auto")


def test_types_and_lists_have_the_same_names() -> None:
    assert tuple(STAGES) == tuple(cost.COSTS) == ENGINES
    assert get_args(Metric) == METRICS
    assert get_args(Engine) == ENGINES
    assert get_args(EngineOption) == ("auto", *ENGINES, SHARDED)


def test_distances_of_two_vectors_in_each_metric() -> None:
    a, b = np.array([3, 0], dtype=np.float32), np.array([0, 4], dtype=np.float32)
    assert {metric: metrics.distance(a, b, metric) for metric in METRICS} == {"euclidean": 5.0, "cosine": 1.0}
    for metric, squared in (("euclidean", 25.0), ("cosine", 2.0)):
        record = metric_of(metric)
        there = record.from_squared(np.array([squared]))
        assert there.tolist() == [metrics.distance(a, b, record.name)]
        assert record.to_squared(there).tolist() == [squared]
        # distances divided by alpha, as squared ones
        halved = record.from_squared(np.array([squared * record.distance_factor(2.0)]))
        np.testing.assert_allclose(halved, there / 2)
