"""Every error that this package raises on purpose, in one tree under `SqlclustError`.

A message says the argument, what was found, what was expected and which row; the same facts are attributes. Nothing else of
ours is imported here, so every room may raise from it. A binding passes these objects through SQL as they are, so
`except SqlclustError` works around any statement.
"""

from __future__ import annotations

from sqlclust.errors.base import Id, SqlclustError
from sqlclust.errors.extension import (
    ExtensionError,
    ExtensionFolderError,
    ExtensionNotCompiledError,
    ExtensionNotLoadedError,
    ExtensionUnsupportedError,
)
from sqlclust.errors.files import (
    AdoptError,
    BackupError,
    DatabaseError,
    DatabaseFileError,
    NotAuthorizedError,
    NotUnicodeError,
    RepairError,
    WriteProtectedError,
)
from sqlclust.errors.fits import (
    FitDamagedError,
    FitNotStoredError,
    FitOptionError,
    MembersChangedError,
    TooFewRowsError,
    UnknownFitError,
    UnknownModelError,
)
from sqlclust.errors.loading import (
    ClusteredEmbeddingError,
    ExistingEmbeddingError,
    ForeignModelError,
    HostTableError,
    InputFileError,
    LoadError,
)
from sqlclust.errors.locks import CommitUnknownError, LockedError
from sqlclust.errors.options import (
    ArgumentError,
    FilterError,
    OptionError,
    OptionsJSONError,
    UnknownEngineError,
    UnknownMetricError,
    UnknownOptionError,
)
from sqlclust.errors.points import HandleLostError, HandleTypeError, NullIdError, PointsError, RepeatedIdError
from sqlclust.errors.publishing import AlteredError, MembersGoneError, MembersReplacedError, TopLevelOnlyError
from sqlclust.errors.results import ResultChangedError, ResultDamagedError, ResultWithoutFitError, UnknownResultError
from sqlclust.errors.running import BorrowedFunctionError, Interrupted, OutOfMemoryError
from sqlclust.errors.schemas import (
    SchemaConflictError,
    SchemaContentError,
    SchemaDamagedError,
    SchemaMissingError,
    SchemaVersionError,
    SQLiteVersionError,
    ViewNameError,
)
from sqlclust.errors.sqlite import (
    BindingsError,
    BusyError,
    CantOpenError,
    ConstraintError,
    CorruptError,
    DiskFullError,
    IncompleteStatementError,
    MismatchError,
    NoMemoryError,
    NotADatabaseError,
    ReadOnlyError,
    ReadWriteError,
    SqliteError,
    StatementError,
    StatementInterrupted,
    TableLockedError,
    TooBigError,
)
from sqlclust.errors.vectors import (
    DimensionMismatchError,
    MatrixError,
    NotFiniteError,
    VectorFormatError,
    VectorJSONError,
    VectorLengthError,
    VectorTypeError,
    ZeroVectorError,
)
from sqlclust.errors.wording import counted_rows, dimensions, shown

__all__ = [
    "AdoptError",
    "AlteredError",
    "ArgumentError",
    "BackupError",
    "BindingsError",
    "BorrowedFunctionError",
    "BusyError",
    "CantOpenError",
    "ClusteredEmbeddingError",
    "CommitUnknownError",
    "ConstraintError",
    "CorruptError",
    "DatabaseError",
    "DatabaseFileError",
    "DimensionMismatchError",
    "DiskFullError",
    "ExistingEmbeddingError",
    "ExtensionError",
    "ExtensionFolderError",
    "ExtensionNotCompiledError",
    "ExtensionNotLoadedError",
    "ExtensionUnsupportedError",
    "FilterError",
    "FitDamagedError",
    "FitNotStoredError",
    "FitOptionError",
    "ForeignModelError",
    "HandleLostError",
    "HandleTypeError",
    "HostTableError",
    "Id",
    "IncompleteStatementError",
    "InputFileError",
    "Interrupted",
    "LoadError",
    "LockedError",
    "MatrixError",
    "MembersChangedError",
    "MembersGoneError",
    "MembersReplacedError",
    "MismatchError",
    "NoMemoryError",
    "NotADatabaseError",
    "NotAuthorizedError",
    "NotFiniteError",
    "NotUnicodeError",
    "NullIdError",
    "OptionError",
    "OptionsJSONError",
    "OutOfMemoryError",
    "PointsError",
    "ReadOnlyError",
    "ReadWriteError",
    "RepairError",
    "RepeatedIdError",
    "ResultChangedError",
    "ResultDamagedError",
    "ResultWithoutFitError",
    "SQLiteVersionError",
    "SchemaConflictError",
    "SchemaContentError",
    "SchemaDamagedError",
    "SchemaMissingError",
    "SchemaVersionError",
    "SqlclustError",
    "SqliteError",
    "StatementError",
    "StatementInterrupted",
    "TableLockedError",
    "TooBigError",
    "TooFewRowsError",
    "TopLevelOnlyError",
    "UnknownEngineError",
    "UnknownFitError",
    "UnknownMetricError",
    "UnknownModelError",
    "UnknownOptionError",
    "UnknownResultError",
    "VectorFormatError",
    "VectorJSONError",
    "VectorLengthError",
    "VectorTypeError",
    "ViewNameError",
    "WriteProtectedError",
    "ZeroVectorError",
    "counted_rows",
    "dimensions",
    "shown",
]

for _name in __all__:
    if isinstance(globals()[_name], type):
        globals()[_name].__module__ = __name__  # tracebacks and log files say from where users import an error
