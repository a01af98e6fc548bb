"""A plugin breaks nothing: where it cannot do its part, its program goes on without."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def harmless(without: str) -> Iterator[None]:
    """Whatever fails inside is a debug message of the logger `sqlclust.plugins`. With SQLCLUST_REQUIRE_LOADABLE=1 it is an error.

    Args:
        without: what the program goes on without.
    """
    try:
        yield
    except (
        Exception
    ) as error:  # also of an installation that is broken: a command that needs nothing of ours shall not notice
        if os.environ.get("SQLCLUST_REQUIRE_LOADABLE", "") not in ("", "0"):
            raise
        import logging

        logging.getLogger("sqlclust.plugins").debug("%s: %s", without, error)
