"""Loading the extension into a connection of Python's sqlite3.

That module is not imported: whoever has a connection of it has imported it, and nobody else shall have two SQLite libraries.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from sqlclust.bindings.loadable.placing import compiled_path
from sqlclust.errors import ArgumentError, ExtensionNotLoadedError, ExtensionUnsupportedError

if TYPE_CHECKING:
    import sqlite3


def load(connection: sqlite3.Connection) -> None:
    """See `sqlclust.load`."""
    module = sys.modules.get("sqlite3")
    if module is None or not isinstance(connection, module.Connection):
        kind = type(connection)
        expected = "an sqlite3.Connection"
        if kind.__module__.split(".")[0] == "apsw":
            expected += "; for one of APSW's there is sqlclust.register"
        raise ArgumentError(
            "sqlclust.load", "connection", found=f"a {kind.__module__}.{kind.__qualname__}", expected=expected
        )
    if not hasattr(connection, "enable_load_extension"):
        raise ExtensionUnsupportedError(
            f"the sqlite3 of this Python ({sys.executable}) can load no extension; it was built without "
            "--enable-loadable-sqlite-extensions",
            advice="use sqlclust.connect, which needs none, or another Python",
        )
    path = str(compiled_path().with_suffix(""))  # and no note: this Python is there already
    try:
        connection.enable_load_extension(True)
        try:
            connection.load_extension(path)
        finally:
            connection.enable_load_extension(False)
    except module.Error as error:
        raise ExtensionNotLoadedError(str(error), path=path) from error
