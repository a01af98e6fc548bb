"""What in the Markdown files is made by the code: SQL functions from the catalogue, options from their dataclasses, commands
from Click, the Python API from its docstrings, and the output of the commands that are shown.

`python -m tests.reference` rewrites it; tests/test_readme.py fails where a file differs.
"""

from __future__ import annotations

import dataclasses
import inspect
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import click

import sqlclust
from sqlclust.options import default_text
from sqlclust.sources.registry import KINDS
from sqlclust.surface.catalog import CATALOG, OPTIONS
from sqlclust.surface.records import AggregateFunction, TableFunction
from tests.colors import llm_collection, vec0_table
from tests.programs import hosts_python, node_modules
from tests.schemas import old_project

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
DOCUMENTS = [
    README,
    *(path for folder in ("sqlclust", "tests", "examples") for path in sorted((ROOT / folder).rglob("*.md"))),
]
"""Every Markdown file of the project."""


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def functions() -> str:
    """One row for each function, and its example."""
    lines = ["| function | kind | gives | |", "|---|---|---|---|"]
    for record in CATALOG:
        if isinstance(record, TableFunction):
            kind, gives = "table", ", ".join(f"`{column}`" for column in record.columns)
        elif isinstance(record, AggregateFunction):
            kind, gives = "aggregate", record.returns
        else:
            kind, gives = "scalar", record.returns
        lines.append(f"| `{record.signature}` | {kind} | {gives} | {_escaped(record.summary)} |")
    lines += [
        "",
        "Each with an example; the tests execute all of them on 40 vectors of 2 dimensions and model `demo`, and that of "
        "`clust_source` with a table `note` beside them:",
        "",
        "```sql",
    ]
    for record in CATALOG:
        statement, _, expected = record.example.rpartition(" -- ")
        lines.append(f"{statement};  -- {expected}")
    return "\n".join([*lines, "```"])


def kinds() -> str:
    """One row for each kind of source, in the order in which they look."""
    rows = [f"| `{kind.name}` | {_escaped(kind.what)} |" for kind in KINDS]
    return "\n".join(["| kind | |", "|---|---|", *rows])


def options() -> str:
    """A table for each dataclass of options, under the functions that take it."""
    blocks, listed = [], []
    for options_class in dict.fromkeys(OPTIONS.values()):
        takers = [f"`{name}`" for name, taken in OPTIONS.items() if taken is options_class]
        base = options_class.__base__
        above = [f"`{name}`" for name, taken in OPTIONS.items() if taken is base] if base in listed else []
        listed.append(options_class)
        those = f" (those of {' and '.join(above)}, and)" if above else ""
        lines = [f"Options of {' and '.join(takers)}{those}:", "", "| option | default | |", "|---|---|---|"]
        for option in dataclasses.fields(options_class):
            if above and option.name in base.__dataclass_fields__:
                continue
            lines.append(f"| `{option.name}` | {default_text(option)} | {_escaped(_meaning(option))} |")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _meaning(option: dataclasses.Field[Any]) -> str:
    choices = option.metadata["choices"]
    meaning: str = option.metadata["help"]
    return meaning + (f" ({', '.join(choices)})" if choices else "")


def commands() -> str:
    """Every command's help, as the terminal shows it."""
    from sqlclust.cli import main

    # with the group's own settings: Click keeps the help option that the first context asks for
    context = click.Context(main, info_name="sqlclust", **{**main.context_settings, "terminal_width": 100})
    blocks = [main.get_help(context)]
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        blocks.append(command.get_help(click.Context(command, parent=context, info_name=name)))
    return "\n\n".join(f"```text\n{block.strip()}\n```" for block in blocks)


def python() -> str:
    """Every public function of the package: how it is called, and its docstring."""
    blocks = []
    for name in sqlclust.__all__:
        function = getattr(sqlclust, name)
        if inspect.isfunction(function):
            lines = [line and f"    {line}" for line in (inspect.getdoc(function) or "").splitlines()]
            blocks.append("\n".join(["```text", f"sqlclust.{name}{_called(function)}", *lines, "```"]))
    return "\n\n".join(blocks)


def _called(function: Callable[..., Any]) -> str:
    """A function's signature, with a line for each parameter where it would be long."""
    signature = inspect.signature(function)
    text = str(signature).replace("'", "")  # annotations are strings
    if len(text) <= 80:
        return text
    before, lines = "", []
    for parameter in signature.parameters.values():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and "*" not in before:
            before = "*, "
            lines.append("    *,")
        lines.append(f"    {parameter},".replace("'", ""))
    return "\n".join(["(", *lines, f") -> {signature.return_annotation}"])


GENERATED: dict[str, Callable[[], str]] = {
    "functions": functions,
    "kinds": kinds,
    "options": options,
    "commands": commands,
    "python": python,
}
"""Section name → what makes its text, for the markers `<!-- generated: NAME -->` … `<!-- end -->`."""


@cache
def generated(name: str) -> str:
    """The text of a section."""
    return GENERATED[name]()


def filled_in(text: str) -> str:
    """A file's text with its generated parts and outputs made anew."""
    return with_outputs(with_generated(text))


def with_generated(text: str) -> str:
    """A file's text with its generated parts made anew."""
    section = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
    return section.sub(lambda match: f"{match[1]}{generated(match[2])}\n{match[3]}", text)


def with_outputs(text: str) -> str:
    """A file's text with what its commands print made anew, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "examples", Path(folder) / "examples")
        if "panic.db" in text:
            old_project.make(Path(folder) / "panic.db", ids="UUID", damaging=True)
        if "llm:colors" in text:
            llm_collection(Path(folder) / "llm.db")
            vec0_table(Path(folder) / "vec.db")
        blocks = re.compile(r"(<!-- executed(?: with (\w+))?[^\n]* -->\n```console\n)(.*?)(\n```)", re.DOTALL)
        return blocks.sub(lambda match: match[1] + _executed(match[3], Path(folder), match[2]) + match[4], text)


def missing_hosts() -> dict[str, str]:
    """The programs that blocks `executed with …` need and that are not here, with the reason."""
    reasons = {}
    if shutil.which("sqlite3") is None:
        reasons["sqlite3"] = "no sqlite3 shell is on PATH"
    if hosts_python() is None:
        reasons["hosts"] = "no Python that can load extensions is set up: run .ci/hosts"
    if node_modules() is None:
        reasons["node"] = "node with better-sqlite3 is not set up: run .ci/hosts"
    return reasons


def _executed(block: str, folder: Path, host: str | None) -> str:
    """The commands of a block (lines that begin with `$ `), each with what it prints; as it was if the host is missing."""
    if host in missing_hosts():
        return block
    lines: list[str] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            lines += [line, *(out.rstrip() for out in shown(line[2:], folder, host).splitlines())]
    return "\n".join(lines)


def shown(command: str, folder: Path, host: str | None = None) -> str:
    """What a command prints in a folder, where the host's programs are found first."""
    first = [str(Path(sys.executable).parent)]
    if host == "hosts":
        first.insert(0, str(Path(hosts_python() or "").parent))
    environment = {
        **os.environ, "COLUMNS": "120", "PATH": os.pathsep.join([*first, os.environ["PATH"]]),
        "NODE_PATH": node_modules() or "",
    }  # fmt: skip
    done = subprocess.run(
        command, shell=True, cwd=folder, env=environment, encoding="utf-8", capture_output=True, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stderr + done.stdout


def without_times(text: str) -> str:
    """The text without what differs from run to run (durations, dates) and from Python to Python (outputs marked so)."""
    other = re.compile(r"(<!-- executed, another[^\n]* -->\n```console\n)(.*?)(\n```)", re.DOTALL)
    text = other.sub(lambda match: match[1] + "\n".join(re.findall(r"^\$ .*", match[2], re.MULTILINE)) + match[3], text)
    text = re.sub(r"\d+(\.\d+)? (ms|s)\b", "0 s", text)
    text = re.sub(r" +\d+(\.\d+)? +(?=\d{4}-\d\d-\d\d)", " 0 ", text)  # the column "seconds" of sqlclust list
    text = re.sub(r";( [a-z ]+ 0 s,?)+$", "", text, flags=re.MULTILINE)  # phases, which are named if they lasted
    return re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?", "DATE", text)


if __name__ == "__main__":
    for path in DOCUMENTS:
        path.write_text(filled_in(path.read_text(encoding="utf-8")), encoding="utf-8")
