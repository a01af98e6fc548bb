"""Table functions give what tables of their rows give. For longer: python -m tests.trust.random_queries"""

from __future__ import annotations

from itertools import islice
from typing import cast

import apsw
import pytest

from sqlclust.bindings import virtual_table
from sqlclust.bindings.virtual_table import IndexInfo
from sqlclust.sqlite import lookup
from sqlclust.surface.catalog import CATALOG
from sqlclust.surface.records import TableFunction
from tests.trust.query_database import CALLS, database
from tests.trust.random_queries import Answers, queries

pytestmark = pytest.mark.slow

DIRECTED = {
    "rows found by id are numbered anew": (
        "SELECT t1.id, t2.id FROM h_any t2 RIGHT JOIN ‹clust_labels› t1 ON t1.id = t2.id",
        "SELECT t1.id, t2.id FROM h_any t2 FULL JOIN ‹clust_neighbors› t1 ON t1.id = t2.id",
    ),
    "equality is too narrow": (
        "SELECT t1.id FROM ‹clust_hdbscan› t1 WHERE t1.id = CAST('7' AS NUMERIC)",
        "SELECT t1.id FROM h_any t2 CROSS JOIN ‹clust_predict› t1 ON t1.id = t2.k",
    ),
    "IN is taken over": (
        "SELECT t1.id FROM h_any t2 CROSS JOIN ‹clust_labels› t1 ON t1.id IN (SELECT k FROM h_numeric) WHERE t2.k = 1",
    ),
    "calls share their rowids": (
        "SELECT t1.id FROM ‹clust_labels by condition› t1 WHERE t1.options = '{}' AND t1.clustering_fit_id = 1 AND t1.id = 1 "
        "OR t1.options = '{}' AND t1.clustering_fit_id = 2 AND t1.id = 1",
    ),
    "an OR is made of look-ups": (
        "SELECT t1.id, t2.k FROM ‹clust_hdbscan› t1, h_any t2 WHERE t1.id = 1 AND t1.label >= -1 OR t1.id = 3 ORDER BY t1.id",
        "SELECT t1.id, t2.k FROM ‹clust_predict› t1, h_any t2 WHERE t1.id = 'nan' OR t1.id = 3 AND t1.label >= -1 ORDER BY t1.id",
    ),
    "a repeated argument is forgotten": (
        "SELECT t1.id FROM ‹clust_labels by condition› t1 WHERE t1.clustering_fit_id = 1 AND t1.options = '{}' "
        "AND t1.clustering_fit_id IN (SELECT id FROM fit WHERE id > 1)",
    ),
}
"""Queries in which each of these mistakes is a wrong answer."""


@pytest.fixture(scope="module")
def answers() -> Answers:
    return Answers(database(remembering=True, analyzed=False))


def test_every_table_function_takes_part(answers: Answers) -> None:
    assert set(CALLS) == {record.name for record in CATALOG if isinstance(record, TableFunction)}
    for name, source in answers.functions.items():
        rows = answers.con.execute(f"SELECT count(*) FROM {source.table}").get
        assert rows > 0 or name == "clust_doctor", name


@pytest.mark.parametrize("seed", range(3))
def test_random_queries(answers: Answers, seed: int) -> None:
    before = answers.compared
    for query in islice(queries(answers.functions, seed), 150):
        assert answers.difference(query) == ""
    assert answers.compared - before > 120


def test_random_queries_of_functions_that_compute_every_time() -> None:
    answers = Answers(database(analyzed=True))
    for query in islice(queries(answers.functions, 9), 15):
        assert answers.difference(query) == ""


@pytest.mark.parametrize("mistake", DIRECTED)
def test_directed_queries(answers: Answers, mistake: str) -> None:
    before = answers.compared
    for query in DIRECTED[mistake]:
        assert answers.difference(query) == ""
    assert answers.compared - before == len(DIRECTED[mistake])


def found(answers: Answers, mistake: str) -> bool:
    return all(answers.difference(query) for query in DIRECTED[mistake])


def renumbered(self: lookup.Lookup, value: object) -> list[lookup.Numbered]:
    return [(place, row) for place, (_, row) in enumerate(find(self, value), 1)]


def only_exactly(self: lookup.Lookup, value: object) -> list[lookup.Numbered]:
    return list(self._exactly.get(value, ()))


def with_in(self: virtual_table._Plan, constraint: int, column: int) -> bool:
    info, self._info = self._info, cast(IndexInfo, WithoutIn(self._info))
    try:
        return looks_up(self, constraint, column)
    finally:
        self._info = info


class WithoutIn:
    """A plan's constraints, as if none were IN."""

    def __init__(self, info: object) -> None:
        self._info = info

    def get_aConstraintUsage_in(self, constraint: int) -> bool:
        return False

    def __getattr__(self, name: str) -> object:
        return getattr(self._info, name)


def forgotten(self: virtual_table.Cursor, number: int) -> object:
    return 1 if self._record.args[number] == "clustering_fit_id" else argument(self, number)


find, looks_up, argument = lookup.Lookup.find, virtual_table._Plan._looks_up, virtual_table.Cursor.argument


@pytest.mark.parametrize(
    ("mistake", "where", "name", "wrong"),
    [
        ("rows found by id are numbered anew", lookup.Lookup, "find", renumbered),
        ("equality is too narrow", lookup.Lookup, "find", only_exactly),
        ("IN is taken over", virtual_table._Plan, "_looks_up", with_in),
        ("calls share their rowids", virtual_table.VirtualTable, "number_of", lambda self, arguments: 0),
        pytest.param(
            "an OR is made of look-ups",
            virtual_table,
            "_LOOKING_UP",
            (9e5, 10),
            marks=pytest.mark.skipif(apsw.SQLITE_VERSION_NUMBER < 3_054_000, reason="SQLite has another plan for it"),
        ),
        ("a repeated argument is forgotten", virtual_table.Cursor, "argument", forgotten),
    ],
)
def test_mistakes_are_found(
    answers: Answers, monkeypatch: pytest.MonkeyPatch, mistake: str, where: object, name: str, wrong: object
) -> None:
    monkeypatch.setattr(where, name, wrong)
    assert all(answers.difference(query) for query in DIRECTED[mistake])
