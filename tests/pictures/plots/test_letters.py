"""Letters that the own font does not have, and what is no letter at all."""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlclust.pictures.plots.drawing import FORMATS, PlotOptions, draw
from sqlclust.pictures.scene import Scene
from tests.pictures.plots.drawn import needs_matplotlib, svg, texts
from tests.pictures.scenes import scene

pytestmark = needs_matplotlib

FAMILY = "A Font Of One Letter"


def _forget(manager: Any) -> None:
    """Which fonts were found before."""
    manager._findfont_cached.cache_clear()


@pytest.fixture
def no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with matplotlib's own fonts only."""
    from matplotlib import font_manager

    own = [font for font in font_manager.fontManager.ttflist if "mpl-data" in font.fname]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)
    _forget(font_manager.fontManager)


@pytest.fixture
def has_river(no_others: None, tmp_path: Path) -> Iterator[str]:
    """Another font, which has 川."""
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen
    from matplotlib import font_manager

    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "river"])
    builder.setupCharacterMap({ord("川"): "river"})
    pen = TTGlyphPen(None)
    for place in ((0, 0), (0, 800), (800, 800), (800, 0)):
        (pen.lineTo if place != (0, 0) else pen.moveTo)(place)
    pen.closePath()
    builder.setupGlyf({name: pen.glyph() for name in (".notdef", "river")})
    builder.setupHorizontalMetrics(dict.fromkeys((".notdef", "river"), (900, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": FAMILY, "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800)
    builder.setupPost()
    builder.save(tmp_path / "river.ttf")
    font_manager.fontManager.addfont(tmp_path / "river.ttf")
    yield FAMILY
    _forget(font_manager.fontManager)


def with_terms(*terms: str) -> Scene:
    few = scene(60, 3, n_runs=3)
    clusters = [dataclasses.replace(few.clusters[0], terms=terms), *few.clusters[1:]]
    return dataclasses.replace(few, clusters=clusters, title="川 title")


@pytest.mark.usefixtures("no_others")
@pytest.mark.parametrize("format", FORMATS)
def test_letters_that_no_font_has(format: str) -> None:
    """Warnings are errors in these tests, and matplotlib warns of each such letter."""
    few = with_terms("川川", "🦊")
    plot = draw(few, "map", format, PlotOptions(dpi=40))
    assert plot.remarks == ["1 cluster has its number for a name: no font here has all letters of its terms"]
    if format == "svg":
        said = texts(svg(few, "map", dpi=40))
        assert str(few.clusters[0].label) in said
        assert "\ufffd title" in said


@pytest.mark.usefixtures("no_others")
def test_a_term_that_can_be_drawn_is_taken() -> None:
    few = with_terms("river", "川")
    assert not draw(few, "map", "png", PlotOptions(dpi=40)).remarks
    assert "river" in texts(svg(few, "map", dpi=40))


@pytest.mark.parametrize("kind", ["map", "tree", "runs"])
def test_letters_of_another_font(has_river: str, kind: str) -> None:
    few = with_terms("川", "river")
    for format in FORMATS:
        assert not draw(few, kind, format, PlotOptions(dpi=40)).remarks
    root = svg(few, kind, dpi=40)
    assert {"川, river", "川 title"} <= set(texts(root))
    assert any(has_river in element.attrib.get("style", "") for element in root.iter())


def test_a_font_that_cannot_be_read_is_passed_over(has_river: str, tmp_path: Path) -> None:
    (tmp_path / "river.ttf").write_bytes(b"no font")
    assert draw(with_terms("川"), "map", "png", PlotOptions(dpi=40)).remarks


@given(st.text(max_size=60), st.integers(2, 30))
def test_plain(text: str, most: int) -> None:
    from sqlclust.pictures.plots.letters import plain

    found = plain(text, most)
    assert len(found) <= most
    assert found == found.strip()
    assert "  " not in found
    assert all(letter == " " or unicodedata.category(letter)[0] not in "CZ" for letter in found)
    assert found.encode() is not None  # no half of a surrogate pair
    if text.isascii() and text.isalnum() and len(text) <= most:
        assert found == text
