"""Cutting a stored fit gives what a fresh fit gives, row for row; and says when it cannot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import apsw
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree.condensed_tree import condense
from sqlclust.errors import FitOptionError, OptionError, UnknownOptionError
from sqlclust.options import HdbscanOptions
from sqlclust.store.cut import cut, labels
from sqlclust.store.fit import fit
from sqlclust.store.fits import loading as fits
from sqlclust.store.sweep import sweep
from tests.small import add_embeddings, blob, clustered
from tests.store.left import FRESH, fit_ids, result_rows


def tied() -> np.ndarray[Any, np.dtype[np.float32]]:
    """80 rows on a small grid: many copies, and distances that are equal."""
    random = np.random.default_rng(3)
    return np.vstack([random.integers(1, 5, size=(60, 3)), random.integers(-9, 9, size=(20, 3))]).astype(np.float32)


MODELS: dict[str, tuple[dict[str, Any], int]] = {
    "spread": ({"min_samples": 3}, 1),
    "tied": ({"min_samples": 2, "normalize": False}, 2),
    "cosine": ({"min_samples": 4, "metric": "cosine", "alpha": 0.8}, 3),
}
"""What each model is fitted with, and its ClusteringFit."""


@pytest.fixture(scope="module")
def stored() -> Iterator[apsw.Connection]:
    """Fits 1 to 3."""
    con = sqlclust.connect(":memory:")
    sqlclust.initialize(con)
    spread = clustered(90, clusters=5, noise=30, dimension=32)
    spread[:60] += 0.1 * np.random.default_rng(1).normal(size=(60, 32)).astype(np.float32)
    add_embeddings(con, spread, model="spread")
    add_embeddings(con, tied(), model="tied", ids=[f"t{i}" for i in range(80)])
    add_embeddings(con, clustered(70, noise=20, dimension=24), model="cosine", ids=[i + 0.5 for i in range(70)])
    for model, (options, _) in MODELS.items():
        fit(database_of(con), model, HdbscanOptions(min_cluster_size=5, **options))
    yield con
    con.close()


cut_options = st.fixed_dictionaries(
    {},
    optional={
        "min_cluster_size": st.sampled_from([2, 3, 5, 8, 14, 100]),
        "cluster_selection_epsilon": st.sampled_from([0.0, 0.05, 0.4, 1.5]),
        "cluster_selection_method": st.sampled_from(["eom", "leaf"]),
        "cluster_selection_persistence": st.sampled_from([0.0, 0.2, 3.0]),
        "max_cluster_size": st.sampled_from([0, 1, 12]),
        "allow_single_cluster": st.booleans(),
    },
)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(model=st.sampled_from(sorted(MODELS)), options=cut_options)
def test_a_cut_is_a_fresh_fit(stored: apsw.Connection, model: str, options: dict[str, Any]) -> None:
    settled, fit_id = MODELS[model]
    fresh = stored.execute(FRESH, (model, json.dumps({**settled, **options}))).fetchall()
    result_id = cut(database_of(stored), fit_id, options)
    assert result_rows(stored, result_id) == fresh
    as_rows = (
        "SELECT id, label, probability, outlier_score, medoid_id, cluster_size, persistence FROM clust_labels(?, ?)"
    )
    assert stored.execute(as_rows, (fit_id, json.dumps(options))).fetchall() == fresh
    parameters = json.loads(stored.execute("SELECT parameters FROM ClusteringResult WHERE id = ?", (result_id,)).get)
    assert HdbscanOptions(**parameters).resolved(len(fresh)).as_dict() == parameters
    assert {**parameters, **settled, **options} == parameters
    [row] = sweep(database_of(stored), fit_id, options)
    found: list[Any] = [label for _, label, *_ in fresh]
    assert (row["n_clusters"], row["noise_share"]) == (max(found) + 1, found.count(-1) / len(found))
    stored.execute("DELETE FROM ClusteringResult WHERE id = ?", (result_id,))


def test_results_by_fit_and_by_cut_have_the_same_parameters(stored: apsw.Connection) -> None:
    by_fit = fit(database_of(stored), "spread", HdbscanOptions(min_cluster_size=7, min_samples=3))
    by_cut = cut(database_of(stored), 1, {"min_cluster_size": 7})
    assert result_rows(stored, by_cut) == result_rows(stored, by_fit)
    found = [
        json.loads(text)
        for (text,) in stored.execute(
            "SELECT parameters FROM ClusteringResult WHERE id IN (?, ?) ORDER BY id", (by_fit, by_cut)
        )
    ]
    assert found[0] == found[1]


# --- options --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        (
            {"min_samples": 7},
            FitOptionError,
            "option 'min_samples': found 7, but clustering fit 1 was made with 5, and",
        ),
        (
            {"metric": "cosine"},
            FitOptionError,
            "was made with 'euclidean', and that cannot be changed by cutting; a new fit",
        ),
        ({"normalize": False}, FitOptionError, "found False, but clustering fit 1 was made with True"),
        ({"downsample": 2}, FitOptionError, "option 'downsample': found 2, but clustering fit 1 was made with 1"),
        ({"metric": "x"}, OptionError, "option 'metric': found 'x', expected 'euclidean' or 'cosine'"),
        (
            {"min_cluster_size": 1},
            OptionError,
            "option 'min_cluster_size': found 1, expected a whole number of at least 2",
        ),
        (
            {"min_cluster_sise": 5},
            UnknownOptionError,
            "unknown option 'min_cluster_sise'; allowed are min_cluster_size, ",
        ),
    ],
)
def test_options_that_do_not_apply(
    demo: apsw.Connection, values: dict[str, Any], error: type[OptionError], message: str
) -> None:
    fit(database_of(demo), "demo", HdbscanOptions(min_cluster_size=5))
    for use in (cut, labels, sweep):
        with pytest.raises(error) as caught:
            use(database_of(demo), 1, values)
        assert message in str(caught.value)
    assert len(fit_ids(demo)) == 1


def test_options_the_fit_was_made_with_may_be_repeated(demo: apsw.Connection) -> None:
    options = {"min_samples": 5, "metric": "euclidean", "normalize": True, "alpha": 1, "seed": 0, "downsample": 1}
    fit(database_of(demo), "demo", HdbscanOptions(min_cluster_size=5))
    assert result_rows(demo, cut(database_of(demo), 1, options)) == result_rows(demo, 1)


# --- sweep ----------------------------------------------------------------------------------------------------------


def test_sweep_gives_a_row_for_every_combination(stored: apsw.Connection) -> None:
    values = {"cluster_selection_method": ["eom", "leaf"], "min_cluster_size": [3, 8], "cluster_selection_epsilon": 0.1}
    rows = sweep(database_of(stored), 1, values)
    assert [(row["cluster_selection_method"], row["min_cluster_size"]) for row in rows] == [
        ("eom", 3), ("eom", 8), ("leaf", 3), ("leaf", 8),
    ]  # fmt: skip
    assert {row["cluster_selection_epsilon"] for row in rows} == {0.1}
    assert [row["ari_previous"] is None for row in rows] == [True, False, False, False]
    previous: list[int] = []
    for row in rows:
        options = {name: row[name] for name in (*values, "min_cluster_size")}
        found = [label for (label,) in stored.execute("SELECT label FROM clust_labels(1, ?)", (json.dumps(options),))]
        assert row["n_clusters"] == max(found) + 1
        assert row["noise_share"] == found.count(-1) / 90
        assert row["largest_share"] == max((found.count(label) / 90 for label in set(found) - {-1}), default=0)
        if previous:
            pairs = json.dumps(list(zip(previous, found, strict=True)))
            sql = "SELECT clust_ari(value ->> 0, value ->> 1) FROM json_each(?)"
            assert row["ari_previous"] == pytest.approx(stored.execute(sql, (pairs,)).get)
        previous = found


def test_sweep_without_clusters(demo: apsw.Connection) -> None:
    fit(database_of(demo), "demo", HdbscanOptions(min_cluster_size=5))
    [row] = sweep(database_of(demo), 1, {"min_cluster_size": 30})
    assert (row["n_clusters"], row["noise_share"], row["largest_share"]) == (0, 1.0, 0.0)
    assert row["mean_persistence"] is None
    assert row["relative_validity"] is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"min_cluster_size": []}, "option 'min_cluster_size': found [], expected a value or a list of at least one"),
        ({"min_cluster_size": [5, 1]}, "option 'min_cluster_size': found 1, expected a whole number of at least 2"),
        ({"min_cluster_size": [[5]]}, "option 'min_cluster_size': found [5], expected a whole number"),
        ({"min_cluster_size": list(range(2, 1003))}, "found '1,001 combinations', expected at most 1,000"),
    ],
)
def test_sweeps_that_are_refused(demo: apsw.Connection, values: dict[str, Any], message: str) -> None:
    fit(database_of(demo), "demo", HdbscanOptions(min_cluster_size=5))
    with pytest.raises(OptionError) as caught:
        sweep(database_of(demo), 1, values)
    assert message in str(caught.value)


def test_the_tree_is_condensed_once_for_each_size(stored: apsw.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    called = []

    def counting(hierarchy: Any, *, min_cluster_size: int, control: Control) -> Any:
        called.append(min_cluster_size)
        return condense(hierarchy, min_cluster_size=min_cluster_size, control=control)

    monkeypatch.setattr("sqlclust.store.sweep.condense", counting)
    sweep(database_of(stored), 1, {"min_cluster_size": [4, 6], "cluster_selection_epsilon": [0, 0.1, 0.2]})
    assert called == [4, 6]


def test_an_interrupt_ends_a_cut(demo: apsw.Connection) -> None:
    fit(database_of(demo), "demo", HdbscanOptions(min_cluster_size=5))

    def interrupt(phase: str, fraction: float) -> None:
        demo.interrupt()

    with pytest.raises(apsw.InterruptError):
        cut(database_of(demo), 1, {}, progress=interrupt)
    assert len(fit_ids(demo)) == 1


def test_a_fit_of_two_rows(con: apsw.Connection) -> None:
    con.executemany(
        "INSERT INTO Embedding (id, embedding_model, vector) VALUES (?, 'two', ?)", [(1, blob(1)), (2, blob(2))]
    )
    fit(database_of(con), "two", HdbscanOptions(normalize=False))
    assert [
        row[1]
        for row in result_rows(con, cut(database_of(con), 1, {"min_cluster_size": 2, "allow_single_cluster": True}))
    ] == [
        0,
        0,
    ]
    assert len(fits.load(database_of(con), 1).tree.weight) == 1
