"""Datasette on our tables: what its pages and its JSON show."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.terminal import python
from tests.interop.tools import TABLES, chapter, query, stock, tool, views

SCRIPT = """
import asyncio, json, sys
from datasette.app import Datasette

async def main():
    file, *pages = sys.argv[1:]
    datasette = Datasette([file])
    await datasette.invoke_startup()
    for page in pages:
        answer = await datasette.client.get(page)
        print(json.dumps([answer.status_code, answer.text]))

asyncio.run(main())
"""
"""In a process of its own, as Datasette is: it has threads, and this process has APSW."""


def pages(path: Path, *asked: str) -> list[str]:
    """The texts of these pages, all of which are there."""
    tool("datasette")
    done = python("-W", "ignore", "-c", SCRIPT, path, *asked)
    assert done.code == 0, done.err
    answers = [json.loads(line) for line in done.out.splitlines()]
    assert [code for code, _ in answers] == [200] * len(asked), answers
    return [text for _, text in answers]


def test_everything_is_shown(results: Path) -> None:
    """And nothing is written."""
    before = results.read_bytes()
    names = [*sorted(TABLES), *views(results)]
    one = "/results/ClusterTrajectory.json?_shape=objects&clustering_result_id=2"
    asked = [*(f"/results/{name}.json?_shape=objects&_size=max" for name in names), one, "/results/Embedding/e00"]
    *shown, trajectory, embedding, settings = pages(results, *asked, "/-/settings.json")
    for name, text in zip(names, shown, strict=True):
        assert len(json.loads(text)["rows"]) == query(results, f"SELECT count(*) FROM {name}")[0][0]
    assert {row["clustering_result_id"] for row in json.loads(trajectory)["rows"]} == {2}
    assert json.loads(settings)["sql_time_limit_ms"] == 1000
    assert "/results/Embedding/e00.blob?_blob_column=vector" in embedding
    assert results.read_bytes() == before


def labels(path: Path, *options: str, plugins: bool = True) -> tuple[str, str | None]:
    """How the page of a row shows its result and its embedding, the colour brown.

    Args:
        plugins: whether Datasette loads what is installed beside it.
    """
    asked = "/colors/EmbeddingCluster.json?_shape=objects&_labels=on&embedding_id=brown"
    without = [] if plugins else ["import sys; sys._called_from_test = True"]
    start = "; ".join([*without, "from datasette.cli import cli", "cli()"])
    done = python("-W", "ignore", "-c", start, "serve", path, "--get", asked, *options)
    assert done.code == 0, done.err
    [row] = json.loads(done.out)["rows"]
    return row["clustering_result_id"]["label"], row["embedding_id"]["label"]


def test_label_columns(colors: Path) -> None:
    """The plugin says which; with those of the page, the same without it; nothing for what has no text."""
    tool("datasette")
    assert labels(colors) == ("rgb", None)
    Path("metadata.yaml").write_text(chapter("Datasette").partition("```text\n")[2].partition("```")[0])
    assert labels(colors, "-m", "metadata.yaml") == ("rgb", None)
    with stock(colors) as connection, connection:
        connection.execute("UPDATE Embedding SET content = 'a dark red' WHERE id = 'brown'")
    assert labels(colors) == ("rgb", "a dark red")
    assert labels(colors, plugins=False) == ("1", "brown")
    assert labels(colors, "-m", "metadata.yaml", plugins=False) == ("rgb", "a dark red")
