from __future__ import annotations

import csv
import dataclasses
import io
import json
import logging
import re
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlclust
from sqlclust.cli.results import RESULT_COLUMNS
from sqlclust.options import HdbscanOptions
from sqlclust.sqlite.database import Database
from sqlclust.store.fit import fit
from tests.cli.terminal import fail, misuse, on_terminal, rows, run, succeed

RESULTS = "SELECT id, embedding_model FROM ClusteringResult ORDER BY id"


def without_seconds(text: str) -> str:
    return re.sub(r"exact, \d+\.\d s", "exact, … s", text)


def parameters_of(path: Path, result_id: int = 1) -> dict[str, Any]:
    [(text,)] = rows(path, f"SELECT parameters FROM ClusteringResult WHERE id = {result_id}")
    found: dict[str, Any] = json.loads(str(text))
    return found


def test_what_it_says(db: Path) -> None:
    assert without_seconds(succeed("fit", db)) == (
        "demo: result 1, 40 rows in 3 clusters, 10.0 % noise (exact, … s)\n"
        "\n"
        "Look further:\n"
        f"  sqlclust show {db} 1\n"
        f"  sqlclust page {db} 1\n"
        f'  sqlclust query {db} "SELECT * FROM ClusterAssignment WHERE clustering_result_id = 1"\n'
    )
    assert rows(db, "SELECT count(*), count(DISTINCT label) FROM EmbeddingCluster") == [(40, 4)]


def test_again_is_another_result(db: Path) -> None:
    succeed("fit", db, "demo")
    succeed("fit", db, "demo", "--min-cluster-size", 6)
    succeed("fit", db, "all", "--no-store-fit", "--min-samples", 3)
    assert rows(db, RESULTS) == [(1, "demo"), (2, "demo"), (3, "demo")]
    kept = "SELECT r.id, spanning_tree IS NOT NULL FROM ClusteringResult r JOIN ClusteringFit f ON f.id = clustering_fit_id"
    assert rows(db, f"{kept} ORDER BY 1") == [(1, 1), (2, 1), (3, 0)]


def test_neighbours_are_kept_unless_told_otherwise(db: Path) -> None:
    succeed("fit", db, "demo")
    succeed("fit", db, "demo", "--min-samples", 3, "--no-neighbors")
    succeed("fit", db, "demo", "--min-samples", 4, "--no-store-fit")
    succeed("fit", db, "demo", "--min-samples", 4, "--no-store-fit", "--neighbors")
    assert rows(db, "SELECT clustering_fit_id, part, n FROM ClusteringFitNeighbors") == [(1, 0, 40)]
    assert rows(db, "SELECT id, spanning_tree IS NOT NULL FROM ClusteringFit") == [(1, 1), (2, 1), (3, 0), (4, 0)]


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--json", "--nl", "--csv"])
def test_formats(db: Path, option: str) -> None:
    out = succeed("fit", db, option)
    if option == "--csv":
        [row] = list(csv.DictReader(io.StringIO(out)))
        found: dict[str, Any] = {**row, "id": int(row["id"]), "parameters": json.loads(row["parameters"])}
    else:
        found = json.loads(out) if option == "--nl" else json.loads(out)[0]
        assert found["noise_share"] == pytest.approx(0.1)
    assert tuple(found) == RESULT_COLUMNS
    assert found["id"] == 1
    assert found["parameters"] == parameters_of(db)


# --- options ----------------------------------------------------------------------------------------------

VALUES: dict[str, tuple[list[str], object]] = {
    "min_cluster_size": (["7"], 7),
    "min_samples": (["3"], 3),
    "cluster_selection_epsilon": (["0.25"], 0.25),
    "cluster_selection_method": (["leaf"], "leaf"),
    "cluster_selection_persistence": (["0.125"], 0.125),
    "max_cluster_size": (["30"], 30),
    "allow_single_cluster": ([], True),
    "alpha": (["0.5"], 0.5),
    "metric": (["cosine"], "cosine"),
    "normalize": ([], True),
    "engine": (["exact"], "exact"),
    "downsample": (["2"], 2),
    "seed": (["9"], 9),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(HdbscanOptions)])
def test_every_option_of_hdbscan_is_one_here(db: Path, name: str) -> None:
    text, value = VALUES[name]
    long = "--" + name.replace("_", "-")
    short = long.replace("cluster-selection-", "")
    for at, option in enumerate(dict.fromkeys([long, short]), start=1):
        succeed("fit", db, option, *text)
        assert parameters_of(db, at)[name] == value


def test_no_normalize(db: Path) -> None:
    succeed("fit", db, "--no-normalize")
    assert parameters_of(db)["normalize"] is False


def test_help_has_the_defaults() -> None:
    out = " ".join(succeed("fit", "--help").split())
    assert "--epsilon, --cluster-selection-epsilon FLOAT" in out
    for default in (
        "(max(5, n/1000))",
        "(min(min_cluster_size, 15))",
        "default: eom",
        "default: normalize",
        "default: 0.0",
    ):
        assert default in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--min-cluster-size", "1"], "Invalid value for '--min-cluster-size': 1 is not in the range x>=2."),
        (["--param", "n", "1"], "--param is a value for a placeholder of --where, and there is none"),
        (["--min-samples", "x"], "Invalid value for '--min-samples': 'x' is not a valid integer range."),
        (["--epsilon", "-1"], "-1.0 is not in the range x>=0."),
        (["--epsilon", "nan"], "option 'cluster_selection_epsilon': found nan, expected a number of at least 0"),
        (["--downsample", str(2**40)], "expected a whole number of at least 1 and at most 2147483647"),
        (["--method", "best"], "'best' is not one of 'eom', 'leaf'."),
        (["--metric", "manhattan"], "'manhattan' is not one of"),
        (["--bogus"], "No such option"),
    ],
)
def test_bad_options(db: Path, options: list[str], message: str) -> None:
    assert message in misuse("fit", db, *options)
    assert rows(db, RESULTS) == []


def test_where(db: Path) -> None:
    assert " 30 rows in 3 clusters" in succeed("fit", db, "--where", "id <= 30")
    assert parameters_of(db)["where"] == "id <= 30"


@pytest.mark.slow
@pytest.mark.parametrize("where", ["nonsense =", "1) OR (1", "1; DELETE FROM Embedding", "no_such_column = 1", ""])
def test_bad_where(three: Path, where: str) -> None:
    message = fail("fit", three, "--where", where)  # once, not for every model
    assert message.startswith(f"where {where!r}: ")
    assert rows(three, RESULTS) == []


# --- several models ---------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("model", [[], ["all"]])
def test_all_models(three: Path, model: list[str]) -> None:
    ran = run("fit", three, *model)
    assert ran.code == 0
    assert ran.err == "skipped: embedding model 'b' has 1 row, expected at least 2 to cluster\n"
    assert [line.split(",")[0] for line in ran.out.splitlines()[:2]] == ["a: result 1", "c: result 2"]
    assert rows(three, RESULTS) == [(1, "a"), (2, "c")]


@pytest.mark.slow
@pytest.mark.parametrize("option", [[], ["--json"]])
def test_one_failure_leaves_the_others(three: Path, option: list[str], tmp_path: Path) -> None:
    connection = sqlclust.connect(str(three))
    connection.execute("UPDATE Embedding SET vector = zeroblob(32) WHERE id = 7")
    connection.close()
    log = tmp_path / "fit.log"
    ran = run("fit", three, "all", *option, "--log-file", log)
    assert ran.code == 1
    first, second, last = ran.err.splitlines()
    assert first.startswith("Error: a: embedding 7 is a zero vector, which has no direction")
    assert second.startswith("skipped: embedding model 'b'")
    assert last == "Error: 1 of 3 models failed"
    assert rows(three, RESULTS) == [(1, "c")]
    if option:
        assert [row["embedding_model"] for row in json.loads(ran.out)] == ["c"]
    else:
        assert ran.out.startswith("c: result 1, ")
    assert "sqlclust.errors.ZeroVectorError: embedding 7" in log.read_text(encoding="utf-8")
    assert "Traceback" in log.read_text(encoding="utf-8")


def test_a_model_of_one_row(three: Path) -> None:
    assert fail("fit", three, "b") == "embedding model 'b' has 1 row, expected at least 2 to cluster"
    ran = run("fit", three, "--where", "id = 1")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.splitlines()[0] == (
        "skipped: embedding model 'a' has 1 row after the filter and downsampling, expected at least 2 to cluster"
    )
    assert ran.err.splitlines()[-1] == "Error: no model has two rows to cluster"


def test_an_unknown_model(db: Path) -> None:
    assert fail("fit", db, "nope") == "no embeddings of model 'nope'; models in this database: 'demo'"


def test_no_embeddings(tmp_path: Path) -> None:
    path = tmp_path / "my notes.db"
    succeed("init", path)
    assert fail("fit", path) == f"no embeddings in {path} yet; load some: sqlclust load '{path}' FILE --model NAME"


@pytest.mark.parametrize("after", [0, 1])
def test_control_c_says_what_is_there(three: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    done: list[str] = []

    def interrupted(database: Database, model: str, *args: Any, **options: Any) -> int:
        if len(done) == after:
            raise KeyboardInterrupt
        done.append(model)
        return fit(database, model, *args, **options)

    monkeypatch.setattr("sqlclust.cli.commands.fit.fit", interrupted)
    ran = run("fit", three)
    assert ran.code == 130
    if after:
        assert ran.err.splitlines()[-1] == "Interrupted; nothing of b was written (results before it: 1)"
    else:
        assert ran.err == "Interrupted; nothing was written\n"
    assert rows(three, RESULTS) == [(1, "a")][:after]


def test_another_writer(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqlclust.store.fit.PATIENCE", 0.1)
    monkeypatch.setattr("sqlclust.bindings.apsw.connection.BUSY_TIMEOUT", 50)
    other = apsw.Connection(str(db))
    other.execute("BEGIN IMMEDIATE")
    assert "another connection is using the database" in fail("fit", db)
    other.execute("ROLLBACK")
    other.close()
    assert rows(db, "SELECT count(*) FROM ClusteringFit") == [(0,)]


# --- the log ----------------------------------------------------------------------------------------------


def test_log_file(db: Path, tmp_path: Path) -> None:
    path = tmp_path / "fit.log"
    logger = logging.getLogger("sqlclust")
    before = logger.level, list(logger.handlers)
    succeed("fit", db, "--min-samples", 4, "--log-file", path)
    text = path.read_text(encoding="utf-8")
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO ", line) for line in text.splitlines())
    assert "min_samples=4" in text
    for phase in ("load", "publish"):
        assert re.search(rf" INFO {phase}: done in \d+\.\d s\n", text)
    assert "demo: result 1, 40 rows, 3 clusters, 4 noise" in text
    fail("fit", db, "nope", "--log-file", path)
    assert "ERROR no embeddings of model 'nope'" in path.read_text(encoding="utf-8")
    assert (logger.level, logger.handlers) == before


def test_a_log_file_that_cannot_be_written(db: Path, tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "fit.log"
    assert fail("fit", db, "--log-file", path) == f"--log-file {path}: No such file or directory"
    assert rows(db, RESULTS) == []


@pytest.mark.slow
def test_progress_on_a_terminal(three: Path) -> None:
    ran = on_terminal("fit", three, "all")
    assert ran.code == 0
    shown = re.findall(r"\r\x1b\[K([ac]): ([a-z ]+?) +[█░]{24} +\d+%  \d+:\d\d(?=\r)", ran.out)
    assert {("a", "load"), ("c", "load"), ("a", "publish"), ("c", "publish")} <= set(shown)
    assert "\r\x1b[Ka: result 1, 40 rows in " in ran.out  # the line is taken away before
