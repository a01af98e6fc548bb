"""How a command ends: done, with one of our errors as one line, or interrupted."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import Any, NoReturn

import click

from sqlclust.cli.docstrings import docstring
from sqlclust.cli.logs import warnings_shown
from sqlclust.cli.output import printable
from sqlclust.errors import Interrupted, SqlclustError


def any_text_can_be_shown() -> None:
    """Text that the terminal cannot show is no reason to fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def one_line_and_a_status(ctx: click.Context) -> Iterator[None]:
    """Run a command inside: our warnings are lines on stderr, our errors one line there and the exit status."""
    try:
        with warnings_shown():
            yield
            sys.stdout.flush()  # a closed pipe is noticed here, and not after the end
    except (KeyboardInterrupt, Interrupted):
        _interrupted(ctx)
    except SqlclustError as error:
        raise click.ClickException(printable(str(error))) from error
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise  # Click ends quietly: nobody reads on
        _give_up_stdout()
        said = ": ".join(filter(None, (error.filename, error.strerror or str(error))))
        raise click.ClickException(printable(said)) from error


class GuestCommand(click.Command):
    """A command of ours among those of another program; its help and its end are as those of ours."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.context_settings.update({"max_content_width": 100, "show_default": True})
        if self.help is None and self.callback is not None:
            self.help = docstring(self.callback)  # of `python -OO`

    def invoke(self, ctx: click.Context) -> Any:
        """Run it."""
        any_text_can_be_shown()
        with one_line_and_a_status(ctx):
            return super().invoke(ctx)


def _give_up_stdout() -> None:
    """What could not be written is not tried again at the end, where it would be a second message."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say_interrupted(what: str) -> None:
    """Say on stderr that Ctrl-C came, and what is written or not."""
    after_control_c = "\n" if sys.stderr.isatty() else ""  # the terminal has shown ^C
    click.echo(after_control_c + printable(f"Interrupted; {what}"), err=True)


def _interrupted(ctx: click.Context) -> NoReturn:
    say_interrupted("nothing was written")
    ctx.exit(130)
