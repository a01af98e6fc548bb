"""The terms of each class: the best scored, none of which only repeats another, as they are mostly written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sqlclust.core.runtime.control import Control
from sqlclust.terms.scoring import Classes, Scored
from sqlclust.terms.texts import IntArray, Texts
from sqlclust.terms.words import GLUE

_LEAST_CANDIDATES = 50
_CANDIDATES = 8
"""Terms that are looked at for each that is wanted: some repeat others."""
_STEM, _ENDING = 4, 2
"""Letters of a word that an ending comes after, at the least; and of an ending, at the most."""
_MOST_OF = 0.5
"""Share of a word's occurrences from which on a phrase that has it stands in its place."""


class Term(NamedTuple):
    """A term of a class.

    Attributes:
        label: of the class.
        rank: from 1, the best first.
        term: as it is mostly written.
        score: see `scoring.scored`; of a phrase that stands for a better one of its words, that word's.
        occurrences: how often it is in the texts of the class.
        n_rows: in how many of them it is.
    """

    label: int
    rank: int
    term: str
    score: float
    occurrences: int
    n_rows: int


@dataclass(frozen=True)
class _Candidate:
    """A phrase in a class.

    Attributes:
        place: which of the `Scored` it is of, and which phrase of that.
        words: their numbers.
        score, count: in the class.
        is_of_characters: whether it is of a script without spaces.
    """

    place: tuple[int, int]
    words: tuple[int, ...]
    score: float
    count: int
    is_of_characters: bool

    def parts(self) -> set[tuple[int, ...]]:
        """The words of every phrase that is a part of it."""
        n = len(self.words)
        return {self.words[start : start + length] for length in range(1, n) for start in range(n - length + 1)}


def chosen(texts: Texts, classes: Classes, scored: list[Scored], *, count: int, control: Control) -> list[Term]:
    """The terms of each class, class by class.

    What is a part of another phrase is left out where at least half of its occurrences are in that. Of the others a phrase is
    left out if all of its words have been said, with or without an ending of two letters.
    """
    picked: list[tuple[int, list[_Candidate], list[float]]] = []
    for number, candidates in _candidates(texts, classes, scored, max(_LEAST_CANDIDATES, _CANDIDATES * count)):
        control.check()
        picked.append((number, *_picked(candidates, count, texts.vocabulary)))
    wanted = {(candidate.place, number) for number, candidates, _ in picked for candidate in candidates}
    spelled, n_rows = _looked_up(texts, classes, scored, wanted, control)
    return [
        Term(
            int(classes.labels[number]), rank, spelled[candidate.place], score, candidate.count,
            n_rows[candidate.place, number],
        )
        for number, candidates, scores in picked
        for rank, (candidate, score) in enumerate(zip(candidates, scores, strict=True), start=1)
    ]  # fmt: skip


def _candidates(
    texts: Texts, classes: Classes, scored: list[Scored], most: int
) -> Iterator[tuple[int, list[_Candidate]]]:
    """The best of each class, best first; equally good ones by their number of words and then by these."""
    if not scored:
        return
    of = np.concatenate([np.full(len(part.score), place) for place, part in enumerate(scored)])
    of_class, phrase, counts = (
        np.concatenate([getattr(part.counts, name) for part in scored]) for name in ("of_class", "phrase", "count")
    )
    score = np.concatenate([part.score for part in scored])
    order = np.lexsort((phrase, of, -score, of_class))
    begins = np.searchsorted(of_class[order], np.arange(len(classes.labels) + 1))
    for number in np.flatnonzero(classes.wanted).tolist():
        found = []
        for row in order[begins[number] : begins[number + 1]][:most].tolist():
            windows = scored[of[row]].windows
            at = int(windows.example[phrase[row]])
            found.append(
                _Candidate(
                    (int(of[row]), int(phrase[row])),
                    tuple(texts.word[at : at + windows.size].tolist()),
                    float(score[row]),
                    int(counts[row]),
                    bool(texts.width[at] > 1),
                )
            )
        yield number, found


def _picked(candidates: list[_Candidate], count: int, vocabulary: list[str]) -> tuple[list[_Candidate], list[float]]:
    """The terms of a class with their scores."""
    longer: dict[tuple[int, ...], list[_Candidate]] = {}
    for candidate in candidates:
        for part in candidate.parts():
            longer.setdefault(part, []).append(candidate)
    found: list[_Candidate] = []
    scores: list[float] = []
    said: list[str] = []
    for candidate in candidates:
        if len(found) == count:
            break
        term = _standing_for(candidate, longer)
        if term in found:
            continue
        if term.is_of_characters:
            if any(_share_characters(term, other) for other in found):
                continue
        else:
            words = [vocabulary[word] for word in term.words]
            if all(any(_is_same(word, other) for other in said) for word in words):
                continue
            said += words
        found.append(term)
        scores.append(candidate.score)
    return found, scores


def _is_same(one: str, other: str) -> bool:
    """Whether two words are one, but for a short ending that one of them has: test and tests."""
    short, long = sorted((one, other), key=len)
    return one == other or (
        len(short) >= _STEM and len(long) - len(short) <= _ENDING and long.startswith(short) and long.isalpha()
    )


def _standing_for(candidate: _Candidate, longer: dict[tuple[int, ...], list[_Candidate]]) -> _Candidate:
    """The phrase that has most of a term's occurrences, or of that phrase's, and so on; or the term itself.

    Args:
        longer: of the words of a term, the phrases that they are a part of.
    """
    while True:
        most_of = [other for other in longer.get(candidate.words, ()) if other.count >= _MOST_OF * candidate.count]
        if not most_of:
            return candidate
        candidate = max(most_of, key=lambda other: (other.count, -len(other.words), [-word for word in other.words]))


def _share_characters(one: _Candidate, other: _Candidate) -> bool:
    """Whether one is in another, or begins as it ends: both are parts of what is longer than terms get."""
    if not other.is_of_characters:
        return False
    short, long = sorted((one.words, other.words), key=len)
    n = len(short)
    return any(long[start : start + n] == short for start in range(len(long) - n + 1)) or any(
        short[:length] == long[-length:] or short[-length:] == long[:length] for length in range(2, n)
    )


def _looked_up(
    texts: Texts, classes: Classes, scored: list[Scored], wanted: set[tuple[tuple[int, int], int]], control: Control
) -> tuple[dict[tuple[int, int], str], dict[tuple[tuple[int, int], int], int]]:
    """How the chosen phrases are mostly written, and in how many texts of their classes they are."""
    spelled: dict[tuple[int, int], str] = {}
    n_rows: dict[tuple[tuple[int, int], int], int] = {}
    n_texts = len(texts.labels)
    for place, part in enumerate(scored):
        control.check()
        phrases = sorted({phrase for (of, phrase), _ in wanted if of == place})
        if not phrases:
            continue
        windows = part.windows
        is_chosen = np.zeros(len(windows.example), dtype=np.bool_)
        is_chosen[phrases] = True
        seen = windows.kept & is_chosen[windows.phrase]
        seen &= classes.wanted[classes.of_word[windows.at]]
        at, phrase = windows.at[seen], windows.phrase[seen]
        code = np.unique(phrase * n_texts + texts.text[at])
        of_class = np.searchsorted(classes.labels, texts.labels[code % n_texts])
        pairs, rows = np.unique(code // n_texts * len(classes.labels) + of_class, return_counts=True)
        for pair, n in zip(pairs.tolist(), rows.tolist(), strict=True):
            n_rows[(place, pair // len(classes.labels)), pair % len(classes.labels)] = n
        for number, text in _spelled(texts, windows.size, at, phrase).items():
            spelled[place, number] = text
    return spelled, n_rows


def _spelled(texts: Texts, size: int, at: IntArray, phrase: IntArray) -> dict[int, str]:
    """The most frequent way to write each phrase; of equally frequent ones the first in Unicode's order."""
    variant = phrase.astype(np.int64)
    for offset in range(size):
        for column, n in ((texts.before, len(texts.separators)), (texts.spelling, len(texts.spellings))):
            if offset or column is texts.spelling:
                _, variant = np.unique(variant * n + column[at + offset], return_inverse=True)
    _, example, n_times = np.unique(variant, return_index=True, return_counts=True)
    best: dict[int, tuple[int, str]] = {}
    for place, times in zip(example.tolist(), n_times.tolist(), strict=True):
        text = _written(texts, int(at[place]), size)
        number = int(phrase[place])
        if number not in best or (-times, text) < best[number]:
            best[number] = (-times, text)
    return {number: text for number, (_, text) in best.items()}


def _written(texts: Texts, at: int, size: int) -> str:
    parts = [texts.spellings[texts.spelling[at]]]
    for place in range(at + 1, at + size):
        before = texts.separators[texts.before[place]]
        parts += ["" if before == GLUE else before, texts.spellings[texts.spelling[place]]]
    return "".join(parts)
