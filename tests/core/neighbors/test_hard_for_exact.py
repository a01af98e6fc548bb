"""What the exact engine does where little can be ruled out: tiles multiplied in float64, and the rest of the tree found at once.
Every way gives what brute force gives, on data where everything ties, or nearly.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sqlclust.core import pipeline as hdbscan
from sqlclust.core.geometry.block_distances import blocks_of
from sqlclust.core.geometry.duplicates import distinct
from sqlclust.core.geometry.metrics import Float32Array, squared_distances
from sqlclust.core.geometry.mutual_reachability import MutualReachability
from sqlclust.core.neighbors import exact as neighbors
from sqlclust.core.neighbors import pruning
from sqlclust.core.neighbors.approximate import Effort
from sqlclust.core.neighbors.core_distances import core_distances
from sqlclust.core.neighbors.exact import neighbors_and_pruning
from sqlclust.core.runtime.control import Control
from sqlclust.core.tree import component_search, contraction
from sqlclust.core.tree.component_search import exact_tree
from sqlclust.core.tree.listed_edges import ListedEdges
from tests.benchmarks.worst_cases import fit_seconds, groups, product_seconds
from tests.core.brute import all_squared, minimum_spanning_tree, nearest

pytestmark = pytest.mark.slow

Random = np.random.Generator


def separated(random: Random) -> Float32Array:
    """Groups of 20 that no neighbour list leads out of."""
    return groups(20, 0.05)(400, 24, random)


def far_from_each_other(random: Random) -> Float32Array:
    """Two groups of groups, so far apart that float32 products cannot tell the groups."""
    vectors = groups(16, 0.05)(400, 12, random)
    vectors[::2] += 3e4
    return vectors


def simplex(random: Random) -> Float32Array:
    """Groups whose centres are all equally far from each other."""
    vectors: Float32Array = np.eye(20, 32, dtype=np.float32)[random.integers(20, size=400)]
    vectors += (1e-3 * random.standard_normal(vectors.shape)).astype(np.float32)
    return vectors


def identity(random: Random) -> Float32Array:
    return np.eye(300, dtype=np.float32)


def sets(random: Random) -> Float32Array:
    """Some of many words: ones and zeros, nearly everything ties."""
    return (random.random((400, 60)) < 0.08).astype(np.float32)


def groups_of_integers(random: Random) -> Float32Array:
    """Separated groups on a lattice: distances within and between groups tie."""
    centres = 40 * random.integers(0, 4, (25, 6))
    return (centres[random.integers(25, size=500)] + random.integers(0, 4, (500, 6))).astype(np.float32)


def not_integers(random: Random) -> Float32Array:
    """Thirds of integers: they tie but for rounding."""
    return (random.integers(0, 4, (500, 5)) / 3).astype(np.float32)


def far_group(random: Random) -> Float32Array:
    vectors = random.standard_normal((400, 16))
    vectors[:40] += 1e5
    return vectors.astype(np.float32)


def in_a_row(random: Random) -> Float32Array:
    """Groups along a line, each nearer to the next: components join one after the other."""
    centres = np.cumsum(np.linspace(5, 1, 30))[random.integers(30, size=450)]
    return (centres[:, None] * np.ones(3) + 1e-3 * random.standard_normal((450, 3))).astype(np.float32)


def hardly_apart(random: Random) -> Float32Array:
    """Groups whose squared distances are among the least of float32, which has one or two digits there, and a vector far off."""
    centres = 5 * random.integers(0, 12, (40, 3))
    vectors = centres[random.integers(40, size=300)] + random.standard_normal((300, 3))
    return np.concatenate([5e-24 * vectors, np.ones((1, 3))]).astype(np.float32)


HARD = (
    separated, far_from_each_other, simplex, identity, sets, groups_of_integers, not_integers, far_group, in_a_row,
    hardly_apart,
)  # fmt: skip


@pytest.fixture(params=["as it comes", "tiles in float64", "table at once", "table in float64", "table made again"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Ways through the code, on tiles so small that a few hundred vectors make many."""
    name = str(request.param)
    monkeypatch.setattr(neighbors, "SEED", Effort(lists_per_vector=3, list_size=40))
    for module in (neighbors, component_search, contraction):
        monkeypatch.setattr(module, "TILE", 64)
    if name == "tiles in float64":
        monkeypatch.setattr(pruning, "CROWDED", -1.0)
        monkeypatch.setattr(component_search, "_BUDGET", np.inf)
    elif name != "as it comes":
        monkeypatch.setattr(component_search, "_BUDGET", -1.0)
        monkeypatch.setattr(contraction, "_MANY", 1 << 30 if name == "table at once" else 0)
        if name == "table made again":
            monkeypatch.setattr(contraction._Contraction, "_float32_is_too_rough", lambda self: False)
    return name


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("make", HARD, ids=lambda make: make.__name__)
def test_neighbors_and_tree_are_those_of_brute_force(make: Callable[[Random], Float32Array]) -> None:
    vectors = distinct(make(np.random.default_rng(3)), normalize=False).vectors
    squared = all_squared(vectors)
    for k, min_samples, scale in ((1, 1, 1.0), (6, 3, 1.0), (6, 6, 1.7), (6, 2, 0.3)):
        found, prepared = neighbors_and_pruning(vectors, k, Control())
        indices, distances = nearest(squared, k)
        np.testing.assert_array_equal(found.squared, distances)
        np.testing.assert_array_equal(found.indices, indices)
        given = found.squared.copy()
        counts = np.ones(len(vectors), dtype=np.intp)
        core = core_distances(found.squared, found.indices, counts, min_samples=min_samples)
        reach = MutualReachability(vectors, core, scale, Control())
        tree = exact_tree(reach, prepared, ListedEdges(reach, found.indices, found.squared))
        left, right, weight = minimum_spanning_tree(squared, core, scale)
        np.testing.assert_array_equal(tree.weight, weight)
        np.testing.assert_array_equal(tree.left, left)
        np.testing.assert_array_equal(tree.right, right)
        np.testing.assert_array_equal(found.squared, given)  # what is given is not changed


def test_each_way_is_gone(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the test above varies does happen."""
    gone: list[str] = []

    def noted(module: object, name: str) -> None:
        function = getattr(module, name)

        def noting(*args: object, **kwargs: object) -> object:
            gone.append(name)
            return function(*args, **kwargs)

        monkeypatch.setattr(module, name, noting)

    noted(neighbors, "nearest_of_rows")
    noted(component_search._Askers, "_all_of_tile")
    noted(component_search, "contracted_tree")
    noted(contraction._Contraction, "_multiplied")
    noted(contraction._Contraction, "_screened")
    test_neighbors_and_tree_are_those_of_brute_force(separated)
    expected = {
        "as it comes": set(),
        "tiles in float64": {"nearest_of_rows", "_all_of_tile"},
        "table at once": {"contracted_tree"},
        "table in float64": {"contracted_tree", "_multiplied"},
        "table made again": {"contracted_tree", "_multiplied", "_screened"},
    }[way]
    assert expected <= set(gone)


@pytest.mark.parametrize(
    ("vectors", "exact"),
    [
        (np.eye(5), True),
        (np.arange(40).reshape(4, 10), True),
        (np.arange(40).reshape(4, 10) / 8, True),
        (np.arange(40).reshape(4, 10) / 3, False),
        (np.array([[2.0**20, 1.0], [2.0, 3.0]]), True),
        (np.array([[2.0**40, 1.0], [2.0, 3.0]]), False),
        (np.zeros((2, 3)), True),
        (np.array([[1e-45, 3e-45]]), True),
    ],
)
def test_what_float64_multiplies_without_rounding(vectors: Float32Array, exact: bool) -> None:
    assert blocks_of(vectors.astype(np.float32)).exact == exact


@pytest.mark.parametrize("make", [*HARD, lambda random: random.standard_normal((200, 700)).astype(np.float32) * 1e10])
def test_blocks_are_as_wrong_as_they_say(make: Callable[[Random], Float32Array]) -> None:
    vectors = make(np.random.default_rng(4))
    blocks, rows = blocks_of(vectors), np.arange(100)
    columns = np.arange(50, len(vectors))
    block = blocks.block(rows, blocks.side(columns))
    left, right = np.meshgrid(rows, columns, indexing="ij")
    true = squared_distances(vectors, left.ravel(), right.ravel()).reshape(left.shape)
    error = np.abs(block.squared - true)
    assert (error <= block.row_slack[:, None] + block.column_slack).all()
    assert (error == 0).all() or not blocks.exact


def test_separated_groups_take_a_few_products() -> None:
    """Ratios of processor seconds, so that a busy machine does not matter. Settling each pair took 50 of them; it takes 4."""
    vectors = groups(200, 0.05)(8000, 384, np.random.default_rng(0))
    fit_seconds(vectors[:500], normalize=True)
    ratio = fit_seconds(vectors, normalize=True)[0] / product_seconds(vectors)
    assert ratio < 15


def test_all_pairs_equally_far() -> None:
    """Of equally far ones the first by index are the neighbours; each point's lightest edge leads to the first of all."""
    fitted = hdbscan.fit(np.eye(700, dtype=np.float32), hdbscan.ReachabilityParameters(3), control=Control())
    np.testing.assert_array_equal(fitted.tree.weight, np.sqrt(2.0))
    assert len(np.unique(fitted.core)) == 1


def test_progress_does_not_go_back(way: str) -> None:
    """Where the rest of the tree is found at once too; and there it goes on."""
    seen: list[tuple[str, float]] = []
    vectors = separated(np.random.default_rng(3))
    control = Control(lambda phase, fraction: seen.append((phase, fraction)))
    hdbscan.fit(vectors, hdbscan.ReachabilityParameters(3), control=control)
    fractions = [fraction for phase, fraction in seen if phase == "spanning tree"]
    assert len(fractions) > 2
    assert fractions == sorted(fractions)
    if way.startswith("table"):
        assert any(0.6 <= fraction < 1.0 for fraction in fractions)
