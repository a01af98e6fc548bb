"""Which programs that load the extension are here; `.ci/hosts` installs them. See sqlclust/README.md on tests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def hosts_python() -> str | None:
    """A Python with sqlite-utils, Datasette and sqlclust, whose sqlite3 can load extensions."""
    told = os.environ.get("SQLCLUST_HOSTS_PYTHON")
    if told:
        return told
    found = ROOT / ".venv-hosts" / "bin" / "python"
    return str(found) if found.exists() else None


def node_modules() -> str | None:
    """A folder with better-sqlite3, for a node that is here."""
    if shutil.which("node") is None:
        return None
    told = os.environ.get("SQLCLUST_NODE_MODULES")
    found = Path(told) if told else ROOT / ".node-hosts" / "node_modules"
    return str(found) if (found / "better-sqlite3").is_dir() else None


def has_shell() -> bool:
    """Whether there is an sqlite3 shell that is new enough and loads extensions."""
    if shutil.which("sqlite3") is None or sys.platform == "win32":
        return False
    version = subprocess.run(["sqlite3", "--version"], capture_output=True, text=True, check=False).stdout
    return [int(part) for part in re.findall(r"\d+", version)[:2]] >= [3, 37]
