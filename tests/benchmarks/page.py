"""How large a page is, how long it takes to make and to open, and how quick it is then; in a headless Chromium, without a GPU.

    python -m tests.benchmarks.page                          # 5,000 and 100,000 rows with texts
    python -m tests.benchmarks.page --rows 1400000 --no-texts

Rows of blobs (`tests/pictures/scenes.py`) with texts of ten words and a number, of which most of a file consists; a cluster for
each 700, 1,600 × 1,000 pixels. `made` is the file from a scene, in seconds; `drawn` from the call to the first picture of the
map and `ready` until texts can be searched, as the page itself notes, in milliseconds, the browser having been started before;
`redraw` one step of a movement, `all rows` the picture when it rests, `search` a word over all texts, the first time (when texts
are folded) and again. The best of several.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlclust.pictures.page.html import page
from tests.pictures.page.browsers import ARGUMENTS, program, why_not
from tests.pictures.scenes import scene

_ROWS_OF_A_CLUSTER = 700
_RESTED = 600  # milliseconds


def opened(browser: Any, path: Path, texts: bool) -> dict[str, float]:
    """One opening of a page, and what is done there."""
    shown = browser.new_page(viewport={"width": 1600, "height": 1000})
    shown.goto(path.as_uri())
    shown.wait_for_selector("html[data-state=ready]", timeout=120_000)
    times: dict[str, float] = {
        name: shown.evaluate(f"performance.getEntriesByName('{name}')[0].startTime") for name in ("drawn", "ready")
    }
    shown.wait_for_timeout(_RESTED)
    shown.mouse.move(500, 500)
    shown.mouse.wheel(0, -100)
    shown.wait_for_timeout(60)
    times["redraw"] = float(shown.get_attribute("#map", "data-ms"))
    shown.wait_for_timeout(_RESTED)
    times["all rows"] = float(shown.get_attribute("#map", "data-ms"))
    for name, word in (("search", "volcano"), ("again", "harbour")) if texts else ():
        shown.fill("#query", word)
        shown.press("#query", "Enter")
        times[name] = float(shown.get_attribute("#find", "data-ms"))
    shown.close()
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[5_000, 100_000])
    parser.add_argument("--no-texts", action="store_true")
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    if reason := why_not():
        parser.exit(1, f"{reason}\n")
    from playwright.sync_api import sync_playwright

    columns = ("drawn", "ready", "redraw", "all rows", *(() if given.no_texts else ("search", "again")))
    print(f"{'rows':>9} {'clusters':>8} {'MB':>6} {'made':>6} ", *(f"{name:>8}" for name in columns))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=[*ARGUMENTS])
        for rows in given.rows:
            n_clusters = max(2, rows // _ROWS_OF_A_CLUSTER)
            made = scene(rows, n_clusters, texts=not given.no_texts)
            begun = time.perf_counter()
            content = page(made).encode()
            seconds = time.perf_counter() - begun
            path = Path(folder) / f"{rows}.html"
            path.write_bytes(content)
            times = [opened(browser, path, not given.no_texts) for _ in range(given.repeat)]
            best = (min(each[name] for each in times) for name in columns)
            print(
                f"{rows:>9,} {n_clusters:>8,} {len(content) / 1e6:>6.2f} {seconds:>6.2f} ",
                *(f"{value:>8.1f}" for value in best),
            )
        browser.close()


if __name__ == "__main__":
    main()
