"""The loadable extension: compiling, finding and loading it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlclust.errors.base import SqlclustError


class ExtensionError(SqlclustError):
    """The loadable extension cannot be had or loaded here; all else of sqlclust works without it."""


class ExtensionUnsupportedError(ExtensionError):
    """A system or a Python for which there is no loadable extension."""

    def __init__(self, reason: str, *, advice: str) -> None:
        super().__init__(f"{reason}; {advice}")
        self.reason, self.advice = reason, advice


class ExtensionNotCompiledError(ExtensionError):
    """There is no compiled file that fits, and it cannot be made."""

    def __init__(self, path: str, *, tried: Sequence[str]) -> None:
        """`tried` has each compiler, and what it said."""
        super().__init__(
            f"{path} cannot be compiled: {'; '.join(tried)}. Install a C compiler (Debian and Ubuntu: apt install gcc "
            "libc6-dev; anywhere: pip install ziglang). Everything else works without it, sqlclust.connect included"
        )
        self.path, self.tried = path, tuple(tried)


class ExtensionFolderError(ExtensionError):
    """A folder in which a compiled file cannot be kept, or would not be safe."""

    def __init__(self, path: str, *, reason: str, package: str) -> None:
        super().__init__(
            f"{path}: {reason}. sqlclust keeps its compiled extension there, because {package} cannot be written; "
            "set XDG_CACHE_HOME to another folder of yours"
        )
        self.path, self.reason, self.package = path, reason, package


class ExtensionNotLoadedError(ExtensionError):
    """SQLite, or the extension while it began, said why a connection does not get it."""

    def __init__(self, reason: str, *, path: str) -> None:
        super().__init__(f"the connection did not load sqlclust: {reason}")
        self.reason, self.path = reason, path
