"""The plugin of llm: `llm clust` clusters the collections that `llm embed` makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pluggy import HookimplMarker

from sqlclust.plugins.harmless import harmless
from sqlclust.plugins.lazy_commands import add_lazy_command

if TYPE_CHECKING:
    import click

hookimpl = HookimplMarker("llm")
"""As `llm.hookimpl`, without importing that."""


@hookimpl
def register_commands(cli: click.Group) -> None:
    """llm asks for commands. https://llm.datasette.io/en/stable/plugins/plugin-hooks.html#register-commands-cli"""
    with harmless("no command llm clust"):
        add_lazy_command(cli, "clust", "sqlclust.plugins.commands.llm", summary="Cluster a collection of embeddings.")
