-- Runs are sequences of invocations; clusters turn them into trajectories. Run it with:
--     sqlclust init trajectories.db && sqlclust shell trajectories.db < examples/04_trajectories.sql

-- Four runs of 25 steps each. Each run drifts through three places and stays at the last.
INSERT INTO Run (id, initial_prompt)
VALUES ('run-a', 'a cat'), ('run-b', 'a dog'), ('run-c', 'a fish'), ('run-d', 'a bird');

INSERT INTO Invocation (id, run_id, sequence_number, type, output_text)
WITH RECURSIVE step(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM step WHERE n < 24)
SELECT Run.id || '-' || n, Run.id, n, 'text', CASE WHEN n < 8 THEN 'start' WHEN n < 14 THEN 'middle' ELSE 'end' END
FROM Run, step;

INSERT INTO Embedding (id, invocation_id, embedding_model, vector)
SELECT 'e-' || id, id, 'toy',
       clust_vector(json_array(
           10 * (output_text = 'start') + sin(rowid * 1.7),
           10 * (output_text = 'middle') + sin(rowid * 2.3),
           10 * (output_text = 'end') + sin(rowid * 3.1)))
FROM Invocation;

SELECT clust_fit('toy', '{"min_cluster_size": 8}') AS clustering_result_id;

-- What the clusters are.
SELECT label, size, medoid_text FROM ClusterSummary WHERE clustering_result_id = 1 ORDER BY label;

-- How often runs go from one cluster to the next (−1 is noise).
SELECT from_label, to_label, n, round(probability, 3) AS probability
FROM ClusterTransition WHERE clustering_result_id = 1
ORDER BY from_label, to_label;

-- How long they stay: the longest visit of each run.
SELECT run_id, label, first_sequence_number, last_sequence_number, max(length) AS length
FROM ClusterDwell WHERE clustering_result_id = 1
GROUP BY run_id;

-- Another model of the same steps, in which the middle is all over the place: noise. Runs leave their cluster for noise.
INSERT INTO Embedding (id, invocation_id, embedding_model, vector)
SELECT 'f-' || id, id, 'restless',
       clust_vector(CASE output_text
           WHEN 'start' THEN json_array(9, sin(rowid * 2.3), sin(rowid * 3.1))
           WHEN 'end' THEN json_array(sin(rowid * 1.7), sin(rowid * 2.3), 9)
           ELSE json_array(sin(rowid * 12.9), -1 - sin(rowid * 7.7), sin(rowid * 41.3)) END)
FROM Invocation;
SELECT clust_fit('restless', '{"min_cluster_size": 20}') AS clustering_result_id;
SELECT label, first_sequence_number, last_sequence_number, length
FROM ClusterDwell WHERE clustering_result_id = 2 AND run_id = 'run-a';

-- A milestone is the cluster visited last. Noise does not end a visit; the next cluster does.
SELECT label, first_sequence_number, last_sequence_number, length, n_noise
FROM ClusterMilestoneDwell WHERE clustering_result_id = 2 AND run_id = 'run-a';
SELECT from_label, to_label, n, round(probability, 3) AS probability, move_probability
FROM ClusterMilestoneTransition WHERE clustering_result_id = 2
ORDER BY from_label, to_label;
