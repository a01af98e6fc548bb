"""A database as version 3 of the schema made it, with the content of `version_1`, and a source with a result: version_3.sql
never changes.
"""

from __future__ import annotations

from pathlib import Path

import apsw

from tests.schemas import version_1

SQL = (Path(__file__).parent / "version_3.sql").read_text(encoding="utf-8")
SOURCE = """
CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT, vector BLOB);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6)
INSERT INTO notes SELECT i, 'note ' || i, x'0000803f' FROM n;
INSERT INTO EmbeddingSource (name, kind, table_name, id_columns, vector_column, content_column, format, dimension)
VALUES ('notes', 'table', 'notes', '["id"]', 'vector', 'body', 'float32', 1);
INSERT INTO ClusteringFit (id, embedding_model, selection, metric, normalize, min_samples, alpha, engine, recall, n, n_distinct,
                           dimension, corpus_hash, versions, timings, row_ids, row_checks, core_distances, spanning_tree)
VALUES (9, 'notes', '{"where": null, "downsample": 1}', 'euclidean', 0, 2, 1.0, 'exact', 1.0, 6, 1, 1, 'by hand', '{}', '{}',
        x'69010000000000000002000000000000000300000000000000040000000000000005000000000000000600000000000000', zeroblob(24),
        zeroblob(24),
        CAST(x'00000000010000000200000003000000040000000100000002000000030000000400000005000000' || zeroblob(40) AS BLOB));
INSERT INTO ClusteringFitNeighbors VALUES (9, 0, 0, 6, 1, 0, zeroblob(24), zeroblob(48), x'06000000', zeroblob(4), x'', x'');
BEGIN;
INSERT INTO ClusteringResult (id, embedding_model, algorithm, parameters) VALUES (9, 'notes', 'by hand', '{}');
INSERT INTO Embedding (id, embedding_model, content, item_id, embedding_source)
SELECT json_array('notes', id), 'notes', iif(id = 1, body, NULL), id, 'notes' FROM notes;
INSERT INTO Cluster (clustering_result_id, label, medoid_embedding_id, size) VALUES (9, 0, '["notes",1]', 4);
INSERT INTO EmbeddingCluster (clustering_result_id, embedding_id, label, probability)
SELECT 9, json_array('notes', id), iif(id < 5, 0, -1), iif(id < 5, 1.0, 0.0) FROM notes;
COMMIT;
"""
"""A table of a host's and a source of it, named notes: result 9 has items 1 to 4 in cluster 0 and 5 and 6 as noise. Fit 9, of all
six, which are alike, has its neighbours."""


def make(path: Path | str, sql: str = SQL) -> None:
    """Write one; see `version_1.make`."""
    version_1.make(path, sql)
    con = apsw.Connection(str(path))
    con.execute("PRAGMA foreign_keys = ON")
    con.execute(SOURCE)
    con.close()
