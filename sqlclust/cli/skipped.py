"""Rows of a file that cannot be used, and how people are told of them."""

from __future__ import annotations

from collections.abc import Sequence

import click

from sqlclust.cli.readers.input_file import Skipped

_NAMED = 10
"""Rows that are named; of more only the number is said."""


def report_skipped(file: str, skipped: Sequence[Skipped]) -> None:
    """Say on stderr which rows were left out, and why."""
    for row, reason in skipped[:_NAMED]:
        click.echo(f"{file}: skipped row {row:,}: {reason}", err=True)
    if len(skipped) > _NAMED:
        click.echo(f"… and {len(skipped) - _NAMED:,} more", err=True)
