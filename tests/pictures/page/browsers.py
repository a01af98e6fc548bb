"""A browser for the tests of pages: Chromium of this machine, driven by Playwright. Where one is missing, it is said why."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.util import find_spec

VARIABLE = "SQLCLUST_BROWSER"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--force-color-profile=srgb",
)  # fmt: skip
"""The same picture on every machine: no GPU, and no request of the browser's own."""


def program() -> str | None:
    """The browser's path: that of the variable, or the first on PATH."""
    given = os.environ.get(VARIABLE)
    return given or next(filter(None, map(shutil.which, NAMES)), None)


def why_not() -> str | None:
    """Why no page can be tried here, or None."""
    if find_spec("playwright") is None:
        return "Playwright is not installed: pip install 'sqlclust[browser]'"
    path = program()
    if path is None:
        return f"no {', '.join(NAMES)} is on PATH; {VARIABLE} may name one"
    if not os.access(path, os.X_OK):
        return f"{VARIABLE} names {path}, which cannot be run"
    return None


if __name__ == "__main__":
    reason = why_not()
    print(reason or program(), file=sys.stderr if reason else sys.stdout)
    sys.exit(bool(reason))
