"""Tasks are done once, whatever dies, hangs or is damaged meanwhile; or an error says why they can't be."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from sqlclust.core.runtime.control import Control
from sqlclust.distributed import running, tasks
from sqlclust.distributed.running import Limits, Runner
from sqlclust.distributed.spool import is_whole
from sqlclust.distributed.tasks import Assignment, Report, Task, perform
from sqlclust.distributed.workers import ExecutorWorkers, ProcessWorkers, Workers
from sqlclust.errors import (
    Interrupted,
    SpoolMissingError,
    SpoolNotSharedError,
    TaskFailedError,
    WorkersLostError,
    WorkerVersionError,
)
from tests.distributed import faulty
from tests.distributed.small_jobs import quick_processes


def task(spool: Path, work: Callable[..., None], name: str = "a", **more: Any) -> Task:
    return Task(name, work, (name,), (str(spool / name),), **more)


def run(spool: Path, workers: Workers, tasks: list[Task], *, seconds: float | None = 60.0) -> Runner:
    runner = Runner(str(spool), workers, Limits(threads=1, seconds=seconds), Control())
    runner.run("work", tasks)
    return runner


@pytest.fixture
def threads() -> Iterator[ExecutorWorkers]:
    with ThreadPoolExecutor(2) as executor:
        yield ExecutorWorkers(executor, count=2)


@pytest.fixture
def processes() -> Iterator[ProcessWorkers]:
    workers = quick_processes(1)
    yield workers
    workers.close()
    assert workers.processes() == set()


def test_what_is_there_is_not_done_again(tmp_path: Path, threads: ExecutorWorkers) -> None:
    tasks = [task(tmp_path, faulty.write, name) for name in "abc"]
    first = run(tmp_path, threads, tasks)
    assert (sorted(first.reports), first.skipped) == (["a", "b", "c"], 0)
    (tmp_path / "b").write_bytes((tmp_path / "b").read_bytes()[:-1])
    second = run(tmp_path, threads, tasks)
    assert (sorted(second.reports), second.skipped) == (["b"], 2)
    assert all(is_whole(str(tmp_path / name)) for name in "abc")


def test_a_disk_that_fails_once_or_always(tmp_path: Path, threads: ExecutorWorkers) -> None:
    run(tmp_path, threads, [task(tmp_path, faulty.fail_once)])
    with pytest.raises(TaskFailedError, match="task b was not done in 3 tries: Input/output error") as caught:
        run(tmp_path, threads, [task(tmp_path, faulty.fail, "b")])
    assert (caught.value.task, caught.value.tries) == ("b", 3)


def test_many_meet_one_damaged_file(tmp_path: Path) -> None:
    """It is made again once, however many met it before that."""
    with ThreadPoolExecutor(8) as executor:
        workers = ExecutorWorkers(executor, count=8)
        runner = run(tmp_path, workers, [task(tmp_path, faulty.write, "part")])
        (tmp_path / "part").write_bytes(b"damaged")
        runner.run("read", [task(tmp_path, faulty.read_part, str(number)) for number in range(8)])
    assert all(is_whole(str(tmp_path / str(number))) for number in range(8))
    assert len((tmp_path / "met").read_text().split()) >= 8


class Elsewhere(Executor):
    """Does tasks in another folder, as a worker does that sees another disk under the same name."""

    def __init__(self, other: Path) -> None:
        self._other = str(other)

    def submit(self, work: Callable[..., Any], /, assignment: Assignment, **_: Any) -> Future[Any]:  # type: ignore[override]
        future: Future[Any] = Future()
        try:
            future.set_result(work(replace(assignment, spool=self._other)))
        except Exception as error:
            future.set_exception(error)
        return future


def test_a_spool_that_workers_do_not_share(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with pytest.raises(SpoolNotSharedError, match="was written there and is not to be seen here"):
        run(tmp_path, ExecutorWorkers(Elsewhere(tmp_path / "other"), count=1), [task(tmp_path, faulty.write)])
    with pytest.raises(SpoolNotSharedError, match=r"none is no folder there \(worker on"):
        run(tmp_path, ExecutorWorkers(Elsewhere(tmp_path / "none"), count=1), [task(tmp_path, faulty.write)])


def test_files_that_other_machines_see_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Disks over a network show them after a while; what never comes is an error all the same."""
    reading = task(tmp_path, faulty.read_part)
    assignment = Assignment(reading, str(tmp_path), 1, None, (os.getpid(), "another machine"))
    later = threading.Timer(0.5, faulty.write, (str(tmp_path), "part"))
    later.start()
    perform(assignment)
    later.join()
    assert is_whole(reading.outputs[0])

    monkeypatch.setattr(tasks, "APPEARS_WITHIN", 0.3)
    (tmp_path / "part").unlink()
    with pytest.raises(SpoolMissingError, match="is not there, on "):
        perform(assignment)


def test_a_file_that_one_worker_does_not_see(tmp_path: Path) -> None:
    """The client sees it: making it again would be of no use."""

    class Blind(Executor):
        def submit(self, work: Callable[..., Any], /, assignment: Assignment, **_: Any) -> Future[Any]:  # type: ignore[override]
            future: Future[Any] = Future()
            if assignment.task.work is faulty.read_part:
                future.set_exception(SpoolMissingError(str(tmp_path / "part"), host="blind"))
            else:
                future.set_result(work(assignment))
            return future

    workers = ExecutorWorkers(Blind(), count=1)
    runner = run(tmp_path, workers, [task(tmp_path, faulty.write, "part")])
    with pytest.raises(
        SpoolNotSharedError, match=r"part is there, and a worker does not see it \(worker on blind\): the spool folder"
    ):
        runner.run("read", [task(tmp_path, faulty.read_part)])


@pytest.mark.parametrize("comes", [True, False])
def test_results_that_the_client_sees_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, comes: bool) -> None:
    monkeypatch.setattr(tasks, "APPEARS_WITHIN", 5.0 if comes else 0.3)

    class Late(Executor):
        def submit(self, work: Callable[..., Any], /, assignment: Assignment, **_: Any) -> Future[Any]:  # type: ignore[override]
            future: Future[Any] = Future()
            if comes:
                threading.Timer(0.5, faulty.write, (str(tmp_path), "a")).start()
            future.set_result(Report(0.0, 0.0, 0, (1, "another machine")))
            return future

    workers = ExecutorWorkers(Late(), count=1)
    if comes:
        assert list(run(tmp_path, workers, [task(tmp_path, faulty.write)]).reports) == ["a"]
    else:
        with pytest.raises(SpoolNotSharedError, match="is not to be seen here"):
            run(tmp_path, workers, [task(tmp_path, faulty.write)])


def test_a_worker_of_another_version(tmp_path: Path) -> None:
    assignment = Assignment(task(tmp_path, faulty.write), str(tmp_path), 1, None, (0, "elsewhere"), program="0.0.1")
    with pytest.raises(WorkerVersionError, match=r"has sqlclust .*, and this process has 0\.0\.1") as caught:
        perform(assignment)
    assert caught.value.expected == "0.0.1"
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_workers_that_hang_once(tmp_path: Path, processes: ProcessWorkers, monkeypatch: pytest.MonkeyPatch) -> None:
    """One ends itself, one that is stopped cannot. Others' tasks on the same pool are not lost for it."""
    monkeypatch.setattr(running, "_GRACE", 3.0)
    for name, work in {"hang": faulty.hang_once, "stop": faulty.stop_once}.items():
        tasks = [task(tmp_path, work, name), *(task(tmp_path, faulty.write, f"{name}-{n}") for n in range(4))]
        runner = run(tmp_path, processes, tasks, seconds=1.0)
        assert sorted(runner.reports) == sorted(each.name for each in tasks), name
        assert all(is_whole(each.outputs[0]) for each in tasks)


@pytest.mark.slow
def test_workers_that_die_always(tmp_path: Path, processes: ProcessWorkers) -> None:
    tasks = [task(tmp_path, faulty.write, name) for name in "abc"]
    with pytest.raises(WorkersLostError, match="lost 3 times while no task was done") as caught:
        run(tmp_path, processes, [*tasks, task(tmp_path, faulty.die, "d")])
    assert caught.value.tries == 3
    assert "run it again with the same spool" in str(caught.value)


@pytest.mark.slow
def test_an_executor_of_somebody_elses_is_not_made_anew(tmp_path: Path) -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        workers = ExecutorWorkers(executor, count=1)
        run(tmp_path, workers, [task(tmp_path, faulty.write)])
        with pytest.raises(WorkersLostError, match="a ProcessPoolExecutor cannot be made anew here"):
            run(tmp_path, workers, [task(tmp_path, faulty.die, "b")])


@pytest.mark.slow
def test_a_worker_keeps_to_its_memory(tmp_path: Path) -> None:
    workers = quick_processes(1, memory=1 << 30)
    try:
        with pytest.raises(Exception, match="a worker had too little for task a"):
            run(tmp_path, workers, [task(tmp_path, take_memory)])
    finally:
        workers.close()


def take_memory(spool: str, name: str) -> None:
    """Take two GiB."""
    assert len(bytes(2 << 30))


@pytest.mark.slow
def test_a_stop_ends_the_workers_too(tmp_path: Path, processes: ProcessWorkers) -> None:
    control = Control(lambda phase, fraction: control.stop() if processes.processes() else None)
    began = time.monotonic()
    with pytest.raises(Interrupted):
        Runner(str(tmp_path), processes, Limits(), control).run("work", [task(tmp_path, faulty.hang_once)])
    assert time.monotonic() - began < 60  # and not the ten minutes that it hangs
    assert processes.processes() == set()


def test_peak_memory_is_reported(tmp_path: Path, threads: ExecutorWorkers) -> None:
    report = run(tmp_path, threads, [task(tmp_path, faulty.write)]).reports["a"]
    assert report.worker[0] == os.getpid()
    assert report.peak > 10 << 20
