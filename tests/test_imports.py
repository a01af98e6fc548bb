"""What importing costs, and that it works whichever module is the first."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

import pytest

import sqlclust
from tests.package_files import FILES, PACKAGE, module_of


def test_the_public_names() -> None:
    assert sqlclust.__all__ == [
        "SqlclustError",
        "__version__",
        "adopt",
        "connect",
        "delete_source",
        "doctor",
        "fit",
        "hdbscan",
        "initialize",
        "load",
        "loadable_path",
        "register",
        "source",
        "staleness",
    ]
    assert all(hasattr(sqlclust, name) for name in sqlclust.__all__)
    public = {name for name in vars(sqlclust) if not name.startswith("_")}
    modules = {path.stem for path in PACKAGE.glob("*.py")} | {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    assert public - modules - {"annotations", "TYPE_CHECKING", "Any"} == set(sqlclust.__all__) - {"__version__"}


IMPORT_EACH_FIRST = """
import sys, traceback
def forget():
    for name in [*sys.modules]:
        if name.split('.')[0] == 'sqlclust':
            del sys.modules[name]
failed = False
for name in sys.argv[1:]:
    forget()
    try:
        __import__(name)
    except BaseException:
        failed = True
        print(name, traceback.format_exc())
sys.exit(failed)
"""


def import_each_first(modules: Iterable[str], folder: Path) -> str:
    """Import each module where none of ours is imported yet; what went wrong."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_EACH_FIRST, *modules], capture_output=True, text=True, check=False, cwd=folder
    )
    assert (done.returncode == 0) == (done.stdout == ""), done
    return done.stdout + done.stderr


@pytest.mark.slow
def test_every_module_can_be_imported_first() -> None:
    """No cycle of imports, whichever module is the first. What draws imports matplotlib, where that is installed."""
    modules = [module_of(path) for path in FILES if path.stem != "__main__"]
    if find_spec("matplotlib") is None:
        modules = [module for module in modules if not module.startswith("sqlclust.pictures.plots.")]
    assert import_each_first(modules, PACKAGE.parent) == ""


def test_a_cycle_of_imports_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "sqlclust"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "a.py").write_text("a = 1\nfrom sqlclust.b import b\n")
    (folder / "b.py").write_text("from sqlclust.a import a\nb = 1\n")
    assert import_each_first(["sqlclust", "sqlclust.a"], tmp_path) == ""
    assert "cannot import name 'b' from partially initialized module" in import_each_first(["sqlclust.b"], tmp_path)


def imported_by(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    return set(
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    )


def test_import_is_light() -> None:
    assert (
        imported_by("import sqlclust") & {"numpy", "apsw", "hdbscan", "scipy", "sklearn", "sqlite3", "click"} == set()
    )


@pytest.mark.slow
def test_connecting_imports_neither_hdbscan_nor_sqlite3() -> None:
    loaded = imported_by("import sqlclust; con = sqlclust.connect(':memory:'); sqlclust.initialize(con)")
    assert loaded & {"hdbscan", "sklearn", "sqlite3", "sqlite_utils", "click"} == set()


def test_a_label_can_be_compared_without_heavy_imports() -> None:
    assert imported_by("from sqlclust.core.clusters.labels import NOISE") & {"numpy", "scipy", "hdbscan"} == set()
