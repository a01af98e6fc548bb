-- clust_sources: columns
SELECT name, type FROM pragma_table_xinfo('clust_sources') WHERE hidden = 0;
--> name|TEXT
--> kind|TEXT
--> table_name|TEXT
--> id_columns|TEXT
--> vector_column|TEXT
--> content_column|TEXT
--> format|TEXT
--> dimension|INTEGER
--> n_rows|INTEGER
--> registered|INTEGER
--> remark|TEXT

-- clust_sources: a model of our own
SELECT * FROM clust_sources();
--> demo|sqlclust|Embedding|["id"]|vector|NULL|float32|8|40|0|from 40 rows: BLOBs of 32 bytes; a model of our own: it can be fitted

-- clust_sources: what can be fitted, and what names its rows
SELECT s.name, j.value FROM clust_sources() s, json_each(s.id_columns) j WHERE vector_column IS NOT NULL;
--> demo|id

-- clust_sources: every value is of a plain SQLite type
SELECT typeof(name), typeof(id_columns), typeof(content_column), typeof(dimension), typeof(n_rows), typeof(registered)
FROM clust_sources();
--> text|text|null|integer|integer|integer

-- clust_sources: in a join it looks once
SELECT a.name, b.name FROM clust_sources() a JOIN clust_sources() b ON b.kind = a.kind;
--> demo|demo

-- clust_sources: no arguments
SELECT * FROM clust_sources('demo');
--> !! clust_sources
