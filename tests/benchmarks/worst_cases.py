"""What the exact engine takes on data that is hard for it, beside one float32 product of all pairs of the same vectors.

    python -m tests.benchmarks.worst_cases                    # 20,000 × 384, and np.eye(3000)
    python -m tests.benchmarks.worst_cases --rows 5000 --only sphere line

Columns: processor seconds of the product and of a fit (vectors to labels), their ratio, and the processor seconds of the phases.
No data should take more than four products. On a shared machine only the ratios mean anything.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from sqlclust.core import pipeline as hdbscan
from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.core.runtime.control import Control
from sqlclust.core.runtime.threads import single_threaded_blas
from tests.benchmarks.data import embeddings

_BLOCK = 1024


def groups(count: int, spread: float) -> Callable[[int, int, np.random.Generator], Float32Array]:
    """Separated groups: every one's way out is to thousands of vectors at nearly the same distance."""

    def make(n: int, dimension: int, random: np.random.Generator) -> Float32Array:
        centres = random.standard_normal((count, dimension))
        return _float32(centres[random.integers(count, size=n)] + spread * random.standard_normal((n, dimension)))

    return make


def sphere(n: int, dimension: int, random: np.random.Generator) -> Float32Array:
    """All pairs are nearly equally far, and no axis says more than another."""
    return _float32(random.standard_normal((n, dimension)))


def line(n: int, dimension: int, random: np.random.Generator) -> Float32Array:
    """A line with noise in the last bits of the numbers: not normalised."""
    return _float32(np.outer(random.uniform(0, 1000, n), np.ones(dimension)))


def copies(n: int, dimension: int, random: np.random.Generator) -> Float32Array:
    """Nine of ten are copies of a few, and the others nearly."""
    few = random.standard_normal((max(2, n // 100), dimension))
    vectors = few[random.zipf(1.3, n) % len(few)]
    jittered = random.random(n) < 0.1
    vectors[jittered] += 1e-4 * random.standard_normal((int(jittered.sum()), dimension))
    return _float32(vectors)


def far_group(n: int, dimension: int, random: np.random.Generator) -> Float32Array:
    """One group so far away that the others are nearly one point beside it: not normalised."""
    vectors = random.standard_normal((n, dimension))
    vectors[: n // 50] += 1e4
    return _float32(vectors)


def near_copies(n: int, dimension: int, random: np.random.Generator) -> Float32Array:
    """Embeddings, each with three near copies."""
    few = embeddings(max(2, n // 4), dimension, identical=0.0)
    return _float32(np.repeat(few, 4, axis=0) + 0.012 * random.standard_normal((4 * len(few), dimension)))


def real_like(n: int, dimension: int, random: np.random.Generator) -> Float32Array:
    """What text embeddings look like."""
    return embeddings(n, dimension)


def identity(n: int, dimension: int, random: np.random.Generator) -> Float32Array:
    """All pairs are equally far, exactly."""
    return np.eye(3000, dtype=np.float32)


def nearly_identity(n: int, dimension: int, random: np.random.Generator) -> Float32Array:
    """All pairs are equally far, nearly."""
    return _float32(np.eye(3000) + 1e-4 * random.standard_normal((3000, 3000)))


def groups_far_away(n: int, dimension: int, random: np.random.Generator) -> Float32Array:
    """Two times 100 tight groups, so far from each other that float32 products cannot tell the groups: not normalised."""
    vectors = groups(200, 0.05)(n, dimension, random)
    vectors[::2] += 1e4
    return vectors


CASES: dict[str, tuple[Callable[[int, int, np.random.Generator], Float32Array], bool]] = {
    "20 groups": (groups(20, 0.3), True),
    "20 tight groups": (groups(20, 0.05), True),
    "200 tight groups": (groups(200, 0.05), True),
    "2,000 tight groups": (groups(2000, 0.02), True),
    "sphere": (sphere, True),
    "line": (line, False),
    "copies": (copies, True),
    "far group": (far_group, False),
    "near copies": (near_copies, True),
    "embeddings": (real_like, True),
    "groups far away": (groups_far_away, False),
    "identity 3,000": (identity, True),
    "nearly identity": (nearly_identity, True),
}


def _float32(vectors: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> Float32Array:
    return vectors.astype(np.float32)


def product_seconds(vectors: Float32Array) -> float:
    """Processor seconds of the product of all pairs, in blocks, by one thread."""
    out = np.empty((_BLOCK, len(vectors)), dtype=np.float32)
    with single_threaded_blas():
        started = time.process_time()
        for start in range(0, len(vectors), _BLOCK):
            rows = vectors[start : start + _BLOCK]
            np.matmul(rows, vectors.T, out=out[: len(rows)])
        return time.process_time() - started


def fit_seconds(vectors: Float32Array, *, normalize: bool, min_samples: int = 5) -> tuple[float, dict[str, float]]:
    """Processor seconds of a fit by the exact engine, and of each of its phases."""
    phases: dict[str, float] = {}
    latest, since = "", time.process_time()

    def progress(phase: str, fraction: float) -> None:
        nonlocal latest, since
        now = time.process_time()
        phases[latest] = phases.get(latest, 0.0) + now - since
        latest, since = phase, now

    started = time.process_time()
    control = Control(progress)
    fitted = hdbscan.fit(
        vectors, hdbscan.ReachabilityParameters(min_samples, normalize=normalize), control=control, engine="exact"
    )
    hdbscan.cut(fitted, hdbscan.CutParameters(min_samples), control=control)
    phases.pop("", None)
    return time.process_time() - started, phases


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--min-samples", type=int, default=5, help="also min_cluster_size")
    parser.add_argument("--only", nargs="*", choices=CASES)
    given = parser.parse_args()
    fit_seconds(embeddings(2000, 32), normalize=True)  # imports
    print(f"{given.rows:,} × {given.dimension}, min_samples {given.min_samples}")
    print(f"{'':20}{'product s':>10}{'fit s':>9}{'ratio':>8}   phases")
    for name, (make, normalize) in CASES.items():
        if given.only and name not in given.only:
            continue
        vectors = make(given.rows, given.dimension, np.random.default_rng(0))
        product = product_seconds(vectors)
        seconds, phases = fit_seconds(vectors, normalize=normalize, min_samples=given.min_samples)
        shown = ", ".join(f"{phase} {took:.1f}" for phase, took in phases.items())
        print(f"{name:20}{product:10.2f}{seconds:9.2f}{seconds / product:8.1f}   {shown}", flush=True)


if __name__ == "__main__":
    main()
