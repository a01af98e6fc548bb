"""The lowest version of everything that pyproject.toml allows, for pip: `python -m tests.lowest`, or of an extra alone.

So that the bounds are true: .ci/run installs these into an environment of its own and runs the fast part of the tests.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"
_BOUND = re.compile(r"([A-Za-z0-9._-]+)>=([0-9][0-9.]*)")


def lowest(dependencies: list[str]) -> list[str]:
    """`name==version` for each `name>=version`; anything else has no lowest version.

    Raises:
        ValueError: it names the dependency.
    """
    found = []
    for dependency in dependencies:
        bound = _BOUND.fullmatch(dependency)
        if bound is None:
            raise ValueError(f"pyproject.toml: dependency {dependency!r}, expected NAME>=VERSION")
        found.append(f"{bound[1]}=={bound[2]}")
    return found


if __name__ == "__main__":
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [each for name in sys.argv[1:] for each in extras[name]] or [*project["dependencies"], *extras["test"]]
    print("\n".join(lowest(wanted)))
