"""Whole fits among faults: the same result as without them, or a clear error; and what was done is not done again."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sqlclust.core.runtime.control import Progress
from sqlclust.distributed import running
from sqlclust.distributed.fit import ShardedFit
from sqlclust.errors import (
    NotFiniteError,
    SpoolFolderError,
    SpoolFullError,
    VectorsChangedError,
    ZeroVectorError,
)
from tests.distributed import faulty
from tests.distributed.small_jobs import (
    PHASES,
    VECTORS,
    assert_same,
    by_threads,
    files_in,
    fit_with,
    folder_of,
    quick_processes,
)


def once_in(phases: tuple[str, ...], act: Callable[[], bool]) -> Progress:
    """Progress that acts once in each phase, as soon as `act` says that it could."""
    left = set(phases)

    def progress(phase: str, fraction: float) -> None:
        if phase in left and act():
            left.discard(phase)

    return progress


@pytest.mark.slow
def test_workers_killed_in_each_phase(tmp_path: Path, expected: ShardedFit) -> None:
    """While they write; what they have written of it counts for nothing."""
    workers = quick_processes(1)
    started: set[int] = set()
    try:
        found = fit_with(
            faulty.Harmed(workers, dict.fromkeys(PHASES, "die")),
            tmp_path,
            lambda *_: started.update(workers.processes()),
        )
    finally:
        workers.close()
    assert_same(found, expected)
    assert len(started) >= len(PHASES)
    drafts = [path.name.split("-")[0] for path in Path(found.folder).glob("*.tmp")]
    assert sorted(drafts) == sorted(WRITTEN_IN.values())


WRITTEN_IN = {
    "scan": "scan", "assign": "nearest", "route": "routed", "search": "found", "merge": "merged", "forest": "forest",
    "pick": "picked", "recall": "answer", "confirm": "answer",
}  # fmt: skip
"""What the file is called that each phase of PHASES writes."""


@pytest.mark.slow
def test_workers_that_hang_and_files_that_go(
    tmp_path: Path, expected: ShardedFit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends itself; a machine that is slow to start another has time for it."""
    monkeypatch.setattr(running, "_GRACE", 120.0)
    workers = quick_processes(1)
    harm = {"assign": "hang", "merge": "miss", "confirm": "miss"}
    try:
        assert_same(fit_with(faulty.Harmed(workers, harm), tmp_path, seconds=5.0), expected)
    finally:
        workers.close()


@pytest.mark.slow
def test_the_client_killed(tmp_path: Path, expected: ShardedFit) -> None:
    """Its workers end with it; whoever goes on does not begin anew."""
    np.save(tmp_path / "all.npy", VECTORS)
    command = [sys.executable, "-m", "tests.distributed.faulty", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None
        workers: set[int] = set()
        for line in client.stdout:
            phase, _, *numbers = line.split()
            workers |= {int(number) for number in numbers}
            if phase == "search":
                client.kill()
                break
    assert workers
    waited = time.monotonic() + 30
    while [number for number in workers if Path(f"/proc/{number}").exists()] and time.monotonic() < waited:
        time.sleep(0.05)
    assert not [number for number in workers if Path(f"/proc/{number}").exists()]
    spool = files_in(tmp_path / "spool")
    before = {name: os.stat(spool / name).st_mtime_ns for name in os.listdir(spool)}
    assert_same(by_threads(tmp_path), expected)
    done = [
        name for name in before if name.startswith(("scan", "nearest", "destinations", "routed")) and "." not in name
    ]
    assert len(done) == 4 * 4
    assert all(os.stat(spool / name).st_mtime_ns == before[name] for name in done)


@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_damaged_spool_files_are_made_again(tmp_path: Path, expected: ShardedFit, damage: str) -> None:
    """One of each kind, all at once, and what comes after has to be done again."""
    spool = Path(by_threads(tmp_path).folder)
    kinds = ("scan", "nearest", "destinations", "routed", "found", "merged", "forest", "corpus", "cells", "shards")
    for kind in kinds:
        path = min(spool.glob(f"{kind}*"))
        whole = bytearray(path.read_bytes())
        if damage == "remove":
            path.unlink()
        elif damage == "cut":
            path.write_bytes(whole[:-1])
        else:
            whole[len(whole) * 3 // 5] ^= 0x55
            path.write_bytes(whole)
    for path in [*spool.glob("answer*"), *spool.glob("asking*"), *spool.glob("picked*"), *spool.glob("forest-000001")]:
        path.unlink()
    for later in ("merged-000000", "found-000000", "found-000001"):
        (spool / later).unlink(missing_ok=True)
    assert_same(by_threads(tmp_path), expected)


def test_a_full_disk_and_then_room(tmp_path: Path, expected: ShardedFit) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill() -> bool:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 14, before[1]))
        return True

    try:
        with pytest.raises(SpoolFullError, match="Make room there"):
            by_threads(tmp_path, once_in(("route",), fill))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not [*(tmp_path / "spool").rglob("*.tmp")]
    assert_same(by_threads(tmp_path), expected)


@pytest.mark.parametrize("phase", ["assign", "route", "search", "forest"])
def test_vectors_that_change_meanwhile(tmp_path: Path, phase: str) -> None:
    def change() -> bool:
        path = tmp_path / "vectors" / "001.npy"
        vectors = np.load(path)
        vectors[7, 0] += 1
        np.save(path, vectors)
        return True

    with pytest.raises(VectorsChangedError, match="there are other vectors in rows 400 to 799"):
        by_threads(tmp_path, once_in((phase,), change))


def test_files_that_are_written_and_have_the_same_vectors(tmp_path: Path, expected: ShardedFit) -> None:
    def touch() -> bool:
        os.utime(tmp_path / "vectors" / "001.npy", ns=(1, 1))
        return True

    assert_same(by_threads(tmp_path, once_in(("search",), touch)), expected)
    assert_same(by_threads(tmp_path), expected)


def test_a_spool_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SpoolFolderError, match=r"cannot be made \(.*\)\. Name a spool folder that can be written$"):
        by_threads(tmp_path, spool="file/spool")


@pytest.mark.parametrize(
    ("value", "error", "match"),
    [(np.nan, NotFiniteError, r"001\.npy: row 3 has nan"), (0.0, ZeroVectorError, r"001\.npy: row 3 is a zero vector")],
)
def test_rows_that_are_no_vectors(tmp_path: Path, value: float, error: type[Exception], match: str) -> None:
    vectors = VECTORS.copy()
    vectors[503] = value
    folder_of(tmp_path / "vectors", vectors)
    with pytest.raises(error, match=match):
        by_threads(tmp_path)
