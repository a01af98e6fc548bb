"""`python -OO`, which leaves out docstrings and asserts: everything is as without it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sqlclust.cli import COMMANDS
from tests.cli.terminal import Ran, python, run

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import json, sys
from tests.cli.terminal import run
assert False, "not left out"
json.dump([run(*line, stdin=typed) for line, typed in json.load(sys.stdin)], sys.stdout)
"""
WORK = {
    "load": ("load", "DB", str(ROOT / "examples" / "colors.csv"), "--model", "rgb"),
    "fit": ("fit", "DB", "rgb", "--no-normalize", "--min-cluster-size", "4", "--persistence", "0.001"),
    "show": ("show", "DB"),
    "cut": ("cut", "DB", "1", "--min-cluster-size", "3"),
    "predict": ("predict", "DB", "1"),
    "compare": ("compare", "DB", "1", "2"),
    "doctor": ("doctor", "DB"),
    "query": ("query", "DB", "SELECT clust_norm(1)"),
    "shell": ("shell", "DB"),
}
TYPED = ".help\n.help clusters\n.clust fit\n.clusters 1\nSELECT nope;\n"
LINES = {**{f"{name} --help": (name, "--help") for name in COMMANDS}, "--help": ("--help",), **WORK}


def lines(path: Path) -> list[tuple[list[str], str]]:
    return [([str(path) if word == "DB" else word for word in line], TYPED) for line in LINES.values()]


def timeless(ran: Ran) -> Ran:
    out = re.sub(r"\d+\.\d s|\d{4}-\d\d-\d\d \d\d:\d\d UTC", "…", ran.out)
    return Ran(ran.code, out, ran.err)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Ran, Ran]]:
    """What each command does in this process, and in one of `python -OO`."""
    here, there = tmp_path_factory.mktemp("here"), tmp_path_factory.mktemp("there")
    ran = python("-OO", "-c", SCRIPT, stdin=json.dumps(lines(there / "x.db")), cwd=ROOT)
    assert ran.code == 0, ran.err
    optimized = [Ran(*each) for each in json.loads(ran.out.replace(str(there), str(here)))]
    normal = [run(*line, stdin=typed) for line, typed in lines(here / "x.db")]
    return dict(zip(LINES, zip(normal, optimized, strict=True), strict=True))


@pytest.mark.parametrize("name", LINES)
def test_the_same(both: dict[str, tuple[Ran, Ran]], name: str) -> None:
    normal, optimized = both[name]
    assert normal.out + normal.err
    assert timeless(optimized) == timeless(normal)
