"""How far two labellings of the same things agree, by one number: adjusted Rand index, adjusted mutual information."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.runtime.control import Control


def adjusted_rand_index(a: NDArray[np.int64], b: NDArray[np.int64]) -> float:
    """Adjusted Rand index of two labellings int64 (n,), n >= 1: 1 is equal up to names, 0 what chance gives.

    The Rand index counts pairs of things that are together in both labellings. Adjusted: (index − expected) / (maximum −
    expected).

    Source: Hubert and Arabie 1985.
    """
    common, sizes_a, sizes_b = (_pairs_within(sizes) for sizes in _contingency(a, b))
    n = len(a)
    if common == sizes_a == sizes_b:
        return 1.0
    expected = sizes_a * sizes_b / (n * (n - 1) // 2)
    return (common - expected) / ((sizes_a + sizes_b) / 2 - expected)


def _pairs_within(sizes: NDArray[np.int64]) -> int:
    """How many pairs there are within groups of these sizes."""
    return int((sizes * (sizes - 1) // 2).sum())


def _contingency(
    a: NDArray[np.int64], b: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Sizes of the overlaps, of a's groups and of b's; some may be 0."""
    a, b = _from_zero(a), _from_zero(b)
    sizes_a, sizes_b = np.bincount(a), np.bincount(b)
    cells = a * len(sizes_b) + b
    few = len(sizes_a) * len(sizes_b) <= 4 * len(a) + 1024
    common = np.bincount(cells) if few else np.unique(cells, return_counts=True)[1]
    return common.astype(np.int64), sizes_a.astype(np.int64), sizes_b.astype(np.int64)


def _from_zero(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Labels from 0, not many more than there are things; sorting is slow and seldom needed."""
    lowest, highest = int(labels.min()), int(labels.max())
    if highest - lowest <= 2 * len(labels):
        return labels - lowest
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def adjusted_mutual_information(a: NDArray[np.int64], b: NDArray[np.int64], control: Control | None = None) -> float:
    """Adjusted mutual information of two labellings int64 (n,), n >= 1: 1 is equal up to names, 0 what chance gives.

    Cost: O(n log n), and for what chance gives about 100 steps for every two different sizes of clusters. scikit-learn's
    takes every two clusters and every overlap they can have: half a minute for 3,000 clusters of 200,000 things on each
    side.

    Source: Vinh, Epps, Bailey 2010 (arithmetic normalisation).
    """
    control = control or Control()
    n = len(a)
    _, rows, sizes_a = np.unique(a, return_inverse=True, return_counts=True)
    control.check()
    _, columns, sizes_b = np.unique(b, return_inverse=True, return_counts=True)
    control.check()
    cells, common = np.unique(rows.astype(np.int64) * len(sizes_b) + columns, return_counts=True)
    if len(cells) == len(sizes_a) == len(sizes_b):
        return 1.0
    of_a, of_b = sizes_a[cells // len(sizes_b)], sizes_b[cells % len(sizes_b)]
    # sorted: the same sum whatever order the things, and so the clusters, came in
    information = float(np.sort(common / n * np.log(common / of_a * (n / of_b))).sum())
    by_chance = _expected_information(sizes_a, sizes_b, control)
    at_most = (_entropy(sizes_a) + _entropy(sizes_b)) / 2
    return (information - by_chance) / (at_most - by_chance)


def _entropy(sizes: NDArray[np.intp]) -> float:
    share = np.sort(sizes) / sizes.sum()
    return float(-(share * np.log(share)).sum())


def _expected_information(sizes_a: NDArray[np.intp], sizes_b: NDArray[np.intp], control: Control) -> float:
    """The mutual information of labellings with clusters of these sizes, in the mean over all ways to deal out the labels.

    The overlap of two clusters is hypergeometric then and depends on their sizes only. Overlaps further from the mean m than
    12 √m + 60 are left out: their probability is below 1e-30 by Bernstein's inequality.
    """
    from scipy.special import gammaln

    n = int(sizes_a.sum())
    log_factorial = gammaln(np.arange(n + 1) + 1.0)
    different_a, times_a = np.unique(sizes_a, return_counts=True)
    b, times_b = np.unique(sizes_b, return_counts=True)
    total = 0.0
    for a, times in zip(different_a.tolist(), times_a.tolist(), strict=True):
        control.check()
        mean = a / n * b
        reach = 12 * np.sqrt(mean) + 60
        first = np.maximum(np.maximum(1, a + b - n), np.floor(mean - reach).astype(np.int64))
        last = np.minimum(np.minimum(a, b), np.ceil(mean + reach).astype(np.int64))
        lengths = np.maximum(last - first + 1, 0)
        which = np.repeat(np.arange(len(b)), lengths)
        overlap = first[which] + np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        other = b[which]
        log_probability = (
            log_factorial[a]
            + log_factorial[other]
            + log_factorial[n - a]
            + log_factorial[n - other]
            - log_factorial[n]
            - log_factorial[overlap]
            - log_factorial[a - overlap]
            - log_factorial[other - overlap]
            - log_factorial[n - a - other + overlap]
        )
        information = overlap / n * np.log(overlap / a * (n / other))
        total += times * float((times_b[which] * information * np.exp(log_probability)).sum())
    return total
