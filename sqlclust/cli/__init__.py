"""The command line. Every command is a module of its own, imported when it runs, so that help and completion are quick."""

from __future__ import annotations

import importlib
from typing import Any

import click

from sqlclust import __version__
from sqlclust.cli.docstrings import docstring
from sqlclust.cli.ending import any_text_can_be_shown, one_line_and_a_status

COMMANDS = {
    "demo": "Cluster the standard library's docstrings: all in one go, offline.",
    "init": "Make a database, or add the tables to one.",
    "adopt": "Move in from the project panic-tda.",
    "sources": "Find the vectors that a database has.",
    "source": "Keep a table of another program as a source, show, change or delete one.",
    "load": "Load embeddings from files, or copy them from a table.",
    "fit": "Cluster the embeddings of a model, or of a table of another program where it is.",
    "list": "List the results.",
    "show": "Show the clusters of a result.",
    "page": "Make a page to look at a result in a browser.",
    "cut": "Make other clusters of a stored fit.",
    "sweep": "Try many parameters on a stored fit.",
    "map": "Lay a fit's embeddings out in the plane, to look at them.",
    "predict": "Find clusters for embeddings that are not in a result.",
    "compare": "Compare two results.",
    "plot": "Draw a result, as a picture for a text.",
    "delete": "Delete results; embeddings stay.",
    "doctor": "Look for what is wrong in a database.",
    "query": "Run one SQL statement, with the clust_ functions.",
    "shell": "Open an SQL shell, with the clust_ functions.",
    "loadable-path": "Print the path of the loadable SQLite extension.",
}
"""Each command, in the order of use, and what it does: the first sentence of its own help, known without importing it."""

_EPILOG = """\b
From files to clusters:
  sqlclust load notes.db vectors.npy --ids ids.txt --texts texts.txt --model my-model
  sqlclust fit notes.db --min-cluster-size 10
  sqlclust show notes.db

See "sqlclust COMMAND --help" for each. Exit status: 0 done, 1 an error (one line on stderr), 2 wrong usage, 130 Ctrl-C.
"""


class _LazyGroup(click.Group):
    """Imports a command's module when it is called."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        any_text_can_be_shown()
        return super().main(*args, **kwargs)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS]  # `list` is a module of this package, once it is imported

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"sqlclust.cli.commands.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return _with_help(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        with one_line_and_a_status(ctx):
            return super().invoke(ctx)


def _with_help(command: click.Command) -> click.Command:
    """Click makes the help of the docstring, which is not there under `python -OO`."""
    if command.help is None and command.callback is not None:
        command.help = docstring(command.callback)
    return command


@click.group(
    cls=_LazyGroup,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100, "show_default": True},
)
@click.version_option(__version__, prog_name="sqlclust")
def main() -> None:
    """Cluster the embeddings in an SQLite file with HDBSCAN, and keep the results there as rows."""


_with_help(main)
