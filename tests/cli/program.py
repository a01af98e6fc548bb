"""The command line as a program whose moments a test can wait for: `python -m tests.cli.program ARGUMENT…`.

SQL has the function begun(), which says BEGUN on stderr: a statement is running now. Progress is shown however quick the
work is. So no test has to guess how long anything takes on the machine that it runs on.
"""

from __future__ import annotations

import sys

import apsw

from sqlclust.cli import main, progress

BEGUN = "it has begun"
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT begun() UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"  # until it is stopped


def _begun(*_: object) -> int:
    print(BEGUN, file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    apsw.connection_hooks.append(lambda connection: connection.create_scalar_function("begun", _begun, 0))
    progress._DELAY = progress._INTERVAL = 0.0
    main(prog_name="sqlclust")
