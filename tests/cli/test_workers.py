"""sqlclust fit --workers, and sqlclust.fit with an executor."""

from __future__ import annotations

import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import apsw
import pytest
from click.testing import CliRunner, Result

import sqlclust
from sqlclust.cli import main
from sqlclust.cli.progress import ProgressLine
from sqlclust.cli.workers import announce_workers, workers_said
from sqlclust.distributed.plan import Sharding
from sqlclust.distributed.publishing import Distribution
from sqlclust.errors import ArgumentError
from tests.distributed.small_jobs import real_like
from tests.small import NOTE, add_embeddings


@pytest.fixture
def db(tmp_path: Path) -> Path:
    path = tmp_path / "notes.db"
    con = sqlclust.connect(path)
    sqlclust.initialize(con)
    add_embeddings(con, real_like(600, 16))
    con.execute(NOTE)
    con.close()
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.mark.slow
def test_processes_fit_and_say_what_it_takes(db: Path, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    done = run("fit", db, "demo", "--workers", 2, "--spool", spool, "--memory", "2GB", "--min-cluster-size", 5)
    assert done.exit_code == 0, done.output
    assert (
        "demo: 600 rows of 16 dimensions in one shard, by 2 processes on this machine; each worker takes" in done.stderr
    )
    assert re.search(r"this process \d+ MB, the spool folder \d+ MB; about \d+ s on an idle machine", done.stderr)
    assert (
        "  one worker searches the one shard: where this machine has the memory, it is quicker without --workers"
        in done.stderr
    )
    assert "Warning" not in done.stderr
    assert "sharded" in done.stdout
    assert not spool.exists()
    con = apsw.Connection(str(db))
    assert con.execute("SELECT engine FROM ClusteringFit").get == "sharded"
    con.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--workers", 2), "--workers needs --spool DIR"),
        (("--workers", 2, "--spool", ""), "--workers needs --spool DIR"),
        (("--spool", "x"), "--spool, --memory and --overlap go with --workers"),
        (("--memory", "1GB"), "--spool, --memory and --overlap go with --workers"),
        (("--overlap", 4), "--spool, --memory and --overlap go with --workers"),
        (("--workers", "many", "--spool", "x"), "--workers is 'many', expected a number from 1 or an address"),
        (
            ("--workers", "tcp://host", "--spool", "x"),
            "--workers is 'tcp://host', expected a number from 1 or an address",
        ),
        (("--workers", 0, "--spool", "x"), "--workers is '0', expected a number from 1 or an address"),
        (("--workers", 1, "--spool", "x", "--memory", "much"), "--memory is 'much', expected a size such as 8GB"),
        (("--workers", 1, "--spool", "x", "--overlap", 0), "Invalid value for '--overlap'"),
    ],
)
def test_what_cannot_be(db: Path, arguments: tuple[object, ...], message: str) -> None:
    done = run("fit", db, "demo", *arguments)
    assert done.exit_code == 2
    assert message in done.output


def test_all_models_are_refused(db: Path, tmp_path: Path) -> None:
    for model in ((), ("all",)):
        done = run("fit", db, *model, "--workers", 1, "--spool", tmp_path / "x")
        assert "--workers fit one model or source" in done.output


@pytest.mark.slow
def test_a_source_into_another_file(db: Path, tmp_path: Path) -> None:
    into = tmp_path / "clusters.db"
    done = run("fit", db, "note", "--into", into, "--workers", 1, "--spool", tmp_path / "x", "--min-cluster-size", 5)
    assert done.exit_code == 0, done.output
    assert "note: 600 rows of 16 dimensions in one shard, by 1 process on this machine; each" in done.stderr
    con = apsw.Connection(str(into))
    assert con.execute("SELECT engine, embedding_model, n FROM ClusteringFit").fetchall() == [("sharded", "note", 600)]
    con.close()


def test_too_little_memory(db: Path, tmp_path: Path) -> None:
    done = run("fit", db, "demo", "--workers", 1, "--spool", tmp_path / "x", "--memory", "100MB")
    assert done.exit_code == 1
    assert re.search(
        r"have 100 MB each, and the smallest shard needs \d+ MB \(367 MB of it addresses that", done.output
    )


def test_too_little_room_is_said_before_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workers = SimpleNamespace(said="2 processes", count=2)
    distribution = SimpleNamespace(workers=workers, spool=str(tmp_path))
    plan = SimpleNamespace(n=5_000_000, dimension=768, min_samples=15, shards=60, overlap=3, threads=1)

    def said() -> list[str]:
        announce_workers("large", distribution, ProgressLine(), plan)
        return capsys.readouterr().err.splitlines()

    monkeypatch.setattr("sqlclust.core.runtime.available_memory.available_memory", lambda: 6 * 10**9)
    monkeypatch.setattr("sqlclust.cli.workers.disk_usage", lambda folder: SimpleNamespace(free=60 * 10**9))
    first, *more = said()
    assert first.startswith("large: 5,000,000 rows of 768 dimensions in about ")
    assert more == []
    monkeypatch.setattr("sqlclust.core.runtime.available_memory.available_memory", lambda: 5 * 10**9)
    monkeypatch.setattr("sqlclust.cli.workers.disk_usage", lambda folder: SimpleNamespace(free=10**9))
    _, spool, memory = said()
    assert re.fullmatch(r"  Warning: the spool folder takes about \d+\.\d GB, and 1\.0 GB are free", spool)
    assert re.fullmatch(r"  Warning: this process takes about \d+\.\d GB, and 5\.0 GB are free", memory)


@pytest.mark.parametrize(
    ("size", "expected"), [("8GB", 8 * 10**9), ("1.5 gib", 3 << 29), ("1500m", 15 * 10**8), ("7", 7)]
)
def test_sizes(size: str, expected: int) -> None:
    said = workers_said("1", "x", size, 3)
    assert said is not None
    assert said.memory == expected


def test_no_scheduler(db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    done = run("fit", db, "demo", "--workers", "tcp://127.0.0.1:1", "--spool", tmp_path / "x")
    assert done.exit_code == 1
    assert "Dask is not installed" in done.output


@pytest.mark.slow
def test_control_c_says_how_to_go_on(db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    command = ("fit", db, "demo", "--workers", 1, "--spool", tmp_path / "spool", "--memory", "2GB")
    with monkeypatch.context() as patched:
        patched.setattr("sqlclust.distributed.publishing.held", stopped)
        done = run(*command)
        assert (done.exit_code, done.stderr) == (130, "Interrupted; nothing was written\n")
    with monkeypatch.context() as patched:
        patched.setattr("sqlclust.distributed.fit.number", stopped)
        done = run(*command)
    assert done.exit_code == 130
    assert "earlier run" not in done.stderr
    assert done.stderr.splitlines()[-1] == (
        f"Interrupted; no result was written. What is done stays in {tmp_path / 'spool'}: the same command goes on from there"
    )
    done = run(*command)
    assert f"  {tmp_path / 'spool'} has work of an earlier run, which is not done again\n" in done.stderr
    assert done.exit_code == 0


def test_from_python(db: Path, tmp_path: Path) -> None:
    con = sqlclust.connect(db)
    with ThreadPoolExecutor(2) as executor:
        result = sqlclust.fit(con, "demo", executor=executor, spool=tmp_path / "spool", min_cluster_size=5)
        assert con.execute("SELECT engine FROM ClusteringFit").get == "sharded"
        assert con.execute("SELECT count(*) FROM EmbeddingCluster WHERE clustering_result_id = ?", (result,)).get == 600
        said: dict[str, Any] = {
            "where": "id % :n",
            "parameters": {"n": 2},
            "executor": executor,
            "spool": tmp_path / "spool",
        }
        half = sqlclust.fit(con, "demo", **said)
        sql = "SELECT count(*), parameters ->> '$.where' FROM EmbeddingCluster ec JOIN ClusteringResult r "
        sql += "ON r.id = ec.clustering_result_id WHERE r.id = ?"
        assert con.execute(sql, (half,)).fetchall() == [(300, "id % :n")]
        wrong: list[tuple[dict[str, Any], str]] = [
            ({"spool": None}, "fit: spool is None, expected a folder for what workers write"),
            ({"spool": ""}, "fit: spool is '', expected a folder for what workers write"),
            ({"spool": "a\0b"}, "fit: spool is .*, expected a folder for what workers write"),
            ({"executor": None}, "fit: spool is .*, expected none without an executor"),
            ({"memory": "8GB"}, "fit: memory is '8GB', expected an integer from 1"),
            ({"overlap": 0}, "fit: overlap is 0, expected an integer from 1"),
            ({"executor": 0}, "fit: executor is 0, expected a number of processes"),
        ]
        for arguments, message in wrong:
            with pytest.raises(ArgumentError, match=message):
                sqlclust.fit(con, "demo", **{"executor": executor, "spool": tmp_path / "s", **arguments})
        with pytest.raises(ArgumentError, match=r"fit: spool is .*, expected none without an executor"):
            sqlclust.fit(con, "demo", spool="s")
    con.close()


@pytest.mark.parametrize(("said", "memory"), [({}, 4 * 10**8), ({"memory": None}, None), ({"memory": 10**9}, 10**9)])
def test_memory_from_python(
    db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: dict[str, Any], memory: int | None
) -> None:
    """As of the command: what does not fit is divided, though nobody says how much there is."""
    asked: list[Sharding] = []

    def fit(database: object, model: object, options: object, how: Distribution, **_: object) -> int:
        asked.append(how.sharding)
        return 1

    monkeypatch.setattr("sqlclust.distributed.calling.fit_with_workers", fit)
    monkeypatch.setattr("sqlclust.distributed.workers.available_memory", lambda: 10**9)
    con = sqlclust.connect(db)
    sqlclust.fit(con, "demo", executor=2, spool=tmp_path / "spool", **said)
    con.close()
    assert [(each.memory, each.memory_is_said) for each in asked] == [(memory, "memory" in said)]
