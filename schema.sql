-- sqlclust schema, version 4.
--
-- Embeddings, where they come from, and the clusterings made of them. Needs SQLite 3.38 and uses only its built-in functions,
-- so every such program can read and guard the file. (STRICT is of 3.37; the JSON functions of the CHECKs may be missing there,
-- and are built in since 3.38.)
--
--     sqlite3 -bail embeddings.db < schema.sql
--
-- Foreign keys are part of the guard. SQLite enforces them per connection, so every program that writes needs the next
-- line; sqlclust's own connections have it. (Inside a transaction the line does nothing.)
PRAGMA foreign_keys = ON;

-- Which steps of this schema the file has been through; see sqlclust/schema/.
CREATE TABLE SqlclustMigration (
    version    INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    applied_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ'))  -- UTC
) STRICT;
INSERT INTO SqlclustMigration (version, name) VALUES
    (1, 'schema.sql'), (2, 'view EmbeddingModelSummary'),
    (3, 'sources'), (4, 'maps');

------------------------------------------------------------------------------------------------------------------------
-- Where embedded things come from. Optional: an Embedding needs no Invocation.
------------------------------------------------------------------------------------------------------------------------

-- A run is a sequence of invocations.
CREATE TABLE Run (
    id             ANY PRIMARY KEY NOT NULL,  -- any type, kept as it came: INTEGER, TEXT, BLOB or REAL
    initial_prompt TEXT,
    created_at     TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ'))
) STRICT;

-- One step of a run: it gave one output.
CREATE TABLE Invocation (
    id              ANY PRIMARY KEY NOT NULL,
    run_id          ANY NOT NULL REFERENCES Run (id) ON DELETE CASCADE,
    sequence_number INTEGER NOT NULL CHECK (sequence_number >= 0),  -- position in the run
    type            TEXT,                                           -- 'text', 'image', …
    output_text     TEXT,
    UNIQUE (run_id, sequence_number)
) STRICT;

-- A source: a table or view, of this file or of another one, that has vectors. They stay there, fits read them there, and
-- nothing is written to it. Its name is used wherever an embedding model is named.
CREATE TABLE EmbeddingSource (
    name           TEXT PRIMARY KEY NOT NULL CHECK (name <> ''),
    kind           TEXT NOT NULL,  -- the program whose table it is, or 'table'; see sqlclust/sources/
    database       TEXT CHECK (database <> ''),  -- the file, seen from the folder of this one; NULL: this one
    table_name     TEXT NOT NULL,
    storage        TEXT NOT NULL DEFAULT 'rows',  -- 'rows' of the table; 'vec0': the shadow tables of that virtual table
    id_columns     TEXT NOT NULL
        CHECK (json_valid(id_columns) AND json_type(id_columns) = 'array' AND json_array_length(id_columns) > 0),
    vector_column  TEXT NOT NULL,
    content_column TEXT,           -- what was embedded; NULL: not known
    format         TEXT NOT NULL,  -- of the vectors: 'float32', 'json', …
    format_is_said INTEGER NOT NULL DEFAULT 0 CHECK (format_is_said IN (0, 1)),  -- 1: by a person, whatever they look like
    dimension      INTEGER CHECK (dimension >= 1),
    part_column    TEXT,           -- only the rows that have part_value here: a collection among others; NULL: all
    part_value     ANY,
    condition      TEXT,           -- and for which this SQL condition holds; never run by a function, only by fit on request
    parameters     TEXT            -- of its placeholders, a JSON object; json_valid(NULL) is 0 in an older SQLite
        CHECK (parameters IS NULL OR (json_valid(parameters) AND json_type(parameters) = 'object')),
    created_at     TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ'))
) STRICT;

-- A vector of one thing by one embedding model; or a row of a source that a result has, without its vector.
CREATE TABLE Embedding (
    -- ANY in a STRICT table keeps every id as it came. A column declared UUID or CHAR(32) does not: it has NUMERIC (or
    -- converts to TEXT) affinity, and '0688868048517e121234567890123456' becomes the REAL inf.
    id              ANY PRIMARY KEY NOT NULL,
    invocation_id   ANY REFERENCES Invocation (id) ON DELETE CASCADE,  -- NULL: of no run
    embedding_model TEXT NOT NULL CHECK (embedding_model <> ''),
    vector          BLOB CHECK (length(vector) > 0 AND length(vector) % 4 = 0),  -- little-endian float32; NULL of a source
    content         TEXT,  -- what was embedded, if it is text of its own; of a source: that of medoids
    created_at      TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')),
    -- Of a source the id is the JSON text ["name", key…], and item_id the key as it is there, or the JSON text [key…] of
    -- several columns. Such rows are written with the results that have them, and go with the last of those.
    item_id         ANY,
    embedding_source TEXT CHECK (embedding_source = embedding_model) REFERENCES EmbeddingSource (name),
    UNIQUE (invocation_id, embedding_model),
    CHECK ((vector IS NULL) <> (embedding_source IS NULL)),  -- a vector or a source, never both
    CHECK ((item_id IS NULL) = (embedding_source IS NULL))
) STRICT;
-- Reading one model in the order it came, without touching the others' vectors; and counting what came after a result
-- without touching any.
CREATE INDEX Embedding_embedding_model ON Embedding (embedding_model, created_at);
-- Finding a source's row by its key. A key that is declared a number is compared as + key, in a LEFT JOIN, or SQLite cannot
-- use this.
CREATE UNIQUE INDEX Embedding_item ON Embedding (embedding_source, item_id) WHERE embedding_source IS NOT NULL;

------------------------------------------------------------------------------------------------------------------------
-- Clusterings
------------------------------------------------------------------------------------------------------------------------

-- The expensive half of a clustering, reusable: which rows, how dense it is around them, their spanning tree. The BLOBs
-- are little-endian and there together or not at all (sqlclust fit --no-store-fit). They come behind the columns of version
-- 1, so that reading those does not touch them.
CREATE TABLE ClusteringFit (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,  -- an id is not used again for another fit
    embedding_model TEXT NOT NULL,
    selection       TEXT NOT NULL CHECK (json_valid(selection)),   -- {"where": …, "downsample": …}
    metric          TEXT NOT NULL,
    normalize       INTEGER NOT NULL CHECK (normalize IN (0, 1)),
    min_samples     INTEGER NOT NULL CHECK (min_samples >= 1),
    alpha           REAL NOT NULL CHECK (alpha > 0),
    engine          TEXT NOT NULL CHECK (engine <> ''),       -- what ran: 'exact', 'approximate', …
    recall          REAL CHECK (recall BETWEEN 0 AND 1),  -- measured share of true neighbours; 1 when exact
    seed            INTEGER NOT NULL DEFAULT 0,
    n               INTEGER NOT NULL CHECK (n >= 1),          -- rows
    n_distinct      INTEGER NOT NULL CHECK (n_distinct BETWEEN 1 AND n),  -- different vectors
    dimension       INTEGER NOT NULL CHECK (dimension >= 1),
    corpus_hash     TEXT NOT NULL,                            -- of (id, vector) of every row, in the order of ids
    versions        TEXT NOT NULL CHECK (json_valid(versions)),  -- {"sqlclust": "0.1.0", "hdbscan": …}
    timings         TEXT NOT NULL CHECK (json_valid(timings)),   -- seconds of each phase
    created_at      TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')),
    row_ids         BLOB,  -- the n ids in SQLite's order; see sqlclust/store/fits/
    row_checks      BLOB CHECK (length(row_checks) = 4 * n),      -- uint32 (n): CRC-32 of each row's vector
    core_distances  BLOB CHECK (length(core_distances) = 4 * n),  -- float32 (n), in the metric
    spanning_tree   BLOB CHECK (length(spanning_tree) = 16 * (n - 1)),
    -- int32 (n - 1) left, int32 (n - 1) right: places in row_ids; float64 (n - 1) weight, ascending
    updated_from    INTEGER REFERENCES ClusteringFit (id) ON DELETE SET NULL,  -- the fit that was brought up to date
    CHECK ((row_ids IS NULL) = (row_checks IS NULL) AND (row_ids IS NULL) = (core_distances IS NULL)
           AND (row_ids IS NULL) = (spanning_tree IS NULL))
) STRICT;
CREATE INDEX ClusteringFit_corpus ON ClusteringFit (embedding_model, corpus_hash);
-- Deleting a fit looks here for those made from it: in the table that column is behind the BLOBs.
CREATE INDEX ClusteringFit_updated_from ON ClusteringFit (updated_from) WHERE updated_from IS NOT NULL;

-- Who is near whom in a fit: min_samples + 5 neighbours of each different vector (sqlclust fit --no-neighbors, and
-- --no-store-fit, keep none). In parts, since a BLOB has at most a billion bytes: each has the next of the fit's rows, in
-- the order of row_ids, and the next of its different vectors, which are numbered from 0 in an order that depends on their
-- contents alone. All BLOBs are little-endian; see sqlclust/store/fits/.
CREATE TABLE ClusteringFitNeighbors (
    clustering_fit_id INTEGER NOT NULL REFERENCES ClusteringFit (id) ON DELETE CASCADE,
    part              INTEGER NOT NULL CHECK (part >= 0),         -- from 0
    exponent          INTEGER NOT NULL,                           -- vectors were compared times 2**exponent
    n                 INTEGER NOT NULL CHECK (n >= 0),            -- rows of this part
    n_distinct        INTEGER NOT NULL CHECK (n_distinct >= 0),   -- different vectors of it
    n_neighbors       INTEGER NOT NULL CHECK (n_neighbors >= 0),  -- neighbours of those
    row_vectors       BLOB NOT NULL CHECK (length(row_vectors) = 4 * n),            -- int32: which vector each row has
    row_hashes        BLOB NOT NULL CHECK (length(row_hashes) = 8 * n),             -- uint64: SHA-256 of its vector begins so
    counts            BLOB NOT NULL CHECK (length(counts) = 4 * n_distinct),        -- int32: rows that have each vector
    list_lengths      BLOB NOT NULL CHECK (length(list_lengths) = 4 * n_distinct),  -- int32: neighbours of each
    neighbors         BLOB NOT NULL CHECK (length(neighbors) = 4 * n_neighbors),    -- int32: vectors, a list after the other
    squared_distances BLOB NOT NULL CHECK (length(squared_distances) = 8 * n_neighbors),
    -- float64, euclidean, ascending in each list
    PRIMARY KEY (clustering_fit_id, part)
) STRICT;

-- Where a fit's rows are on its map, if one was made (sqlclust map): made once, read by whoever draws it. Identical vectors are
-- in one place.
CREATE TABLE ClusteringFitMap (
    clustering_fit_id INTEGER PRIMARY KEY NOT NULL REFERENCES ClusteringFit (id) ON DELETE CASCADE,
    method            TEXT NOT NULL CHECK (method <> ''),          -- what made it: 't-SNE', 'PCA', …
    parameters        TEXT NOT NULL                                -- of the method, as it ran
        CHECK (json_valid(parameters) AND json_type(parameters) = 'object'),
    versions          TEXT NOT NULL CHECK (json_valid(versions)),  -- {"sqlclust": "0.1.0", "openTSNE": …}
    timings           TEXT NOT NULL CHECK (json_valid(timings)),   -- seconds of each phase
    created_at        TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')),
    n                 INTEGER NOT NULL CHECK (n >= 1),             -- rows, those of the fit
    xy                BLOB NOT NULL CHECK (length(xy) = 8 * n)
    -- little-endian float32 (n, 2), rows in the order of row_ids
) STRICT;

-- One flat clustering with its parameters. Exists only when complete: it is written in one transaction with its rows.
-- Many results per model, with other parameters or the same, are normal.
CREATE TABLE ClusteringResult (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,  -- an id is not used again for another result
    embedding_model   TEXT NOT NULL,
    algorithm         TEXT NOT NULL DEFAULT 'hdbscan',
    parameters        TEXT NOT NULL CHECK (json_valid(parameters) AND json_type(parameters) = 'object'),  -- as they ran
    clustering_fit_id INTEGER REFERENCES ClusteringFit (id) ON DELETE SET NULL,
    started_at        TEXT,
    completed_at      TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ'))
) STRICT;
CREATE INDEX ClusteringResult_embedding_model ON ClusteringResult (embedding_model);
CREATE INDEX ClusteringResult_clustering_fit_id ON ClusteringResult (clustering_fit_id);

-- A cluster of a result. Noise is no cluster.
CREATE TABLE Cluster (
    clustering_result_id INTEGER NOT NULL REFERENCES ClusteringResult (id) ON DELETE CASCADE,
    label                INTEGER NOT NULL CHECK (label >= 0),
    medoid_embedding_id  ANY NOT NULL,                         -- the member in the middle
    size                 INTEGER NOT NULL CHECK (size >= 1),   -- members
    persistence          REAL CHECK (persistence BETWEEN 0 AND 1),  -- how long it lasts over all distance scales
    PRIMARY KEY (clustering_result_id, label),
    UNIQUE (clustering_result_id, medoid_embedding_id),
    -- the medoid is a member of this very cluster; checked at the end of the transaction, when the members are there too
    FOREIGN KEY (clustering_result_id, label, medoid_embedding_id)
        REFERENCES EmbeddingCluster (clustering_result_id, cluster_label, embedding_id)
        DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID;

-- One assignment per embedding and result, noise included.
CREATE TABLE EmbeddingCluster (
    clustering_result_id INTEGER NOT NULL REFERENCES ClusteringResult (id) ON DELETE CASCADE,
    embedding_id         ANY NOT NULL REFERENCES Embedding (id),  -- no CASCADE: a used embedding is not deleted
    label                INTEGER NOT NULL CHECK (label >= -1),    -- -1 = noise
    probability          REAL NOT NULL CHECK (probability BETWEEN 0 AND 1),    -- membership strength; noise 0
    outlier_score        REAL CHECK (outlier_score BETWEEN 0 AND 1),           -- GLOSH; larger is more outlying
    cluster_label        INTEGER GENERATED ALWAYS AS (nullif(label, -1)) VIRTUAL,  -- the label as a key: NULL for noise
    PRIMARY KEY (embedding_id, clustering_result_id),
    FOREIGN KEY (clustering_result_id, cluster_label)
        REFERENCES Cluster (clustering_result_id, label)
        DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID;
-- The members of a result or of a cluster; also what the two foreign keys between here and Cluster look up.
CREATE UNIQUE INDEX EmbeddingCluster_member
    ON EmbeddingCluster (clustering_result_id, cluster_label, embedding_id);

-- Predicted, not clustered: where embeddings that are no members of a result would belong (clust_predict, sqlclust predict
-- --store). Nothing that counts or shows a result's clusters looks in here. A prediction does not keep its embedding.
CREATE TABLE EmbeddingPrediction (
    clustering_result_id INTEGER NOT NULL REFERENCES ClusteringResult (id) ON DELETE CASCADE,
    embedding_id         ANY NOT NULL REFERENCES Embedding (id) ON DELETE CASCADE,
    label                INTEGER NOT NULL CHECK (label >= -1),                 -- -1 = noise
    probability          REAL NOT NULL CHECK (probability BETWEEN 0 AND 1),    -- membership strength; noise 0
    predicted_at         TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')),
    cluster_label        INTEGER GENERATED ALWAYS AS (nullif(label, -1)) VIRTUAL,
    PRIMARY KEY (embedding_id, clustering_result_id),
    FOREIGN KEY (clustering_result_id, cluster_label)
        REFERENCES Cluster (clustering_result_id, label)
        DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID;
CREATE INDEX EmbeddingPrediction_cluster ON EmbeddingPrediction (clustering_result_id, cluster_label);

CREATE TRIGGER EmbeddingPrediction_insert BEFORE INSERT ON EmbeddingPrediction
WHEN EXISTS (SELECT 1 FROM EmbeddingCluster ec
             WHERE ec.embedding_id = NEW.embedding_id AND ec.clustering_result_id = NEW.clustering_result_id)
BEGIN
    SELECT raise(ABORT, 'this embedding is a member of the result: its label is not predicted');
END;

CREATE TRIGGER EmbeddingPrediction_update BEFORE UPDATE OF clustering_result_id, embedding_id ON EmbeddingPrediction
WHEN EXISTS (SELECT 1 FROM EmbeddingCluster ec
             WHERE ec.embedding_id = NEW.embedding_id AND ec.clustering_result_id = NEW.clustering_result_id)
BEGIN
    SELECT raise(ABORT, 'this embedding is a member of the result: its label is not predicted');
END;

-- The rows of a source that only this result had go with it: SQLite runs the trigger after ON DELETE CASCADE.
CREATE TRIGGER ClusteringResult_delete AFTER DELETE ON ClusteringResult
WHEN EXISTS (SELECT 1 FROM EmbeddingSource s WHERE s.name = OLD.embedding_model)
BEGIN
    DELETE FROM Embedding
    WHERE embedding_source = OLD.embedding_model
      AND NOT EXISTS (SELECT 1 FROM EmbeddingCluster ec WHERE ec.embedding_id = Embedding.id)
      AND NOT EXISTS (SELECT 1 FROM EmbeddingPrediction ep WHERE ep.embedding_id = Embedding.id);
END;

------------------------------------------------------------------------------------------------------------------------
-- Views: read results from anywhere
------------------------------------------------------------------------------------------------------------------------

-- A result's rows, each with its cluster; and the way to write a whole result with one INSERT … SELECT: a cluster is
-- written with its first row.
CREATE VIEW ClusterAssignment AS
SELECT ec.clustering_result_id, ec.embedding_id, ec.label, ec.probability, ec.outlier_score,
       c.medoid_embedding_id, c.size, c.persistence
FROM EmbeddingCluster ec
LEFT JOIN Cluster c ON c.clustering_result_id = ec.clustering_result_id AND c.label = ec.label;

CREATE TRIGGER ClusterAssignment_insert INSTEAD OF INSERT ON ClusterAssignment
BEGIN
    INSERT INTO Cluster (clustering_result_id, label, medoid_embedding_id, size, persistence)
    SELECT NEW.clustering_result_id, NEW.label, NEW.medoid_embedding_id, NEW.size, NEW.persistence
    WHERE NEW.label >= 0
      AND NOT EXISTS (SELECT 1 FROM Cluster c
                      WHERE c.clustering_result_id = NEW.clustering_result_id AND c.label = NEW.label);
    SELECT raise(ABORT, 'rows of one cluster disagree about its medoid, size or persistence')
    WHERE NEW.label >= 0
      AND NOT EXISTS (SELECT 1 FROM Cluster c
                      WHERE c.clustering_result_id = NEW.clustering_result_id AND c.label = NEW.label
                        AND c.medoid_embedding_id = NEW.medoid_embedding_id AND c.size = NEW.size
                        AND c.persistence IS NEW.persistence);
    INSERT INTO EmbeddingCluster (clustering_result_id, embedding_id, label, probability, outlier_score)
    VALUES (NEW.clustering_result_id, NEW.embedding_id, NEW.label, NEW.probability, NEW.outlier_score);
END;

-- The medoid of each row's cluster; NULL for noise.
CREATE VIEW EmbeddingClusterMedoid AS
SELECT ec.embedding_id, ec.clustering_result_id, c.medoid_embedding_id
FROM EmbeddingCluster ec
LEFT JOIN Cluster c ON c.clustering_result_id = ec.clustering_result_id AND c.label = ec.cluster_label;

-- Each embedding model that has embeddings, and each source that results have rows of: how many (of a source: in results),
-- their dimension (that of one of its vectors), its fits, its results and the one made last (NULL if there is none). Counts
-- by indexes alone, so its cost is a pass over Embedding_embedding_model (of one model's part, with WHERE embedding_model =
-- 'my-model'), and one row a model.
CREATE VIEW EmbeddingModelSummary AS
SELECT e.embedding_model, count(*) AS n_embeddings,
       coalesce((SELECT length(one.vector) / 4 FROM Embedding one
                 WHERE one.embedding_model = e.embedding_model ORDER BY one.created_at LIMIT 1),
                (SELECT s.dimension FROM EmbeddingSource s WHERE s.name = e.embedding_model)) AS dimension,
       (SELECT count(*) FROM ClusteringFit f WHERE f.embedding_model = e.embedding_model) AS n_fits,
       (SELECT count(*) FROM ClusteringResult r WHERE r.embedding_model = e.embedding_model) AS n_results,
       (SELECT max(r.id) FROM ClusteringResult r
        WHERE r.embedding_model = e.embedding_model) AS latest_clustering_result_id
FROM Embedding e
GROUP BY e.embedding_model;

-- Each result: rows, clusters, share of noise, duration in seconds (NULL if it was not recorded).
CREATE VIEW ClusteringSummary AS
SELECT r.id AS clustering_result_id, r.embedding_model, r.algorithm,
       count(ec.embedding_id) AS n_rows,
       (SELECT count(*) FROM Cluster c WHERE c.clustering_result_id = r.id) AS n_clusters,
       count(ec.embedding_id) - count(ec.cluster_label) AS n_noise,
       1.0 - count(ec.cluster_label) * 1.0 / nullif(count(ec.embedding_id), 0) AS noise_share,
       round((julianday(r.completed_at) - julianday(r.started_at)) * 86400.0, 3) AS duration,
       r.parameters, r.clustering_fit_id, r.started_at, r.completed_at
FROM ClusteringResult r
LEFT JOIN EmbeddingCluster ec ON ec.clustering_result_id = r.id
GROUP BY r.id;

-- Each cluster: size (counted), share of its result's rows, its medoid and the medoid's text; and the medoid's key in its
-- source's table (NULL of no source).
CREATE VIEW ClusterSummary AS
SELECT clustering_result_id, label, size, size * 1.0 / max(n_rows) OVER (PARTITION BY clustering_result_id) AS share,
       persistence, medoid_embedding_id, medoid_text, medoid_item_id
FROM (SELECT c.clustering_result_id, c.label, c.persistence, c.medoid_embedding_id,
             coalesce(e.content, i.output_text) AS medoid_text, e.item_id AS medoid_item_id,
             (SELECT count(*) FROM EmbeddingCluster ec
              WHERE ec.clustering_result_id = c.clustering_result_id AND ec.cluster_label = c.label) AS size,
             -- a result's rows are counted for its first cluster alone
             CASE WHEN c.place = 1 THEN (SELECT count(*) FROM EmbeddingCluster ec
                                         WHERE ec.clustering_result_id = c.clustering_result_id) END AS n_rows
      FROM (SELECT *, row_number() OVER (PARTITION BY clustering_result_id ORDER BY label) AS place FROM Cluster) c
      LEFT JOIN Embedding e ON e.id = c.medoid_embedding_id
      LEFT JOIN Invocation i ON i.id = e.invocation_id);

-- How two results place the embeddings they have in common: rows for every pair of labels that occurs. Read it for one
-- pair of results: WHERE clustering_result_id_a = 1 AND clustering_result_id_b = 2.
CREATE VIEW ClusterOverlap AS
SELECT a.clustering_result_id AS clustering_result_id_a, b.clustering_result_id AS clustering_result_id_b,
       a.label AS label_a, b.label AS label_b, count(*) AS size
FROM EmbeddingCluster a
JOIN EmbeddingCluster b ON b.embedding_id = a.embedding_id AND b.clustering_result_id <> a.clustering_result_id
GROUP BY a.clustering_result_id, b.clustering_result_id, a.label, b.label;

-- Each result against its model's embeddings as they are now: how many are not assigned in it, and how many of those came
-- since the embeddings it is made of were selected (n_new). Whatever the result's selection left out on purpose is among
-- n_unassigned; clust_staleness(id) selects again and also sees vectors that changed. created_at is compared as text: write
-- it as its default does. NULL of a source: its table is not read here, but clust_staleness(id) reads it.
CREATE VIEW ClusteringFreshness AS
SELECT clustering_result_id, embedding_model, selected_at, n_embeddings, n_rows,
       n_embeddings - n_rows AS n_unassigned,
       CASE WHEN n_embeddings IS NOT NULL THEN
           (SELECT count(*) FROM Embedding e
            WHERE e.embedding_model = s.embedding_model AND e.created_at > s.selected_at
              AND NOT EXISTS (SELECT 1 FROM EmbeddingCluster ec
                              WHERE ec.embedding_id = e.id AND ec.clustering_result_id = s.clustering_result_id))
       END AS n_new
FROM (SELECT r.id AS clustering_result_id, r.embedding_model,
             -- a cut is made of the embeddings of its fit, that is of the fit's first result
             (SELECT min(coalesce(same.started_at, same.completed_at)) FROM ClusteringResult same
              WHERE same.id = r.id OR same.clustering_fit_id = r.clustering_fit_id) AS selected_at,
             CASE WHEN NOT EXISTS (SELECT 1 FROM EmbeddingSource source WHERE source.name = r.embedding_model)
                  THEN (SELECT count(*) FROM Embedding e WHERE e.embedding_model = r.embedding_model) END AS n_embeddings,
             (SELECT count(*) FROM EmbeddingCluster ec WHERE ec.clustering_result_id = r.id) AS n_rows
      FROM ClusteringResult r) s;

------------------------------------------------------------------------------------------------------------------------
-- Trajectories: runs as sequences of labels. Built of window functions alone, because SQLite takes a condition such as
-- WHERE clustering_result_id = 1 through PARTITION BY to the index, but not through a GROUP BY over a view. (It takes a
-- value or a bound parameter there; a subquery, as in = (SELECT max(id) …), makes it compute every result.) A run's steps
-- that have no embedding in the result are passed over.
------------------------------------------------------------------------------------------------------------------------

-- Each clustered embedding of a run with the label of the one before it in the run, by sequence_number.
CREATE VIEW ClusterTrajectory AS
SELECT ec.clustering_result_id, i.run_id, i.sequence_number, ec.embedding_id, ec.label,
       lag(ec.label) OVER (PARTITION BY ec.clustering_result_id, i.run_id ORDER BY i.sequence_number) AS previous_label
FROM EmbeddingCluster ec
JOIN Embedding e ON e.id = ec.embedding_id
JOIN Invocation i ON i.id = e.invocation_id;

-- How often runs go from one label to the next, -1 being noise, and the share of all steps out of that label.
CREATE VIEW ClusterTransition AS
SELECT clustering_result_id, from_label, to_label, n,
       n * 1.0 / sum(n) OVER (PARTITION BY clustering_result_id, from_label) AS probability
FROM (SELECT DISTINCT clustering_result_id, previous_label AS from_label, label AS to_label,
             count(*) OVER (PARTITION BY clustering_result_id, previous_label, label) AS n
      FROM ClusterTrajectory
      WHERE previous_label IS NOT NULL);

-- Visits: how long runs stay in one label without leaving it. length counts embeddings.
CREATE VIEW ClusterDwell AS
SELECT clustering_result_id, run_id, label, first_sequence_number,
       coalesce(lead(sequence_number_before) OVER visits, last_of_run) AS last_sequence_number,
       coalesce(lead(place) OVER visits, steps + 1) - place AS length
FROM (SELECT clustering_result_id, run_id, label, previous_label, sequence_number AS first_sequence_number,
             lag(sequence_number) OVER run AS sequence_number_before, row_number() OVER run AS place,
             max(sequence_number) OVER whole_run AS last_of_run, count(*) OVER whole_run AS steps
      FROM ClusterTrajectory
      WINDOW whole_run AS (PARTITION BY clustering_result_id, run_id), run AS (whole_run ORDER BY sequence_number))
WHERE label IS NOT previous_label  -- a visit's first step
WINDOW visits AS (PARTITION BY clustering_result_id, run_id ORDER BY first_sequence_number);

-- Each clustered embedding of a run with its milestone: the cluster the run visited last, this embedding's own included.
-- Noise does not end a visit; before the first cluster the milestone is NULL. previous_milestone is that of the embedding
-- before.
CREATE VIEW ClusterMilestone AS
SELECT clustering_result_id, run_id, sequence_number, embedding_id, label, milestone,
       lag(milestone) OVER (PARTITION BY clustering_result_id, run_id ORDER BY sequence_number) AS previous_milestone
FROM (SELECT clustering_result_id, run_id, sequence_number, embedding_id, label,
             -- of the rows since one in a cluster, only that one has a label that is not NULL here
             max(nullif(label, -1)) OVER (PARTITION BY clustering_result_id, run_id, clustered_so_far) AS milestone
      FROM (SELECT clustering_result_id, run_id, sequence_number, embedding_id, label,
                   count(nullif(label, -1)) OVER (PARTITION BY clustering_result_id, run_id ORDER BY sequence_number)
                       AS clustered_so_far
            FROM ClusterTrajectory));

-- As ClusterTransition, of milestones: noise counts as the cluster visited last. move_probability is the share of all moves
-- from that cluster to another; NULL for staying.
CREATE VIEW ClusterMilestoneTransition AS
SELECT clustering_result_id, from_label, to_label, n,
       n * 1.0 / sum(n) OVER origin AS probability,
       iif(from_label <> to_label, n * 1.0 / sum(n) FILTER (WHERE from_label <> to_label) OVER origin, NULL)
           AS move_probability
FROM (SELECT DISTINCT clustering_result_id, previous_milestone AS from_label, milestone AS to_label,
             count(*) OVER (PARTITION BY clustering_result_id, previous_milestone, milestone) AS n
      FROM ClusterMilestone
      WHERE previous_milestone IS NOT NULL)
WINDOW origin AS (PARTITION BY clustering_result_id, from_label);

-- As ClusterDwell, of milestones: a visit lasts until the run's first step in another cluster. length counts embeddings,
-- n_noise those of them that are noise.
CREATE VIEW ClusterMilestoneDwell AS
SELECT clustering_result_id, run_id, label, first_sequence_number,
       coalesce(lead(sequence_number_before) OVER visits, last_of_run) AS last_sequence_number,
       coalesce(lead(place) OVER visits, steps + 1) - place AS length,
       coalesce(lead(noise_before) OVER visits, noise_of_run) - noise_before AS n_noise
FROM (SELECT clustering_result_id, run_id, milestone AS label, previous_milestone,
             sequence_number AS first_sequence_number,
             lag(sequence_number) OVER run AS sequence_number_before, row_number() OVER run AS place,
             max(sequence_number) OVER whole_run AS last_of_run, count(*) OVER whole_run AS steps,
             sum(label = -1) OVER run AS noise_before, sum(label = -1) OVER whole_run AS noise_of_run
      FROM ClusterMilestone
      WINDOW whole_run AS (PARTITION BY clustering_result_id, run_id), run AS (whole_run ORDER BY sequence_number))
WHERE label IS NOT previous_milestone
WINDOW visits AS (PARTITION BY clustering_result_id, run_id ORDER BY first_sequence_number);
