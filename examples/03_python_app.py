"""An app that owns its APSW connection and its own tables, and adds clustering to them.

Run it with:  python examples/03_python_app.py
"""

from __future__ import annotations

import apsw
import numpy as np

import sqlclust


def main() -> None:
    # the app's own connection, settings and tables: register() adds functions and touches nothing else
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE note (note_id TEXT PRIMARY KEY, body TEXT, embedding BLOB)")
    rng = np.random.default_rng(7)
    topics = rng.normal(size=(3, 16))
    for number in range(90):
        topic = number % 3
        vector = (topics[topic] + 0.1 * rng.normal(size=16)).astype("<f4")
        connection.execute(
            "INSERT INTO note VALUES (?, ?, ?)", (f"note-{number:02}", f"about topic {topic}", vector.tobytes())
        )
    sqlclust.register(connection)

    # 1. straight from the app's table: nothing of sqlclust's has to be in the file
    groups = connection.execute(
        """
        SELECT c.label, count(*), n.body
        FROM clust_hdbscan((SELECT clust_points(note_id, embedding) FROM note), :options) c
        JOIN note n ON n.note_id = c.medoid_id
        WHERE c.label >= 0
        GROUP BY c.label
        """,
        {"options": '{"min_cluster_size": 10}'},
    ).fetchall()
    for label, size, body in groups:
        print(f"cluster {label}: {size} notes {body}")

    # 2. with the schema, results stay, and the database guards them
    sqlclust.initialize(connection)
    connection.execute(
        "INSERT INTO Embedding (id, embedding_model, vector, content) SELECT note_id, 'notes', embedding, body FROM note"
    )
    try:
        result_id = sqlclust.fit(connection, "notes", min_cluster_size=10, downsample=2)
    except sqlclust.SqlclustError as error:
        raise SystemExit(f"clustering failed, nothing was written: {error}") from error
    summary = "SELECT n_rows, n_clusters, n_noise FROM ClusteringSummary WHERE clustering_result_id = ?"
    print("result", result_id, connection.execute(summary, (result_id,)).fetchone())

    # 3. arrays only, no database
    vectors = np.stack([np.frombuffer(blob, "<f4") for (blob,) in connection.execute("SELECT embedding FROM note")])
    print("labels", np.unique(sqlclust.hdbscan(vectors, min_cluster_size=10).labels))


if __name__ == "__main__":
    main()
