"""The wheel: it holds schema.sql, and works from a folder that is not the checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]

IN_THE_WHEEL = """
import sys, sqlclust
from sqlclust.schema import schema_sql
assert sqlclust.__file__.startswith(sys.argv[1]), sqlclust.__file__
con = sqlclust.connect(sys.argv[2])
print(sqlclust.initialize(con), len(schema_sql()) > 1000, con.execute("SELECT clust_version()").get)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    [path] = out.glob("*.whl")
    return path


def test_contents(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert archive.read("sqlclust/schema.sql") == (ROOT / "schema.sql").read_bytes()
    assert "sqlclust/py.typed" in names
    package = {f"sqlclust/{p.relative_to(ROOT / 'sqlclust')}" for p in (ROOT / "sqlclust").rglob("*.py")}
    assert package <= set(names)
    assert [name for name in names if name.endswith(".md")] == []
    assert {name.split("/")[0] for name in names} == {"sqlclust", wheel.name.rsplit("-", 3)[0] + ".dist-info"}


def test_a_database_is_made_from_the_installed_wheel(wheel: Path, tmp_path: Path) -> None:
    target, path = tmp_path / "target", tmp_path / "new.db"
    with zipfile.ZipFile(wheel) as archive:  # what installing a pure wheel into a folder does
        archive.extractall(target)
    code = f"import sys; sys.path.insert(0, {str(target)!r})\n{IN_THE_WHEEL}"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, str(target), str(path)],
        capture_output=True, text=True, cwd=tmp_path, env={"PATH": ""},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    version = wheel.name.split("-")[1]
    assert done.stdout == f"True True {version}\n"
