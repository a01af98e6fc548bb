"""Terms by hand: class-based TF-IDF counted with dictionaries, and what is left out."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlclust.core.runtime.control import Control
from sqlclust.errors import Interrupted
from sqlclust.options import TermsOptions, parse
from sqlclust.store.results.terms import counted
from sqlclust.terms.choosing import Term
from sqlclust.terms.texts import MOST_CHARACTERS, Texts, TextsBuilder

Row = tuple[int, str]


def texts(rows: Iterable[Row]) -> Texts:
    builder = TextsBuilder()
    for label, text in rows:
        builder.add(label, text)
    return builder.finish()


def terms(rows: Iterable[Row], **options: object) -> list[Term]:
    return counted(texts(rows), parse(TermsOptions, {"stop_words": [], **options}), Control())


def names(rows: Iterable[Row], label: int = 0, **options: object) -> list[str]:
    return [term.term for term in terms(rows, **options) if term.label == label]


def oracle(rows: Sequence[Row]) -> dict[tuple[int, str], float]:
    """c-TF-IDF of single words, as BERTopic's paper has it."""
    counts: dict[int, Counter[str]] = {}
    for label, text in rows:
        counts.setdefault(label, Counter()).update(text.split())
    average = sum(c.total() for c in counts.values()) / len(counts)
    whole = sum(counts.values(), Counter())
    return {
        (label, word): n / c.total() * math.log(1 + average / whole[word])
        for label, c in counts.items()
        for word, n in c.items()
    }


WORDS = ["aa", "bbb", "cccc", "dog", "cat", "tree", "über"]
ROWS = st.lists(
    st.tuples(st.integers(0, 3), st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)), min_size=1, max_size=12
).filter(lambda rows: all(any(text for own, text in rows if own == label) for label, _ in rows))


@given(ROWS)
def test_single_words_score_as_by_hand(rows: list[Row]) -> None:
    found = terms(rows, ngrams=1, count=100)
    assert {(term.label, term.term): pytest.approx(term.score) for term in found} == oracle(rows)
    for term in found:
        of_class = [text.split() for label, text in rows if label == term.label]
        assert term.occurrences == sum(words.count(term.term) for words in of_class)
        assert term.n_rows == sum(term.term in words for words in of_class)


HOSTILE = st.text(alphabet=st.sampled_from("abB é1_'.-漢字ひกา\u0301\0\ud800🙂\n"), max_size=30)


@given(
    st.lists(st.tuples(st.integers(-1, 2), HOSTILE), max_size=10),
    st.integers(1, 4),
    st.booleans(),
    st.booleans(),
    st.randoms(),
)
def test_whatever_the_texts(rows: list[Row], ngrams: int, auto: bool, noise: bool, random: random.Random) -> None:
    options = {"ngrams": ngrams, "noise": noise, "count": 5, "stop_words": ["auto"] if auto else []}
    found = terms(rows, **options)
    for label in {term.label for term in found}:
        own = [term for term in found if term.label == label]
        assert [term.rank for term in own] == list(range(1, len(own) + 1))
        assert len(own) <= 5
        assert [term.score for term in own] == sorted((term.score for term in own), reverse=True)
        assert len({term.term.casefold() for term in own}) == len(own)
    for term in found:
        assert term.score > 0
        assert 1 <= term.n_rows <= term.occurrences
        assert 1 <= len(term.term) <= 40
        assert term.term.strip() == term.term
    assert noise or all(term.label >= 0 for term in found)
    shuffled = random.sample(rows, len(rows))
    assert terms(shuffled, **options) == found


def test_a_phrase_stands_for_its_words_where_they_are_mostly_in_it() -> None:
    rows = [(0, "the New York subway"), (0, "a New York cab, New ideas"), (1, "tea"), (1, "tea pot")]
    assert names(rows, ngrams=2)[0] == "New York"
    assert not {"york", "new"} & {name.lower() for name in names(rows, ngrams=2)}
    apart = [
        *rows,
        *((0, f"{word} york, {other} new") for word, other in (("ham", "pie"), ("art", "hat"), ("sea", "bay"))),
    ]
    assert {"york", "new"} <= {name.lower() for name in names(apart, ngrams=2)}


def test_a_phrase_is_said_twice_and_within_a_sentence() -> None:
    assert "red wine" not in names([(0, "red wine"), (1, "x y")])
    assert "red wine" not in names([(0, "red, wine"), (0, "red. wine"), (1, "tea")])
    assert not any(" " in name for name in names([(0, "red"), (0, "wine")] * 3 + [(1, "tea")]))
    assert names([(0, "red wine"), (0, "red wine"), (1, "tea")]) == ["red wine"]


def test_longer_ones_go_with_ngrams() -> None:
    rows = [(0, "black forest cherry cake")] * 3 + [(1, "tea")]
    assert names(rows, ngrams=4) == ["black forest cherry cake"]
    assert max(len(name.split()) for name in names(rows, ngrams=3)) == 3


def test_words_with_an_ending_are_one() -> None:
    assert names([(0, "cookie cookies cookie"), (1, "tea")], ngrams=1) == ["cookie"]
    assert names([(0, "cook cookies"), (1, "tea")], ngrams=1) == ["cook", "cookies"]


def test_the_most_frequent_spelling_is_shown() -> None:
    assert names([(0, "Tee tee Tee TEE"), (1, "x y")], ngrams=1) == ["Tee"]
    assert names([(0, "TEE tee"), (1, "x y")], ngrams=1) == ["TEE"]  # as often: the first in Unicode's order
    assert names([(0, "read_file readFile read_file"), (1, "tea")]) == ["read_file"]


LANGUAGES: dict[str, tuple[list[str], str]] = {
    "French": (["l'été à la plage", "un été chaud", "l’été arrive"], "été"),
    "Chinese": (["我喜欢机器学习", "机器学习很有趣", "学机器学习吧"], "机器学习"),
    "Japanese": (["機械学習を使う", "機械学習のモデル", "これは機械学習です"], "機械学習"),
    "Thai": (["ฉันชอบแมวมาก", "แมวสีดำ", "มีแมวสองตัว"], "แมว"),
    "Hindi": (["हिन्दी भाषा", "यह हिन्दी है", "हिन्दी में"], "हिन्दी"),
    "Arabic": (["الكتاب جديد", "قرأت الكتاب", "الكتاب هنا"], "الكتاب"),
    "Korean": (["고양이 한 마리", "검은 고양이", "고양이 좋아"], "고양이"),
    "Russian": (["Чёрный кот", "кот спит", "где кот"], "кот"),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_languages(language: str) -> None:
    own, expected = LANGUAGES[language]
    assert names([*((0, text) for text in own), (1, "other things entirely")])[0] == expected


def test_scripts_do_not_mix_and_a_character_may_stand_alone() -> None:
    assert sorted(names([(0, "漢one 漢one 漢one"), (1, "tea")])) == ["one", "漢"]


def test_parts_of_a_long_name_do_not_repeat_each_other() -> None:
    found = names([(0, "人工智能研究所的主任")] * 3 + [(1, "other")])
    pairs = [name[at : at + 2] for name in found for at in range(len(name) - 1)]
    assert len(found[0]) == 4
    assert len(pairs) == len({*pairs})


def test_auto_leaves_out_what_is_spread_evenly_and_nothing_else() -> None:
    topics = ["wine", "tea", "juice", "milk"]
    rows = [
        (label, f"das ist der {topic} und {other}") for label, topic in enumerate(topics) for other in ("gut", "kalt")
    ]
    for label, topic in enumerate(topics):
        assert names(rows, label, stop_words=["auto"]) == [topic]
        assert "der" in " ".join(names(rows, label)).split()
    # noise is where common words are too: it tells of a single cluster
    one = [(0, "the tea"), (0, "the tea"), (-1, "the wine"), (-1, "the milk")]
    assert names(one, stop_words="auto") == ["tea"]
    assert {term.label for term in terms(one)} == {0}
    assert {term.label for term in terms(one, noise=True)} == {-1, 0}


def test_stop_words_of_a_list() -> None:
    rows = [(0, "Tea with milk, cold milk"), (0, "Tea with cold milk"), (1, "x wine")]
    assert "tea" in " ".join(names(rows)).lower()
    found = names(rows, stop_words=["TEA", "With", "cold milk"], count=20)
    assert sorted(found) == ["cold", "milk"]


def test_long_texts_and_long_terms() -> None:
    rows = [(0, "tea " * MOST_CHARACTERS), (0, "x" * 5000), (0, "pneumonoultramicroscopic"), (1, "wine")]
    assert names(rows, ngrams=1, count=5) == ["tea", "pneumonoultramicroscopic"]
    assert names(rows, ngrams=1, max_characters=20) == ["tea"]
    assert terms(rows, ngrams=1)[0].occurrences == MOST_CHARACTERS // 4


def test_nothing() -> None:
    assert terms([]) == []
    assert terms([(0, ""), (1, " \n "), (2, "12 ?")]) == []
    assert names([(-1, "tea")]) == []


def test_it_can_be_stopped() -> None:
    control = Control()
    control.stop()
    with pytest.raises(Interrupted):
        counted(texts([(0, "tea")]), TermsOptions(), control)
