from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, settings

import sqlclust
from sqlclust.bindings.apsw.database import database_of

# what tests share checks too: with PYTHONOPTIMIZE only asserts that pytest has rewritten do
pytest.register_assert_rewrite(
    *(f"tests.{path.stem}" for path in Path(__file__).parent.iterdir() if path.stem[0] != "_")
)

from sqlclust.sqlite.opening import make_safe  # noqa: E402
from tests.extension import everything_loaded, why_not  # noqa: E402
from tests.hosts import HOSTS, HostConnection, host_connection  # noqa: E402
from tests.small import add_embeddings, clustered  # noqa: E402

# an example may take as long as the machine is slow
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

_SIGNALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGALRM)
_ABOUT_A_TERMINAL = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "PY_COLORS")
_ABOUT_PYTHON = ("PYTHONOPTIMIZE", "PYTHONWARNINGS", "PYTHONIOENCODING", "PYTHONINSPECT", "PYTHONUNBUFFERED")
_ABOUT_THE_EXTENSION = ("SQLCLUST_REQUIRE_LOADABLE", "SQLCLUST_PYTHON")  # tests.extension has looked at the first


@pytest.fixture(scope="session", autouse=True)
def _nothing_inherited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whoever started the suite ignored or blocked signals (a background job of a script ignores Ctrl-C, and so do its
    children), and has settings for a terminal and for Python: for these tests, and what they start, nobody has.
    """
    numbers = {number: signal.getsignal(number) for number in _SIGNALS}
    blocked = signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    for number in _SIGNALS:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    with pytest.MonkeyPatch.context() as patch:
        for name in (*_ABOUT_A_TERMINAL, *_ABOUT_PYTHON, *_ABOUT_THE_EXTENSION):
            patch.delenv(name, raising=False)
        patch.setenv("PYTHONUTF8", "1")  # whatever the locale is
        patch.setenv("TERM", "dumb")
        patch.setenv("HOME", os.devnull)  # the shell's history is nobody's
        patch.setenv("MPLCONFIGDIR", str(tmp_path_factory.mktemp("matplotlib")))  # all of them look for fonts once
        yield
    for number, handler in numbers.items():
        signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--binding",
        choices=("apsw", "loadable"),
        default="apsw",
        help="what gives APSW's connections the functions: APSW's own interface, or the loadable extension",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("binding") == "loadable":
        config.option.reportchars += "s"  # whatever is skipped is said, with its reason


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        for mark in item.iter_markers("pictures"):
            if find_spec(mark.args[0]) is None:
                item.add_marker(pytest.mark.skip(f"{mark.args[0]} is not installed: pip install 'sqlclust[pictures]'"))
                _not_there.add(mark.args[0])
    if config.getoption("binding") == "loadable" and (missing := why_not()):
        for item in items:
            item.add_marker(pytest.mark.skip(missing))


@pytest.fixture(scope="session")
def binding(pytestconfig: pytest.Config) -> str:
    """What gives connections the functions."""
    return str(pytestconfig.getoption("binding"))


@pytest.fixture(scope="session", autouse=True)
def _bound(binding: str) -> Iterator[None]:
    """With --binding=loadable all connections of this process get everything by the extension."""
    with everything_loaded() if binding == "loadable" and not why_not() else nullcontext():
        yield


_not_there: set[str] = set()
"""Packages of the extra [pictures] without which tests are passed over."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for package in sorted(_not_there):
        terminalreporter.write_line(f"{package} is not installed: what needs it is not tried")


HOSTED = {"test_sql": HOSTS, "test_fit_functions": ("plain", "dict rows")}
"""Modules whose tests run once for each of these hosts."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    hosts = HOSTED.get(metafunc.module.__name__.rpartition(".")[2])
    if hosts and "con" in metafunc.fixturenames:
        others = [pytest.param(host, marks=pytest.mark.slow) for host in hosts if host != "plain"]
        metafunc.parametrize("con", ["plain", *others], indirect=True)


@pytest.fixture
def con(request: pytest.FixtureRequest) -> Iterator[apsw.Connection]:
    """A database of ours in memory, empty; where the test is hosted, on a host's connection that has its own ways."""
    host = getattr(request, "param", "plain")
    if host == "plain":
        connection = sqlclust.connect(":memory:")
        sqlclust.initialize(connection)
        yield connection
        connection.close()
        return
    hosted = HostConnection(":memory:")
    make_safe(database_of(hosted))
    hosted.become(host)
    sqlclust.register(hosted)
    sqlclust.initialize(hosted)
    hosted.check()
    yield hosted
    hosted.check()
    hosted.close()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[HostConnection]:
    """A file with the demo rows and a fit; the host is a plain one so far."""
    connection = host_connection(tmp_path / "host.db")
    sqlclust.initialize(connection)
    add_embeddings(connection, clustered())
    sqlclust.fit(connection, "demo", min_cluster_size=5)
    yield connection
    connection.close()


@pytest.fixture
def demo(con: apsw.Connection) -> apsw.Connection:
    """The same with 40 embeddings of model 'demo', ids 1 to 40: three clusters (id 1 in the first, 2 in the second, …) and
    four rows of noise, 37 to 40.
    """
    add_embeddings(con, clustered())
    return con


@pytest.fixture(scope="session")
def demo_content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database file with the same rows, made once: each row is a transaction of its own, and waits for the disk."""
    path = tmp_path_factory.mktemp("demo") / "demo.db"
    connection = sqlclust.connect(str(path))
    sqlclust.initialize(connection)
    add_embeddings(connection, clustered())
    connection.close()
    return path.read_bytes()


@pytest.fixture
def demo_file(tmp_path: Path, demo_content: bytes) -> Path:
    """A database file with the same rows."""
    path = tmp_path / "demo.db"
    path.write_bytes(demo_content)
    return path
