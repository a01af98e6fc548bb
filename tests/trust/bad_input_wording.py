"""What messages on bad input end with."""

from __future__ import annotations

NAN, INF = float("nan"), float("inf")

# --- what messages end with ------------------------------------------------------------------------------------

NO_BLOB = "expected a BLOB of little-endian float32 (clust_vector makes one from JSON)"
NO_DIRECTION = (
    "is a zero vector, which has no direction: expected a vector that can be normalised "
    "(leave it out, or use metric euclidean with normalize false)"
)
CUT_OPTIONS = (
    "min_cluster_size, cluster_selection_epsilon, cluster_selection_method, cluster_selection_persistence, max_cluster_size, "
    "allow_single_cluster"
)
ALL_OPTIONS = f"{CUT_OPTIONS}, min_samples, alpha, metric, normalize, engine, downsample, seed"
FROM_1 = "expected a whole number of at least 1 and at most 2147483647"
CONDITION = "expected one SQL condition on columns of Embedding"
