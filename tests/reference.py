"""The generated parts of the README: SQL functions from the catalogue, options from their dataclasses, commands from Click,
and the output of the commands that are shown.

`python -m tests.reference` rewrites them; tests/test_readme.py fails where the README differs.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from sqlclust.options import default_text
from sqlclust.surface.catalog import CATALOG, OPTIONS
from sqlclust.surface.records import AggregateFunction, TableFunction

README = Path(__file__).resolve().parent.parent / "README.md"


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
        "Each with an example; the tests execute all of them on 40 vectors of 2 dimensions and model `demo`:",
        "",
        "```sql",
    ]
    for record in CATALOG:
        statement, _, expected = record.example.rpartition(" -- ")
        lines.append(f"{statement};  -- {expected}")
    return "\n".join([*lines, "```"])


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


def generated() -> dict[str, str]:
    """Section name → text, for the markers `<!-- generated: NAME -->` … `<!-- end -->`."""
    return {"functions": functions(), "options": options(), "commands": commands()}


def filled_in(text: str) -> str:
    """The README with its generated parts and outputs made anew."""
    for name, body in generated().items():
        pattern = re.compile(rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        assert len(pattern.findall(text)) == 1, f"README.md needs one part named {name}"
        text = pattern.sub(lambda match, body=body: f"{match[1]}{body}\n{match[2]}", text)  # type: ignore[misc]
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(README.parent / "examples", Path(folder) / "examples")
        blocks = re.compile(r"(<!-- executed[^\n]* -->\n```console\n)(.*?)(\n```)", re.DOTALL)
        return blocks.sub(lambda match: match[1] + _executed(match[2], folder) + match[3], text)


def _executed(block: str, folder: str) -> str:
    """The commands of a block (lines that begin with `$ `), each with what it prints."""
    scripts = Path(sys.executable).parent
    environment = {**os.environ, "COLUMNS": "120", "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    lines: list[str] = []
    for line in block.splitlines():
        if not line.startswith("$ "):
            continue
        done = subprocess.run(
            line[2:], shell=True, cwd=folder, env=environment, encoding="utf-8", capture_output=True, check=False
        )
        assert done.returncode == 0, f"{line}: {done.stderr}"
        lines += [line, *(out.rstrip() for out in (done.stderr + done.stdout).splitlines())]
    return "\n".join(lines)


def without_times(text: str) -> str:
    """The text without what differs from run to run (durations, dates) and from Python to Python (outputs marked so)."""
    other = re.compile(r"(<!-- executed, another[^\n]* -->\n```console\n)(.*?)(\n```)", re.DOTALL)
    text = other.sub(lambda match: match[1] + "\n".join(re.findall(r"^\$ .*", match[2], re.MULTILINE)) + match[3], text)
    text = re.sub(r"\d+(\.\d+)? (ms|s)\b", "0 s", text)
    text = re.sub(r";( [a-z ]+ 0 s,?)+$", "", text, flags=re.MULTILINE)  # phases, which are named if they lasted
    return re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?", "DATE", text)


if __name__ == "__main__":
    README.write_text(filled_in(README.read_text(encoding="utf-8")), encoding="utf-8")
