"""The tree, the sweep, runs and the table in a real browser; the keyboard; and pages that have little or nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from sqlclust.pictures.colours import LIGHT
from sqlclust.pictures.page.html import page as html_page
from tests.pictures.page.conftest import NARROW, WIDE, Open
from tests.pictures.page.places import LISTED, alone, corner, rgb, text_of
from tests.pictures.scenes import scene

pytestmark = pytest.mark.slow


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


def test_keys_and_pointers_need_no_frame(opened: Open) -> None:
    """What comes in the same moment in which a view is shown finds it drawn."""
    page = opened(scene(300, 4, n_runs=3))
    for view, canvas in (("tree", "tree"), ("runs", "timeline")):
        page.page.evaluate(
            """([view, canvas]) => {
            document.getElementById(`tab-${view}`).click();
            const on = document.getElementById(canvas);
            on.dispatchEvent(new PointerEvent("pointermove", { clientX: 300, clientY: 300, bubbles: true }));
            on.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true }));
            on.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true })); }""",
            [view, canvas],
        )
        assert page.text("#said")
        assert page.page.locator(f"#view-{view} .tip").is_visible()


def test_the_sweep(opened: Open) -> None:
    made = scene(600, 4)
    page = opened(made)
    page.page.click("#tab-sweep")
    assert made.sweep is not None
    rows = page.page.locator("#sweep-table tbody tr").all_inner_texts()
    assert len(rows) == len(made.sweep.cuts)
    [own] = [row.replace("\N{NO-BREAK SPACE}", " ") for row in rows if "this result" in row]
    assert re.fullmatch(r"10 \(this result\)\t4\t\d+\.\d %\t10\.0 %", own)
    assert page.page.locator("#sweep circle.here").count() == 2
    for chart in range(2):
        across = [float(page.page.locator(f"#sweep svg >> nth={chart}").locator("circle").nth(at).get_attribute("cx") or 0)
                  for at in (0, 2, 4)]  # 2, 5, 10: twice as far on a logarithmic axis from 2 to 10 as from 2 to …  # fmt: skip
        assert (across[2] - across[0]) / (across[1] - across[0]) == pytest.approx(np.log(5) / np.log(2.5), rel=1e-3)
    page.page.locator("#sweep circle").nth(1).hover()
    assert page.text("#sweep-said").startswith("min_cluster_size 3: ")


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_the_axes_of_the_sweep(opened: Open, size: tuple[int, int]) -> None:
    """Numbers have room, that of this result is among them, and noise is a share of all, also where there is none."""
    made = scene(600, 4)
    assert made.sweep is not None
    cuts = [replace(cut, noise_share=0.0) for cut in made.sweep.cuts]
    page = opened(replace(made, sweep=replace(made.sweep, cuts=cuts)), size=size)
    page.page.click("#tab-sweep")
    page.page.wait_for_selector("#sweep svg >> nth=1")
    below = (
        page.page.locator("#sweep svg >> nth=1").locator("text[text-anchor=middle]").all()[:-1]
    )  # the last is the title
    assert str(made.sweep.stored) in [each.text_content() for each in below]
    boxes = sorted((box["x"], box["x"] + box["width"]) for each in below if (box := each.bounding_box()))
    assert all(right < left for (_, right), (left, _) in pairwise(boxes))
    up = page.page.locator("#sweep svg >> nth=1").locator("text[text-anchor=end]")
    assert [text.replace("\N{NO-BREAK SPACE}", " ") for text in up.all_text_contents()] == ["0 %", "50 %", "100 %"]
    left = page.value("document.getElementById('sweep').getBoundingClientRect().left")
    begins = [box["x"] for each in up.all() if (box := each.bounding_box())]
    assert min(begins) >= left


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


def test_runs_whose_numbers_have_gaps(opened: Open) -> None:
    """As if they were seconds: cells stand one after the other."""
    made = scene(300, 4, n_runs=3)
    assert made.runs is not None
    made.runs.sequence_numbers[:] = made.runs.sequence_numbers * 1_000_003 + 1_700_000_000
    page = opened(made)
    page.page.click("#tab-runs")
    page.page.focus("#timeline")
    page.page.keyboard.press("ArrowRight")
    page.page.keyboard.press("ArrowRight")
    assert f"step {1_700_000_000 + 1_000_003}: " in page.text("#said")
    width = page.value("document.getElementById('timeline').clientWidth")
    assert width <= 100 + 18 * 40


def test_runs_whose_numbers_are_larger_than_javascript_counts(opened: Open) -> None:
    """As if they were nanoseconds, one after the other: a page that added 1 to them would never end."""
    made = scene(300, 4, n_runs=3)
    assert made.runs is not None
    made.runs.sequence_numbers[:] += 1_700_000_000_000_000_000
    page = opened(made)
    page.page.click("#tab-runs")
    page.page.focus("#timeline")
    page.page.keyboard.press("ArrowRight")
    assert "step 17000000" in page.text("#said")


def test_the_table(opened: Open) -> None:
    made = scene(300, 4)
    page = opened(made)
    page.page.click("#tab-table")
    rows = page.page.locator("#table-body tr").all_inner_texts()
    assert len(rows) == 4
    assert made.points.texts is not None
    for row, cluster in zip(rows, made.clusters, strict=True):
        share, persistence = f"{100 * cluster.share:.1f}\N{NO-BREAK SPACE}%", f"{cluster.persistence:.3f}"
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
    assert page.text("#map") == "No map: The fit keeps no neighbours, and its vectors are gone."
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


@pytest.mark.parametrize("lacking", ["globalThis.DecompressionStream", "Array.prototype.at"])
def test_an_old_browser_is_told(opened: Open, lacking: str) -> None:
    page = opened(scene(30, 1), state="", init=f"delete {lacking}")
    assert page.text("#wait").startswith("This page needs a newer browser")


@pytest.mark.parametrize(("block", "said"), [("head", "data"), ("rows", "data"), ("texts", "texts")])
def test_a_damaged_file_is_told(opened: Open, tmp_path: Path, block: str, said: str) -> None:
    path = tmp_path / "damaged.html"
    text = html_page(scene(200, 3))
    path.write_text(re.sub(rf'(id="data-{block}">.{{200}})[^<]+', r"\1", text))
    page = opened(path, state="")
    page.page.wait_for_selector(f"#wait:has-text('The {said} of this page cannot be unpacked')")
    assert page.page.locator("#map").is_visible() == (block == "texts")


def test_texts_that_were_cut_are_said_to_be(opened: Open) -> None:
    made = scene(60, 2)
    assert opened(made).page.locator("#cut").count() == 0
    cut = replace(made, points=replace(made.points, cut_to=300))
    assert opened(cut).text("#cut") == "Of each text the first 300 characters are here."


# --- sizes -----------------------------------------------------------------------------------------------------------------


def test_a_narrow_screen(opened: Open) -> None:
    page = opened(scene(900, 20, n_runs=5), size=NARROW)
    for tab in page.page.locator("#tabs button").all():
        tab.click()
        page.rest()
        assert page.value("document.documentElement.scrollWidth") <= NARROW[0]
        wider = (
            "[...document.querySelectorAll('.view:not([hidden])')].filter(e => e.scrollWidth > e.clientWidth).length"
        )
        assert page.value(wider) == 0  # what is wide scrolls by itself
    page.page.click("#tab-map")
    page.page.locator(LISTED).nth(3).click()
    assert page.value("document.documentElement.scrollWidth") <= NARROW[0]
    box = page.page.locator("#panel h2").bounding_box()
    assert box is not None
    assert 0 <= box["y"] < NARROW[1]  # what was chosen is seen


def test_a_tablet(opened: Open) -> None:
    page = opened(scene(900, 20), size=(768, 1024))
    map_width, list_width = page.value("['map', 'side'].map((id) => document.getElementById(id).clientWidth)")
    assert map_width > 1.3 * list_width


def test_many_pixels(opened: Open) -> None:
    made = alone()
    page = opened(made, device_scale_factor=2)
    width, seen = page.value("[document.getElementById('dots').width, document.getElementById('dots').clientWidth]")
    assert width == 2 * seen
    assert page.pixel(*corner(page, 1, 0)) == rgb(LIGHT.clusters[made.clusters[1].colour])
