"""sqlclust shell: APSW's shell, which has the sqlite3 shell's dot-commands, with everything registered."""

from __future__ import annotations

import click

from sqlclust import __version__
from sqlclust.bindings.apsw import shell
from sqlclust.cli.cluster_names import add_terms
from sqlclust.cli.database import OPCODES, database_argument, database_for_statements
from sqlclust.cli.docstrings import restore_docstrings
from sqlclust.cli.results import cluster_table, result_table, summary
from sqlclust.errors import SqlclustError
from sqlclust.schema import check
from sqlclust.sqlite.database import Database
from sqlclust.store.results.listing import list_results, resolve_result, show_result
from sqlclust.surface.catalog import CATALOG

_CLUSTERS_SHOWN = 20
_EPILOG = """\b
Examples:
  sqlclust shell notes.db
  sqlclust shell notes.db --readonly < report.sql
"""


@click.command("shell", epilog=_EPILOG)
@database_argument
@click.option("--readonly", is_flag=True, help="Open the file for reading only; dot-commands can still write others.")
def command(db: str, readonly: bool) -> None:
    """Open an SQL shell, with the clust_ functions.

    On any SQLite file. It has the dot-commands of the sqlite3 shell, and .clust, .results and .clusters; ".help" lists
    them. Statements may come from stdin: the exit status is then 1 if one of them failed, and ".bail on" stops at the
    first.

    Safe with a file that somebody else made: its views and triggers can call nothing but harmless functions. Not with
    statements that somebody else wrote: they may write, ATTACH other files, and the dot-commands .load, .shell, .read,
    .open, .output, .backup and the like do with other files and programs whatever they are told, under --readonly too.
    """
    with (
        database_for_statements(db, readonly=readonly) as database,
        shell.prepared_connections(look=lambda: False, every=OPCODES),
    ):
        running = _Shell(database, prompt="sqlclust")
        try:
            running.cmdloop(_banner(db, database))  # type: ignore[no-untyped-call]  # APSW's shell has no types
        except SystemExit as leaving:  # .exit
            if leaving.code:
                raise
        except OSError as error:  # what statements raise is caught inside; this comes when it is left
            click.echo(f"the history of commands was not saved: {error.strerror}", err=True)
        except Exception:  # .bail on: the shell has said what is wrong
            if not running.failed:
                raise
        finally:
            running.stdout.flush()
        if running.failed and not running.interactive:
            raise SystemExit(1)


def _banner(db: str, database: Database) -> str:
    return (
        f"sqlclust {__version__}, SQLite {database.versions['sqlite']}: {db}\n"
        "Functions: .clust   Results: .results, .clusters   All commands: .help   Leave: Ctrl-D\n"
    )


class _Shell(shell.Shell):
    """The shell with our dot-commands. Each one's docstring is its `.help`."""

    def command_clust(self, cmd: list[str]) -> None:
        """clust ?FUNCTION?: Lists the clust_ functions, or explains one

        With FUNCTION its arguments, what it does, and an example.
        """
        records = [
            record
            for record in CATALOG
            if not cmd or record.name.removeprefix("clust_") == cmd[0].removeprefix("clust_")
        ]
        if not records:
            raise self.Error(f"no function {cmd[0]}; .clust lists those there are")
        width = max(len(record.signature) for record in records)
        for record in records:
            if cmd:
                self.say(f"{record.signature}\n  {record.summary}\n  {record.example}")
            else:
                self.say(f"{record.signature:<{width}}  {record.summary}")

    def command_results(self, cmd: list[str]) -> None:
        """results ?MODEL?: Lists the clustering results

        All, or those of one embedding model.
        """
        self._check_tables()
        results = list_results(self.database, cmd[0] if cmd else None)
        self.say(result_table(results) if results else "no results; make one: SELECT clust_fit('model');")

    def command_clusters(self, cmd: list[str]) -> None:
        """clusters ?ID|latest?: Shows the clusters of a result, the largest first

        Of the latest result by default. All of them are in the view ClusterSummary.
        """
        self._check_tables()
        found = show_result(self.database, resolve_result(self.database, cmd[0] if cmd else "latest"))
        add_terms(self.database, found)
        self.say(summary(found))
        if found["clusters"]:
            self.say(cluster_table(found["clusters"][:_CLUSTERS_SHOWN]))
        more = len(found["clusters"]) - _CLUSTERS_SHOWN
        if more > 0:
            self.say(
                f"… and {more:,} smaller clusters: SELECT * FROM ClusterSummary WHERE clustering_result_id = {found['id']};"
            )

    def _check_tables(self) -> None:
        try:
            check(self.database)
        except SqlclustError as error:
            raise self.Error(str(error)) from None


restore_docstrings(shell.ApswShell, _Shell)  # APSW's shell makes `.help` of them, and does not begin without
