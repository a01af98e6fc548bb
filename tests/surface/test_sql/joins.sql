-- JOIN, the function first
SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding)) c JOIN Embedding e ON e.id = c.id;
--> 40

-- JOIN, the function last
SELECT count(*) FROM Embedding e JOIN clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding)) c ON e.id = c.id;
--> 40

-- CROSS JOIN in both forced orders
SELECT (SELECT count(*) FROM Embedding e CROSS JOIN clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding)) c WHERE c.id = e.id),
       (SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding)) c CROSS JOIN Embedding e WHERE c.id = e.id);
--> 40|40

-- LEFT, RIGHT and FULL JOIN with rows that were not clustered
SELECT (SELECT count(*) - count(c.id) FROM Embedding e
        LEFT JOIN clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding WHERE id < 31)) c ON c.id = e.id),
       (SELECT count(*) - count(c.id) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding WHERE id < 31)) c
        RIGHT JOIN Embedding e ON c.id = e.id),
       (SELECT count(*) - count(c.id) FROM Embedding e
        FULL JOIN clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding WHERE id < 31)) c ON c.id = e.id);
--> 10|10|10

-- USING and NATURAL JOIN
SELECT (SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding)) JOIN Embedding USING (id)),
       (SELECT count(*) FROM Embedding NATURAL JOIN clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding)));
--> 40|40

-- as a subquery of IN and EXISTS
SELECT (SELECT count(*) FROM Embedding WHERE id IN
            (SELECT id FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding)) WHERE label < 0)),
       (SELECT count(*) FROM Embedding e WHERE EXISTS
            (SELECT 1 FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding)) c WHERE c.id = e.id AND label < 0));
--> 4|4

-- one clustering per group, lateral
SELECT m.half, count(*), count(DISTINCT label)
FROM (SELECT DISTINCT id > 20 AS half FROM Embedding) m,
     clust_hdbscan((SELECT clust_points(e.id, e.vector) FROM Embedding e WHERE (e.id > 20) = m.half), '{"min_cluster_size": 4}')
GROUP BY 1;
--> 0|20|3
--> 1|20|4

-- one clustering per group, the function first
SELECT m.half, count(*), count(DISTINCT label)
FROM clust_hdbscan((SELECT clust_points(e.id, e.vector) FROM Embedding e WHERE (e.id > 20) = m.half), '{"min_cluster_size": 4}'),
     (SELECT DISTINCT id > 20 AS half FROM Embedding) m
GROUP BY 1;
--> 0|20|3
--> 1|20|4

-- selection by a join
SELECT count(*) FROM clust_hdbscan((
    SELECT clust_points(e.id, e.vector) FROM Embedding e JOIN json_each('[1, 2, 3, 5]') j ON j.value = e.id));
--> 4

-- selection by a join that repeats rows
SELECT count(*) FROM clust_hdbscan((
    SELECT clust_points(e.id, e.vector) FROM Embedding e JOIN json_each('[3, 5, 3, 5, 3, 9]') j ON j.value = e.id));
--> !! embedding 3 came 3 times, expected once (2 ids are repeated); a join in the selection probably repeats rows. Select each id once, or pass '{"duplicates": "first"}' as the third argument of clust_points to keep each id's first row

-- a source that is a CTE, materialized or not
WITH a AS MATERIALIZED (SELECT id, vector FROM Embedding), b AS NOT MATERIALIZED (SELECT id, vector FROM a WHERE id < 31)
SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM b));
--> 30

-- a clustering that is a CTE, used twice
WITH c AS MATERIALIZED (SELECT * FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding)))
SELECT count(*) FROM c a JOIN c b ON a.id = b.medoid_id;
--> 36

-- a window function over a clustering
SELECT DISTINCT label, count(*) OVER (PARTITION BY label)
FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding)) WHERE label >= 0 ORDER BY 1;
--> 0|12
--> 1|12
--> 2|12

-- a handle lost to a MATERIALIZED CTE
WITH p AS MATERIALIZED (SELECT clust_points(id, vector) AS h FROM Embedding) SELECT * FROM p, clust_hdbscan(p.h);
--> !! clust_hdbscan: the points are NULL. The handle of clust_points lives only inside its own expression and is lost when it is stored (a temporary table, a MATERIALIZED CTE, a grouped subquery); call clust_points in the argument itself: clust_hdbscan((SELECT clust_points(id, vector) FROM …)). SQLite also wipes it away where one of its JSON functions stands among clust_points' arguments; there write '' || json_array(…)

-- a handle lost to a grouped subquery
SELECT * FROM (SELECT clust_points(id, vector) AS h FROM Embedding GROUP BY embedding_model) p, clust_neighbors(p.h);
--> !! clust_neighbors: the points are NULL. The handle

-- a handle lost to a temporary table
CREATE TEMP TABLE p AS SELECT clust_points(id, vector) AS h FROM Embedding; SELECT * FROM clust_duplicates((SELECT h FROM p));
--> !! clust_duplicates: the points are NULL. The handle

-- id = …: looked up, and equal to what SQLite calls equal in a virtual table
SELECT (SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding)) WHERE id = 3),
       (SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding)) WHERE id = 3.0),
       (SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding)) WHERE id = '3'),
       (SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding)) WHERE id = CAST('3' AS TEXT)),
       (SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding)) WHERE id IN (1, 2, 99)),
       (SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding)) WHERE id = NULL);
--> 1|1|0|0|2|0

-- id = … of TEXT ids, with another collation and none
SELECT (SELECT count(*) FROM clust_hdbscan((SELECT clust_points('A' || id, vector) FROM Embedding)) WHERE id = 'A7'),
       (SELECT count(*) FROM clust_hdbscan((SELECT clust_points('A' || id, vector) FROM Embedding)) WHERE id = 'a7'),
       (SELECT count(*) FROM clust_hdbscan((SELECT clust_points('A' || id, vector) FROM Embedding)) WHERE id = 'a7' COLLATE NOCASE);
--> 1|0|1

-- a JSON function among the arguments of clust_points, as the error says to write it
SELECT count(*) FROM clust_hdbscan((SELECT clust_points(key, clust_vector('' || json_array(value, 1))) FROM json_each('[1, 2, 3]')));
--> 3

-- RIGHT and FULL JOIN of two calls, where rows are found by id first and read once more
SELECT (SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding WHERE id < 31)) a
        RIGHT JOIN clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding WHERE id > 20)) b ON b.id = a.id),
       (SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding WHERE id < 31)) a
        FULL JOIN clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding WHERE id > 20)) b ON b.id = a.id);
--> 20|40

-- RIGHT JOIN with options in ON is an error: the rows without a partner would be those of other options
SELECT count(*) FROM (SELECT 1 AS id) t RIGHT JOIN clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding)) c
ON c.id = t.id AND c.options = '{"min_cluster_size": 13}';
--> !! clust_hdbscan: options is read as a column, expected an argument: clust_hdbscan(points [, options])

-- RIGHT JOIN with options in ON is an error where nothing is on its left, too
SELECT count(*) FROM (SELECT 1 AS id WHERE 0) t RIGHT JOIN clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding)) c
ON c.id = t.id AND c.options = '{"min_cluster_size": 13}';
--> !! clust_hdbscan: options is read as a column, expected an argument: clust_hdbscan(points [, options])

-- RIGHT JOIN with options in the call
SELECT count(*), count(t.id), max(label) FROM (SELECT 1 AS id) t
RIGHT JOIN clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding), '{"min_cluster_size": 13}') c ON c.id = t.id;
--> 40|1|-1

-- other options in each branch of an OR: SQLite compares the points once more, which cannot be done, and that is an error
SELECT options, count(*), max(label) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding))
WHERE (options = '{"min_cluster_size": 13}' AND id = 1) OR (options = '{"min_cluster_size": 5}' AND id = 1) GROUP BY 1 ORDER BY 1;
--> !! clust_hdbscan: points is read as a column, expected an argument: clust_hdbscan(points [, options])

-- options in one branch of an OR only
SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding))
WHERE (options = '{"min_cluster_size": 13}' AND id = 1) OR id = 2;
--> !! clust_hdbscan: options is read as a column, expected an argument: clust_hdbscan(points [, options])

-- options by IN
SELECT options, count(*), max(label) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding))
WHERE options IN ('{"min_cluster_size": 13}', '{"min_cluster_size": 5}') GROUP BY 1 ORDER BY 1;
--> {"min_cluster_size": 13}|40|-1
--> {"min_cluster_size": 5}|40|2

-- a correlated look-up and a correlated call
SELECT sum(one), sum(all_) FROM (SELECT
    (SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding)) c WHERE c.id = e.id) AS one,
    (SELECT count(*) FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding x WHERE x.id <= e.id)) c) AS all_
    FROM Embedding e WHERE e.id < 5);
--> 4|10

-- LIMIT and OFFSET
SELECT group_concat(id) FROM (SELECT id FROM clust_hdbscan((SELECT clust_points(id, vector) FROM Embedding)) LIMIT 3 OFFSET 4);
--> 5,6,7
