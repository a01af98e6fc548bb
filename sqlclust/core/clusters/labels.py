"""What a label can be. Imports nothing, so that everybody may import it.

Labels are int64 and >= 0. Clusters are numbered from 0, and only for publishing they may get other labels
(`Clustering.renumbered`). What is in no cluster is noise.
"""

NOISE = -1
"""The label of what is in no cluster."""
