"""The map of a fit as it is stored: not trusted, written as a whole, gone with its fit."""

from __future__ import annotations

from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import AlteredError, MapDamagedError
from sqlclust.store.maps import MadeMap, map_of, read_map
from sqlclust.store.results.listing import delete_result
from tests.small import MAP


@pytest.fixture
def fitted(demo: apsw.Connection) -> apsw.Connection:
    """The demo rows with a result, 1, and its fit."""
    sqlclust.fit(demo, "demo", min_cluster_size=5)
    return demo


def made(con: apsw.Connection, method: Any) -> MadeMap:
    return map_of(database_of(con), 1, method)


def stored(con: apsw.Connection) -> list[Any]:
    return con.execute("SELECT clustering_fit_id, method, n, length(xy) FROM ClusteringFitMap").fetchall()


DAMAGED = {
    "a method that there is not": ("method = 'UMAP'", "its method is 'UMAP'"),
    "another fit's rows": ("n = 39, xy = zeroblob(312)", "it is of 39 rows, and the fit of 40"),
    "a place that is not a number": (
        "xy = CAST(x'0000c07f' || zeroblob(316) AS BLOB)", "it has places that are no numbers",
    ),
    "another length": ("xy = zeroblob(16)", "a BLOB has another length"),
}  # fmt: skip


@pytest.mark.parametrize("what", DAMAGED)
def test_damaged_maps_are_not_read_and_are_made_again(fitted: apsw.Connection, what: str) -> None:
    change, reason = DAMAGED[what]
    good = made(fitted, "pca").map.xy
    fitted.pragma("ignore_check_constraints", True)
    fitted.execute(f"UPDATE ClusteringFitMap SET {change}")
    with pytest.raises(
        MapDamagedError, match=r"^the map of clustering fit 1 is damaged: .*\. Make it again: sqlclust map"
    ) as e:
        read_map(database_of(fitted), 1)
    assert e.value.reason == reason
    again = made(fitted, "pca")
    assert again.is_new
    assert again.map.xy.tobytes() == good.tobytes()


@pytest.mark.parametrize("foreign_keys", [True, False])
def test_it_goes_with_its_fit(fitted: apsw.Connection, foreign_keys: bool) -> None:
    fitted.pragma("foreign_keys", foreign_keys)
    made(fitted, "pca")
    second = fitted.execute("SELECT clust_cut(1, '{\"min_cluster_size\": 4}')").get
    delete_result(database_of(fitted), 1)
    assert stored(fitted) == [(1, "PCA", 40, 320)]
    delete_result(database_of(fitted), int(str(second)))
    assert stored(fitted) == []


def trigger(when: str, does: str) -> str:
    return f"CREATE TRIGGER trap {when} ON ClusteringFitMap BEGIN {does}; END"


@pytest.mark.parametrize(
    "trap",
    [
        trigger("BEFORE INSERT", "SELECT raise(IGNORE)"),
        trigger("AFTER INSERT", "UPDATE ClusteringFitMap SET xy = zeroblob(320)"),
        trigger("AFTER INSERT", "UPDATE ClusteringFitMap SET method = 't-SNE'"),
    ],
)
def test_a_trigger_that_drops_or_changes_it(fitted: apsw.Connection, trap: str) -> None:
    fitted.execute(trap)
    with pytest.raises(AlteredError, match="ClusteringFitMap has not the new row"):
        made(fitted, "pca")
    assert stored(fitted) == []


def test_a_trigger_that_keeps_it(fitted: apsw.Connection) -> None:
    fitted.execute(MAP)
    fitted.execute(trigger("BEFORE DELETE", "SELECT raise(IGNORE)"))
    with pytest.raises(AlteredError, match=r"^ClusteringFitMap has 1 of the deleted fit's maps, expected 0"):
        delete_result(database_of(fitted), 1)
    assert fitted.execute("SELECT count(*) FROM ClusteringResult").get == 1
