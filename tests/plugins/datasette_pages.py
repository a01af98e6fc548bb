"""Run by a Python that has Datasette: a line of JSON in is what to do, a line out what came of it.

["page", "/a/t"]     its status and its text
["walk", "/a/t"]     the same of every page that a cell of this one leads to
["metadata", {…}]    a server that has this metadata goes on from here
"""

from __future__ import annotations

import asyncio
import html
import json
import re
import sys
from typing import Any

from datasette.app import Datasette

_CELL = re.compile(r'<td class="[^"]*type-(?!pk)[^>]*>(.*?)</td>', re.DOTALL)
"""But those of a primary key, whose links are Datasette's own; they find no ids that are numbers."""
_LINK = re.compile(r'href="([^"]*)"')


async def page(server: Datasette, path: str) -> Any:
    answer = await server.client.get(path)
    return [answer.status_code, answer.text]


async def walk(server: Datasette, path: str) -> Any:
    _, text = await page(server, path)
    links = {html.unescape(link) for cell in _CELL.findall(text) for link in _LINK.findall(cell)}
    return {link: await page(server, link) for link in sorted(links) if ".blob" not in link}


async def main(files: list[str]) -> None:
    server = Datasette(files)
    await server.invoke_startup()
    for line in sys.stdin:
        name, argument = json.loads(line)
        try:
            if name == "metadata":
                server = Datasette(files, metadata=argument)
                await server.invoke_startup()
                answer: Any = {"rows": None}
            else:
                answer = {"rows": await globals()[name](server, argument)}
        except Exception as error:
            answer = {"error": repr(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
