"""The versions of the schema that there were, each with its text (`SQL`) and a file with content (`make`)."""

from __future__ import annotations

from tests.schemas import version_1, version_2, version_3, version_4

OLD = {1: version_1, 2: version_2, 3: version_3}
"""Those that are released: their texts never change."""

KNOWN = {**OLD, 4: version_4}
"""And the newest, which is not released: its text is that of schema.sql, whatever it is now. Released, it goes into OLD."""
