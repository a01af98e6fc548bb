"""Commands run by somebody who may not write: `python -m tests.trust.unwritable`, a program of its own.

Root may write everywhere, so the program first gives that up, which is why it is one. It reads from stdin a JSON list of
command lines, and writes what each of them did.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cli.terminal import Ran, run

_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 24, 1, 2
_LESS = "without the rights of root"


def commands(folder: Path, lines: Sequence[Sequence[object]], stdin: str = "") -> list[Ran]:
    """What these command lines do while nothing in the folder can be written."""
    files = list(folder.iterdir())
    for file in files:
        file.chmod(0o444)
    folder.chmod(0o555)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "tests.trust.unwritable", str(folder)],
            input=json.dumps([[list(map(str, line)) for line in lines], stdin]),
            capture_output=True, text=True, cwd=Path(__file__).parents[2], check=True,
        )  # fmt: skip
    finally:
        folder.chmod(0o755)
        for file in files:
            file.chmod(0o644)
    if not done.stdout:
        pytest.skip("the rights of root cannot be given up here")
    return [Ran(*ran) for ran in json.loads(done.stdout)]


def _give_up_rights() -> None:
    """What a program may do is taken from the bounding set when it starts: so it starts again."""
    libc = ctypes.CDLL(None)
    for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
        if hasattr(libc, "prctl"):
            libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    os.execv(sys.executable, [sys.executable, "-m", "tests.trust.unwritable", *sys.argv[1:], _LESS])


if __name__ == "__main__":
    if os.access(sys.argv[1], os.W_OK) and _LESS not in sys.argv:
        _give_up_rights()
    if not os.access(sys.argv[1], os.W_OK):
        told, typed = json.load(sys.stdin)
        json.dump([run(*line, stdin=typed) for line in told], sys.stdout)
