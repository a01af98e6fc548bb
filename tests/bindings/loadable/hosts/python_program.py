"""Run by another Python, whose sqlite3 is the host: a line of JSON in is what to do, a line out is what came of it.

It imports nothing of sqlclust's that it is not told to.
"""

from __future__ import annotations

import json
import signal
import sqlite3
import sys
import threading
import time
from pathlib import Path
from typing import Any

connections: dict[str, sqlite3.Connection] = {}
left_open: list[sqlite3.Cursor] = []


def begun(path: str) -> int:
    """Called by SQL: says that a statement runs now."""
    Path(path).touch()
    return 1


def opened(name: str, path: str) -> None:
    connections[name] = sqlite3.connect(path, isolation_level=None, timeout=60)
    connections[name].create_function("begun", 1, begun)


def load(name: str, path: str) -> None:
    connections[name].enable_load_extension(True)
    connections[name].load_extension(path)
    connections[name].enable_load_extension(False)


def load_by_sqlclust(name: str) -> None:
    import sqlclust

    sqlclust.load(connections[name])


def sql(name: str, text: str) -> list[tuple[Any, ...]]:
    return connections[name].execute(text).fetchall()


def step(name: str, text: str) -> Any:
    """The first row; the statement stays open."""
    left_open.append(connections[name].execute(text))
    return left_open[-1].fetchone()


def stopped(name: str, text: str, how: str, begun: str) -> str:
    """Run a statement that is stopped once the file `begun` is there; seconds until it was back, and what came of it."""
    con, asked = connections[name], [0.0]

    def stop() -> None:
        while not Path(begun).exists():
            time.sleep(0.001)
        time.sleep(0.3)  # in the middle of reading or computing
        asked[0] = time.monotonic()
        con.interrupt() if how == "interrupt" else signal.raise_signal(signal.SIGINT)

    if how == "progress handler":
        con.set_progress_handler(lambda: Path(begun).exists(), 1000)
    else:
        threading.Thread(target=stop).start()
    try:
        con.execute(text).fetchall()
        time.sleep(1)  # Python hears of Ctrl-C here, if it hears of it late
        return "nothing came of it"
    except BaseException as error:
        seconds = time.monotonic() - asked[0] if asked[0] else 0.0
        try:
            time.sleep(0.5)
        except KeyboardInterrupt:
            return f"{type(error).__name__}: {error}, then KeyboardInterrupt {seconds:.2f}"
        return f"{type(error).__name__}: {error} {seconds:.2f}"


def imported() -> list[str]:
    return sorted(sys.modules)


def search_path() -> list[str]:
    return sys.path


def main() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        try:
            answer = {"rows": globals()[name](*arguments)}
        except Exception as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
