"""What a fit says of products of 8-bit integers: that they ran, and whose they are."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import apsw
import pytest

import sqlclust
from sqlclust.bindings.apsw.database import database_of
from sqlclust.core.geometry import integer_vectors
from sqlclust.core.neighbors import integer_pruning
from sqlclust.store.fits import loading
from tests.cli.terminal import succeed
from tests.core.geometry.test_integer_products import available
from tests.store.left import row

pytestmark = pytest.mark.slow


@pytest.fixture(params=[True, False], ids=["int8", "float32"])
def integers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    available()
    for module in (integer_pruning, integer_vectors):
        monkeypatch.setattr(module, "WANTED", request.param)
    return bool(request.param)


def test_show_says_it(demo: apsw.Connection, integers: bool, tmp_path: Path) -> None:
    sqlclust.fit(demo, "demo", min_samples=4)
    path = tmp_path / "copy.db"
    demo.execute("VACUUM INTO ?", (str(path),))
    assert ("; by products of 8-bit integers\n" in succeed("show", path)) == integers


def test_what_ran_is_in_timings_and_versions(demo: apsw.Connection, integers: bool) -> None:
    sqlclust.fit(demo, "demo", min_samples=4)
    sqlclust.fit(demo, "demo", min_samples=4, engine="approximate")
    for number in (1, 2):
        stored = row(demo, "ClusteringFit", number)
        measured = json.loads(stored["timings"]).get("measured", {})
        assert measured.get("products") == ("int8" if integers else None)
        version = json.loads(stored["versions"]).get("onnxruntime")
        assert version == (sys.modules["onnxruntime"].__version__ if integers else None)
        assert loading.load(database_of(demo), number).record.products == ("int8" if integers else None)
