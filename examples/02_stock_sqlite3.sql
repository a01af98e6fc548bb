-- Reading results needs no sqlclust: the tables and views are plain SQLite. After examples/01_quick_start.sql run
--     sqlite3 quickstart.db < examples/02_stock_sqlite3.sql
.mode column

-- All results.
SELECT clustering_result_id AS result, n_rows, n_clusters, round(noise_share, 2) AS noise FROM ClusteringSummary;

-- The clusters of the latest, with the text of the embedding in the middle.
SELECT label, size, round(share, 2) AS share, medoid_text
FROM ClusterSummary
WHERE clustering_result_id = (SELECT max(id) FROM ClusteringResult)
ORDER BY size DESC, label;

-- The surest members of cluster 0.
SELECT embedding_id, round(probability, 2) AS probability
FROM EmbeddingCluster
WHERE clustering_result_id = 1 AND label = 0
ORDER BY EmbeddingCluster.probability DESC, embedding_id
LIMIT 3;

-- Where two results differ.
SELECT label_a, label_b, size FROM ClusterOverlap WHERE clustering_result_id_a = 1 AND clustering_result_id_b = 2;

-- The parameters, as they ran.
SELECT json_extract(parameters, '$.min_cluster_size') AS min_cluster_size,
       json_extract(parameters, '$.cluster_selection_method') AS method
FROM ClusteringResult;
