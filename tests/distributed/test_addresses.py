"""What processes of ours reserve of the addresses that they are held to."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import re, sys, threading
from sqlclust.distributed.workers import _one_arena

def size():
    with open("/proc/self/status") as file:
        return int(re.search(r"VmSize:\\s+(\\d+)", file.read())[1]) >> 10

if sys.argv[1] == "one":
    _one_arena()
threading.stack_size(1 << 18)
before, together, kept = size(), threading.Barrier(9), []

def work():
    kept.append([bytearray(50_000) for _ in range(20)])
    together.wait()
    together.wait()

for _ in range(8):
    threading.Thread(target=work).start()
together.wait()
print(size() - before)
together.wait()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc" or sys.platform != "linux", reason="glibc alone has such arenas")
def test_threads_share_one_arena() -> None:
    """A third of the fits with the least memory ended for the addresses that waiting threads had reserved."""

    def mebibytes(how: str) -> int:
        done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
        return int(done.stdout)

    assert mebibytes("one") < 64 < mebibytes("many")
