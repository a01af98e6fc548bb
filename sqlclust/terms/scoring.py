"""Class-based TF-IDF: what is typical of each class of texts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sqlclust.core.runtime.control import Control
from sqlclust.terms.counting import Counts, Windows, counts_of, every_window, spread
from sqlclust.terms.texts import BoolArray, IntArray, Texts
from sqlclust.terms.words import words

Float64Array = NDArray[np.float64]

NOISE = -1
"""The label of texts in no cluster."""
_EVENLY, _OF_FEW = 0.65, 0.35
"""What is spread over classes more evenly than this, from 0 to 1, says nothing of them. The second, divided by the root of their
number, is added: of two, each word is in half of them at least. As seen on 126 clusters of English docstrings, where "when" and
"given" are above, and "file" and "text" are not."""


@dataclass(frozen=True, eq=False)
class Scored:
    """Phrases of one number of words that may be terms, and how typical they are of each class that has them.

    Attributes:
        windows: all phrases of so many words.
        counts: of those that may be terms, in each class.
        score: float64, of each of `counts`.
    """

    windows: Windows
    counts: Counts
    score: Float64Array


@dataclass(frozen=True, eq=False)
class Classes:
    """The texts of each label.

    Attributes:
        labels: int64 (c,), ascending.
        of_word: int64 (w,), the class of each word of the texts.
        n_words: int64 (c,), all words of each.
        wanted: bool (c,), those that get terms.
    """

    labels: IntArray
    of_word: IntArray
    n_words: IntArray
    wanted: BoolArray


def classes_of(texts: Texts, *, noise: bool) -> Classes:
    """Each label is a class; noise only says which words are common, unless it is wanted."""
    labels, of_text = np.unique(texts.labels, return_inverse=True)
    of_word = of_text.astype(np.int64)[texts.text]
    wanted = np.ones(len(labels), dtype=np.bool_) if noise else labels != NOISE
    return Classes(labels, of_word, np.bincount(of_word, minlength=len(labels)), wanted)


def scored(
    texts: Texts,
    classes: Classes,
    *,
    ngrams: int,
    evenly_spread: bool,
    stop_words: Collection[str],
    max_characters: int,
    control: Control,
) -> list[Scored]:
    """Score all words and phrases.

    score = (count in the class / words of the class) · log(1 + A / count in all classes), A the average number of words of a
    class. Words are those that may be terms; phrases change neither their number nor A. So with single words this is BERTopic's
    c-TF-IDF, and a phrase scores as its words do where they are in nothing else.

    Args:
        ngrams: words of a phrase at the most.
        evenly_spread: whether words and phrases that are spread evenly over the classes, noise among them, are left out.
        stop_words: what else is left out, in any case of its letters.
        max_characters: of a term.

    Cost: O(w log w) for each number of words.
    """
    stopped, stopped_phrases = _listed(texts, stop_words)
    lengths = np.array([len(word) for word in texts.vocabulary], dtype=np.int64)
    before = np.concatenate([[0], np.cumsum(lengths[texts.word])])
    evenly = _EVENLY + _OF_FEW / max(len(classes.labels), 1) ** 0.5
    unscored: list[tuple[Windows, Counts]] = []
    for windows in every_window(texts, ngrams, control):
        control.check()
        size, example = windows.size, windows.example
        is_word = texts.width[example] >= size  # or what is a word of a script without spaces
        characters = before[example + size] - before[example] + np.where(texts.width[example] > 1, 0, size - 1)
        counts = counts_of(windows, classes.of_word, len(classes.labels))
        may = characters <= max_characters
        if evenly_spread:
            may &= spread(counts, classes.n_words) <= evenly
        if size == 1:
            stopped[texts.word[example[~may & (texts.width[example] == 1)]]] = True
            may &= ~stopped[texts.word[example]] & texts.alone[texts.word[example]]
        else:
            first, last = texts.word[example], texts.word[example + size - 1]
            may &= ~stopped[first] & ~stopped[last] & _has_one_alone(texts, example, size)
            may &= ~_among(texts, example, size, stopped_phrases)
        counts = counts.chosen(may[counts.phrase] & classes.wanted[counts.of_class])
        repeated = is_word | (counts.totals() > 1)  # a phrase is what is said again
        unscored.append((windows, counts.chosen(repeated[counts.phrase])))
    n_words = np.zeros(len(classes.labels), dtype=np.int64)
    for windows, counts in unscored:
        of_words = counts.chosen((texts.width[windows.example] >= windows.size)[counts.phrase])
        n_words += np.bincount(of_words.of_class, weights=of_words.count, minlength=len(n_words)).astype(np.int64)
    average = float(n_words[classes.wanted].mean()) if classes.wanted.any() else 0.0
    return [Scored(windows, counts, _c_tf_idf(counts, n_words, average)) for windows, counts in unscored]


def _c_tf_idf(counts: Counts, n_words: IntArray, average: float) -> Float64Array:
    share = counts.count / np.maximum(n_words[counts.of_class], 1)
    return share * np.log(1 + average / np.maximum(counts.totals()[counts.phrase], 1))


def _listed(texts: Texts, stop_words: Collection[str]) -> tuple[BoolArray, list[IntArray]]:
    """Which words of the vocabulary are stop words by a list; and its entries of several words."""
    place = {word: number for number, word in enumerate(texts.vocabulary)}
    stopped = np.zeros(len(texts.vocabulary), dtype=np.bool_)
    phrases = []
    for entry in stop_words:
        found = [word.text.casefold() for chunk in entry.split() for word in words(chunk) if word.text]
        numbers = [place[word] for word in found if word in place]
        if len(numbers) == len(found) == 1:
            stopped[numbers[0]] = True
        elif numbers and len(numbers) == len(found):
            phrases.append(np.array(numbers, dtype=np.int64))
    return stopped, phrases


def _has_one_alone(texts: Texts, example: IntArray, size: int) -> BoolArray:
    """Whether a phrase has a word that could be a term by itself; '3 4' has none."""
    found = texts.width[example] > 1
    for offset in range(size):
        found |= texts.alone[texts.word[example + offset]]
    return found


def _among(texts: Texts, example: IntArray, size: int, phrases: Sequence[IntArray]) -> BoolArray:
    """Whether a phrase is one of some."""
    found = np.zeros(len(example), dtype=np.bool_)
    for phrase in phrases:
        if len(phrase) == size:
            same = np.ones(len(example), dtype=np.bool_)
            for offset, word in enumerate(phrase.tolist()):
                same &= texts.word[example + offset] == word
            found |= same
    return found
