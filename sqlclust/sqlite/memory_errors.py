"""Memory that ran out, said in our words."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from sqlclust.errors import NoMemoryError, OutOfMemoryError


@contextmanager
def clear_memory_errors(doing: str) -> Iterator[None]:
    """Raise OutOfMemoryError where Python, NumPy, SQLite or the system ran out of memory, also for a new thread."""
    try:
        yield
    except (MemoryError, NoMemoryError) as error:
        raise OutOfMemoryError(str(error) or doing) from None
    except OSError as error:
        if error.errno != errno.ENOMEM:
            raise
        raise OutOfMemoryError(f"{doing} ({error})") from None
    except RuntimeError as error:
        if "can't start new thread" not in str(error):
            raise
        raise OutOfMemoryError(f"{doing} needs a thread, and the system gives none") from None
