"""Compiles the loadable extension while hatchling builds a wheel; pyproject.toml names this file.

With a C compiler the wheel is for one platform and has the compiled file. Without one it is for all, and the extension is
compiled when it is first asked for. SQLCLUST_REQUIRE_LOADABLE=1 makes a missing compiler an error.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = "sqlclust/bindings/loadable"
"""In the checkout, and in the wheel."""


def _compiling() -> Any:
    """The module beside this one, which cannot be imported by its name, because nothing is installed."""
    spec = importlib.util.spec_from_file_location("sqlclust_compiling", Path(__file__).with_name("compiling.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def platform_tag(system: str, machine: str) -> str:
    """The tag of a wheel that has a file compiled here: `linux_x86_64`, `macosx_11_0_arm64`.

    Args:
        system: sysconfig.get_platform(); on macOS with the oldest version that this Python is for.
        machine: platform.machine(): a compiler makes a file for this processor, also where Python is for two.
    """
    apple = re.fullmatch(r"macosx-(\d+)(?:\.(\d+))?-\w+", system)
    if apple is None:
        return re.sub(r"\W", "_", system)
    oldest = (int(apple[1]), int(apple[2] or 0))
    if machine == "arm64":
        oldest = max(oldest, (11, 0))  # there is no older one for it
    return f"macosx_{oldest[0]}_{oldest[1]}_{machine}"


class Loadable(BuildHookInterface[Any]):
    """The hook. https://hatch.pypa.io/latest/plugins/build-hook/reference/"""

    PLUGIN_NAME = "custom"
    _temporary: tempfile.TemporaryDirectory[str] | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before the wheel is built: compile, and say what is to be in it."""
        if self.target_name != "wheel":
            return
        compiling = _compiling()
        tag = platform_tag(sysconfig.get_platform(), platform.machine())
        apple = re.match(r"macosx_(\d+)_(\d+)_", tag)
        flags = [f"-mmacosx-version-min={apple[1]}.{apple[2]}"] if apple else []
        editable = version == "editable"
        self._temporary = None if editable else tempfile.TemporaryDirectory()
        target = Path(self.root, FOLDER) if self._temporary is None else Path(self._temporary.name)
        try:
            if sys.platform == "win32":
                raise OSError("it is not supported on Windows")
            compiling.compile_extension(target / compiling.NAME, flags=flags)
        except (compiling.CompilerMissingError, OSError) as error:
            if os.environ.get("SQLCLUST_REQUIRE_LOADABLE", "") not in ("", "0"):
                raise
            self.app.display_warning(f"sqlclust is built without its loadable SQLite extension: {error}")
            return
        if not editable:
            build_data["force_include"][str(target / compiling.NAME)] = f"{FOLDER}/{compiling.NAME}"
            build_data["pure_python"], build_data["tag"] = False, f"py3-none-{tag}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Afterwards."""
        if self._temporary is not None:
            self._temporary.cleanup()
