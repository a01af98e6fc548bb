"""Stored fits as BLOBs: what is written comes back, and what is damaged is an error and never anything else."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlclust.bindings.apsw.database import database_of
from sqlclust.errors import FitDamagedError, FitNotStoredError, Id, SqlclustError, UnknownFitError
from sqlclust.options import HdbscanOptions
from sqlclust.store.embeddings.ids import sort_key
from sqlclust.store.fit import fit
from sqlclust.store.fits import loading as fits
from sqlclust.store.fits.row_ids import decode_ids, encode_ids
from tests.cli.terminal import fail
from tests.extension import originals
from tests.small import add_embeddings, clustered

BLOBS = ("row_ids", "row_checks", "core_distances", "spanning_tree")

ids = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.text(max_size=8), st.binary(max_size=8)
)


def in_order(values: Sequence[Id]) -> list[Id]:
    return sorted({sort_key(value): value for value in values}.values(), key=sort_key)


@pytest.mark.slow
@given(st.one_of(st.lists(ids, max_size=20), st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20)).map(in_order))
def test_ids_come_back_as_they_were(values: list[Id]) -> None:
    back = decode_ids(encode_ids(values), len(values))
    assert back == values
    assert list(map(type, back)) == list(map(type, values))


@given(st.binary(max_size=60), st.integers(0, 5))
def test_no_blob_of_ids_does_more_than_fail(blob: bytes, n: int) -> None:
    for kind in (b"", b"i", b"m", b"mt\x02\0\0\0"):
        try:
            found = decode_ids(kind + blob, n)
        except (ValueError, OverflowError):
            continue
        assert len(found) == n
        assert found == in_order(found)


@pytest.fixture
def fitted(demo: apsw.Connection) -> apsw.Connection:
    """The demo rows with a stored fit, 1, and an id of every type."""
    demo.execute("UPDATE Embedding SET id = 'a' || id WHERE id < 10")
    demo.execute("UPDATE Embedding SET id = CAST('b' || id AS BLOB) WHERE id BETWEEN 10 AND 19")
    demo.execute("UPDATE Embedding SET id = id + 0.5 WHERE id BETWEEN 20 AND 29")
    fit(database_of(demo), "demo", HdbscanOptions(min_cluster_size=5))
    return demo


def damage(con: apsw.Connection, **columns: Any) -> None:
    con.pragma("ignore_check_constraints", True)
    for name, value in columns.items():
        con.execute(f"UPDATE ClusteringFit SET {name} = ?", (value,))


def stored(con: apsw.Connection, name: str) -> bytes:
    blob: bytes = con.execute(f"SELECT {name} FROM ClusteringFit").get
    return blob


def test_a_fit_comes_back(fitted: apsw.Connection) -> None:
    found = fits.load(database_of(fitted), 1)
    ordered = [i for (i,) in fitted.execute("SELECT id FROM Embedding ORDER BY id")]
    assert found.ids == ordered
    assert {type(i) for i in found.ids} == {int, float, str, bytes}
    assert len(found.tree.weight) == 39
    assert found.record.selection == {"where": None, "downsample": 1}
    assert sum(len(stored(fitted, name)) for name in BLOBS[1:]) == 24 * 40 - 16


def ends(*changes: tuple[int, int]) -> Any:
    """The spanning tree with some of its 78 ends changed."""

    def change(blob: bytes) -> bytes:
        numbers = np.frombuffer(blob, dtype="<i4").copy()
        for place, value in changes:
            numbers[place] = value
        return numbers.tobytes()

    return change


def weights(change: Any) -> Any:
    def changed(blob: bytes) -> bytes:
        numbers = np.frombuffer(blob, dtype="<f8").copy()
        change(numbers[39:])
        return numbers.tobytes()

    return changed


DAMAGES: dict[str, tuple[str, Any]] = {
    "empty ids": ("row_ids", lambda blob: b""),
    "truncated ids": ("row_ids", lambda blob: blob[:-1]),
    "one id more": ("row_ids", lambda blob: blob + b"i\x01\0\0\x009"),
    "ids of another form": ("row_ids", lambda blob: b"x" + blob[1:]),
    "an id of 4 GiB": ("row_ids", lambda blob: blob[:2] + b"\xff\xff\xff\xff" + blob[6:]),
    "ids as text": ("row_ids", lambda blob: b"m" + 40 * b"t\x01\0\0\0\xff"),
    "the same id again": ("row_ids", lambda blob: b"m" + 40 * b"t\x01\0\0\0a"),
    "integers out of order": ("row_ids", lambda blob: b"i" + np.arange(40, 0, -1).astype("<i8").tobytes()),
    "an integer beyond SQLite": ("row_ids", lambda blob: b"mi\x13\0\0\0" + b"9" * 19 + blob[1:]),
    "checks truncated": ("row_checks", lambda blob: blob[:-4]),
    "core NaN": ("core_distances", lambda blob: np.full(40, math.nan, "<f4").tobytes()),
    "core negative": ("core_distances", lambda blob: np.full(40, -1, "<f4").tobytes()),
    "core infinite": ("core_distances", lambda blob: np.full(40, math.inf, "<f4").tobytes()),
    "core too long": ("core_distances", lambda blob: blob * 2),
    "tree empty": ("spanning_tree", lambda blob: b""),
    "tree truncated": ("spanning_tree", lambda blob: blob[:-16]),
    "tree of zeros": ("spanning_tree", lambda blob: bytes(len(blob))),
    "an end below": ("spanning_tree", ends((0, -1))),
    "an end beyond": ("spanning_tree", ends((0, 40))),
    "an end far beyond": ("spanning_tree", ends((77, 2**31 - 1))),
    "a loop": ("spanning_tree", ends((0, 3), (39, 3))),
    "a cycle": ("spanning_tree", ends((0, 1), (39, 2), (1, 2), (40, 3), (2, 3), (41, 1))),
    "weight NaN": ("spanning_tree", weights(lambda w: w.__setitem__(3, math.nan))),
    "weight infinite": ("spanning_tree", weights(lambda w: w.__setitem__(-1, math.inf))),
    "weight negative": ("spanning_tree", weights(lambda w: w.__setitem__(0, -1.0))),
    "weights descending": ("spanning_tree", weights(lambda w: w.__setitem__(slice(None), w[::-1].copy()))),
    "n of one more": ("n", lambda n: n + 1),
    "n of zero": ("n", lambda n: 0),
    "n below zero": ("n", lambda n: -(2**62)),
    "n beyond memory": ("n", lambda n: 2**62),
    "selection a list": ("selection", lambda text: "[]"),
    "selection a list of its names": ("selection", lambda text: '["where", "downsample"]'),
    "selection a number": ("selection", lambda text: "3"),
    "selection without downsample": ("selection", lambda text: '{"where": null}'),
    "no JSON": ("timings", lambda text: "{"),
    "metric unknown": ("metric", lambda text: "manhattan"),
    "where a number": ("selection", lambda text: '{"where": 1, "downsample": 1}'),
    "downsample zero": ("selection", lambda text: '{"where": null, "downsample": 0}'),
    "selection 50,000 deep": ("selection", lambda text: "[" * 50_000 + "]" * 50_000),
    "min_samples of zero": ("min_samples", lambda number: 0),
    "min_samples below zero": ("min_samples", lambda number: -3),
    "more min_samples than rows": ("min_samples", lambda number: 40),
    "min_samples beyond memory": ("min_samples", lambda number: 2**62),
    "alpha zero": ("alpha", lambda number: 0.0),
    "alpha infinite": ("alpha", lambda number: math.inf),
    "alpha tiny": ("alpha", lambda number: 1e-300),
    "normalize seven": ("normalize", lambda number: 7),
    "engine unknown": ("engine", lambda text: "quantum"),
    "seed below zero": ("seed", lambda number: -1),
    "recall of two": ("recall", lambda number: 2.0),
    "n_distinct of zero": ("n_distinct", lambda number: 0),
    "more distinct than rows": ("n_distinct", lambda number: 41),
    "dimension of zero": ("dimension", lambda number: 0),
    "dimension beyond memory": ("dimension", lambda number: 2**62),
}
USES = (
    "SELECT clust_cut(1)",
    "SELECT count(*) FROM clust_labels(1)",
    "SELECT count(*) FROM clust_sweep(1, '{}')",
    "SELECT count(*) FROM clust_spanning_tree(1)",
    "SELECT count(*) FROM clust_condensed_tree(1)",
    "SELECT count(*) FROM clust_core_distances(1)",
    "SELECT count(*) FROM clust_layers(1)",
    "SELECT count(*) FROM clust_nearest(1)",
    "SELECT count(*) FROM clust_predict(1, (SELECT clust_points(id, vector) FROM Embedding WHERE id = 30))",
)
COMMANDS = (("cut", "1"), ("sweep", "1"), ("predict", "1"))


@pytest.mark.slow
@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_named(fitted: apsw.Connection, tmp_path: Path, name: str) -> None:
    column, change = DAMAGES[name]
    damage(fitted, **{column: change(stored(fitted, column))})
    for use in USES:
        with pytest.raises(FitDamagedError, match=r"^clustering fit 1 is damaged: .*\. Delete it and fit again$"):
            fitted.execute(use).fetchall()
    assert fitted.execute("SELECT count(*) FROM ClusteringResult").get == 1
    with closing(apsw.Connection(str(tmp_path / "damaged.db"))) as copy, copy.backup("main", fitted, "main") as backup:
        backup.step()
    for command, which in COMMANDS:
        message = fail(command, tmp_path / "damaged.db", which)
        assert re.fullmatch(r"clustering fit 1 is damaged: .*\. Delete it and fit again", message)


@pytest.mark.slow
def test_random_damage_never_crashes(fitted: apsw.Connection) -> None:
    whole = {name: stored(fitted, name) for name in BLOBS}
    rng = random.Random(5)
    found = []
    for _ in range(150):
        name = rng.choice(BLOBS)
        blob = bytearray(whole[name])
        for _ in range(rng.choice([1, 1, 3, 30])):
            blob[rng.randrange(len(blob))] = rng.randrange(256)
        damage(fitted, **{**whole, name: bytes(blob)})
        for use in USES[1:]:
            try:
                with originals():
                    fitted.execute(use).fetchall()
            except SqlclustError as error:
                found.append(type(error).__name__)
    assert {"FitDamagedError", "MembersChangedError"} <= set(found)


def test_unknown_and_not_stored(fitted: apsw.Connection) -> None:
    for which in (2, -1, 2**62):
        with pytest.raises(UnknownFitError, match=rf"^no clustering fit {which}; ids here: 1$"):
            fitted.execute("SELECT clust_cut(?)", (which,))
    fit(database_of(fitted), "demo", HdbscanOptions(min_cluster_size=5, min_samples=2), store_fit=False)
    assert fitted.execute("SELECT row_ids IS NULL FROM ClusteringFit WHERE id = 2").get
    for use in USES:
        with pytest.raises(FitNotStoredError, match="clustering fit 2 was made without storing its tree"):
            fitted.execute(use.replace("(1", "(2")).fetchall()


def test_no_fits_at_all(con: apsw.Connection) -> None:
    with pytest.raises(UnknownFitError, match="no clustering fit 1; there are no fits yet"):
        fits.load(database_of(con), 1)


def test_huge_vectors_are_stored(con: apsw.Connection) -> None:
    add_embeddings(con, (clustered().astype(np.float64) * 3e38 / 1.6).astype(np.float32))
    fit(database_of(con), "demo", HdbscanOptions(min_cluster_size=5, normalize=False))
    assert len(fits.load(database_of(con), 1).ids) == 40
