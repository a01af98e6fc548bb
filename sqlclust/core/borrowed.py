"""The private functions of other packages that we call: hdbscan's selection of clusters, scikit-learn's single linkage.

Nobody promises that a private function stays as it is. So

- no other module of ours imports one;
- each is tried on a small case with a known answer when it is first asked for;
- where the answer is another one, `BorrowedFunctionError` names the installed version.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

import numpy as np

from sqlclust.errors import BorrowedFunctionError


class Borrowed(NamedTuple):
    """A function, and what shows that it is the one we know.

    Attributes:
        package: as it is installed.
        module: where it is.
        name: its name.
        takes: the arguments it is called with, in words.
        check: given the function, whether it does what it did when this was written; it may raise anything.
    """

    package: str
    module: str
    name: str
    takes: str
    check: Callable[[Callable[..., Any]], bool]


def _condensed_tree() -> Any:
    """Of four rows, 0 to 3: the root, 4, splits at density 1 into 5 (rows 0, 1; density 3) and 6 (rows 2, 3; density 2)."""
    rows = [(4, 5, 1.0, 2), (4, 6, 1.0, 2), (5, 0, 3.0, 1), (5, 1, 3.0, 1), (6, 2, 2.0, 1), (6, 3, 2.0, 1)]
    types = [("parent", np.intp), ("child", np.intp), ("lambda_val", np.float64), ("child_size", np.intp)]
    return np.array(rows, dtype=types)


def _selects(get_clusters: Callable[..., Any]) -> bool:
    tree, stability = _condensed_tree(), {4: 1.0, 5: 4.0, 6: 2.0}
    labels, _, scores = get_clusters(tree, stability, "eom", False, False, 0.0, 5)
    return [int(label) for label in labels] == [0, 0, 1, 1] and len(scores) == 2


def _simplifies(simplify_hierarchy: Callable[..., Any]) -> bool:
    kept = simplify_hierarchy(_condensed_tree(), 0.0)
    merged = simplify_hierarchy(_condensed_tree(), 10.0)
    return len(kept) == 6 and sorted(merged["child"].tolist()) == [0, 1, 2, 3] and set(merged["parent"].tolist()) == {4}


def _links(single_linkage_label: Callable[..., Any]) -> bool:
    merges = np.asarray(single_linkage_label(np.array([[0.0, 1.0, 0.5], [2.0, 3.0, 1.0], [1.0, 2.0, 2.0]])))
    return bool(merges.tolist() == [[0, 1, 0.5, 2], [2, 3, 1.0, 2], [4, 5, 2.0, 4]])


BORROWED = (
    Borrowed(
        "hdbscan", "hdbscan._hdbscan_tree", "get_clusters",
        "(tree, stability, cluster_selection_method, allow_single_cluster, match_reference_implementation, "
        "cluster_selection_epsilon, max_cluster_size) and gives labels, probabilities and scores",
        _selects,
    ),
    Borrowed(
        "hdbscan", "hdbscan._hdbscan_tree", "simplify_hierarchy",
        "(tree, persistence_threshold) and gives a condensed tree", _simplifies,
    ),
    Borrowed(
        "scikit-learn", "sklearn.cluster._hierarchical_fast", "_single_linkage_label",
        "(edges, float64 (n - 1, 3): left, right, distance, ascending) and gives n - 1 merges of SciPy's form", _links,
    ),
)  # fmt: skip


@cache
def borrow(name: str) -> Callable[..., Any]:
    """A function by its name.

    Raises:
        BorrowedFunctionError: it is not there, or does something else.
    """
    [borrowed] = (each for each in BORROWED if each.name == name)
    function = None
    try:
        function = getattr(import_module(borrowed.module), name)
        same = borrowed.check(function)
    except Exception as error:  # whatever a changed function does
        found = f"{type(error).__name__}: {error}"
    else:
        if same:
            return function  # type: ignore[no-any-return]
        found = "another result"
    raise BorrowedFunctionError(
        package=borrowed.package,
        version=_installed(borrowed.package),
        function=f"{borrowed.module}.{name}",
        found="it is not there" if function is None else found,
        expected=borrowed.takes,
    )


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "of no known version"
