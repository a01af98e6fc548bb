"""What is looked at of a stored fit, and how."""

from __future__ import annotations

import json
from typing import Any

import apsw

LABELS = "SELECT id, label, probability, outlier_score, medoid_id, cluster_size, persistence FROM clust_labels(?, ?)"
SWEEP = "SELECT * FROM clust_sweep(?, ?)"
TREE = "SELECT *, parent_label FROM clust_condensed_tree(?, ?)"


def rows(con: apsw.Connection, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """The rows of a statement; objects among its values are passed as JSON."""
    bound = tuple(json.dumps(value) if isinstance(value, dict) else value for value in values)
    return con.execute(sql, bound).fetchall()
