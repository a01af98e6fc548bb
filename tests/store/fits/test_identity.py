"""What makes a stored fit the one that is looked for: derived from the options, so that none can be forgotten."""

from __future__ import annotations

import dataclasses
from typing import Any, get_args

import apsw
import pytest

import sqlclust
from sqlclust.errors import FitDamagedError
from sqlclust.options import CutOptions, FitOptions, HdbscanOptions, LabelsOptions, names, of_part, option
from sqlclust.options.record import Part
from sqlclust.store.fits import record, storing
from tests.schemas.old import OLD

pytestmark = pytest.mark.slow

OTHER_VALUES: dict[str, Any] = {
    "min_cluster_size": 6,
    "cluster_selection_epsilon": 0.1,
    "cluster_selection_method": "leaf",
    "cluster_selection_persistence": 0.2,
    "max_cluster_size": 20,
    "allow_single_cluster": True,
    "min_samples": 3,
    "alpha": 1.5,
    "metric": "cosine",
    "normalize": False,
    "engine": "approximate",
    "downsample": 2,
    "seed": 1,
}
START: dict[str, Any] = {"min_cluster_size": 5, "min_samples": 4}


def with_option(part: str | None) -> type[HdbscanOptions]:
    """The options, and one more."""
    more = option(0, "a new one", kind=int, part=part)  # type: ignore[arg-type]
    made: type[HdbscanOptions] = dataclasses.make_dataclass(
        "More", [("more", int, more)], bases=(HdbscanOptions,), frozen=True, kw_only=True
    )
    return made


def test_every_option_says_what_it_decides() -> None:
    for options in (HdbscanOptions, FitOptions, LabelsOptions):
        parts = [of_part(options, part) for part in get_args(Part)]
        assert sorted(name for part in parts for name in part) == sorted(names(options))
    assert of_part(FitOptions, "labels") == of_part(LabelsOptions, "labels") == ("like",)
    assert of_part(FitOptions, "fit") == of_part(HdbscanOptions, "fit")
    assert (
        of_part(LabelsOptions, "cut")
        == of_part(HdbscanOptions, "cut")
        == of_part(CutOptions, "cut")
        == names(CutOptions)
    )
    assert ("embedding_model", "corpus_hash", *of_part(HdbscanOptions, "fit")) == record.IDENTITY


@pytest.mark.parametrize("part", [None, "fits", ""])
def test_a_new_option_that_does_not_say_it_is_refused(part: str | None) -> None:
    with pytest.raises(TypeError, match=r"^option 'more' does not say which part of a clustering it decides"):
        of_part(with_option(part), "cut")
    with pytest.raises(TypeError, match=r"^option 'more' does not say"):
        record.fit_options(with_option(part))


def test_a_new_option_of_fits_needs_a_column() -> None:
    assert record.fit_options(with_option("cut")) == record.FIT_OPTIONS
    with pytest.raises(
        TypeError, match=r"^option 'more' is part of a fit, and FitRecord and ClusteringFit have no column"
    ):
        record.fit_options(with_option("fit"))


def test_what_a_fit_is_stored_as_are_columns_of_the_schema(con: apsw.Connection) -> None:
    def columns_of(database: apsw.Connection) -> set[str]:
        return {name for _, name, *_ in database.execute("PRAGMA table_info(ClusteringFit)")}

    assert set(storing._COLUMNS) == columns_of(con) - {"id", "created_at"}
    assert set(record.IDENTITY) < columns_of(con)
    for version in OLD.values():  # such files are written to as they are
        older = apsw.Connection(":memory:")
        older.execute(version.SQL)
        assert set(storing._COLUMNS) - {"updated_from"} <= columns_of(older)


@pytest.mark.parametrize("option", names(HdbscanOptions))
def test_only_a_fit_that_agrees_in_all_of_them_is_used_again(demo: apsw.Connection, option: str) -> None:
    def fit_of(**options: Any) -> Any:
        result = sqlclust.fit(demo, "demo", **{**START, **options})
        return demo.execute("SELECT clustering_fit_id FROM ClusteringResult WHERE id = ?", (result,)).get

    first = fit_of()
    assert fit_of() == first
    other = fit_of(**{option: OTHER_VALUES[option]})
    assert (other == first) == (option in of_part(HdbscanOptions, "cut"))
    if other != first:  # and that one is found again too
        assert fit_of(**{option: OTHER_VALUES[option]}) == other
        assert fit_of() == first


def test_the_other_values_are_others() -> None:
    assert set(OTHER_VALUES) == set(names(HdbscanOptions))
    for name, value in OTHER_VALUES.items():
        assert getattr(HdbscanOptions(**START), name) != value


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("engine", "quantum", "unknown engine 'quantum', expected 'exact' or 'approximate' or 'sharded'"),
        ("engine", "auto", "unknown engine 'auto', expected 'exact' or 'approximate' or 'sharded'"),
        ("metric", "hamming", "option 'metric': found 'hamming', expected 'euclidean' or 'cosine'"),
    ],
)
def test_a_stored_fit_of_an_unknown_name(demo: apsw.Connection, column: str, value: str, message: str) -> None:
    sqlclust.fit(demo, "demo", **START)
    demo.pragma("ignore_check_constraints", True)
    demo.execute(f"UPDATE ClusteringFit SET {column} = ?", (value,))
    for statement in (
        "SELECT clust_cut(1)",
        "SELECT * FROM clust_labels(1)",
        "SELECT * FROM clust_sweep(1, '{}')",
        "SELECT * FROM clust_layers(1)",
        "SELECT * FROM clust_condensed_tree(1)",
        "SELECT * FROM clust_nearest(1)",
        "SELECT * FROM clust_predict(1, (SELECT clust_points(id, vector) FROM Embedding))",
    ):
        with pytest.raises(FitDamagedError) as caught:
            demo.execute(statement).fetchall()
        assert str(caught.value) == f"clustering fit 1 is damaged: {message}. Delete it and fit again"
    assert demo.execute("SELECT count(*) FROM ClusteringResult").get == 1


@pytest.mark.parametrize("name", [name for name in names(HdbscanOptions) if name not in names(CutOptions)])
def test_what_a_cut_says_of_its_fit(demo: apsw.Connection, name: str) -> None:
    """The result of a cut has the parameters of the fit that it is cut from, each under its name."""
    sqlclust.fit(demo, "demo", **{**START, name: OTHER_VALUES[name]})
    demo.execute("SELECT clust_cut(1, '{\"min_cluster_size\": 5}')").fetchall()
    fitted, cut = (text for (text,) in demo.execute("SELECT parameters FROM ClusteringResult ORDER BY id"))
    assert fitted == cut
    assert sqlclust.fit(demo, "demo", **{**START, name: OTHER_VALUES[name]}) == 3
