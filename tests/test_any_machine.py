"""Tests run whatever they inherit: signals that are ignored or blocked, no terminal, settings in the environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOUCHY = (
    "tests/cli/test_command_line.py::test_control_c_ends_a_statement",
    "tests/cli/test_command_line.py::test_control_c_on_a_terminal",
    "tests/cli/test_command_line.py::test_wrong_usage",
    "tests/cli/test_command_shell.py::test_on_a_terminal",
    "tests/cli/test_command_results.py::test_list",
    "tests/cli/test_output.py",
    "tests/store/test_fit_stopping.py::test_an_exception_in_the_callback",
)
SETTINGS = {
    "COLUMNS": "20", "NO_COLOR": "1", "FORCE_COLOR": "1", "LC_ALL": "C", "LANG": "C", "TZ": "Asia/Kathmandu",
    "HOME": "/nonexistent", "PYTHONOPTIMIZE": "2", "PYTHONHASHSEED": "1", "OPENBLAS_NUM_THREADS": "1",
}  # fmt: skip


def start_as_a_background_job() -> None:
    """As a script's `&` and nohup do, and one that waits for signals."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])


@pytest.mark.slow
def test_with_all_of_it() -> None:
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *TOUCHY],
        preexec_fn=start_as_a_background_job,
        env={**kept, **SETTINGS},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=ROOT, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
