"""The wheel: it holds schema.sql and the loadable extension, and works from a folder that is not the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from sqlclust.bindings.loadable import compiling
from sqlclust.bindings.loadable.build_hook import platform_tag

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]

IN_THE_WHEEL = """
import sys, sqlclust
from sqlclust.schema import schema_sql
assert sqlclust.__file__.startswith(sys.argv[1]), sqlclust.__file__
con = sqlclust.connect(sys.argv[2])
print(sqlclust.initialize(con), len(schema_sql()) > 1000, con.execute("SELECT clust_version()").get)
"""


IN_THE_PACKAGE = "sqlclust/bindings/loadable"
COMPILED = f"{IN_THE_PACKAGE}/{compiling.NAME}"


def built(out: Path, kind: str, checkout: Path) -> Path:
    """A wheel or an sdist, in a folder of its own."""
    build = [sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "--outdir", str(out), str(checkout)]
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    [path] = out.iterdir()
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("dist"), "wheel", ROOT)


def test_contents(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert archive.read("sqlclust/schema.sql") == (ROOT / "schema.sql").read_bytes()
    assert "sqlclust/py.typed" in names
    package = {f"sqlclust/{p.relative_to(ROOT / 'sqlclust')}" for p in (ROOT / "sqlclust").rglob("*.py")}
    assert package <= set(names)
    of_the_page = [
        path.name
        for path in (ROOT / "sqlclust" / "pictures" / "page").iterdir()
        if path.suffix in (".js", ".css", ".html")
    ]
    assert len(of_the_page) > 10
    assert {f"sqlclust/pictures/page/{name}" for name in of_the_page} <= set(names)
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


# --- the loadable extension -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a checkout in which the extension was compiled, noted, and once left half compiled; what is unpacked from it."""
    checkout, out = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("sdist")
    for name in ("pyproject.toml", "README.md", "schema.sql"):
        shutil.copy(ROOT / name, checkout)
    shutil.copytree(ROOT / "sqlclust", checkout / "sqlclust", ignore=shutil.ignore_patterns("__pycache__"))
    folder = checkout / IN_THE_PACKAGE
    (folder / ".sqlclust-x").mkdir()
    for left in (
        folder / "sqlclust.so",
        folder / "sqlclust.dylib",
        folder / "sqlclust.python",
        folder / ".sqlclust-x" / "x",
    ):
        left.write_text("of this checkout")
    with tarfile.open(built(out, "sdist", checkout)) as archive:
        archive.extractall(out, filter="data")
    [unpacked] = (path for path in out.iterdir() if path.is_dir())
    return unpacked


def hatchling(
    checkout: Path, out: Path, *, target: str = "wheel", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Build a wheel."""
    return subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(out)],
        cwd=checkout, capture_output=True, text=True, check=False, env={**os.environ, **environment},
    )  # fmt: skip


NO_COMPILER = {"PATH": "", "CC": "/nonexistent"}


def requires_compiler() -> None:
    if all(command is None for _, command in compiling.compilers()):
        pytest.skip("there is no C compiler here")


def test_the_wheel_has_the_extension(wheel: Path) -> None:
    requires_compiler()
    tag = wheel.stem.split("-", 2)[2]
    assert tag.startswith("py3-none-")
    assert tag != "py3-none-any"
    with zipfile.ZipFile(wheel) as archive:
        names = {name.removeprefix(f"{IN_THE_PACKAGE}/") for name in archive.namelist()}
        assert compiling.source_digest().encode() in archive.read(COMPILED)
        metadata = archive.read(f"{wheel.name.rsplit('-', 3)[0]}.dist-info/WHEEL").decode()
    assert {path.name for path in compiling.sources()} <= names  # compiled at the first use, should the file not fit
    assert f"Tag: {tag}\n" in metadata
    assert "Root-Is-Purelib: false\n" in metadata


def test_the_source_archive_has_sources_only(sdist: Path) -> None:
    there = {path.name for path in (sdist / IN_THE_PACKAGE).rglob("*")}
    assert {path.name for path in compiling.sources()} | {"compiling.py", "build_hook.py"} <= there
    assert {name for name in there if "sqlclust" in name} == {"sqlclust.c"}


def test_a_wheel_of_the_source_archive(sdist: Path, tmp_path: Path) -> None:
    requires_compiler()
    done = hatchling(sdist, tmp_path, SQLCLUST_REQUIRE_LOADABLE="1")
    assert done.returncode == 0, done.stdout + done.stderr
    [path] = tmp_path.iterdir()  # the compiled file is not beside it
    assert not path.name.endswith("-any.whl")
    with zipfile.ZipFile(path) as archive:
        assert compiling.source_digest().encode() in archive.read(COMPILED)
    assert not (sdist / COMPILED).exists()


def test_a_wheel_without_a_compiler(sdist: Path, tmp_path: Path) -> None:
    """Pure, with a warning; what was compiled in that checkout before, perhaps of other sources, is not in it."""
    (sdist / COMPILED).write_text("of this checkout")
    try:
        done = hatchling(sdist, tmp_path, **NO_COMPILER)
    finally:
        (sdist / COMPILED).unlink()
    assert done.returncode == 0, done.stdout + done.stderr
    said = " ".join((done.stdout + done.stderr).split())
    assert "sqlclust is built without its loadable SQLite extension: CC=/nonexistent: not found; " in said
    [path] = tmp_path.iterdir()
    assert path.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(path) as archive:
        there = {Path(name).name for name in archive.namelist() if name.startswith(f"{IN_THE_PACKAGE}/")}
    assert {path.name for path in compiling.sources()} <= there
    assert {name for name in there if "sqlclust" in name} == {"sqlclust.c"}


@pytest.mark.parametrize(("required", "code"), [("1", 1), ("0", 0), ("", 0)])
def test_a_compiler_may_be_required(sdist: Path, tmp_path: Path, required: str, code: int) -> None:
    done = hatchling(sdist, tmp_path, SQLCLUST_REQUIRE_LOADABLE=required, **NO_COMPILER)
    assert done.returncode == code
    assert ("CompilerMissingError: CC=/nonexistent: not found; " in done.stderr) == bool(code)
    assert len([*tmp_path.iterdir()]) == 1 - code


def test_an_editable_install_compiles_into_the_checkout(sdist: Path, tmp_path: Path) -> None:
    """The hook alone: what else hatchling does for one needs a package that only an isolated build has."""
    requires_compiler()
    done = hatchling(sdist, tmp_path, target="wheel:editable", HATCH_BUILD_HOOKS_ONLY="true")
    assert done.returncode == 0, done.stdout + done.stderr
    try:
        assert compiling.source_digest().encode() in (sdist / COMPILED).read_bytes()
    finally:
        (sdist / COMPILED).unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("system", "machine", "tag"),
    [
        ("linux-x86_64", "x86_64", "linux_x86_64"),
        ("linux-aarch64", "aarch64", "linux_aarch64"),
        ("freebsd-14.0-release-amd64", "amd64", "freebsd_14_0_release_amd64"),
        ("macosx-10.9-universal2", "x86_64", "macosx_10_9_x86_64"),
        ("macosx-10.9-universal2", "arm64", "macosx_11_0_arm64"),
        ("macosx-11.0-arm64", "arm64", "macosx_11_0_arm64"),
        ("macosx-14-arm64", "arm64", "macosx_14_0_arm64"),
    ],
)
def test_the_platform_of_a_wheel(system: str, machine: str, tag: str) -> None:
    assert platform_tag(system, machine) == tag
