"""What bytes look like: float32 of any kind is never taken for something else, and other formats are told from a few rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sqlclust.vectors.recognition import resembles

pytestmark = pytest.mark.slow

Array = NDArray[Any]
Random = np.random.Generator


def look(rows: Array) -> tuple[str, ...]:
    rows = np.ascontiguousarray(rows)
    return resembles(rows.view(np.uint8).reshape(len(rows), -1))


def unit(rows: Array) -> Array:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def embeddings(random: Random, n: int, dimension: int) -> Array:
    """Clusters, of length one or not, with both signs or without, at any scale that models have."""
    centres = random.normal(size=(5, dimension)) * random.choice([0, 1, 2])
    rows = centres[random.integers(5, size=n)] + random.choice([0.1, 1]) * random.normal(size=(n, dimension))
    rows = unit(rows) if random.random() < 0.5 else rows * 10.0 ** random.integers(-3, 3)
    return np.abs(rows) if random.random() < 0.3 else rows


def bfloat16(rows: Array) -> Array:
    return ((rows.astype("<f4").view("<u4") + 0x8000) >> 16).astype("<u2")


# --- float32 -----------------------------------------------------------------------------------------------------------

REAL: dict[str, Callable[[Random, int, int], Array]] = {
    "embeddings": embeddings,
    "of float16": lambda r, n, d: embeddings(r, n, d).astype("<f2"),
    "of bfloat16": lambda r, n, d: (bfloat16(embeddings(r, n, d)).astype("<u4") << 16).view("<f4"),
    "small integers": lambda r, n, d: r.integers(-50, 50, (n, d)),
    "integers": lambda r, n, d: r.integers(0, 2 ** int(r.integers(4, 25)), (n, d)),
    "images": lambda r, n, d: r.integers(0, 256, (n, d)),
    "images of 0 to 1": lambda r, n, d: r.integers(0, 256, (n, d)) / 255,
    "images of 16 bits": lambda r, n, d: r.integers(0, 65536, (n, d)) / 65535,
    "images of length one": lambda r, n, d: unit(r.integers(1, 256, (n, d))),
    "quantised": lambda r, n, d: np.round(embeddings(r, n, d) / 3 * 127) / 127,
    "tiny": lambda r, n, d: embeddings(r, n, d) * 1e-30,
    "as tiny as can be": lambda r, n, d: embeddings(r, n, d) * 1e-41,
    "huge": lambda r, n, d: r.normal(size=(n, d)) * 1e30,
    "tiny or huge": lambda r, n, d: r.normal(size=(n, d)) * np.where(r.random((n, d)) < 0.5, 1e-30, 1e30),
    "one-hot": lambda r, n, d: np.eye(d)[r.integers(d, size=n)],
    "one-hot at odd places": lambda r, n, d: np.eye(d)[np.minimum(r.integers(d, size=n) | 1, d - 1)],
    "zero": lambda r, n, d: np.zeros((n, d)),
    "bits": lambda r, n, d: r.integers(0, 2, (n, d)),
    "signs": lambda r, n, d: r.choice([-1, 1], (n, d)) / np.sqrt(d),
    "powers of two": lambda r, n, d: 2.0 ** r.integers(-120, 120, (n, d)),
    "powers of ten": lambda r, n, d: 10.0 ** r.integers(-10, 10, (n, d)) * r.choice([-1, 1], (n, d)),
    "magnitudes by column": lambda r, n, d: r.normal(size=(n, d)) * 10.0 ** r.integers(-20, 20, d),
    "magnitudes of all kinds": lambda r, n, d: 10.0 ** r.uniform(-30, 30, (n, d)) * r.choice([-1, 1], (n, d)),
    "lognormal": lambda r, n, d: np.exp(r.normal(size=(n, d)) * 8),
    "decimals": lambda r, n, d: np.round(embeddings(r, n, d), 2),
    "few values": lambda r, n, d: r.normal(size=60)[r.integers(60, size=(n, d))],
    "sevenths": lambda r, n, d: r.integers(0, 50, (n, d)) / 7,
    "counts": lambda r, n, d: r.poisson(3, (n, d)),
    "logarithms of counts": lambda r, n, d: np.log1p(r.poisson(1, (n, d))),
    "probabilities": lambda r, n, d: np.exp(-80 * r.random((n, d))),
    "sparse": lambda r, n, d: np.where(r.random((n, d)) < 0.97, 0, r.normal(size=(n, d))),
    "sparse at odd places": lambda r, n, d: r.normal(size=(n, d)) * (np.arange(d) % 2) * (r.random((n, d)) < 0.3),
    "zeros at even places": lambda r, n, d: r.normal(size=(n, d)) * (np.arange(d) % 2),
    "zeros at odd places": lambda r, n, d: r.normal(size=(n, d)) * (np.arange(d) % 2 == 0),
    "zeros at even places, 1 to 2 at odd ones": lambda r, n, d: r.uniform(1, 2, (n, d)) * (np.arange(d) % 2),
    "timestamps": lambda r, n, d: 1.7e9 + r.integers(0, 10**6, (n, d)),
    "metres": lambda r, n, d: r.uniform(4e5, 5e5, (n, d)),
    "around 100": lambda r, n, d: r.normal(size=(n, d)) + 100,
    "around 100, of float16": lambda r, n, d: (r.normal(size=(n, d)) + 100).astype("<f2"),
    "around 100, of bfloat16": lambda r, n, d: (bfloat16(r.normal(size=(n, d)) + 100).astype("<u4") << 16).view("<f4"),
    "in halves around a number": lambda r, n, d: np.round(2 * r.normal(size=(n, d))) / 2 + r.integers(1, 1000),
    "few values of a column": lambda r, n, d: r.normal(size=(8, d))[r.integers(8, size=n)],
    "eight values": lambda r, n, d: r.normal(size=8)[r.integers(8, size=(n, d))],
    "the same row": lambda r, n, d: np.broadcast_to(r.normal(size=d), (n, d)),
}


@pytest.mark.parametrize("kind", REAL)
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32), n=st.integers(1, 140), dimension=st.integers(1, 400))
@example(seed=1, n=128, dimension=64)
@example(seed=2, n=128, dimension=2)
def test_float32_is_float32(kind: str, seed: int, n: int, dimension: int) -> None:
    with np.errstate(all="ignore"):
        rows = np.ascontiguousarray(REAL[kind](np.random.default_rng(seed), n, dimension), dtype="<f4")
    rows[~np.isfinite(rows)] = 0
    assert look(rows) == ()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 8).flatmap(
        lambda d: st.lists(
            st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=d, max_size=d),
            min_size=1,
            max_size=30,
        )
    )
)
def test_so_are_few_numbers_of_any_kind(rows: list[list[float]]) -> None:  # fmt: skip
    assert look(np.array(rows, dtype="<f4")) == ()


# --- other formats --------------------------------------------------------------------------------------------------------

OTHER: dict[str, tuple[str, Callable[[Random, Array], Array]]] = {
    "float64": ("float64", lambda r, x: x.astype("<f8")),
    "float64 of float32": ("float64", lambda r, x: x.astype("<f4").astype("<f8")),
    "float64 of float16": ("float64", lambda r, x: x.astype("<f2").astype("<f8")),
    "float64 of integers": ("float64", lambda r, x: np.round(x / np.abs(x).max() * 100)),
    "float64, sparse": ("float64", lambda r, x: np.where(r.random(x.shape) < 0.7, 0, x)),
    "float16": ("float16", lambda r, x: x.astype("<f2")),
    "bfloat16": ("bfloat16", lambda r, x: bfloat16(x)),
    "int8": ("int8", lambda r, x: np.round(x / np.abs(x).max() * 127).astype("i1")),
    "int8 of no sign": ("int8", lambda r, x: np.round(np.abs(x) / np.abs(x).max() * 127).astype("i1")),
    "uint8": ("uint8", lambda r, x: np.round((x / np.abs(x).max() + 1) / 2 * 255).astype("u1")),
    "bytes of images": ("bit", lambda r, x: r.integers(0, 256, x.shape).astype("u1")),
    "bit": ("bit", lambda r, x: np.packbits(r.normal(size=(len(x), x.shape[1] * 8)) > 0, axis=1, bitorder="little")),
}


@pytest.mark.parametrize("kind", OTHER)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), n=st.integers(60, 200), dimension=st.sampled_from([32, 48, 100, 256, 384, 768]))
def test_other_formats_are_told(kind: str, seed: int, n: int, dimension: int) -> None:
    random = np.random.default_rng(seed)
    name, made = OTHER[kind]
    found = look(made(random, embeddings(random, n, dimension)))
    if name in ("int8", "uint8") and dimension < 100:  # whose few columns may be of many kinds
        assert not found or found[0] not in ("float64", "bit")
        return
    assert found[:1] == (name,)
    assert name in ("bit", "int8", "uint8") or set(found) <= {name, "float16", "bfloat16"}
    if name == "bit":  # random bytes may be all of these
        assert found == ("bit", "uint8", "int8")


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    n=st.integers(60, 200),
    dimension=st.sampled_from([16, 100, 384]),
    centre=st.sampled_from([0.5, 1, 3.4, 10, 30, 100, 1000]),
    share=st.floats(0.01, 0.2),
)
@example(seed=0, n=100, dimension=16, centre=100, share=0.01)
def test_numbers_near_each_other(name: str, seed: int, n: int, dimension: int, centre: float, share: float) -> None:
    rows = (1 + share * np.random.default_rng(seed).normal(size=(n, dimension))) * centre
    found = look(rows.astype("<f2") if name == "float16" else bfloat16(rows))
    assert name in found or not found  # where both fit, both are named
    assert set(found) <= {"float16", "bfloat16"}
    assert found or share < 0.03
    if centre == 100 and name == "float16":  # as the other, 1e13
        assert found[:1] == (name,)


def test_small_integers_of_two_bytes_are_neither() -> None:
    random = np.random.default_rng(0)
    assert look(random.integers(-50, 50, (100, 64)).astype("<i2")) == ()
    assert look(random.integers(0, 50, (100, 64)).astype("<i2")) == ()
    assert look(np.repeat(random.integers(60, 70, (100, 64)), 2, axis=1).astype("u1")) == ()


@pytest.mark.parametrize("kind", OTHER)
def test_of_three_rows_nothing_is_told(kind: str) -> None:
    random = np.random.default_rng(0)
    assert look(OTHER[kind][1](random, embeddings(random, 3, 384))) == ()


def test_a_width_that_float32_has_not() -> None:
    assert resembles(np.zeros((100, 6), dtype=np.uint8)) == ()
    assert resembles(np.zeros((0, 8), dtype=np.uint8)) == ()
    assert resembles(np.zeros((8, 0), dtype=np.uint8)) == ()
