"""The README says what is so: generated parts and shown outputs are current, its SQL and Python run."""

from __future__ import annotations

import re
from pathlib import Path

import apsw
import numpy as np
import pytest

import sqlclust
from tests.reference import README, filled_in, without_times

pytestmark = pytest.mark.slow

TEXT = README.read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


def test_generated_parts_and_outputs_are_current() -> None:
    expected = filled_in(TEXT)
    assert without_times(TEXT) == without_times(expected), "run: python -m tests.reference"


@pytest.fixture
def roberta(tmp_path: Path) -> apsw.Connection:
    con = sqlclust.connect(str(tmp_path / "embeddings.db"))
    sqlclust.initialize(con)
    rng = np.random.default_rng(5)
    centres = rng.normal(size=(4, 8))
    vectors = (centres[np.arange(400) % 4] + 0.05 * rng.normal(size=(400, 8))).astype("<f4")
    with con:
        con.executemany(
            "INSERT INTO Embedding (id, embedding_model, vector, content) VALUES (?, 'STSBRoberta', ?, 'text')",
            [(f"e{row}", vector.tobytes()) for row, vector in enumerate(vectors)],
        )
    return con


def test_sql_in_prose_runs(roberta: apsw.Connection) -> None:
    shown = [block for block in blocks("sql") if "STSBRoberta" in block]
    assert len(shown) == 4
    for block in shown:
        block = block.replace('"downsample": 100', '"downsample": 2')  # 400 rows here, not 1.4 million
        roberta.execute(block).fetchall()
    results = roberta.execute("SELECT clustering_result_id, n_rows, n_clusters FROM ClusteringSummary").fetchall()
    assert results == [(1, 200, 4), (7, 400, 4), (8, 400, 4)]
    assert roberta.execute("PRAGMA foreign_key_check").fetchall() == []


def test_sql_of_stored_fits_runs(roberta: apsw.Connection) -> None:
    roberta.execute("SELECT clust_fit('STSBRoberta')").fetchall()
    shown = [
        block for block in blocks("sql") if "clust_sweep(1, " in block and not block.startswith("SELECT clust_version")
    ]
    assert len(shown) == 1
    roberta.execute(shown[0]).fetchall()
    assert roberta.execute("SELECT clustering_fit_id FROM ClusteringResult").fetchall() == [(1,), (1,)]
    [later] = [
        block for block in blocks("sql") if "clust_predict(1, " in block and not block.startswith("SELECT clust_")
    ]
    roberta.execute(later).fetchall()


def test_python_in_prose_runs(roberta: apsw.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [block] = blocks("python")
    monkeypatch.chdir(tmp_path)
    names = {"X": np.random.default_rng(0).normal(size=(60, 4))}
    exec(block.replace("downsample=100", "downsample=4"), names)
    assert names["result_id"] == 1
    assert len(names["clustering"].labels) == 60  # type: ignore[attr-defined]


def test_commands_for_a_fresh_machine_are_single_lines() -> None:
    for block in blocks("sh"):
        assert len(block.strip().splitlines()) == 1
        assert block.startswith("python3 -m venv .venv && ")


def test_every_promise_names_tests_that_exist() -> None:
    root = README.parent
    chapter = TEXT.partition("## What you can rely on")[2].partition("\n## ")[0]
    rows = [line for line in chapter.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 10
    for row in rows:
        shown_by = re.findall(r"`([^`]*)`", row.rpartition("|")[0].rpartition("| ")[2])
        assert shown_by, row
        for name in shown_by:
            path, _, test = name.partition("::")
            file = root / path if path.startswith("tests/") else root / "tests" / "trust" / path
            assert f"def {test or 'test_'}" in file.read_text(encoding="utf-8"), name
