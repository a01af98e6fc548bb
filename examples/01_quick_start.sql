-- From nothing to clusters, in SQL. Run it with:  sqlclust shell quickstart.db < examples/01_quick_start.sql
-- (sqlclust init quickstart.db first). The embeddings are 60 made-up vectors: three directions and some noise.

-- 1. Embeddings go into the Embedding table. clust_vector makes the BLOB from JSON; from Python pass the float32 bytes.
INSERT INTO Embedding (id, embedding_model, vector, content)
WITH RECURSIVE point(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM point WHERE i < 59)
SELECT printf('doc-%02d', i), 'toy',
       clust_vector(json_array(
           10 * (i % 4 = 0) + sin(i * 1.7),
           10 * (i % 4 = 1) + sin(i * 2.3),
           10 * (i % 4 = 2) + sin(i * 3.1))),
       CASE i % 4 WHEN 0 THEN 'about apples' WHEN 1 THEN 'about pears' WHEN 2 THEN 'about plums' ELSE 'about nothing' END
FROM point;

-- 2. Look first: clustering is a table function, and writes nothing.
SELECT label, count(*) AS size, medoid_id
FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding WHERE embedding_model = 'toy'),
                   '{"min_cluster_size": 5}')
GROUP BY label;

-- 3. Keep a result. clust_fit selects, clusters and publishes; use it for anything large: it holds no lock while it computes.
SELECT clust_fit('toy', '{"min_cluster_size": 5}') AS clustering_result_id;

-- 4. Or publish what a statement of your own clusters: one INSERT writes the clusters and their members together.
--    It is atomic and composes with everything SQL can say, and it holds the write lock while it clusters.
BEGIN;
INSERT INTO ClusteringResult (id, embedding_model, parameters)
VALUES (2, 'toy', '{"min_cluster_size": 5, "cluster_selection_method": "leaf"}');
INSERT INTO ClusterAssignment (clustering_result_id, embedding_id, label, probability, outlier_score,
                               medoid_embedding_id, size, persistence)
SELECT r.id, c.id, label, probability, outlier_score, medoid_id, cluster_size, persistence
FROM ClusteringResult r,
     clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding WHERE embedding_model = 'toy'), r.parameters) c
WHERE r.id = 2;
COMMIT;

-- 5. Read: views say the usual things.
SELECT clustering_result_id, n_rows, n_clusters, n_noise FROM ClusteringSummary;
SELECT label, size, medoid_embedding_id, medoid_text FROM ClusterSummary WHERE clustering_result_id = 1;

-- 6. The two results, compared.
SELECT round(clust_ari(a.label, b.label), 3) AS ari
FROM EmbeddingCluster a JOIN EmbeddingCluster b USING (embedding_id)
WHERE a.clustering_result_id = 1 AND b.clustering_result_id = 2;
