"""What makes results, fits and tables of a healthy file wrong, and the exact rows that the doctor then gives."""

from __future__ import annotations

import math

from sqlclust.schema import VERSION
from tests.diagnosis.case import Case
from tests.diagnosis.sick import without

SCHEMA_CASES: dict[str, Case] = {
    # --- what is text or BLOBs
    "parameters that are no JSON": Case(
        "UPDATE ClusteringResult SET parameters = 'nonsense' WHERE id = 1",
        [
            ("error", "parameters-not-json", "ClusteringResult", "parameters", 1, 1,
             "the parameters of 1 result are no JSON object; the example's begin with 'nonsense'"),
        ],
    ),
    "parameters that are no object": Case(
        "UPDATE ClusteringResult SET parameters = '[1]'",
        [
            ("error", "parameters-not-json", "ClusteringResult", "parameters", 1, 2,
             "the parameters of 2 results are no JSON object; the example's begin with '[1]'"),
        ],
    ),
    "incomplete parameters": Case(
        "UPDATE ClusteringResult SET parameters = json_remove(parameters, '$.seed', '$.alpha') WHERE id = 2",
        [("note", "parameters-incomplete", "ClusteringResult", "parameters", 2, 1,
          "1 result does not say all of its parameters; the example lacks alpha, seed")],
    ),
    "impossible parameters": Case(
        "UPDATE ClusteringResult SET parameters = json_set(parameters, '$.min_cluster_size', -3) WHERE id = 2",
        [("note", "parameters-refused", "ClusteringResult", "parameters", 2, 1,
          "1 result has parameters that no fit takes; the example's: option 'min_cluster_size': found -3, expected a whole "
          "number of at least 2 and at most 2147483647")],
    ),
    "a label that is not free": Case(
        "UPDATE ClusteringResult SET parameters = json_set(parameters, '$.like', 7, '$.next_label', 2) WHERE id = 1",
        [("error", "wrong-next-label", "ClusteringResult", "parameters", 1, 1,
          "1 result does not say which labels are free after those that are like one another; of the example its next_label is "
          "2, expected a whole number of at least 3")],
    ),
    "labels of a chain that are not known": Case(
        "UPDATE ClusteringResult SET parameters = json_set(parameters, '$.like', 1)",
        [("error", "wrong-next-label", "ClusteringResult", "parameters", 1, 2,
          "2 results do not say which labels are free after those that are like one another; of the example its next_label is "
          "missing, expected a whole number of at least 3")],
    ),
    "a chain without the result before": Case(
        "UPDATE ClusteringResult SET parameters = json_set(parameters, '$.like', 99, '$.next_label', 3) WHERE id = 1",
        [],
    ),
    "a damaged tree": Case(
        "UPDATE ClusteringFit SET spanning_tree = zeroblob(length(spanning_tree))",
        [("error", "damaged-fit", "ClusteringFit", "id", 1, 1,
          "1 stored fit is not what a fit writes; of the example: spanning_tree is no tree")],
    ),
    "damaged neighbours": Case(
        "UPDATE ClusteringFitNeighbors SET neighbors = zeroblob(length(neighbors))",
        [("error", "damaged-neighbors", "ClusteringFitNeighbors", "clustering_fit_id", 1, 1,
          "the neighbours of 1 stored fit are not what a fit writes; of the example: a vector is its own neighbour")],
    ),
    "a map of fewer rows": Case(
        "UPDATE ClusteringFitMap SET n = 39, xy = zeroblob(312)",
        [("error", "damaged-map", "ClusteringFitMap", "clustering_fit_id", 1, 1,
          "1 map is not what is written; of the example: it is of 39 rows, and the fit of 40")],
    ),
    "a map of another length": Case(
        "UPDATE ClusteringFitMap SET xy = zeroblob(8)",
        [("error", "constraint-violated", "ClusteringFitMap", None, 1, 1,
          "1 row has what the table refuses: not (length(xy) = 8 * n)"),
         ("error", "damaged-map", "ClusteringFitMap", "clustering_fit_id", 1, 1,
          "1 map is not what is written; of the example: a BLOB has another length")],
    ),
    "a map with a place that is no number": Case(
        "UPDATE ClusteringFitMap SET xy = CAST(x'0000c07f' || zeroblob(316) AS BLOB)",
        [("error", "damaged-map", "ClusteringFitMap", "clustering_fit_id", 1, 1,
          "1 map is not what is written; of the example: it has places that are no numbers")],
    ),
    "a map by nobody knows what": Case(
        "UPDATE ClusteringFitMap SET method = 'UMAP'",
        [("error", "damaged-map", "ClusteringFitMap", "clustering_fit_id", 1, 1,
          "1 map is not what is written; of the example: its method is 'UMAP'")],
    ),
    "a map of a fit that is not stored": Case(
        "UPDATE ClusteringFit SET row_ids = NULL, row_checks = NULL, core_distances = NULL, spanning_tree = NULL;"
        "DELETE FROM ClusteringFitNeighbors",
        [("error", "damaged-map", "ClusteringFitMap", "clustering_fit_id", 1, 1,
          "1 map is not what is written; of the example: its fit is not stored, so that nobody knows whose places these are")],
    ),
    # --- the schema
    "a newer schema": Case(
        "INSERT INTO SqlclustMigration (version, name) VALUES (99, 'later'); UPDATE Cluster SET size = 77",
        [("error", "newer-schema", "SqlclustMigration", "version", 99, 1,
          f"the file has schema version 99, and this sqlclust knows {VERSION} at most; its tables were not checked")],
    ),
    "a ledger that says nothing": Case(
        "DELETE FROM SqlclustMigration",
        [("error", "other-table", "SqlclustMigration", None, None, 1,
          "it says no version, so that it is not known whose the tables are")],
    ),
    "an index gone": Case(
        "DROP INDEX ClusteringResult_embedding_model",
        [("note", "missing-index", "ClusteringResult", None, "ClusteringResult_embedding_model", 1,
          "the index ClusteringResult_embedding_model is not there")],
        [("missing-index", "ClusteringResult", None, 1, "made the index ClusteringResult_embedding_model")],
        [],
    ),
    "an index gone that a foreign key needs": Case(
        "DROP INDEX EmbeddingCluster_member; DROP VIEW ClusteringSummary; DROP TRIGGER EmbeddingPrediction_insert",
        [
            ("error", "missing-index", "EmbeddingCluster", None, "EmbeddingCluster_member", 1,
             "the index EmbeddingCluster_member is not there"),
            ("error", "missing-trigger", "EmbeddingPrediction", None, "EmbeddingPrediction_insert", 1,
             "the trigger EmbeddingPrediction_insert is not there"),
            ("error", "missing-view", "ClusteringSummary", None, "ClusteringSummary", 1,
             "the view ClusteringSummary is not there"),
        ],
        [
            ("missing-index", "EmbeddingCluster", None, 1, "made the index EmbeddingCluster_member"),
            ("missing-trigger", "EmbeddingPrediction", None, 1, "made the trigger EmbeddingPrediction_insert"),
            ("missing-view", "ClusteringSummary", None, 1, "made the view ClusteringSummary"),
        ],
        [],
    ),
    "the view of version 2 gone": Case(
        "DROP VIEW EmbeddingModelSummary",
        [("error", "missing-view", "EmbeddingModelSummary", None, "EmbeddingModelSummary", 1,
          "the view EmbeddingModelSummary is not there")],
        [("missing-view", "EmbeddingModelSummary", None, 1, "made the view EmbeddingModelSummary")],
        [],
    ),
    "a view that is not ours": Case(
        "DROP VIEW ClusteringSummary; CREATE VIEW ClusteringSummary AS SELECT 1",
        [("error", "other-object", "ClusteringSummary", None, "ClusteringSummary", 1,
          "the view ClusteringSummary is not the view that schema.sql makes")],
    ),
    "a table gone": Case(
        "DROP TABLE Run",
        [("error", "missing-table", "Run", None, None, 1, "the table is not there"),
         ("error", "orphans", "Invocation", "run_id", "i0", 2, "2 rows point at no row of Run")],
    ),
    "a view in place of a table": Case(
        "DROP TABLE Run; CREATE VIEW Run AS SELECT 'r' AS id",
        [("error", "view-for-table", "Run", None, None, 1, "a view has the name of a table; it was not read"),
         ("error", "foreign-key-mismatch", "Invocation", None, None, 1,
          'a foreign key cannot be checked: foreign key mismatch - "Invocation" referencing "Run"')],
    ),
    "a column more": Case(
        "ALTER TABLE Run ADD COLUMN more TEXT",
        [("note", "more-columns", "Run", "more", None, 1, "the table has columns that schema.sql does not make")],
    ),
    "a table of other columns": Case(
        "ALTER TABLE Run RENAME COLUMN initial_prompt TO prompt",
        [("error", "other-table", "Run", "initial_prompt, prompt", None, 1,
          "the table is not as schema.sql makes it: other columns or foreign keys, or not STRICT")],
    ),
    "medoids not unique, and one shared": Case(
        without("UPDATE EmbeddingCluster SET label = 1 WHERE embedding_id = 'b'; UPDATE Cluster SET size = 1 WHERE "
                "clustering_result_id = 2; INSERT INTO Cluster VALUES (2, 1, 'a', 1, 0.5)",
                "UNIQUE (clustering_result_id, medoid_embedding_id),", table="Cluster"),
        [
            ("error", "missing-unique", "Cluster", "clustering_result_id, medoid_embedding_id", None, 1,
             "nothing keeps two clusters of a result from having one medoid"),
            ("error", "shared-medoid", "Cluster", "medoid_embedding_id", "a", 1,
             "1 embedding is the medoid of more than one cluster of a result (the example in result 2)"),
            ("error", "medoid-outside-cluster", "Cluster", "medoid_embedding_id", 2, 1,
             "1 medoid is no member of the own cluster; cluster 1 of result 2 has 'a'"),
        ],
    ),
    "values that no CHECK lets in": Case(
        "UPDATE EmbeddingCluster SET probability = 1.5 WHERE embedding_id IN (1, 2) AND clustering_result_id = 1;"
        "UPDATE Invocation SET sequence_number = -1 WHERE id = 'i0'",
        [
            ("error", "constraint-violated", "Invocation", None, "i0", 1,
             "1 row has what the table refuses: not (sequence_number >= 0)"),
            ("error", "constraint-violated", "EmbeddingCluster", None, 1, 2,
             "2 rows have what the table refuses: not (probability BETWEEN 0 AND 1)"),
        ],
    ),
    "assignments not unique, with copies": Case(
        without("INSERT INTO EmbeddingCluster (clustering_result_id, embedding_id, label, probability, outlier_score) "
                "VALUES (2, 'a', 0, 1, 0), (2, 'b', 0, 0.75, 0.5)",
                "PRIMARY KEY (embedding_id, clustering_result_id),", ", WITHOUT ROWID", table="EmbeddingCluster"),
        [
            ("error", "other-table", "EmbeddingCluster", "clustering_result_id, embedding_id", None, 1,
             "the table is not as schema.sql makes it: other columns or foreign keys, or not STRICT"),
            ("error", "missing-index", "EmbeddingCluster", None, "EmbeddingCluster_member", 1,
             "the index EmbeddingCluster_member is not there"),
            ("error", "missing-unique", "EmbeddingCluster", "embedding_id, clustering_result_id", None, 1,
             "nothing keeps an embedding from being assigned twice in one result"),
            ("error", "duplicate-assignments", "EmbeddingCluster", "embedding_id", "a", 2,
             "2 embeddings are assigned more than once in one result (the example in result 2); 1 row is an exact copy of "
             "another"),
            ("error", "wrong-size", "Cluster", "size", 2, 1,
             "1 cluster has another size than members; cluster 0 of result 2 says 2 and has 4"),
        ],
        [("duplicate-assignments", "EmbeddingCluster", "embedding_id", 1, "deleted 1 row: exact copies of another")],
        ["other-table", "missing-index", "missing-unique", "duplicate-assignments", "wrong-size"],
    ),
    "a step of a run embedded twice": Case(
        without("", ",\n    UNIQUE (invocation_id, embedding_model)", table="Embedding"),
        [
            ("error", "missing-unique", "Embedding", "embedding_model, invocation_id", None, 1,
             "the table is not as schema.sql makes it: nothing keeps these unique"),
            ("error", "missing-index", "Embedding", None, "Embedding_item", 1, "the index Embedding_item is not there"),
            ("note", "missing-index", "Embedding", None, "Embedding_embedding_model", 1,
             "the index Embedding_embedding_model is not there"),
        ],
        [
            ("missing-index", "Embedding", None, 1, "made the index Embedding_embedding_model"),
            ("missing-index", "Embedding", None, 1, "made the index Embedding_item"),
        ],
        ["missing-unique"],
    ),
    "a table that is not STRICT": Case(
        without("UPDATE Embedding SET vector = '[1, 2]' WHERE id = 8;"
                "CREATE INDEX Embedding_embedding_model ON Embedding (embedding_model, created_at);"
                "CREATE UNIQUE INDEX Embedding_item ON Embedding (embedding_source, item_id) "
                "WHERE embedding_source IS NOT NULL",
                " STRICT", table="Embedding"),
        [
            ("error", "other-table", "Embedding", "id, invocation_id, item_id", None, 1,
             "the table is not as schema.sql makes it: other columns or foreign keys, or not STRICT"),
            ("error", "numeric-id-column", "Embedding", "id", "a", 2,
             "declared ANY, which has NUMERIC affinity: text that looks like a number, such as "
             "0688868048517e121234567890123456, is stored as one"),
            ("error", "damaged-ids", "Embedding", "id", 1, 41,
             "41 ids are numbers among 2 texts: they were text that looks like a number, and different ones may have become "
             "the same"),
            ("error", "numeric-id-column", "Embedding", "invocation_id", "i0", 2,
             "declared ANY, which has NUMERIC affinity: text that looks like a number, such as "
             "0688868048517e121234567890123456, is stored as one"),
            ("error", "numeric-id-column", "Embedding", "item_id", None, 0,
             "declared ANY, which has NUMERIC affinity: text that looks like a number, such as "
             "0688868048517e121234567890123456, is stored as one"),
            ("error", "vector-type", "Embedding", "vector", 8, 1, "1 vector is no BLOB of float32; the example is TEXT"),
        ],
    ),
    "damaged ids that were copied": Case(
        "UPDATE Embedding SET id = 9e999 WHERE id = 'a'; UPDATE EmbeddingCluster SET embedding_id = 9e999 "
        "WHERE embedding_id = 'a'; UPDATE Cluster SET medoid_embedding_id = 9e999 WHERE medoid_embedding_id = 'a'",
        [
            ("error", "damaged-ids", "Embedding", "id", math.inf, 1,
             "1 id is a number among 1 text: they were text that looks like a number, and different ones may have become the "
             "same"),
            ("error", "damaged-ids", "EmbeddingCluster", "embedding_id", math.inf, 1,
             "1 id is a number among 1 text: they were text that looks like a number, and different ones may have become the "
             "same"),
        ],
    ),
}  # fmt: skip
