"""Scenes to draw, made of nothing: blobs on a map, a tree that fits them, a sweep, runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from sqlclust.errors import Id
from sqlclust.pictures.scene import (
    NearCluster,
    Scene,
    SceneCluster,
    ScenePoints,
    SceneRuns,
    SceneSweep,
    SceneTree,
    SweptCut,
)

WORDS = [
    "river", "mountain", "forest", "garden", "window", "kitchen", "letter", "engine", "signal", "harbour", "winter",
    "market", "bridge", "station", "candle", "music", "paper", "silver", "island", "travel", "doctor", "teacher",
    "history", "science", "football", "orchestra", "museum", "vaccine", "election", "climate", "budget", "galaxy",
    "recipe", "novel", "theatre", "railway", "insurance", "password", "database", "compiler", "festival", "vineyard",
    "glacier", "desert", "lantern", "harvest", "pottery", "violin", "chess", "marathon", "archive", "bicycle",
    "telescope", "umbrella", "volcano", "meadow", "lighthouse",
]  # fmt: skip
SHORTEST = 4
"""The smallest cluster."""


@dataclass
class _Tree:
    """The rows of a tree that is being made."""

    parent: list[int] = field(default_factory=list)
    birth: list[float] = field(default_factory=list)
    death: list[float] = field(default_factory=list)
    size: list[int] = field(default_factory=list)
    label: list[int] = field(default_factory=list)
    left: list[float] = field(default_factory=list)
    steps: list[list[tuple[float, int]]] = field(default_factory=list)


def scene(
    n: int = 500,
    n_clusters: int = 5,
    *,
    seed: int = 0,
    texts: bool | Sequence[str | None] = True,
    ids: Sequence[Id] | None = None,
    has_map: bool = True,
    has_tree: bool = True,
    has_sweep: bool = True,
    n_runs: int = 0,
    missing: Sequence[str] = (),
    title: str = "sentences: result 1",
) -> Scene:
    """A scene of n rows in clusters of falling sizes; about a sixth of the rows are noise."""
    random = np.random.default_rng(seed)
    sizes = _sizes(n - n // 6, n_clusters, random)
    labels = np.concatenate([np.full(n - sizes.sum(), -1), np.repeat(np.arange(n_clusters), sizes)]).astype(np.int32)
    random.shuffle(labels)
    centres = _centres(sizes, random)
    xy, depth = _spread(labels, centres, sizes, random)
    probabilities = np.where(labels < 0, 0.0, np.clip(1.15 - 0.35 * depth, 0.02, 1.0))
    terms = [_terms(number) if texts else () for number in range(n_clusters)]
    said = _texts(labels, terms, random) if texts is True else list(texts) if texts else None
    return Scene(
        result={
            "id": 1, "embedding_model": "sentences", "algorithm": "hdbscan", "n_rows": n, "n_clusters": n_clusters,
            "n_noise": int((labels < 0).sum()), "noise_share": float((labels < 0).mean()) if n else 0.0, "duration": 1.5,
            "engine": "exact", "recall": None, "completed_at": "2026-11-28T18:00:00Z",
            "parameters": {"min_cluster_size": 10, "min_samples": 5, "cluster_selection_method": "eom"},
            "fit": {"metric": "euclidean", "normalize": 1, "dimension": 384, "n_distinct": n},
        },
        title=title,
        clusters=_clusters(labels, probabilities, centres, terms),
        points=ScenePoints(
            ids=list(range(1, n + 1)) if ids is None else ids,
            labels=labels,
            probabilities=probabilities,
            outlier_scores=np.where(labels < 0, 0.5 + 0.5 * random.random(n), 0.1),
            xy=xy if has_map else None,
            map_method="t-SNE" if has_map else "",
            no_map="" if has_map else "The fit keeps no neighbours, and its vectors are gone.",
            texts=said,
        ),
        tree=_tree(sizes, n, random) if has_tree else None,
        sweep=_sweep(n, n_clusters) if has_sweep else None,
        runs=_runs(labels, n_runs, random) if n_runs else None,
        missing=missing,
    )  # fmt: skip


def _sizes(n: int, n_clusters: int, random: np.random.Generator) -> Any:
    if not n_clusters:
        return np.zeros(0, np.int64)
    weights = random.pareto(1.5, n_clusters) + 0.3
    return np.sort(np.maximum(SHORTEST, (n * weights / weights.sum()).astype(int)))[::-1]


def _centres(sizes: Any, random: np.random.Generator) -> Any:
    """Places that lie apart, the large ones in the middle."""
    golden = np.pi * (3 - np.sqrt(5))
    reach = np.sqrt(np.cumsum(sizes) + sizes.sum() * 0.05) if len(sizes) else np.zeros(0)
    turn = np.arange(len(sizes)) * golden + random.normal(0, 0.15, len(sizes))
    return np.stack([np.cos(turn) * reach, np.sin(turn) * reach], axis=1)


def _spread(labels: Any, centres: Any, sizes: Any, random: np.random.Generator) -> Any:
    """Where each row is, and how far from the middle of its cluster."""
    n = len(labels)
    offsets = random.normal(0, 1, (n, 2))
    extent = float(np.sqrt(max(1, sizes.sum())) * 1.1)
    xy = random.uniform(-extent, extent, (n, 2))
    inside = labels >= 0
    xy[inside] = centres[labels[inside]] + offsets[inside] * 0.32 * np.sqrt(sizes[labels[inside]])[:, None]
    return xy.astype(np.float32), np.linalg.norm(offsets, axis=1)


def _terms(number: int) -> tuple[str, ...]:
    first = WORDS[number % len(WORDS)]
    others = [WORDS[(number * 7 + step * 11 + 3) % len(WORDS)] for step in range(4)]
    return tuple(dict.fromkeys((first if number < len(WORDS) else f"{first} {others[0]}", *others)))


def _texts(labels: Any, terms: Sequence[Sequence[str]], random: np.random.Generator) -> list[str | None]:
    fillers = [
        "the", "of", "and", "a", "in", "to", "about", "with", "from", "over", "near",
        "this", "that", "old", "new", "small", "large",
    ]  # fmt: skip
    texts: list[str | None] = []
    picks = random.integers(0, 1 << 30, (len(labels), 10))
    for row, label in enumerate(labels):
        own = terms[label] if label >= 0 else WORDS
        words = [
            own[pick % len(own)] if at % 3 == 1 else fillers[pick % len(fillers)] for at, pick in enumerate(picks[row])
        ]
        texts.append(f"{' '.join(words).capitalize()}, number {row}.")
    return texts


def _clusters(labels: Any, probabilities: Any, centres: Any, terms: Sequence[Sequence[str]]) -> list[SceneCluster]:
    clusters = []
    for label in range(len(centres)):
        rows = np.nonzero(labels == label)[0]
        best = rows[np.argsort(-probabilities[rows], kind="stable")]
        distance = np.linalg.norm(centres - centres[label], axis=1)
        near = [other for other in np.argsort(distance, kind="stable") if other != label][:5]
        clusters.append(
            SceneCluster(
                label=label,
                size=len(rows),
                share=len(rows) / len(labels),
                persistence=round(0.9 / (label + 2), 4),
                medoid=int(best[0]),
                terms=terms[label],
                exemplars=[int(row) for row in best[:6]],
                near=[NearCluster(int(other), float(distance[other] / 100)) for other in near],
                colour=label % 8,
            )
        )
    return sorted(clusters, key=lambda cluster: (-cluster.size, cluster.label))


def _tree(sizes: Any, n: int, random: np.random.Generator) -> SceneTree:
    tree = _Tree()
    _grow(tree, parent=-1, clusters=[int(label) for label in random.permutation(len(sizes))], sizes=sizes,
          place=(n, 0.0, 0.5), random=random)  # fmt: skip
    starts = np.cumsum([0, *map(len, tree.steps)])
    flat = [step for steps in tree.steps for step in steps]
    return SceneTree(
        parent=np.array(tree.parent, np.int32),
        birth=np.array(tree.birth),
        death=np.array(tree.death),
        size=np.array(tree.size, np.int32),
        label=np.array(tree.label, np.int32),
        left=np.array(tree.left),
        right=np.array(tree.left) + np.array(tree.size) / max(1, n),
        step_starts=starts.astype(np.int64),
        step_lambda=np.array([step[0] for step in flat]),
        step_size=np.array([step[1] for step in flat], np.int32),
        n_hidden=3 if len(sizes) > 10 else 0,
    )


def _grow(
    tree: _Tree,
    *,
    parent: int,
    clusters: list[int],
    sizes: Any,
    place: tuple[int, float, float],
    random: np.random.Generator,
) -> None:
    size, left, birth = place
    number = len(tree.parent)
    split = len(clusters) > 1
    death = birth * (1 + random.exponential(0.25 if split else 0.9) + 0.05)
    halves = (clusters[: len(clusters) // 2], clusters[len(clusters) // 2 :]) if split else ()
    below = [int(sum(sizes[label] for label in half)) for half in halves]
    left_over = size - sum(below)
    at = [birth + (death - birth) * step / 6 for step in range(6)]
    tree.parent.append(parent)
    tree.birth.append(birth)
    tree.death.append(death)
    tree.size.append(size)
    tree.label.append(clusters[0] if len(clusters) == 1 else -1)
    tree.left.append(left)
    tree.steps.append([(where, size - left_over * step // 6) for step, where in enumerate(at)])
    within = left + left_over / 2 / max(1, tree.size[0])  # what leaves, leaves on both sides alike
    for half, rows in zip(halves, below, strict=True):
        _grow(tree, parent=number, clusters=half, sizes=sizes, place=(rows, within, death), random=random)
        within += rows / max(1, tree.size[0])


def _sweep(n: int, n_clusters: int) -> SceneSweep:
    tried = [size for size in (2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 200) if size <= max(10, n // 2)]
    cuts = [
        SweptCut(
            min_cluster_size=size,
            n_clusters=max(1, round(n_clusters * (10 / size) ** 0.9)),
            noise_share=min(0.9, 0.08 + 0.03 * abs(np.log(size / 10)) ** 1.5 + 0.08),
            largest_share=min(0.9, 0.1 * (size / 10) ** 0.4),
        )
        for size in tried
    ]
    return SceneSweep(cuts=cuts, stored=10)


def _runs(labels: Any, n_runs: int, random: np.random.Generator) -> SceneRuns:
    lengths = random.integers(8, 40, n_runs)
    rows: list[int] = []
    for length in lengths:
        row = int(random.integers(0, len(labels)))
        for _ in range(length):
            rows.append(row)
            if random.random() < 0.4:
                row = int(random.integers(0, len(labels)))
    pairs: dict[tuple[int, int], int] = {}
    starts = np.cumsum([0, *lengths])
    for run in range(n_runs):
        visited = [int(labels[row]) for row in rows[starts[run] : starts[run + 1]] if labels[row] >= 0]
        for before, after in pairwise(visited):
            if before != after:
                pairs[before, after] = pairs.get((before, after), 0) + 1
    return SceneRuns(
        run_ids=[f"run {number + 1}" for number in range(n_runs)],
        starts=starts.astype(np.int64),
        sequence_numbers=np.concatenate([np.arange(length) for length in lengths]).astype(np.int64),
        rows=np.array(rows, np.int32),
        n_hidden=0,
        transitions=sorted(((*pair, count) for pair, count in pairs.items()), key=lambda each: (-each[2], each[:2])),
    )
