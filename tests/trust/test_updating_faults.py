"""Faults from below while a fit is made from a stored one: the old fit is left, and the new one whole or not at all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import sqlclust
from sqlclust.errors import CommitUnknownError, DatabaseFileError, OutOfMemoryError
from tests.store.left import counts
from tests.trust import updates, work
from tests.trust.bench import FAULTS, Bench

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("journal", work.JOURNALS)
def test_operations_that_fail(tmp_path: Path, journal: str, fault: str) -> None:
    """Each twelfth of them; every second one was tried by hand."""
    bench, struck = Bench(tmp_path, journal, updates), 0
    for _ in bench.every(**{**FAULTS[fault], "step": 12}):
        try:
            updates.write(bench.con, updates.FORM)
        except CommitUnknownError:
            assert fault not in ("one operation fails", "the disk is full")
            bench.left()
        except DatabaseFileError:
            assert bench.left() == 0
        else:
            assert bench.left() == 1
        struck += bench.shim.struck > 0
    assert struck >= 2


PHASES = {
    "hash": "sqlclust.store.embeddings.points.Points.row_hashes",
    "finding": "sqlclust.store.updating._hashes",
    "choosing": "sqlclust.store.updating.update_seconds",
    "loading the fit": "sqlclust.store.fits.stored_fit.decode_ids",
    "loading its neighbours": "sqlclust.store.fits.neighbors._arrays_of_part",
    "checking its neighbours": "sqlclust.store.fits.neighbors._check_lists",
    "duplicates": "sqlclust.core.pipeline.distinct",
    "matching": "sqlclust.store.updating.places",
    "counting": "sqlclust.store.updating.counted_changes",
    "old fit": "sqlclust.store.updating.old_fit",
    "update, lists": "sqlclust.core.update.updating.table",
    "update, contradictions": "sqlclust.core.update.consistency._are_mutual",
    "update, comparing": "sqlclust.core.update.searching.compared_with_all",
    "update, tree": "sqlclust.core.update.falling.grown_tree",
    "update, measured": "sqlclust.core.update.updating.is_as_measured",
    "linkage": "sqlclust.core.pipeline.single_linkage",
    "blobs": "sqlclust.store.making.to_blobs",
    "neighbours": "sqlclust.store.making.neighbors_of",
    "publish, neighbours": "sqlclust.store.fits.storing.to_parts",
    "publish, the end": "sqlclust.store.results.publishing.now",
}


def without_memory(*_: object, **__: object) -> None:
    raise MemoryError("Unable to allocate 8.00 TiB")


def test_memory_that_runs_out_in_every_phase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = updates.make(path := tmp_path / "small.db", "delete")
    con = sqlclust.connect(str(path))
    for phase, place in PHASES.items():
        refused = re.compile(r"^not enough memory: .*; nothing was written\. Use the approx")
        with monkeypatch.context() as patch:
            patch.setattr(place, without_memory)
            with pytest.raises(OutOfMemoryError, match=refused):
                sqlclust.fit(con, "demo", min_cluster_size=5, update="only")
        assert not con.in_transaction, phase
        assert counts(con)[:2] == [1, 1]
    con.close()
    assert updates.judge(path, expected) == 0
    con = sqlclust.connect(str(path))
    updates.write(con, updates.FORM)
    con.close()
    assert updates.judge(path, expected) == 1
