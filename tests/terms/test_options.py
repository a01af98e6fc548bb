"""Every option of clust_terms changes what it should."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import apsw
import pytest

from sqlclust.errors import OptionError
from sqlclust.options import TermsOptions, names, parse

Terms = list[tuple[Any, ...]]
TEXTS = [(-1, "and wasps"), (0, "and red ants bite"), (1, "and wild bees")] * 2
EVERY: dict[str, tuple[object, Callable[[Terms, Terms], bool]]] = {
    "count": (1, lambda a, b: len(b) == 2 < len(a)),
    "ngrams": (1, lambda a, b: any(" " in term for _, term in a) and not any(" " in term for _, term in b)),
    "stop_words": ([], lambda a, b: "and" in str(b) and "and" not in str(a)),
    "max_characters": (4, lambda a, b: max(len(term) for _, term in a) > 4 >= max(len(term) for _, term in b)),
    "noise": (True, lambda a, b: {label for label, _ in b} - {label for label, _ in a} == {-1}),
}


def test_every_option_is_tried() -> None:
    assert list(EVERY) == list(names(TermsOptions))


@pytest.mark.parametrize("option", EVERY)
def test_it_changes_what_it_should(con: apsw.Connection, option: str) -> None:
    con.execute("CREATE TABLE t (label, text)")
    con.executemany("INSERT INTO t VALUES (?, ?)", TEXTS)
    sql = "SELECT label, term FROM clust_terms((SELECT clust_texts(label, text) FROM t), ?)"
    value, expected = EVERY[option]
    before, after = (con.execute(sql, (json.dumps(options),)).fetchall() for options in ({}, {option: value}))
    assert expected(before, after)


@pytest.mark.parametrize(
    ("given", "evenly", "listed"),
    [("auto", True, ()), (["auto", "tea"], True, ("tea",)), ("tea", False, ("tea",)), ([], False, ())],
)
def test_stop_words(given: object, evenly: bool, listed: tuple[str, ...]) -> None:
    options = parse(TermsOptions, {"stop_words": given})
    assert (options.evenly_spread, options.listed) == (evenly, listed)


@pytest.mark.parametrize("given", ["", [""], [1], 1, {}, True])
def test_stop_words_that_are_none(given: object) -> None:
    with pytest.raises(OptionError, match="stop_words"):
        parse(TermsOptions, {"stop_words": given})
