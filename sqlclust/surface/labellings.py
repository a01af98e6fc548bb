"""Two labellings of the same things compared."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.labellings.agreement import adjusted_mutual_information, adjusted_rand_index
from sqlclust.surface.records import AggregateFunction


class _Agreement:
    """Two labels of each thing. Labels are INTEGER, REAL, TEXT or BLOB; every different value is a label."""

    def __init__(self) -> None:
        self._codes: tuple[dict[object, int], dict[object, int]] = ({}, {})
        self._labels: tuple[list[int], list[int]] = ([], [])

    def step(self, a: object, b: object) -> None:
        """Take a thing's two labels."""
        if a is None or b is None:
            return
        for label, codes, labels in zip((a, b), self._codes, self._labels, strict=True):
            labels.append(codes.setdefault(label, len(codes)))

    def _arrays(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        a, b = self._labels
        return np.array(a, dtype=np.int64), np.array(b, dtype=np.int64)


class AriAggregate(_Agreement):
    """clust_ari: adjusted Rand index."""

    def final(self) -> float | None:
        """The index; NULL of nothing."""
        a, b = self._arrays()
        return adjusted_rand_index(a, b) if len(a) else None


class AmiAggregate(_Agreement):
    """clust_ami: adjusted mutual information."""

    def final(self) -> float | None:
        """The information; NULL of nothing."""
        a, b = self._arrays()
        return adjusted_mutual_information(a, b) if len(a) else None


LABELLINGS = (
    AggregateFunction(
        name="clust_ari",
        args=("a", "b"),
        factory=AriAggregate,
        returns="REAL",
        summary="Adjusted Rand index of two labellings: 1 when they agree up to names, about 0 by chance.",
        example="SELECT clust_ari(value / 2, value / 2 + 7) FROM json_each('[0, 1, 2, 3]') -- 1.0",
    ),
    AggregateFunction(
        name="clust_ami",
        args=("a", "b"),
        factory=AmiAggregate,
        returns="REAL",
        summary="Adjusted mutual information of two labellings: 1 when they agree up to names, about 0 by chance.",
        example="SELECT clust_ami(value / 2, value / 2 + 7) FROM json_each('[0, 1, 2, 3]') -- 1.0",
    ),
)
