"""The option --like of commands: which result it means, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import click

from sqlclust import schema
from sqlclust.cli.output import printable
from sqlclust.options import FitOptions
from sqlclust.sqlite.database import Database
from sqlclust.sqlite.transactions import translated_errors
from sqlclust.store.results.listing import resolve_result, results_of
from sqlclust.store.results.stable_labels import continuity, latest_like, passed_over

Like = str | int | None
"""As it is given: the id of a result, 'latest', 'latest~1', …; None: not at all."""


def resolve_like(database: Database, like: Like, model: str) -> int | None:
    """The id of the result that is meant, for a result of a model; None if there is none to be like.

    'latest' is the latest of that model that is like another, so that what somebody tries between two runs of a daily command
    does not begin its labels anew; where none is, the latest of that model. Labels of another model mean nothing for it. Where
    the model has no result yet it is none, so that a command can say it from the first day on.

    Raises:
        UnknownResultError: there is no 'latest~1'. What is wrong with an id is said by what uses it.
    """
    if not isinstance(like, str):
        return like
    with translated_errors(database, doing="looking for results"):
        has_tables = schema.version(database) is not None
        if like == "latest" and not (has_tables and results_of(database, model)):
            return None
        chained = latest_like(database, model) if like == "latest" else None
        return resolve_result(database, like, model) if chained is None else chained


def options_like(options: FitOptions, like: Like, database: Database, model: str) -> FitOptions:
    """The options of a fit, with the id of the result that is meant. Raises as `resolve_like`."""
    return replace(options, like=resolve_like(database, like, model))


def say_what_is_like(like: Like, database: Database, result: Mapping[str, Any]) -> None:
    """A line on what came of it, where it was given; one more where 'latest' passed over a later result with labels of its own.

    Args:
        result: the new one, a row of `list_results`.
    """
    if like is None:
        return
    found = continuity(database, result["id"])
    if found is None:
        said = f"no result of {result['embedding_model']} to be like yet: its clusters have labels from 0"
    else:
        kept = "1 cluster keeps its label" if found.n_kept == 1 else f"{found.n_kept:,} clusters keep their labels"
        new = f"{found.n_new:,} {'is' if found.n_new == 1 else 'are'} new"
        gone = "" if found.n_gone is None else f", {found.n_gone:,} {'is' if found.n_gone == 1 else 'are'} gone"
        said = f"like result {found.like}: {kept}, {new}{gone}"
    click.echo(printable(f"  {said}"))
    other = None if found is None or like != "latest" else passed_over(database, found.like, result["id"])
    if other is not None:
        click.echo(f"  result {other}, which is later, has labels of its own; --like {other} would go on with those")
