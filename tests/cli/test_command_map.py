"""sqlclust map"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sqlclust.store import maps
from tests.cli.terminal import fail, misuse, rows, succeed

tsne = pytest.mark.pictures("openTSNE")


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if openTSNE were not installed."""
    monkeypatch.setattr(maps, "tsne_is_installed", lambda: False)


@tsne
def test_a_map_is_made_once(fitted: Path) -> None:
    next_step = f'Next: sqlclust query {fitted} "SELECT id, x, y FROM clust_map(1)"\n'
    assert succeed("map", fitted) == f"fit 1: demo, 40 rows: map made by t-SNE\n{next_step}"
    for which in ([], ["latest"], ["1"], ["1", "--method", "t-sne"]):
        assert (
            succeed("map", fitted, *which)
            == f"fit 1: demo, 40 rows: the map is there already, made by t-SNE\n{next_step}"
        )
    assert rows(fitted, "SELECT method, n FROM ClusteringFitMap") == [("t-SNE", 40)]


def test_without_opentsne(fitted: Path, without: None) -> None:
    first, second, _ = succeed("map", fitted).splitlines()
    assert first == "fit 1: demo, 40 rows: map made by PCA"
    assert second == "  not by t-SNE: openTSNE is not installed: pip install 'sqlclust[pictures]'"
    assert fail("map", fitted, "--method", "t-sne") == (
        "no map of clustering fit 1 by t-SNE: openTSNE is not installed: pip install 'sqlclust[pictures]'"
    )
    assert "not by t-SNE" not in succeed("map", fitted, "--method", "pca")


def test_formats(fitted: Path) -> None:
    found = json.loads(succeed("map", fitted, "--method", "pca", "--json"))
    assert [row["id"] for row in found] == list(range(1, 41))
    assert {*found[0]} == {"id", "x", "y", "method"}
    assert found == json.loads(succeed("query", fitted, "SELECT *, method FROM clust_map(1)", "--json"))
    assert succeed("map", fitted, "--method", "pca", "--csv").splitlines()[0] == "id,x,y,method"
    assert len(succeed("map", fitted, "--method", "pca", "--nl").splitlines()) == 40


def test_the_fit_of_the_latest_result(fitted: Path) -> None:
    succeed("fit", fitted, "--min-cluster-size", 6, "--min-samples", 3)
    succeed("cut", fitted, 1, "--min-cluster-size", 7)
    assert succeed("map", fitted, "--method", "pca").startswith("fit 1: ")
    assert succeed("map", fitted, 2, "--method", "pca").startswith("fit 2: ")


def test_what_has_no_map(db: Path, fitted: Path) -> None:
    succeed("fit", fitted, "--min-cluster-size", 5, "--min-samples", 3, "--no-store-fit")
    assert fail("map", fitted) == (
        "clustering fit 2 was made without storing its tree (store_fit false, --no-store-fit); fit again to have a map"
    )
    assert fail("map", fitted, 9) == "no clustering fit 9; ids here: 1, 2"
    assert "no clustering fit 'lates'" in fail("map", fitted, "lates")
    assert "'umap' is not one of" in misuse("map", fitted, "--method", "umap")


def test_no_result(db: Path) -> None:
    assert "there are no results yet" in fail("map", db)
