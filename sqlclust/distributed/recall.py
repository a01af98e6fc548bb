"""The recall of a fit in shards: a sample of vectors, as `core.neighbors.brute_force` draws it, against all, by the workers."""

from __future__ import annotations

import numpy as np

from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.core.neighbors.brute_force import recall_sample
from sqlclust.distributed import asking
from sqlclust.distributed.division import shard_sizes
from sqlclust.distributed.merging import merged_path
from sqlclust.distributed.numbering import read_copies
from sqlclust.distributed.plan import read_plan
from sqlclust.distributed.spool import SpoolFile
from sqlclust.distributed.tasks import Task
from sqlclust.distributed.ways_out import Run

_NAME = "recall"


def measured_recall(spool: str, run: Run) -> float:
    """Share of the min_samples nearest neighbours that were found, of a sample: 0..1."""
    plan, distinct = read_plan(spool), read_copies(spool).distinct
    k = min(plan.min_samples, distinct - 1)
    sample = recall_sample(distinct, plan.seed)
    having = asking.ask_for(spool, _NAME, sample)
    run([Task(f"pick {_NAME} {s}", asking.pick, (_NAME, s), (asking.picked_path(spool, _NAME, s),)) for s in having])
    run([Task(f"collect {_NAME}", asking.collect, (_NAME,), (asking.asking_path(spool, _NAME),), local=True)])
    shards = range(len(shard_sizes(spool)))
    answers = [asking.answer_path(spool, _NAME, s) for s in shards]
    run([Task(f"{_NAME} {s}", asking.nearest, (_NAME, s, k), (answers[s],)) for s in shards])
    found = []
    for answer in answers:
        with SpoolFile(answer) as file:
            found.append(file.array("squared"))
    farthest = np.partition(np.concatenate(found, axis=1), k - 1, axis=1)[:, k - 1 : k]
    listed = _listed(spool, asking.read_asking(spool, _NAME).numbers.astype(np.int64), k)
    return float((listed <= farthest * np.float32(1.00001)).mean())


def _listed(spool: str, numbers: np.ndarray[tuple[int], np.dtype[np.int64]], k: int) -> Float32Array:
    """(q, k), the squared distances that some vectors' lists have."""
    plan, distinct = read_plan(spool), read_copies(spool).distinct
    bounds = np.array(plan.owner_bounds(distinct))
    result = np.empty((len(numbers), k), dtype=np.float32)
    of_range = np.searchsorted(bounds, numbers, side="right") - 1
    for number in np.unique(of_range).tolist():
        rows = np.flatnonzero(of_range == number)
        with SpoolFile(merged_path(spool, number)) as file:
            result[rows] = file.array("squared")[numbers[rows] - bounds[number], :k]
    return result
