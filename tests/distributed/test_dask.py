"""Fits in shards on a Dask cluster of this machine: the same result, also where workers die or the scheduler begins anew."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from sqlclust.distributed.workers import DaskWorkers
from sqlclust.errors import WorkersLostError
from tests.distributed.small_jobs import fitted, real_like

without_dask = pytest.mark.skipif(find_spec("distributed") is None, reason="the extra [dask] is not installed")


@without_dask
@pytest.mark.slow
def test_workers_killed_hanging_and_a_scheduler_restarted(tmp_path: Path) -> None:
    expected = np.column_stack(fitted(tmp_path / "expected", real_like(1500), shards=3).edges)
    command = [sys.executable, "-m", "tests.distributed.dask_program", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout.splitlines()[-1])
    assert facts["count"] == 2
    assert facts["said"].startswith(f"Dask at {facts['address']}, dashboard http")
    assert {"route", "search", "forest"} <= {*facts["phases"]}
    assert facts["hung"]
    for name in ("calm", "harmed"):
        assert np.array_equal(np.load(tmp_path / name / "tree.npy"), expected), name


def test_a_scheduler_without_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fit would be divided for workers of no known memory: into one shard."""
    asked: list[object] = []

    class Client:
        scheduler = SimpleNamespace(address="tcp://scheduler:8786")
        dashboard_link = "http://scheduler:8787"

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


def test_without_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(WorkersLostError, match=r"pip install 'sqlclust\[dask\]' brings it"):
        DaskWorkers("tcp://127.0.0.1:1")
