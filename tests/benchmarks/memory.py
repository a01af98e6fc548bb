"""How much memory this process has taken at most."""

from __future__ import annotations

import resource
from pathlib import Path


def peak() -> int:
    """Bytes held in memory at most since the program began.

    Linux's own count begins anew with a program; `getrusage` goes on from what the parent held when it started this one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
