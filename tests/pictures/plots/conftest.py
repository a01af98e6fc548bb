from __future__ import annotations

from importlib.util import find_spec

import pytest

from sqlclust.pictures.plots.drawing import check_installed


@pytest.fixture(autouse=True, scope="session")
def _imported() -> None:
    """As a plot imports it: an old matplotlib uses what a new library of its own warns of."""
    if find_spec("matplotlib"):
        check_installed()
