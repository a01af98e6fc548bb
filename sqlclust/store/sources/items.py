"""The ids of Embedding that rows of a source have: JSON text of the source's name and the row's key."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from json.encoder import encode_basestring

from sqlclust.errors import Id


def embedding_ids(source: str, items: Sequence[Id], *, n_columns: int = 1) -> list[str]:
    """The ids of rows of a source.

    Each is JSON text: `["docs",17]`, `["docs","a"]`; of several columns `["docs","a",1]`, whose item is the text `["a",1]`. JSON
    has no BLOBs: such a key is `["docs",{"blob":"00FF"}]`. Different items have different ids.

    Args:
        items: keys of the rows; of several columns JSON arrays as text.
        n_columns: of the key.
    """
    start = json.dumps([source], ensure_ascii=False)[:-1] + ","
    if n_columns > 1:
        return [start + str(item)[1:] for item in items]
    return [
        f"{start}{item}]" if type(item) is int else
        f"{start}{encode_basestring(item)}]" if type(item) is str else f"{start}{_as_json(item)}]"
        for item in items
    ]  # fmt: skip


def _as_json(item: Id) -> str:
    if isinstance(item, bytes):
        return json.dumps({"blob": item.hex().upper()}, separators=(",", ":"))
    if isinstance(item, float) and math.isinf(item):
        return "9e999" if item > 0 else "-9e999"  # as SQLite reads and writes it
    return json.dumps(item, ensure_ascii=False)
