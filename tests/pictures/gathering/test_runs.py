"""Runs as steps, against a plain walk; and which are left out."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlclust.pictures.gathering import runs as room
from sqlclust.pictures.gathering.runs import scene_runs
from sqlclust.pictures.scene import SceneRuns
from sqlclust.store.results.trajectories import Milestone


def of(*runs: list[int]) -> tuple[SceneRuns | None, list[list[int]]]:
    """The scene of runs of labels, and the rows that each has."""
    steps, rows, row = [], [], 0
    for number, labels in enumerate(runs):
        milestone = None
        rows.append([*range(row, row + len(labels))])
        for place, label in enumerate(labels):
            milestone = label if label >= 0 else milestone
            steps.append(Milestone(f"r{number}", 10 * place, f"e{row}", label, milestone))
            row += 1
    return scene_runs(iter(steps), {f"e{place}": place for place in range(row)}), rows


@given(
    st.lists(st.lists(st.integers(-1, 3), min_size=1, max_size=6), max_size=12), st.integers(1, 5), st.integers(1, 20)
)
def test_the_longest_are_shown_and_all_are_counted(runs: list[list[int]], most: int, steps: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "MOST_RUNS", most)
        patch.setattr(room, "MOST_STEPS", steps)
        found, rows = of(*runs)
    if all(len(run) < 2 for run in runs):
        assert found is None
        return
    assert found is not None
    shown = [int(str(run_id)[1:]) for run_id in found.run_ids]
    assert shown == sorted(shown)
    assert 1 <= len(shown) <= most
    assert len(shown) + found.n_hidden == len(runs)
    others = [len(run) for number, run in enumerate(runs) if number not in shown]
    assert min(len(runs[number]) for number in shown) >= max(others, default=0)
    assert len(shown) == 1 or sum(len(runs[number]) for number in shown) <= steps
    for place, number in enumerate(shown):
        part = slice(found.starts[place], found.starts[place + 1])
        assert found.rows[part].tolist() == rows[number]
        assert found.sequence_numbers[part].tolist() == [10 * step for step in range(len(runs[number]))]
    moves: Counter[tuple[int, int]] = Counter()
    for run in runs:
        visited = [label for label in run if label >= 0]
        moves.update((a, b) for a, b in pairwise(visited) if a != b)
    assert {(a, b): count for a, b, count in found.transitions} == moves
    counts = [count for _, _, count in found.transitions]
    assert counts == sorted(counts, reverse=True)
