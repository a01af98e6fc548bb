"""Whole fits among faults: the same result as without them, or a clear error; and what was done is not done again."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sqlclust.core.runtime.control import Control, Progress
from sqlclust.distributed.fit import Job, ShardedFit, fit_in_shards
from sqlclust.distributed.folder import files_of_fits, held, remove_spool
from sqlclust.distributed.folder_rows import FolderRows
from sqlclust.distributed.workers import ExecutorWorkers, ProcessWorkers, Workers
from sqlclust.errors import (
    NotFiniteError,
    SpoolFileError,
    SpoolFullError,
    SpoolInUseError,
    SpoolOfAnotherFitError,
    SpoolPlanError,
    VectorsChangedError,
    ZeroVectorError,
)
from sqlclust.vectors.folders import NpyFolder
from tests.distributed.small_jobs import PARAMETERS, folder_of, real_like, sharding

PHASES = ("scan", "assign", "route", "search", "merge", "forest", "recall")
VECTORS = real_like(1500)


def start(path: Path, *, spool: str = "spool", **said: object) -> tuple[Job, str]:
    folder = path / "vectors"
    source = FolderRows(NpyFolder.found(folder)) if folder.exists() else folder_of(folder, VECTORS)
    return Job(source, PARAMETERS, 0, sharding(**{"shards": 3, **said})), str(path / spool)  # type: ignore[arg-type]


def fit_with(workers: Workers, path: Path, progress: Progress | None = None, **said: object) -> ShardedFit:
    job, spool = start(path, **said)  # type: ignore[arg-type]
    return fit_in_shards(job, workers, spool, Control(progress))


def by_threads(path: Path, progress: Progress | None = None, **said: object) -> ShardedFit:
    with ThreadPoolExecutor(2) as executor:
        return fit_with(ExecutorWorkers(executor, count=2), path, progress, **said)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> ShardedFit:
    return by_threads(tmp_path_factory.mktemp("expected"))


def assert_same(found: ShardedFit, expected: ShardedFit) -> None:
    assert found.recall == expected.recall
    assert np.array_equal(found.squared_core, expected.squared_core)
    for mine, theirs in zip(found.edges, expected.edges, strict=True):
        assert np.array_equal(mine, theirs)


def once_in(phases: tuple[str, ...], act: Callable[[], bool]) -> Progress:
    """Progress that acts once in each phase, as soon as `act` says that it could."""
    left = set(phases)

    def progress(phase: str, fraction: float) -> None:
        if phase in left and act():
            left.discard(phase)

    return progress


@pytest.mark.slow
def test_workers_killed_in_each_phase(tmp_path: Path, expected: ShardedFit) -> None:
    workers = ProcessWorkers(1)
    killed: list[int] = []

    def kill() -> bool:
        there = workers.processes()
        for number in there:
            os.kill(number, signal.SIGKILL)
        killed.extend(there)
        return bool(there)

    try:
        assert_same(fit_with(workers, tmp_path, once_in(PHASES, kill)), expected)
    finally:
        workers.close()
    assert len(set(killed)) >= len(PHASES)
    assert not [name for name in os.listdir(tmp_path / "spool") if "began" in name]


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
    before = {name: os.stat(tmp_path / "spool" / name).st_mtime_ns for name in os.listdir(tmp_path / "spool")}
    assert_same(by_threads(tmp_path), expected)
    done = [
        name for name in before if name.startswith(("scan", "nearest", "destinations", "routed")) and "." not in name
    ]
    assert len(done) == 4 * 4
    assert all(os.stat(tmp_path / "spool" / name).st_mtime_ns == before[name] for name in done)


@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_damaged_spool_files_are_made_again(tmp_path: Path, expected: ShardedFit, damage: str) -> None:
    """One of each kind, all at once, and what comes after has to be done again."""
    by_threads(tmp_path)
    spool = tmp_path / "spool"
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
    assert not [*(tmp_path / "spool").glob("*.tmp")]
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


def test_a_spool_of_another_fit(tmp_path: Path) -> None:
    by_threads(tmp_path)
    with pytest.raises(SpoolOfAnotherFitError, match="overlap is 3 there, and 2 is asked for") as caught:
        by_threads(tmp_path, overlap=2)
    assert caught.value.differs == "overlap"
    remove_spool(str(tmp_path / "spool"))
    assert not (tmp_path / "spool").exists()
    by_threads(tmp_path, overlap=2)


def test_another_programs_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_threads(tmp_path)
    monkeypatch.setattr("sqlclust.distributed.plan.__version__", "9.0")
    with pytest.raises(SpoolOfAnotherFitError, match=r"program is .* there, and '9\.0' is asked for"):
        by_threads(tmp_path)


def test_only_files_of_fits_are_removed(tmp_path: Path) -> None:
    """Somebody's own, whatever they are called, stay; drafts of workers that died go."""
    by_threads(tmp_path)
    spool = tmp_path / "spool"
    own = [
        "answer-key.pdf",
        "cells.csv",
        "corpus.txt",
        "merged-000001.bak",
        "notes.txt",
        "plan.json.old",
        "scan-me",
        "shards.db",
    ]
    for name in own:
        (spool / name).write_text("mine")
    (spool / "routed-000001.4711-0123abcd.tmp").write_text("half")
    assert not {*own} & {*files_of_fits(str(spool))}
    remove_spool(str(spool))
    assert sorted(os.listdir(spool)) == own


@pytest.mark.parametrize("stopped_after", [1, 5])
def test_stopped_while_it_removes_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped_after: int
) -> None:
    """What is left still says which fit it is of: no other one goes on with it."""
    by_threads(tmp_path)
    left, unlink = [stopped_after], os.unlink

    def stop(path: str) -> None:
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        unlink(path)

    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", stop)
        with pytest.raises(KeyboardInterrupt):
            remove_spool(str(tmp_path / "spool"))
    with pytest.raises(SpoolOfAnotherFitError):
        by_threads(tmp_path, overlap=2)


def test_files_without_a_plan(tmp_path: Path) -> None:
    by_threads(tmp_path)
    (tmp_path / "spool" / "plan.json").unlink()
    with pytest.raises(SpoolPlanError, match=r"has files of a fit, such as answer-recall-000000, and no plan\.json"):
        by_threads(tmp_path)


def test_a_damaged_plan(tmp_path: Path) -> None:
    """Also where it is JSON still: a fit with another seed is another."""
    by_threads(tmp_path)
    plan = tmp_path / "spool" / "plan.json"
    whole = plan.read_text()
    for damaged in (whole.replace('"seed": 0', '"seed": 1'), whole[:-1], "[]", "{}", '{"version": 1, "checksum": 2}'):
        plan.write_text(damaged)
        with pytest.raises(SpoolPlanError, match=r"Empty it, or name another folder"):
            by_threads(tmp_path)


def test_memory_that_nobody_said_may_be_another(tmp_path: Path) -> None:
    """It is what was free. What was begun goes on as it was divided; memory that somebody said is kept to."""
    said: dict[str, Any] = {"shards": None, "range_rows": None, "memory_is_said": False}
    first = by_threads(tmp_path, memory=1 << 30, **said)
    again = by_threads(tmp_path, memory=900 << 20, **said)
    assert_same(again, first)
    assert again.plan == first.plan
    with pytest.raises(SpoolOfAnotherFitError, match="most is"):
        by_threads(tmp_path, memory=900 << 20, **{**said, "memory_is_said": True})


def test_one_client_at_a_time(tmp_path: Path) -> None:
    spool = str(tmp_path / "spool")
    holding = [sys.executable, "-m", "tests.distributed.holding", spool]
    with subprocess.Popen(holding, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "held\n"
            with pytest.raises(SpoolInUseError, match=rf"in use by process {other.pid} on "), held(spool):
                pass
        finally:
            other.kill()
    with held(spool):
        with pytest.raises(SpoolInUseError, match=f"in use by this process, {os.getpid()}"), held(f"{spool}/"):
            pass
        assert os.listdir(spool) == ["client.lock"]
    assert os.listdir(spool) == []
    with held(str(tmp_path / "new")):
        pass
    assert not (tmp_path / "new").exists()


def test_a_spool_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SpoolFileError, match="cannot be made"):
        by_threads(tmp_path, spool="file/spool")


@pytest.mark.parametrize(
    ("value", "error", "match"),
    [(np.nan, NotFiniteError, r"001\.npy: row 3 has nan"), (0.0, ZeroVectorError, "row 503 of .*vectors")],
)
def test_rows_that_are_no_vectors(tmp_path: Path, value: float, error: type[Exception], match: str) -> None:
    vectors = VECTORS.copy()
    vectors[503] = value
    folder_of(tmp_path / "vectors", vectors)
    with pytest.raises(error, match=match):
        by_threads(tmp_path)
