"""Compiling the loadable extension: with any C compiler and the C library's headers, and nothing of Python's or SQLite's.

Nothing of sqlclust is imported here, because the build hook loads this file by its path, while nothing is installed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
"""Where the sources are, and the compiled file if it can be."""
NAME = "sqlclust.dylib" if sys.platform == "darwin" else "sqlclust.so"
"""Of the compiled file. SQLite finds the entry point sqlite3_sqlclust_init by it."""
FLAGS = ("-std=c11", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Wextra")
LINKED = () if sys.platform == "darwin" else ("-Wl,-z,nodelete", "-ldl")
"""SQLite unloads an extension when its connection closes, but Python goes on holding functions of this one."""


class CompilerMissingError(RuntimeError):
    """There is no C compiler that works.

    Attributes:
        tried: each one that was looked for, and what it said.
    """

    def __init__(self, tried: Sequence[str]) -> None:
        super().__init__("; ".join(tried))
        self.tried = tuple(tried)


def sources() -> list[Path]:
    """What the extension is made of."""
    return sorted(path for path in FOLDER.iterdir() if path.suffix in (".c", ".h"))


def source_digest() -> str:
    """16 hexadecimal digits that differ where a source or a flag does; a compiled file has those of its own in it."""
    digest = hashlib.sha256(repr((FLAGS, LINKED)).encode())
    for path in sources():
        content = path.read_bytes()
        digest.update(f"\n{path.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def fits(path: Path) -> bool:
    """Whether a compiled file is there and is of these sources; where they were left out, of any."""
    try:
        content = path.read_bytes()
    except OSError:
        return False
    return not sources() or source_digest().encode() in content


def compile_extension(target: Path, *, flags: Sequence[str] = ()) -> None:
    """Compile to a file in a folder that is there; whoever looks meanwhile sees the old one or the new one.

    Args:
        flags: more of them.

    Raises:
        CompilerMissingError: it says what was tried.
        OSError: the folder cannot be written.
    """
    files = [str(path) for path in sources() if path.suffix == ".c"]
    defined = f'-DSQLCLUST_SOURCE="{source_digest()}"'
    tried = [] if files else [f"no C source is in {FOLDER}"]
    with tempfile.TemporaryDirectory(prefix=".sqlclust-", dir=target.parent) as folder:
        part = Path(folder, target.name)
        for name, command in compilers() if files else ():
            said = "not found" if command is None else _complaint([*command, *FLAGS, *flags, defined, *files], part)
            if said is None:
                os.replace(part, target)
                return
            tried.append(f"{name}: {said}")
    raise CompilerMissingError(tried)


def compilers() -> Iterator[tuple[str, list[str] | None]]:
    """Each compiler to try: how it was named, and its command; None if there is no such program."""
    seen: set[str | None] = {None, ""}
    for origin, given in (
        ("CC=", os.environ.get("CC")), ("", sysconfig.get_config_var("CC")), ("", "cc"), ("", "gcc"), ("", "clang"),
    ):  # fmt: skip
        if given in seen:
            continue
        seen.add(given)
        try:
            program, *arguments = shlex.split(given or "")
        except ValueError:  # a quotation mark is open, or there are only spaces
            yield f"{origin}{given}", None
            continue
        found = shutil.which(program)
        yield f"{origin}{given}", [found, *arguments] if found else None
    if importlib.util.find_spec("ziglang") is None:
        yield "ziglang", None
    else:
        yield "ziglang", [sys.executable, "-P", "-m", "ziglang", "cc"]


def _complaint(command: Sequence[str], part: Path) -> str | None:
    """Run a compiler; None if it made the file, or the line in which it says why not."""
    try:
        done = subprocess.run(
            [*command, "-o", str(part), *LINKED], stdin=subprocess.DEVNULL, capture_output=True, check=False,
            encoding="utf-8", errors="replace", env={**os.environ, "LC_ALL": "C"},
        )  # fmt: skip
    except OSError as error:
        return error.strerror or str(error)
    if done.returncode == 0 and part.is_file():
        return None
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line]  # gcc's last line is "compilation terminated."
    return (errors or lines or [f"exit status {done.returncode}, and no file"])[-1]
