"""NumPy-only core: agreement of two labellings of the same things. No SQL. scikit-learn computes them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def adjusted_rand_index(a: NDArray[np.int64], b: NDArray[np.int64]) -> float:
    """Adjusted Rand index of two labellings int64 (n,), n >= 1: 1 is equal up to names, 0 what chance gives.

    Source: Hubert and Arabie 1985.
    """
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(a, b))


def adjusted_mutual_information(a: NDArray[np.int64], b: NDArray[np.int64]) -> float:
    """Adjusted mutual information of two labellings int64 (n,), n >= 1: 1 is equal up to names, 0 what chance gives.

    Source: Vinh, Epps, Bailey 2010 (arithmetic normalisation).
    """
    from sklearn.metrics import adjusted_mutual_info_score

    return float(adjusted_mutual_info_score(a, b))
