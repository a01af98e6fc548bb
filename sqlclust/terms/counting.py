"""How often each word and phrase is in each class of texts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.runtime.control import Control
from sqlclust.terms.texts import BoolArray, IntArray, Texts


@dataclass(frozen=True, eq=False)
class Windows:
    """Phrases of one number of words, wherever they are in the texts.

    Attributes:
        size: words of a phrase; 1 is a word.
        at: int64 (m,), where each begins: a place among the words of `Texts`.
        phrase: int64 (m,), which phrase it is, from 0 in the order of their words.
        example: int64 (n_phrases,), a place of each.
        kept: bool (m,), whether it can be a term as far as its length goes; a part of a longer phrase may not.
    """

    size: int
    at: IntArray
    phrase: IntArray
    example: IntArray
    kept: BoolArray


def every_window(texts: Texts, ngrams: int, control: Control) -> list[Windows]:
    """All phrases up to `ngrams` words, by their number of words, up to the longest there is.

    Of a script without spaces, whose words have two or three characters here (`words.Word.width`), phrases of that many
    characters up to `ngrams` times as many; and what is shorter where nothing more is written together.

    Cost: O(w log w) for each number of words.
    """
    n, n_words = len(texts.word), len(texts.vocabulary)
    segment = np.cumsum(texts.starts)
    lengths = np.bincount(segment, minlength=1)
    widest = int(texts.width.max(initial=0))
    found = []
    at, code = np.arange(n), texts.word.astype(np.int64)
    for size in range(1, widest * ngrams + 1):
        if size > 1:
            fits = at + size - 1 < n
            at, code = at[fits], code[fits]
            fits = segment[at] == segment[at + size - 1]
            at, code = at[fits], code[fits]
            code = code * n_words + texts.word[at + size - 1]
        if not len(at):
            break
        control.check()
        _, example, phrase = np.unique(code, return_index=True, return_inverse=True)
        width = texts.width[at].astype(np.int64)
        is_whole = (width > size) & (lengths[segment[at]] == size)
        kept = ((width <= size) & (size <= width * ngrams)) | is_whole
        found.append(Windows(size, at, phrase, at[example], kept))
        code = phrase.astype(np.int64)
        if not np.any(texts.width[at].astype(np.int64) * ngrams > size):
            break
    return found


@dataclass(frozen=True, eq=False)
class Counts:
    """How often phrases are in classes; only those that are.

    Attributes:
        of_class: int64 (m,).
        phrase: int64 (m,), as in `Windows`.
        count: int64 (m,), at least 1.
        n_classes: number of classes.
        n_phrases: number of phrases.
    """

    of_class: IntArray
    phrase: IntArray
    count: IntArray
    n_classes: int
    n_phrases: int

    def chosen(self, kept: BoolArray) -> Counts:
        """Some of them."""
        return Counts(self.of_class[kept], self.phrase[kept], self.count[kept], self.n_classes, self.n_phrases)

    def totals(self) -> IntArray:
        """int64 (n_phrases,), over all classes."""
        return np.bincount(self.phrase, weights=self.count, minlength=self.n_phrases).astype(np.int64)


def counts_of(windows: Windows, class_of_word: IntArray, n_classes: int) -> Counts:
    """Count the kept windows."""
    phrase, n_phrases = windows.phrase[windows.kept], len(windows.example)
    code, count = np.unique(class_of_word[windows.at[windows.kept]] * n_phrases + phrase, return_counts=True)
    return Counts(code // max(n_phrases, 1), code % max(n_phrases, 1), count, n_classes, n_phrases)


def spread(counts: Counts, size_of_class: IntArray) -> NDArray[np.float64]:
    """How evenly each phrase is spread over the classes: entropy of its rates in them, as a share of the most there can be.

    Args:
        size_of_class: words of each, so that a large class does not look as if a phrase were at home there.

    Returns:
        float64 (n_phrases,): 0 in one class only, 1 equally often in all; 0 where there is one class.
    """
    found = np.zeros(counts.n_phrases)
    if counts.n_classes < 2:
        return found
    rate = counts.count / np.maximum(size_of_class[counts.of_class], 1)
    whole = np.bincount(counts.phrase, weights=rate, minlength=counts.n_phrases)
    share = rate / whole[counts.phrase]
    entropy = np.bincount(counts.phrase, weights=-share * np.log(share), minlength=counts.n_phrases)
    found += entropy / np.log(counts.n_classes)
    return found
