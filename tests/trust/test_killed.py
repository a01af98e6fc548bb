"""Programs killed in the middle: a short version of `python -m tests.trust.killed --points 200`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import sqlclust
from tests.trust import killed, work

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[killed.Programs]:
    with killed.programs() as server:
        yield server


@pytest.mark.parametrize("form", killed.FORMS)
@pytest.mark.parametrize("journal", work.JOURNALS)
def test_a_killed_program_leaves_a_result_whole_or_not_at_all(
    server: killed.Programs, tmp_path: Path, journal: str, form: str
) -> None:
    figures = killed.killed_at(server, tmp_path, journal, form, 6, n=120, seed=1)
    assert figures.failures == []
    assert (
        figures.during >= 2
    )  # those killed by their VFS, at the first and the last operation of the publish, and others
    assert figures.whole + figures.absent == 6


def test_the_judge_sees_half_a_result(tmp_path: Path) -> None:
    """What the tests here rely on."""
    path = tmp_path / "half.db"
    expected = work.make(path, "delete")
    con = sqlclust.connect(str(path))
    work.write(con, "clust_fit")
    assert work.judge(path, expected) == 1
    con.pragma("foreign_keys", False)
    for damage in (
        "DELETE FROM EmbeddingCluster WHERE embedding_id = 40",
        "DELETE FROM Cluster WHERE label = 2",
        "DELETE FROM ClusteringResult",
        "UPDATE ClusteringFit SET spanning_tree = NULL, row_ids = NULL, row_checks = NULL, core_distances = NULL",
        "UPDATE EmbeddingCluster SET probability = 0.5 WHERE embedding_id = 1",
    ):
        con.execute("BEGIN IMMEDIATE")
        con.execute(damage)
        con.execute("COMMIT")
        with pytest.raises(AssertionError):
            work.judge(path, expected)
        con.close()
        path.unlink()
        expected = work.make(path, "delete")
        con = sqlclust.connect(str(path))
        work.write(con, "clust_fit")
        con.pragma("foreign_keys", False)
    con.close()
