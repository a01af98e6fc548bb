"""Run by a Python that has Datasette: a line of JSON in is what to do, a line out what came of it, by its own client."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from datasette.app import Datasette


async def sql(server: Datasette, path: str, text: str) -> Any:
    response = await server.client.get(
        f"/{Path(path).stem}.json", params={"sql": text, "_shape": "arrays", "_size": "max"}
    )
    answer = response.json()
    if response.status_code != 200 or not answer["ok"]:
        raise RuntimeError(answer["error"])
    return answer["rows"]


async def write(server: Datasette, path: str, text: str) -> Any:
    def run(con: Any) -> Any:
        with con:
            return [list(row) for row in con.execute(text)]

    return await server.get_database(Path(path).stem).execute_write_fn(run)


async def main(paths: list[str], settings: dict[str, Any], extensions: list[str]) -> None:
    server = Datasette(paths, settings=settings, sqlite_extensions=extensions)
    await server.invoke_startup()
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        try:
            answer = {"rows": await globals()[name](server, *arguments)}
        except Exception as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*json.loads(sys.argv[1])))
