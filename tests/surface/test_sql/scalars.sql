-- clust_vector is little-endian float32
SELECT hex(clust_vector('[1, -2, 0.5]')), typeof(clust_vector('[1]'));
--> 0000803F000000C00000003F|blob

-- clust_vector of NULL
SELECT clust_vector(NULL) IS NULL;
--> 1

-- clust_vector of a BLOB
SELECT clust_vector(x'00');
--> !! clust_vector: found a BLOB, expected a JSON array of numbers such as '[0.1, 0.2]'

-- clust_vector of a number
SELECT clust_vector(1);
--> !! clust_vector: found an INTEGER, expected a JSON array of numbers

-- clust_vector of an empty array
SELECT clust_vector('[]');
--> !! clust_vector: found '[]', expected a JSON array of numbers

-- clust_vector of an object
SELECT clust_vector('{"a": 1}');
--> !! clust_vector: found '{"a": 1}', expected

-- clust_vector of no JSON
SELECT clust_vector('1, 2');
--> !! clust_vector: found text that is not JSON (

-- clust_vector of NaN
SELECT clust_vector('[1, NaN]');
--> !! clust_vector: found text that is not JSON (NaN is not a JSON number), expected

-- clust_vector of something else in it
SELECT clust_vector('[1, null]');
--> !! clust_vector: found None at position 1, expected

-- clust_vector of a boolean
SELECT clust_vector('[true]');
--> !! clust_vector: found True at position 0, expected

-- clust_vector beyond float32
SELECT clust_vector('[0, 1e39]');
--> !! clust_vector: found 1e+39 at position 1, beyond float32, expected

-- clust_vector nested
SELECT clust_vector('[[1]]');
--> !! clust_vector: found [1] at position 0, expected

-- clust_to_json gives the shortest decimals
SELECT clust_to_json(clust_vector('[0.1, 1e-7, 3, 16777217, -0.0]'));
--> [0.1, 1e-07, 3.0, 16777216.0, -0.0]

-- clust_to_json is JSON for SQLite
SELECT json_array_length(clust_to_json(vector)), json_type(clust_to_json(vector)) FROM Embedding WHERE id = 1;
--> 8|array

-- clust_to_json there and back
SELECT count(*) FROM Embedding WHERE clust_vector(clust_to_json(vector)) = vector;
--> 40

-- clust_to_json of NULL
SELECT clust_to_json(NULL);
--> NULL

-- clust_to_json of TEXT
SELECT clust_to_json('[1]');
--> !! clust_to_json: the vector is TEXT, expected a BLOB of little-endian float32 (clust_vector makes one from JSON)

-- clust_to_json of a length that is none
SELECT clust_to_json(x'000000');
--> !! clust_to_json: the vector has 3 bytes, expected a positive multiple of 4 (float32)

-- clust_to_json of infinity
SELECT clust_to_json(x'0000803f0000807f');
--> !! clust_to_json: the vector has inf at position 1, expected finite numbers

-- clust_dimension
SELECT clust_dimension(vector), typeof(clust_dimension(vector)) FROM Embedding WHERE id = 1;
--> 8|integer

-- clust_dimension of NULL
SELECT clust_dimension(NULL);
--> NULL

-- clust_dimension of an empty BLOB
SELECT clust_dimension(x'');
--> !! clust_dimension: the vector has 0 bytes, expected a positive multiple of 4 (float32)

-- clust_dimension of a REAL
SELECT clust_dimension(1.5);
--> !! clust_dimension: the vector is a REAL, expected a BLOB

-- clust_norm
SELECT clust_norm(clust_vector('[3, -4]')), typeof(clust_norm(x'00000000')), clust_norm(x'00000000');
--> 5.0|real|0.0

-- clust_norm of large numbers does not overflow
SELECT clust_norm(clust_vector('[3e38, 3e38]')) BETWEEN 4.24e38 AND 4.25e38;
--> 1

-- clust_norm of NULL
SELECT clust_norm(NULL);
--> NULL

-- clust_norm of NaN
SELECT clust_norm(x'0000c07f');
--> !! clust_norm: the vector has nan at position 0, expected finite numbers

-- clust_normalize
SELECT clust_to_json(clust_normalize(clust_vector('[0, 3, -4]'))), typeof(clust_normalize(x'0000803f'));
--> [0.0, 0.6, -0.8]|blob

-- clust_normalize of very small numbers
SELECT clust_to_json(clust_normalize(clust_vector('[3e-38, 4e-38]')));
--> [0.6, 0.8]

-- clust_normalize of NULL
SELECT clust_normalize(NULL);
--> NULL

-- clust_normalize of a zero vector
SELECT clust_normalize(zeroblob(8));
--> !! clust_normalize: the vector is a zero vector, which has no direction: expected a vector that can be normalised

-- clust_distance, euclidean by default
SELECT clust_distance(a, b), clust_distance(a, b, 'euclidean'), clust_distance(b, a), clust_distance(a, a)
FROM (SELECT clust_vector('[3, 0]') AS a, clust_vector('[0, 4]') AS b);
--> 5.0|5.0|5.0|0.0

-- clust_distance, cosine
SELECT clust_distance(clust_vector('[3, 0]'), clust_vector('[0, 4]'), 'cosine'),
       clust_distance(clust_vector('[3, 0]'), clust_vector('[-1, 0]'), 'cosine'),
       clust_distance(clust_vector('[1, 1]'), clust_vector('[7, 7]'), 'cosine');
--> 1.0|2.0|0.0

-- clust_distance of NULL
SELECT clust_distance(NULL, x'00000000'), clust_distance(x'00000000', NULL), clust_distance(x'00000000', x'00000000', NULL);
--> NULL|NULL|NULL

-- clust_distance by another metric
SELECT clust_distance(x'00000000', x'00000000', 'manhattan');
--> !! clust_distance: metric is 'manhattan', expected 'euclidean' or 'cosine'

-- clust_distance of different dimensions
SELECT clust_distance(x'00000000', zeroblob(12));
--> !! clust_distance: the second vector has 3 dimensions, expected 1

-- clust_distance, cosine, of a zero vector
SELECT clust_distance(x'0000803f', x'00000000', 'cosine');
--> !! clust_distance: the second vector is a zero vector, which has no direction

-- clust_distance of TEXT
SELECT clust_distance('a', x'00000000');
--> !! clust_distance: the first vector is TEXT, expected a BLOB

-- helpers sort and filter
SELECT id FROM Embedding WHERE clust_distance(vector, (SELECT vector FROM Embedding WHERE id = 1)) < 0.3 ORDER BY id LIMIT 4;
--> 1
--> 4
--> 7
--> 10
