"""A file with several things wrong in it."""

from __future__ import annotations

import hashlib
from pathlib import Path

WRONG = (
    "UPDATE Cluster SET size = 77 WHERE clustering_result_id = 2; DELETE FROM Cluster WHERE clustering_result_id = 1;"
    "DELETE FROM EmbeddingPrediction"
)
"""Two findings: a wrong size, which is repaired, and labels without a cluster, which are not."""


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
