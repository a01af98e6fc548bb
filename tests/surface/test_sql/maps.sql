-- clust_map: columns, the method a hidden one
SELECT name, type, hidden FROM pragma_table_xinfo('clust_map') WHERE name IN ('id', 'x', 'y', 'method');
--> id||0
--> x|REAL|0
--> y|REAL|0
--> method|TEXT|1

-- clust_map: the rows that are stored, in the order of ids
SELECT clust_fit('demo', '{"min_cluster_size": 5}');
INSERT INTO ClusteringFitMap (clustering_fit_id, method, parameters, versions, timings, n, xy)
VALUES (1, 't-SNE', '{}', '{}', '{}', 40, CAST(x'0000803f000000c0' || zeroblob(304) || x'0000003f00004040' AS BLOB));
SELECT id, x, y, method FROM clust_map(1) WHERE x <> 0;
--> 1
--> 1|1.0|-2.0|t-SNE
--> 40|0.5|3.0|t-SNE

-- clust_map: beside labels
SELECT clust_fit('demo', '{"min_cluster_size": 5}');
INSERT INTO ClusteringFitMap (clustering_fit_id, method, parameters, versions, timings, n, xy)
VALUES (1, 'PCA', '{}', '{}', '{}', 40, zeroblob(320));
SELECT label, count(*), sum(x) FROM clust_map(1) JOIN clust_labels(1) USING (id) GROUP BY label HAVING label < 0;
--> 1
--> -1|4|0.0

-- clust_map: of a method that is asked for
SELECT clust_fit('demo', '{"min_cluster_size": 5}');
INSERT INTO ClusteringFitMap (clustering_fit_id, method, parameters, versions, timings, n, xy)
VALUES (1, 'PCA', '{}', '{}', '{}', 40, zeroblob(320));
SELECT count(*) FROM clust_map(1, '{"method": "pca"}');
--> 1
--> 40

-- clust_map: no fit
SELECT * FROM clust_map(7);
--> !! no clustering fit 7; there are no fits yet

-- clust_map: no map
INSERT INTO ClusteringFit (embedding_model, selection, metric, normalize, min_samples, alpha, engine, n, n_distinct, dimension,
                           corpus_hash, versions, timings, row_ids, row_checks, core_distances, spanning_tree)
VALUES ('demo', '{}', 'euclidean', 0, 1, 1.0, 'exact', 1, 1, 1, '', '{}', '{}', x'690100000000000000', x'00000000', x'00000000',
        x'');
SELECT * FROM clust_map(1);
--> !! clustering fit 1 has no map; make one: sqlclust map

-- clust_map: a fit that is not stored
INSERT INTO ClusteringFit (embedding_model, selection, metric, normalize, min_samples, alpha, engine, n, n_distinct, dimension,
                           corpus_hash, versions, timings)
VALUES ('demo', '{}', 'euclidean', 0, 1, 1.0, 'exact', 1, 1, 1, '', '{}', '{}');
SELECT * FROM clust_map(1);
--> !! clustering fit 1 was made without storing its tree

-- clust_map: an option that it does not have
SELECT * FROM clust_map(7, '{"methods": "pca"}');
--> !! method
