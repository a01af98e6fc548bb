"""Programs that are killed (SIGKILL) while they cluster and publish: what they leave in the file.

    python -m tests.trust.killed --points 200

A third of the points is drawn over the whole run, a third over the publish alone, which is short, and a third of the programs
is killed by its own VFS in the middle of a publish: just before its n-th write, sync, truncate or delete, over all n. Each
leaves a file, which is judged (see `work.judge`) as the next program to open it finds it, and in which a second run has to
succeed. SIGKILL is not a power failure: what the system has been given it still writes, in the order given. That much this
shows, and no more.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import apsw

import sqlclust
from tests.extension import as_in_the_tests
from tests.trust import in_place, updates, work
from tests.trust.shim import CHANGING, Shim, kill

FORMS = (*work.FORMS, in_place.FORM, updates.FORM)
ROOT = Path(__file__).resolve().parents[2]
_GIVEN_UP = 300.0
"""Seconds after which a program is not waited for any longer."""


class Run(NamedTuple):
    """What became of one program.

    Attributes:
        seconds: from its start to what it said: "publishing", "done".
        killed: whether it ended by SIGKILL.
        operations: how many of `CHANGING` it did, if it came to its end.
    """

    seconds: dict[str, float]
    killed: bool
    operations: int

    @property
    def when(self) -> str:
        """Before, during or after its publish."""
        if "done" in self.seconds:
            return "after"
        return "during" if "publishing" in self.seconds else "before"


# --- the programs, and the process they are forked from ------------------------------------------------------------


def _program(path: str, form: str, at: int, say: Callable[[str], None]) -> None:
    """Write a result, in a process of its own; with `at`, until the operation number `at` of the publish."""
    shim = Shim()
    con = apsw.Connection(path, vfs=shim.name)
    con.pragma("foreign_keys", True)
    sqlclust.register(con)

    def publishing() -> None:
        say("publishing")
        shim.arm(at, watched=CHANGING, error=kill)

    if form in ("clust_fit", updates.FORM):  # its first row is that of ClusteringFit

        def first_row(*_: object) -> None:
            con.set_update_hook(None)
            publishing()

        con.set_update_hook(first_row)
    elif form == in_place.FORM:  # its first write are our tables
        from sqlclust.store.sources import source_vectors

        make_tables = vars(source_vectors)["make_tables"]

        def tables(*given: Any) -> bool:
            publishing()
            return bool(make_tables(*given))

        vars(source_vectors)["make_tables"] = tables
    else:  # the first row comes out of clust_hdbscan
        from sqlclust.surface import clustering

        original = clustering.hdbscan_rows

        def rows(*arguments: Any) -> Iterator[Any]:
            publishing()
            yield from original(*arguments)

        vars(clustering)["hdbscan_rows"] = rows
    _of(form).write(con, form)
    say(f"done {len(shim.done)}")
    con.close()


def _serve() -> None:
    """Fork a program for each line of standard input, kill it when it is time, and say what happened.

    All that is imported is imported once, before.
    """
    from sqlclust.sqlite import interrupt

    if (thread := interrupt.preload()) is not None:
        thread.join()
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        reading, writing = os.pipe()
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            os.close(reading)
            status = 1
            try:
                _program(order["path"], order["form"], order["at"], partial(_say, writing))
                status = 0
            finally:
                os._exit(status)
        os.close(writing)
        print(json.dumps(_watch(child, reading, started, order["after"], order["delay"])), flush=True)


def _say(writing: int, text: str) -> None:
    os.write(writing, f"{text}\n".encode())


def _watch(child: int, reading: int, started: float, after: str, delay: float | None) -> dict[str, Any]:
    """Wait for a program, and kill it `delay` seconds after it said `after` ('' for its start)."""
    said: dict[str, float] = {}
    operations = 0
    kill_at = started + delay if delay is not None and not after else None
    deadline = started + _GIVEN_UP
    while True:
        wait = (kill_at if kill_at is not None else deadline) - time.monotonic()
        if wait <= 0 or not select.select([reading], [], [], wait)[0]:
            os.kill(child, signal.SIGKILL)
            break
        text = os.read(reading, 1000).decode()
        if not text:
            break
        for word in text.splitlines():
            name, _, number = word.partition(" ")
            said[name] = time.monotonic() - started
            operations = int(number or 0)
            if name == after and delay is not None:
                kill_at = time.monotonic() + delay
    rest = os.read(reading, 1000).decode()  # said just before it died
    for word in rest.splitlines():
        said.setdefault(word.partition(" ")[0], time.monotonic() - started)
    os.close(reading)
    _, status = os.waitpid(child, 0)
    return {
        "seconds": said,
        "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
        "status": os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0,
        "operations": operations,
    }


class Programs:
    """The process that programs are forked from."""

    def __init__(self) -> None:
        one_thread = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.trust.killed", "--serve"],
            cwd=ROOT, env={**os.environ, **one_thread}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the process that programs are forked from has ended"
        return line

    def run(self, path: Path, form: str, *, after: str = "", delay: float | None = None, at: int = 0) -> Run:
        """Let a program write a result, and kill it `delay` seconds after it said `after`, or at operation `at` of its
        publish; or let it come to its end.
        """
        assert self._process.stdin is not None
        order = {"path": str(path), "form": form, "after": after, "delay": delay, "at": at}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        reply = json.loads(self._line())
        assert reply["signal"] in (0, signal.SIGKILL), reply
        assert reply["status"] == 0, f"the program failed: {reply}"
        return Run(reply["seconds"], reply["signal"] == signal.SIGKILL, reply["operations"])

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(_GIVEN_UP)


@contextmanager
def programs() -> Iterator[Programs]:
    """The process, ended at the end."""
    server = Programs()
    try:
        yield server
    finally:
        server.close()


# --- points ----------------------------------------------------------------------------------------------------------


class Figures(NamedTuple):
    """What happened to the programs of one journal mode and one form."""

    journal: str
    form: str
    points: int
    before: int
    during: int
    after: int
    whole: int
    absent: int
    failures: list[str]


def _of(form: str) -> Any:
    """What makes, writes and judges: modules of the same functions."""
    return {in_place.FORM: in_place, updates.FORM: updates}.get(form, work)


def killed_at(server: Programs, folder: Path, journal: str, form: str, points: int, *, n: int, seed: int) -> Figures:
    """Kill programs at so many points and judge what each leaves."""
    base = folder / f"{journal}.db"
    of = _of(form)
    expected = of.make(base, journal, n=n)
    path = folder / "killed.db"
    clean = server.run(work.copy(base, path), form)
    assert of.judge(path, expected) == 1
    counts = {"before": 0, "during": 0, "after": 0}
    found = [0, 0]
    failures: list[str] = []
    for where in _points(points, clean, random.Random(seed)):
        work.copy(base, path)
        run = server.run(path, form, **where)
        counts[run.when] += 1
        try:
            results = of.judge(path, expected)
            found[results] += 1
            assert results == 1 or run.when != "after", "it said that it was done"
            assert run.killed or run.when == "after", "it came to no end"
            _again(path, form)
            assert of.judge(path, expected) == results + 1, "the second run"
        except (AssertionError, apsw.Error, sqlclust.SqlclustError) as error:
            failures.append(f"{journal}, {form}, {where}, {run}: {error!r}")
            with contextlib.suppress(OSError):
                shutil.copyfile(path, folder / f"failure {len(failures)}.db")
    return Figures(journal, form, points, **counts, whole=found[1], absent=found[0], failures=failures)


def _points(points: int, clean: Run, chance: random.Random) -> Iterator[dict[str, Any]]:
    """Where programs are killed: arguments of `Programs.run`."""
    publishing, done = clean.seconds["publishing"], clean.seconds["done"]
    inside = points // 3
    over_all = points // 3
    for _ in range(over_all):
        yield {"delay": chance.uniform(0, done * 1.05)}
    for _ in range(points - inside - over_all):
        yield {"after": "publishing", "delay": chance.uniform(0, (done - publishing) * 1.1)}
    for number in range(inside):
        yield {"at": 1 + round(number * (clean.operations - 1) / max(1, inside - 1))}


def _again(path: Path, form: str) -> None:
    con = sqlclust.connect(str(path))
    try:
        _of(form).write(con, form)
    finally:
        con.close()


def table(rows: list[Figures]) -> str:
    """The figures as text."""
    lines: list[tuple[object, ...]] = [Figures._fields]
    lines += [(*row[:-1], len(row.failures)) for row in rows]
    numbers = [line[2:] for line in lines[1:]]
    lines.append(("all", "", *(sum(map(int, map(str, column))) for column in zip(*numbers, strict=True))))
    return "\n".join(
        f"{line[0]!s:>8} {line[1]!s:<14}" + "".join(f"{value!s:>9}" for value in line[2:]) for line in lines
    )


def main() -> None:
    """The long version; exit status 1 if anything failed."""
    parser = argparse.ArgumentParser(description="Kill programs that publish; see the module.")
    parser.add_argument("--points", type=int, default=200, help="over all combinations")
    parser.add_argument("--rows", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--form", choices=FORMS, action="append", help="all by default")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        with as_in_the_tests():
            _serve()
        return
    combinations = [(journal, form) for journal in work.JOURNALS for form in arguments.form or FORMS]
    with tempfile.TemporaryDirectory() as folder, programs() as server:
        rows = []
        for number, (journal, form) in enumerate(combinations):
            points = (arguments.points + number) // len(combinations)
            rows.append(
                killed_at(server, Path(folder), journal, form, points, n=arguments.rows, seed=arguments.seed + number)
            )
            (Path(folder) / f"{journal}.db").unlink()
    print(table(rows))
    for row in rows:
        print("\n".join(row.failures), end="\n" if row.failures else "")
    sys.exit(any(row.failures for row in rows))


if __name__ == "__main__":
    main()
