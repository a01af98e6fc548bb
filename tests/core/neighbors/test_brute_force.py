"""The recall that is stored is the share that was found: also where little is."""

from __future__ import annotations

import numpy as np
import pytest

import sqlclust.core.pipeline as core
from sqlclust.core import engine_stages
from sqlclust.core.neighbors.approximate import Effort, neighbors_and_lists
from sqlclust.core.runtime.control import Control

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "effort", [Effort(lists_per_vector=1, list_size=60), Effort(lists_per_vector=2, list_size=150)]
)
def test_of_a_search_that_finds_little(monkeypatch: pytest.MonkeyPatch, effort: Effort) -> None:
    vectors = np.random.default_rng(0).normal(size=(1500, 24)).astype(np.float32)
    monkeypatch.setattr(engine_stages, "FULL", effort)
    fitted = core.fit(vectors, core.ReachabilityParameters(8), engine="approximate", control=Control())
    distinct = fitted.points.vectors.astype(np.float64)
    squared = ((distinct[:, None] - distinct) ** 2).sum(axis=2)
    np.fill_diagonal(squared, np.inf)
    true = np.argsort(squared, axis=1)[:, :8]
    found = neighbors_and_lists(fitted.points.vectors, 13, effort, 0, Control()).indices
    share = np.mean([len(np.intersect1d(a[:8], b)) / 8 for a, b in zip(found, true, strict=True)])
    assert share < 0.9, "it finds nearly all: nothing is shown"
    assert fitted.recall == pytest.approx(share, abs=0.04)
