"""Texts as a page holds them: cut where all together would be too much, in one string that is compressed as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

MOST_CHARACTERS = 4_000
"""Of a text: what is longer is read elsewhere."""
ALL_CHARACTERS = 40_000_000
"""Of all texts: what a browser holds and searches in a moment."""
NONE = "\x01"
"""A row without a text, which is not one with an empty text."""
BETWEEN = "\x02"
"""Between the texts and the ids."""
_VISIBLE = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n\r"} | {0x7F: 0x2421}
"""Control characters become their pictures, so that none separates what it must not."""


def cut_texts(texts: Sequence[str | None]) -> tuple[list[str | None], int | None]:
    """Texts of at most so many characters that the page stays light.

    Returns:
        The texts, and the characters that longer ones were cut to; None if all are whole.
    """
    lengths = np.array([0 if text is None else len(text) for text in texts], np.int64)
    limit = _limit(lengths)
    if not len(lengths) or lengths.max() <= limit:
        return list(texts), None
    return [text if text is None or len(text) <= limit else f"{text[:limit]}…" for text in texts], limit


def _limit(lengths: NDArray[np.int64]) -> int:
    """The most characters of a text with which all together are few enough."""
    low, high = 0, MOST_CHARACTERS
    while low < high:
        middle = (low + high + 1) // 2
        if int(np.minimum(lengths, middle).sum()) <= ALL_CHARACTERS:
            low = middle
        else:
            high = middle - 1
    return low


def joined(texts: Iterable[str | None]) -> str:
    """One string, a NUL between two texts: texts themselves have none any more."""
    return "\x00".join(NONE if text is None else visible(text) for text in texts)


def visible(text: str) -> str:
    """Without control characters and halves of surrogate pairs, which are not to be encoded."""
    return text.translate(_VISIBLE).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
