"""What is wrong in an old fit and does not contradict the rest of it is noticed where it becomes part of the new one."""

from __future__ import annotations

import numpy as np
import pytest

from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.core.pipeline import Fit, ReachabilityParameters, collapsed, fit
from sqlclust.core.runtime.control import Control
from sqlclust.core.update.consistency import Kept
from sqlclust.core.update.updating import OldFit, Refusal, old_fit, updated
from tests.benchmarks.data import embeddings
from tests.core.update.matching import places

VECTORS = embeddings(300, 16, seed=1, identical=0.0)
PARAMETERS = ReachabilityParameters(6)


def fresh(vectors: Float32Array) -> Fit:
    return fit(vectors, PARAMETERS, keep_lists=True, control=Control())


def follow(old: OldFit, was: Fit, vectors: Float32Array) -> Fit | Refusal:
    points = collapsed(vectors, PARAMETERS, None, Control())
    return updated(old, points, places(was.points.vectors, points.vectors), PARAMETERS, Control())


def kept(fitted: Fit) -> Kept:
    order = fitted.points.order[fitted.points.starts]
    return Kept(fitted.core[order].astype(np.float32), fitted.tree.weight)


def one_sided(fitted: Fit) -> tuple[int, int]:
    """A vector and the rank of a neighbour that its core distance does not need, that does not list it, and is in no sample."""
    assert fitted.lists is not None
    lists = fitted.lists.indices.reshape(len(fitted.points.counts), -1)
    rank = PARAMETERS.min_samples  # the first one beyond
    for vector, listed in enumerate(lists.tolist()):
        if vector % lists.shape[1] != rank and vector not in lists[listed[rank]]:
            return vector, rank
    raise AssertionError("all are mutual")


@pytest.mark.parametrize("bits", [-1, 1])
def test_a_distance_that_nothing_contradicts(bits: int) -> None:
    fitted = fresh(VECTORS)
    assert fitted.lists is not None
    vector, rank = one_sided(fitted)
    at = int(fitted.lists.starts[vector]) + rank
    squared = fitted.lists.squared.copy()
    squared[at] = np.nextafter(squared[at], np.inf * bits)
    old = old_fit(fitted, PARAMETERS)._replace(lists=fitted.lists._replace(squared=squared), kept=kept(fitted))
    assert isinstance(follow(old, fitted, VECTORS), Fit)  # it is no part of the result
    nearest = fitted.points.vectors[fitted.lists.indices[at - rank]]
    without = VECTORS[(nearest != VECTORS).any(axis=1)]
    found = follow(old, fitted, without)
    assert isinstance(found, Refusal)
    assert found.reason == "distances between its vectors are others when they are measured now"
    assert isinstance(follow(old._replace(lists=fitted.lists), fitted, without), Fit)


def test_what_a_fit_is_made_of_contradicts_nothing() -> None:
    fitted = fresh(VECTORS)
    old = old_fit(fitted, PARAMETERS)._replace(kept=kept(fitted))
    assert isinstance(follow(old, fitted, VECTORS[:250]), Fit)
    refused = follow(old._replace(kept=old.kept and old.kept._replace(core=old.kept.core[::-1])), fitted, VECTORS)
    assert refused == Refusal("its core distances are not those of its lists")
