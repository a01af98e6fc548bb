"""The doctor on files of every version of our schema: what a version did not have yet is not missed, the rest is looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

import sqlclust
from sqlclust.schema import VERSION
from tests.diagnosis.sick import broken
from tests.schemas.old import KNOWN

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=KNOWN)
def file(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> tuple[int, Path]:
    path = tmp_path_factory.mktemp("versions") / "whole.db"
    KNOWN[request.param].make(path)
    return request.param, path


def found(path: Path) -> dict[tuple[str, str | None], str]:
    con = sqlclust.connect(str(path), readonly=True)
    try:
        return {(finding.finding, finding.table): finding.detail for finding in sqlclust.doctor(con).findings}
    finally:
        con.close()


def test_a_whole_file(file: tuple[int, Path]) -> None:
    number, path = file
    expected = {("older-schema", "SqlclustMigration")} if number < VERSION else set()
    of_fixture = {("parameters-incomplete", "ClusteringResult"), ("stale-result", "ClusteringResult")}
    of_fixture |= {("source-view", "EmbeddingSource")}  # its source was written by hand, without a view
    assert {*found(path)} - of_fixture == expected


BROKEN = {
    "a fit": ("UPDATE ClusteringFit SET spanning_tree = zeroblob(length(spanning_tree))", "damaged-fit", "ClusteringFit", ""),
    "a CHECK of a table that changed": (
        "UPDATE Embedding SET embedding_model = '' WHERE id = 1001", "constraint-violated", "Embedding",
        "1 row has what the table refuses: not (embedding_model <> '')",
    ),
    "a CHECK of a table that did not": (
        "UPDATE Invocation SET sequence_number = -1 WHERE id = 'step 0'", "constraint-violated", "Invocation",
        "1 row has what the table refuses: not (sequence_number >= 0)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_broken_in_any_version(file: tuple[int, Path], tmp_path: Path, what: str) -> None:
    sql, finding, table, detail = BROKEN[what]
    details = found(broken(file[1], tmp_path / "sick.db", sql))
    assert details[finding, table].startswith(detail)


BROKEN_SOURCES = {
    "neither a vector nor a source": (
        "INSERT INTO Embedding (id, embedding_model) VALUES ('thin', 'demo')",
        "constraint-violated", "Embedding",
        "1 row has what the table refuses: not ((vector IS NULL) <> (embedding_source IS NULL))",
    ),
    "both": (
        "UPDATE Embedding SET vector = x'0000803f' WHERE id = '[\"notes\",2]'",
        "constraint-violated", "Embedding",
        "1 row has what the table refuses: not ((vector IS NULL) <> (embedding_source IS NULL))",
    ),
    "a source that is gone": (
        "DELETE FROM EmbeddingSource", "orphans", "Embedding", "6 rows point at no row of EmbeddingSource",
    ),
    "a source edited by hand": (
        "UPDATE EmbeddingSource SET id_columns = '[]'", "constraint-violated", "EmbeddingSource",
        "1 row has what the table refuses: not (json_valid(id_columns) AND ",
    ),
    "the trigger": (
        "DROP TRIGGER ClusteringResult_delete", "missing-trigger", "ClusteringResult",
        "the trigger ClusteringResult_delete is not there",
    ),
    "the table": ("DROP TABLE EmbeddingSource", "missing-table", "EmbeddingSource", "the table is not there"),
    "the table of neighbours": (
        "DROP TABLE ClusteringFitNeighbors", "missing-table", "ClusteringFitNeighbors", "the table is not there",
    ),
    "neighbours of a fit that is gone": (
        "DELETE FROM ClusteringFit WHERE id = 9", "orphans", "ClusteringFitNeighbors",
        "1 row points at no row of ClusteringFit; the example at 9",
    ),
    "an index": ("DROP INDEX Embedding_item", "missing-index", "Embedding", "the index Embedding_item is not there"),
    "a column": (
        "DROP INDEX ClusteringFit_updated_from; ALTER TABLE ClusteringFit DROP COLUMN updated_from",
        "other-table", "ClusteringFit", "the table is not as schema.sql makes it: other columns or foreign keys, or not STRICT",
    ),
}  # fmt: skip


BROKEN_MAPS = {
    "the table of maps": ("DROP TABLE ClusteringFitMap", "missing-table", "ClusteringFitMap", "the table is not there"),
    "a map of a fit that is gone": (
        "DELETE FROM ClusteringFit WHERE id = 9", "orphans", "ClusteringFitMap",
        "1 row points at no row of ClusteringFit; the example at 9",
    ),
    "a map of other rows": (
        "UPDATE ClusteringFitMap SET n = 5, xy = zeroblob(40)", "damaged-map", "ClusteringFitMap",
        "1 map is not what is written; of the example: it is of 5 rows, and the fit of 6",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN_MAPS)
def test_what_is_broken_of_version_4(tmp_path: Path, what: str) -> None:
    sql, finding, table, detail = BROKEN_MAPS[what]
    KNOWN[4].make(tmp_path / "whole.db")
    details = found(broken(tmp_path / "whole.db", tmp_path / "sick.db", sql))
    assert details[finding, table].startswith(detail), details


@pytest.mark.parametrize("what", BROKEN_SOURCES)
def test_what_is_broken_of_version_3(tmp_path: Path, what: str) -> None:
    sql, finding, table, detail = BROKEN_SOURCES[what]
    about_rows = finding in (
        "constraint-violated",
        "orphans",
    )  # what is there at all is looked at in the newest version alone
    for number in (3, VERSION) if about_rows else (VERSION,):
        whole, sick = tmp_path / f"whole {number}.db", tmp_path / f"sick {number}.db"
        KNOWN[number].make(whole)
        details = found(broken(whole, sick, sql))
        assert details[finding, table].startswith(detail), details
