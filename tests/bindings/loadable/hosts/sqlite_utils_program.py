"""Run by a Python that has sqlite-utils: its command `query` as often as it is told to, in one process."""

from __future__ import annotations

import json
import sys

from click.testing import CliRunner
from sqlite_utils.cli import cli


def main() -> None:
    for line in sys.stdin:
        done = CliRunner().invoke(cli, ["query", *json.loads(line), "--arrays"])
        error = done.output.removeprefix("Error: ").strip()
        print(json.dumps({"error": error} if done.exit_code else {"rows": json.loads(done.output)}), flush=True)


if __name__ == "__main__":
    main()
