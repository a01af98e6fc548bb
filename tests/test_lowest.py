from __future__ import annotations

import subprocess
import sys
import tomllib

import pytest

from tests.lowest import PROJECT, lowest


def test_every_dependency_has_a_lowest_version() -> None:
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    command = [sys.executable, "-m", "tests.lowest"]
    done = subprocess.run(command, cwd=PROJECT.parent, capture_output=True, text=True, check=True)
    expected = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    assert done.stdout.splitlines() == [dependency.replace(">=", "==") for dependency in expected]
    assert lowest(["apsw>=3.49.1"]) == ["apsw==3.49.1"]


@pytest.mark.parametrize("dependency", ["numpy", "numpy<3", "numpy>=1.26,<3", "numpy[x]>=1", "numpy >= 1"])
def test_what_has_none_is_named(dependency: str) -> None:
    with pytest.raises(ValueError, match=r"^pyproject\.toml: dependency .*, expected NAME>=VERSION$"):
        lowest(["apsw>=3.49.1", dependency])
