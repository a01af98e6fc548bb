"""Faults from below while a cut with a smaller min_samples is published: its result and its fit are both there, or neither."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

import sqlclust
from sqlclust.errors import DatabaseFileError
from tests.extension import originals
from tests.trust import work
from tests.trust.bench import Bench

CUT = "SELECT clust_cut(1, '{\"min_samples\": 3}')"
RESULT_AND_FIT = """
SELECT ec.*, f.row_ids, f.core_distances, f.spanning_tree, n.neighbors, n.squared_distances
FROM ClusteringResult r JOIN EmbeddingCluster ec ON ec.clustering_result_id = r.id
JOIN ClusteringFit f ON f.id = r.clustering_fit_id JOIN ClusteringFitNeighbors n ON n.clustering_fit_id = f.id
WHERE r.id = 2 AND f.updated_from = 1 ORDER BY ec.embedding_id
"""


@pytest.mark.slow
@pytest.mark.parametrize("journal", work.JOURNALS)
def test_an_operation_fails(tmp_path: Path, journal: str) -> None:
    bench = Bench(tmp_path, journal)
    with closing(sqlclust.connect(str(bench._base))) as con:
        work.write(con, "clust_fit")
    with closing(bench.fresh()) as con:
        con.execute(CUT).fetchall()
        whole = con.execute(RESULT_AND_FIT).fetchall()
    assert whole
    for _ in bench.every(step=4):
        failed = False
        try:
            with originals():
                bench.con.execute(CUT).fetchall()
        except DatabaseFileError:
            failed = True
        bench.shim.disarm()
        bench.con.close()
        with closing(sqlclust.connect(str(bench.path))) as con:
            for table in ("ClusteringResult", "ClusteringFit", "ClusteringFitNeighbors"):
                assert con.execute(f"SELECT count(*) FROM {table}").get == 2 - failed
            assert con.execute(RESULT_AND_FIT).fetchall() == ([] if failed else whole)
