"""The page in a real browser: what is seen, and what it does."""

from __future__ import annotations

import pytest

from tests.pictures.page.conftest import Open
from tests.pictures.scenes import scene

pytestmark = pytest.mark.slow


def test_a_page_opens(opened: Open) -> None:
    page = opened(scene())
    assert page.text("h1") == "sentences: result 1"
    assert page.text("#summary").startswith("500 rows · 5 clusters · ")
    assert page.page.locator("#clusters button.cluster").count() == 5
