"""The map, the list and the search in a real browser: what is seen, and what it does."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from sqlclust.pictures.colours import DARK, LIGHT, Theme
from tests.pictures.page.conftest import NARROW, WIDE, Open
from tests.pictures.page.places import LISTED, alone, corner, image, labels, middle_of, point_at, rgb, text_of
from tests.pictures.scenes import scene

pytestmark = pytest.mark.slow


def test_a_page_opens(opened: Open) -> None:
    page = opened(scene())
    assert page.text("h1") == "sentences: result 1"
    assert page.page.title() == "sentences: result 1"
    assert page.text("#summary").startswith(
        "500 rows · 5 clusters · 17.2\N{NO-BREAK SPACE}% noise · min_cluster_size 10"
    )
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
    swatch = page.page.locator(f"{LISTED} .swatch").nth(1).evaluate("e => getComputedStyle(e).backgroundColor")
    assert swatch == f"rgb{rgb(other.clusters[made.clusters[1].colour])}"
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


def test_a_dot_alone_says_no_more(opened: Open) -> None:
    made = alone()
    points = made.points
    assert points.xy is not None
    points.xy[np.nonzero(points.labels == 0)[0][0]] = 0.5
    page = opened(made)
    page.page.mouse.move(*point_at(page, 0.5, 0.5))
    lines = page.page.locator("#tip p").all_inner_texts()
    assert len(lines) == 3
    assert page.page.locator("#tip").evaluate("e => e.childNodes.length") == 3


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


def test_what_was_found_is_marked(opened: Open) -> None:
    texts = ["nothing"] * 60
    texts[0], texts[1] = "Un Été, l'été d'Ette", "word " * 300 + "e\u0301te\u0301 at the end <b>é</b>"
    page = opened(scene(60, 3, texts=texts))
    page.page.fill("#query", "ete")
    page.page.wait_for_selector("mark")
    found = {}
    for item in page.page.locator("ul[aria-label=Hits] .text").all():
        found[item.inner_text()[:3]] = item.locator("mark").all_inner_texts()
    assert found == {"Un ": ["Été", "été"], "…wo": ["e\u0301te\u0301"]}
    assert "at the end <b>é</b>" in page.text("ul[aria-label=Hits]")


def test_labels_may_have_gaps(opened: Open) -> None:
    """As those of a result that is like an earlier one."""
    made = scene(300, 4)
    points, tree = made.points, made.tree
    assert tree is not None
    points.labels[points.labels >= 0] = points.labels[points.labels >= 0] * 7 + 3
    tree.label[tree.label >= 0] = tree.label[tree.label >= 0] * 7 + 3
    near = [[replace(each, label=each.label * 7 + 3) for each in cluster.near] for cluster in made.clusters]
    clusters = [
        replace(cluster, label=cluster.label * 7 + 3, near=each)
        for cluster, each in zip(made.clusters, near, strict=True)
    ]
    page = opened(replace(made, clusters=clusters))
    page.page.locator(LISTED).nth(2).click()
    cluster = clusters[2]
    assert f"Label\n{cluster.label}" in page.text("#panel")
    assert page.page.locator("ul[aria-label='Nearest clusters'] button").count() == 3
    members = page.page.locator("ul[aria-label=Members] button").all_inner_texts()
    expected = {text_of(made, row) for row in np.nonzero(points.labels == cluster.label)[0].tolist()}
    assert {text.split("\n")[0] for text in members} <= expected
    assert "In the tree" in page.text("#panel")


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
    page.page.mouse.move(*point_at(page, 1, 0))
    assert "word1" in page.text("#tip")
    page.page.mouse.move(*point_at(page, 0, 0))
    assert page.page.locator("#tip").is_hidden()  # only hits are pointed at
    page.page.press("#query", "Escape")
    page.rest()
    assert page.pixel(*corner(page, 0, 0)) == by_label[0]


def test_zoom(opened: Open) -> None:
    made = scene(3000, 120)
    page = opened(made)
    whole, named = image(page), labels(page)
    assert 5 < len(named) < 120
    page.page.mouse.move(*middle_of(page, made, min(set(range(120)) - named)))
    page.page.mouse.wheel(0, -900)  # which does not wait until the page has it
    page.until(lambda: image(page) != whole, "zooming")
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


def test_touch(opened: Open) -> None:
    made = alone()
    page = opened(made, size=NARROW, has_touch=True, is_mobile=True)
    page.page.touchscreen.tap(*point_at(page, 0, 0))
    page.rest()
    assert page.text("#panel h2") == ", ".join(made.clusters[0].terms[:3])


def test_two_fingers(opened: Open) -> None:
    page = opened(scene(800, 6), size=NARROW, has_touch=True, is_mobile=True)
    box = page.page.locator("#over").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    whole = image(page)
    session = page.page.context.new_cdp_session(page.page)
    for kind, away in (("touchStart", 30), ("touchMove", 60), ("touchMove", 110), ("touchEnd", 0)):
        points = [{"x": x - away, "y": y, "id": 1}, {"x": x + away, "y": y, "id": 2}] if away else []
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    page.rest()
    apart = image(page)
    assert apart != whole
    assert page.page.locator(LISTED).count() == 6  # it is no tap
    for kind, away in (("touchStart", 110), ("touchMove", 60), ("touchMove", 30), ("touchEnd", 0)):
        points = [{"x": x - away, "y": y, "id": 1}, {"x": x + away, "y": y, "id": 2}] if away else []
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert image(page) != apart
    page.page.locator("#zoom-all").tap()
    assert image(page) == whole


def test_a_row_is_shown_on_a_narrow_screen(opened: Open) -> None:
    page = opened(scene(300, 3), size=NARROW)
    page.page.locator(LISTED).nth(0).click()
    page.page.locator("ul[aria-label=Members] button").nth(20).click()
    page.rest()
    box = page.page.locator("#map").bounding_box()
    assert box is not None
    assert -1 <= box["y"] < NARROW[1] - 200
