"""`python -m tests.bindings.loadable.memory FILE`: each allocation of Python fails once, in every place where it is called.

Prints, for each statement, how many failed and how; whatever ends the process otherwise is a fault.
"""

from __future__ import annotations

import sys
from collections import Counter
from importlib import import_module

import apsw

from tests.bindings.loadable.small_catalog import CALLS, connection

_testcapi = import_module("_testcapi")  # of CPython's own tests; not everywhere

ENOUGH = 30
"""Statements in a row in which nothing failed: no allocation is left."""


def failures(con: apsw.Connection, sql: str) -> Counter[str]:
    seen: Counter[str] = Counter()
    in_a_row = at = 0
    while in_a_row < ENOUGH:
        cursor = con.cursor()
        _testcapi.set_nomemory(at, at + 1)
        try:
            for _ in cursor.execute(sql, can_cache=False):
                pass
            said = ""
        except BaseException as error:
            said = type(error).__name__
        finally:
            _testcapi.remove_mem_hooks()
        cursor.close(True)
        in_a_row = 0 if said else in_a_row + 1
        if said:
            seen[said] += 1
        at += 1
    return seen


if __name__ == "__main__":
    con = connection(sys.argv[1])
    for sql in CALLS.values():
        wanted = con.execute(sql).fetchall()
        print(sql, dict(failures(con, sql)), flush=True)
        assert con.execute(sql).fetchall() == wanted
    con.close()
