"""The text of a table, read as far as is needed to keep the columns that a host added to a table of ours."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    r"""--[^\n]*|/\*.*?(?:\*/|\Z)|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|[^\W\d][\w$]*|.""", re.DOTALL
)


class _Definition(NamedTuple):
    """A column or constraint in a table's text: its first word in lower case without quotes, and where it stands."""

    word: str
    start: int
    end: int


def with_columns(ours: str, theirs: str, names: Collection[str], *, after: str) -> str:
    """The text of a table with columns of another text of it.

    Args:
        names: of the columns, in lower case.
        after: the column behind which they stand, in lower case.
    """
    if not names:
        return ours
    found = [theirs[start:end] for word, start, end in _definitions(theirs) if word in names]
    end = next(end for word, _, end in _definitions(ours) if word == after)
    return ours[:end] + "".join(f", {text}" for text in found) + ours[end:]


def _definitions(sql: str) -> Iterator[_Definition]:
    depth, start, end, word = 0, -1, -1, ""
    for token in _TOKEN.finditer(sql):
        text = token[0]
        if text.isspace() or text.startswith(("--", "/*")):
            continue
        closing = text == ")" and depth == 1
        if depth and (closing or (text == "," and depth == 1)):
            yield _Definition(word, start, end)
            start = -1
        elif depth:
            if start < 0:
                start, word = token.start(), _unquoted(text).lower()
            end = token.end()
        depth += (text == "(") - (text == ")")
        if closing:
            return


def _unquoted(text: str) -> str:
    if text[0] in "\"`'":
        return text[1:-1].replace(text[0] * 2, text[0])
    return text[1:-1] if text[0] == "[" else text
