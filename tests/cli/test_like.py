"""--like of fit and cut: which result it means, and what is said of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import sqlclust
from tests.cli.terminal import fail, misuse, rows, run, succeed
from tests.small import add_embeddings, clustered

LIKE = "SELECT id, embedding_model, parameters ->> 'like' FROM ClusteringResult ORDER BY id"
FIVE = ("--min-cluster-size", 5)


def line(out: str) -> str:
    """What is said of it, below the summary and what was done with stored fits."""
    [found] = [line for line in map(str.strip, out.splitlines()) if line.startswith(("like ", "no result of "))]
    return found


def add(path: Path, *, clusters: int, seed: int, first_id: int) -> None:
    con = sqlclust.connect(str(path))
    add_embeddings(con, clustered(clusters=clusters, noise=0, seed=seed), ids=range(first_id, first_id + 40))
    con.close()


def test_every_day(db: Path) -> None:
    """The same command from the first day on."""
    command = ("fit", db, *FIVE, "--like", "latest")
    assert line(succeed(*command)) == "no result of demo to be like yet: its clusters have labels from 0"
    add(db, clusters=4, seed=3, first_id=101)
    assert line(succeed(*command)) == "like result 1: 3 clusters keep their labels, 1 is new, 0 are gone"
    assert line(succeed("fit", db, "--min-cluster-size", 6, "--like", "latest")) == (
        "like result 2: 4 clusters keep their labels, 0 are new, 0 are gone"
    )
    assert line(succeed("fit", db, *FIVE, "--where", "id < 41 AND id % 3 <> 0", "--like", "latest~1")) == (
        "like result 2: 2 clusters keep their labels, 0 are new, 2 are gone"
    )
    assert rows(db, LIKE) == [(1, "demo", None), (2, "demo", 1), (3, "demo", 2), (4, "demo", 2)]
    out = succeed("compare", db, 2, 4)
    assert "clusters        2 matches, 0 splits, 0 merges, 0 births, 2 deaths" in out
    matches = [row.split()[1:3] for row in out.splitlines() if row.startswith("match")]
    assert len(matches) == 2
    assert all(a == b for a, b in matches)
    assert succeed("doctor", db)


def test_a_latest_result_that_began_labels_of_its_own(fitted: Path) -> None:
    """Somebody tried something between two runs of the command of every day."""
    succeed("cut", fitted, 1, *FIVE)
    assert "labels of its own" not in succeed("cut", fitted, 1, *FIVE, "--like", "latest")
    succeed("cut", fitted, 1, "--min-cluster-size", 6)
    said = "  result 4, which is later, has labels of its own; --like 4 would go on with those"
    assert succeed("fit", fitted, *FIVE, "--like", "latest").splitlines()[3] == said
    assert "labels of its own" not in succeed("fit", fitted, *FIVE, "--like", "latest")
    assert "labels of its own" not in succeed("fit", fitted, *FIVE, "--like", 4)
    assert "labels of its own" not in succeed("cut", fitted, 1, *FIVE, "--like", "latest")
    assert rows(fitted, LIKE)[3:] == [
        (4, "demo", None), (5, "demo", 3), (6, "demo", 5), (7, "demo", 4), (8, "demo", 7)
    ]  # fmt: skip


def test_it_is_shown_as_other_parameters_are(fitted: Path) -> None:
    succeed("cut", fitted, 1, *FIVE, "--like", 1)
    assert "min_cluster_size 5, min_samples 5, like 1, next_label 3" in succeed("show", fitted)
    assert "like 1, next_label 3" in succeed("list", fitted).splitlines()[-1]
    first, second = json.loads(succeed("list", fitted, "--json"))
    assert second["parameters"] == {**first["parameters"], "like": 1, "next_label": 3}


@pytest.mark.parametrize("command", ["fit", "cut"])
def test_programs_get_the_result_alone(fitted: Path, command: str) -> None:
    [result] = json.loads(succeed(command, fitted, *FIVE, "--like", "latest", "--json"))
    assert result["parameters"]["like"] == 1


def test_the_latest_is_each_model_s_own(three: Path) -> None:
    succeed("fit", three, "a", *FIVE)
    done = run("fit", three, *FIVE, "--like", "latest")
    assert [each.strip() for each in done.out.splitlines() if "like" in each] == [
        "like result 1: 3 clusters keep their labels, 0 are new, 0 are gone",
        "no result of c to be like yet: its clusters have labels from 0",
    ]
    run("fit", three, "all", *FIVE, "--like", "latest")
    assert line(succeed("cut", three, 1, *FIVE, "--like", "latest")).startswith("like result 4:")
    assert line(succeed("cut", three, "latest", *FIVE, "--like", "latest")).startswith("like result 5:")
    assert rows(three, LIKE) == [
        (1, "a", None), (2, "a", 1), (3, "c", None), (4, "a", 2), (5, "c", 3), (6, "a", 4), (7, "c", 5),
    ]  # fmt: skip


def test_of_several_models_one_result_is_one_s(three: Path) -> None:
    succeed("fit", three, "a", *FIVE)
    done = run("fit", three, *FIVE, "--like", 1)
    assert done.code == 1
    assert (
        "Error: c: clustering result 1 is of 'a', expected one of 'c', whose clusters can be like its own" in done.err
    )
    assert rows(three, LIKE) == [(1, "a", None), (2, "a", 1)]


def test_of_a_source_whose_results_are_in_another_file(tmp_path: Path) -> None:
    into = tmp_path / "results.db"
    host = tmp_path / "host.db"
    con = sqlclust.connect(str(host))
    con.execute("CREATE TABLE doc (id INTEGER PRIMARY KEY, embedding BLOB)")
    con.executemany("INSERT INTO doc VALUES (?, ?)", [(i, row.tobytes()) for i, row in enumerate(clustered())])
    con.close()
    command = ("fit", host, "doc", "--into", into, *FIVE, "--like", "latest")
    assert line(succeed(*command)) == "no result of doc to be like yet: its clusters have labels from 0"
    assert "  like result 1: 3 clusters keep their labels, 0 are new, 0 are gone" in succeed(*command).splitlines()
    assert rows(into, LIKE) == [(1, "doc", None), (2, "doc", 1)]


def test_what_is_no_result(fitted: Path) -> None:
    for command in ("fit", "cut"):
        assert fail(command, fitted, "--like", 9) == "no clustering result 9; ids here: 1"
        assert fail(command, fitted, "--like", "latest~1") == "no clustering result 'latest~1'; ids here: 1"
        for text in ("x", "", "1.5", "-1", "latest~", "²", "9" * 30):
            assert f"{text!r} is no result; expected its id, or latest, latest~1, …" in misuse(
                command, fitted, "--like", text
            )
        assert "found 0, expected a whole number of at least 1" in misuse(command, fitted, "--like", 0)
        assert "found 9999999999, expected" in misuse(command, fitted, "--like", 9999999999)
    assert misuse("sweep", fitted, "--like", 1).startswith("No such option")
    assert rows(fitted, LIKE) == [(1, "demo", None)]
