-- Cluster the vectors of a table of your own, where they are, in the stock shell:
--     sqlite3 notes.db ".load $(sqlclust loadable-path)" ".read examples/07_own_table.sql"
-- Without the extension, sqlclust fit notes.db note does the same as step 2, and the rest needs no sqlclust at all.
.mode column

-- 1. A table of yours: any key, any texts, vectors as BLOBs of float32 or as JSON. These 60 are made up.
CREATE TABLE note (slug TEXT PRIMARY KEY, body TEXT, embedding TEXT);
INSERT INTO note
WITH RECURSIVE point(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM point WHERE i < 59)
SELECT printf('note-%02d', i),
       CASE i % 3 WHEN 0 THEN 'about apples' WHEN 1 THEN 'about pears' ELSE 'about plums' END,
       json_array(10 * (i % 3 = 0) + sin(i * 1.7), 10 * (i % 3 = 1) + sin(i * 2.3), 10 * (i % 3 = 2) + sin(i * 3.1))
FROM point;

-- 2. What is here, and a fit of it. The table is only read; the result goes into tables of sqlclust beside it.
SELECT name, id_columns, vector_column, content_column, format, n_rows FROM clust_sources();
SELECT clust_fit('note', '{"min_cluster_size": 5}') AS clustering_result_id;

-- 3. Your rows, each with its cluster of the latest result. From here on, any SQLite will do.
SELECT label, count(*) AS size, min(body) AS about, medoid_item_id
FROM note_clusters WHERE label >= 0 GROUP BY label ORDER BY label;
SELECT slug, body, label, round(probability, 2) AS probability
FROM note_clusters WHERE slug IN ('note-05', 'note-10', 'note-11');

-- 4. What changes in your table is seen: a note that is new has no cluster yet.
INSERT INTO note VALUES ('new', 'about apples', '[10.0, 0.1, 0.2]');
SELECT slug, label IS NULL AS has_no_cluster FROM note_clusters WHERE slug = 'new';
SELECT n_rows, n_new, n_missing, n_changed, new_id FROM clust_staleness(1);
