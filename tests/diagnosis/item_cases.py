"""What makes vectors of sources and the rows that stand for theirs wrong, and the exact rows that the doctor then gives."""

from __future__ import annotations

from tests.diagnosis.case import Case
from tests.diagnosis.source_findings import altered, gone, unlike, unused

ITEM_CASES: dict[str, Case] = {
    # --- the vectors
    "vectors of float64": Case(
        "UPDATE docs SET embedding = other.v FROM other WHERE other.id = docs.id",
        [
            unlike(
                "from 36 rows: BLOBs of 64 bytes that look like float64: as float32 they reach from 1.08e-19 to 3.69e+19, as "
                "float64 they reach from 0.000167 to 1.06"
            )
        ],
    ),
    "vectors of another dimension": Case(
        "UPDATE docs SET embedding = substr(embedding, 1, 16)",
        [unlike("36 of 36 values in a sample have 16 bytes")],
    ),
    "half of the vectors of another dimension": Case(
        "UPDATE docs SET embedding = substr(embedding, 1, 16) WHERE rowid % 2",
        [
            unlike("18 of 36 values in a sample have 16 bytes"),
            (
                "note",
                "mixed-dimensions",
                "docs",
                "embedding",
                "t0",
                20,
                "20 vectors of the table have another number of dimensions than the others' 8; the example has 4",
            ),
        ],
    ),
    "vectors of another dimension, the format said": Case(
        "UPDATE EmbeddingSource SET format_is_said = 1 WHERE name = 'docs';"
        "UPDATE docs SET embedding = substr(embedding, 1, 16)",
        [unlike("36 of 36 values in a sample have 16 bytes", registered="float32 of dimension 8, as was said")],
    ),
    "vectors that look like another format, the format said": Case(
        "UPDATE EmbeddingSource SET format_is_said = 1, dimension = 16 WHERE name = 'docs';"
        "UPDATE docs SET embedding = other.v FROM other WHERE other.id = docs.id",
        [],
    ),
    "a vector that no fit reads": Case(
        "UPDATE docs SET embedding = zeroblob(20000000) WHERE id = 't3'",
        [
            (
                "note",
                "vector-length",
                "docs",
                "embedding",
                "t3",
                1,
                "1 vector has more than 16,777,216 bytes; the example has 20,000,000",
            )
        ],
    ),
    "other vectors in another part of the table": Case(
        "INSERT INTO parted SELECT column1 || id, 'b', v FROM other, (VALUES ('x'), ('y'), ('z'))",
        [
            (
                "note",
                "mixed-dimensions",
                "parted",
                "embedding",
                "p0",
                40,
                "40 vectors of the table have another number of dimensions than the others' 16; the example has 8",
            )
        ],
    ),
    "numbers in place of vectors": Case(
        "UPDATE docs SET embedding = 7.5",
        [
            unlike("from 36 rows: no vectors"),
            (
                "note",
                "vector-type",
                "docs",
                "embedding",
                "t0",
                40,
                "40 vectors are no BLOB of float32; the example is a REAL",
            ),
        ],
    ),
    "texts in place of BLOBs": Case(
        "UPDATE docs SET embedding = '[1.5, 2, 3, 4, 5, 6, 7, 8]'",
        [
            unlike("from 36 rows: JSON arrays of 8 numbers"),
            (
                "note",
                "vector-type",
                "docs",
                "embedding",
                "t0",
                40,
                "40 vectors are no BLOB of float32; the example is TEXT",
            ),
        ],
    ),
    "JSON of another dimension": Case(
        "UPDATE pairs SET vector = '[1.5, 2]'",
        [unlike("from 40 rows: JSON arrays of 2 numbers", "pairs", "json of dimension 8")],
    ),
    "a vec0 table of another format": Case(
        "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'float[4]', 'int8[16]') "
        "WHERE name = 'plain'; PRAGMA writable_schema = RESET",
        [unlike("the vec0 table has 16 numbers of int8 in each", "plain", "float32 of dimension 4")],
    ),
    "some rows without a vector": Case(
        "UPDATE docs SET embedding = NULL WHERE rowid > 38; UPDATE docs SET embedding = x'' WHERE rowid = 38",
        [
            ("note", "vector-length", "docs", "embedding", "t37", 1, "1 vector is empty"),
            gone(3, '["docs","t37"]', "'t37'"),
        ],
    ),
    # --- rows of Embedding
    "items gone": Case(
        "DELETE FROM docs WHERE id IN ('t3', 't4'); DELETE FROM pairs WHERE number = 5",
        [gone(2, '["docs","t3"]', "'t3'"), gone(1, '["pairs","b",5]', """'["b",5]'""", "pairs")],
    ),
    "items of a view, which is not run": Case(
        "INSERT INTO Embedding (id, embedding_model, embedding_source, item_id) VALUES ('[\"seen\",1]', 'seen', 'seen', 1);"
        "INSERT INTO EmbeddingCluster VALUES (1, '[\"seen\",1]', -1, 0, NULL)",
        [
            (
                "error",
                "other-model",
                "EmbeddingCluster",
                "embedding_id",
                '["seen",1]',
                1,
                "1 row is of an embedding of another model than the result's; the example is of 'seen' in result 1 of 'docs'",
            )
        ],
    ),
    "a key under another type": Case(
        "UPDATE docs SET id = CAST('t3' AS BLOB) WHERE id = 't3'",
        [gone(1, '["docs","t3"]', "'t3'")],
    ),
    "a key that is NULL": Case(
        "UPDATE docs SET id = NULL WHERE id = 't3'",
        altered("id_columns", "row 4: the id is NULL, expected an INTEGER, REAL, TEXT or BLOB"),
    ),
    "a key that is a BLOB in part": Case(
        "UPDATE pairs SET kind = x'00' WHERE number = 5",
        altered(
            "id_columns",
            "row 40 of 'pairs': a part of its key (kind, number) is a BLOB; keys of several columns become JSON, which "
            "has no BLOBs",
            "pairs",
        ),
    ),
    "rows that nobody has": Case(
        "DELETE FROM EmbeddingCluster WHERE clustering_result_id = 2; DELETE FROM Cluster WHERE clustering_result_id = 2;"
        "DELETE FROM ClusteringResult WHERE id = 2",
        [unused(40, '["pairs","a",0]')],
        [("unused-items", "Embedding", "item_id", 40, "deleted 40 rows that no result has")],
        [],
    ),
    "a result that is gone and its rows are not": Case(
        "DELETE FROM ClusteringResult WHERE id = 2",
        [
            (
                "error",
                "orphans",
                "Cluster",
                "clustering_result_id",
                2,
                3,
                "3 rows point at no row of ClusteringResult; the example at 2",
            ),
            (
                "error",
                "orphans",
                "EmbeddingCluster",
                "clustering_result_id",
                '["pairs","a",0]',
                40,
                "40 rows point at no row of ClusteringResult; the example at 2",
            ),
        ],
        [
            (
                "orphans",
                "EmbeddingCluster",
                "clustering_result_id",
                40,
                "deleted 40 rows: their ClusteringResult is gone",
            ),
            ("orphans", "Cluster", "clustering_result_id", 3, "deleted 3 rows: their ClusteringResult is gone"),
            ("unused-items", "Embedding", "item_id", 40, "deleted 40 rows that no result has"),
        ],
        [],
    ),
    "a row that another program points at": Case(
        "DELETE FROM EmbeddingCluster WHERE clustering_result_id = 2; DELETE FROM Cluster WHERE clustering_result_id = 2;"
        "DELETE FROM ClusteringResult WHERE id = 2;"
        "CREATE TABLE note (id INTEGER PRIMARY KEY, about TEXT REFERENCES Embedding (id));"
        """INSERT INTO note (about) VALUES ('["pairs","a",0]')""",
        [unused(39, '["pairs","a",10]')],
        [("unused-items", "Embedding", "item_id", 39, "deleted 39 rows that no result has")],
        [],
    ),
    "another id than a fit gives": Case(
        """UPDATE Embedding SET id = '["docs", "t3"]' WHERE item_id = 't3';"""
        """UPDATE EmbeddingCluster SET embedding_id = '["docs", "t3"]' WHERE embedding_id = '["docs","t3"]'""",
        [
            (
                "error",
                "item-id",
                "Embedding",
                "id, item_id",
                '["docs", "t3"]',
                1,
                "1 row of source 'docs' has another id than a fit gives it; the example stands for 't3'",
            )
        ],
    ),
    "embeddings under the name of a source": Case(
        "INSERT INTO Embedding (id, embedding_model, vector) VALUES ('x', 'docs', x'0000803f'), "
        "('y', 'plain', x'0000803f')",
        [
            (
                "error",
                "source-name",
                "Embedding",
                "embedding_model",
                "x",
                2,
                "2 embeddings have the name of a source as their model, such as 'docs': whatever takes that name reads the "
                "source, and not these",
            )
        ],
    ),
    "a vector and a source": Case(
        "UPDATE Embedding SET vector = x'0000803f' WHERE item_id = 't3'",
        [
            (
                "error",
                "constraint-violated",
                "Embedding",
                None,
                '["docs","t3"]',
                1,
                "1 row has what the table refuses: not ((vector IS NULL) <> (embedding_source IS NULL))",
            )
        ],
    ),
    "neither a vector nor a source": Case(
        "UPDATE Embedding SET embedding_source = NULL WHERE item_id = 't3'",
        [
            (
                "error",
                "constraint-violated",
                "Embedding",
                None,
                '["docs","t3"]',
                1,
                "1 row has what the table refuses: not ((vector IS NULL) <> (embedding_source IS NULL))",
            ),
            (
                "error",
                "constraint-violated",
                "Embedding",
                None,
                '["docs","t3"]',
                1,
                "1 row has what the table refuses: not ((item_id IS NULL) = (embedding_source IS NULL))",
            ),
        ],
    ),
}
