"""Whether a fit fits into memory, before it starts."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw

from sqlclust.core.cost import memory_bytes
from sqlclust.errors import OutOfMemoryError

_GIB = 1 << 30


def check_memory(n: int, dimension: int, min_samples: int, engine: str) -> None:
    """Refuse a fit that needs more than the memory that is free.

    Raises:
        OutOfMemoryError: it says how much is needed and how much there is.
    """
    needed, free = memory_bytes(n, dimension, min_samples, engine), available_memory()
    if free is not None and needed > free:
        raise OutOfMemoryError(
            f"the {engine} engine needs about {needed / _GIB:.1f} GiB for {n:,} vectors of {dimension} dimensions and "
            f"min_samples {min_samples}, and {free / _GIB:.1f} GiB are free"
        )


@contextmanager
def clear_memory_errors(doing: str) -> Iterator[None]:
    """Say OutOfMemoryError where Python, NumPy, SQLite or the system ran out of memory; also where it is for a new thread."""
    try:
        yield
    except (MemoryError, apsw.NoMemError) as error:
        raise OutOfMemoryError(str(error) or doing) from None
    except OSError as error:
        if error.errno != errno.ENOMEM:
            raise
        raise OutOfMemoryError(f"{doing} ({error})") from None
    except RuntimeError as error:
        if "can't start new thread" not in str(error):
            raise
        raise OutOfMemoryError(f"{doing} needs a thread, and the system gives none") from None


def available_memory() -> int | None:
    """Bytes this process may still take, as far as the system tells (Linux, its control groups included); else None."""
    free: list[int] = []
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                free.append(int(line.split()[1]) * 1024)
    with suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        limit = int((group / "memory.max").read_text(encoding="ascii"))
        free.append(limit - int((group / "memory.current").read_text(encoding="ascii")))
    return min(free, default=None)
