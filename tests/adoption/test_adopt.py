"""Moving in from the old project (tests/schemas/old_project.py): what survived goes over as it was, the rest is named, and
nothing of theirs is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.adoption.adopting import adopted, expected_members, hashed, rows, stored_members, whole
from tests.cli.terminal import run, succeed
from tests.schemas.old_project import MODELS, PER_MODEL, SHAPES, Shape, make

WITH_MEDOIDS: tuple[Shape, ...] = ("clusters", "medoids", "plural")


# --- what goes over ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ids", ["CHAR(32)", "UUID", "TEXT"])
def test_everything_goes_over_where_no_id_was_damaged(tmp_path: Path, shape: Shape, ids: str) -> None:
    old = make(tmp_path / "old.db", shape, ids)
    before = hashed(old.path)
    con, adoption = adopted(old)
    assert hashed(old.path) == before
    assert (adoption.runs, adoption.invocations, adoption.embeddings) == (4, 80, 80)
    plural = shape == "plural"
    table = "embeddings" if plural else "embedding"
    theirs = rows(old.path, f"SELECT id, invocation_id, embedding_model, vector FROM {table} ORDER BY 1")
    assert (
        con.execute("SELECT id, invocation_id, embedding_model, vector FROM Embedding ORDER BY 1").fetchall() == theirs
    )
    assert {row[0] for row in theirs} == {name for names in old.embeddings.values() for name in names}
    steps = con.execute(
        "SELECT id, run_id, sequence_number, type, output_text FROM Invocation ORDER BY rowid"
    ).fetchall()
    assert steps[1] == (old.texts[0], old.runs[0], 1, "text", "text 0")
    assert steps[-2][3:] == ("image", None)
    assert con.execute("SELECT id, initial_prompt FROM Run ORDER BY rowid").fetchall() == [
        (run_id, f"prompt {place}") for place, run_id in enumerate(old.runs)
    ]
    whole(con)
    con.close()


@pytest.mark.parametrize("shape", WITH_MEDOIDS)
def test_results_go_over_as_they_were(tmp_path: Path, shape: Shape) -> None:
    old = make(tmp_path / "old.db", shape)
    con, adoption = adopted(old)
    assert [result.old_id for result in adoption.results] == old.results
    assert [result.id for result in adoption.results] == [1, 2, 3]
    assert [(result.n_rows, result.n_clusters) for result in adoption.results] == [(PER_MODEL, 3)] * 3
    assert adoption.left == []
    for result_id, model in enumerate((MODELS[0], MODELS[0], MODELS[1]), start=1):
        assert stored_members(con, result_id) == expected_members(old, model)
    parameters = [json.loads(row[0]) for row in con.execute("SELECT parameters FROM ClusteringResult ORDER BY id")]
    stored = [{"cluster_selection_epsilon": epsilon, "allow_single_cluster": True} for epsilon in (0.4, 0.6, 0.4)]
    if shape == "plural":
        stored = [{**parameter, "layer": layer} for layer, parameter in enumerate(stored)]
    assert parameters == stored
    assert con.execute("SELECT DISTINCT algorithm FROM ClusteringResult").get == (
        "evoc" if shape == "plural" else "hdbscan"
    )
    assert con.execute("SELECT started_at, completed_at FROM ClusteringResult WHERE id = 1").get == (
        "2025-07-16T16:20:03.103Z", "2025-07-16T16:21:03.103Z"
    )  # fmt: skip
    assert con.execute("SELECT sum(n_new) FROM ClusteringFreshness").get == 0  # they came before they were clustered
    assert con.execute("SELECT n_clusters, n_noise, duration FROM ClusteringSummary").fetchall() == [(3, 4, 60.0)] * 3
    whole(con)
    con.close()


def test_labels_are_kept_where_there_were_any(tmp_path: Path) -> None:
    old = make(tmp_path / "old.db", "clusters")
    con, _ = adopted(old)
    found: list[Any] = con.execute(
        "SELECT embedding_id, label FROM EmbeddingCluster WHERE clustering_result_id = 1"
    ).fetchall()
    labels = dict(found)
    assert [labels[name] for name in old.embeddings[MODELS[0]]] == old.labels
    con.close()


@pytest.mark.slow
def test_adopted_embeddings_are_clustered_and_adopted_results_read(tmp_path: Path) -> None:
    old = make(tmp_path / "old.db")
    new = tmp_path / "new.db"
    succeed("adopt", old.path, new)
    assert "epsilon 0.6" in succeed("list", new)
    assert "text 15" in succeed("show", new, 1)
    ran = run("fit", new, MODELS[0], "--min-cluster-size", 5)
    assert ran.code == 0, ran
    assert run("compare", new, 1, 4).code == 0
    assert run("doctor", new).code == 0
    assert run("init", new).out == f"{new} has the tables already; nothing was changed\n"
