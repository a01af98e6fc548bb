"""Words of a text in any script, with what stands between them.

As Unicode's word boundaries (UAX 29) have them, but for what makes better names: identifiers are parted at "_", "." and where
camelCase does, "l'été" gives "été", and "dog's" gives "dog". Of scripts that write no spaces the characters are given, and
whoever counts takes windows of them: of Chinese and Japanese from two on, of Thai, Lao, Khmer and Burmese from three on. No
dictionary of any language is needed.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import NamedTuple

MOST_CHARACTERS = 64
"""Of a word: what is longer is a hash, a key, or data in base64."""

SPACE, BREAK = " ", ""
"""What stands before a word: white space; or something that no phrase goes across."""


class Word(NamedTuple):
    """A word, or a character of a script without spaces.

    Attributes:
        text: as it is written, in normal form NFKC.
        before: what stands between it and the one before: '-', '_', …; `GLUE` nothing, `SPACE`, or `BREAK`.
        width: characters that make a word: 1 is a word by itself, 2 and 3 a character of a script without spaces.
    """

    text: str
    before: str
    width: int = 1


GLUE = "\0"
"""What stands between the words of camelCase, and between characters of a script without spaces: nothing."""

_HAN = "\u2e80-\u2fdf\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_HIRAGANA = "\u3041-\u309f"
_KATAKANA = "\u30a1-\u30ff\u31f0-\u31ff"
_SOUTH_EAST = "\u0e00-\u0e4e\u0e80-\u0ece\u1000-\u103f\u1050-\u109f\u1780-\u17d3\u1950-\u19df\u1a20-\u1aad"
_SOUTH_EAST += "\ua9e0-\ua9ff\uaa60-\uaa7f"
"""Thai, Lao, Burmese, Khmer, Tai Le, New Tai Lue, Tai Tham."""
_JOINERS = "\u17d2\u1039"
"""Marks that the next letter is written under: of Khmer and Burmese."""
_CONNECTORS = frozenset("-_.'’&\u2010\u2011·")
"""A single one of these between two words parts them, and a phrase may go across it."""
_APOSTROPHES = "'’"
_ENDINGS = frozenset(("t", "d", "m", "ll", "re", "ve"))
"""After an apostrophe: of one word with what is before it."""


@cache
def _marks() -> str:
    """All combining marks, and what joins letters, as the inside of a class of `re`."""
    found = [0x200C, 0x200D]
    found += [code for code in range(0x300, 0x20000) if unicodedata.category(chr(code)) in ("Mn", "Mc", "Me")]
    ranges: list[list[int]] = []
    for code in sorted(found):
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" if first < last else chr(first) for first, last in ranges)


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Runs of one kind with a group for each; and a character with its marks. Each is linear in the text."""
    marks = _marks()
    letter = rf"[^\W_{_HAN}{_HIRAGANA}{_KATAKANA}{_SOUTH_EAST}][{marks}]*"
    runs = (
        r"(\d+(?:[.,]\d+)+(?!\w))"
        rf"|((?:{letter})+(?:[{_APOSTROPHES}](?:{letter})+)*)"
        rf"|([{_KATAKANA}][{_KATAKANA}{marks}]*)|([{_HAN}]+)|([{_HIRAGANA}]+)|((?:[{_SOUTH_EAST}][{marks}]*)+)"
    )
    return re.compile(runs), re.compile(rf".[{marks}]*(?:(?<=[{_JOINERS}]).[{marks}]*)*", re.DOTALL)


_ASCII = re.compile(r"(\d+(?:[.,]\d+)+(?!\w))|([A-Za-z0-9]+(?:'[A-Za-z0-9]+)*)")
_NUMBER, _WORD, _KATAKANA_WORD, _HAN_RUN, _HIRAGANA_RUN = range(1, 6)


def words(chunk: str) -> list[Word]:
    """The words of a text; of one without white space it is meant for, so that it may be remembered.

    A last `Word` with the text '' says that a phrase does not go on after the chunk.

    Cost: O(characters), about 3 µs a word.
    """
    is_ascii = chunk.isascii()
    if not is_ascii:
        chunk = unicodedata.normalize("NFKC", chunk)
    pattern = _ASCII if is_ascii else _patterns()[0]
    found: list[Word] = []
    end = 0
    for match in pattern.finditer(chunk):
        start = match.start()
        before = _before(chunk, end, start)
        end = match.end()
        kind, text = match.lastindex or 0, match[0]
        if kind == _NUMBER:
            found.append(Word(text, before))
        elif kind == _WORD:
            found += _of_word(text, before)
        elif kind == _KATAKANA_WORD:
            found.append(Word(text, BREAK))
        else:
            found += _of_run(text, kind)
    if end < len(chunk):
        found.append(Word("", BREAK))
    return found


def _before(chunk: str, end: int, start: int) -> str:
    """What stands between two words of a chunk; before the first of it there is white space."""
    between = chunk[end:start]
    if end == 0:
        return BREAK if between else SPACE
    if not between:
        return GLUE
    return between if between in _CONNECTORS else SPACE if between.isspace() else BREAK


def _of_word(text: str, before: str) -> list[Word]:
    if len(text) > MOST_CHARACTERS:
        return [Word("", BREAK)]
    if text.islower() and text.isalpha():  # the most
        return [Word(text, before)]
    found: list[Word] = []
    for start, end in _between_apostrophes(text):
        if start == 0 and end <= 2 and end < len(text) and text[end] in _APOSTROPHES and text[:end].isalpha():
            before = BREAK  # the article of l'été
            continue
        first, *others = _camel_parts(text[start:end])
        found.append(Word(first, text[start - 1] if found else before))
        found += [Word(other, GLUE) for other in others]
    return found


def _between_apostrophes(text: str) -> list[tuple[int, int]]:
    """Where the parts of a word are that apostrophes part; none of the genitive's s, and don't is one."""
    cuts = [at for at, character in enumerate(text) if character in _APOSTROPHES]
    if len(cuts) == 1:
        ending = text[cuts[0] + 1 :].lower()
        if ending == "s":
            return [(0, cuts[0])]
        if ending in _ENDINGS:
            return [(0, len(text))]
    return list(zip([0, *(cut + 1 for cut in cuts)], [*cuts, len(text)], strict=True))


def _camel_parts(text: str) -> list[str]:
    """The words of camelCase: HTTPServer is HTTP and Server; URLs, iPad2 and MP3 have digits and a last s with them."""
    rest = text[1:]
    if rest == rest.lower() or text == text.upper() or (text[-1] == "s" and text[:-1].isupper()):
        return [text]
    cuts = [0]
    for at in range(1, len(text)):
        if not text[at].isupper():
            continue
        if not text[at - 1].isupper() or (at + 1 < len(text) and text[at + 1].islower()):
            cuts.append(at)
    return [text[start:stop] for start, stop in zip(cuts, [*cuts[1:], len(text)], strict=True)]


def _of_run(text: str, kind: int) -> list[Word]:
    """Characters of a script without spaces; a single one of hiragana is grammar."""
    if kind in (_HAN_RUN, _HIRAGANA_RUN):
        if kind == _HIRAGANA_RUN and len(text) == 1:
            return [Word("", BREAK)]
        return [Word(character, GLUE if place else BREAK, 2) for place, character in enumerate(text)]
    found = _patterns()[1].findall(text)
    return [Word(character, GLUE if place else BREAK, 3) for place, character in enumerate(found)]


def stands_alone(text: str) -> bool:
    """Whether a word can be a term by itself. A number cannot, nor a letter: they may be part of a phrase, as in "vitamin C"."""
    if len(text) == 1 and (text.lower() != text.upper() or text.isascii()):
        return False
    return any(character.isalpha() for character in text)
