"""Generated data with the structure of text embeddings; seeded, any size, made in blocks.

Plain blobs flatter every engine. What real sentence embeddings (141,600 × 384) measured, and what this makes:

* a smooth surface of few intrinsic dimensions, bent through all axes: random Fourier features of a 16-dimensional latent;
* a spectrum in which 64 of 384 axes hold about 58 % of the variance;
* 3–15 % identical rows (captions, boilerplate), most of them pairs, some repeated hundreds of times;
* 60–95 % noise at min_cluster_size 15; clusters of very different density and size.
"""

from __future__ import annotations

import numpy as np

from sqlclust.core.geometry.metrics import Float32Array, Float64Array
from sqlclust.core.runtime.threads import single_threaded_blas

_LATENT = 16
_BLOCK = 8192


def embeddings(
    n: int, dimension: int = 384, *, seed: int = 0, clustered: float = 0.18, identical: float = 0.05
) -> Float32Array:
    """Unit vectors float32 (n, dimension).

    Args:
        clustered: share of the rows drawn around topics; about half of them end up in a cluster.
        identical: share of the rows that repeat another row.
    """
    random = np.random.default_rng(seed)
    weights = _spectrum(dimension)
    frequencies = random.standard_normal((_LATENT, dimension)) * random.gamma(2.0, 0.16, size=dimension)
    phases = random.uniform(0, 2 * np.pi, dimension)
    with single_threaded_blas():  # threads round otherwise, and the data would not be the same everywhere
        mixing = np.linalg.qr(random.standard_normal((dimension, dimension)))[0].astype(np.float32)

    topics = max(2, n // 400)
    centres = random.standard_normal((topics, _LATENT)) * 1.2
    spread = np.exp(random.uniform(np.log(0.03), np.log(0.6), topics))
    share = random.pareto(1.5, topics) + 0.2
    topic = random.choice(topics, size=n, p=share / share.sum())
    loose = random.random(n) >= clustered

    result = np.empty((n, dimension), dtype=np.float32)
    for start in range(0, n, _BLOCK):
        part = slice(start, min(start + _BLOCK, n))
        own, out = topic[part], loose[part]
        latent = random.standard_normal((len(own), _LATENT))
        heavy = np.exp(random.normal(-0.2, 0.3, len(own)))
        latent = np.where(
            out[:, None], 0.6 * centres[own] + latent * heavy[:, None], centres[own] + latent * spread[own][:, None]
        )
        with single_threaded_blas():
            surface = np.sqrt(2) * np.cos(latent @ frequencies + phases)
        roughness = np.where(out, 0.25, 0.1 + 0.25 * spread[own])[:, None]
        rough = random.standard_normal(surface.shape, dtype=np.float32)
        with single_threaded_blas():
            block = ((surface + roughness * rough) * weights).astype(np.float32) @ mixing
        result[part] = block / np.linalg.norm(block, axis=1, keepdims=True)
    _repeat(result, identical, random)
    return result


def near_copies(vectors: Float32Array, count: int, *, jitter: float = 0.012, seed: int = 0) -> Float32Array:
    """Unit vectors and near copies of each, in random order: float32 (n · (1 + count), dimension). Hard for an approximate
    spanning tree: the lists of the nearest neighbours are full of copies and do not lead out of small groups.

    Args:
        vectors: float32 (n, dimension), of length one; as they are where `count` is 0.
        jitter: standard deviation of what is added to each component, before the copy is scaled to length one.
    """
    if count == 0:
        return vectors
    random = np.random.default_rng((seed, count))
    copies = np.repeat(vectors, count, axis=0)
    copies += np.float32(jitter) * random.standard_normal(copies.shape, dtype=np.float32)
    copies /= np.linalg.norm(copies, axis=1, keepdims=True)
    return random.permutation(np.concatenate([vectors, copies]))


def _spectrum(dimension: int) -> Float64Array:
    """Standard deviations of the axes: 58 % of the variance in the first sixth of them."""
    rank = np.arange(dimension)
    variance = (rank + dimension / 12) ** -0.8
    return np.asarray(np.sqrt(variance / variance.sum()))


def _repeat(vectors: Float32Array, share: float, random: np.random.Generator) -> None:
    """Overwrite a share of the rows with copies of others, in groups of very different size (in place)."""
    n = len(vectors)
    target = random.permutation(n)[: int(n * share)]
    rest = np.setdiff1d(np.arange(n), target)
    if len(target) and len(rest):
        popularity = random.zipf(1.6, size=len(target)) % max(1, len(rest) // 2)
        source = np.where(random.random(len(target)) < 0.4, rest[popularity], random.choice(rest, len(target)))
        vectors[target] = vectors[source]
