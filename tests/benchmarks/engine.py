"""All engines side by side in one run, each in a process of its own.

    python -m tests.benchmarks.engine                                  # 14,160 × 384
    python -m tests.benchmarks.engine --rows 141600 --skip hdbscan sklearn     # they take hours there
    python -m tests.benchmarks.engine --vectors real.npy --min-samples 14
    python -m tests.benchmarks.engine --near-copies 7 --rows 5000 --identical 0 --min-samples 5 --min-cluster-size 15
    python -m tests.benchmarks.engine --rows 100000 --dimension 768 --identical 0.15 --min-samples 15 --only approximate

Columns: seconds cold (first call in a process: imports, compiling) and warm (least of the later ones), processor seconds warm,
peak memory in units of the vectors (they are included, the interpreter is not), clusters, noise share, ARI to the exact
engine's labels, recall of the neighbours, and the share of a sample of vectors that see no lighter edge than the tree has
(`sqlclust/core/tree/confirmation.py`). The product is one float32 n × n matrix product in blocks, nothing kept: what brute force
cannot beat. On a shared machine only processor seconds, and ratios within one run, mean anything.

The whole way from an SQLite file to committed rows is measured by `tests.benchmarks.database`. On 2 cores of an Intel Xeon
(Sapphire Rapids), otherwise idle, 1,416,000 × 768 take the approximate engine 18 times as long as 100,000 × 768 (185 s there
to 10.3 s by the last command here, from array to labels, both the first fit of a process), that is n^1.09; 784,692 × 384
take 69 s.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.geometry.metrics import Float32Array
from tests.benchmarks.data import embeddings, near_copies
from tests.benchmarks.memory import peak

Labels = NDArray[np.int64]
Run = Callable[[Float32Array, int, int], tuple[Labels | None, dict[str, float]]]

_BLOCK = 1024


def product(vectors: Float32Array, min_samples: int, min_cluster_size: int) -> tuple[None, dict[str, float]]:
    out = np.empty((_BLOCK, len(vectors)), dtype=np.float32)
    for start in range(0, len(vectors), _BLOCK):
        rows = vectors[start : start + _BLOCK]
        np.matmul(rows, vectors.T, out=out[: len(rows)])
    return None, {}


def _ours(engine: Any) -> Run:
    def run(vectors: Float32Array, min_samples: int, min_cluster_size: int) -> tuple[Labels, dict[str, float]]:
        from sqlclust.core import pipeline as hdbscan
        from sqlclust.core.runtime.control import Control

        control = Control()
        fitted = hdbscan.fit(
            vectors, hdbscan.ReachabilityParameters(min_samples, normalize=True), control=control, engine=engine
        )
        labels = hdbscan.cut(fitted, hdbscan.CutParameters(min_cluster_size), control=control).labels
        return labels, {"recall": fitted.recall, "tree": fitted.tree_confirmed, **control.seconds}

    return run


def hdbscan(vectors: Float32Array, min_samples: int, min_cluster_size: int) -> tuple[Labels, dict[str, float]]:
    import hdbscan as peer

    model = peer.HDBSCAN(min_cluster_size=min_cluster_size, min_samples=min_samples, core_dist_n_jobs=-1)
    return model.fit(vectors).labels_.astype(np.int64), {}


def sklearn(vectors: Float32Array, min_samples: int, min_cluster_size: int) -> tuple[Labels, dict[str, float]]:
    from sklearn.cluster import HDBSCAN

    # scikit-learn counts the point itself
    model = HDBSCAN(min_cluster_size=min_cluster_size, min_samples=min_samples + 1, n_jobs=-1, copy=False)
    return model.fit(vectors).labels_.astype(np.int64), {}


def fast_hdbscan(vectors: Float32Array, min_samples: int, min_cluster_size: int) -> tuple[Labels, dict[str, float]]:
    peer = importlib.import_module("fast_hdbscan")  # optional

    model = peer.HDBSCAN(min_cluster_size=min_cluster_size, min_samples=min_samples)
    return model.fit(vectors).labels_.astype(np.int64), {}


def evoc(vectors: Float32Array, min_samples: int, min_cluster_size: int) -> tuple[Labels, dict[str, float]]:
    peer = importlib.import_module("evoc")  # optional

    return peer.EVoC(base_min_cluster_size=min_cluster_size).fit_predict(vectors).astype(np.int64), {}


RUNS: dict[str, tuple[Run, str]] = {
    "product": (product, "numpy"),
    "exact": (_ours("exact"), "sqlclust"),
    "approximate": (_ours("approximate"), "sqlclust"),
    "hdbscan": (hdbscan, "hdbscan"),
    "sklearn": (sklearn, "sklearn"),
    "fast_hdbscan": (fast_hdbscan, "fast_hdbscan"),
    "evoc": (evoc, "evoc"),
}


def child(given: argparse.Namespace) -> dict[str, Any]:
    """One engine, in this process: what it took."""
    name, vectors_path, labels_path = given.child, given.vectors, given.labels
    sizes = given.min_samples, given.min_cluster_size or given.min_samples
    vectors = np.load(vectors_path)
    before = peak()
    wall, processor = [], []
    facts: dict[str, float] = {}
    labels: Labels | None = None
    for _ in range(given.repeat):
        started, used = time.perf_counter(), time.process_time()
        labels, facts = RUNS[name][0](vectors, *sizes)
        wall.append(time.perf_counter() - started)
        processor.append(time.process_time() - used)
    most = peak()
    result: dict[str, Any] = {
        "cold": wall[0],
        "warm": min(wall[1:] or wall),
        "processor": min(processor[1:] or processor),
        "memory": (most - before) / vectors.nbytes + 1.0,
        "facts": facts,
    }
    if labels is not None:
        np.save(labels_path, labels)
        result |= {"clusters": len(set(labels.tolist()) - {-1}), "noise": float((labels < 0).mean())}
    return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=14_160)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--identical", type=float, default=0.05)
    parser.add_argument("--vectors", help="a .npy file instead of generated data")
    parser.add_argument("--near-copies", type=int, default=0, help="of each vector, so that there are more rows")
    parser.add_argument("--jitter", type=float, default=0.012, help="of a component of a near copy")
    parser.add_argument("--min-samples", type=int, default=14)
    parser.add_argument("--min-cluster-size", type=int, default=0, help="min_samples by default")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", choices=RUNS)
    parser.add_argument("--skip", nargs="*", choices=RUNS, default=[])
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--labels", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(child(given)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = given.vectors or str(Path(folder) / "vectors.npy")
        if not given.vectors:
            vectors = embeddings(given.rows, given.dimension, seed=given.seed, identical=given.identical)
            np.save(path, near_copies(vectors, given.near_copies, jitter=given.jitter, seed=given.seed))
        shape = np.load(path, mmap_mode="r").shape
        print(
            f"{shape[0]:,} × {shape[1]}, min_samples {given.min_samples}, min_cluster_size "
            f"{given.min_cluster_size or given.min_samples}, {len(os.sched_getaffinity(0))} cores"
        )
        print(f"{'':14}{'cold s':>9}{'warm s':>9}{'cpu s':>9}{'/product':>9}{'memory':>8}{'clusters':>9}", end="")
        print(f"{'noise':>7}{'ARI':>7}{'recall':>8}{'tree':>7}")
        _table(given, path, folder)


def _table(given: argparse.Namespace, path: str, folder: str) -> None:
    from sqlclust.core.labellings.agreement import adjusted_rand_index

    reference: Labels | None = None
    limit = 0.0
    for name, (_, package) in RUNS.items():
        if name in given.skip or (given.only and name not in given.only):
            continue
        if importlib.util.find_spec(package) is None:
            print(f"{name:14} not installed")
            continue
        labels_path = str(Path(folder) / f"{name}.npy")
        arguments = ["--child", name, "--vectors", path, "--labels", labels_path]
        arguments += ["--min-samples", str(given.min_samples), "--min-cluster-size", str(given.min_cluster_size)]
        arguments += ["--repeat", str(given.repeat)]
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.engine", *arguments], capture_output=True, text=True, check=False
        )
        if done.returncode:
            print(f"{name:14} failed: {done.stderr.strip().splitlines()[-1:]}")
            continue
        result = json.loads(done.stdout.splitlines()[-1])
        limit = result["processor"] if name == "product" else limit
        ratio = f"{result['processor'] / limit:9.2f}" if limit else f"{'':9}"
        line = f"{name:14}{result['cold']:9.2f}{result['warm']:9.2f}{result['processor']:9.2f}{ratio}{result['memory']:8.1f}"
        if "clusters" in result:
            labels = np.load(labels_path)
            reference = labels if name == "exact" else reference
            line += f"{result['clusters']:9d}{result['noise']:7.3f}"
            line += f"{adjusted_rand_index(reference, labels):7.3f}" if reference is not None else f"{'':7}"
            if "recall" in result["facts"]:
                line += f"{result['facts']['recall']:8.3f}{result['facts']['tree']:7.3f}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
