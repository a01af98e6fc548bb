"""Fits of models one after the other, as commands make them."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple, NoReturn

import click

from sqlclust.cli.ending import say_interrupted
from sqlclust.cli.fitting import Sizes, announce, size_of_source
from sqlclust.cli.like import Like, options_like, say_what_is_like
from sqlclust.cli.logs import PhaseLog, logger
from sqlclust.cli.output import printable
from sqlclust.cli.progress import ProgressLine
from sqlclust.cli.results import summary
from sqlclust.cli.workers import announce_workers
from sqlclust.errors import FilterError, Interrupted, SqlclustError, TooFewRowsError
from sqlclust.options import FitOptions
from sqlclust.sources.registered_rows import Registered, is_registered
from sqlclust.sqlite.database import Database
from sqlclust.store.fit import fit
from sqlclust.store.making import Keeping
from sqlclust.store.results.listing import summarize_result
from sqlclust.store.sources.clusters_view import view_name


class Selecting(NamedTuple):
    """A condition of this fit alone, and the values of its placeholders."""

    where: str | None
    parameters: dict[str, Any]


class Fits:
    """Fits of models, one after the other. If one of several fails, the others go on.

    Attributes:
        results: of those that are done.
        tried: how many were.
        failed: how many of those; those with too few rows do not count.
        added: what was done to the files beside, if anything was.
        last_view: the view of the last one; None if that is a model of our own.
    """

    def __init__(
        self,
        database: Database,
        options: FitOptions,
        like: Like,
        selecting: Selecting,
        source: Registered | None,
        *,
        keeping: Keeping,
        alone: bool,
        quiet: bool,
        distribution: Any = None,
    ) -> None:
        """`distribution`: of `workers.opened_workers`, who fit in shards; None: this process fits."""
        self._distribution = distribution
        self._database, self._options, self._selecting, self._source = database, options, selecting, source
        self._like, self._keeping, self._alone, self._quiet = like, keeping, alone, quiet
        self._sizes = Sizes(database)
        self.results: list[dict[str, Any]] = []
        self.tried = self.failed = 0
        self.added: str | None = None
        self.last_view: str | None = None

    def add(self, model: str) -> None:
        """Fit one more model and say what came of it.

        Raises:
            SqlclustError: it is the only one, or the filter is wrong, which it would be for the next model too.
            SystemExit, KeyboardInterrupt: stopped.
        """
        self.tried += 1
        try:
            result, said = self._fit(model)
        except FilterError:
            raise
        except (KeyboardInterrupt, Interrupted):
            if self._distribution is not None:
                _interrupted_in_shards(self._distribution.spool)
            _interrupted(model, self.results)
        except SqlclustError as error:
            if self._alone:
                raise
            self._go_on_after(error, model)
        else:
            self._done(result, said)

    def check(self) -> None:
        """Raise SqlclustError if one failed, or if there is no result."""
        if self.failed or not self.results:
            raise SqlclustError(
                f"{self.failed:,} of {self.tried:,} models failed"
                if self.failed
                else "no model has two rows to cluster"
            )

    def _fit(self, model: str) -> tuple[dict[str, Any], list[str]]:
        """The result, and what was done with stored fits."""
        logger.info("%s: started", model)
        options = options_like(self._options, self._like, self._database, model)
        size = self._sizes.of(model) if self._source is None else size_of_source(self._source.source)
        if size is not None and self._distribution is None:
            announce(model, size, self._options, where=self._selecting.where)
        log, said = PhaseLog(), list[str]()
        with ProgressLine("" if self._alone else model) as progress:

            def report(phase: str, fraction: float) -> None:
                log(phase, fraction)
                progress(phase, fraction)

            if self._distribution is not None:
                from sqlclust.distributed.publishing import fit_with_workers

                announced = partial(announce_workers, model, self._distribution, progress)
                result_id = fit_with_workers(
                    self._database,
                    model,
                    options,
                    self._distribution._replace(announce=announced),
                    where=self._selecting.where,
                    parameters=self._selecting.parameters,
                    source=self._source,
                    runs_condition=True,
                    keeping=self._keeping,
                    tell=said.append,
                    progress=report,
                )
            else:
                result_id = fit(
                    self._database,
                    model,
                    options,
                    where=self._selecting.where,
                    parameters=self._selecting.parameters,
                    source=self._source,
                    runs_condition=True,
                    store_fit=self._keeping.fit,
                    store_neighbors=self._keeping.neighbors,
                    tell=said.append,
                    progress=report,
                )
        log.finish()
        self.last_view = view_name(model) if is_registered(self._database, model) else None
        return summarize_result(self._database, result_id), said

    def _go_on_after(self, error: SqlclustError, model: str) -> None:
        if isinstance(error, TooFewRowsError):
            logger.info("skipped: %s", error)
            click.echo(printable(f"skipped: {error}"), err=True)
            return
        self.failed += 1
        logger.error("%s: %s", model, error, exc_info=error)
        click.echo(printable(f"Error: {model}: {error}"), err=True)

    def _done(self, result: dict[str, Any], said: list[str]) -> None:
        self.results.append(result)
        if not self._quiet:
            click.echo(summary(result))
            for line in said:
                click.echo(printable(f"  {line}"))
            say_what_is_like(self._like, self._database, result)


def _interrupted_in_shards(spool: str) -> None:
    """No result is there, but work that need not be done again; the group says it where there is none."""
    from sqlclust.distributed.folder import has_fit

    if has_fit(spool):
        say_interrupted(f"no result was written. What is done stays in {spool}: the same command goes on from there")
        raise SystemExit(130)


def _interrupted(model: str, results: list[dict[str, Any]]) -> NoReturn:
    """The results before it are there; the group says it where there are none."""
    if not results:
        raise KeyboardInterrupt
    done = ", ".join(str(result["id"]) for result in results)
    click.echo(f"Interrupted; nothing of {model} was written (results before it: {done})", err=True)
    raise SystemExit(130)
