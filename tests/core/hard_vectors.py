"""Vectors that are hard for exact computing: what the tests of the engines have, and what is hard for 8-bit integers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sqlclust.core.geometry.metrics import Float32Array
from tests.benchmarks.data import embeddings
from tests.core import test_engines
from tests.core.neighbors import test_hard_for_exact

Random = np.random.Generator


def subnormal(random: Random) -> Float32Array:
    """Numbers among the least of float32, and ordinary ones far off."""
    vectors = random.integers(-9, 10, (300, 8)) * 2.0**-147
    return np.concatenate([vectors, random.standard_normal((60, 8))]).astype(np.float32)


def largest(random: Random) -> Float32Array:
    """Squares overflow."""
    return (random.standard_normal((300, 24)) * 2.0**120).astype(np.float32)


def one_large_number(random: Random) -> Float32Array:
    """One number in each vector is a thousand times the others: steps that hold it are too large for them."""
    vectors = random.standard_normal((400, 64))
    vectors[np.arange(400), random.integers(64, size=400)] *= 1e3
    return vectors.astype(np.float32)


def few_far_ones(random: Random) -> Float32Array:
    """Too few for the steps to hold them."""
    vectors = random.standard_normal((900, 40))
    vectors[::300] *= 1e6
    return vectors.astype(np.float32)


def all_lengths(random: Random) -> Float32Array:
    """|q(x)|² from nothing to the largest: columns of terms do not hold all of them."""
    vectors = random.standard_normal((700, 80))
    vectors /= np.abs(vectors).max(axis=1, keepdims=True)
    return (vectors * np.linspace(0.0, 1.0, 700)[:, None]).astype(np.float32)


def in_steps(random: Random) -> Float32Array:
    """On a lattice that rounding to steps hits or just misses: bounds are as tight as they get."""
    vectors = random.integers(-127, 128, (500, 32)).astype(np.float32)
    vectors[::2] += np.float32(0.5)
    return vectors


def turned(random: Random) -> Float32Array:
    """Enough of few dimensions to be turned, along few axes."""
    return embeddings(1200, 140, seed=int(random.integers(1000)), identical=0.2)


def balls(random: Random) -> Float32Array:
    """Tight balls: their pairs are nearer to each other than one step."""
    centres = np.repeat(random.standard_normal((30, 72)), 20, axis=0)
    return (centres + 1e-4 * random.standard_normal(centres.shape)).astype(np.float32)


OWN = (subnormal, largest, one_large_number, few_far_ones, all_lengths, in_steps, turned, balls)
OTHERS = (test_engines, test_hard_for_exact)


def every() -> dict[str, Callable[[Random], Float32Array]]:
    """All of them by name."""
    return {make.__name__: make for make in (*(make for module in OTHERS for make in module.HARD), *OWN)}
