"""What the C file takes of others: sqlite_abi.h says what SQLite's own headers say, where a compiler finds those."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from sqlclust.bindings.loadable import compiling
from tests.extension import extension_path, why_not

pytestmark = pytest.mark.slow

HEADER = compiling.FOLDER / "sqlite_abi.h"
TEXT = HEADER.read_text(encoding="utf-8")
ROUTINE = re.compile(r"F\((\d+), (\d+), ([^,]+), (\w+), (\(.*\))\)")
THEIRS, OURS = "sqlite3ext.h", "sqlite_abi.h"


def compiler() -> list[str]:
    found = next((words for _, words in compiling.compilers() if words is not None), None)
    if found is None:
        pytest.skip("there is no C compiler here")
    return found


def compiled(program: str, folder: Path, *options: str) -> Path:
    """A C program, compiled; options and warnings as errors."""
    source, target = folder / "program.c", folder / "program"
    source.write_text(program)
    command = [*compiler(), "-std=c11", "-Wall", "-Werror", f"-I{compiling.FOLDER}", *options, str(source)]
    done = subprocess.run([*command, "-o", str(target)], capture_output=True, text=True, check=False)
    if f"{THEIRS}: No such file" in done.stderr or f"'{THEIRS}' file not found" in done.stderr:
        pytest.skip(f"no compiler finds {THEIRS} here")
    assert done.returncode == 0, done.stderr
    return target


def checks(routines: Sequence[Sequence[str]]) -> str:
    """A program that compiles where each routine is at its place in SQLite's table, and of the same type."""
    lines = ["#include <stddef.h>", f"#include <{THEIRS}>", "int main(void) { return 0; }"]
    for place, since, result, name, arguments in routines:
        lines += [
            f"#if SQLITE_VERSION_NUMBER >= {since}",
            f"_Static_assert(offsetof(struct sqlite3_api_routines, {name}) == {place} * sizeof(void (*)(void)), "
            f'"place of {name}");',
            f"{result} (*check_{name}(const struct sqlite3_api_routines *all)) {arguments} {{ return all->{name}; }}",
            "#endif",
        ]
    return "\n".join(lines) + "\n"


def test_every_routine_is_at_its_place(tmp_path: Path) -> None:
    routines = ROUTINE.findall(TEXT)
    assert len(routines) == TEXT.count("    F(") > 50
    compiled(checks(routines), tmp_path, "-c")


@pytest.mark.parametrize(
    ("routine", "said"),
    [
        (("95", "0", "int", "step", "(sqlite3_stmt*)"), "place of step"),
        (("94", "0", "double", "step", "(sqlite3_stmt*)"), "incompatible"),
        (("94", "0", "int", "step", "(sqlite3_stmt*, int)"), "incompatible"),
    ],
)
def test_a_wrong_routine_is_found(tmp_path: Path, routine: Sequence[str], said: str) -> None:
    compiled(checks([("94", "0", "int", "step", "(sqlite3_stmt*)")]), tmp_path, "-c")
    with pytest.raises(AssertionError, match=said):
        compiled(checks([routine]), tmp_path, "-c")


RECORDS = {
    "sqlite3_index_info": "nConstraint aConstraint nOrderBy aOrderBy aConstraintUsage idxNum idxStr needToFreeIdxStr "
    "orderByConsumed estimatedCost estimatedRows idxFlags colUsed",
    "sqlite3_index_constraint": "iColumn op usable",
    "sqlite3_index_orderby": "iColumn desc",
    "sqlite3_index_constraint_usage": "argvIndex omit",
    "sqlite3_vtab": "pModule nRef zErrMsg",
    "sqlite3_vtab_cursor": "pVtab",
    "sqlite3_module": "iVersion xCreate xConnect xBestIndex xDisconnect xDestroy xOpen xClose xFilter xNext xEof xColumn xRowid",
}
"""The records of SQLite in the header, and their fields."""


def told(header: str, folder: Path) -> str:
    """Where each field is, and the numbers of all constants, as a program says that was compiled with this header."""
    constants = re.findall(r"\b(SQLITE_[A-Z_]+) = \d+", TEXT)
    assert len(constants) > 10
    lines = [f'printf("{name} %d\\n", (int){name});' for name in constants]
    for name, fields in RECORDS.items():
        lines += [f'printf("{name}.{field} %zu\\n", offsetof(struct {name}, {field}));' for field in fields.split()]
        if "module" not in name:  # a newer SQLite's is longer, and looks at iVersion before it looks there
            lines.append(f'printf("{name} %zu\\n", sizeof(struct {name}));')
    body = "\n".join(lines)
    program = f"#include <stddef.h>\n#include <stdio.h>\n#include <{header}>\nint main(void) {{\n{body}\nreturn 0; }}\n"
    return subprocess.run([compiled(program, folder)], capture_output=True, text=True, check=True).stdout


def test_records_and_constants_are_sqlites(tmp_path: Path) -> None:
    assert set(re.findall(r"struct (\w+) \{", TEXT)) - {"Sqlite"} == {*RECORDS}
    assert told(OURS, tmp_path) == told(THEIRS, tmp_path)


def test_one_c_file_and_no_headers_but_the_c_librarys() -> None:
    assert [path.name for path in compiling.sources() if path.suffix == ".c"] == ["sqlclust.c"]
    included = {name for path in compiling.sources() for name in re.findall(r"#include <(.+?)>", path.read_text())}
    assert included == {
        *(
            "dlfcn.h",
            "errno.h",
            "fcntl.h",
            "limits.h",
            "pthread.h",
            "spawn.h",
            "stdarg.h",
            "stddef.h",
            "stdint.h",
            "stdio.h",
        ),
        *("stdlib.h", "string.h", "sys/wait.h", "unistd.h"),
    }


def test_it_is_linked_to_the_c_library_alone() -> None:
    readelf = shutil.which("readelf")
    if readelf is None or not sys.platform.startswith("linux"):
        pytest.skip("readelf is not here")
    if why_not():
        pytest.skip(why_not())
    path = f"{extension_path()}{Path(compiling.NAME).suffix}"
    said = subprocess.run(
        [readelf, "-d", path], capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C"}
    )
    needed = re.findall(r"\(NEEDED\).*\[(.+?)\]", said.stdout)
    assert needed
    assert all(re.match(r"(libc|libdl|libpthread|ld-linux)[.-]", name) for name in needed), needed
    assert re.search(r"\(FLAGS_1\).*NODELETE", said.stdout)
