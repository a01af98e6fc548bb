"""Which stored fit another was made from: written, read, and forgotten when that fit goes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import FitDamagedError
from sqlclust.options import FitOptions, HdbscanOptions
from sqlclust.store.fit import fit
from sqlclust.store.fits import loading, storing
from sqlclust.store.results.listing import delete_result
from tests.schemas.old import OLD
from tests.small import add_embeddings, clustered

FIVE = HdbscanOptions(min_cluster_size=5)


def made_from(con: apsw.Connection, earlier: int | None) -> int:
    """A copy of fit 1's description, made from a fit, without arrays; its id."""
    record = replace(loading.load(database_of(con), 1).record, updated_from=earlier)
    return storing.insert(database_of(con), record, None)


def stored(con: apsw.Connection, fit_id: int) -> Any:
    return con.execute("SELECT updated_from FROM ClusteringFit WHERE id = ?", (fit_id,)).get


@pytest.fixture
def fitted(demo: apsw.Connection) -> apsw.Connection:
    fit(database_of(demo), "demo", FIVE)
    fit(database_of(demo), "demo", FitOptions(min_cluster_size=5, min_samples=3, update="never"))
    return demo


def test_it_is_written_and_read(fitted: apsw.Connection) -> None:
    assert [stored(fitted, fit_id) for fit_id in (1, 2)] == [None, None]
    assert stored(fitted, made_from(fitted, 1)) == 1
    fitted.execute("UPDATE ClusteringFit SET updated_from = 1 WHERE id = 2")
    assert [loading.load(database_of(fitted), fit_id).record.updated_from for fit_id in (1, 2)] == [None, 1]


@pytest.mark.parametrize("foreign_keys", [True, False])
def test_one_that_was_deleted_meanwhile_is_not_named(fitted: apsw.Connection, foreign_keys: bool) -> None:
    fitted.pragma("foreign_keys", foreign_keys)
    delete_result(database_of(fitted), 2)
    assert stored(fitted, made_from(fitted, 2)) is None


@pytest.mark.parametrize("foreign_keys", [True, False])
def test_it_is_forgotten_when_that_fit_goes(fitted: apsw.Connection, foreign_keys: bool) -> None:
    fitted.execute("UPDATE ClusteringFit SET updated_from = 1 WHERE id = 2")
    fitted.pragma("foreign_keys", foreign_keys)
    fit(database_of(fitted), "demo", FIVE)  # result 3, of fit 1 too
    delete_result(database_of(fitted), 1)
    assert stored(fitted, 2) == 1
    delete_result(database_of(fitted), 3)
    assert fitted.execute("SELECT id, updated_from FROM ClusteringFit").fetchall() == [(2, None)]
    assert fitted.execute("SELECT count(*) FROM clust_labels(2)").get == 40


@pytest.mark.parametrize("version", OLD)
def test_an_older_file_has_no_place_for_it(version: int) -> None:
    con = sqlclust.connect(":memory:")
    con.execute(OLD[version].SQL)
    add_embeddings(con, clustered(40))
    fit(database_of(con), "demo", FIVE)
    assert loading.load(database_of(con), 1).record.updated_from is None
    assert made_from(con, 1) == 2
    delete_result(database_of(con), 1)
    assert con.execute("SELECT id FROM ClusteringFit").fetchall() == [(2,)]


@pytest.mark.parametrize(("value", "shown"), [(2, "2"), (3, "3")])
def test_a_fit_is_made_from_an_earlier_one(fitted: apsw.Connection, value: int, shown: str) -> None:
    fitted.pragma("foreign_keys", False)
    fitted.execute("UPDATE ClusteringFit SET updated_from = ? WHERE id = 2", (value,))
    with pytest.raises(FitDamagedError) as caught:
        loading.load(database_of(fitted), 2)
    assert caught.value.reason == f"its updated_from is {shown}, which is no earlier fit"
    found = fitted.execute("SELECT finding, id FROM clust_doctor() WHERE severity = 'error'").fetchall()
    assert ("damaged-fit", 2) in found


def test_the_doctor_finds_one_that_names_no_fit(fitted: apsw.Connection) -> None:
    fitted.pragma("foreign_keys", False)
    fitted.execute("UPDATE ClusteringFit SET updated_from = -7 WHERE id = 2")
    [found] = fitted.execute("SELECT * FROM clust_doctor() WHERE severity = 'error'")
    assert found[:4] == ("orphans", "ClusteringFit", "updated_from", 2)
    assert found[4:] == (
        "set the column to NULL: the fit is whole without the one that it was made from", 1, "error",
        "1 row points at no row of ClusteringFit; the example at -7",
    )  # fmt: skip
