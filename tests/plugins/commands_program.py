"""Run by a Python that has llm or sqlite-utils: that program's command line, as often as it is told to, in one process.

A line of JSON in is what to do, a line out what came of it:

    ["clust", "docs"]     [exit status, stdout, stderr, paths that Python's own sqlite3 has opened meanwhile]
    ["@imported"]         the modules there are
    ["@collection", PATH, NAME, JSON of {id: [vector, text]}]   by llm's own class
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

from click.testing import CliRunner

OPENED: list[str] = []


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "sqlite3.connect":
        OPENED.append(str(arguments[0]))


def collection(path: str, name: str, told: str) -> None:
    llm: Any = importlib.import_module("llm")
    sqlite_utils: Any = importlib.import_module("sqlite_utils")
    rows = json.loads(told)

    class Told(llm.EmbeddingModel):  # type: ignore[misc, name-defined, unused-ignore]
        model_id = "told"

        def embed_batch(self, items: Any) -> Any:
            vectors = {text: vector for vector, text in rows.values()}
            return (vectors[item] for item in items)

    database = sqlite_utils.Database(path)
    made = llm.Collection(name, database, model=Told(), create=True)
    made.embed_multi([(key, text) for key, (_, text) in rows.items()], store=True)
    database.close()


def main(program: str) -> None:
    cli = importlib.import_module(f"{program}.cli").cli
    sys.addaudithook(watch)
    for line in sys.stdin:
        words = json.loads(line)
        if words[0] == "@imported":
            answer: Any = [*sys.modules]
        elif words[0] == "@collection":
            collection(*words[1:])
            answer = None
        else:
            OPENED.clear()
            done = CliRunner().invoke(cli, words, env={"COLUMNS": "100"})
            if done.exception is not None and not isinstance(done.exception, SystemExit):
                raise done.exception
            answer = [done.exit_code, done.stdout, done.stderr, [*OPENED]]
        print(json.dumps({"rows": answer}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
