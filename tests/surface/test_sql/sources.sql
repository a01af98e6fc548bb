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

-- clust_source: a table as it is found; its name is returned
CREATE TABLE note AS SELECT id AS slug, 'text ' || id AS body, vector AS embedding FROM Embedding;
SELECT clust_source('note');
SELECT name, kind, table_name, storage, id_columns, vector_column, content_column, format, format_is_said, dimension FROM EmbeddingSource;
--> note
--> note|table|note|rows|["rowid"]|embedding|body|float32|0|8

-- clust_source: under another name, with columns and a format as they are said
CREATE TABLE note AS SELECT id AS slug, 'text ' || id AS body, vector AS embedding FROM Embedding;
SELECT clust_source('docs', '{"table": "NOTE", "id": ["Slug", "body"], "vector": "EMBEDDING", "content": "slug", "format": "uint8"}');
SELECT name, table_name, id_columns, vector_column, content_column, format, format_is_said, dimension FROM EmbeddingSource;
--> docs
--> docs|note|["slug","body"]|embedding|slug|uint8|1|32

-- clust_source: what is not said again stays
CREATE TABLE note AS SELECT id AS slug, 'text ' || id AS body, vector AS embedding FROM Embedding;
SELECT clust_source('docs', '{"table": "note", "id": "slug", "content": "body"}');
SELECT clust_source('docs', '{"format": "float64"}');
SELECT clust_source('docs');
SELECT id_columns, content_column, format, format_is_said, dimension FROM EmbeddingSource;
--> docs
--> docs
--> docs
--> ["slug"]|body|float64|1|4

-- clust_source: clust_sources lists it once, under its name
CREATE TABLE note AS SELECT id AS slug, 'text ' || id AS body, vector AS embedding FROM Embedding;
SELECT clust_source('docs', '{"table": "note", "id": "slug"}');
SELECT name, kind, table_name, id_columns, n_rows, registered, remark FROM clust_sources();
--> docs
--> demo|sqlclust|Embedding|["id"]|40|0|from 40 rows: BLOBs of 32 bytes; a model of our own: it can be fitted
--> docs|table|note|["slug"]|40|1|from 36 rows: BLOBs of 32 bytes; nothing keeps slug unique: a repeated id is an error of the fit

-- clust_source: a view, whose key is said
CREATE VIEW odd AS SELECT id AS n, vector AS embedding FROM Embedding WHERE id % 2;
SELECT clust_source('odd', '{"id": "n"}');
SELECT kind, table_name, id_columns, vector_column, format, dimension FROM EmbeddingSource;
--> odd
--> view|odd|["n"]|embedding|float32|8

-- clust_source: a view without a key that is said
CREATE VIEW odd AS SELECT id AS n, vector AS embedding FROM Embedding WHERE id % 2;
SELECT clust_source('odd');
--> !! 'odd' is a view, which has no key: id says which columns name its rows

-- clust_source: a condition is not taken from SQL
SELECT clust_source('docs', '{"table": "note", "where": "1"}');
--> !! SQL text is taken from Python and the command line only: sqlclust.source(con, name, where=…), sqlclust source DB NAME --where …

-- clust_source: no such table
SELECT clust_source('nope');
--> !! there is no table 'nope'

-- clust_source: no such column
CREATE TABLE note AS SELECT id AS slug, vector AS embedding FROM Embedding;
SELECT clust_source('note', '{"id": "key"}');
--> !! table 'note' has no column 'key'; its columns: 'slug', 'embedding'

-- clust_source: a table of ours
SELECT clust_source('docs', '{"table": "Embedding"}');
--> !! 'Embedding' is a table of sqlclust; the embedding models in it are fitted by their own names

-- clust_source: the name of an embedding model
CREATE TABLE note AS SELECT id AS slug, vector AS embedding FROM Embedding;
SELECT clust_source('demo', '{"table": "note"}');
--> !! no source can be called 'demo': an embedding model of this file has that name, with vectors of its own; give the source another one

-- clust_source: an empty name
SELECT clust_source('');
--> !! no source can be called '': it is empty

-- clust_source: a name that is no text
SELECT clust_source(x'61');
--> !! clust_source: name is a BLOB, expected TEXT, the name of the source

-- clust_source: an option of the wrong type
SELECT clust_source('docs', '{"id": []}');
--> !! option 'id': found [], expected a name or a list of names

-- clust_source: a format that does not fit
CREATE TABLE note AS SELECT id AS slug, '[1, 2.5]' AS embedding FROM Embedding;
SELECT clust_source('note', '{"format": "float32"}');
--> !! format is 'float32', expected what column 'embedding' of 'note' holds: TEXT in 36 of 36 rows

-- clust_source: not inside another statement
SELECT clust_source('docs') FROM Embedding;
--> !! clust_source publishes in a transaction of its own and was called inside another one

-- EmbeddingSource: a source is deleted by its name
CREATE TABLE note AS SELECT id AS slug, vector AS embedding FROM Embedding;
SELECT clust_source('note');
DELETE FROM EmbeddingSource WHERE name = 'note';
SELECT name, registered FROM clust_sources();
--> note
--> demo|0
--> note|0

-- EmbeddingSource: one that a result has rows of stays, by constraint
CREATE TABLE note AS SELECT id AS slug, vector AS embedding FROM Embedding;
SELECT clust_source('note');
INSERT INTO Embedding (id, embedding_model, embedding_source, item_id) VALUES ('["note",1]', 'note', 'note', 1);
DELETE FROM EmbeddingSource;
--> !! FOREIGN KEY constraint failed
