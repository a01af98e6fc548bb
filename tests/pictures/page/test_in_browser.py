"""The page in a real browser: what is seen, and what it does."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from sqlclust.pictures.colours import DARK, LIGHT, Theme
from sqlclust.pictures.page.html import page as html_page
from sqlclust.pictures.scene import Scene
from tests.pictures.page.conftest import NARROW, WIDE, Open, Opened
from tests.pictures.scenes import scene

pytestmark = pytest.mark.slow

LISTED = "#clusters button.cluster"


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour.removeprefix("#")))


def text_of(made: Scene, row: int) -> str:
    assert made.points.texts is not None
    return made.points.texts[row] or ""


def alone(n_clusters: int = 3) -> Scene:
    """A scene whose map is known: each cluster's rows, and noise, all in one place each, far from one another."""
    made = scene(60, n_clusters)
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.float32)  # noise is the last
    made.points.xy[:] = corners[made.points.labels]  # type: ignore[index]
    return made


def corner(page: Opened, across: float, up: float) -> tuple[float, float]:
    """Where the place (across, up) of `alone` is on the map, in pixels of CSS."""
    box = page.page.locator("#over").bounding_box()
    assert box is not None
    side = 0.92 * min(box["width"], box["height"])
    return box["width"] / 2 + side * (across - 0.5), box["height"] / 2 - side * (up - 0.5)


def point_at(page: Opened, across: float, up: float) -> tuple[float, float]:
    box = page.page.locator("#over").bounding_box()
    assert box is not None
    x, y = corner(page, across, up)
    return box["x"] + x, box["y"] + y


def test_a_page_opens(opened: Open) -> None:
    page = opened(scene())
    assert page.text("h1") == "sentences: result 1"
    assert page.page.title() == "sentences: result 1"
    assert page.text("#summary").startswith("500 rows · 5 clusters · 17.2% noise · min_cluster_size 10")
    assert page.page.locator(LISTED).count() == 5
    assert page.text("#map-note").startswith("t-SNE")


@pytest.mark.parametrize(("dark", "theme"), [(False, LIGHT), (True, DARK)])
def test_dots_have_their_clusters_colours(opened: Open, dark: bool, theme: Theme) -> None:
    made = alone()
    page = opened(made, dark=dark)
    colour = {cluster.label: rgb(theme.clusters[cluster.colour]) for cluster in made.clusters}
    assert page.pixel(*corner(page, 0, 0)) == colour[0]
    assert page.pixel(*corner(page, 1, 0)) == colour[1]
    assert page.pixel(*corner(page, 0, 1)) == colour[2]
    assert page.pixel(*corner(page, 1, 1)) == rgb(theme.noise)
    assert page.pixel(*corner(page, 0.5, 0.5)) == rgb(theme.background)
    page.page.click("#theme")
    page.rest()
    other = LIGHT if dark else DARK
    assert page.pixel(*corner(page, 1, 0)) == rgb(other.clusters[made.clusters[1].colour])
    assert page.value("document.documentElement.dataset.theme") == ("light" if dark else "dark")


def test_hover_says_what_a_dot_is(opened: Open) -> None:
    made = alone()
    page = opened(made)
    page.page.mouse.move(*point_at(page, 0, 0))
    tip = page.text("#tip")
    rows = np.nonzero(made.points.labels == 0)[0].tolist()
    assert any(text_of(made, row) in tip for row in rows)
    assert ", ".join(made.clusters[0].terms[:3]) in tip
    assert re.search(r"probability [01]\.\d\d · id \d+", tip)
    assert f"and {len(rows) - 1} rows more in the same place" in tip
    page.page.mouse.move(*point_at(page, 1, 1))
    assert "noise" in page.text("#tip")
    assert "outlier score" in page.text("#tip")
    page.page.mouse.move(*point_at(page, 0, 0.5))
    assert page.page.locator("#tip").is_hidden()


def test_a_click_selects_a_cluster(opened: Open) -> None:
    made = alone()
    page = opened(made)
    page.page.mouse.click(*point_at(page, 1, 0))
    page.rest()
    cluster = made.clusters[1]
    assert page.text("#panel h2") == ", ".join(cluster.terms[:3])
    assert page.pixel(*corner(page, 1, 0)) == rgb(LIGHT.clusters[cluster.colour])
    assert page.pixel(*corner(page, 0, 0)) != rgb(LIGHT.clusters[made.clusters[0].colour])  # pale
    page.page.keyboard.press("Escape")
    page.rest()
    assert page.pixel(*corner(page, 0, 0)) == rgb(LIGHT.clusters[made.clusters[0].colour])
    assert page.page.locator(LISTED).count() == 3
    page.page.mouse.click(*point_at(page, 1, 1))
    assert page.text("#panel h2") == "noise"
    page.page.mouse.click(*point_at(page, 0, 0.5))
    assert page.page.locator(LISTED).count() == 3


def test_what_a_cluster_shows(opened: Open) -> None:
    made = scene(2000, 6)
    page = opened(made)
    cluster = made.clusters[1]
    page.page.locator(LISTED).nth(1).click()
    texts, panel = made.points.texts, page.text("#panel")
    assert texts is not None
    assert f"Rows\n{cluster.size}" in panel
    for row in (cluster.medoid, *cluster.exemplars):
        assert texts[row] in panel  # type: ignore[operator]
    assert "Nearest clusters" in panel
    assert "In the tree" in panel
    members = page.page.locator("ul[aria-label=Members] button")
    assert members.count() == 50  # more come when one scrolls
    members.nth(49).scroll_into_view_if_needed()
    page.page.wait_for_selector("ul[aria-label=Members] li:nth-child(51)")
    strengths = [float(text) for text in re.findall(r"probability (\S+)", page.text("ul[aria-label=Members]"))]
    assert strengths == sorted(strengths, reverse=True)
    near = made.clusters[next(i for i, each in enumerate(made.clusters) if each.label == cluster.near[0].label)]
    page.page.locator("ul[aria-label='Nearest clusters'] button").first.click()
    assert page.text("#panel h2") == ", ".join(near.terms[:3])
    page.page.click("#back")
    assert page.page.locator(LISTED).count() == 6


def test_the_list_is_sorted(opened: Open) -> None:
    page = opened(scene(300, 4))
    for value, key in (("size", int), ("name", str)):
        page.page.select_option("#order", value)
        lines = page.page.locator(f"{LISTED} .line").all_inner_texts()
        found = [line.split("\n")[value == "size"] for line in lines]
        assert found == sorted(found, key=key, reverse=value == "size")


def test_search_finds_whatever_the_case_and_accents(opened: Open) -> None:
    texts = ["nothing of that"] * 60
    texts[3], texts[9], texts[11] = "Un Été à la plage", "un ete, encore", "la PLAGE"
    page = opened(scene(60, 3, texts=texts))
    for query, hits in (("été", 2), ("ETE", 2), ("plage", 2), ("plage ete", 1), ("12", 1), ("gibt es nicht", 0)):
        page.page.fill("#query", query)
        page.page.press("#query", "Enter")
        assert page.text("#hits") == f"{hits} hit{'s' * (hits != 1)}"
        assert page.page.locator("ul[aria-label=Hits] li").count() == hits
    page.page.fill("#query", "encore")  # without Enter it is looked for after a moment
    page.page.wait_for_selector("ul[aria-label=Hits] li")
    page.page.press("#query", "Enter")
    assert page.page.locator("button.row[aria-current]").inner_text().startswith("un ete, encore")
    page.page.press("#query", "Escape")
    assert page.text("#hits") == ""
    assert page.page.locator(LISTED).count() == 3


def test_hits_stand_out_on_the_map(opened: Open) -> None:
    made = alone()
    made.points.texts[:] = [f"word{label}" for label in made.points.labels]  # type: ignore[index]
    page = opened(made)
    by_label = {cluster.label: rgb(LIGHT.clusters[cluster.colour]) for cluster in made.clusters}
    page.page.fill("#query", "word1")
    page.page.wait_for_selector("ul[aria-label=Hits]")
    page.rest()
    assert page.pixel(*corner(page, 1, 0)) == by_label[1]
    assert page.pixel(*corner(page, 0, 0)) != by_label[0]
    page.page.press("#query", "Escape")
    page.rest()
    assert page.pixel(*corner(page, 0, 0)) == by_label[0]


def image(page: Opened) -> str:
    """All the dots."""
    page.rest()
    return str(page.value("document.getElementById('dots').toDataURL()"))


def labels(page: Opened) -> set[int]:
    """The clusters whose names are on the map."""
    page.rest()
    return {int(label) for label in page.value("document.getElementById('map').dataset.labels").split()}


def middle_of(page: Opened, made: Scene, label: int) -> tuple[float, float]:
    """Where a cluster is, in pixels of CSS, while all of the map is seen."""
    box, xy = page.page.locator("#over").bounding_box(), made.points.xy
    assert box is not None
    assert xy is not None
    low, high = xy.min(axis=0), xy.max(axis=0)
    scale = 0.92 * min(box["width"] / (high - low)[0], box["height"] / (high - low)[1])
    x, y = (np.median(xy[made.points.labels == label], axis=0) - (low + high) / 2) * scale
    return box["x"] + box["width"] / 2 + float(x), box["y"] + box["height"] / 2 - float(y)


def test_zoom(opened: Open) -> None:
    made = scene(3000, 120)
    page = opened(made)
    whole, named = image(page), labels(page)
    assert 5 < len(named) < 120
    page.page.mouse.move(*middle_of(page, made, min(set(range(120)) - named)))
    page.page.mouse.wheel(0, -900)
    assert labels(page) - named  # of smaller clusters
    wheeled = image(page)
    assert wheeled != whole
    page.page.click("#zoom-all")
    assert image(page) == whole
    page.page.click("#zoom-in")
    assert image(page) not in (whole, wheeled)
    page.page.click("#zoom-out")
    assert labels(page) == named


def test_names_lie_on_no_other(opened: Open) -> None:
    """And not on the buttons: looked at as the boxes that are drawn."""
    for size in (WIDE, NARROW):
        page = opened(scene(3000, 120), size=size)
        boxes = page.page.evaluate(
            """() => { const drawn = [], one = CanvasRenderingContext2D.prototype, fill = one.fillText;
            one.fillText = function (text, x, y) {
                const half = this.measureText(text).width / 2, size = parseFloat(this.font.match(/(\\d+)px/)[1]);
                drawn.push([x - half, y - size / 2, x + half, y + size / 2]); return fill.call(this, text, x, y); };
            document.getElementById("theme").click();
            return new Promise(f => requestAnimationFrame(() => requestAnimationFrame(() => f(drawn)))); }"""
        )
        assert len(boxes) > 4
        for at, one in enumerate(boxes):
            for other in boxes[:at]:
                apart = one[2] < other[0] or other[2] < one[0] or one[3] < other[1] or other[3] < one[1]
                assert apart, (one, other)


def test_keys_on_the_map(opened: Open) -> None:
    page = opened(scene(800, 6))
    whole = image(page)
    page.page.focus("#over")
    for key in ("ArrowLeft", "ArrowUp", "+", "-"):
        before = image(page)
        page.page.keyboard.press(key)
        assert image(page) != before, key
    page.page.keyboard.press("0")
    assert image(page) == whole
    for key, nth in (("PageDown", 0), ("PageDown", 1), ("PageUp", 0)):
        page.page.keyboard.press(key)
        assert page.value("document.getElementById('panel').dataset.shows") == "cluster"
        page.rest()
        assert page.text("#panel dd >> nth=0") == str(scene(800, 6).clusters[nth].size)
    page.page.keyboard.press("Escape")
    assert page.value("document.getElementById('panel').dataset.shows") == "list"
    page.page.keyboard.press("/")
    assert page.value("document.activeElement.id") == "query"


def test_the_keyboard_reaches_everything(opened: Open) -> None:
    page = opened(scene(200, 3, n_runs=3))
    reached = []
    for _ in range(12):
        page.page.keyboard.press("Tab")
        reached.append(page.value("document.activeElement.id || document.activeElement.className"))
        outline = page.value("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", reached[-1]
    assert reached[:8] == ["tab-map", "theme", "over", "zoom-in", "zoom-out", "zoom-all", "query", "order"]
    assert reached[8:12] == ["cluster"] * 4  # noise is the fourth
    page.page.focus("#tab-map")
    for view in ("tree", "sweep", "runs", "table", "map"):
        page.page.keyboard.press("ArrowRight")
        assert page.page.locator(f"#view-{view}").is_visible()
        assert page.value("document.activeElement.getAttribute('aria-selected')") == "true"
    page.page.locator(LISTED).nth(1).focus()
    page.page.keyboard.press("Enter")
    assert page.value("document.activeElement.id") == "back"
    page.page.keyboard.press("Enter")
    assert page.value("document.activeElement.dataset.index") == "1"


def test_touch(opened: Open) -> None:
    made = alone()
    page = opened(made, size=NARROW, has_touch=True, is_mobile=True)
    page.page.touchscreen.tap(*point_at(page, 0, 0))
    page.rest()
    assert page.text("#panel h2") == ", ".join(made.clusters[0].terms[:3])


# --- tree, sweep, runs, table --------------------------------------------------------------------------------------------


def test_the_tree(opened: Open) -> None:
    made = scene(600, 4)
    page = opened(made)
    page.page.click("#tab-tree")
    page.page.focus("#tree")
    page.page.keyboard.press("ArrowDown")
    assert page.text("#said").startswith("above the clusters: 600 rows at λ 0.5; splits into ")
    page.page.keyboard.press("ArrowDown")
    page.page.keyboard.press("ArrowDown")
    said = page.text("#said")
    page.page.keyboard.press("Enter")
    title = page.text("#panel h2")
    assert said.startswith(f"{title}: ")
    assert page.page.locator("#tree").evaluate("e => e.toDataURL().length") > 1000
    cluster = next(each for each in made.clusters if ", ".join(each.terms[:3]) == title)
    assert f"{cluster.size} rows at λ" in said
    page.page.keyboard.press("+")
    page.rest()
    assert page.page.locator("#tree-whole").is_visible()
    page.page.click("#tree-whole")
    page.page.click("#back")
    box, tree = page.page.locator("#tree").bounding_box(), made.tree
    assert box is not None
    assert tree is not None
    leaf = int(np.nonzero(tree.label == made.clusters[0].label)[0][0])
    x = box["x"] + 46 + (box["width"] - 48) * (tree.left[leaf] + tree.right[leaf]) / 2
    share = np.log(np.sqrt(tree.birth[leaf] * tree.death[leaf]) / 0.5) / np.log(tree.death.max() / 0.5)
    y = box["y"] + 10 + (box["height"] - 24) * share
    page.page.mouse.move(x, y)
    tip = page.text("#view-tree .tip")
    assert ", ".join(made.clusters[0].terms[:3]) in tip
    assert f"{made.clusters[0].size} rows at λ" in tip
    page.page.mouse.click(x, y)
    assert page.text("#panel h2") == ", ".join(made.clusters[0].terms[:3])


def test_the_sweep(opened: Open) -> None:
    made = scene(600, 4)
    page = opened(made)
    page.page.click("#tab-sweep")
    assert made.sweep is not None
    rows = page.page.locator("#sweep-table tbody tr").all_inner_texts()
    assert len(rows) == len(made.sweep.cuts)
    assert [row for row in rows if "this result" in row] == [f"10 (this result)\t4\t{rows[4].split(chr(9))[2]}\t10.0%"]
    assert page.page.locator("#sweep circle.here").count() == 2
    for chart in range(2):
        across = [float(page.page.locator(f"#sweep svg >> nth={chart}").locator("circle").nth(at).get_attribute("cx") or 0)
                  for at in (0, 2, 4)]  # 2, 5, 10: twice as far on a logarithmic axis from 2 to 10 as from 2 to …  # fmt: skip
        assert (across[2] - across[0]) / (across[1] - across[0]) == pytest.approx(np.log(5) / np.log(2.5), rel=1e-3)
    page.page.locator("#sweep circle").nth(1).hover()
    assert page.text("#sweep-said").startswith("min_cluster_size 3: ")


def test_runs(opened: Open) -> None:
    made = scene(300, 4, n_runs=6)
    page = opened(made)
    page.page.click("#tab-runs")
    page.page.focus("#timeline")
    page.page.keyboard.press("ArrowRight")
    runs = made.runs
    assert runs is not None
    name = {cluster.label: ", ".join(cluster.terms[:3]) for cluster in made.clusters} | {-1: "noise"}
    assert page.text("#said") == f"run 1, step 0: {name[int(made.points.labels[runs.rows[0]])]}"
    page.page.keyboard.press("ArrowDown")
    page.page.keyboard.press("ArrowRight")
    step = int(runs.starts[1]) + 1
    label = int(made.points.labels[runs.rows[step]])
    assert page.text("#said") == f"run 2, step 1: {name[label]}"
    assert text_of(made, int(runs.rows[step])) in page.text("#view-runs .tip")
    first, *_ = page.page.locator("#transitions-body tr").all_inner_texts()
    one, other, times = runs.transitions[0]
    assert [cell.strip() for cell in first.split("\t")][:3] == [name[one], name[other], str(times)]
    page.page.keyboard.press("Enter")
    assert page.text("#panel h2") == name[label]


def test_the_table(opened: Open) -> None:
    made = scene(300, 4)
    page = opened(made)
    page.page.click("#tab-table")
    rows = page.page.locator("#table-body tr").all_inner_texts()
    assert len(rows) == 4
    assert made.points.texts is not None
    for row, cluster in zip(rows, made.clusters, strict=True):
        share, persistence = f"{100 * cluster.share:.1f}%", f"{cluster.persistence:.3f}"
        expected = [str(cluster.label), ", ".join(cluster.terms), str(cluster.size), share, persistence,
                    made.points.texts[cluster.medoid]]  # fmt: skip
        assert row.split("\t") == expected
    page.page.click("#table thead th:nth-child(2) button")
    assert page.page.locator("[aria-sort]").get_attribute("aria-sort") == "ascending"
    found = page.page.locator("#table-body td:nth-child(2)").all_inner_texts()
    assert found == sorted(found)
    page.page.locator("#table-body button").nth(0).click()
    assert page.text("#panel h2") == ", ".join(found[0].split(", ")[:3])


# --- what is not there -----------------------------------------------------------------------------------------------------


def test_what_is_missing_is_said(opened: Open) -> None:
    made = scene(
        60, 2, has_map=False, has_tree=False, has_sweep=False, missing=["The tree cannot be shown: <b>no</b> fit."]
    )
    page = opened(made)
    assert page.text("#map") == "The fit keeps no neighbours, and its vectors are gone."
    assert "The tree cannot be shown: <b>no</b> fit." in page.text("#panel")
    assert [tab.lower() for tab in page.page.locator("#tabs button").all_inner_texts()] == ["map", "table"]
    page.page.locator(LISTED).nth(0).click()
    assert page.page.locator("ul[aria-label=Members] button").count() > 0


@pytest.mark.parametrize(("n", "n_clusters"), [(0, 0), (1, 0), (30, 0), (4, 1)])
def test_hardly_anything(opened: Open, n: int, n_clusters: int) -> None:
    page = opened(scene(n, n_clusters, n_runs=0 if n < 30 else 1, has_sweep=n > 0, has_tree=n > 0))
    for tab in page.page.locator("#tabs button").all():
        tab.click()
        page.rest()
    assert page.page.locator(LISTED).count() == n_clusters


def test_without_texts(opened: Open) -> None:
    page = opened(scene(60, 3, texts=False))
    assert page.page.get_attribute("#query", "placeholder") == "Find an id"
    page.page.fill("#query", "7")
    page.page.press("#query", "Enter")
    assert page.text("#hits") == "1 hit"
    assert page.page.locator("button.row").inner_text().startswith("row 7")


def test_without_scripts(opened: Open) -> None:
    made = scene(300, 4)
    page = opened(made, java_script_enabled=False, state="")
    assert "JavaScript, which is off" in page.text("body")
    rows = page.page.locator("noscript table tbody tr, table tbody tr").all_inner_texts()
    assert len(rows) == 4
    assert made.points.texts is not None
    assert str(made.points.texts[made.clusters[0].medoid]) in rows[0]


def test_an_old_browser_is_told(opened: Open, tmp_path: Path) -> None:
    page = opened(scene(30, 1), state="", init="delete globalThis.DecompressionStream")
    assert page.text("#wait").startswith("This page needs a newer browser")


def test_a_damaged_file_is_told(opened: Open, tmp_path: Path) -> None:
    path = tmp_path / "damaged.html"
    text = html_page(scene(200, 3))
    path.write_text(re.sub(r'(id="data-rows">.{200})[^<]+', r"\1", text))
    assert opened(path, state="").text("#wait").startswith("The data of this page cannot be unpacked")


# --- sizes -----------------------------------------------------------------------------------------------------------------


def test_a_narrow_screen(opened: Open) -> None:
    page = opened(scene(900, 20, n_runs=5), size=NARROW)
    for tab in page.page.locator("#tabs button").all():
        tab.click()
        page.rest()
        assert page.value("document.documentElement.scrollWidth") <= NARROW[0]
    page.page.click("#tab-map")
    page.page.locator(LISTED).nth(3).click()
    assert page.value("document.documentElement.scrollWidth") <= NARROW[0]
    box = page.page.locator("#panel h2").bounding_box()
    assert box is not None
    assert 0 <= box["y"] < NARROW[1]  # what was chosen is seen


def test_many_pixels(opened: Open) -> None:
    made = alone()
    page = opened(made, device_scale_factor=2)
    width, seen = page.value("[document.getElementById('dots').width, document.getElementById('dots').clientWidth]")
    assert width == 2 * seen
    assert page.pixel(*corner(page, 1, 0)) == rgb(LIGHT.clusters[made.clusters[1].colour])
