"""The doctor on damaged files, and its pass over many vectors."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import apsw
import numpy as np
import pytest

import sqlclust
from sqlclust.errors import SqlclustError
from tests.diagnosis.looking import brief
from tests.diagnosis.sick import broken

pytestmark = pytest.mark.slow


# --- damaged files -----------------------------------------------------------------------------------------------------


def damaged(content: bytes, seed: int) -> bytes:
    rng = random.Random(seed)
    changed = bytearray(content)
    for _ in range(rng.choice([1, 3, 20])):
        page = rng.randrange(1, len(changed) // 4096)
        start = page * 4096 + rng.choice([rng.randrange(16), rng.randrange(4000)])
        size = rng.choice([1, 2, 8, 90])
        changed[start : start + size] = rng.choice([bytes(size), rng.randbytes(size), b"\xff" * size])
    return bytes(changed[: rng.randrange(len(changed))] if rng.random() < 0.1 else changed)


def test_random_damage_gives_findings_or_one_of_our_errors(well: Path, tmp_path: Path) -> None:
    path = tmp_path / "damaged.db"
    told = {"finding": 0, "error": 0}
    for seed in range(60):
        path.write_bytes(damaged(well.read_bytes(), seed))
        con = None
        try:
            con = sqlclust.connect(str(path))
            diagnosis = sqlclust.doctor(con, fix=True)
        except SqlclustError:
            told["error"] += 1
        else:
            told["finding"] += not diagnosis.healthy
            if any(f.finding == "damaged-file" for f in diagnosis.findings):
                assert diagnosis.repairs == []  # nothing is certain in it
        finally:
            if con is not None:
                con.close()
    assert told["finding"] > 10
    assert [*tmp_path.iterdir()] == [path]


def test_a_damaged_page(well: Path, tmp_path: Path) -> None:
    path = broken(well, tmp_path / "damaged.db", "UPDATE Cluster SET size = 77 WHERE clustering_result_id = 2")
    con = apsw.Connection(str(path))
    page = con.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'Embedding_embedding_model'").get
    con.close()
    content = bytearray(path.read_bytes())
    content[(page - 1) * 4096 : (page - 1) * 4096 + 8] = b"\x0a\x00\x00\x00\x00\x10\x00\x00"  # a leaf without entries
    path.write_bytes(bytes(content))
    con = sqlclust.connect(str(path))
    found = sqlclust.doctor(con).findings
    [damage] = [f for f in found if f.finding == "damaged-file"]
    assert (damage.severity, damage.detail) == (
        "error",
        "44 messages of PRAGMA integrity_check; the first: wrong # of entries in index Embedding_embedding_model",
    )
    for quick in (False, True):
        left = sqlclust.doctor(con, fix=True, quick=quick)
        assert (left.repairs, left.backup) == ([], None)
        [size] = [f for f in left.findings if f.finding == "wrong-size"]
        assert size.remedy.startswith("not repaired: the file is damaged")
    con.close()


@pytest.fixture
def many(tmp_path: Path) -> Iterator[apsw.Connection]:
    """20,000 vectors, and two models whose names are not text."""
    con = sqlclust.connect(str(tmp_path / "many.db"))
    sqlclust.initialize(con)
    rng = np.random.default_rng(3)
    with con:
        con.executemany(
            "INSERT INTO Embedding (id, embedding_model, vector) VALUES (?, ?, ?)",
            ((row, "ab"[row % 2], rng.normal(size=16).astype("<f4").tobytes()) for row in range(20_000)),
        )
    yield con
    con.close()


def test_the_pass_over_vectors_counts_right(many: apsw.Connection) -> None:
    many.execute("UPDATE Embedding SET vector = zeroblob(64) WHERE id % 100 = 7")
    many.execute("UPDATE Embedding SET vector = x'00000000000000000000803f' WHERE id % 1000 = 10")
    many.execute("UPDATE Embedding SET vector = x'0000807f' WHERE id IN (19999, 5000)")
    assert brief(sqlclust.doctor(many)) == [
        ("error", "not-finite", "Embedding", "vector", 5000, 2),
        ("error", "mixed-dimensions", "Embedding", "vector", 5000, 21),
        ("error", "mixed-dimensions", "Embedding", "vector", 19999, 1),
        ("note", "zero-vector", "Embedding", "vector", 7, 200),
    ]
    fractions: dict[str, list[float]] = {}
    sqlclust.doctor(many, progress=lambda phase, fraction: fractions.setdefault(phase, []).append(fraction))
    assert list(fractions) == ["tables", "ids", "results", "sources", "vectors", "items", "models", "fits", "integrity"]
    assert all(each == sorted(each) and (each[0], each[-1]) == (0.0, 1.0) for each in fractions.values())
    assert len(set(fractions["vectors"])) > 10
