"""The palette, measured with formulas of others; and who has which colour."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sqlclust.pictures.colours import DARK, LIGHT, N_COLOURS, Contacts, Theme, coloured, contacts, contacts_on_map

Array = NDArray[np.float64]

TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
"""Of linear sRGB, white D65."""
EYES = {
    "all cones": np.eye(3),
    "no red cones": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "no green cones": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
"""Machado, Oliveira, Fernandes 2009, severity 1, of linear sRGB."""
THEMES = pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])


def linear(colours: tuple[str, ...]) -> Array:
    """float64 (n, 3), linear sRGB of #rrggbb."""
    rgb = np.array([[int(colour[place : place + 2], 16) for place in (1, 3, 5)] for colour in colours]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def contrast(a: str, b: str) -> float:
    """Of WCAG 2: 1 to 21."""
    low, high = sorted((linear((a, b)) @ TO_XYZ[1]).tolist())
    return float((high + 0.05) / (low + 0.05))


def lab(rgb: Array) -> Array:
    """CIELAB of linear sRGB."""
    xyz = rgb @ TO_XYZ.T / TO_XYZ.sum(axis=1)
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def ciede2000(one: Array, other: Array) -> float:
    """Sharma, Wu, Dalal 2005."""
    (l1, a1, b1), (l2, a2, b2) = one.tolist(), other.tolist()
    mean = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    g = 0.5 * (1 - np.sqrt(mean**7 / (mean**7 + 25.0**7)))
    a1, a2 = a1 * (1 + g), a2 * (1 + g)
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360
    turn = 0.0 if c1 * c2 == 0 else (h2 - h1 + 180) % 360 - 180
    dl, dc, dh = l2 - l1, c2 - c1, 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn) / 2)
    lightness, c = (l1 + l2) / 2, (c1 + c2) / 2
    if c1 * c2 == 0:
        h = h1 + h2
    elif abs(h1 - h2) <= 180:
        h = (h1 + h2) / 2
    else:
        h = (h1 + h2 + (360 if h1 + h2 < 360 else -360)) / 2
    t = 1 - 0.17 * np.cos(np.radians(h - 30)) + 0.24 * np.cos(np.radians(2 * h))
    t += 0.32 * np.cos(np.radians(3 * h + 6)) - 0.2 * np.cos(np.radians(4 * h - 63))
    sl = 1 + 0.015 * (lightness - 50) ** 2 / np.sqrt(20 + (lightness - 50) ** 2)
    sc, sh = 1 + 0.045 * c, 1 + 0.015 * c * t
    rotation = -2 * np.sqrt(c**7 / (c**7 + 25.0**7)) * np.sin(np.radians(60 * np.exp(-(((h - 275) / 25) ** 2))))
    return float(np.sqrt((dl / sl) ** 2 + (dc / sc) ** 2 + (dh / sh) ** 2 + rotation * dc / sc * dh / sh))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [  # of Sharma, Wu, Dalal, table 1
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_the_formula_is_right(one: tuple[float, ...], other: tuple[float, ...], expected: float) -> None:
    assert ciede2000(np.array(one, float), np.array(other, float)) == pytest.approx(expected, abs=1e-4)


@THEMES
def test_clusters_stand_out_from_the_background(theme: Theme) -> None:
    assert len(theme.clusters) == N_COLOURS >= 10
    assert min(contrast(colour, theme.background) for colour in theme.clusters) >= 3


@THEMES
def test_noise_is_pale(theme: Theme) -> None:
    assert len({theme.noise[place : place + 2] for place in (1, 3)}) == 1 or theme is DARK  # grey
    assert 1.2 < contrast(theme.noise, theme.background) < min(contrast(c, theme.background) for c in theme.clusters)


@THEMES
@pytest.mark.parametrize("eye", EYES)
def test_colours_can_be_told_apart(theme: Theme, eye: str) -> None:
    seen = lab(np.clip(linear((*theme.clusters, theme.noise)) @ EYES[eye].T, 0, 1))
    assert min(ciede2000(a, b) for a, b in combinations(seen, 2)) >= (20 if eye == "all cones" else 11)


# --- who has which ------------------------------------------------------------------------------------------------


def grid(side: int) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Clusters as the squares of a board, nine points in each; and who they are of."""
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(3 * side), np.arange(3 * side)))
    return np.stack([x, y], axis=1).astype(np.float32), (y // 3 * side + x // 3).astype(np.intp)


def clashes(found: list[int], touching: Contacts) -> int:
    return sum(found[a] == found[b] for a, b in touching.pairs.tolist())


@pytest.mark.parametrize("side", [1, 2, 7, 30])
def test_squares_touch_those_beside_them(side: int) -> None:
    touching = contacts_on_map(*grid(side))
    pairs = {tuple(pair) for pair in touching.pairs.tolist()}
    beside = {(n, n + 1) for n in range(side * side) if n % side < side - 1}
    beside |= {(n, n + side) for n in range(side * (side - 1))}
    assert beside <= pairs
    assert all(abs(a % side - b % side) <= 1 and abs(a // side - b // side) <= 1 for a, b in pairs)
    found = coloured(np.full(side * side, 9), touching)
    assert clashes(found, touching) == 0
    assert set(found) == set(range(min(N_COLOURS, side * side)))  # all of the palette


def test_a_cluster_inside_another_touches_it_and_distance_does_not_matter() -> None:
    xy = np.array([[0, 0], [0, 0], [0, 0], [1000, 0], [1000, 1]], dtype=np.float32)
    assert contacts_on_map(xy, np.array([0, 0, 1, 2, -1])).pairs.tolist() == [[0, 1], [0, 2]]
    assert contacts_on_map(xy[:3], np.array([0, 0, 1])).pairs.tolist() == [[0, 1]]
    assert len(contacts_on_map(xy, np.full(5, -1)).pairs) == 0
    assert len(contacts_on_map(xy, np.full(5, 0)).pairs) == 0


def test_those_between_others_are_not_left_for_the_end() -> None:
    """The ends of a path, coloured first, might leave no colour for the middle."""
    touching = contacts(np.array([[0, 2], [1, 2]]), np.ones(2))
    assert clashes(coloured(np.array([3, 2, 1]), touching, 2), touching) == 0


def test_where_no_colour_is_left_the_shortest_border_has_the_same() -> None:
    everybody = list(combinations(range(4), 2))
    weight = np.array([5.0, 5.0, 5.0, 5.0, 1.0, 5.0])  # 1 and 3
    found = coloured(np.array([4, 3, 2, 1]), contacts(np.array(everybody), weight), 3)
    assert found[1] == found[3]
    assert len({*found}) == 3


@settings(max_examples=50)
@given(st.integers(1, 40), st.data())
def test_neighbours_differ_in_any_plane_map(n: int, data: st.DataObject) -> None:
    places = data.draw(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=n, max_size=n, unique=True))
    touching = contacts_on_map(np.array(places, dtype=np.float32), np.arange(n))
    sizes = np.array(data.draw(st.lists(st.integers(1, 9), min_size=n, max_size=n)))
    found = coloured(sizes, touching)
    assert clashes(found, touching) == 0
    assert coloured(sizes, touching) == found
    assert all(0 <= colour < N_COLOURS for colour in found)
