"""Runs as sequences of labels: the views of schema.sql and clust_milestone, by hand, against a plain loop, and at size."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sqlclust
from sqlclust.errors import ArgumentError, UnknownResultError
from sqlclust.schema import schema_sql
from tests.small import Id, blob

pytestmark = pytest.mark.slow

SHELL = shutil.which("sqlite3")
Step = tuple[int, int]
"""A sequence number and the label of its embedding."""

TRAJECTORIES = (
    "ClusterTrajectory",
    "ClusterTransition",
    "ClusterDwell",
    "ClusterMilestone",
    "ClusterMilestoneTransition",
    "ClusterMilestoneDwell",
)


def add_result(
    con: apsw.Connection, result_id: int, runs: Mapping[Any, Sequence[Step]], *, model: str = "m", key: Any = "{}/{}/{}"
) -> None:
    """A result of embeddings of these runs; embeddings, invocations and runs are made as they are needed. An embedding's
    id is `key` of model, run and sequence number.
    """
    make_id = key.format if isinstance(key, str) else key
    con.execute("BEGIN; PRAGMA defer_foreign_keys = ON")
    con.execute(
        "INSERT INTO ClusteringResult (id, embedding_model, parameters) VALUES (?, ?, '{}')", (result_id, model)
    )
    medoids: dict[int, Id] = {}
    for run, steps in runs.items():
        con.execute("INSERT OR IGNORE INTO Run (id) VALUES (?)", (run,))
        for sequence_number, label in steps:
            invocation, embedding = make_id("i", run, sequence_number), make_id(model, run, sequence_number)
            con.execute(
                "INSERT OR IGNORE INTO Invocation (id, run_id, sequence_number) VALUES (?, ?, ?)",
                (invocation, run, sequence_number),
            )
            con.execute(
                "INSERT OR IGNORE INTO Embedding (id, invocation_id, embedding_model, vector) VALUES (?, ?, ?, ?)",
                (embedding, invocation, model, blob(1)),
            )
            if label >= 0 and label not in medoids:
                medoids[label] = embedding
                con.execute("INSERT INTO Cluster VALUES (?, ?, ?, 1, NULL)", (result_id, label, embedding))
            con.execute(
                "INSERT INTO EmbeddingCluster (clustering_result_id, embedding_id, label, probability) VALUES (?, ?, ?, 1)",
                (result_id, embedding, label),
            )
    con.execute("COMMIT")


def steps(*labels: int) -> list[Step]:
    return list(enumerate(labels))


def milestones(con: apsw.Connection, run: Id, result_id: int = 1) -> list[int | None]:
    sql = (
        "SELECT milestone FROM ClusterMilestone WHERE clustering_result_id = ? AND run_id = ? ORDER BY sequence_number"
    )
    by_view: list[int | None] = [row[0] for row in con.execute(sql, (result_id, run))]
    sql = "SELECT milestone FROM clust_milestone(?) WHERE run_id = ? ORDER BY sequence_number"
    assert [row[0] for row in con.execute(sql, (result_id, run))] == by_view
    return by_view


def visits(con: apsw.Connection, run: Id, *, view: str = "ClusterMilestoneDwell", result_id: int = 1) -> list[Any]:
    columns = "label, first_sequence_number, last_sequence_number, length"
    columns += ", n_noise" if view == "ClusterMilestoneDwell" else ""
    sql = f"SELECT {columns} FROM {view} WHERE clustering_result_id = ? AND run_id = ? ORDER BY first_sequence_number"
    return con.execute(sql, (result_id, run)).fetchall()


# --- by hand -----------------------------------------------------------------------------------------------------


def test_noise_does_not_end_a_visit(con: apsw.Connection) -> None:
    add_result(con, 1, {"r": steps(-1, -1, 0, -1, 0, 1, -1, -1, 2, 1)})
    assert milestones(con, "r") == [None, None, 0, 0, 0, 1, 1, 1, 2, 1]
    assert visits(con, "r") == [(0, 2, 4, 3, 1), (1, 5, 7, 3, 2), (2, 8, 8, 1, 0), (1, 9, 9, 1, 0)]
    assert visits(con, "r", view="ClusterDwell") == [
        (-1, 0, 1, 2), (0, 2, 2, 1), (-1, 3, 3, 1), (0, 4, 4, 1), (1, 5, 5, 1), (-1, 6, 7, 2), (2, 8, 8, 1), (1, 9, 9, 1)
    ]  # fmt: skip
    found = con.execute("SELECT from_label, to_label, n, probability, move_probability FROM ClusterMilestoneTransition "
                        "ORDER BY 1, 2").fetchall()  # fmt: skip
    assert found == [
        (0, 0, 2, pytest.approx(2 / 3), None), (0, 1, 1, pytest.approx(1 / 3), 1.0),
        (1, 1, 2, pytest.approx(2 / 3), None), (1, 2, 1, pytest.approx(1 / 3), 1.0),
        (2, 1, 1, 1.0, 1.0),
    ]  # fmt: skip


def test_moves_of_several_runs(con: apsw.Connection) -> None:
    # moves out of 0: to 1 in r, to 1 in s, to 2 in t; and no move from the end of one run to the start of the next
    add_result(con, 1, {"r": steps(0, 1), "s": steps(0, -1, 1), "t": steps(0, 2)})
    found = con.execute("SELECT from_label, to_label, n, probability, move_probability FROM ClusterMilestoneTransition "
                        "ORDER BY 1, 2").fetchall()  # fmt: skip
    assert found == [
        (0, 0, 1, 0.25, None), (0, 1, 2, 0.5, pytest.approx(2 / 3)), (0, 2, 1, 0.25, pytest.approx(1 / 3))
    ]  # fmt: skip
    found = con.execute("SELECT from_label, to_label, n, probability FROM ClusterTransition ORDER BY 1, 2").fetchall()
    assert found == [
        (-1, 1, 1, 1.0), (0, -1, 1, pytest.approx(1 / 3)), (0, 1, 1, pytest.approx(1 / 3)), (0, 2, 1, pytest.approx(1 / 3))
    ]  # fmt: skip


def test_gaps_in_sequence_numbers(con: apsw.Connection) -> None:
    add_result(con, 1, {"r": [(3, 0), (10, 0), (11, -1), (500, 0), (900, 1)]})
    assert milestones(con, "r") == [0, 0, 0, 0, 1]
    assert visits(con, "r") == [(0, 3, 500, 4, 1), (1, 900, 900, 1, 0)]
    assert visits(con, "r", view="ClusterDwell") == [(0, 3, 10, 2), (-1, 11, 11, 1), (0, 500, 500, 1), (1, 900, 900, 1)]
    assert con.execute("SELECT from_label, to_label, n FROM ClusterTransition ORDER BY 1, 2").fetchall() == [
        (-1, 0, 1), (0, -1, 1), (0, 0, 1), (0, 1, 1)
    ]  # fmt: skip


def test_a_run_of_noise_and_a_run_of_one_step(con: apsw.Connection) -> None:
    add_result(con, 1, {"noise": steps(-1, -1, -1), "one": steps(0), "one of noise": steps(-1)})
    assert milestones(con, "noise") == [None, None, None]
    assert milestones(con, "one") == [0]
    assert milestones(con, "one of noise") == [None]
    assert visits(con, "noise") == visits(con, "one of noise") == []
    assert visits(con, "one") == [(0, 0, 0, 1, 0)]
    assert visits(con, "noise", view="ClusterDwell") == [(-1, 0, 2, 3)]
    assert con.execute("SELECT * FROM ClusterMilestoneTransition").fetchall() == []
    assert con.execute("SELECT * FROM ClusterTransition").fetchall() == [(1, -1, -1, 2, 1.0)]


def test_models_and_results_do_not_mix(con: apsw.Connection) -> None:
    add_result(con, 1, {"r": steps(0, 0, 1)}, model="text")
    add_result(con, 2, {"r": [(0, 5), (2, -1)]}, model="image")  # the same invocations, the second without an embedding
    add_result(con, 3, {"r": steps(-1, 0, 0)}, model="text")
    assert [milestones(con, "r", result) for result in (1, 2, 3)] == [[0, 0, 1], [5, 5], [None, 0, 0]]
    assert [visits(con, "r", result_id=result) for result in (1, 2, 3)] == [
        [(0, 0, 1, 2, 0), (1, 2, 2, 1, 0)], [(5, 0, 2, 2, 1)], [(0, 1, 2, 2, 0)]
    ]  # fmt: skip
    per_model = con.execute(
        "SELECT r.embedding_model, t.from_label, t.to_label, t.n FROM ClusterMilestoneTransition t "
        "JOIN ClusteringResult r ON r.id = t.clustering_result_id ORDER BY r.id, 2, 3"
    ).fetchall()
    assert per_model == [("text", 0, 0, 1), ("text", 0, 1, 1), ("image", 5, 5, 1), ("text", 0, 0, 1)]


@pytest.mark.parametrize(
    ("runs", "key"),
    [
        (["007", "7", ""], lambda *parts: "".join(map(str, parts))),
        ([b"\x07", b"", b"\xff" * 16], lambda model, run, n: model.encode() + run + bytes([n])),
        ([7, "7", b"7", 7.5], lambda *parts: repr(parts)),
    ],
    ids=["text", "blob", "mixed"],
)
def test_ids_of_any_type(con: apsw.Connection, runs: list[Id], key: Any) -> None:
    add_result(con, 1, {run: steps(-1, place, -1, 9) for place, run in enumerate(runs)}, key=key)
    for place, run in enumerate(runs):
        assert milestones(con, run) == [None, place, place, 9]
        assert visits(con, run) == [(place, 1, 2, 2, 1), (9, 3, 3, 1, 0)]
    found = con.execute("SELECT run_id, embedding_id FROM clust_milestone(1) WHERE sequence_number = 0").fetchall()
    assert sorted(found, key=repr) == sorted(((run, key("m", run, 0)) for run in runs), key=repr)


def test_embeddings_of_no_run_are_no_trajectory(con: apsw.Connection) -> None:
    add_result(con, 1, {"r": steps(0)})
    con.execute("UPDATE Embedding SET invocation_id = NULL")
    for view in (*TRAJECTORIES, "clust_milestone(1)"):
        assert con.execute(f"SELECT * FROM {view}").fetchall() == []


# --- against a loop ----------------------------------------------------------------------------------------------

journeys = st.dictionaries(
    st.integers(0, 4),
    st.dictionaries(st.integers(0, 40), st.integers(-1, 3), min_size=1, max_size=12).map(lambda d: sorted(d.items())),
    min_size=1,
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(journeys)
def test_like_a_plain_loop(runs: dict[int, list[Step]]) -> None:
    con = sqlclust.connect(":memory:")
    sqlclust.initialize(con)
    add_result(con, 1, runs)
    add_result(con, 2, {run: [(n, -1) for n, _ in found] for run, found in runs.items()})  # has nothing to do with it
    for of_milestones, view in ((False, "ClusterDwell"), (True, "ClusterMilestoneDwell")):
        transitions: Counter[tuple[int, int]] = Counter()
        for run, found in runs.items():
            path: list[tuple[int, int | None, int]] = []
            at = None
            for sequence_number, label in found:
                at = label if label >= 0 or not of_milestones else at
                path.append((sequence_number, at, label))
            known = [(n, at, label) for n, at, label in path if at is not None]
            stays = [list(group) for _, group in itertools.groupby(known, key=lambda step: step[1])]
            expected: list[tuple[Any, ...]] = [(g[0][1], g[0][0], g[-1][0], len(g)) for g in stays]
            if of_milestones:
                assert milestones(con, run) == [at for _, at, _ in path]
                expected = [(*row, sum(label < 0 for *_, label in g)) for row, g in zip(expected, stays, strict=True)]
            assert visits(con, run, view=view) == expected
            transitions.update(
                (a, b) for (_, a, _), (_, b, _) in itertools.pairwise(known) if a is not None and b is not None
            )
        rows: list[Any] = con.execute(
            f"SELECT from_label, to_label, n, probability FROM {view.replace('Dwell', 'Transition')} "
            "WHERE clustering_result_id = 1"
        ).fetchall()
        assert {(a, b): n for a, b, n, _ in rows} == transitions
        for a, _, n, probability in rows:
            assert probability == pytest.approx(n / sum(m for (origin, _), m in transitions.items() if origin == a))
    con.close()


# --- the function ------------------------------------------------------------------------------------------------


def test_the_function_reads_one_result_whatever_names_it(con: apsw.Connection) -> None:
    add_result(con, 1, {"r": steps(0, -1)})
    add_result(con, 2, {"r": steps(-1, 1)})
    assert con.execute("SELECT * FROM clust_milestone(1)").fetchall() == [
        ("r", 0, "m/r/0", 0, 0), ("r", 1, "m/r/1", -1, 0)
    ]  # fmt: skip
    sql = "SELECT sequence_number, milestone FROM clust_milestone((SELECT max(id) FROM ClusteringResult))"
    assert con.execute(sql).fetchall() == [(0, None), (1, 1)]
    sql = "SELECT r.id, count(m.milestone) FROM ClusteringResult r, clust_milestone(r.id) m GROUP BY 1"
    assert con.execute(sql).fetchall() == [(1, 2), (2, 1)]


def test_the_function_refuses(con: apsw.Connection) -> None:
    with pytest.raises(UnknownResultError, match="no clustering result 3; there are no results yet"):
        con.execute("SELECT * FROM clust_milestone(3)").fetchall()
    for value, found in (("'latest'", "TEXT"), ("NULL", "NULL"), ("1.5", "a REAL")):
        with pytest.raises(ArgumentError) as caught:
            con.execute(f"SELECT * FROM clust_milestone({value})").fetchall()
        assert str(caught.value) == (
            f"clust_milestone: clustering_result_id is {found}, expected an INTEGER, see ClusteringResult"
        )


# --- at size -----------------------------------------------------------------------------------------------------

# 500 runs of 200 steps, two models, two results each; labels stay for some steps, every fifth is noise
LARGE = """
PRAGMA foreign_keys = OFF;
PRAGMA synchronous = OFF;
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)
INSERT INTO Invocation (id, run_id, sequence_number, output_text)
SELECT 'invocation ' || i, 'run ' || (i / 200), i % 200, 'some text' FROM n;
INSERT INTO Run (id) SELECT DISTINCT run_id FROM Invocation;
INSERT INTO Embedding (id, invocation_id, embedding_model, vector)
SELECT 'embedding ' || (rowid * 7919 % 100003), id, 'a', zeroblob(64) FROM Invocation;
INSERT INTO Embedding (id, invocation_id, embedding_model, vector)
SELECT 'other ' || rowid, id, 'b', zeroblob(64) FROM Invocation;
INSERT INTO ClusteringResult (id, embedding_model, parameters) VALUES (1, 'a', '{}'), (2, 'b', '{}'), (3, 'a', '{}'),
                                                                      (4, 'b', '{}');
INSERT INTO EmbeddingCluster (clustering_result_id, embedding_id, label, probability)
SELECT r.id, e.id, iif(e.rowid % 5 = 0, -1, e.rowid / (3 + r.id) % 50), 1.0
FROM ClusteringResult r JOIN Embedding e USING (embedding_model) ORDER BY r.id, e.id;
COMMIT;
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "large.db"
    con = apsw.Connection(str(path))
    con.execute(schema_sql() + LARGE)
    con.close()
    return path


EVERY_SEARCH_IS_OF_ONE_RESULT = "SEARCH ec USING INDEX EmbeddingCluster_member (clustering_result_id=?)"


@pytest.mark.parametrize("view", TRAJECTORIES)
def test_one_result_is_read_by_its_index(large: Path, view: str) -> None:
    con = apsw.Connection(str(large))
    con.execute("PRAGMA automatic_index = OFF")
    for condition in ("= 1", "= ?1", "IN (1, 3)"):
        sql = f"SELECT * FROM {view} WHERE clustering_result_id {condition}"
        plan = [row[3] for row in con.execute(f"EXPLAIN QUERY PLAN {sql}", (1,) if "?" in condition else ())]
        assert EVERY_SEARCH_IS_OF_ONE_RESULT in plan
        assert not [step for step in plan if step.startswith(("SCAN ec", "SCAN e ", "SCAN i"))]
    con.close()


@pytest.mark.skipif(SHELL is None, reason="no stock sqlite3 shell here")
def test_also_in_the_stock_shell(large: Path) -> None:
    queries = [f"SELECT * FROM {view} WHERE clustering_result_id = 1" for view in TRAJECTORIES]
    script = "".join(f"EXPLAIN QUERY PLAN {query};\n" for query in queries)
    script += f"SELECT count(*) > 0 FROM ({queries[-1]} LIMIT -1 OFFSET 1);\n"
    done = subprocess.run(
        [str(SHELL), "-bail", str(large)], input=script, capture_output=True, encoding="utf-8", check=True
    )
    assert done.stderr == ""
    assert done.stdout.count(EVERY_SEARCH_IS_OF_ONE_RESULT) == len(TRAJECTORIES)
    assert "SCAN ec" not in done.stdout
    assert done.stdout.splitlines()[-1] == "1"


def test_seconds_at_a_hundred_thousand_invocations(large: Path) -> None:
    con = sqlclust.connect(str(large))
    for source in (*(f"{view} WHERE clustering_result_id = 1" for view in TRAJECTORIES), "clust_milestone(1)"):
        started = time.process_time()
        con.execute(f"SELECT count(*) FROM (SELECT * FROM {source} LIMIT -1 OFFSET 0)").fetchall()
        assert time.process_time() - started < 60, source  # about one; of the square of the rows, hours
    steps_in, visited = con.execute("SELECT sum(length), sum(n_noise) FROM ClusterMilestoneDwell "
                                    "WHERE clustering_result_id = 1").get  # fmt: skip
    assert (steps_in, visited) == con.execute(
        "SELECT count(milestone), count(milestone) FILTER (WHERE label = -1) FROM clust_milestone(1)"
    ).get
    con.close()
