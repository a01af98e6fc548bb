"""How much memory this process may still take: what the machine, its control groups and the process's limits leave.

It is asked before every fit, so it only reads files and calls functions of the system; it starts no program.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

_ROOT = Path("/")
"""Where /proc is."""


def available_memory() -> int | None:
    """Bytes this process may still take; None where the system says nothing.

    It is the least of three numbers:

    - what the machine has free or could free (Linux, macOS, Windows; elsewhere all that it has),
    - what the process's control groups and all above them leave (Linux, versions 1 and 2),
    - what is left of the limits RLIMIT_AS and RLIMIT_DATA.

    Swap does not count.
    """
    found = [*_of_the_machine(), *_of_control_groups(), *_of_limits()]
    return max(0, min(found)) if found else None


def _of_the_machine() -> Iterator[int]:
    found = _numbers(_ROOT / "proc/meminfo").get("MemAvailable")
    if found is not None:
        yield found * 1024
    elif sys.platform == "darwin":
        with suppress(OSError, ValueError, AttributeError):
            yield macos_pages(ctypes.CDLL(None)) * os.sysconf("SC_PAGE_SIZE")
            return
        yield from _pages("SC_PHYS_PAGES")
    elif sys.platform == "win32":
        with suppress(OSError, AttributeError):
            yield windows_bytes(ctypes.windll.kernel32)
    else:
        yield from _pages("SC_AVPHYS_PAGES") or _pages("SC_PHYS_PAGES")


def _pages(name: str) -> list[int]:
    with suppress(OSError, ValueError, AttributeError):
        pages = os.sysconf(name)
        if pages > 0:
            return [pages * os.sysconf("SC_PAGE_SIZE")]
    return []


class _MacOSStatistics(ctypes.Structure):
    """vm_statistics64 of <mach/vm_statistics.h>."""

    _fields_ = (
        *((name, ctypes.c_uint32) for name in ("free", "active", "inactive", "wired")),
        *((f"counter_{number}", ctypes.c_uint64) for number in range(9)),
        *((name, ctypes.c_uint32) for name in ("purgeable", "speculative")),
        *((f"counter_{number}", ctypes.c_uint64) for number in range(9, 13)),
        *((name, ctypes.c_uint32) for name in ("compressor", "throttled", "external", "internal")),
        ("uncompressed", ctypes.c_uint64),
    )


_HOST_VM_INFO64 = 4


def macos_pages(library: Any) -> int:
    """Pages that are free or were not used of late, from `host_statistics64`; `library` has the functions of libSystem.

    Raises:
        OSError: the call failed.
    """
    statistics = _MacOSStatistics()
    count = ctypes.c_uint32(ctypes.sizeof(statistics) // 4)
    library.mach_host_self.restype = ctypes.c_uint32
    failed = library.host_statistics64(
        library.mach_host_self(), _HOST_VM_INFO64, ctypes.byref(statistics), ctypes.byref(count)
    )
    if failed:
        raise OSError(f"host_statistics64 gave {failed}")
    return int(statistics.free + statistics.inactive)


class _WindowsStatus(ctypes.Structure):
    """MEMORYSTATUSEX of <sysinfoapi.h>."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        *(
            (name, ctypes.c_uint64)
            for name in (
                "total", "available", "total_commit", "available_commit", "total_virtual", "available_virtual", "extended",
            )
        ),
    )  # fmt: skip


def windows_bytes(kernel: Any) -> int:
    """Bytes that are free and may be committed, from `GlobalMemoryStatusEx`; `kernel` has the functions of kernel32.

    Raises:
        OSError: the call failed.
    """
    status = _WindowsStatus(length=ctypes.sizeof(_WindowsStatus))
    if not kernel.GlobalMemoryStatusEx(ctypes.byref(status)):
        raise OSError("GlobalMemoryStatusEx failed")
    return int(min(status.available, status.available_commit, status.available_virtual))


_GROUP_FILES = {
    # file system: files of limits, file of what is used, and what of it gives way: cached contents of files
    "cgroup2": (("memory.max", "memory.high"), "memory.current", ("inactive_file", "active_file")),
    "cgroup": (("memory.limit_in_bytes",), "memory.usage_in_bytes", ("total_inactive_file", "total_active_file")),
}


def _of_control_groups() -> Iterator[int]:
    """What the process's own group and all above it leave, as far as they are mounted."""
    for kind, own, top in _groups():
        limits, used, cached = _GROUP_FILES[kind]
        for folder in (own, *own.parents):
            with suppress(OSError, ValueError):
                taken = int(_text(folder / used))
                statistics = _numbers(folder / "memory.stat")
                taken -= sum(statistics.get(name, 0) for name in cached)
                for name in limits:
                    with suppress(OSError, ValueError):  # "max" is no number
                        yield int(_text(folder / name)) - max(0, taken)
            if folder == top:
                break


def _groups() -> Iterator[tuple[str, Path, Path]]:
    """(file system, folder of the process's group, folder where that file system is mounted) of the memory controllers."""
    paths: dict[str, str] = {}
    for line in _text(_ROOT / "proc/self/cgroup").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers == "":
            paths["cgroup2"] = path
        elif "memory" in controllers.split(","):
            paths["cgroup"] = path
    for line in _text(_ROOT / "proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        mount, system = before.split(), after.split()
        if len(mount) < 5 or len(system) < 1 or system[0] not in paths:
            continue
        kind = system[0]
        if kind == "cgroup" and "memory" not in system[-1].split(","):
            continue
        root, top = _unescaped(mount[3]), _ROOT / _unescaped(mount[4]).lstrip("/")
        path = paths[kind]
        inside = os.path.relpath(path, root) if root != "/" else path.lstrip("/") or "."
        yield kind, top if inside.startswith("..") else top / inside, top


def _unescaped(path: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path)


def _of_limits() -> Iterator[int]:
    """What is left of RLIMIT_AS and RLIMIT_DATA, which most systems leave without a limit."""
    try:
        import resource
    except ImportError:  # Windows
        return
    used = _numbers(_ROOT / "proc/self/status")
    for limit, name in ((resource.RLIMIT_AS, "VmSize"), (resource.RLIMIT_DATA, "VmData")):
        soft = resource.getrlimit(limit)[0]
        if soft != resource.RLIM_INFINITY:
            yield soft - used.get(name, 0) * 1024


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


def _numbers(path: Path) -> dict[str, int]:
    """The lines `name: 123 kB` or `name 123` of a file; none if it is not there."""
    return {name: int(number) for name, number in re.findall(r"^(\w+):?\s+([0-9]+)", _text(path), re.MULTILINE)}
