"""Texts, ids, names and terms are data: whatever is in them, they are shown as text and do nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar

import pytest

from sqlclust.pictures.page.html import page as html_page
from sqlclust.pictures.page.texts import MOST_CHARACTERS
from sqlclust.pictures.scene import Scene
from tests.pictures.page.conftest import Open
from tests.pictures.scenes import scene

HOSTILE = {
    "a script's end": "</script><script>document.title = 'obeyed'</script>",
    "a comment's begin": "<!--<script>document.title = 'obeyed'",
    "an image": "<img src=x onerror=\"document.title = 'obeyed'\">",
    "a style's end": "</style></title></noscript></textarea><svg onload=\"document.title = 'obeyed'\">",
    "an address": "javascript:document.title='obeyed'",
    "entities": "&lt;b&gt; &amp;amp; &#60; &quot;",
    "line separators": "one\u2028two\u2029three\x85four",
    "directions": "left \u202e\u2067right to left\u2066",
    "not closed": "\u202d\u202e\u2067\u2068",
    "control characters": "a\x00b\x01c\x02d\x1be\x7ff\x08",
    "half a pair": "lone \ud83d and \udc00 ends",
    "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈 é \U0010ffff",
    "combining marks": "Z" + "\u0351" * 500,
    "no text": "",
    "spaces": " \t\n\r\n ",
    "a template": "$title ${table} $$ {{x}} `${1}`",
    "backslashes": "\\u003c \\x00 \\",
    "long": "x" * 1_000_000,
}
SHOWN = {
    "control characters": "a␀b␁c␂d␛e␡f␈",
    "half a pair": "lone \ufffd and \ufffd ends",
    "no text": "(an empty text)",
    "spaces": "(an empty text)",
    "long": "x" * MOST_CHARACTERS + "…",
}
"""What is seen of those that cannot be shown as they are."""


def hostile_scene() -> Scene:
    """Each text is a row's, an id, a term and a sentence on what is missing; there are runs with these ids."""
    texts = [*HOSTILE.values()]
    four_times = texts * 4
    made = scene(
        len(four_times),
        3,
        texts=four_times,
        n_runs=len(texts),
        missing=texts,
        ids=[f"{at} {text[:300]}" for at, text in enumerate(four_times)],
        title=HOSTILE["a script's end"],
    )
    clusters = [replace(cluster, terms=[text[:200] or "x" for text in texts]) for cluster in made.clusters]
    runs = made.runs
    assert runs is not None
    return replace(made, clusters=clusters, runs=replace(runs, run_ids=[text[:200] for text in texts]))


@pytest.mark.slow
def test_hostile_texts_are_shown(opened: Open) -> None:
    made = hostile_scene()
    page = opened(made)
    title = page.page.title()
    assert title == HOSTILE["a script's end"]
    shown: set[str] = set()
    for label in ("0", "1", "2", "-1"):
        page.page.locator(f"#panel button.cluster[data-index='{label}']").click()
        list_of_rows = page.page.locator("ul[aria-label=Members], ul[aria-label=Rows]")
        shown.update(list_of_rows.locator("button.row .text bdi").evaluate_all("all => all.map(e => e.textContent)"))
        page.page.click("#back")
    expected = {SHOWN.get(name, text) for name, text in HOSTILE.items()}
    expected = {text if len(text) <= 400 else text[:399] + "…" for text in expected}
    assert {text.replace("\r\n", "\n") for text in shown} == {text.replace("\r\n", "\n") for text in expected}
    for tab in page.page.locator("#tabs button").all():
        tab.click()
        page.rest()
    page.page.locator("#timeline").focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowDown"):
        page.page.keyboard.press(key)
    assert page.page.title() == title
    assert page.value("[...document.querySelectorAll('img, svg:not(.chart), iframe, object, a, form')].length") == 0
    assert (
        page.value("document.scripts.length") == 1
    )  # the page's own: the blocks of data are taken out once they are read


@pytest.mark.slow
def test_a_direction_ends_with_its_text(opened: Open) -> None:
    page = opened(hostile_scene())
    page.page.locator("#panel button.cluster").nth(0).click()
    outside = page.page.locator("ul[aria-label=Members] .text").evaluate_all(
        "elements => elements.filter(e => e.children.length !== 1 || e.firstChild.localName !== 'bdi').length"
    )
    assert outside == 0
    assert page.value("getComputedStyle(document.querySelector('#panel bdi')).unicodeBidi") == "isolate"


def test_nothing_of_a_text_is_markup_in_the_file() -> None:
    """Everything of the scene is in base64, or escaped: title and static table."""
    text = html_page(hostile_scene())
    assert text.count("<script") == 4
    assert text.count("</script") == 4
    assert text.count("<style") == text.count("</style") == 1
    assert "<!--" not in text.replace("<!doctype", "")
    assert "<img" not in text
    assert 'onerror="' not in text
    assert not re.search(r"[\ud800-\udfff]", text)
    assert "\x00" not in text
    text.encode("utf-8")


INJECTED = {
    "a script": "const e = document.createElement('script'); e.textContent = 'document.title = 1'; document.body.append(e)",
    "a request": "await fetch('SERVER/')",
    "an image": "new Image().src = 'SERVER/x.png'",
    "a file": "await fetch(location.href)",
    "markup": "document.body.innerHTML = '<b>obeyed</b>'",
    "code as text": "new Function(\"document.title = 'obeyed'\")()",
    "a style": "const e = document.createElement('style'); e.textContent = 'body { display: none }'; document.head.append(e)",
    "an attribute": "document.body.setAttribute('onclick', \"document.title = 'obeyed'\"); document.body.click()",
    "a frame": "const e = document.createElement('iframe'); e.src = 'data:text/html,x'; document.body.append(e)",
    "a base": "const e = document.createElement('base'); e.href = 'SERVER/'; document.head.append(e)",
}


FORM = """() => void setTimeout(() => {
    const form = document.createElement("form"); form.action = "SERVER/"; document.body.append(form); form.submit() })"""


class _Listener(BaseHTTPRequestHandler):
    """Counts whoever comes."""

    came: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.came.append(self.path)
        self.send_response(204)
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def listening() -> Iterator[tuple[str, list[str]]]:
    """A server's address, and what it was asked for."""
    _Listener.came.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Listener)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", _Listener.came
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.slow
def test_the_policy_forbids_all(opened: Open, listening: tuple[str, list[str]]) -> None:
    """Whatever would get in: it cannot run, cannot ask for anything, cannot send anything."""
    address, came = listening
    page = opened(scene(60, 2))
    page.page.evaluate("document.title = 'as it was'")
    for name, script in INJECTED.items():
        before = len(page.complaints)
        page.page.evaluate(
            f"() => void setTimeout(async () => {{ {script.replace('SERVER', address)} }})"
        )  # as of the page's own
        page.complains(before, name)  # the browser says that it has blocked it
        assert page.page.title() == "as it was", name
    assert page.page.locator("#map").is_visible()
    assert page.value("document.baseURI").startswith("file:")
    before = len(page.complaints)
    page.page.evaluate(FORM.replace("SERVER", address))
    page.complains(before, "a form")
    assert "form-action" in page.complaints[-1]
    assert came == []
    page.complaints.clear()
    del page.requests[1:]  # they were begun, and have not left the browser
