"""sqlite-utils clust"""

from __future__ import annotations

import copy
from typing import Any

import click

from sqlclust.cli.commands import fit, show
from sqlclust.cli.ending import GuestCommand
from sqlclust.cli.output import printable

_EPILOG = """\b
Examples:
  sqlite-utils clust llm.db llm:docs
  sqlite-utils clust notes.db note --vector embedding --content body --min-cluster-size 10
  sqlite-utils clust notes.db note --csv > clusters.csv
"""


def _parameters() -> list[click.Parameter]:
    """Those of `sqlclust fit`, whose NAME may be left out there, and the one of `sqlclust show` that is about clusters."""
    limit = next(each for each in show.command.params if each.name == "limit")
    found: list[click.Parameter] = [*fit.command.params]
    at = next(at for at, each in enumerate(found) if each.name == "model")
    found[at] = click.Argument(["model"], metavar="NAME")
    return [copy.copy(each) for each in (*found, limit)]


def _clust(db: str, model: str, limit: int | None, into: str | None, output: str | None, **told: Any) -> None:
    """Cluster vectors with HDBSCAN where they are, and show the clusters.

    NAME is a table with a column of vectors, a collection of llm (llm:docs), a vec0 table of sqlite-vec, or another name that
    "sqlclust sources DB" lists; or a new name, with --table and the like. The table is only read. The result is kept in tables
    beside it, and in the view "NAME_clusters", which has the table's rows with their clusters. Works as "sqlclust fit" and
    then "sqlclust show"; --json, --nl and --csv give the clusters.
    """
    if model == "all":
        raise click.UsageError("NAME has to be one source or model; expected a name that sqlclust sources lists")
    fits = fit.fit_named(db, model, into=into, quiet=True, **told)
    fits.check()
    assert show.command.callback is not None
    show.command.callback(db=into or db, result=str(fits.results[-1]["id"]), limit=limit, output=output)
    if fits.added and not output:
        click.echo("\n" + printable(fits.added))


command = GuestCommand("clust", params=_parameters(), callback=_clust, epilog=_EPILOG)
