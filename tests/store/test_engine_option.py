"""The engine through every layer: what `auto` is, what is stored and shown, and a fit that cannot fit into memory."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

import sqlclust
import sqlclust.cli.fitting
import sqlclust.store.memory
from sqlclust.errors import OutOfMemoryError
from sqlclust.options import HdbscanOptions
from tests.cli.terminal import run, succeed


@pytest.mark.parametrize(
    ("n", "dimension", "expected"),
    [(2, 1, "exact"), (141_600, 384, "exact"), (360_000, 384, "exact"), (1_416_000, 768, "approximate")],
)
def test_auto(n: int, dimension: int, expected: str) -> None:
    assert HdbscanOptions().resolved(n, dimension).engine == expected
    assert HdbscanOptions(engine="exact").resolved(n, dimension).engine == "exact"
    assert HdbscanOptions(engine="approximate").resolved(n, dimension).engine == "approximate"


def test_what_ran_is_stored_with_its_recall(demo: apsw.Connection) -> None:
    exact = sqlclust.fit(demo, "demo", min_cluster_size=5)
    approximate = sqlclust.fit(demo, "demo", min_cluster_size=5, engine="approximate")
    ran = "SELECT f.engine, f.recall FROM ClusteringResult r JOIN ClusteringFit f ON f.id = r.clustering_fit_id WHERE r.id = ?"
    assert demo.execute(ran, (exact,)).fetchone() == ("exact", 1.0)
    engine, recall = demo.execute(ran, (approximate,)).fetchone() or ("", 0.0)
    assert engine == "approximate"
    assert 0.9 <= recall <= 1.0


def test_a_fit_beyond_the_memory_is_refused_before_it_starts(
    demo: apsw.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlclust.store.memory, "available_memory", lambda: 1 << 20)
    phases: list[str] = []
    with pytest.raises(
        OutOfMemoryError, match=r"the exact engine needs about 0\.\d GiB for 40 vectors of 8 dimensions"
    ):
        sqlclust.fit(demo, "demo", progress=lambda phase, _: phases.append(phase))
    assert set(phases) == {"load"}
    assert demo.execute("SELECT count(*) FROM ClusteringFit").get == 0


def test_the_command_line_names_it(demo_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlclust.cli.fitting, "_LONG", 0.0)
    done = run("fit", demo_file, "--engine", "approximate")
    assert (
        "demo: 40 rows of 8 dimensions, about 0 s with the approximate engine (--engine exact: about 0 s)" in done.err
    )
    assert "(approximate, recall " in done.out
    assert "approximate" in succeed("list", demo_file)
    assert "(approximate, recall " in succeed("show", demo_file)
