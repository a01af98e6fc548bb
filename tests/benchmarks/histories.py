"""What becomes of an approximate fit that is brought up to date again and again, beside a fresh one and the exact one.

    python -m tests.benchmarks.histories                     # 15,000 × 384, ten updates of 1 %
    python -m tests.benchmarks.histories --rows 3750 --near-copies 3 --min-samples 5
    python -m tests.benchmarks.histories --share 0.05

In turn so large a share of the rows is added, removed or replaced. Columns: processor seconds of the update as a share of a fresh
fit's; of the updated fit its recall, the share of its tree that is confirmed, and its labels' ARI to the exact ones; and the same
three of a fresh approximate fit.
"""

from __future__ import annotations

import argparse

import numpy as np

from sqlclust.core.geometry.metrics import Float32Array
from sqlclust.core.labellings.agreement import adjusted_rand_index
from sqlclust.core.pipeline import CutParameters, Fit, ReachabilityParameters, cut
from sqlclust.core.runtime.control import Control
from sqlclust.core.update.updating import Refusal, old_fit
from tests.benchmarks.data import embeddings, near_copies
from tests.benchmarks.living import follow, fresh

CHANGES = ("added", "removed", "replaced")


def labels(fitted: Fit, min_cluster_size: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """int64 (n,), the labels of a fit's rows."""
    return cut(fitted, CutParameters(min_cluster_size), control=Control()).labels.astype(np.int64)


def quality(fitted: Fit, exact: Fit, min_cluster_size: int) -> str:
    """Three columns."""
    agreement = adjusted_rand_index(labels(fitted, min_cluster_size), labels(exact, min_cluster_size))
    return f"{fitted.recall:8.4f}{fitted.tree_confirmed:7.2f}{agreement:7.3f}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=15_000)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--near-copies", type=int, default=0, help="of each vector, so that there are more rows")
    parser.add_argument("--share", type=float, default=0.01)
    parser.add_argument("--updates", type=int, default=10)
    parser.add_argument(
        "--every", type=int, default=5, help="after so many updates there are a fresh and an exact fit too"
    )
    parser.add_argument("--min-samples", type=int, default=14)
    parser.add_argument("--min-cluster-size", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    random = np.random.default_rng(given.seed)
    parameters = ReachabilityParameters(given.min_samples, normalize=True)
    pool = _pool(given.rows, given)
    n = len(pool) // 2
    step = max(1, round(n * given.share))
    rows = np.arange(n)
    fresh(pool[: n // 8], parameters, "approximate")  # libraries are loaded
    fitted, took = fresh(pool[rows], parameters, "approximate")
    exact, exactly = fresh(pool[rows], parameters)
    print(f"{n:,} × {given.dimension}: an approximate fit {took:.2f} s, an exact one {exactly:.2f} s")
    print(f"{'':14}{'ratio':>8}{'recall':>8}{'tree':>7}{'ARI':>7}   {'fresh':>5}")
    print(f"{'at first':14}{'':8}{quality(fitted, exact, given.min_cluster_size)}")
    later = n
    for number in range(1, given.updates + 1):
        change = CHANGES[(number - 1) % len(CHANGES)]
        stays = np.ones(len(rows), dtype=bool)
        if change != "added":
            stays[random.choice(len(rows), step, replace=False)] = False
        new = np.arange(later, later + step) if change != "removed" else rows[:0]
        later += len(new)
        rows = np.concatenate([rows[stays], new])
        result, seconds = follow(fitted, old_fit(fitted, parameters), pool[rows], parameters)
        if isinstance(result, Refusal):
            print(f"{number:2} {change:11}{result.reason}")
            return
        fitted = result
        said = f"{fitted.recall:8.4f}{fitted.tree_confirmed:7.2f}"
        if number % given.every == 0 or number == given.updates:
            anew, took = fresh(pool[rows], parameters, "approximate")
            exact, _ = fresh(pool[rows], parameters)
            said = f"{quality(fitted, exact, given.min_cluster_size)}{quality(anew, exact, given.min_cluster_size)}"
        print(f"{number:2} {change:11}{seconds / took:8.1%}{said}", flush=True)


def _pool(rows: int, given: argparse.Namespace) -> Float32Array:
    """Twice as many rows as a set has, in no order."""
    vectors = embeddings(2 * rows, given.dimension, seed=given.seed, identical=0.0 if given.near_copies else 0.05)
    return near_copies(vectors, given.near_copies, seed=given.seed)


if __name__ == "__main__":
    main()
