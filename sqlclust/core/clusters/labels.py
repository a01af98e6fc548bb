"""What a label can be. Imports nothing, so that everybody may import it.

Labels are int64 and number the clusters of a result from 0. What is in no cluster is noise.
"""

NOISE = -1
"""The label of what is in no cluster."""
