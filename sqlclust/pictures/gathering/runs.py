"""Runs as a picture shows them: the longest, each as its steps; and how often one cluster follows another, of all."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import groupby
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from sqlclust.errors import Id
from sqlclust.pictures.scene import SceneRuns
from sqlclust.store.results.trajectories import Milestone

MOST_RUNS, MOST_STEPS = 200, 100_000
"""Runs that are shown, and steps of them all together."""


def scene_runs(steps: Iterable[Milestone], row_of: Mapping[Id, int]) -> SceneRuns | None:
    """The runs of a result; None if it has none of more than one step.

    Args:
        steps: run by run, each in the order of sequence_number.
        row_of: the row of each embedding.

    Returns:
        Those with the most steps, of as many the first, in the order in which they came.

    Cost: O(steps), 12 bytes each.
    """
    counted: Counter[tuple[int, int]] = Counter()
    run_ids: list[Id] = []
    starts, numbers, rows = array("q", [0]), array("q"), array("i")
    for run_id, of_run in groupby(steps, key=attrgetter("run_id")):
        before = None
        for step in of_run:
            numbers.append(step.sequence_number)
            rows.append(row_of[step.embedding_id])
            if before is not None and step.milestone is not None and step.milestone != before:
                counted[before, step.milestone] += 1
            before = step.milestone
        run_ids.append(run_id)
        starts.append(len(rows))
    bounds = np.array(starts, dtype=np.int64)
    lengths = np.diff(bounds)
    if not (lengths > 1).any():
        return None
    shown = _longest(lengths)
    places = np.concatenate([np.arange(bounds[run], bounds[run + 1]) for run in shown])
    transitions = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return SceneRuns(
        run_ids=[run_ids[run] for run in shown],
        starts=np.concatenate([[0], np.cumsum(lengths[shown])]).astype(np.int64),
        sequence_numbers=np.array(numbers, dtype=np.int64)[places],
        rows=np.array(rows, dtype=np.int32)[places],
        n_hidden=len(run_ids) - len(shown),
        transitions=[(before, after, count) for (before, after), count in transitions],
    )


def _longest(lengths: NDArray[np.int64]) -> list[int]:
    """Which runs are shown, ascending; at least one."""
    order = np.argsort(-lengths, kind="stable")[:MOST_RUNS]
    n_shown = max(1, int((np.cumsum(lengths[order]) <= MOST_STEPS).sum()))
    return sorted(order[:n_shown].tolist())
