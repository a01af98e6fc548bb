"""One browser for all tests of pages, and pages in it that tell of everything they ask for or complain about."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sqlclust.pictures.page.html import page as html_page
from sqlclust.pictures.scene import Scene
from tests.pictures.page.browsers import ARGUMENTS, program, why_not

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WIDE, NARROW = (1600, 1000), (360, 740)
PATIENCE = 60.0
"""Seconds after which something will not come any more, on whatever machine."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if reason := why_not():
        terminalreporter.write_line(f"tests/pictures/page: pages are not tried in a browser: {reason}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of one file after the other: while Playwright is there an event loop runs, in which other tests cannot start one.

    A folder that is no package has no scope of its own: there scope="package" is the whole session.
    """
    if reason := why_not():
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program(), args=[*ARGUMENTS])
        yield started
        started.close()


@dataclass
class Opened:
    """A page in the browser.

    Attributes:
        page: Playwright's.
        requests: addresses that were asked for, the file's own first.
        complaints: what was written to the console, and errors.
    """

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def text(self, selector: str) -> str:
        """What is seen of an element."""
        return self.page.inner_text(selector)

    def value(self, script: str) -> Any:
        """What an expression of JavaScript gives."""
        return self.page.evaluate(script)

    def pixel(self, x: float, y: float) -> tuple[int, int, int]:
        """Red, green, blue of the dots at a place of the map, in pixels of CSS."""
        script = """([x, y]) => {
            const dots = document.getElementById("dots"), ratio = dots.width / dots.clientWidth;
            const one = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
            one.drawImage(dots, Math.round(x * ratio), Math.round(y * ratio), 1, 1, 0, 0, 1, 1);
            return [...one.getImageData(0, 0, 1, 1).data].slice(0, 3); }"""
        red, green, blue = self.page.evaluate(script, [x, y])
        return red, green, blue

    def until(self, happened: Callable[[], bool], what: str) -> None:
        """Wait for it."""
        deadline = time.monotonic() + PATIENCE
        while not happened():
            assert time.monotonic() < deadline, f"it has not happened: {what}"
            self.page.wait_for_timeout(20)

    def complains(self, before: int, what: str) -> None:
        """Until there are more complaints than before."""
        self.until(lambda: len(self.complaints) > before, f"a complaint about {what}")

    def rest(self) -> None:
        """Until what was asked for is drawn."""
        self.page.evaluate("() => new Promise(f => requestAnimationFrame(() => requestAnimationFrame(f)))")


Open = Callable[..., Opened]


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens the page of a scene, or a file: `opened(scene, size=NARROW, dark=True)`. In the end nothing may have been asked for,
    and nothing complained about, unless the test has taken it out of the lists.
    """
    all_of_them: list[Opened] = []

    def open_page(
        what: Scene | Path,
        *,
        size: tuple[int, int] = WIDE,
        dark: bool = False,
        state: str = "ready",
        init: str = "",
        **settings: Any,
    ) -> Opened:
        path = tmp_path / f"page{len(all_of_them)}.html"
        if isinstance(what, Path):
            path = what
        else:
            path.write_text(html_page(what), encoding="utf-8", newline="\n")
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            **settings,
        )
        one = Opened(context.new_page())
        all_of_them.append(one)
        if init:
            context.add_init_script(init)
        one.page.set_default_timeout(PATIENCE * 1000)
        one.page.on("request", lambda request: one.requests.append(request.url))
        one.page.on("console", lambda message: one.complaints.append(message.text))
        one.page.on("pageerror", lambda error: one.complaints.append(str(error)))
        one.page.goto(path.as_uri())
        if state:
            one.page.wait_for_selector(f"html[data-state={state}]")
        return one

    yield open_page
    for one in all_of_them:
        assert len(one.requests) == 1, one.requests
        assert one.complaints == []
        one.page.context.close()
