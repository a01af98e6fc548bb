-- clust_sweep: min_samples is its first column
SELECT group_concat(name) FROM (SELECT name FROM pragma_table_xinfo('clust_sweep') WHERE hidden = 0 ORDER BY cid LIMIT 3);
--> min_samples,min_cluster_size,cluster_selection_epsilon

-- clust_sweep: the fit's own where none is said
SELECT clust_fit('demo', '{"min_cluster_size": 5}');
SELECT min_samples, min_cluster_size, n_clusters FROM clust_sweep(1, '{"min_cluster_size": [5, 6]}');
--> 1
--> 5|5|3
--> 5|6|3

-- clust_sweep: a list of them, and a list of another option
SELECT clust_fit('demo', '{"min_cluster_size": 5}');
SELECT min_samples, min_cluster_size, n_clusters FROM clust_sweep(1, '{"min_samples": [1, 4, 5], "min_cluster_size": [5, 30]}');
--> 1
--> 1|5|3
--> 1|30|0
--> 4|5|3
--> 4|30|0
--> 5|5|3
--> 5|30|0

-- clust_labels: as clust_hdbscan, row for row; nothing is written
SELECT clust_fit('demo', '{"min_cluster_size": 5}');
SELECT count(*) FROM (
    SELECT *, cluster_size, persistence FROM clust_labels(1, '{"min_samples": 2, "min_cluster_size": 4}') INTERSECT
    SELECT *, cluster_size, persistence FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding),
                                                           '{"min_samples": 2, "min_cluster_size": 4}'));
SELECT (SELECT count(*) FROM ClusteringFit), (SELECT count(*) FROM ClusteringResult);
--> 1
--> 40
--> 1|1

-- clust_cut: the result has a fit of its own, once
SELECT clust_fit('demo', '{"min_cluster_size": 5}');
SELECT clust_cut(1, '{"min_samples": 2}');
SELECT clust_cut(1, '{"min_samples": 2, "min_cluster_size": 6}');
SELECT clust_cut(1, '{"min_samples": 5}');
SELECT r.id, f.id, f.min_samples, f.updated_from, r.parameters ->> 'min_samples', f.n
FROM ClusteringResult r JOIN ClusteringFit f ON f.id = r.clustering_fit_id;
--> 1
--> 2
--> 3
--> 4
--> 1|1|5|NULL|5|40
--> 2|2|2|1|2|40
--> 3|2|2|1|2|40
--> 4|1|5|NULL|5|40

-- clust_cut: its fit keeps min_samples + 5 neighbours, as a fresh one does
SELECT clust_fit('demo', '{"min_cluster_size": 5}');
SELECT clust_cut(1, '{"min_samples": 2}');
SELECT max(rank) FROM clust_fit_neighbors(2);
SELECT count(*) FROM clust_core_distances(2) c JOIN clust_fit_neighbors(1) n USING (id)
WHERE n.rank = 2 AND abs(n.distance - c.core_distance) < 1e-6;
--> 1
--> 2
--> 7
--> 40

-- clust_condensed_tree: the tree whose labels are those of clust_labels
SELECT clust_fit('demo', '{"min_cluster_size": 5}');
SELECT DISTINCT label FROM clust_condensed_tree(1, '{"min_samples": 1, "min_cluster_size": 5}') WHERE label >= 0 ORDER BY 1;
--> 1
--> 0
--> 1
--> 2

-- more of them than the fit's
SELECT clust_fit('demo', '{"min_cluster_size": 5}');
SELECT clust_cut(1, '{"min_samples": 6}');
--> !! option 'min_samples': found 6, but clustering fit 1 was made with 5, and its neighbours tell of fewer only; a new fit is needed

-- of an approximate fit
SELECT clust_fit('demo', '{"min_cluster_size": 5, "engine": "approximate"}');
SELECT count(*) FROM clust_labels(1, '{"min_samples": 4}');
--> !! and of an approximate fit it cannot be changed; a new fit is needed

-- a fit without neighbours
SELECT clust_fit('demo', '{"min_cluster_size": 5}');
DELETE FROM ClusteringFitNeighbors;
SELECT count(*) FROM clust_sweep(1, '{"min_samples": [5, 4]}');
--> !! a new fit is needed; or delete this one and fit again, which keeps them
