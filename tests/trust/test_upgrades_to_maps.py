"""What version 4 of the schema adds to files of each version before it."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

import sqlclust
from sqlclust.errors import SchemaConflictError
from sqlclust.schema import VERSION
from tests.cli.terminal import run
from tests.small import MAP
from tests.trust.version_1_files import hashed, upgrade

pytestmark = pytest.mark.slow


def test_what_version_4_adds(released: Path) -> None:
    """A table of maps: of a fit that was there, one can be made."""
    con = sqlclust.connect(str(released))
    table = "SELECT count(*) FROM ClusteringFitMap"
    with pytest.raises(apsw.SQLError, match="no such table"):
        con.execute(table)
    assert sqlclust.initialize(con)
    assert con.execute(table).get == 0
    con.execute(MAP)
    assert con.execute("SELECT count(*) FROM clust_map(1)").get == 40
    con.close()


def test_a_name_of_version_4_that_the_host_has_taken(released: Path) -> None:
    """It goes on as it is; only maps it has none."""
    con = apsw.Connection(str(released))
    con.execute("CREATE TABLE clusteringfitmap (mine)")
    con.close()
    before = hashed(released)
    with pytest.raises(SchemaConflictError) as caught:
        upgrade(released)
    assert caught.value.names == ("table clusteringfitmap",)
    assert hashed(released) == before
    ran = run("map", released, 1)
    assert (ran.code, ran.out) == (1, "")
    assert f"and a map needs {VERSION}; nothing was written. Run: sqlclust init {released}" in ran.err
    assert hashed(released) == before
    assert run("delete", released, 7, "--yes").code == 0
