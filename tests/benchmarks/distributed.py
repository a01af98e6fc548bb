"""Fits in shards: time, memory, spool and recall, beside those of the engine in memory.

    python -m tests.benchmarks.distributed make FOLDER --rows 141600 --dimension 384
    python -m tests.benchmarks.distributed fit FOLDER SPOOL --workers 2 --memory 1500
    python -m tests.benchmarks.distributed compare FOLDER SPOOL
    python -m tests.benchmarks.distributed model

`make` writes generated embeddings as .npy files. `fit` runs with a real limit of each worker's address space (RLIMIT_AS), in
MiB, and says what `distributed.cost` predicted beside what it took. It goes on where it stopped. `compare` fits the same vectors
in memory by the approximate engine, and says how far labels agree; it keeps the spool. `model` prints the table of
sqlclust/distributed/README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

from sqlclust.core.cost import multiplications_per_second
from sqlclust.core.labellings.agreement import adjusted_rand_index
from sqlclust.core.pipeline import CutParameters, ReachabilityParameters, fit, select_clusters
from sqlclust.core.runtime.control import Control, Progress
from sqlclust.core.runtime.threads import cores_at_most, worker_count
from sqlclust.distributed.cost import Shape, estimate, shards_of, worker_bytes
from sqlclust.distributed.fit import Job, fit_in_shards
from sqlclust.distributed.folder_rows import FolderRows
from sqlclust.distributed.plan import Sharding
from sqlclust.distributed.tasks import peak_memory
from sqlclust.distributed.workers import ProcessWorkers
from sqlclust.vectors.folders import NpyFolder
from tests.benchmarks.data import embeddings

_PARAMETERS = ReachabilityParameters(15, "cosine")
_FILES = 16


def make(folder: Path, rows: int, dimension: int) -> None:
    """Generated embeddings, in files."""
    folder.mkdir(parents=True)
    vectors = embeddings(rows, dimension)
    for number, part in enumerate(np.array_split(vectors, _FILES)):
        np.save(folder / f"{number:03d}.npy", part)
    print(f"{rows:,} x {dimension} in {_FILES} files, {vectors.nbytes / 1e9:.2f} GB")


def fit_folder(arguments: argparse.Namespace) -> None:
    """The fit, and what it took."""
    source = FolderRows(NpyFolder.found(arguments.folder))
    memory = arguments.memory << 20 if arguments.memory else None
    threads = max(1, worker_count() // arguments.workers)
    sharding = Sharding(arguments.shards, memory, arguments.overlap, threads=threads)
    workers = ProcessWorkers(arguments.workers, memory=memory)
    control, before, started = Control(_said()), peak_memory(), time.perf_counter()
    try:
        found = fit_in_shards(Job(source, _PARAMETERS, 0, sharding), workers, arguments.spool, control)
    finally:
        workers.close()
    seconds = time.perf_counter() - started
    n, dimension = source.n, source.dimension
    shape = Shape(n, dimension, _PARAMETERS.min_samples, len(found.shards), arguments.overlap)
    with cores_at_most(1):
        predicted = estimate(shape, multiplications_per_second=multiplications_per_second())
    spool = sum(entry.stat().st_size for entry in os.scandir(found.folder))
    np.save(Path(arguments.spool) / "tree.npy", np.column_stack(found.fit().tree))
    print(
        f"{n:,} x {dimension}, {len(found.shards)} shards of at most {max(found.shards):,}, together {sum(found.shards):,}"
    )
    print(f"recall {found.recall:.4f}; {seconds:.1f} s; predicted {predicted.core_seconds / arguments.workers:.1f} s")
    cores = {name: round(value, 1) for name, value in found.core_seconds.items()}
    print(f"core-seconds {sum(found.core_seconds.values()):.0f}, by phase:", json.dumps(cores))
    print("seconds by phase:", json.dumps({name: round(value, 1) for name, value in control.seconds.items()}))
    largest = worker_bytes(max(found.shards), dimension, _PARAMETERS.min_samples)
    print(
        f"worker: at most {found.peak / 1e6:.0f} MB resident, predicted {largest / 1e6:.0f} MB, limit {arguments.memory} MiB"
    )
    promised = 3 * 4 * dimension * max(found.shards) + 300e6
    print(f"worker: three times its vectors and 300 MB are {promised / 1e6:.0f} MB")
    client = peak_memory() - before
    print(f"client: {client / 1e6:.0f} MB more than at the start, {client / n:.0f} bytes a row, predicted ", end="")
    print(
        f"{predicted.client_bytes / 1e6:.0f} MB with cutting and publishing; 60 x k a row are {60 * 20 * n / 1e6:.0f} MB"
    )
    print(f"spool: {spool / 1e9:.2f} GB, predicted {predicted.spool_bytes / 1e9:.2f} GB")


def _said() -> Progress:
    """Progress that prints each phase when it begins."""
    seen: dict[str, int] = defaultdict(int)

    def progress(phase: str, fraction: float) -> None:
        if not seen[phase]:
            print(f"[{time.strftime('%H:%M:%S')}] {phase}", flush=True)
        seen[phase] += 1

    return progress


def compare(folder: Path, spool: Path) -> None:
    """The engine in memory."""
    vectors = np.concatenate([np.load(path) for path in sorted(folder.glob("*.npy"))])
    started = time.perf_counter()
    whole = fit(vectors, _PARAMETERS, engine="approximate", control=Control())
    print(f"in memory: {time.perf_counter() - started:.1f} s, recall {whole.recall:.4f}, {peak_memory() / 1e6:.0f} MB")
    tree = np.load(spool / "tree.npy")
    sharded = whole.tree._replace(left=tree[:, 0].astype(np.intp), right=tree[:, 1].astype(np.intp), weight=tree[:, 2])
    print(f"weight of the tree: {sharded.weight.sum():.3f}, in memory {whole.tree.weight.sum():.3f}")
    for size in (15, 100):
        mine, theirs = (select_clusters(each, CutParameters(size)).labels for each in (sharded, whole.tree))
        ari = adjusted_rand_index(mine, theirs)
        print(f"min_cluster_size {size}: {mine.max() + 1:,} and {theirs.max() + 1:,} clusters, ARI {ari:.4f}")


_CORE = 60e9
"""Float32 multiplications a second of one core with AVX-512, as `core.cost.multiplications_per_second` has measured it."""
_LARGE = ((1_416_000, 768, 1.5), (10_000_000, 768, 8), (100_000_000, 768, 8))


def model_table() -> str:
    """What large fits take, on paper: a Markdown table."""
    lines = ["| | " + " | ".join(f"{n / 1e6:g} M × {d}, {memory:g} GB a worker" for n, d, memory in _LARGE) + " |"]
    lines.append("|---|" + "---|" * len(_LARGE))
    found = []
    for n, dimension, memory in _LARGE:
        shards = shards_of((n, dimension), 15, int(memory * 1e9), 3)
        found.append((n, estimate(Shape(n, dimension, 15, shards, 3), multiplications_per_second=_CORE)))
    rows = {
        "shards": [f"{each.shards:,}" for _, each in found],
        "vectors in a shard": [f"{each.members // each.shards:,}" for _, each in found],
        "memory of a worker": [f"{each.worker_bytes / 1e9:.1f} GB" for _, each in found],
        "memory of the client": [f"{each.client_bytes / 1e9:.1f} GB" for _, each in found],
        "bytes of it a row": [f"{each.client_bytes / n:.0f}" for n, each in found],
        "vectors read from their files": [f"{each.read_bytes / 1e9:,.0f} GB" for _, each in found],
        "written to the spool folder": [f"{each.spool_bytes / 1e9:,.0f} GB" for _, each in found],
        "read from it": [f"{each.spool_read_bytes / 1e9:,.0f} GB" for _, each in found],
        "core-hours": [f"{each.core_seconds / 3600:,.1f}" for _, each in found],
    }
    return "\n".join(lines + [f"| {name} | " + " | ".join(values) + " |" for name, values in rows.items()])


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make")
    making.add_argument("folder", type=Path)
    making.add_argument("--rows", type=int, default=141_600)
    making.add_argument("--dimension", type=int, default=384)
    fitting = commands.add_parser("fit")
    fitting.add_argument("folder", type=Path)
    fitting.add_argument("spool")
    fitting.add_argument("--workers", type=int, default=2)
    fitting.add_argument("--memory", type=int)
    fitting.add_argument("--shards", type=int)
    fitting.add_argument("--overlap", type=int, default=3)
    comparing = commands.add_parser("compare")
    comparing.add_argument("folder", type=Path)
    comparing.add_argument("spool", type=Path)
    commands.add_parser("model")
    arguments = parser.parse_args()
    if arguments.command == "make":
        make(arguments.folder, arguments.rows, arguments.dimension)
    elif arguments.command == "fit":
        fit_folder(arguments)
    elif arguments.command == "model":
        print(model_table())
    else:
        compare(arguments.folder, arguments.spool)


if __name__ == "__main__":
    main()
