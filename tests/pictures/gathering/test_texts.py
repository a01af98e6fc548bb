"""How texts are cut, and what of a row's text is taken."""

from __future__ import annotations

import unicodedata

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlclust.pictures.gathering.texts import ELLIPSIS, MOST_CHARACTERS, beginning
from tests.pictures.gathered import fitted, own, scene_of

FAMILY = "👨‍👩‍👧"
FLAGS = "🇩🇪🇫🇷🇮🇹"


@pytest.mark.parametrize(
    ("text", "most", "expected"),
    [
        ("12345", 5, "12345"),
        ("123456", 5, "1234…"),
        ("123 56", 5, "123…"),
        ("", 5, ""),
        ("nai" + "\u0308" + "ve", 4, "na…"),  # ï of two characters
        ("ab" + FAMILY + "cd", 6, "ab…"),
        ("ab" + FAMILY + "cd", 8, "ab" + FAMILY + "…"),
        (FLAGS, 4, FLAGS[:2] + "…"),
        (FLAGS, 5, FLAGS[:4] + "…"),
        ("👍🏽👍🏽", 3, "👍🏽…"),
        ("ab\r\ncd", 4, "ab…"),
        ("e" + "\u0301" * 50, 40, "e" + "\u0301" * 38 + "…"),  # no letter is as long as that
    ],
)
def test_a_text_is_cut_between_letters(text: str, most: int, expected: str) -> None:
    assert beginning(text, most) == expected


@given(st.text(max_size=60), st.integers(1, 40))
def test_what_is_left_is_the_beginning(text: str, most: int) -> None:
    found = beginning(text, most)
    assert len(found) <= most
    if len(text) <= most:
        assert found == text
    else:
        assert found.endswith(ELLIPSIS)
        assert text.startswith(found[:-1])
        rest = text[len(found) - 1 :]
        assert most < 35 or not rest or rest[0].isspace() or unicodedata.category(rest[0]) not in ("Mn", "Me")


def test_rows_without_text_have_none(con: apsw.Connection) -> None:
    own(con)
    result = fitted(con)
    assert scene_of(con, result).points.cut_to is None
    con.execute("UPDATE Embedding SET content = NULL WHERE id = 1")
    con.execute("UPDATE Embedding SET content = '' WHERE id = 2")
    con.execute("UPDATE Embedding SET content = ? WHERE id = 3", ("wörd " * 100_000,))
    con.execute("UPDATE Embedding SET content = ? WHERE id = 4", ("<b>&amp;\0\n",))
    points = scene_of(con, result).points
    assert points.cut_to == MOST_CHARACTERS
    assert (texts := points.texts) is not None
    assert [texts[0], texts[1], texts[3]] == [None, "", "<b>&amp;\0\n"]
    assert texts[2] is not None
    assert texts[2].startswith("wörd wörd")
    assert MOST_CHARACTERS - 10 < len(texts[2]) <= MOST_CHARACTERS
    con.execute("UPDATE Embedding SET content = NULL")
    scene = scene_of(con, result)
    assert scene.points.texts is None
    assert scene.missing == []
