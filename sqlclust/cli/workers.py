"""Options of commands whose work several workers do: who they are, where their files go, what they may take."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from shutil import disk_usage
from typing import Any, NamedTuple, TypeVar

import click

from sqlclust.cli.fitting import duration
from sqlclust.cli.output import printable
from sqlclust.cli.progress import ProgressLine

Command = TypeVar("Command", bound=Callable[..., Any])

_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
_OVERLAP = 3
"""As `Sharding` has it."""


class WorkersSaid(NamedTuple):
    """What the options say.

    Attributes:
        workers: a number of processes, or the address of a Dask scheduler.
        spool: the folder.
        memory: bytes for each worker; None: what is free.
        overlap: as `Sharding` has it.
    """

    workers: str
    spool: str
    memory: int | None
    overlap: int


def workers_options(command: Command) -> Command:
    """Add the options to a command; it gets `workers`, `spool`, `memory` and `overlap`, for `workers_said`."""
    for decorate in (
        click.option(
            "--overlap",
            type=click.IntRange(1, 32),
            default=_OVERLAP,
            show_default=True,
            help="With --workers: in how many cells, which shards are made of, each vector is. More of them find more "
            "neighbours, and take more time, memory and room.",
        ),
        click.option(
            "--memory",
            metavar="SIZE",
            show_default="80 % of what is free, divided by N; 60 % of a Dask worker's limit",
            help="With --workers: what each worker may take, as 8GB or 1500MB. Less makes more shards.",
        ),
        click.option(
            "--spool",
            metavar="DIR",
            help="With --workers: a folder for their files, seen by all. What is done stays there until the result is written, "
            "so the same command goes on where it stopped.",
        ),
        click.option(
            "--workers",
            metavar="N|tcp://HOST:PORT",
            help="Fit in shards that fit into memory one by one: by N processes, or by the workers of a Dask scheduler. Needs "
            "--spool. One MODEL or SOURCE; its neighbours are approximate.",
        ),
    ):
        command = decorate(command)
    return command


def workers_said(
    workers: str | None = None, spool: str | None = None, memory: str | None = None, overlap: int = _OVERLAP
) -> WorkersSaid | None:
    """What the options say; None: nobody but this process is to work.

    Raises:
        click.UsageError
    """
    if workers is None:
        if spool is not None or memory is not None or overlap != _OVERLAP:
            raise click.UsageError("--spool, --memory and --overlap go with --workers")
        return None
    if not spool:  # an empty text is a variable of the shell that was not set
        raise click.UsageError("--workers needs --spool DIR, a folder for what workers write")
    if not re.fullmatch(r"[1-9]\d{0,3}|[a-z]+://.*:\d+.*", workers):
        raise click.UsageError(
            f"--workers is {workers!r}, expected a number from 1 or an address of a Dask scheduler such as tcp://host:8786"
        )
    return WorkersSaid(workers, spool, None if memory is None else _bytes(memory), overlap)


def _bytes(size: str) -> int:
    """8GB are 8 · 1000³, as everything that is printed here, and 8GiB 8 · 1024³; so Dask has it, too."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(i?)B?", size.strip(), re.IGNORECASE)
    if found is None or float(found[1]) == 0:
        raise click.UsageError(f"--memory is {size!r}, expected a size such as 8GB or 1500MB")
    return int(float(found[1]) * (1024 if found[3] else 1000) ** _POWERS[found[2].upper()])


@contextmanager
def opened_workers(said: WorkersSaid | None) -> Iterator[Any]:
    """What `distributed.publishing.fit_with_workers` takes; None where nothing was said.

    Raises:
        WorkersLostError: there is no such scheduler, or Dask is not installed.
    """
    if said is None:
        yield None
        return
    from sqlclust.distributed.plan import Sharding
    from sqlclust.distributed.publishing import Distribution
    from sqlclust.distributed.workers import DaskWorkers, ProcessWorkers, memory_of

    by_processes = said.workers.isdigit()
    workers = ProcessWorkers(int(said.workers), memory=said.memory) if by_processes else DaskWorkers(said.workers)
    try:
        memory = memory_of(workers) if said.memory is None else said.memory
        sharding = Sharding(
            memory=memory, overlap=said.overlap, threads=workers.threads, memory_is_said=said.memory is not None
        )
        yield Distribution(workers, said.spool, sharding)
    finally:
        workers.close()


def announce_workers(model: str, distribution: Any, progress: ProgressLine, plan: Any) -> None:
    """Say who works, and what it will take, before it starts; from then on `progress` tells how much time is left.

    Args:
        distribution, plan: as `distributed.publishing` and `distributed.plan` have them.
    """
    from sqlclust.core.cost import multiplications_per_second
    from sqlclust.core.runtime.available_memory import available_memory
    from sqlclust.core.runtime.threads import cores_at_most
    from sqlclust.distributed.cost import Shape, estimate
    from sqlclust.distributed.folder import has_fit
    from sqlclust.distributed.time_left import TimeLeft, expected_seconds

    n, dimension = plan.n, plan.dimension
    shape = Shape(n, dimension, plan.min_samples, plan.shards, plan.overlap)
    with cores_at_most(1):
        taken = estimate(shape, multiplications_per_second=multiplications_per_second())
    by_workers = taken.core_seconds / (distribution.workers.count * (plan.threads or 1))
    expected = expected_seconds(n, dimension, by_workers)
    progress.clear()
    progress.left = TimeLeft(expected)
    shards = f"about {taken.shards:,} shards" if taken.shards > 1 else "one shard"
    lines = [
        f"{model}: {n:,} rows of {dimension} dimensions in {shards}, "
        f"by {distribution.workers.said}; each worker takes {_size(taken.worker_bytes)}, "
        f"this process {_size(taken.client_bytes)}, the spool folder {_size(taken.spool_bytes + taken.aside_bytes)}; "
        f"about {duration(sum(expected.values()))} on an idle machine"
    ]
    if taken.shards == 1:
        lines.append(
            "  one worker searches the one shard: where this machine has the memory, it is quicker without --workers"
        )
    if has_fit(distribution.spool):
        lines.append(f"  {distribution.spool} has work of an earlier run, which is not done again")
    else:
        lines += _too_little(
            "the spool folder", taken.spool_bytes + taken.aside_bytes, disk_usage(distribution.spool).free
        )
    lines += _too_little("this process", taken.client_bytes, available_memory())
    for line in lines:
        click.echo(printable(line), err=True)


def _too_little(what: str, needed: int, free: int | None) -> Iterator[str]:
    """A line for people where less is free than will be needed: the fit goes on, since what is needed is estimated."""
    if free is not None and free < needed:
        yield f"  Warning: {what} takes about {_size(needed)}, and {_size(free)} are free"


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
