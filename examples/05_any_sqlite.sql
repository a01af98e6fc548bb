-- Clusters of a table of your own, in the stock sqlite3 shell, without our schema:
--     sqlite3 notes.db ".load '$(sqlclust loadable-path)'" ".read examples/05_any_sqlite.sql"
.mode column

-- 60 made-up notes with vectors: three directions and some noise.
CREATE TABLE note (title TEXT PRIMARY KEY, vector BLOB);
INSERT INTO note
WITH RECURSIVE point(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM point WHERE i < 59)
SELECT printf('%s %d', CASE i % 4 WHEN 0 THEN 'apples' WHEN 1 THEN 'pears' WHEN 2 THEN 'plums' ELSE 'nothing' END, i),
       clust_vector(json_array(
           10 * (i % 4 = 0) + sin(i * 1.7),
           10 * (i % 4 = 1) + sin(i * 2.3),
           10 * (i % 4 = 2) + sin(i * 3.1)))
FROM point;

-- The groups, each with the note in its middle. Nothing is stored.
SELECT label, count(*) AS size, medoid_id AS medoid
FROM clust_hdbscan((SELECT clust_points(title, vector) FROM note), '{"min_cluster_size": 5}')
WHERE label >= 0
GROUP BY label;

-- What is most like one of them?
SELECT neighbor_id, round(distance, 2) AS distance
FROM clust_neighbors((SELECT clust_points(title, vector) FROM note), '{"k": 2}')
WHERE id = 'pears 1';

-- To keep what is found, with the rows that it is about: examples/07_own_table.sql.
