"""What makes rows, vectors and ids of a healthy file wrong, and the exact rows that the doctor then gives."""

from __future__ import annotations

import math

from tests.diagnosis.case import Case, alike, mixed, numerals
from tests.diagnosis.sick import vector

ROW_CASES: dict[str, Case] = {
    # --- rows that point nowhere
    "result 2 gone": Case(
        "DELETE FROM ClusteringResult WHERE id = 2",
        [
            ("error", "orphans", "Cluster", "clustering_result_id", 2, 1,
             "1 row points at no row of ClusteringResult; the example at 2"),
            ("error", "orphans", "EmbeddingCluster", "clustering_result_id", "a", 2,
             "2 rows point at no row of ClusteringResult; the example at 2"),
        ],
        [
            ("orphans", "EmbeddingCluster", "clustering_result_id", 2, "deleted 2 rows: their ClusteringResult is gone"),
            ("orphans", "Cluster", "clustering_result_id", 1, "deleted 1 row: their ClusteringResult is gone"),
        ],
        [],
    ),
    "all results gone": Case(
        "DELETE FROM ClusteringResult",
        [
            ("error", "orphans", "Cluster", "clustering_result_id", 1, 4,
             "4 rows point at no row of ClusteringResult; the example at 1"),
            ("error", "orphans", "EmbeddingCluster", "clustering_result_id", 1, 42,
             "42 rows point at no row of ClusteringResult; the example at 1"),
            ("error", "orphans", "EmbeddingPrediction", "clustering_result_id", 41, 1,
             "1 row points at no row of ClusteringResult; the example at 1"),
        ],
    ),
    "members gone": Case(
        "DELETE FROM Embedding WHERE id IN (4, 7)",
        [
            ("error", "orphans", "EmbeddingCluster", "embedding_id", 4, 2,
             "2 rows point at no row of Embedding; the example at 4"),
        ],
    ),
    "a predicted embedding gone": Case(
        "DELETE FROM Embedding WHERE id = 41",
        [
            ("error", "orphans", "EmbeddingPrediction", "embedding_id", 41, 1,
             "1 row points at no row of Embedding; the example at 41"),
        ],
        [("orphans", "EmbeddingPrediction", "embedding_id", 1,
          "deleted 1 row: their embedding is gone; they can be predicted again")],
        [],
    ),
    "an invocation gone": Case(
        "DELETE FROM Invocation WHERE id = 'i0'",
        [("error", "orphans", "Embedding", "invocation_id", "a", 1,
          "1 row points at no row of Invocation; the example at 'i0'")],
    ),
    "a run gone": Case(
        "DELETE FROM Run",
        [("error", "orphans", "Invocation", "run_id", "i0", 2, "2 rows point at no row of Run; the example at 'r'")],
    ),
    "a fit gone": Case(
        "DELETE FROM ClusteringFit",
        [("error", "orphans", "ClusteringResult", "clustering_fit_id", 1, 1,
          "1 row points at no row of ClusteringFit; the example at 1"),
         ("error", "orphans", "ClusteringFitNeighbors", "clustering_fit_id", 1, 1,
          "1 row points at no row of ClusteringFit; the example at 1"),
         ("error", "orphans", "ClusteringFitMap", "clustering_fit_id", 1, 1,
          "1 row points at no row of ClusteringFit; the example at 1")],
    ),
    "a map of no fit": Case(
        "INSERT INTO ClusteringFitMap SELECT 7, method, parameters, versions, timings, created_at, n, xy FROM ClusteringFitMap",
        [("error", "orphans", "ClusteringFitMap", "clustering_fit_id", 7, 1,
          "1 row points at no row of ClusteringFit; the example at 7")],
        [("orphans", "ClusteringFitMap", "clustering_fit_id", 1, "deleted 1 row: their ClusteringFit is gone")],
        [],
    ),
    "neighbours of no fit": Case(
        "INSERT INTO ClusteringFitNeighbors SELECT 7, part, exponent, n, n_distinct, n_neighbors, row_vectors, row_hashes, "
        "counts, list_lengths, neighbors, squared_distances FROM ClusteringFitNeighbors WHERE clustering_fit_id = 1",
        [("error", "orphans", "ClusteringFitNeighbors", "clustering_fit_id", 7, 1,
          "1 row points at no row of ClusteringFit; the example at 7")],
        [("orphans", "ClusteringFitNeighbors", "clustering_fit_id", 1, "deleted 1 row: their ClusteringFit is gone")],
        [],
    ),
    "a table of another program": Case(
        "CREATE TABLE note (id INTEGER PRIMARY KEY, about TEXT REFERENCES Embedding (id));"
        "INSERT INTO note (about) VALUES ('a'), ('nobody')",
        [("error", "orphans", "note", "about", 2, 1, "1 row points at no row of Embedding")],
    ),
    # --- clusters
    "a label without cluster": Case(
        "DELETE FROM Cluster WHERE clustering_result_id = 2",
        [("error", "label-without-cluster", "EmbeddingCluster", "label", "a", 2,
          "2 rows have labels without a row of Cluster; the example has label 0 in result 2")],
    ),
    "a medoid of another cluster": Case(
        "UPDATE Cluster SET medoid_embedding_id = 40 WHERE clustering_result_id = 2",
        [("error", "medoid-outside-cluster", "Cluster", "medoid_embedding_id", 2, 1,
          "1 medoid is no member of the own cluster; cluster 0 of result 2 has 40")],
    ),
    "a wrong size": Case(
        "UPDATE Cluster SET size = 77 WHERE clustering_result_id = 2",
        [("error", "wrong-size", "Cluster", "size", 2, 1,
          "1 cluster has another size than members; cluster 0 of result 2 says 77 and has 2")],
        [("wrong-size", "Cluster", "size", 1, "wrote the members counted in 1 row")],
        [],
    ),
    "noise with a probability": Case(
        "UPDATE EmbeddingCluster SET probability = 0.25 WHERE label = -1;"
        "UPDATE EmbeddingPrediction SET label = -1",
        [
            ("error", "noise-probability", "EmbeddingCluster", "probability", 37, 4,
             "4 rows of noise have a probability other than 0; the example 0.25"),
            ("error", "noise-probability", "EmbeddingPrediction", "probability", 41, 1,
             "1 row of noise has a probability other than 0; the example 1.0"),
        ],
        [
            ("noise-probability", "EmbeddingCluster", "probability", 4, "wrote 0 in 4 rows of noise"),
            ("noise-probability", "EmbeddingPrediction", "probability", 1, "wrote 0 in 1 row of noise"),
        ],
        [],
    ),
    "a member predicted": Case(
        "INSERT INTO EmbeddingPrediction (clustering_result_id, embedding_id, label, probability) VALUES (1, 1, 0, 1)",
        [("error", "predicted-member", "EmbeddingPrediction", "embedding_id", 1, 1,
          "1 prediction is of an embedding that is a member of the result; the example of result 1")],
        [("predicted-member", "EmbeddingPrediction", "embedding_id", 1,
          "deleted 1 row: of members of the result; they can be predicted again")],
        [],
    ),
    "a prediction without cluster": Case(
        "UPDATE EmbeddingPrediction SET label = 9",
        [("error", "label-without-cluster", "EmbeddingPrediction", "label", 41, 1,
          "1 prediction has a label without a row of Cluster; the example in result 1")],
        [("label-without-cluster", "EmbeddingPrediction", "label", 1,
          "deleted 1 row: their cluster is gone; they can be predicted again")],
        [],
    ),
    "another model": Case(
        "UPDATE Embedding SET embedding_model = 'steps' WHERE id IN (5, 6)",
        [("error", "other-model", "EmbeddingCluster", "embedding_id", 5, 2,
          "2 rows are of an embedding of another model than the result's; the example is of 'steps' in result 1 of 'demo'")],
    ),
    "a result without rows": Case(
        "DELETE FROM EmbeddingCluster WHERE clustering_result_id = 2; DELETE FROM Cluster WHERE clustering_result_id = 2",
        [("note", "empty-result", "ClusteringResult", "id", 2, 1, "1 result has no rows")],
    ),
    "a stale result": Case(
        "UPDATE Embedding SET created_at = '2999-01-01T00:00:00.000Z' WHERE id = 41",
        [("note", "stale-result", "ClusteringResult", "id", 1, 1,
          "1 result is older than embeddings of the model; of the example's 1 came later")],
    ),
    # --- vectors
    "mixed dimensions": Case(
        "UPDATE Embedding SET vector = x'0000803f' WHERE id IN (10, 11)",
        [("error", "mixed-dimensions", "Embedding", "vector", 10, 2,
          "2 vectors of model 'demo' have another number of dimensions than the others' 8; the example has 1")],
    ),
    "NaN": Case(
        f"UPDATE Embedding SET vector = x'{vector(1, math.nan).hex()}' WHERE id = 12",
        [("error", "not-finite", "Embedding", "vector", 12, 1, "1 vector has NaN or infinity; the example has nan")],
    ),
    "infinity": Case(
        f"UPDATE Embedding SET vector = x'{vector(-math.inf).hex()}' WHERE id IN (12, 13)",
        [("error", "not-finite", "Embedding", "vector", 12, 2, "2 vectors have NaN or infinity; the example has -inf")],
    ),
    "zero vectors": Case(
        "UPDATE Embedding SET vector = zeroblob(32) WHERE id IN (13, 14)",
        [("note", "zero-vector", "Embedding", "vector", 13, 2, "2 vectors are zero and without a direction")],
    ),
    "a length that is no multiple of 4": Case(
        "UPDATE Embedding SET vector = x'0000803f00' WHERE id = 7",
        [
            ("error", "vector-length", "Embedding", "vector", 7, 1,
             "1 vector has a length that is no multiple of 4 bytes (float32); the example has 5 bytes"),
        ],
    ),
    "an empty vector": Case(
        "UPDATE Embedding SET vector = x'' WHERE id = 9",
        [
            ("error", "vector-length", "Embedding", "vector", 9, 1, "1 vector is empty"),
        ],
    ),
    # --- ids of two types
    "hashes of which some became integers": Case(
        mixed("0abc1234", 12345678, "ffffffff", 87654321), [alike(2, 12345678, 8, "0abc1234")]
    ),
    "hashes in capitals": Case(mixed("ABCD0", "12345", 67890, 11111), [alike(2, 11111, 5, "12345")]),
    "padded numbers of which some became integers": Case(
        mixed("0007", "0999", 1000, 1001), [alike(2, 1000, 4, "0007")]
    ),
    "exponents": Case(mixed("1e5", 112, 113), [numerals(2, 112, "1e5")]),
    "exponents of every kind": Case(mixed("1E+5", "2e-7", "1.5e3", 112), [numerals(1, 112, "1.5e3")]),
    "a plus": Case(mixed("+5", 66), [numerals(1, 66, "+5")]),
    "a minus": Case(mixed("-05", 66), [numerals(1, 66, "-05")]),
    "short numbers with leading zeros": Case(mixed("007", "042", 100, 101), [numerals(2, 100, "007")]),
    "numbers of several lengths": Case(mixed("007", 88, 99), [numerals(2, 88, "007")]),
    "numerals and one name": Case(mixed("007", "x", 88), [numerals(1, 88, "007")]),
    "an id under two types": Case(
        mixed("100", 100, "101", 102, 101),
        [("note", "mixed-id-types", "Embedding", "id", 100, 2, "2 ids are there as INTEGER and as TEXT: to SQLite two ids")],
    ),
    "a run under two types": Case(
        "INSERT INTO Run (id) VALUES (1), ('1'), (2)",
        [("note", "mixed-id-types", "Run", "id", 1, 1, "1 id is there as INTEGER and as TEXT: to SQLite two ids")],
    ),
}  # fmt: skip
