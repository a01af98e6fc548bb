"""Texts in plots: letters that can be drawn, in fonts that are here."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache

from matplotlib import font_manager
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FT2Font

from sqlclust.pictures.plots.style import OWN_FONT
from sqlclust.pictures.scene import SceneCluster

_FIRST = (
    "Noto Sans CJK",
    "Noto Sans",
    "Source Han Sans",
    "PingFang",
    "Hiragino Sans",
    "Microsoft YaHei",
    "Yu Gothic",
    "Malgun",
)
"""Beginnings of families that are tried first for letters that the own font does not have."""
_NEVER = ("Last Resort", "LastResort", "Adobe Blank", "cm", "STIXNonUnicode", "STIXSize")
"""Beginnings of families that have another picture, or none, in the place of most letters that they say they have."""
_MOST_FONTS = 300
"""Fonts that are looked into at most: one takes milliseconds."""
_INSTEAD = "\ufffd"
"""In the place of a letter that no font has; the own font has it."""
_ELLIPSIS = "…"
MOST_CHARACTERS = 22
"""Of a cluster's name in a plot."""
_MOST_TERMS = 2


def plain(text: str, most: int) -> str:
    """A text on one line, cut where it is too long; without what is no letter: controls, half surrogates, unassigned."""
    if text.isascii() and text.isprintable():
        kept = text[: 8 * most]
    else:
        kept = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in text[: 8 * most])
    words = " ".join(kept.split())
    return words if len(words) <= most else words[: most - 1].rstrip() + _ELLIPSIS


def names_of(cluster: SceneCluster) -> list[str]:
    """What a cluster may be called, the longest first; its label if it has no terms."""
    terms = [term for term in (plain(term, MOST_CHARACTERS) for term in cluster.terms) if term]
    several = [", ".join(terms[:count]) for count in range(min(_MOST_TERMS, len(terms)), 0, -1)]
    return [name for name in several if len(name) <= MOST_CHARACTERS] or [str(cluster.label)]


class Letters:
    """Which letters can be drawn, and in which fonts.

    Attributes:
        families: the own font, then those that have the other letters of the texts.
        numbered: labels of clusters so far that are named by their number, since no font has the letters of their names.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        wanted = set().union(*map(set, texts))
        families, self._missing = _fonts_with(frozenset(wanted))
        self.families: Sequence[str] = families
        self.numbered: set[int] = set()

    def names_of(self, cluster: SceneCluster) -> list[str]:
        """As the function of this name, of those that can be drawn."""
        drawable = [name for name in names_of(cluster) if not self._missing.intersection(name)]
        if not drawable:
            self.numbered.add(cluster.label)
        return drawable or [str(cluster.label)]

    def drawable(self, text: str) -> str:
        """A text with another letter for each that cannot be drawn."""
        return "".join(_INSTEAD if letter in self._missing else letter for letter in text)


@cache
def _own_letters() -> frozenset[int]:
    return _letters_in(font_manager.findfont(OWN_FONT, fallback_to_default=False))


def _is_found(font: font_manager.FontEntry) -> bool:
    """Whether matplotlib takes this font for its family: another may have the same name, and other letters."""
    try:
        return font_manager.findfont(FontProperties(family=[font.name]), fallback_to_default=False) == font.fname
    except ValueError:
        return False


def _letters_in(path: str) -> frozenset[int]:
    """The letters of a font; none if it cannot be read, or has pictures for letters, which are drawn in one size only."""
    try:
        font = FT2Font(path)
        return frozenset(font.get_charmap()) if font.scalable else frozenset()
    except (RuntimeError, OSError, ValueError):
        return frozenset()


def _fonts_with(wanted: frozenset[str]) -> tuple[list[str], frozenset[str]]:
    """Families that together have the letters, and those letters that none has."""
    families = [OWN_FONT]
    missing = {letter for letter in wanted if ord(letter) not in _own_letters()}
    if missing:
        fonts = [font for font in font_manager.fontManager.ttflist if font.style == "normal" and font.weight == 400]
        fonts = [font for font in fonts if not font.name.startswith(_NEVER)]
        fonts.sort(key=lambda font: (not font.name.startswith(_FIRST), font.name, font.fname))
        for font in fonts[:_MOST_FONTS]:
            here = _letters_in(font.fname) if missing and font.name not in families else frozenset()
            found = {letter for letter in missing if ord(letter) in here}
            if found and _is_found(font):
                families.append(font.name)
                missing -= found
    return families, frozenset(missing)
