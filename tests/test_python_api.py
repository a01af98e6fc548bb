from __future__ import annotations

import subprocess
import sys
from typing import Any

import apsw
import numpy as np
import pytest

import sqlclust
from sqlclust.errors import (
    MatrixError,
    NotFiniteError,
    OptionError,
    SchemaMissingError,
    SqlclustError,
    UnknownOptionError,
    ZeroVectorError,
)
from tests.small import add_embeddings, clustered

DATA = clustered()


def as_lists(clustering: Any) -> list[list[float]]:
    return [column.tolist() for column in clustering]


SAME_DATA: dict[str, Any] = {
    "lists": DATA.tolist(),
    "tuples": tuple(map(tuple, DATA.tolist())),
    "float64": DATA.astype(np.float64),
    "big endian": DATA.astype(">f4"),
    "columns first": np.asfortranarray(DATA),
    "a slice": np.hstack([DATA, DATA])[:, :8],
    "read only": np.frombuffer(DATA.tobytes(), dtype=np.float32).reshape(DATA.shape),
    "a masked array": np.ma.masked_array(DATA),
}


@pytest.mark.slow
@pytest.mark.parametrize("given", SAME_DATA.values(), ids=SAME_DATA)
def test_hdbscan_takes_anything_like_an_array(given: Any) -> None:
    expected = sqlclust.hdbscan(DATA)
    assert as_lists(sqlclust.hdbscan(given)) == as_lists(expected)
    assert sorted(expected.sizes.tolist()) == [12, 12, 12]


def test_hdbscan_does_not_change_its_input() -> None:
    given = DATA.copy()
    given.flags.writeable = False
    sqlclust.hdbscan(given, metric="cosine")
    np.testing.assert_array_equal(given, DATA)


def test_shapes_and_types() -> None:
    clustering = sqlclust.hdbscan(DATA, min_cluster_size=5)
    labels, probabilities, scores, medoids, sizes, persistence = clustering
    assert [(c.dtype.name, c.shape) for c in clustering] == [
        ("int64", (40,)),
        ("float64", (40,)),
        ("float64", (40,)),
        ("int64", (3,)),
        ("int64", (3,)),
        ("float64", (3,)),
    ]
    assert labels[36:].tolist() == [-1] * 4
    assert probabilities[36:].tolist() == [0.0] * 4
    assert labels[medoids].tolist() == [0, 1, 2]
    assert (scores[36:] > scores[:36].max()).all()
    assert sizes.tolist() == [12, 12, 12]
    assert (persistence > 0).all()


def test_whole_numbers() -> None:
    grid = [[x // 5 * 100 + x % 5, 0] for x in range(20)]
    labels = sqlclust.hdbscan(grid, min_cluster_size=3, min_samples=1, normalize=False).labels
    assert [len(set(labels[start : start + 5].tolist())) for start in range(0, 20, 5)] == [1, 1, 1, 1]
    assert len(set(labels.tolist())) == 4


@pytest.mark.parametrize("shape", [(0, 3), (1, 3), (2, 3), (3, 3)])
def test_few_rows(shape: tuple[int, int]) -> None:
    clustering = sqlclust.hdbscan(np.ones(shape))
    assert clustering.labels.tolist() == [-1] * shape[0]
    assert [len(column) for column in clustering] == [shape[0]] * 3 + [0] * 3


@pytest.mark.parametrize(
    "given", [[1.0, 2.0], [], [[1, 2], [3]], [["a"]], [[None]], np.zeros((2, 0)), np.zeros((2, 2, 2)), "text", None], ids=repr
)  # fmt: skip
def test_no_matrix(given: Any) -> None:
    with pytest.raises(MatrixError):
        sqlclust.hdbscan(given)


def test_bad_vectors_name_their_row() -> None:
    bad = DATA.copy()
    bad[17, 3] = np.nan
    with pytest.raises(NotFiniteError, match=r"^row 17 has nan at position 3, expected finite numbers$"):
        sqlclust.hdbscan(bad)
    bad[17] = 0
    with pytest.raises(ZeroVectorError, match=r"^row 17 is a zero vector"):
        sqlclust.hdbscan(bad)
    with pytest.raises(ZeroVectorError, match=r"^row 17 is a zero vector"):
        sqlclust.hdbscan(bad, normalize=False, metric="cosine")
    with pytest.raises(ZeroVectorError, match=r"^row 16 is a zero vector"):
        sqlclust.hdbscan(np.vstack([bad[1:18], bad[17:]]), downsample=4)
    assert len(sqlclust.hdbscan(bad, normalize=False).labels) == 40
    assert len(sqlclust.hdbscan(bad, downsample=2).labels) == 20  # row 17 is not among them


def test_downsample_takes_every_nth_row() -> None:
    expected = sqlclust.hdbscan(DATA[::3], min_cluster_size=3)
    assert as_lists(sqlclust.hdbscan(DATA, downsample=3, min_cluster_size=3)) == as_lists(expected)


def test_bad_options() -> None:
    with pytest.raises(UnknownOptionError, match=r"^unknown option 'eps'; allowed are min_cluster_size, "):
        sqlclust.hdbscan(DATA, eps=0.4)
    with pytest.raises(OptionError, match="expected a whole number of at least 2"):
        sqlclust.hdbscan(DATA, min_cluster_size=1)


def test_progress_and_stopping() -> None:
    seen: list[str] = []
    sqlclust.hdbscan(DATA, progress=lambda phase, fraction: seen.append(phase))
    assert list(dict.fromkeys(seen)) == ["duplicates", "neighbors", "spanning tree", "clusters", "medoids"]

    def stop(phase: str, fraction: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sqlclust.hdbscan(DATA, progress=stop)


def test_a_connection_of_ones_own(tmp_path: Any) -> None:
    """register changes nothing else about it, and says what is missing."""
    path = str(tmp_path / "own.db")
    own = apsw.Connection(path)
    before = [own.pragma(name) for name in ("foreign_keys", "trusted_schema", "journal_mode", "busy_timeout")]
    sqlclust.register(own)
    sqlclust.register(own)
    assert [own.pragma(name) for name in ("foreign_keys", "trusted_schema", "journal_mode", "busy_timeout")] == before
    with pytest.raises(SchemaMissingError, match=r"own\.db has no sqlclust tables; run: sqlclust init "):
        sqlclust.fit(own, "demo")
    assert sqlclust.initialize(own) is True
    assert sqlclust.initialize(own) is False
    add_embeddings(own, DATA)
    result = sqlclust.fit(own, "demo", downsample=2, min_cluster_size=5)
    assert own.execute("SELECT count(*) FROM EmbeddingCluster WHERE clustering_result_id = ?", (result,)).get == 20
    own.close()


def test_the_same_clusters_from_arrays_sql_and_fit(demo: apsw.Connection) -> None:
    expected = sqlclust.hdbscan(DATA, min_cluster_size=6)
    by_array = list(
        zip(
            range(1, 41),
            expected.labels.tolist(),
            expected.probabilities.tolist(),
            expected.outlier_scores.tolist(),
            [int(expected.medoids[label]) + 1 if label >= 0 else None for label in expected.labels],
            strict=True,
        )
    )
    by_sql = demo.execute(
        """SELECT id, label, probability, outlier_score, medoid_id
           FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding), '{"min_cluster_size": 6}') ORDER BY id"""
    ).fetchall()
    assert by_sql == by_array
    result = sqlclust.fit(demo, "demo", min_cluster_size=6)
    by_fit = demo.execute(
        """SELECT ec.embedding_id, ec.label, ec.probability, ec.outlier_score, m.medoid_embedding_id
           FROM EmbeddingCluster ec JOIN EmbeddingClusterMedoid m USING (clustering_result_id, embedding_id)
           WHERE ec.clustering_result_id = ? ORDER BY 1""",
        (result,),
    ).fetchall()
    assert by_fit == by_array


def test_what_the_package_offers() -> None:
    for name in sqlclust.__all__:
        assert getattr(sqlclust, name) is not None
    assert issubclass(SqlclustError, ValueError)
    assert sqlclust.SqlclustError is SqlclustError


def test_importing_costs_nothing() -> None:
    code = "import sys, sqlclust; print(sorted({'numpy', 'apsw', 'hdbscan', 'sklearn', 'scipy', 'click'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
