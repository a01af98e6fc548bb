from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlclust
from tests.cli.terminal import fail, misuse, succeed
from tests.small import blob

# two results of the same ten embeddings, and a third of others; labels by id. ARI by hand: of 45 pairs 17 are together in
# A, 9 in B, 7 in both; 17 · 9 / 45 = 3.4 by chance; (7 - 3.4) / ((17 + 9) / 2 - 3.4) = 0.375
A = [0, 0, 0, 0, 0, 0, 1, 1, -1, -1]
B = [0, 0, 0, 1, 1, 1, 2, 2, -1, 2]


@pytest.fixture
def compared(tmp_path: Path) -> Path:
    path = tmp_path / "compared.db"
    con = sqlclust.connect(str(path))
    sqlclust.initialize(con)
    con.executemany(
        "INSERT INTO Embedding (id, embedding_model, vector, content) VALUES (?, ?, ?, ?)",
        [(i, "m" if i < 11 else "other", blob(i), f"text {i}") for i in range(1, 13)],
    )
    for result, model, first, labels in ((1, "m", 1, A), (2, "m", 1, B), (3, "other", 11, [0, 0])):
        con.execute("BEGIN")
        con.execute(
            "INSERT INTO ClusteringResult (id, embedding_model, parameters) VALUES (?, ?, '{}')", (result, model)
        )
        for label in sorted(set(labels) - {-1}):
            medoid = first + labels.index(label)
            con.execute("INSERT INTO Cluster VALUES (?, ?, ?, ?, 0.5)", (result, label, medoid, labels.count(label)))
        con.executemany(
            "INSERT INTO EmbeddingCluster (clustering_result_id, embedding_id, label, probability) VALUES (?, ?, ?, 0.5)",
            [(result, first + at, label) for at, label in enumerate(labels)],
        )
        con.execute("COMMIT")
    con.close()
    return path


def test_what_it_says(compared: Path) -> None:
    assert succeed("compare", compared, 1, 2, "--overlap") == (
        "A: m: result 1, 10 rows in 2 clusters, 20.0 % noise\n"
        "B: m: result 2, 10 rows in 3 clusters, 10.0 % noise\n"
        "\n"
        "rows in common  10 (100.0 % of A, 100.0 % of B)\n"
        "agreement       ARI 0.375, AMI 0.498\n"
        "noise           1 in both, 1 in A only, 0 in B only\n"
        "clusters        2 matches, 1 split, 0 merges, 0 births, 0 deaths\n"
        "\n"
        "event      A    B    size A    size B    in common  of A     of B       Jaccard  A's medoid    B's medoid\n"
        "-------  ---  ---  --------  --------  -----------  -------  -------  ---------  ------------  ------------\n"
        "match      0    0         6         3            3  50.0 %   100.0 %        0.5  text 1        text 1\n"
        "split      0    1         6         3            3  50.0 %   100.0 %        0.5  text 1        text 4\n"
        "match      1    2         2         3            2  100.0 %  66.7 %       0.667  text 7        text 7\n"
        "\n"
        "  A    B    in common\n"
        "---  ---  -----------\n"
        "  0    0            3\n"
        "  0    1            3\n"
        "  1    2            2\n"
        " -1   -1            1\n"
        " -1    2            1\n"
    )


def test_limit_and_latest(compared: Path) -> None:
    out = succeed("compare", compared, "latest~2", "latest~1", "--limit", 1, "--overlap")
    assert out.startswith("A: m: result 1, ")
    assert "\n… and 2 that changed less: --limit 3 shows all\n" in out
    assert out.endswith("\n… and 4 smaller overlaps: --limit 5 shows all\n")
    assert "event" not in succeed("compare", compared, 1, 2, "--summary")


def test_with_itself(compared: Path) -> None:
    out = succeed("compare", compared, 1, 1)
    assert "ARI 1.000, AMI 1.000\n" in out
    assert "2 matches, 0 splits" in out


@pytest.mark.parametrize("option", ["--json", "--nl", "--csv"])
def test_formats(compared: Path, option: str) -> None:
    expected: list[list[Any]] = [
        ["match", 0, 0, 3, 0.5, 0.5, 1.0, 6, 3],
        ["split", 0, 1, 3, 0.5, 0.5, 1.0, 6, 3],
        ["match", 1, 2, 2, 2 / 3, 1.0, 2 / 3, 2, 3],
    ]
    columns = ["event", "label_a", "label_b", "overlap", "jaccard", "share_of_a", "share_of_b", "size_a", "size_b"]
    columns += ["terms_a", "terms_b"]
    expected = [[*row, [], []] for row in expected]
    out = succeed("compare", compared, 1, 2, option)
    if option == "--csv":
        assert list(csv.reader(io.StringIO(out))) == [columns, *([str(value) for value in row] for row in expected)]
    else:
        rows = json.loads(out) if option == "--json" else [json.loads(line) for line in out.splitlines()]
        assert rows == [dict(zip(columns, row, strict=True)) for row in expected]


def test_overlap_and_summary_for_programs(compared: Path) -> None:
    rows = json.loads(succeed("compare", compared, 1, 2, "--overlap", "--json"))
    assert rows[0] == {"label_a": -1, "label_b": -1, "size": 1}
    con = apsw.Connection(str(compared))
    view = "SELECT label_a, label_b, size FROM ClusterOverlap WHERE clustering_result_id_a = 1 AND clustering_result_id_b = 2"
    assert [tuple(row.values()) for row in rows] == sorted(con.execute(view).fetchall())
    lineage = json.loads(succeed("compare", compared, 1, 2, "--json"))
    sqlclust.register(con)
    assert [tuple(row.values())[:-2] for row in lineage] == con.execute("SELECT * FROM clust_lineage(1, 2)").fetchall()
    [agreement] = con.execute(
        "SELECT clust_ari(a.label, b.label), clust_ami(a.label, b.label) FROM EmbeddingCluster a "
        "JOIN EmbeddingCluster b USING (embedding_id) WHERE a.clustering_result_id = 1 AND b.clustering_result_id = 2"
    ).fetchall()
    con.close()
    [whole] = json.loads(succeed("compare", compared, 1, 2, "--summary", "--json"))
    assert whole == {
        "clustering_result_id_a": 1, "clustering_result_id_b": 2, "n_a": 10, "n_b": 10, "n_common": 10,
        "ari": pytest.approx(agreement[0]), "ami": pytest.approx(agreement[1]),
        "noise_a": 2, "noise_b": 1, "noise_both": 1, "noise_agreement": 0.5,
        "n_match": 2, "n_split": 1, "n_merge": 0, "n_birth": 0, "n_death": 0,
    }  # fmt: skip


def test_nothing_in_common(compared: Path) -> None:
    out = succeed("compare", compared, 1, 3)
    assert out.endswith("\n\nNo embedding is in both, so there is nothing to compare.\n")
    [whole] = json.loads(succeed("compare", compared, 1, 3, "--summary", "--json"))
    assert (whole["ari"], whole["ami"], whole["noise_agreement"], whole["n_common"]) == (None, None, None, 0)
    assert (whole["n_death"], whole["n_birth"]) == (2, 1)
    assert succeed("compare", compared, 1, 3, "--overlap", "--csv") == "label_a,label_b,size\n"


def test_mistakes(compared: Path) -> None:
    assert fail("compare", compared, 1, 9) == "no clustering result '9'; ids here: 1, 2, 3"
    assert fail("compare", compared, "latest~3", 1) == "no clustering result 'latest~3'; ids here: 1, 2, 3"
    assert misuse("compare", compared, 1) == "Missing argument 'B'."
    assert misuse("compare", compared, 1, 2, "--overlap", "--summary") == "--overlap and --summary do not go together"
