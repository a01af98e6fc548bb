"""The page as a file, without a browser: what is in it, how large it is, and that the same scene gives the same bytes."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlclust.errors import Id
from sqlclust.pictures.page.encoding import GRID, quantised, whole_numbers
from sqlclust.pictures.page.html import SCRIPTS, page
from sqlclust.pictures.page.texts import ALL_CHARACTERS, MOST_CHARACTERS, cut_texts, visible
from sqlclust.pictures.private import without_texts
from sqlclust.pictures.scene import Scene
from tests.package_files import PACKAGE
from tests.pictures.page.decoded import decoded
from tests.pictures.scenes import scene

FOLDER = PACKAGE / "pictures" / "page"


def order_of(made: Scene) -> list[int]:
    return sorted(range(len(made.points.labels)), key=lambda row: (made.points.labels[row], row))


def test_the_same_scene_gives_the_same_bytes() -> None:
    assert page(scene(300, 4, n_runs=3)) == page(scene(300, 4, n_runs=3))
    assert page(scene(300, 4, n_runs=3)) != page(scene(300, 4, n_runs=3, seed=1))


def test_all_of_a_scene_is_read_back() -> None:
    made = scene(700, 6, n_runs=5, missing=["Nothing <of> that."])
    found, order, points = decoded(page(made)), order_of(made), made.points
    place = {row: at for at, row in enumerate(order)}
    assert points.texts is not None
    assert points.xy is not None
    assert found.texts == [points.texts[row] for row in order]
    assert found.ids == [str(points.ids[row]) for row in order]
    labels = [label for label, count in found.head["slices"] for _ in range(count)]
    assert labels == points.labels[order].tolist()
    depth = np.where(points.labels < 0, points.outlier_scores, points.probabilities)[order]
    assert np.abs(found.arrays["depth"] / 255 - depth).max() <= 0.5 / 255 + 1e-9
    span = (points.xy.max(axis=0) - points.xy.min(axis=0)).max()
    x = (points.xy[order, 0] - points.xy[:, 0].min()) / span
    down = (points.xy[:, 1].max() - points.xy[order, 1]) / span
    assert np.abs(found.arrays["x"] / GRID - x).max() < 1 / GRID
    assert np.abs(found.arrays["y"] / GRID - down).max() < 1 / GRID
    for cluster, (label, size, share, persistence, medoid, terms, exemplars, near, colour) in zip(
        made.clusters, found.head["clusters"], strict=True
    ):
        assert (label, size, colour, tuple(terms)) == (cluster.label, cluster.size, cluster.colour, cluster.terms)
        assert (share, persistence) == (
            pytest.approx(cluster.share, rel=1e-4),
            pytest.approx(cluster.persistence, rel=1e-4),
        )
        assert medoid == place[cluster.medoid]
        assert exemplars == [place[row] for row in cluster.exemplars]
        assert [label for label, _ in near] == [each.label for each in cluster.near]
    assert made.tree is not None
    for name, of_tree in (("treeParent", "parent"), ("treeSize", "size"), ("treeLabel", "label"), ("stepSize", "step_size"),
                          ("treeStarts", "step_starts")):  # fmt: skip
        assert found.arrays[name].tolist() == getattr(made.tree, of_tree).tolist()
    assert found.arrays["stepLambda"].tolist() == made.tree.step_lambda.astype(np.float32).tolist()
    assert made.runs is not None
    assert found.arrays["runRows"].tolist() == [place[row] for row in made.runs.rows.tolist()]
    assert found.head["runs"]["ids"] == list(made.runs.run_ids)
    assert found.head["runs"]["transitions"] == [list(each) for each in made.runs.transitions]
    assert made.sweep is not None
    assert [cut[:2] for cut in found.head["sweep"]["cuts"]] == [
        [c.min_cluster_size, c.n_clusters] for c in made.sweep.cuts
    ]
    assert found.head["missing"] == ["Nothing <of> that."]
    assert found.head["result"] == {
        "engine": "exact",
        "completed_at": "2026-11-28T18:00:00Z",
        "parameters": {"min_cluster_size": 10, "min_samples": 5},
    }


@settings(max_examples=15)
@given(st.data())
def test_any_texts_and_ids_are_read_back(data: st.DataObject) -> None:
    n = data.draw(st.integers(0, 12))
    text = st.none() | st.text(st.characters(exclude_categories=[]), max_size=30)
    texts = data.draw(st.lists(text, min_size=n, max_size=n))
    kinds = [
        st.integers(-(2**63), 2**63 - 1),
        st.text(max_size=8),
        st.integers(0, 50).map(str),
        st.floats(),
        st.binary(max_size=4),
    ]
    ids: list[Id] = data.draw(
        st.one_of([st.lists(kind, min_size=n, max_size=n) for kind in [*kinds, st.one_of(*kinds)]])
    )
    made = scene(n, 0, texts=False, ids=ids, has_tree=False, has_sweep=False)
    made = replace(made, points=replace(made.points, texts=texts))
    found = decoded(page(made))
    assert found.texts == [None if each is None else visible(each) for each in texts]
    shown = [f"x'{each.hex()}'" if isinstance(each, bytes) else visible(str(each)) for each in ids]
    if n:
        assert found.ids == shown


@given(st.text(st.characters(exclude_categories=[])))
def test_what_is_visible_can_be_kept(text: str) -> None:
    shown = visible(text)
    shown.encode("utf-8")
    assert not set(shown) & {chr(code) for code in range(32) if chr(code) not in "\t\n\r"}
    assert visible(shown) == shown
    if text.isprintable():
        assert shown == text


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([3, 1, 2], [3, 1, 2]),
        (["3", "-1", "0"], [3, -1, 0]),
        (["03"], None),
        (["3", "x"], None),
        (["٣"], None),
        (["9" * 5_000], None),
        ([True], None),
        ([2**60], None),
        (["1" * 5_000], None),
        (["9007199254740991"], None),
        (["-4503599627370495"], [-4503599627370495]),
        ([1.0], None),
        ([b"1"], None),
        ([], []),
    ],
)
def test_ids_that_are_whole_numbers(ids: list[Id], expected: list[int] | None) -> None:
    found = whole_numbers(ids)
    assert (None if found is None else found.tolist()) == expected


def test_places_keep_their_proportions() -> None:
    xy = np.array([[-4, 1], [4, 1], [0, 3]], np.float32)
    assert quantised(xy).tolist() == [[0, round(GRID / 4)], [GRID, round(GRID / 4)], [round(GRID / 2), 0]]
    assert quantised(np.zeros((3, 2), np.float32)).tolist() == [[0, 0]] * 3
    assert quantised(np.array([[0, 0], [np.nan, np.inf]], np.float32)).tolist() == [[0, 0]] * 2


def test_long_texts_are_cut_and_it_is_said() -> None:
    long = scene(30, 1, texts=["d" * (MOST_CHARACTERS + 1)] * 30)
    assert decoded(page(long)).head["texts"]["cut"] == MOST_CHARACTERS
    gathered = scene(30, 1)
    assert decoded(page(gathered)).head["texts"]["cut"] is None
    gathered = replace(gathered, points=replace(gathered.points, cut_to=300))
    assert decoded(page(gathered)).head["texts"]["cut"] == 300
    assert cut_texts(["a", None, "b" * MOST_CHARACTERS]) == (["a", None, "b" * MOST_CHARACTERS], None)
    texts, limit = cut_texts(["a", "b" * (MOST_CHARACTERS + 1)])
    assert (texts, limit) == (["a", "b" * MOST_CHARACTERS + "…"], MOST_CHARACTERS)
    many = ["c" * 3_000] * (ALL_CHARACTERS // 1_000)
    texts, limit = cut_texts(["a", *many])
    assert limit == 999  # so that all are in 40 million, the short one too
    assert [len(text or "") for text in texts[:3]] == [1, 1_000, 1_000]


def test_without_texts_no_word_of_them_is_there() -> None:
    made = scene(200, 4, n_runs=2, texts=["quokkas and wombats"] * 200)
    made = replace(made, clusters=[replace(cluster, terms=["quokkas", "wombats"]) for cluster in made.clusters])
    assert "quokkas" in page(made)
    text = page(without_texts(made))
    found = decoded(text)
    assert found.texts is None
    assert [word for word in ("quokka", "wombat") if word in text + repr(found)] == []
    assert found.ids == [str(made.points.ids[row]) for row in order_of(made)]


# --- the file -------------------------------------------------------------------------------------------------------------


def test_the_policy_names_this_script_and_this_style() -> None:
    text = page(scene(30, 1))
    [policy] = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', text)
    for element, directive in (("script", "script-src"), ("style", "style-src")):
        [content] = re.findall(rf"<{element}>(.*?)</{element}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "base-uri 'none'; form-action 'none'" in policy


def test_the_file_names_no_address_and_has_no_handler() -> None:
    """But for the name space of SVG, which is no address."""
    text = page(scene(30, 1))
    assert re.findall(r"[a-z]+://[^\s\"'`]*", text) == ["http://www.w3.org/2000/svg"]
    assert re.findall(r"<[^>]*\s(?:on\w+|style|src|href)=", text.split("<script>")[0]) == []
    assert "\r" not in text


FORBIDDEN = (
    "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "fetch(", "XMLHttpRequest",
    "localStorage", 'setAttribute("style"', "import(",
)  # fmt: skip


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_write_no_markup(name: str) -> None:
    text = (FOLDER / f"{name}.js").read_text(encoding="utf-8")
    assert [word for word in FORBIDDEN if word in text] == []
    assert "</script" not in text
    assert "<!--" not in text
    assert len(text.splitlines()) <= 350


def test_every_file_of_the_page_is_in_it() -> None:
    assert {path.stem for path in FOLDER.glob("*.js")} == set(SCRIPTS)
    assert len((FOLDER / "page.css").read_text(encoding="utf-8").splitlines()) <= 350


def test_sizes() -> None:
    """As promised: 100,000 rows with texts in 3 MB, of which these are a twentieth; the page itself below 100 KB."""
    empty, filled = (len(page(scene(n, 7 if n else 0, has_sweep=n > 0)).encode()) for n in (0, 5_000))
    assert empty < 100_000
    assert empty + (filled - empty) * 20 < 3_000_000
