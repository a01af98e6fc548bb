"""Labelled texts as arrays of words: what terms are counted in."""

from __future__ import annotations

import hashlib
from array import array
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sqlclust.terms.words import BREAK, Word, stands_alone, words

IntArray = NDArray[np.int64]
Int32Array = NDArray[np.int32]
BoolArray = NDArray[np.bool_]

MOST_CHARACTERS = 100_000
"""Of a text: what comes later is not looked at."""
_REMEMBERED = 64
"""Characters of a chunk that is remembered: longer ones hardly come twice."""
_HASH_BYTES = 32


@dataclass(frozen=True, eq=False)
class Texts:
    """n labelled texts of w words.

    Attributes:
        labels: int64 (n,), the label of each.
        text: int32 (w,), which text a word is in.
        word: int32 (w,), places in `vocabulary`.
        spelling: int32 (w,), places in `spellings`.
        before: int32 (w,), places in `separators`: what stands between a word and the one before.
        starts: bool (w,), whether a phrase can begin with a word but not go across to it from before.
        width: int8 (w,), see `words.Word`.
        vocabulary: the different words, case-folded and sorted.
        spellings: as they are written.
        separators: what is between words.
    """

    labels: IntArray
    text: Int32Array
    word: Int32Array
    spelling: Int32Array
    before: Int32Array
    starts: BoolArray
    width: NDArray[np.int8]
    vocabulary: list[str]
    spellings: list[str]
    separators: list[str]

    @cached_property
    def fingerprint(self) -> str:
        """A hash that is the same for the same texts in the same order. O(w)."""
        found = hashlib.blake2b(digest_size=_HASH_BYTES)
        for part in (self.labels, self.text, self.spelling, self.before, self.starts):
            found.update(np.ascontiguousarray(part).data)
        for names in (self.spellings, self.separators):
            found.update("\n".join(names).encode(errors="surrogatepass"))
        return found.hexdigest()

    @cached_property
    def alone(self) -> BoolArray:
        """bool (vocabulary,), whether a word can be a term by itself."""
        return np.array([stands_alone(word) for word in self.vocabulary], dtype=np.bool_)


class _Chunks(dict[str, int]):
    """Text between white space → its number; the words of each chunk are in arrays."""

    def __init__(self) -> None:
        self.stops = array("q", [0])
        self.spelling, self.before, self.width = array("i"), array("i"), array("b")
        self.spellings: dict[str, int] = {"": 0}
        self.separators: dict[str, int] = {BREAK: 0}

    def __missing__(self, chunk: str) -> int:
        number = len(self.stops) - 1
        for word in words(chunk):
            self._add(word)
        self.stops.append(len(self.spelling))
        if len(chunk) <= _REMEMBERED:
            self[chunk] = number
        return number

    def _add(self, word: Word) -> None:
        self.spelling.append(self.spellings.setdefault(word.text, len(self.spellings)))
        self.before.append(self.separators.setdefault(word.before, len(self.separators)))
        self.width.append(word.width)


class TextsBuilder:
    """Takes labelled texts one by one, and keeps of them numbers of words.

    Cost: a split and a look-up for each word, and some microseconds for each that is new. 4 bytes a word and some 300 for each
    different one, until it finishes; that and counting single words takes up to 120 bytes a word.
    """

    def __init__(self) -> None:
        self._chunks = _Chunks()
        self._labels, self._lengths, self._of_texts = array("q"), array("i"), array("i")

    def add(self, label: int, text: str) -> None:
        """Take a text; of a long one the first `MOST_CHARACTERS`."""
        before = len(self._of_texts)
        self._of_texts.extend(map(self._chunks.__getitem__, text[:MOST_CHARACTERS].split()))
        self._labels.append(label)
        self._lengths.append(len(self._of_texts) - before)

    def finish(self) -> Texts:
        """The texts."""
        chunks = self._chunks
        of_texts = np.array(self._of_texts, dtype=np.int64)
        stops = np.array(chunks.stops, dtype=np.int64)
        begins, lengths = stops[:-1][of_texts], np.diff(stops)[of_texts]
        total, ends = int(lengths.sum()), np.cumsum(lengths)
        places = np.arange(total) + np.repeat(begins - (ends - lengths), lengths)
        texts = np.repeat(np.arange(len(self._labels), dtype=np.int32), np.array(self._lengths, dtype=np.int64))
        text = np.repeat(texts, lengths)
        spelling = np.array(chunks.spelling, dtype=np.int32)[places]
        before = np.array(chunks.before, dtype=np.int32)[places]
        width = np.array(chunks.width, dtype=np.int8)[places]
        is_word = spelling != 0
        starts = before == 0
        starts[1:] |= (text[1:] != text[:-1]) | ~is_word[:-1] | (width[1:] != width[:-1])
        starts[:1] = True
        vocabulary, of_spelling = _vocabulary(chunks.spellings)
        spelling = spelling[is_word]
        return Texts(
            labels=np.array(self._labels, dtype=np.int64),
            text=text[is_word],
            word=of_spelling[spelling],
            spelling=spelling,
            before=before[is_word],
            starts=starts[is_word],
            width=width[is_word],
            vocabulary=vocabulary,
            spellings=list(chunks.spellings),
            separators=list(chunks.separators),
        )


def _vocabulary(spellings: dict[str, int]) -> tuple[list[str], Int32Array]:
    """The different words, sorted, so that their numbers do not depend on the order of texts; and that of each spelling."""
    folded = [spelling.casefold() for spelling in spellings]
    vocabulary = sorted(set(folded))
    place = {word: number for number, word in enumerate(vocabulary)}
    return vocabulary, np.array([place[word] for word in folded], dtype=np.int32)
