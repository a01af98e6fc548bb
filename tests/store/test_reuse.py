"""A stored fit is used again for the same rows and settings, and for no others."""

from __future__ import annotations

import logging
from typing import Any

import apsw
import pytest

from sqlclust.bindings.apsw.database import database_of
from sqlclust.options import HdbscanOptions
from sqlclust.store.fit import fit
from tests.store.left import FRESH, fit_ids, result_rows


def test_a_fit_of_the_same_rows_is_reused(demo: apsw.Connection, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sqlclust")
    options = HdbscanOptions(min_cluster_size=5)
    first = fit(database_of(demo), "demo", options)
    again = fit(database_of(demo), "demo", HdbscanOptions(min_cluster_size=6, min_samples=5))
    assert fit_ids(demo) == [1, 1]
    assert "stored fit 1 was reused" in caplog.text
    assert (
        result_rows(demo, again)
        == demo.execute(FRESH, ("demo", '{"min_cluster_size": 6, "min_samples": 5}')).fetchall()
    )
    same = fit(database_of(demo), "demo", options, where="id > 0")  # the same rows, otherwise selected
    assert fit_ids(demo) == [1, 1, 1]
    assert result_rows(demo, same) == result_rows(demo, first)


OTHERS: dict[str, dict[str, Any]] = {
    "min_samples": {"min_samples": 3},
    "alpha": {"alpha": 0.5},
    "metric": {"metric": "cosine"},
    "normalize": {"normalize": False},
    "seed": {"seed": 1},
    "other rows": {"downsample": 2},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_a_fit_of_other_settings_is_not_reused(demo: apsw.Connection, name: str) -> None:
    fit(database_of(demo), "demo", HdbscanOptions(min_cluster_size=5))
    fit(database_of(demo), "demo", HdbscanOptions(min_cluster_size=5, **OTHERS[name]))
    assert fit_ids(demo) == [1, 2]


def test_a_fit_of_changed_rows_is_not_reused(demo: apsw.Connection) -> None:
    options = HdbscanOptions(min_cluster_size=5)
    fit(database_of(demo), "demo", options)
    demo.execute("UPDATE Embedding SET vector = (SELECT vector FROM Embedding WHERE id = 2) WHERE id = 1")
    fit(database_of(demo), "demo", options)
    demo.execute("UPDATE Embedding SET id = 'renamed' WHERE id = 40 AND 0")
    assert fit_ids(demo) == [1, 2]


def test_a_fit_that_was_not_stored_is_not_reused(demo: apsw.Connection) -> None:
    options = HdbscanOptions(min_cluster_size=5)
    fit(database_of(demo), "demo", options, store_fit=False)
    fit(database_of(demo), "demo", options)
    fit(database_of(demo), "demo", options, store_fit=False)
    assert fit_ids(demo) == [1, 2, 2]
