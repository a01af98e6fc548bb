"""Labels do not overlap, whatever there is."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from sqlclust.pictures.plots.placing import Crowd, placed, spread

SIDES = st.floats(1, 40)
LABEL = st.tuples(
    st.floats(-20, 220), st.floats(-20, 120), st.lists(st.tuples(SIDES, st.floats(1, 12)), min_size=1, max_size=3)
)


@given(st.lists(LABEL, max_size=25), st.floats(0, 3))
def test_no_two_overlap(labels: list[tuple[float, float, list[tuple[float, float]]]], apart: float) -> None:
    bounds = (200.0, 100.0)
    middles = np.array([label[:2] for label in labels]).reshape(-1, 2)
    crowd = Crowd(np.clip(middles, 0, 100), bounds)
    found = placed(middles, [label[2] for label in labels], bounds, apart=apart, crowd=crowd)
    boxes = []
    for label, place in zip(labels, found, strict=True):
        if place is not None:
            width, height = label[2][place.which]
            boxes.append((place.x - width / 2, place.y - height / 2, place.x + width / 2, place.y + height / 2))
    slack = 1e-9
    for at, (left, bottom, right, top) in enumerate(boxes):
        assert left >= -slack
        assert bottom >= -slack
        assert right <= bounds[0] + slack
        assert top <= bounds[1] + slack
        for other in boxes[:at]:
            across = max(left - other[2], other[0] - right)
            up = max(bottom - other[3], other[1] - top)
            assert max(across, up) >= apart - slack
    if labels:
        assert found[0] is not None  # the first has all the room


def test_a_label_goes_where_it_covers_little() -> None:
    xy = np.random.default_rng(0).uniform(48, 52, (200, 2))
    [label] = placed(np.array([[50.0, 50.0]]), [[(30, 6)]], (100, 100), apart=1, crowd=Crowd(xy, (100, 100)))
    assert label is not None
    assert ((np.abs(xy - (label.x, label.y)) < (15, 3)).all(axis=1)).mean() < 0.1
    assert abs(label.y - 50) < 10


def test_a_label_does_not_lie_on_what_belongs_to_others() -> None:
    """A small cluster at the border of a large one that fills the whole plot: nothing but a short text has a place there."""
    rng = np.random.default_rng(0)
    large, small = rng.uniform((10, 0), (100, 100), (90_000, 2)), rng.uniform(4, 6, (20, 2))
    crowd = Crowd(np.concatenate([large, small]), (100, 100))
    sizes = [[(40.0, 8.0), (8.0, 8.0)]]
    for own, which in (([], 0), ([small], 1)):
        [label] = placed(np.array([[5.0, 50.0]]), sizes, (100, 100), apart=1, crowd=crowd, own=own)
        assert label is not None
        assert label.which == which
    [label] = placed(np.array([[50.0, 50.0]]), sizes, (100, 100), apart=1, crowd=crowd, own=[large])
    assert label is not None
    assert label.which == 0  # on its own points it may be


def test_a_shorter_text_is_taken_where_a_longer_has_no_room() -> None:
    at = np.full((3, 2), 10.0)
    sizes: list[list[tuple[float, float]]] = [[(30, 30)], [(20, 8)], [(20, 12), (6, 5)]]
    too_large, first, second = placed(at, sizes, (20, 20), apart=0, crowd=Crowd(at, (20, 20)))
    assert too_large is None
    assert first is not None
    assert second is not None
    assert second.which == 1


@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0, 20)), max_size=40), st.data())
def test_cells_are_counted(points: list[tuple[float, float]], data: st.DataObject) -> None:
    xy = np.array(points).reshape(-1, 2)
    low = np.array([data.draw(st.integers(0, 30)), data.draw(st.integers(0, 20))])
    high = np.array([data.draw(st.integers(low[0], 30)), data.draw(st.integers(low[1], 20))])
    cells = {(min(int(x), 29), min(int(y), 19)) for x, y in points}
    expected = sum(bool((low <= cell).all() and (cell < high).all()) for cell in map(np.array, cells))
    assert Crowd(xy, (30, 20)).within(low[None].astype(float), high[None].astype(float)).tolist() == [expected]


@given(st.lists(st.floats(-20, 120), min_size=1, max_size=20), st.floats(0, 5))
def test_names_are_spread_as_little_as_can_be(values: list[float], apart: float) -> None:
    """Scikit-learn's isotonic regression, of the places without their distances, says how little."""
    wanted = np.sort(values)
    found = spread(wanted, apart, 100.0)
    assert (np.diff(found) >= apart - 1e-9).all()
    assert found[0] >= -1e-9
    assert found[-1] <= 100 + 1e-9
    steps = apart * np.arange(len(wanted))
    best = IsotonicRegression(y_min=0, y_max=100 - steps[-1]).fit_transform(np.arange(len(wanted)), wanted - steps)
    np.testing.assert_allclose(found, best + steps, atol=1e-6)


def test_nothing_is_spread() -> None:
    assert spread(np.empty(0), 5.0, 100.0).tolist() == []
