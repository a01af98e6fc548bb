"""What memory is free, by the files and calls of each system; and its limits, nested."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sqlclust.core.runtime import available_memory as available

GIB = 1 << 30

MEMINFO = {"proc/meminfo": "MemTotal:       33554432 kB\nMemFree:          102400 kB\nMemAvailable:   16777216 kB\n"}
V2 = {
    "proc/self/cgroup": "0::/user.slice/user-1000.slice/app.scope\n",
    "proc/self/mountinfo": "35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n",
}
V1 = {
    "proc/self/cgroup": "5:cpu,cpuacct:/elsewhere\n4:memory:/docker/abc/job\n1:name=systemd:/x\n",
    "proc/self/mountinfo": (
        "33 31 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
        "35 31 0:32 /docker /sys/fs/cgroup/memory rw,relatime master:11 - cgroup cgroup rw,memory\n"
    ),
}


def group(folder: str, limit: object, used: int, cached: int = 0, high: object = "max") -> dict[str, str]:
    """The files of a group of version 2."""
    return {
        f"sys/fs/cgroup/{folder}/memory.max": f"{limit}\n",
        f"sys/fs/cgroup/{folder}/memory.high": f"{high}\n",
        f"sys/fs/cgroup/{folder}/memory.current": f"{used}\n",
        f"sys/fs/cgroup/{folder}/memory.stat": f"anon {used - cached}\ninactive_file {cached}\nactive_file 0\nslab 7\n",
    }


def group_1(folder: str, limit: object, used: int, cached: int = 0) -> dict[str, str]:
    """And of version 1."""
    return {
        f"sys/fs/cgroup/memory/{folder}/memory.limit_in_bytes": f"{limit}\n",
        f"sys/fs/cgroup/memory/{folder}/memory.usage_in_bytes": f"{used}\n",
        f"sys/fs/cgroup/memory/{folder}/memory.stat": f"cache 5\ntotal_inactive_file {cached}\ntotal_active_file 0\n",
    }


APP = "user.slice/user-1000.slice/app.scope"
NO_LIMIT_1 = 9223372036854771712
CASES: dict[str, tuple[dict[str, str], int | None]] = {
    "the machine alone": (MEMINFO, 16 * GIB),
    "a group without a limit": (MEMINFO | V2 | group(APP, "max", GIB), 16 * GIB),
    "its own group": (MEMINFO | V2 | group(APP, 4 * GIB, GIB), 3 * GIB),
    "a group far above": (MEMINFO | V2 | group(APP, "max", GIB) | group("user.slice", 8 * GIB, 6 * GIB), 2 * GIB),
    "the mounted group itself": (MEMINFO | V2 | group("", 5 * GIB, GIB), 4 * GIB),
    "the least of several": (MEMINFO | V2 | group(APP, 9 * GIB, 0) | group("user.slice/user-1000.slice", GIB, 0), GIB),
    "memory.high": (MEMINFO | V2 | group(APP, "max", GIB, high=2 * GIB), GIB),
    "files in the cache give way": (MEMINFO | V2 | group(APP, 4 * GIB, 4 * GIB, cached=3 * GIB), 3 * GIB),
    "a full group": (MEMINFO | V2 | group(APP, GIB, GIB + 4096), 0),
    "a group that is not mounted": (MEMINFO | V2 | {"proc/self/cgroup": "0::/../../other\n"} | group("", GIB, 0), GIB),
    "version 1": (MEMINFO | V1 | group_1("abc/job", 3 * GIB, GIB), 2 * GIB),
    "version 1, a group above": (
        MEMINFO | V1 | group_1("abc/job", NO_LIMIT_1, GIB) | group_1("abc", 2 * GIB, GIB),
        GIB,
    ),
    "version 1 without a limit": (MEMINFO | V1 | group_1("", NO_LIMIT_1, GIB), 16 * GIB),
    "version 1, files in the cache": (MEMINFO | V1 | group_1("abc/job", 2 * GIB, 2 * GIB, cached=GIB), GIB),
    "both versions": (
        MEMINFO
        | {key: V1[key] + V2[key].replace("/sys/fs/cgroup ", "/sys/fs/cgroup/unified ") for key in V1}
        | group_1("abc/job", 3 * GIB, GIB),
        2 * GIB,
    ),
    "damaged files": (
        MEMINFO | V2 | {f"sys/fs/cgroup/{APP}/memory.max": "x", "proc/self/mountinfo": "\n1 2\n"},
        16 * GIB,
    ),
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of files; no limits of this process."""
    monkeypatch.setattr(available, "_ROOT", tmp_path)
    monkeypatch.setattr(available, "_of_limits", lambda: iter(()))
    return tmp_path


def write(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)


@pytest.mark.parametrize("name", CASES)
def test_linux(root: Path, name: str) -> None:
    files, expected = CASES[name]
    write(root, files)
    assert available.available_memory() == expected


def test_a_system_that_says_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "other")
    monkeypatch.setattr(available, "_pages", lambda name: [])
    assert available.available_memory() is None


def test_a_system_that_knows_pages_only(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "freebsd14")
    monkeypatch.setattr(available, "_pages", lambda name: {"SC_PHYS_PAGES": [8 * GIB]}.get(name, []))
    assert available.available_memory() == 8 * GIB


@pytest.mark.parametrize("limit", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_limits_of_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    resource = pytest.importorskip("resource")
    write(tmp_path, MEMINFO | {"proc/self/status": "Name:\tpython\nVmSize:\t 3145728 kB\nVmData:\t 1048576 kB\n"})
    monkeypatch.setattr(available, "_ROOT", tmp_path)
    limits = {getattr(resource, limit): (4 * GIB, -1)}
    monkeypatch.setattr(resource, "getrlimit", lambda which: limits.get(which, (resource.RLIM_INFINITY, -1)))
    assert available.available_memory() == {"RLIMIT_AS": GIB, "RLIMIT_DATA": 3 * GIB}[limit]


class LibSystem:
    """As macOS has it."""

    def __init__(self, failure: int = 0) -> None:
        self._failure = failure
        self.mach_host_self = _Function(lambda: 515)

    def host_statistics64(self, host: int, flavor: int, statistics: Any, count: Any) -> int:
        assert (host, flavor, count._obj.value) == (515, 4, 38)  # HOST_VM_INFO64 and its count of integers
        statistics._obj.free, statistics._obj.inactive, statistics._obj.active = 1000, 500, 7
        return self._failure


class _Function:
    restype: Any = None

    def __init__(self, function: Any) -> None:
        self._function = function

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)


def test_macos() -> None:
    assert available.macos_pages(LibSystem()) == 1500
    with pytest.raises(OSError, match="host_statistics64 gave 4"):
        available.macos_pages(LibSystem(failure=4))


def test_macos_through_all(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: LibSystem())
    monkeypatch.setattr("os.sysconf", {"SC_PAGE_SIZE": 16384, "SC_PHYS_PAGES": 10_000}.__getitem__)
    assert available.available_memory() == 1500 * 16384
    monkeypatch.setattr(ctypes, "CDLL", lambda name: LibSystem(failure=1))
    assert available.available_memory() == 10_000 * 16384  # at least no more than there is


def test_windows(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def status(reference: Any) -> int:
        found = reference._obj
        assert found.length == 64
        found.available, found.available_commit, found.available_virtual = 5 * GIB, 4 * GIB, 100 * GIB
        return 1

    kernel = SimpleNamespace(GlobalMemoryStatusEx=status)
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=kernel), raising=False)
    assert available.available_memory() == 4 * GIB
    kernel.GlobalMemoryStatusEx = lambda reference: 0
    with pytest.raises(OSError, match="GlobalMemoryStatusEx failed"):
        available.windows_bytes(kernel)
    assert available.available_memory() is None


@pytest.mark.skipif(sys.platform not in ("linux", "darwin", "win32"), reason="others may say nothing")
def test_this_machine_says_something() -> None:
    found = available.available_memory()
    assert found is not None
    assert 1 << 20 < found < 1 << 50
