"""Which sqlclust this is."""

from __future__ import annotations

from sqlclust import __version__
from sqlclust.surface.records import ScalarFunction


def clust_version() -> str:
    """The version of sqlclust."""
    return __version__


VERSION = (
    ScalarFunction(
        name="clust_version",
        function=clust_version,
        returns="TEXT",
        summary="The version of sqlclust.",
        example=f"SELECT clust_version() -- {__version__}",
        innocuous=True,
    ),
)
