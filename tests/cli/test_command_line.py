from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import apsw
import click
import pytest

import sqlclust
from sqlclust.cli import COMMANDS, main
from tests.cli.program import ENDLESS
from tests.cli.terminal import PATIENCE, fail, interrupted, misuse, on_terminal, python, rows, run, succeed

HEAVY = {
    "numpy",
    "apsw",
    "sklearn",
    "scipy",
    "hdbscan",
    "sqlite_utils",
    "tabulate",
    "matplotlib",
    "sqlclust.bindings.apsw.connection",
}
FOR_PEOPLE_ONLY = {"demo", "shell", "page", "plot"}


def command(name: str) -> click.Command:
    found = main.get_command(click.Context(main), name)
    assert found is not None
    return found


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_imports_nothing_heavy(argument: str) -> None:
    code = (
        "import sys, sqlclust.cli\n"
        f"try: sqlclust.cli.main([{argument!r}])\n"
        f"except SystemExit: print(sorted(sys.modules.keys() & {HEAVY!r}))"
    )
    assert python("-c", code).out.splitlines()[-1] == "[]"


def test_help_of_the_whole() -> None:
    out = succeed("--help")
    assert out == succeed("-h")
    for name, text in COMMANDS.items():
        words = r"\s+".join(map(re.escape, text.split()))  # in 80 columns a long one takes two lines
        assert re.search(rf"^  {name} +{words}$", out, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_explained(name: str) -> None:
    assert command(name).name == name
    assert COMMANDS[name] == command(name).get_short_help_str(limit=1000)
    out = succeed(name, "--help")
    assert "Examples:\n" in out
    assert "sqlclust " + name in out.split("Examples:")[1]
    for parameter in command(name).params:
        if isinstance(parameter, click.Option):
            assert (parameter.help or "").endswith((".", ".  [default: by their ending or content]")), parameter.name


@pytest.mark.parametrize("name", COMMANDS)
def test_formats_for_programs(name: str) -> None:
    there = {option for parameter in command(name).params for option in parameter.opts}
    assert ({"--json", "--nl", "--csv"} <= there) == (name not in FOR_PEOPLE_ONLY)


def test_version() -> None:
    assert succeed("--version") == f"sqlclust, version {sqlclust.__version__}\n"


@pytest.mark.slow
def test_as_a_module() -> None:
    ran = python("-m", "sqlclust", "list", "nowhere.db")
    assert ran == (1, "", "Error: nowhere.db: there is no such file\n")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["nothing"], "No such command 'nothing'."),
        (["fit"], "Missing argument 'DB'."),
        (["show", "x.db", "1", "2"], "Got unexpected extra argument (2)"),
        (
            ["delete", "x.db", "last"],
            "Invalid value for '[ID|latest~N]...': 'last' is no result; expected its id, or latest, latest~1, …",
        ),
        (["load", "x.db", "v.npy"], "Missing option '--model' / '-m'."),
        (["load", "x.db", "--model", "m"], "Missing argument 'FILE...'."),
        (["load", "x.db", "v.npy", "--model", ""], "Invalid value for --model: the name is empty"),
        (["load", "x.db", "a", "b", "--model", "m", "--ids", "i"], "--ids and --texts go with one FILE"),
        (["query", "x.db"], "Missing argument 'SQL'."),
    ],
)
def test_wrong_usage(args: list[str], message: str) -> None:
    assert misuse(*args) == message


# --- files that are no database of ours -------------------------------------------------------------------

COMMANDS_ON_FILES = {
    "fit": ["fit", "DB"],
    "list": ["list", "DB"],
    "show": ["show", "DB"],
    "delete": ["delete", "DB", "1", "--yes"],
    "query": ["query", "DB", "SELECT 1"],
    "shell": ["shell", "DB"],
}
on_files = pytest.mark.parametrize("args", COMMANDS_ON_FILES.values(), ids=COMMANDS_ON_FILES)


def on(path: Path, args: list[str]) -> list[object]:
    return [path if arg == "DB" else arg for arg in args]


@on_files
def test_no_such_file(tmp_path: Path, args: list[str]) -> None:
    path = tmp_path / "x.db"
    assert fail(*on(path, args)) == f"{path}: there is no such file"
    assert not path.exists()


@on_files
def test_a_directory(tmp_path: Path, args: list[str]) -> None:
    assert fail(*on(tmp_path, args)) == f"{tmp_path}: is a directory, expected a database file"


@on_files
def test_no_database(tmp_path: Path, args: list[str]) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(b"no database" * 100)
    assert fail(*on(path, args)) == f"{path}: not an SQLite database (or it is encrypted)"


@pytest.mark.parametrize("name", ["fit", "list", "show", "delete", "sweep", "cut", "compare", "predict"])
def test_a_database_without_our_tables(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.db"
    apsw.Connection(str(path)).execute("CREATE TABLE theirs (x)")
    message = fail(*on(path, COMMANDS_ON_FILES.get(name, [name, "DB", "1", *(["2"] if name == "compare" else [])])))
    how = f", so no results yet; sqlclust sources {path} shows what can be fitted"
    if name == "fit":
        how = f"; run: sqlclust init {path}"
    assert message == f"{path} has no sqlclust tables{how}"


@pytest.mark.parametrize("name", ["list", "show", "query"])
def test_reading_rolls_back_what_a_crashed_program_left(fitted: Path, tmp_path: Path, name: str) -> None:
    crashed = tmp_path / "crashed.db"
    connection = apsw.Connection(str(fitted))
    connection.execute("PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN")
    connection.execute("UPDATE Embedding SET content = hex(zeroblob(3000))")
    connection.cache_flush()
    for ending in ("", "-journal"):
        Path(f"{crashed}{ending}").write_bytes(Path(f"{fitted}{ending}").read_bytes())
    connection.execute("ROLLBACK")
    connection.close()
    args = [*on(crashed, COMMANDS_ON_FILES[name]), *(["--readonly"] if name == "query" else [])]
    succeed(*args)
    assert succeed("query", crashed, "SELECT count(*) AS n FROM Embedding WHERE content IS NULL", "--csv") == "n\n40\n"


# --- stopping ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_control_c_ends_a_statement(db: Path) -> None:
    assert interrupted("query", db, ENDLESS) == (130, "", "Interrupted; nothing was written\n")


@pytest.mark.slow
def test_control_c_on_a_terminal(db: Path) -> None:
    ran = on_terminal("fit", db, "--where", f"({ENDLESS}) > id", control_c=True)
    assert ran.code == 130
    line, end = ran.out.rsplit("\r\x1b[K", 1)  # the progress is taken away
    assert line.endswith("^C")
    assert end == "\nInterrupted; nothing was written\n"
    assert rows(db, "SELECT count(*) FROM ClusteringResult") == [(0,)]


@pytest.mark.slow
def test_a_closed_pipe_is_quiet(fitted: Path) -> None:
    sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 200000) SELECT i FROM n"
    for option in ("--csv", "--json", "--nl"):
        line = f"{sys.executable} -m sqlclust query {fitted} '{sql}' {option} | head -n 1"
        done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=PATIENCE, check=True)
        assert done.stdout.count("\n") == 1
        assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.slow
def test_a_full_disk_for_the_output(fitted: Path) -> None:
    command = [sys.executable, "-m", "sqlclust", "show", str(fitted), "--json"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stderr) == (1, "Error: No space left on device\n")


@pytest.mark.slow
def test_text_that_the_terminal_cannot_show(db: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "sqlclust", "query", str(db), "SELECT char(233) AS a", "--csv"]
    done = subprocess.run(command, capture_output=True, env=environment, check=True)
    assert done.stdout == b"a\n\\xe9\n"


def test_a_damaged_argument_is_no_traceback(db: Path) -> None:
    assert run("show", db, "\udcff").code == 1
