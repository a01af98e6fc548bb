-- clust_centroid
SELECT clust_to_json(clust_centroid(clust_vector(value))) FROM json_each('["[0, 0]", "[1, 4]", "[5, 5]"]');
--> [2.0, 3.0]

-- clust_centroid passes NULL over
SELECT clust_to_json(clust_centroid(clust_vector(value))) FROM json_each('["[0, 0]", null, "[1, 4]"]');
--> [0.5, 2.0]

-- clust_centroid of nothing
SELECT clust_centroid(vector) FROM Embedding WHERE id < 0;
--> NULL

-- clust_centroid of mixed dimensions
SELECT clust_centroid(clust_vector(value)) FROM json_each('["[0]", "[1, 4]"]');
--> !! clust_centroid: a vector has 2 dimensions, expected 1

-- clust_centroid of TEXT
SELECT clust_centroid(value) FROM json_each('["[0]"]');
--> !! clust_centroid: a vector is TEXT, expected a BLOB

-- clust_centroid of infinity
SELECT clust_centroid(x'0000807f');
--> !! clust_centroid: a vector has inf at position 0, expected finite numbers

-- clust_centroid per group, filtered
SELECT id % 3, clust_dimension(clust_centroid(vector)), clust_centroid(vector) FILTER (WHERE id > 99) FROM Embedding GROUP BY 1;
--> 0|8|NULL
--> 1|8|NULL
--> 2|8|NULL

-- clust_medoid
SELECT clust_medoid(key, clust_vector(value)), typeof(clust_medoid(key, clust_vector(value)))
FROM json_each('["[0]", "[2]", "[9]"]');
--> 1|integer

-- clust_medoid of equally good ids is the first in order
SELECT clust_medoid(id, clust_vector(v)) FROM (SELECT 'b' AS id, '[0]' AS v UNION ALL SELECT 'a', '[2]' UNION ALL SELECT x'00', '[0]');
--> b

-- clust_medoid of TEXT ids
SELECT clust_medoid('k' || key, clust_vector(value)) FROM json_each('["[0]", "[2]", "[9]"]');
--> k1

-- clust_medoid passes NULL vectors over
SELECT clust_medoid(key, clust_vector(value)) FROM json_each('["[0]", null, "[3]", "[4]"]');
--> 2

-- clust_medoid of nothing
SELECT clust_medoid(id, vector) FROM Embedding WHERE id < 0;
--> NULL

-- clust_medoid of a NULL id
SELECT clust_medoid(NULL, vector) FROM Embedding;
--> !! row 1: the id is NULL, expected an INTEGER, REAL, TEXT or BLOB

-- clust_medoid of a repeated id
SELECT clust_medoid(7, vector) FROM Embedding WHERE id < 4;
--> !! embedding 7 came 3 times, expected once

-- clust_ari agrees up to names
SELECT clust_ari(a, b), typeof(clust_ari(a, b)) FROM (SELECT value / 3 AS a, 'g' || (value / 3) AS b FROM json_each('[0,1,2,3,4,5]'));
--> 1.0|real

-- clust_ari by hand
SELECT round(clust_ari(value % 3 / 2, value / 3), 6) FROM json_each('[0,1,2,3,4,5]');
--> -0.216216

-- clust_ari passes NULL over
SELECT clust_ari(value, value), clust_ari(value, NULL) FROM json_each('[1, 1, null, 2]');
--> 1.0|NULL

-- clust_ari takes 1 and 1.0 for one label, '1' and x'31' for others
SELECT clust_ari(a, b) FROM (SELECT 1 AS a, 'x' AS b UNION ALL SELECT 1.0, 'x' UNION ALL SELECT '1', 'y' UNION ALL SELECT x'31', 'z');
--> 1.0

-- clust_ami agrees up to names
SELECT clust_ami(a, b) FROM (SELECT value / 3 AS a, 'g' || (value / 3) AS b FROM json_each('[0,1,2,3,4,5]'));
--> 1.0

-- clust_ami of nothing
SELECT clust_ami(id, id) FROM Embedding WHERE id < 0;
--> NULL

-- clust_ari and clust_ami of one thing
SELECT clust_ari(1, 2), clust_ami(1, 2);
--> 1.0|1.0

-- clust_points is no value
SELECT typeof(clust_points(id, vector)) FROM Embedding;
--> null

-- clust_points is no window function
SELECT clust_points(id, vector) OVER () FROM Embedding;
--> !! clust_points() may not be used as a window function
