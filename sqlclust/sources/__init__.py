"""Sources: where a database has vectors, whichever program put them there."""

from sqlclust.sources.finding import find_sources, not_vectors
from sqlclust.sources.found import COLUMNS, Source

__all__ = ["COLUMNS", "Source", "find_sources", "not_vectors"]
