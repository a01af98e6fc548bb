"""A page read back by other means than its own scripts: Python's, with nothing of the encoder."""

from __future__ import annotations

import base64
import json
import re
import zlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Decoded(NamedTuple):
    """What is in a page.

    Attributes:
        head: what is small.
        arrays: numbers by name, rows in the page's order: by label, noise first, and within each as they were.
        texts: of the rows; None where a row has none. None if there are no texts.
        ids: of the rows.
    """

    head: dict[str, Any]
    arrays: dict[str, NDArray[Any]]
    texts: list[str | None] | None
    ids: list[str]


def block(page: str, name: str) -> bytes:
    found = re.search(rf'<script type="text/plain" id="data-{name}">([A-Za-z0-9+/=]*)</script>', page)
    assert found, name
    return zlib.decompress(base64.b64decode(found[1], validate=True))


def decoded(page: str) -> Decoded:
    head = json.loads(block(page, "head"))
    rows, arrays, at = block(page, "rows"), {}, 0
    for name, kind, length in head["arrays"]:
        width = int(kind[1])
        planes = np.frombuffer(rows[at : at + width * length], np.uint8).reshape(width, length)
        arrays[name] = np.frombuffer(planes.T.tobytes(), f"<{kind}")
        at += width * length
    assert at == len(rows)
    parts = block(page, "texts").decode().split("\x02")
    texts = None
    if head["texts"]["there"]:
        texts = [None if text == "\x01" else text for text in parts.pop(0).split("\0")] if head["n"] else []
    ids = (
        parts[0].split("\0")
        if head["texts"]["ids"]
        else [f"{each:.0f}" for each in np.cumsum(arrays["ids"].astype(np.float64))]
    )
    return Decoded(head, arrays, texts, ids)
