-- terms of texts
SELECT label, rank, term, round(score, 3), count, n_rows FROM clust_terms((SELECT clust_texts(key / 2, value)
FROM json_each('["red wine", "white wine", "green tea", "black tea"]')), '{"count": 2}') ORDER BY 1, 2;
--> 0|1|wine|0.549|2|2
--> 0|2|red|0.402|1|1
--> 1|1|tea|0.549|2|2
--> 1|2|black|0.402|1|1

-- labels may be anything, and noise is -1
SELECT label, term FROM clust_terms((SELECT clust_texts(column1, column2) FROM
(VALUES ('b', 'tea'), (x'00', 'milk'), (1.5, 'wine'), (-1, 'beer'), (7, 'gin'))));
--> 1.5|wine
--> 7|gin
--> b|tea
--> b'\x00'|milk

-- and noise has terms on request
SELECT label, term FROM clust_terms((SELECT clust_texts(column1, column2) FROM (VALUES (-1, 'beer'), (7, 'gin'))), '{"noise": true}');
--> -1|beer
--> 7|gin

-- what is no text, or has no label, is passed over
SELECT term, n_rows FROM clust_terms((SELECT clust_texts(column1, column2) FROM
(VALUES (1, NULL), (NULL, 'tea'), (1, x'746561'), (1, 'wine'), (1, 12))));
--> wine|1

-- terms of no texts
SELECT * FROM clust_terms((SELECT clust_texts(id, vector) FROM Embedding));

-- terms of a result without texts
SELECT clust_fit('demo');
--> 1

-- terms of a result that is not there
SELECT * FROM clust_terms(1);
--> !! no clustering result 1

-- terms of the same texts in an OR, a join and a condition
SELECT a.term FROM clust_terms((SELECT clust_texts(1, 'tea'))) a JOIN clust_terms((SELECT clust_texts(1, 'tea'))) b USING (term)
WHERE a.result_or_texts = (SELECT clust_texts(1, 'tea'));
--> tea

-- other texts in a condition
SELECT term FROM clust_terms((SELECT clust_texts(1, 'tea'))) WHERE result_or_texts = (SELECT clust_texts(1, 'milk'));
--> !! result_or_texts is given twice

-- terms of an expression that is no handle any more
CREATE TEMP TABLE t AS SELECT clust_texts(1, 'tea') AS texts;

-- terms of NULL
SELECT * FROM clust_terms(NULL);
--> !! result_or_texts is NULL, expected the INTEGER id of a ClusteringResult

-- terms of a REAL
SELECT * FROM clust_terms(1.0);
--> !! result_or_texts is a REAL, expected the INTEGER id

-- terms of points
SELECT * FROM clust_terms((SELECT clust_points(id, vector) FROM Embedding));
--> !! result_or_texts is a handle of clust_points

-- points that are texts
SELECT * FROM clust_neighbors((SELECT clust_texts(1, 'tea')));
--> !! points is a handle of clust_texts

-- terms by IN
SELECT * FROM clust_terms WHERE result_or_texts IN (1, 2);
--> !! result_or_texts is given with IN

-- options of terms
SELECT * FROM clust_terms(1, '{"stop_words": 7}');
--> !! option 'stop_words': found 7, expected a name or a list of names
