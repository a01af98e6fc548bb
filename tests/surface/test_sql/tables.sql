-- clust_hdbscan: columns
SELECT name, type, hidden FROM pragma_table_xinfo('clust_hdbscan') WHERE hidden = 0;
--> id||0
--> label|INTEGER|0
--> probability|REAL|0
--> outlier_score|REAL|0
--> medoid_id||0

-- clust_hdbscan: the rows of a known answer
SELECT label, count(*), group_concat(id) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding),
    '{"min_cluster_size": 5}') GROUP BY label ORDER BY min(id);
--> 2|12|1,4,7,10,13,16,19,22,25,28,31,34
--> 1|12|2,5,8,11,14,17,20,23,26,29,32,35
--> 0|12|3,6,9,12,15,18,21,24,27,30,33,36
--> -1|4|37,38,39,40

-- clust_hdbscan: every value is of a plain SQLite type
SELECT DISTINCT typeof(id), typeof(label), typeof(probability), typeof(outlier_score), typeof(medoid_id), typeof(cluster_size),
                typeof(persistence)
FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding), '{"min_cluster_size": 5}') ORDER BY 5;
--> integer|integer|real|real|integer|integer|real
--> integer|integer|real|real|null|null|null

-- clust_hdbscan: noise
SELECT DISTINCT label, probability, medoid_id, cluster_size, persistence
FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding), '{"min_cluster_size": 5}') WHERE id > 36;
--> -1|0.0|NULL|NULL|NULL

-- clust_hdbscan: rows come in the order of the ids, whatever order they went in
SELECT group_concat(id) FROM clust_hdbscan((SELECT clust_points(id, vector ORDER BY id DESC) FROM Embedding WHERE id < 6));
--> 1,2,3,4,5

-- clust_hdbscan: a medoid is a member of its cluster
SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding), '{"min_cluster_size": 5}') a
JOIN clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding), '{"min_cluster_size": 5}') b ON b.id = a.medoid_id
WHERE a.label = b.label;
--> 36

-- clust_hdbscan of nothing
SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding WHERE id < 0));
--> 0

-- clust_hdbscan of nothing, by a filter
SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FILTER (WHERE id < 0) FROM Embedding));
--> 0

-- clust_hdbscan of one row
SELECT id, label, probability, outlier_score, medoid_id FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding WHERE id = 7));
--> 7|-1|0.0|0.0|NULL

-- clust_hdbscan of half of them, by a filter
SELECT count(*), count(DISTINCT label) FROM clust_hdbscan(
    (SELECT clust_points(id, vector) FILTER (WHERE id <= 18) FROM Embedding), '{"min_cluster_size": 5}');
--> 18|3

-- clust_hdbscan downsampled takes every n-th by rank of id
SELECT group_concat(id) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding WHERE id > 3), '{"downsample": 10}');
--> 4,14,24,34

-- options by WHERE
SELECT count(DISTINCT label) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding))
WHERE options = '{"min_cluster_size": 13}';
--> 1

-- both arguments by WHERE
SELECT count(DISTINCT label) FROM clust_hdbscan
WHERE points = (SELECT clust_points(id, vector) FROM Embedding) AND options = '{"min_cluster_size": 5}';
--> 4

-- several options at once
SELECT options, max(label) + 1 FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding))
WHERE options IN ('{"min_cluster_size": 13}', '{"min_cluster_size": 5}') GROUP BY options ORDER BY 2;
--> {"min_cluster_size": 13}|0
--> {"min_cluster_size": 5}|3

-- options from a table, after it
SELECT column1, max(label) + 1
FROM (VALUES ('{"min_cluster_size": 13}'), ('{"min_cluster_size": 5}')),
     clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding), column1) GROUP BY 1;
--> {"min_cluster_size": 13}|0
--> {"min_cluster_size": 5}|3

-- options from a table, before it
SELECT o.column1, max(label) + 1
FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding)) c
JOIN (VALUES ('{"min_cluster_size": 13}'), ('{"min_cluster_size": 5}')) o ON c.options = o.column1 GROUP BY 1;
--> {"min_cluster_size": 13}|0
--> {"min_cluster_size": 5}|3

-- options of a later table in a forced order are an error, not an empty answer
SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding)) c
CROSS JOIN (SELECT '{}' AS o UNION SELECT '{"seed": 1}') o WHERE c.options = o.o;
--> !! clust_hdbscan: options is read as a column, expected an argument: clust_hdbscan(points [, options])

-- options in an outer join's ON are an error, not an empty answer
SELECT count(o.o) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding)) c
LEFT JOIN (SELECT '{}' AS o UNION SELECT '{"seed": 1}') o ON c.options = o.o;
--> !! clust_hdbscan: options is read as a column, expected an argument: clust_hdbscan(points [, options])

-- options by IS are an error, not an empty answer
SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding)) WHERE options IS '{}';
--> !! clust_hdbscan: options is read as a column, expected an argument: clust_hdbscan(points [, options])

-- options twice: those of the call count, and the others are compared with them
SELECT (SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding), '{}') WHERE options = '{}'),
       (SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding), '{}') WHERE options = '{ }');
--> 40|0

-- points twice, the same
SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding))
WHERE points = (SELECT clust_points(id, vector ORDER BY id DESC) FROM Embedding);
--> 40

-- points twice, and not the same
SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding))
WHERE points = (SELECT clust_points(id, vector) FROM Embedding WHERE id > 1);
--> !! clust_hdbscan: points is given twice, and not the same points, expected clust_hdbscan(points [, options])

-- an argument too many does not become a condition on cluster_size
SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding), '{}', 12);
--> !! clust_hdbscan: argument 3 is one too many, expected clust_hdbscan(points [, options])

-- conditions on the hidden columns that it gives
SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding), '{"min_cluster_size": 5}')
WHERE cluster_size = 12 AND persistence > 0;
--> 36

-- points tested as a column
SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding)) WHERE points IS NOT NULL;
--> !! clust_hdbscan: points is read as a column, expected an argument: clust_hdbscan(points [, options])

-- points not given
SELECT * FROM clust_hdbscan;
--> !! clust_hdbscan: points is not given, expected a call as in: SELECT

-- points NULL
SELECT * FROM clust_hdbscan(NULL);
--> !! clust_hdbscan: the points are NULL. The handle of clust_points lives only inside its own expression

-- points of another type
SELECT * FROM clust_hdbscan('Embedding');
--> !! clust_hdbscan: points is TEXT, expected (SELECT clust_points(id, vector) FROM …)

-- points of another type, for neighbours
SELECT * FROM clust_neighbors(x'00');
--> !! clust_neighbors: points is a BLOB, expected (SELECT clust_points(id, vector) FROM …)

-- options NULL
SELECT * FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding), NULL);
--> !! options: found NULL, expected one JSON object such as '{"min_cluster_size": 14}'

-- options a number
SELECT * FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding), 14);
--> !! options: found 14, expected one JSON object such as '{"min_cluster_size": 14}'

-- options no JSON
SELECT * FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding), 'min_cluster_size=14');
--> !! options: found 'min_cluster_size=14', which is not JSON (

-- options an array
SELECT * FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding), '[14]');
--> !! options: found '[14]', expected one JSON object

-- options a key twice
SELECT * FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding), '{"seed": 1, "seed": 2}');
--> !! options: found a key that occurs twice, expected one JSON object

-- options unknown
SELECT * FROM clust_duplicates((SELECT clust_points(id, vector) FROM Embedding), '{"min_size": 3}');
--> !! unknown option 'min_size'; allowed are normalize

-- options out of range
SELECT * FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding), '{"min_cluster_size": 1}');
--> !! option 'min_cluster_size': found 1, expected a whole number of at least 2

-- options of the wrong type
SELECT * FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding), '{"cluster_selection_method": "EOM"}');
--> !! option 'cluster_selection_method': found 'EOM', expected 'eom' or 'leaf'

-- options are checked for an empty selection too
SELECT * FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding WHERE id < 0), '{"nonsense": 1}');
--> !! unknown option 'nonsense'; allowed are min_cluster_size,

-- clust_duplicates
SELECT id, representative_id, copies, typeof(copies) FROM clust_duplicates((
    SELECT clust_points(key, clust_vector(value)) FROM json_each('["[1]", "[2]", "[1]", "[3]", "[2]", "[1]", "[-0.0]", "[0.0]"]')));
--> 0|0|3|integer
--> 1|1|2|integer
--> 2|0|3|integer
--> 4|1|2|integer
--> 5|0|3|integer
--> 6|6|2|integer
--> 7|6|2|integer

-- clust_duplicates by direction
SELECT group_concat(id || '=' || representative_id) FROM clust_duplicates((
    SELECT clust_points(key, clust_vector(value)) FROM json_each('["[1, 1]", "[2, 2]", "[1, 2]"]')), '{"normalize": true}');
--> 0=0,1=0

-- clust_duplicates of different vectors
SELECT count(*) FROM clust_duplicates((SELECT clust_points(id, vector) FROM Embedding));
--> 0

-- clust_duplicates of nothing
SELECT count(*) FROM clust_duplicates((SELECT clust_points(id, vector) FROM Embedding WHERE id < 0));
--> 0

-- clust_neighbors
SELECT id, rank, neighbor_id, distance, typeof(rank), typeof(distance) FROM clust_neighbors((
    SELECT clust_points('k' || key, clust_vector(value)) FROM json_each('["[0]", "[1]", "[3]"]')),
    '{"k": 2, "normalize": false}');
--> k0|1|k1|1.0|integer|real
--> k0|2|k2|3.0|integer|real
--> k1|1|k0|1.0|integer|real
--> k1|2|k2|2.0|integer|real
--> k2|1|k1|2.0|integer|real
--> k2|2|k0|3.0|integer|real

-- clust_neighbors by cosine agrees with clust_distance
SELECT count(*), max(abs(n.distance - clust_distance(a.vector, b.vector, 'cosine'))) < 1e-6
FROM clust_neighbors((SELECT clust_points(id, vector) FROM Embedding), '{"k": 3, "metric": "cosine"}') n
JOIN Embedding a ON a.id = n.id JOIN Embedding b ON b.id = n.neighbor_id;
--> 120|1

-- clust_neighbors of fewer points than k
SELECT count(*) FROM clust_neighbors((SELECT clust_points(id, vector) FROM Embedding WHERE id < 4), '{"k": 10}');
--> 6

-- clust_neighbors of one point and of none
SELECT (SELECT count(*) FROM clust_neighbors((SELECT clust_points(id, vector) FROM Embedding WHERE id = 1))),
       (SELECT count(*) FROM clust_neighbors((SELECT clust_points(id, vector) FROM Embedding WHERE id < 1)));
--> 0|0

-- rowids are distinct
SELECT count(DISTINCT rowid) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding));
--> 40

-- a table function cannot be written
INSERT INTO clust_hdbscan (id) VALUES (1);
--> !! table clust_hdbscan may not be modified

-- who is near whom in a fit: min_samples + 5 of each, those that a search finds
SELECT clust_fit('demo', '{"min_cluster_size": 5, "min_samples": 3}');
SELECT count(*), max(rank) FROM clust_fit_neighbors(1);
SELECT count(*) FROM (
    SELECT * FROM clust_fit_neighbors(1)
    EXCEPT SELECT * FROM clust_neighbors((SELECT clust_points(id, vector) FROM Embedding), '{"k": 8}'));
--> 1
--> 320|8
--> 0

-- no fit has that id
SELECT * FROM clust_fit_neighbors(7);
--> !! no clustering fit 7; there are no fits yet

-- and the id of a fit is a number
SELECT * FROM clust_fit_neighbors('1');
--> !! clust_fit_neighbors: clustering_fit_id is TEXT, expected an INTEGER, see ClusteringFit
