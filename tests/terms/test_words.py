"""Words of many scripts and of what is no text at all."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlclust.terms.words import MOST_CHARACTERS, stands_alone, words

CASES: dict[str, list[str]] = {
    "plain": ["plain"],
    "l'été": ["été"],
    "L’eau": ["eau"],
    "qu'il": ["il"],
    "don't": ["don't"],
    "dog's": ["dog"],
    "rock'n'roll": ["rock", "n", "roll"],
    "HTTPServer": ["HTTP", "Server"],
    "parse_httpResponse2": ["parse", "http", "Response2"],
    "URLs": ["URLs"],
    "MP3": ["MP3"],
    "os.path.join": ["os", "path", "join"],
    "__init__": ["init"],
    "state-of-the-art": ["state", "of", "the", "art"],
    "3.11": ["3.11"],
    "1,000.5": ["1,000.5"],
    "Straße": ["Straße"],
    "ПриветМир": ["Привет", "Мир"],
    "안녕하세요": ["안녕하세요"],
    "हिन्दी": ["हिन्दी"],
    "العَرَبِيَّة": [unicodedata.normalize("NFKC", "العَرَبِيَّة")],
    "cafe\u0301": ["café"],
    "ﬁne": ["fine"],
    "ＡＢＣ": ["ABC"],
    "機械学習": ["機", "械", "学", "習"],
    "学習のモデル": ["学", "習", "モデル"],
    "ภาษา": ["ภ", "า", "ษ", "า"],
    "ខ្មែរ": ["ខ្មែ", "រ"],
    "https://a.org/x": ["https", "a", "org", "x"],
    "→💡!": [],
    "'": [],
    "": [],
    "x" * (MOST_CHARACTERS + 1): [],
}


@pytest.mark.parametrize("text", CASES)
def test_words(text: str) -> None:
    assert [word.text for word in words(text) if word.text] == CASES[text]


@pytest.mark.parametrize(
    ("text", "before"),
    [("a-b_c.d", "-_."), ("camelCase", "\0"), ("don't-you", "-"), ("L'Oréal-Paris", "-"), ("aujourd'hui", "'")],
)
def test_what_stands_between(text: str, before: str) -> None:
    assert [word.before for word in words(text)][1:] == list(before)


@pytest.mark.parametrize("text", ["one,two", "(one)two", "one...two", "one/two", "one、two", "one漢two"])
def test_no_phrase_goes_across(text: str) -> None:
    *_, last = words(text)
    assert last.text == "two"
    assert last.before in ("", "\0")  # after characters of another script the width tells


@pytest.mark.parametrize(
    ("text", "expected"),
    [("c", False), ("ß", False), ("12", False), ("3.11", False), ("ok", True), ("猫", True), ("x2", True)],
)
def test_stands_alone(text: str, expected: bool) -> None:
    assert stands_alone(text) is expected


@given(st.text(max_size=200))
def test_anything(text: str) -> None:
    """Each word is in the text, in order, and has no white space."""
    normal, at = unicodedata.normalize("NFKC", text), 0
    for word in words(text):
        assert word.text == "".join(word.text.split())
        at = normal.index(word.text, at) + len(word.text)
        assert len(word.text) <= MOST_CHARACTERS or word.width > 1


@pytest.mark.parametrize("text", ["a'" * 50_000, "_" * 100_000, "aB" * 50_000, "'" * 100_000, "1." * 50_000, "\u0301" * 100_000,
                                  "ก\u0e31" * 50_000, "a_" * 50_000, "1,1" * 33_000])  # fmt: skip
def test_time_grows_with_the_text(text: str) -> None:
    started = time.process_time()
    words(text)
    assert time.process_time() - started < 5  # what looks back takes minutes
