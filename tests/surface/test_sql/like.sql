-- like: clusters keep the labels of an earlier result, new ones get others
SELECT clust_fit('demo', '{"min_cluster_size": 5}');
DELETE FROM ClusteringResult;
INSERT INTO ClusteringResult (id, embedding_model, algorithm, parameters) VALUES (7, 'demo', 'mine', '{}');
INSERT INTO ClusterAssignment (clustering_result_id, embedding_id, label, probability, medoid_embedding_id, size)
SELECT 7, id, 10 * (id % 3), 1.0, 1 + (id + 2) % 3, 12 FROM Embedding WHERE id < 37 AND id % 3 <> 0;
SELECT clust_fit('demo', '{"min_cluster_size": 5, "like": 7}');
SELECT label, size, min(embedding_id) FROM ClusterAssignment WHERE clustering_result_id = 8 GROUP BY 1 ORDER BY 1;
--> 1
--> 8
--> -1|NULL|37
--> 10|12|1
--> 20|12|2
--> 21|12|3

-- like: it stands with the parameters, and so does the first label that is free after all of the chain
SELECT clust_fit('demo', '{"min_cluster_size": 5}');
SELECT clust_cut(1, '{"min_cluster_size": 6, "like": 1}');
SELECT id, parameters ->> 'like', parameters ->> 'next_label' FROM ClusteringResult;
--> 1
--> 2
--> 1|NULL|NULL
--> 2|1|3

-- like: clust_labels and clust_condensed_tree have the labels that clust_cut gives
SELECT clust_fit('demo', '{"min_cluster_size": 5}');
INSERT INTO ClusteringResult (id, embedding_model, parameters) VALUES (7, 'demo', '{"like": 3, "next_label": 50}');
SELECT clust_cut(1, '{"min_cluster_size": 5, "like": 7}');
SELECT group_concat(DISTINCT label) FROM EmbeddingCluster WHERE clustering_result_id = 8 AND label >= 0;
SELECT count(*) FROM clust_labels(1, '{"min_cluster_size": 5, "like": 7}') l
JOIN EmbeddingCluster ec ON ec.clustering_result_id = 8 AND ec.embedding_id = l.id AND ec.label = l.label;
SELECT group_concat(label) FROM
    (SELECT DISTINCT label FROM clust_condensed_tree(1, '{"min_cluster_size": 5, "like": 7}') WHERE label >= 0 ORDER BY 1);
--> 1
--> 8
--> 50,51,52
--> 40
--> 50,51,52

-- like: a cluster's medoid, size and persistence are its own under the other label
SELECT clust_fit('demo', '{"min_cluster_size": 5}');
INSERT INTO ClusteringResult (id, embedding_model, algorithm, parameters) VALUES (7, 'demo', 'mine', '{}');
INSERT INTO ClusterAssignment (clustering_result_id, embedding_id, label, probability, medoid_embedding_id, size)
SELECT 7, id, 5, 1.0, 3, 12 FROM Embedding WHERE id < 37 AND id % 3 = 0;
SELECT count(*) FROM clust_labels(1, '{"min_cluster_size": 5}') a
JOIN clust_labels(1, '{"min_cluster_size": 5, "like": 7}') b
  ON b.id = a.id AND b.medoid_id IS a.medoid_id AND b.cluster_size IS a.cluster_size AND b.persistence IS a.persistence
     AND b.probability = a.probability AND b.outlier_score = a.outlier_score;
SELECT group_concat(label) FROM (SELECT DISTINCT label FROM clust_labels(1, '{"min_cluster_size": 5, "like": 7}') ORDER BY 1);
SELECT DISTINCT label FROM clust_labels(1, '{"min_cluster_size": 5, "like": 7}') WHERE id IN (3, 36);
--> 1
--> 40
--> -1,5,6,7
--> 5

-- like NULL is not said
SELECT clust_fit('demo', '{"min_cluster_size": 5, "like": null}');
SELECT parameters ->> '$.like', json_type(parameters, '$.next_label') FROM ClusteringResult;
--> 1
--> NULL|NULL

-- like: no such result
SELECT clust_fit('demo', '{"like": 1}');
--> !! no clustering result 1; there are no results yet

-- like: of no model either
SELECT clust_fit('nothing', '{"like": 1}');
--> !! no embeddings of model 'nothing'

-- like: no number
SELECT clust_fit('demo', '{"like": "latest"}');
--> !! option 'like': found 'latest', expected a whole number of at least 1 and at most 2147483647

-- like: no result's id
SELECT clust_fit('demo', '{"like": 0}');
--> !! option 'like': found 0, expected a whole number of at least 1 and at most 2147483647

-- like is about results, and points are none
SELECT * FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding), '{"like": 1}');
--> !! It is about stored results, of clust_fit, clust_cut, clust_labels and sqlclust.fit

-- nor is anything that a sweep gives
SELECT clust_fit('demo');
SELECT * FROM clust_sweep(1, '{"like": 1}');
--> !! It is about stored results, of clust_fit, clust_cut, clust_labels and sqlclust.fit
