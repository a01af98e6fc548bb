"""Labels that stay: clusters that match those of an earlier labelling keep the labels that these have there."""

from __future__ import annotations

from sqlclust.core.labellings.lineage import Int64Array, Overlap, lineage
from sqlclust.core.runtime.control import Control


def stable_labels(
    overlap: Overlap, earlier: Int64Array, clusters: Int64Array, next_label: int, control: Control | None = None
) -> list[int]:
    """What the clusters of a labelling are to be called, so that those that were there before keep their labels.

    Those that `lineage` matches with an earlier cluster get that one's label. All others are new: they get `next_label` and those
    after it, in the order of their labels now.

    Args:
        overlap: of the earlier labelling (a) and this one (b).
        earlier: int64, the clusters of the earlier one, if they have things in common or not.
        clusters: int64 (n_clusters,), those of this one, ascending.
        next_label: above every label that must not come again, those of `earlier` among them.

    Returns:
        A label for each of `clusters`, all different.

    Cost: as `lineage`.
    """
    events = lineage(overlap, earlier, clusters, control)
    kept = {row.label_b: row.label_a for row in events if row.event == "match"}
    found: list[int] = []
    for cluster in clusters.tolist():
        label = kept.get(cluster)
        found.append(next_label if label is None else label)
        next_label += label is None
    return found
