"""Fits in shards: spool files, workers, and vectors that change meanwhile."""

from __future__ import annotations

from sqlclust.errors.base import SqlclustError

_GOES_ON = "What is done stays in the spool folder: run it again with the same spool, and it goes on from there"


class DistributedError(SqlclustError):
    """A fit in shards that cannot go on; nothing was published."""


class SpoolFileError(DistributedError):
    """A file of the spool folder that is not there, or not as it was written."""

    def __init__(self, path: str, *, reason: str, advice: str = _GOES_ON) -> None:
        super().__init__(f"{path}: {reason}. {advice}")
        self.path, self.reason = path, reason


class SpoolDamagedError(SpoolFileError):
    """A file of the spool folder whose bytes are not those that were written."""


class SpoolMissingError(SpoolFileError):
    """A file of the spool folder that is not there, for whoever looked: `host` is the machine, where that is known."""

    def __init__(self, path: str, *, host: str | None = None) -> None:
        super().__init__(path, reason="is not there" if host is None else f"is not there, on {host}")
        self.host = host


class SpoolFolderError(SpoolFileError):
    """A spool folder that cannot be made, or in which no file can be."""

    def __init__(self, path: str, *, reason: str) -> None:
        super().__init__(path, reason=reason, advice="Name a spool folder that can be written")


class SpoolFullError(DistributedError):
    """No room is left where the spool folder is."""

    def __init__(self, folder: str, *, needed: int, reason: str) -> None:
        super().__init__(
            f"the spool folder {folder} has no room for a file of {needed:,} bytes ({reason}). Make room there. {_GOES_ON}"
        )
        self.folder, self.needed, self.reason = folder, needed, reason


class SpoolNotSharedError(DistributedError):
    """A worker that does not see the client's spool folder, or the client that does not see what a worker wrote."""

    def __init__(self, path: str, *, host: str, reason: str) -> None:
        super().__init__(
            f"{path} {reason} (worker on {host}): the spool folder has to be one that the client and every worker see under "
            "the same name"
        )
        self.path, self.host, self.reason = path, host, reason


class SpoolOfAnotherFitError(DistributedError):
    """A spool folder with the files of other vectors or other options."""

    def __init__(self, folder: str, *, differs: str, found: object, expected: object) -> None:
        by = " (by the memory of a worker)" if differs in ("shards", "most", "ranges") else ""
        super().__init__(
            f"the spool folder {folder} has the files of another fit, which is not done: {differs}{by} is {found!r} there, and "
            f"{expected!r} is asked for. Ask for the same to go on with it, name another folder, or empty this one"
        )
        self.folder, self.differs, self.found, self.expected = folder, differs, found, expected


class SpoolPlanError(DistributedError):
    """A spool folder of which nobody knows what its files are of."""

    def __init__(self, folder: str, *, reason: str) -> None:
        super().__init__(f"the spool folder {folder} {reason}. Empty it, or name another folder")
        self.folder, self.reason = folder, reason


class SpoolInUseError(DistributedError):
    """A spool folder that another client works with."""

    def __init__(self, folder: str, *, client: str) -> None:
        super().__init__(
            f"the spool folder {folder} is in use by {client}. Wait until it is done, or name another folder"
        )
        self.folder, self.client = folder, client


class VectorsChangedError(DistributedError):
    """Vectors that are no longer those which the fit began with."""

    def __init__(self, source: str, *, change: str) -> None:
        super().__init__(
            f"{source} was changed while it was fitted: {change}; nothing was published. Fit it again with an empty spool folder"
        )
        self.source, self.change = source, change


class VectorFilesError(DistributedError):
    """Files that cannot be read as vectors: those of a folder, or a database without such rows."""

    def __init__(self, path: str, *, found: str, expected: str) -> None:
        super().__init__(f"{path}: {found}, expected {expected}")
        self.path, self.found, self.expected = path, found, expected


class SourceNotDividedError(DistributedError):
    """A source whose rows workers cannot read by ranges."""

    def __init__(self, source: str, *, reason: str) -> None:
        super().__init__(
            f"workers cannot fit the source {source!r}: {reason}. Fit it without workers, or load its vectors"
        )
        self.source, self.reason = source, reason


class ShardTooLargeError(DistributedError):
    """Vectors so close together that no division gives shards of the size asked for."""

    def __init__(self, *, members: int, most: int) -> None:
        super().__init__(
            f"a shard would have {members:,} vectors, and a worker's memory holds {most:,}: so many are near one centre that it "
            "cannot be divided. Give workers more memory"
        )
        self.members, self.most = members, most


class MemoryPerWorkerError(DistributedError):
    """Less memory for each worker than the smallest shard needs."""

    def __init__(self, *, given: int, needed: int, reserved: int) -> None:
        super().__init__(
            f"workers have {given // 10**6:,} MB each, and the smallest shard needs {-(-needed // 10**6):,} MB "
            f"({reserved // 10**6:,} MB of it addresses that libraries reserve and do not use). Give them more memory, or have "
            "fewer workers"
        )
        self.given, self.needed, self.reserved = given, needed, reserved


class WorkerVersionError(DistributedError):
    """A worker with another version of sqlclust than the client."""

    def __init__(self, host: str, *, found: str, expected: str) -> None:
        super().__init__(
            f"a worker on {host} has sqlclust {found}, and this process has {expected}. Install one version on all of them"
        )
        self.host, self.found, self.expected = host, found, expected


class TaskFailedError(DistributedError):
    """A task that could not be done, however often it was tried."""

    def __init__(self, task: str, *, tries: int, reason: str) -> None:
        super().__init__(f"task {task} was not done in {tries} tries: {reason}. {_GOES_ON}")
        self.task, self.tries, self.reason = task, tries, reason


class WorkersLostError(DistributedError):
    """Workers that die again and again, or that cannot be reached any more."""

    def __init__(self, *, tries: int, reason: str) -> None:
        if tries:
            times = "once" if tries == 1 else f"{tries} times"
            said = f"the workers were lost {times} while no task was done: {reason}. {_GOES_ON}"
        else:
            said = f"there are no workers: {reason}"
        super().__init__(said)
        self.tries, self.reason = tries, reason
