"""Plugins are imported whatever their program is about to do."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import pytest

from tests.package_files import PACKAGE

HEAVY = {"numpy", "scipy", "sklearn", "hdbscan", "apsw", "click", "sqlite3", "sqlite_utils", "datasette", "logging"}


COMMANDS = {"sqlclust.plugins.lazy_commands"}
OURS = {
    "sqlite_utils": {"sqlclust.plugins.connections", *COMMANDS}, "datasette": {"sqlclust.plugins.connections"}, "llm": COMMANDS,
}  # fmt: skip


@pytest.mark.parametrize("name", OURS)
def test_importing_one_imports_nothing_heavy(name: str) -> None:
    script = f"""
import sys, pluggy
before = set(sys.modules)
import sqlclust.plugins.{name} as plugin
assert any(hasattr(hook, "{name}_impl") for hook in vars(plugin).values())
print(*set(sys.modules) - before)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=True)
    imported = set(done.stdout.split())
    assert {module.split(".")[0] for module in imported} & HEAVY == set()
    assert {module for module in imported if module.startswith("sqlclust")} == {
        "sqlclust", "sqlclust.errors", "sqlclust.plugins", f"sqlclust.plugins.{name}", "sqlclust.plugins.harmless", *OURS[name]
    } | {module for module in imported if module.startswith("sqlclust.errors.")}  # fmt: skip


@pytest.mark.parametrize("group", OURS)
def test_every_plugin_is_an_entry_point(group: str) -> None:
    [found] = [entry for entry in importlib.metadata.entry_points(group=group) if entry.name == "sqlclust"]
    assert found.value == f"sqlclust.plugins.{group}"
    assert (PACKAGE / "plugins" / f"{group}.py").is_file()
