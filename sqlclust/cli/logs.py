"""What the library logs: with --log-file all of it in a file, with times; and always its warnings on stderr."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from sqlclust.cli.output import CLEAR_LINE, Command, printable
from sqlclust.errors import SqlclustError

logger = logging.getLogger("sqlclust")

_HEARTBEAT = 60.0
"""Seconds between two lines about one phase: a file that grows says that the work goes on."""


def log_file_option(command: Command) -> Command:
    """The option --log-file."""
    return click.option(
        "--log-file",
        type=click.Path(),
        help="Append to FILE, with times: parameters, phases, results, errors.",
        metavar="FILE",
    )(command)


@contextmanager
def logging_to(path: str | None) -> Iterator[None]:
    """Append what is logged inside to a file; an exception is logged with its traceback.

    Raises:
        SqlclustError: the file cannot be written.
    """
    if path is None:
        yield
        return
    try:
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        raise SqlclustError(f"--log-file {path}: {error.strerror}") from None
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s", datefmt="%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime  # UTC, as in the database
    handler.setFormatter(formatter)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    except KeyboardInterrupt:
        logger.info("interrupted")
        raise
    except Exception as error:
        logger.exception("%s", error)
        raise
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        handler.close()


class _WarningsOnStderr(logging.Handler):
    """Writes warnings on stderr, each on a line of its own."""

    def emit(self, record: logging.LogRecord) -> None:
        clear = CLEAR_LINE if sys.stderr.isatty() else ""  # there may be a line of progress
        click.echo(f"{clear}Warning: {printable(record.getMessage())}", err=True)


@contextmanager
def warnings_shown() -> Iterator[None]:
    """Show what the library warns of inside, also where a log file has it."""
    handler = _WarningsOnStderr(logging.WARNING)
    handler.addFilter(lambda record: record.levelno == logging.WARNING)  # an error is shown as the command's own
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class PhaseLog:
    """A progress callback that logs when a phase begins and how long it took."""

    def __init__(self) -> None:
        self._phase = ""
        self._began = self._said = time.monotonic()

    def __call__(self, phase: str, fraction: float) -> None:
        """Take note of where the work is."""
        now = time.monotonic()
        if phase != self._phase:
            self.finish()
            self._phase, self._began, self._said = phase, now, now
            logger.info("%s …", phase)  # reports come twenty times a second: a shorter phase may be missing
        elif now - self._said >= _HEARTBEAT:
            self._said = now
            logger.info("%s: %.0f %%, %.0f s", phase, fraction * 100, now - self._began)

    def finish(self) -> None:
        """The phase that was going on is over."""
        if self._phase:
            logger.info("%s: done in %.1f s", self._phase, time.monotonic() - self._began)
        self._phase = ""
