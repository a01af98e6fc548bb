"""How a file stores TEXT. `CAST(text AS BLOB)` gives its bytes as they are stored, UTF-8 or UTF-16."""

from __future__ import annotations

from sqlclust.sqlite import statements
from sqlclust.sqlite.database import Database

_CODECS = {"UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}


def text_codec(database: Database) -> str:
    """Python's name of the encoding of TEXT in the main database."""
    return _CODECS.get(str(statements.pragma(database, "encoding")), "utf-8")
