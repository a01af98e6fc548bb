"""The versions of the schema that there were, each with its text (`SQL`) and a file with content (`make`)."""

from __future__ import annotations

from tests.schemas import version_1, version_2

OLD = {1: version_1, 2: version_2}
