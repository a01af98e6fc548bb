"""Other programs that use the file at the same time."""

from __future__ import annotations

import apsw


def published(con: apsw.Connection) -> list[int]:
    return [n for (n,) in con.execute("SELECT n_rows FROM ClusteringSummary ORDER BY clustering_result_id")]
