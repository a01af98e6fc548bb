"""sqlclust loadable-path"""

from __future__ import annotations

import click

from sqlclust.bindings.loadable.placing import loadable_path
from sqlclust.cli.output import output_options, write_dicts

_EPILOG = """\b
Examples:
  sqlite3 notes.db ".load '$(sqlclust loadable-path)'" "SELECT clust_version()"
  datasette notes.db --load-extension "$(sqlclust loadable-path)"
"""


@click.command("loadable-path", epilog=_EPILOG)
@output_options
def command(output: str | None) -> None:
    """Print the path of the loadable SQLite extension.

    With it the sqlite3 shell, sqlite-utils, Datasette and other programs get the clust_ functions. The path is without the
    file's ending, which SQLite adds. If it was not compiled when sqlclust was installed, it is compiled now, which needs a
    C compiler. A note beside the file says which Python has sqlclust: the one that runs this command.
    """
    path = loadable_path()
    if output:
        write_dicts(output, [{"path": path}])
    else:
        click.echo(path)
