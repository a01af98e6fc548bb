"""A database that is made once and copied for every fault, the faults, and what is left of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import apsw

import sqlclust
from tests.trust import work
from tests.trust.shim import CHANGING, Shim, full

FAULTS: dict[str, dict[str, Any]] = {
    "one operation fails": {},
    "all fail from then on": {"lasting": True, "step": 3},
    "one is done and fails all the same": {"watched": CHANGING, "after": True},
    "the disk is full": {"watched": ("write", "sync"), "error": full, "lasting": True},
}


_RESULTS = "SELECT count(*) FROM ClusteringResult"


class _Connection(apsw.Connection):
    """Closing says nothing of a checkpoint that failed: SQLite does not, but APSW would hand on the shim's exception."""

    shim: Shim

    def close(self, force: bool = False) -> None:
        self.shim.disarm()
        super().close(force)


class Bench:
    """A database that is made once, and copied for every fault; connections to it through the shim.

    Args:
        of: what makes and judges it: `work`, or a module of the same functions.
    """

    def __init__(self, folder: Path, journal: str, of: Any = work) -> None:
        self._folder, self._base, self._of = folder, folder / "base.db", of
        self.shim = Shim()
        self.expected = of.make(self._base, journal)
        self.path = self._base
        self.con = self.fresh()
        self._before: int = self.con.execute(_RESULTS).get

    def fresh(self) -> apsw.Connection:
        """A connection to a new copy; nothing fails while it opens."""
        self.path = work.copy(self._base, self._folder / "broken.db")
        con = _Connection(str(self.path), vfs=self.shim.name)
        con.shim = self.shim
        con.pragma("foreign_keys", True)
        sqlclust.register(con)
        self.con = con
        return con

    def every(self, step: int = 1, **fault: Any) -> Iterator[int]:
        """Numbers of operations, each (or every step-th) armed to fail, until one that is beyond the last."""
        self.con.close()
        for number in count(1, step):
            self.fresh()
            self.shim.arm(number, **fault)
            yield number
            self.con.close()
            if not self.shim.struck:
                return

    def left(self, *, by_itself: bool = True) -> int:
        """New results that are left, each whole, and the same number by the connection itself; the fault is over."""
        self.shim.disarm()
        # as it lies there: as if the program had been killed at this moment
        self._of.judge(work.copy(self.path, self._folder / "as it lies.db"), self.expected)
        assert not self.con.in_transaction
        seen = self.con.execute(_RESULTS).get - self._before if by_itself else None
        self.con.close()
        results: int = self._of.judge(self.path, self.expected)
        assert seen in (results, None)
        return results
