"""Fits in shards on a Dask cluster of this machine: the same result, also where workers die or the scheduler begins anew."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import apsw
import numpy as np
import pytest

import sqlclust
from sqlclust.distributed import publishing
from sqlclust.distributed.fit import Job, ShardedFit
from sqlclust.distributed.plan import Plan, plan_of
from sqlclust.distributed.workers import DaskWorkers
from sqlclust.errors import WorkersLostError
from tests.distributed.small_jobs import PHASES

without_dask = pytest.mark.skipif(find_spec("distributed") is None, reason="the extra [dask] is not installed")


@without_dask
@pytest.mark.slow
def test_workers_killed_in_each_phase_hanging_files_missing_and_a_scheduler_restarted(
    tmp_path: Path, expected: ShardedFit
) -> None:
    command = [sys.executable, "-m", "tests.distributed.dask_program", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout.splitlines()[-1])
    assert facts["count"] == 2
    assert f" of Dask at {facts['address']}, dashboard http" in facts["said"]
    assert facts["died"] == len(PHASES) + 1  # and one that hung
    assert facts["restarted"] == ["route", "forest"]
    for name in ("killed", "missing", "hung", "restarted"):
        assert np.array_equal(np.load(tmp_path / name / "tree.npy"), np.column_stack(expected.edges)), name
        assert np.load(tmp_path / name / "shares.npy").tolist() == [expected.recall, expected.tree_confirmed], name


def test_a_scheduler_without_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fit would be divided for workers of no known memory: into one shard."""
    asked: list[object] = []

    class Client:
        scheduler = SimpleNamespace(address="tcp://scheduler:8786")
        dashboard_link = "http://scheduler:8787"
        status = "running"

        def get_executor(self, **_: object) -> None:
            pass

        def wait_for_workers(self, count: int, timeout: float) -> None:
            asked.append(count)
            raise TimeoutError("Only 0/1 workers arrived")

        def close(self) -> None:
            raise AssertionError("it is not ours")

    with pytest.raises(WorkersLostError, match=r"there are no workers: .* tcp://scheduler:8786.*Only 0/1 workers"):
        DaskWorkers(Client())
    assert asked == [1]


def test_each_thread_of_dask_does_a_task(con: apsw.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So a task keeps to one core of its machine, however many this one has."""
    monkeypatch.setattr("sqlclust.core.runtime.threads._cores", lambda: 64)
    planned: list[Plan] = []

    class Client:
        status = "running"

        def get_executor(self, **_: object) -> None:
            pass

        def wait_for_workers(self, count: int, timeout: float) -> None:
            pass

        def nthreads(self) -> dict[str, int]:
            return {"tcp://one:1": 2, "tcp://two:1": 2}

        def scheduler_info(self, n_workers: int) -> dict[str, object]:
            return {"workers": {"tcp://one:1": {"memory_limit": 4 << 30, "nthreads": 2}}}

    def fit_in_shards(job: Job, *_: object, **__: object) -> None:
        planned.append(plan_of(*job))
        raise KeyboardInterrupt

    monkeypatch.setattr(publishing, "fit_in_shards", fit_in_shards)
    with pytest.raises(KeyboardInterrupt):
        sqlclust.fit(con, "demo", executor=Client(), spool=tmp_path / "spool")
    assert [plan.threads for plan in planned] == [1]


def test_a_closed_client() -> None:
    with pytest.raises(WorkersLostError, match="the Dask client that was given is closed"):
        DaskWorkers(SimpleNamespace(status="closed", scheduler=None))


@without_dask
@pytest.mark.parametrize("address", ["http://host:1", "tcp://host"])
def test_what_is_no_address(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No client is made of it."""
    monkeypatch.setattr("distributed.Client", None)
    with pytest.raises(
        WorkersLostError, match=rf"no scheduler answers at {address} \((unknown address scheme|missing port)"
    ):
        DaskWorkers(address)


def test_without_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(WorkersLostError, match=r"pip install 'sqlclust\[dask\]' brings it$"):
        DaskWorkers("tcp://127.0.0.1:1")


def test_no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody was lost, and nothing is there to go on from."""

    def client(address: str, **_: object) -> None:
        raise OSError("Timed out")

    monkeypatch.setitem(sys.modules, "distributed", SimpleNamespace(Client=client))
    with pytest.raises(
        WorkersLostError, match=r"^there are no workers: no scheduler answers at tcp://a:1 \(Timed out\)$"
    ):
        DaskWorkers("tcp://a:1")
