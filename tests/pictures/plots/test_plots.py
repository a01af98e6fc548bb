"""What plots show: as SVG its structure, as PNG its pixels."""

from __future__ import annotations

import dataclasses
import io
import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sqlclust.errors import NothingToDrawError, PlotTooLargeError
from sqlclust.options import MAX_INTEGER
from sqlclust.pictures.colours import DARK, LIGHT
from sqlclust.pictures.plots.drawing import FORMATS, KINDS, PlotOptions, draw
from sqlclust.pictures.scene import Scene
from tests.pictures.plots.drawn import has_colour, images, needs_matplotlib, pixels, places, references, svg, texts
from tests.pictures.scenes import scene

pytestmark = needs_matplotlib

FEW = scene(300, 3, n_runs=4)
SMALL = PlotOptions(dpi=40)
MAGIC = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF-"}
EACH = pytest.mark.parametrize("kind", KINDS)


def named(few: Scene, *terms: list[str]) -> Scene:
    """With other terms of the first clusters."""
    clusters = [*few.clusters]
    for at, of_one in enumerate(terms):
        clusters[at] = dataclasses.replace(clusters[at], terms=of_one)
    return dataclasses.replace(few, clusters=clusters)


@EACH
@pytest.mark.parametrize("format", FORMATS)
def test_each_kind_in_each_format(kind: str, format: str) -> None:
    first = draw(FEW, kind, format, SMALL)
    assert first.data.startswith(MAGIC[format])
    assert first == draw(FEW, kind, format, SMALL)  # to the byte
    assert not first.remarks
    assert len(first.data) < 1_000_000


@EACH
def test_labels_may_have_gaps(kind: str) -> None:
    """As large as labels can be: what is drawn costs no more for them."""
    label_of = np.array([0, 5, MAX_INTEGER, -1], np.int32)  # of clusters 0 to 2, and of noise
    assert FEW.tree is not None
    assert FEW.runs is not None
    gaps = dataclasses.replace(
        FEW,
        clusters=[dataclasses.replace(each, label=int(label_of[each.label])) for each in FEW.clusters],
        points=dataclasses.replace(FEW.points, labels=label_of[FEW.points.labels]),
        tree=dataclasses.replace(FEW.tree, label=label_of[FEW.tree.label]),
        runs=dataclasses.replace(
            FEW.runs, transitions=[(int(label_of[a]), int(label_of[b]), count) for a, b, count in FEW.runs.transitions]
        ),
    )
    assert draw(gaps, kind, "png", SMALL).data == draw(FEW, kind, "png", SMALL).data


@EACH
def test_an_svg_asks_for_nothing(kind: str) -> None:
    data = draw(FEW, kind, "svg", SMALL).data
    assert references(data) == []
    assert b"<script" not in data
    assert len(images(svg(FEW, kind, dpi=40))) == (0 if kind == "sweep" else 1)


def test_what_asks_for_something_is_found() -> None:
    """Of the test above."""
    data = (
        b'<svg xmlns=\'x\'><image href="https://a.b/c.png"/><style>@import url(other.css)</style><use href="#a"/></svg>'
    )
    assert references(data) == ["https://a.b/c.png", "@import", "other.css"]


@EACH
def test_what_is_said(kind: str) -> None:
    said = texts(svg(FEW, kind, dpi=40))
    assert "sentences: result 1" in said
    assert any(text.startswith("300 rows · 3 clusters · 17.3 % noise") for text in said)
    if kind != "sweep":
        assert {"river, garden", "mountain, winter", "forest, silver"} <= set(said)


def test_names_are_where_their_clusters_are() -> None:
    found = places(svg(FEW, "map", dpi=40))
    points = FEW.points
    assert points.xy is not None
    xy = points.xy[points.labels >= 0]
    for axis, sign in ((0, 1), (1, -1)):  # y of an SVG goes down
        of_clusters = [sign * float(np.median(points.xy[points.labels == c.label, axis])) for c in FEW.clusters]
        of_names = [found[", ".join(c.terms[:2])][axis] for c in FEW.clusters]
        extent = float(np.ptp(xy[:, axis]))
        for a in range(3):
            for b in range(3):
                if of_clusters[a] < of_clusters[b] - 0.2 * extent:
                    assert of_names[a] < of_names[b]


@pytest.mark.parametrize("n_clusters", [25, 100])
@pytest.mark.parametrize("seed", [1, 2])
def test_names_on_a_map_do_not_overlap(n_clusters: int, seed: int) -> None:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    many = scene(3000, n_clusters, seed=seed)
    root = svg(many, "map", dpi=40)
    known = {", ".join(c.terms[:count]) for c in many.clusters for count in (1, 2)}
    boxes = []
    for text, (x, y) in places(root).items():
        if text in known:
            width, height, _ = TextToPath().get_text_width_height_descent(text, FontProperties(size=7), ismath=False)
            boxes.append((x - width / 2, y - height * 0.75, x + width / 2, y))
    assert len(boxes) >= n_clusters * 0.7
    for at, a in enumerate(boxes):
        for b in boxes[:at]:
            assert a[0] >= b[2] or b[0] >= a[2] or a[1] >= b[3] or b[1] >= a[3], (a, b)


@pytest.mark.parametrize("kind", ["map", "tree", "runs"])
@pytest.mark.parametrize("dark", [False, True])
def test_colours_are_there(kind: str, dark: bool) -> None:
    theme = DARK if dark else LIGHT
    image = pixels(draw(FEW, kind, "png", PlotOptions(dpi=60, dark=dark)).data)
    paper = [int(theme.background[at : at + 2], 16) for at in (1, 3, 5)]
    assert (image[[0, 0, -1, -1], [0, -1, 0, -1]] == paper).all()
    for cluster in FEW.clusters:
        assert has_colour(image, theme.clusters[cluster.colour])
    assert has_colour(image, theme.noise)
    used = {cluster.colour for cluster in FEW.clusters}
    assert not any(has_colour(image, theme.clusters[other], 6) for other in set(range(8)) - used)


def test_pixels_are_as_many_as_asked_for() -> None:
    assert pixels(draw(FEW, "map", "png", PlotOptions(size=(3, 2), dpi=50)).data).shape == (100, 150, 3)


@pytest.mark.parametrize("format", FORMATS)
def test_more_pixels_than_there_is_room_for_are_refused(format: str) -> None:
    with pytest.raises(
        PlotTooLargeError, match=r"^50 x 40 inches with 201 pixels to the inch are 81 million pixels, "
    ) as e:
        draw(FEW, "map", format, PlotOptions(size=(50, 40), dpi=201))
    assert (e.value.size, e.value.dpi, e.value.most) == ((50, 40), 201, 80_000_000)
    with pytest.raises(PlotTooLargeError):  # of a tree as high as its names need
        draw(scene(4000, 300), "tree", format, PlotOptions(dpi=1_200))


def test_all_formats_show_the_same() -> None:
    """The image in an SVG has the points that a PNG has."""
    import base64

    [embedded] = images(svg(FEW, "map", dpi=50))
    image = pixels(base64.b64decode(embedded.partition(",")[2]))
    alone = pixels(draw(FEW, "map", "png", PlotOptions(dpi=50)).data)
    assert alone.shape == image.shape or alone.shape == image[::-1].shape
    either = min(np.abs(alone - turned).max(axis=2).mean() for turned in (image, image[::-1]))
    assert either < 12  # letters are in one of them only


def test_members_of_a_run_have_the_colour_of_their_cluster() -> None:
    few = scene(60, 2, n_runs=3)
    assert few.runs is not None
    image = pixels(draw(few, "runs", "png", PlotOptions(size=(8, 4), dpi=100)).data)
    palette = [np.array([int(c[at : at + 2], 16) for at in (1, 3, 5)]) for c in (*LIGHT.clusters, LIGHT.noise)]
    colour_of = {cluster.label: cluster.colour for cluster in few.clusters} | {-1: len(palette) - 1}
    wanted = [colour_of[label] for label in few.points.labels[few.runs.rows[: few.runs.starts[1]]].tolist()]
    line = image[
        int(100 * (8 + 34 + 5) / 72), int(100 * (8 + 70) / 72) + 1 : 500
    ]  # through the first run, without its name
    nearest = np.array([np.abs(line - colour).max(axis=1) for colour in palette]).argmin(axis=0)
    off = np.array([np.abs(line - colour).max(axis=1) for colour in palette]).min(axis=0) > 24
    cells = np.where(off, -1, nearest)
    seen = [int(value) for at, value in enumerate(cells) if value >= 0 and (at == 0 or cells[at - 1] != value)]
    changes = [value for at, value in enumerate(wanted) if at == 0 or wanted[at - 1] != value]
    assert seen[: len(changes)] == changes


@pytest.mark.parametrize(
    ("kind", "part"), [("map", "points"), ("tree", "tree"), ("sweep", "sweep"), ("runs", "runs")], ids=[*KINDS]
)
def test_what_is_not_there(kind: str, part: str) -> None:
    why = "The tree and the sweep cannot be shown: the result has no fit."
    without = scene(30, 2, has_map=False, has_tree=False, has_sweep=False, missing=["Texts cannot be shown: no.", why])
    with pytest.raises(NothingToDrawError) as caught:
        draw(without, kind, "svg")
    reasons = {"map": without.points.no_map, "runs": "none of its embeddings are steps of the same run"}
    reason = reasons.get(kind, "the result has no fit")
    assert str(caught.value) == f"no {kind} in this result: {reason}"
    assert (caught.value.kind, caught.value.reason) == (kind, reason)


SCENES: dict[str, Any] = {
    "no clusters": lambda: scene(40, 0, n_runs=2),
    "one row": lambda: scene(1, 0),
    "one cluster": lambda: scene(30, 1, n_runs=1),
    "all in one place": lambda: _in_one_place(scene(40, 2, n_runs=2)),
    "more clusters than names have room": lambda: scene(4000, 300, n_runs=60),
}


def _in_one_place(few: Scene) -> Scene:
    return dataclasses.replace(few, points=dataclasses.replace(few.points, xy=np.ones((40, 2), np.float32)))


@pytest.mark.parametrize("name", SCENES)
def test_odd_scenes(name: str) -> None:
    odd = SCENES[name]()
    for kind in KINDS:
        if kind != "runs" or odd.runs is not None:
            root = svg(odd, kind, dpi=40)
            first = next(text for text in texts(root) if " · " in text)
            expected = "no clusters" if not odd.clusters else f"{len(odd.clusters):,} cluster"
            assert first.split(" · ")[1].startswith(expected)
    if len(odd.clusters) == 300:
        assert "of 300 named" in first or any("of 300 named" in text for text in texts(svg(odd, "tree", dpi=40)))


@pytest.mark.parametrize("most", [2**53, 2**62, 2**63 - 1])
def test_sequence_numbers_of_many_digits_are_told_to_the_last(most: int) -> None:
    few = scene(60, 2, n_runs=3)
    assert few.runs is not None
    numbers = few.runs.sequence_numbers
    numbers += most - numbers.max()
    said = [text.replace(",", "") for text in texts(svg(few, "runs"))]
    marks = [int(text) for text in said if text.isdigit() and len(text) >= len(str(most))]
    assert len(marks) > 2
    assert all(numbers.min() - 1 <= mark <= most + 1 for mark in marks)
    assert all(mark % 5 == 0 for mark in marks)


def test_more_clusters_than_colours_in_runs_are_said_to_be_others() -> None:
    many = scene(4000, 30, n_runs=60)
    said = texts(svg(many, "runs", dpi=40))
    assert any(text.endswith(" other clusters") for text in said)
    assert "what follows what most often" in said


def test_hostile_names() -> None:
    hostile = [["<script>alert(1)</script>"], ["$\\frac{1}{0}$", "--> ]]>"], ["\x00\x1b\ud800\ufffe\u202e"]]
    few = dataclasses.replace(named(FEW, *hostile), title='"><svg onload=alert(1)>\n\x07$x$')
    for format in FORMATS:
        assert draw(few, "map", format, SMALL).data
    for kind in KINDS:
        root = svg(few, kind, dpi=40)
        assert [element for element in root.iter() if element.tag.endswith("script")] == []
        said = texts(root)
        assert '"><svg onload=alert(1)> $x$' in said
        if kind == "map":
            assert "<script>alert(1)</scr…" in said
            assert "$\\frac{1}{0}$, --> ]]>" in said or "$\\frac{1}{0}$" in said
            assert str(FEW.clusters[2].label) in said  # nothing was left of its term


def test_nothing_of_matplotlib_is_changed() -> None:
    import logging

    import matplotlib

    before = dict(matplotlib.rcParams)
    level = logging.getLogger("matplotlib").level
    with matplotlib.rc_context({"xtick.major.pad": 20, "path.sketch": (1, 100, 2), "font.size": 40}):
        changed = dict(matplotlib.rcParams)
        assert draw(FEW, "sweep", "svg") == draw(FEW, "sweep", "svg")
        assert dict(matplotlib.rcParams) == changed
        styled = draw(FEW, "sweep", "svg")
    assert styled == draw(FEW, "sweep", "svg")
    assert dict(matplotlib.rcParams) == before
    assert logging.getLogger("matplotlib").level == level


def test_a_pdf_has_its_letters_as_text() -> None:
    data = draw(FEW, "map", "pdf", SMALL).data
    assert b"/CreationDate" not in data
    assert b"/FontFile2" in data
    assert data.count(b"/Type /Page ") == 1


def test_a_png_says_its_resolution_and_no_date() -> None:
    from PIL import Image

    with Image.open(io.BytesIO(draw(FEW, "map", "png", SMALL).data)) as image:
        image.load()
        assert round(image.info["dpi"][0]) == 40
        assert image.info.keys() - {"dpi", "transparency"} == {"Title"}


@pytest.mark.parametrize(("width", "least"), [(3, 2), (8, 3)])
@pytest.mark.parametrize("ratio", [1.4, 3, 9, 40, 3_000, 1e7])
def test_the_axis_of_the_tree_says_its_scale(ratio: float, width: float, least: int) -> None:
    """However far densities go, there are numbers enough to tell, with room between them."""
    made = scene(120, 3)
    assert made.tree is not None
    densities = np.concatenate([made.tree.step_lambda, made.tree.death])
    low, high = densities[densities > 0].min(), densities.max()

    def stretched(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(values > 0, 0.7 * ratio ** (np.log(np.maximum(values, low) / low) / np.log(high / low)), values)

    birth, death, step_lambda = map(stretched, (made.tree.birth, made.tree.death, made.tree.step_lambda))
    tree = dataclasses.replace(made.tree, birth=birth, death=death, step_lambda=step_lambda)
    root = svg(dataclasses.replace(made, tree=tree), "tree", size=(width, 4), dpi=40)
    across = sorted(x for text, (x, _) in places(root).items() if re.fullmatch(r"[\d.e+-]+", text))
    assert len(across) >= least
    assert min(np.diff(across)) >= 18
