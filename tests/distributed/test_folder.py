"""The spool folder: one fit's files, one client, nothing of somebody else's removed; and nothing written by who comes late."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sqlclust.core.runtime.control import Control
from sqlclust.distributed.fit import ShardedFit, fit_in_shards
from sqlclust.distributed.folder import PLAN, files_of_fit, fits, held, new_fit, remove_spool
from sqlclust.distributed.plan import keep_plan
from sqlclust.distributed.tasks import Assignment, perform
from sqlclust.distributed.workers import ExecutorWorkers
from sqlclust.errors import SpoolInUseError, SpoolNotSharedError, SpoolOfAnotherFitError, SpoolPlanError
from tests.distributed.small_jobs import assert_same, by_threads, fit_with, start


class Remembering(Executor):
    """Does tasks at once, and keeps them, as a scheduler does whose client is gone."""

    def __init__(self) -> None:
        self.given: list[Assignment] = []

    def submit(self, work: Callable[..., Any], /, assignment: Assignment, **_: Any) -> Future[Any]:  # type: ignore[override]
        future: Future[Any] = Future()
        self.given.append(assignment)
        try:
            future.set_result(work(assignment))
        except Exception as error:
            future.set_exception(error)
        return future


def contents(spool: Path) -> dict[str, bytes]:
    return {str(path.relative_to(spool)): path.read_bytes() for path in spool.rglob("*") if path.is_file()}


@pytest.mark.parametrize("said", [{}, {"overlap": 2}])
def test_tasks_of_an_earlier_fit_write_nothing_into_a_new_one(tmp_path: Path, said: dict[str, Any]) -> None:
    """A scheduler runs them though their client is gone and the folder was emptied; of the same fit as of another."""
    spool, earlier = tmp_path / "spool", Remembering()
    fit_with(ExecutorWorkers(earlier, count=2), tmp_path)
    remove_spool(str(spool))
    expected = by_threads(tmp_path, **said)
    [folder] = fits(str(spool))
    before = contents(spool)
    for name in files_of_fit(folder):
        if name != PLAN:
            os.unlink(os.path.join(folder, name))
    only_plan = contents(spool)
    assert len(earlier.given) > 20
    for assignment in earlier.given:
        with pytest.raises(SpoolNotSharedError, match="is no folder there"):
            perform(assignment)
    assert contents(spool) == only_plan
    assert_same(by_threads(tmp_path, **said), expected)
    assert contents(spool).keys() == before.keys()


def test_who_writes_while_files_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file goes too: files without a plan would be nobody's."""
    folder, unlink, late = by_threads(tmp_path).folder, os.unlink, ["found-000007", "forest-000007.4711-0123abcd.tmp"]

    def write_late(path: str) -> None:
        unlink(path)
        if late:
            Path(folder, late.pop()).touch()

    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", write_late)
        remove_spool(str(tmp_path / "spool"))
    assert not late
    assert not (tmp_path / "spool").exists()


def test_a_client_that_died_before_its_plan_was_there(tmp_path: Path, expected: ShardedFit) -> None:
    """Its folder is nobody's, and goes."""
    (tmp_path / "spool").mkdir()
    empty = Path(new_fit(str(tmp_path / "spool")))
    (empty / f"{PLAN}.4711-0123abcd.tmp").touch()
    found = by_threads(tmp_path)
    assert_same(found, expected)
    assert os.listdir(tmp_path / "spool") == [os.path.basename(found.folder)] != [empty.name]


def test_the_same_fit_among_others(tmp_path: Path) -> None:
    """There are several only where somebody copied them. Each is found."""
    folders = []
    for overlap in (2, 3):
        job, spool = start(tmp_path, spool=str(overlap), overlap=overlap)
        with_one = ExecutorWorkers(Remembering(), count=1)
        folders.append(fit_in_shards(job, with_one, spool, Control()).folder)
    os.rename(folders[0], tmp_path / "3" / os.path.basename(folders[0]))
    for overlap, folder in ((2, folders[0]), (3, folders[1])):
        again = by_threads(tmp_path, spool="3", overlap=overlap)
        assert os.path.basename(again.folder) == os.path.basename(folder)
    with pytest.raises(SpoolOfAnotherFitError, match="overlap is"):
        by_threads(tmp_path, spool="3", overlap=1)


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
    spool = Path(by_threads(tmp_path).folder)
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
    assert not {*own} & {*files_of_fit(str(spool))}
    (tmp_path / "spool" / "fit-notes").write_text("mine")
    remove_spool(str(tmp_path / "spool"))
    assert sorted(os.listdir(spool)) == own
    assert sorted(os.listdir(tmp_path / "spool")) == sorted([spool.name, "fit-notes"])


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
    Path(by_threads(tmp_path).folder, "plan.json").unlink()
    with pytest.raises(SpoolPlanError, match=r"has files of a fit, such as answer-confirm-000000, and no plan\.json"):
        by_threads(tmp_path)


def test_a_damaged_plan(tmp_path: Path) -> None:
    """Also where it is JSON still: a fit with another seed is another."""
    plan = Path(by_threads(tmp_path).folder, "plan.json")
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
    with pytest.raises(SpoolOfAnotherFitError, match=r"most \(by the memory of a worker\) is"):
        by_threads(tmp_path, memory=900 << 20, **{**said, "memory_is_said": True})


def test_a_spool_of_other_vectors_says_which(tmp_path: Path) -> None:
    """The part that differs, and not the whole description of a source, of which only the beginning would be shown."""
    one = by_threads(tmp_path).plan
    chosen: dict[str, Any] = {"where": "x > 1", "downsample": 1}
    others: list[tuple[dict[str, Any], str]] = [
        ({"folder": "elsewhere"}, r"source's folder is '.*' there, and 'elsewhere' is asked for"),
        ({"selection": chosen}, "where is None there, and 'x > 1' is asked for"),
    ]
    for more, message in others:
        with pytest.raises(SpoolOfAnotherFitError, match=message):
            keep_plan(str(tmp_path / "spool"), replace(one, source={**one.source, **more}))
    spool = str(tmp_path / "other")
    keep_plan(spool, replace(one, source={**one.source, "selection": chosen}))
    with pytest.raises(SpoolOfAnotherFitError, match="where is 'x > 1' there, and None is asked for"):
        keep_plan(spool, one)


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
