"""cut, sweep, predict, and what fit says of stored fits."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import numpy as np
import pytest

import sqlclust
from tests.cli.terminal import fail, misuse, rows, run, succeed
from tests.small import add_embeddings

RESULT = "SELECT embedding_id, label, probability, outlier_score FROM EmbeddingCluster WHERE clustering_result_id = {} ORDER BY 1"


# --- fit ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_fit_says_that_a_stored_fit_was_reused(fitted: Path) -> None:
    out = succeed("fit", fitted, "--min-cluster-size", 6, "--min-samples", 5)
    assert out.splitlines()[1] == "  stored fit 1 was reused: same embeddings and settings"
    assert "reused" not in succeed("fit", fitted, "--min-cluster-size", 6, "--min-samples", 4)


@pytest.mark.slow
def test_fits_that_are_not_stored(db: Path) -> None:
    for _ in range(2):
        assert "reused" not in succeed("fit", db, "--min-cluster-size", 5, "--no-store-fit")
    assert rows(db, "SELECT count(*), count(spanning_tree) FROM ClusteringFit") == [(2, 0)]
    assert fail("cut", db, 1).startswith("clustering fit 1 was made without storing its tree")
    assert fail("cut", db) == "no clustering fit 'latest'; ids here: 1, 2"
    assert fail("predict", db).startswith("clustering fit 2 was made without storing its tree")


# --- cut -------------------------------------------------------------------------------------------------------------


def test_cut_is_a_fresh_fit(fitted: Path) -> None:
    out = succeed("cut", fitted, 1, "--min-cluster-size", 6, "--method", "leaf", "--epsilon", 0.2)
    assert out.startswith("demo: result 2, 40 rows in 3 clusters, 10.0 % noise")
    assert f"sqlclust show {fitted} 2" in out
    succeed(
        "fit", fitted, "--min-cluster-size", 6, "--min-samples", 5, "--method", "leaf", "--epsilon", 0.2,
        "--no-store-fit",
    )  # fmt: skip
    assert rows(fitted, RESULT.format(2)) == rows(fitted, RESULT.format(3))


def test_cut_with_a_smaller_min_samples(fitted: Path) -> None:
    out = succeed("cut", fitted, 1, "--min-cluster-size", 5, "--min-samples", 2)
    assert out.startswith("demo: result 2, 40 rows in 3 clusters, 10.0 % noise")
    assert out.splitlines()[1] == "  fit 2, with min_samples 2: made from the neighbours of fit 1"
    out = succeed("cut", fitted, 1, "--min-cluster-size", 6, "--min-samples", 2)
    assert out.splitlines()[1] == "  fit 2, with min_samples 2: stored already, of the same embeddings as fit 1"
    for own in (succeed("cut", fitted, 1, "--min-samples", 5), succeed("cut", fitted, "--min-samples", 2)):
        assert own.splitlines()[1] == ""
    succeed("fit", fitted, "--min-cluster-size", 5, "--min-samples", 2, "--no-store-fit")
    assert rows(fitted, RESULT.format(2)) == rows(fitted, RESULT.format(6))
    assert fail("cut", fitted, 1, "--min-samples", 6).endswith("; a new fit is needed")
    [result] = json.loads(succeed("cut", fitted, 1, "--min-samples", 1, "--json"))
    assert result["parameters"]["min_samples"] == 1


def test_cut_of_the_latest_fit_in_json(fitted: Path) -> None:
    [result] = json.loads(succeed("cut", fitted, "--min-cluster-size", 30, "--json"))
    assert (result["id"], result["n_clusters"], result["parameters"]["min_cluster_size"]) == (2, 0, 30)


def test_cut_of_no_fit(fitted: Path) -> None:
    assert fail("cut", fitted, 9) == "no clustering fit 9; ids here: 1"
    assert fail("cut", fitted, "x") == "no clustering fit 'x'; ids here: 1"
    succeed("cut", fitted, 1)
    assert fail("cut", fitted, 2) == "no clustering fit 2; ids here: 1. 2 is a result, of fit 1"
    assert "min-cluster-size" in misuse("cut", fitted, 1, "--min-cluster-size", 1)
    assert "expected a whole number" in misuse("cut", fitted, 1, "--min-samples", 2**40)
    assert "expected a whole number" in misuse("cut", fitted, 1, "--max-cluster-size", 2**40)


def test_cut_of_changed_embeddings(fitted: Path) -> None:
    connection = sqlclust.connect(str(fitted))
    connection.execute("UPDATE Embedding SET vector = zeroblob(32) WHERE id = 8")
    connection.close()
    assert fail("cut", fitted) == (
        "embedding 8 has another vector since clustering fit 1 was made (1 row differs); fit again"
    )


# --- sweep -----------------------------------------------------------------------------------------------------------


def test_sweep_shows_cliffs(fitted: Path) -> None:
    out = succeed("sweep", fitted, 1, "--min-cluster-size", "5, 12,13")
    first, empty, *lines = out.splitlines()
    assert (first, empty) == ("fit 1: demo, 40 rows", "")
    assert lines[0].split() == [
        "min_cluster_size",
        "clusters",
        "noise",
        "largest",
        "persistence",
        "validity",
        "like",
        "above",
    ]
    assert [line.split()[:2] for line in lines[2:5]] == [["5", "3"], ["12", "3"], ["13", "0"]]
    assert [line.rstrip().endswith("<<<") for line in lines[2:5]] == [False, False, True]
    assert lines[-1] == "<<< unlike the row above: their labels agree by less than 0.5"


def test_sweep_of_several_options_for_programs(fitted: Path) -> None:
    args = (
        "sweep",
        fitted,
        "--min-cluster-size",
        "5,6",
        "--method",
        "eom,leaf",
        "--allow-single-cluster",
        "false,true",
    )
    found = json.loads(succeed(*args, "--json"))
    assert len(found) == 8
    assert [row["cluster_selection_method"] for row in found[:4]] == ["eom", "eom", "leaf", "leaf"]
    assert [row["allow_single_cluster"] for row in found[:2]] == [False, True]
    assert [json.loads(line) for line in succeed(*args, "--nl").splitlines()] == found
    assert len(list(csv.DictReader(io.StringIO(succeed(*args, "--csv"))))) == 8


def test_sweep_over_min_samples(fitted: Path) -> None:
    args = ("sweep", fitted, 1, "--min-samples", "5,2", "--min-cluster-size", "5,30")
    lines = succeed(*args).splitlines()
    assert lines[2].split()[:3] == ["min_samples", "min_cluster_size", "clusters"]
    assert [line.split()[:3] for line in lines[4:8]] == [
        ["5", "5", "3"],
        ["5", "30", "0"],
        ["2", "5", "3"],
        ["2", "30", "0"],
    ]
    found = json.loads(succeed(*args, "--json"))
    assert [[*row][:2] for row in found] == [["min_samples", "min_cluster_size"]] * 4
    assert [row["min_samples"] for row in found] == [5, 5, 2, 2]
    plain = list(csv.DictReader(io.StringIO(succeed("sweep", fitted, 1, "--min-cluster-size", "5,30", "--csv"))))
    assert [row["min_samples"] for row in plain] == ["5", "5"]
    assert "min_samples" not in succeed("sweep", fitted, 1, "--min-cluster-size", "5,30")
    assert misuse("sweep", fitted, 1, "--min-samples", "5,6").endswith("; a new fit is needed")
    assert rows(fitted, "SELECT count(*) FROM ClusteringFit") == [(1,)]


def test_sweep_of_nothing_gives_the_defaults(fitted: Path) -> None:
    assert len(succeed("sweep", fitted).splitlines()) == 3


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--min-cluster-size", "5,x"], "'x' is not a whole number; write several with commas between them"),
        (["--min-cluster-size", "5,"], "'' is not a whole number; write several with commas between them"),
        (["--epsilon", "0.1;0.2"], "'0.1;0.2' is not a number; write several with commas between them"),
        (["--allow-single-cluster", "yes"], "'yes' is neither true nor false"),
        (["--method", "eom,dbscan"], "option 'cluster_selection_method': found 'dbscan', expected 'eom' or 'leaf'"),
        (["--min-cluster-size", "5,1"], "option 'min_cluster_size': found 1, expected a whole number of at least 2"),
        (["--epsilon", "nan"], "option 'cluster_selection_epsilon': found nan, expected a number of at least 0"),
        (["--min-cluster-size", ",".join(map(str, range(2, 1003)))], "'1,001 combinations', expected at most 1,000"),
    ],
)
def test_sweeps_that_are_refused(fitted: Path, args: list[str], message: str) -> None:
    assert message in misuse("sweep", fitted, 1, *args)


def test_sweep_of_no_fit(db: Path) -> None:
    assert fail("sweep", db) == "no clustering fit 'latest'; there are no fits yet"


# --- predict ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def grown(fitted: Path) -> Path:
    """The same, and eight embeddings more: 'n0' to 'n2' near the clusters, the others far from all."""
    connection = sqlclust.connect(str(fitted))
    axes = np.eye(8, dtype=np.float32)
    axes[3:] *= -1
    add_embeddings(connection, axes, ids=[f"n{i}" for i in range(8)])
    connection.close()
    return fitted


def test_predict(grown: Path) -> None:
    lines = succeed("predict", grown).splitlines()
    assert lines[0] == "8 embeddings by result 1: 3 in 3 clusters, 5 noise"
    assert lines[2].split() == ["id", "label", "probability", "nearest", "member", "distance"]
    assert [line.split()[0] for line in lines[4:]] == [f"n{i}" for i in range(8)]
    assert "… and 6 more: --limit 8 shows all" in succeed("predict", grown, "--limit", 2)
    assert rows(grown, "SELECT * FROM EmbeddingPrediction") == []


def test_predict_and_store(grown: Path) -> None:
    found = json.loads(succeed("predict", grown, 1, "--store", "--json"))
    columns = ("id", "label", "probability")
    assert rows(grown, "SELECT embedding_id, label, probability FROM EmbeddingPrediction ORDER BY 1") == [
        tuple(row[name] for name in columns) for row in found
    ]
    out = succeed("predict", grown, 1, "--store")
    assert out.endswith("\nWritten to EmbeddingPrediction, clustering_result_id 1\n")
    assert rows(grown, "SELECT count(*) FROM EmbeddingPrediction") == [(8,)]
    succeed("delete", grown, 1, "--yes")
    assert rows(grown, "SELECT count(*) FROM EmbeddingPrediction") == [(0,)]


def test_predict_where_there_is_nothing_new(fitted: Path) -> None:
    assert succeed("predict", fitted) == "every embedding of model 'demo' is in result 1\n"
    assert succeed("predict", fitted, "--json") == "[]\n"
    assert succeed("predict", fitted, "--store", "--csv") == "id,label,probability,neighbor_id,distance\n"


def test_predict_a_file(grown: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "new.npy", np.eye(8)[:4])
    (tmp_path / "ids.txt").write_text("a\nb\nc\nd\n")
    named = json.loads(succeed("predict", grown, 1, tmp_path / "new.npy", "--ids", tmp_path / "ids.txt", "--json"))
    assert [row["id"] for row in named] == ["a", "b", "c", "d"]
    numbered = json.loads(succeed("predict", grown, 1, tmp_path / "new.npy", "--json"))
    assert [(row["id"], row["label"]) for row in numbered] == [(i + 1, row["label"]) for i, row in enumerate(named)]
    records = tmp_path / "new.jsonl"
    records.write_text("\n".join(json.dumps({"key": f"k{i}", "v": v.tolist()}) for i, v in enumerate(np.eye(8)[:4])))
    keyed = json.loads(succeed("predict", grown, 1, records, "--id-column", "key", "--vector-column", "v", "--json"))
    assert [(row["id"], row["label"]) for row in keyed] == [(f"k{i}", row["label"]) for i, row in enumerate(named)]


def test_predict_what_load_reads(grown: Path, tmp_path: Path) -> None:
    vectors = np.eye(8)[:4]
    np.save(tmp_path / "new.npy", vectors)
    expected = succeed("predict", grown, 1, tmp_path / "new.npy", "--json")
    (tmp_path / "new.gz").write_bytes(gzip.compress((tmp_path / "new.npy").read_bytes()))
    assert succeed("predict", grown, 1, tmp_path / "new.gz", "--json") == expected
    lines = "".join(json.dumps({"vector": vector.tolist()}) + "\n" for vector in vectors)
    assert succeed("predict", grown, 1, "-", "--json", stdin=lines) == expected
    wide = "".join(",".join(map(str, row)) + "\n" for row in [[f"d{i}" for i in range(8)], *vectors.tolist()])
    assert succeed("predict", grown, 1, "-", "--vector-columns", "d*", "--json", stdin=wide) == expected
    assert fail("predict", grown, 1, "-", stdin=lines + lines.replace("1.0", "0.0")).startswith("standard input: ")


def test_predict_a_file_whose_ids_are_text_or_integers(grown: Path, tmp_path: Path) -> None:
    vector = json.dumps([1.0] * 8).replace('"', '""')
    (tmp_path / "new.csv").write_text(f'id,vector\n7,"{vector}"\n8,"{vector}"\n')
    (tmp_path / "mixed.csv").write_text(f'id,vector\n7,"{vector}"\n08,"{vector}"\n')

    def ids(file: str, *options: object) -> list[object]:
        return [row["id"] for row in json.loads(succeed("predict", grown, 1, tmp_path / file, "--json", *options))]

    assert ids("new.csv") == [7, 8]
    assert ids("new.csv", "--id-type", "text") == ["7", "8"]
    assert ids("mixed.csv") == ["08", "7"]
    assert "row 2: id is '08', expected an integer" in fail(
        "predict", grown, 1, tmp_path / "mixed.csv", "--id-type", "integer"
    )
    connection = sqlclust.connect(str(grown))
    connection.execute("DELETE FROM ClusteringResult").fetchall()
    connection.execute("UPDATE Embedding SET id = 'text ' || id WHERE embedding_model = 'demo'").fetchall()
    sqlclust.fit(connection, "demo")
    connection.close()
    found = json.loads(succeed("predict", grown, "latest", tmp_path / "new.csv", "--json"))
    assert [row["id"] for row in found] == ["7", "8"]  # as the members' ids are text


def test_predict_a_file_with_bad_rows(grown: Path, tmp_path: Path) -> None:
    path = tmp_path / "new.jsonl"
    good = {"id": "a", "vector": [1.0] * 8}
    path.write_text("\n".join(map(json.dumps, [good, {"id": "b", "vector": [1.0, None]}])))
    ran = run("predict", grown, 1, path, "--json")
    assert ran.code == 0
    assert [row["id"] for row in json.loads(ran.out)] == ["a"]
    assert ran.err == f"{path}: skipped row 2: the vector has null at position 1, expected a number\n"
    path.write_text("\n".join(map(json.dumps, [good, good])))
    assert fail("predict", grown, 1, path).startswith(f"{path}: embedding 'a' came 2 times, expected once")
    path.write_text(json.dumps({"id": "a", "vector": [1.0]}))
    assert fail("predict", grown, 1, path).startswith(f"{path}: embedding 'a' has 1 dimension")
    path.write_text(json.dumps({"id": "a", "vector": [0.0] * 8}))
    assert fail("predict", grown, 1, path).startswith(f"{path}: embedding 'a' is a zero vector")


def test_predict_wrongly(grown: Path, tmp_path: Path) -> None:
    assert misuse("predict", grown, 1, tmp_path / "x.npy", "--store").startswith(
        "--store is for embeddings that are in"
    )
    assert misuse("predict", grown, 1, "--ids", "x") == "--ids goes with FILE"
    assert fail("predict", grown, 9) == "no clustering result '9'; ids here: 1"
    assert "No such file" in fail("predict", grown, 1, tmp_path / "x.npy")
