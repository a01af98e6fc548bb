"""A command in another program that is imported when it is called: that program's help and its other commands stay quick."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import click


def add_lazy_command(group: click.Group, name: str, module: str, *, summary: str) -> None:
    """Add a command to a program's.

    Args:
        module: has the command as `command`.
        summary: the first sentence of its help, known without importing it.
    """
    import click

    class LazyCommand(click.Command):
        """Known by name until it is called."""

        def make_context(
            self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
        ) -> click.Context:
            """That of the command, which goes on from here by itself."""
            command: click.Command = importlib.import_module(module).command
            return command.make_context(info_name, args, parent, **extra)

    group.add_command(LazyCommand(name, help=summary))
