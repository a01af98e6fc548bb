"""Spool files: arrays between tasks, each file written whole or not at all, with checksums.

A file has a prefix, a header in JSON, and arrays one after the other:

    b"SQLCLUST"  version  length of the header  CRC-32 of the header  the header  …arrays, each at a multiple of 64

An array may be in parts, each with a checksum of its own, so that whoever needs one part reads no other. Files are read by
`readinto`, not mapped: a mapped file counts for a process's limit of memory.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import struct
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqlclust.errors import SpoolDamagedError, SpoolFileError, SpoolFullError, SpoolMissingError

VERSION = 1
_MAGIC = b"SQLCLUST"
_PREFIX = struct.Struct("<8sIII")
_ALIGNED = 64
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_CHECKED_AT_A_TIME = 1 << 24


def write_spool(
    path: str,
    arrays: Mapping[str, NDArray[Any]],
    *,
    facts: Mapping[str, Any] | None = None,
    parts: Mapping[str, NDArray[np.int64]] | None = None,
) -> None:
    """Write a file: under another name first, on the disk before it gets its own.

    Args:
        arrays: by name.
        facts: anything JSON can say.
        parts: for arrays that are read in parts: int64 (parts + 1,), the row that each part begins with, and the end.

    Raises:
        SpoolFullError: no room; what was written of it is gone again.
        SpoolFileError: it cannot be written for another reason.
    """
    held: dict[str, NDArray[Any]] = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    for name, bounds in (parts or {}).items():
        rows = held[name]
        held[_bounds(name)] = np.asarray(bounds, dtype=np.int64)
        sums = [_crc(rows[start:stop]) for start, stop in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)]
        held[_sums(name)] = np.array(sums, dtype=np.uint32)
    listed, offset = [], 0
    for name, array in held.items():
        crc = None if name in (parts or {}) else _crc(array)
        listed.append([name, array.dtype.str, list(array.shape), offset, crc])
        offset += -(-array.nbytes // _ALIGNED) * _ALIGNED
    header = json.dumps({"facts": dict(facts or {}), "arrays": listed, "length": offset}).encode()
    begin = _begin(len(header))
    prefix = _PREFIX.pack(_MAGIC, VERSION, len(header), zlib.crc32(header)) + header
    write_whole(path, prefix.ljust(begin, b"\0"), held.values())


def _begin(header: int) -> int:
    """Where the arrays begin."""
    return -(-(_PREFIX.size + header) // _ALIGNED) * _ALIGNED


def write_whole(path: str, begin: bytes, arrays: Iterable[NDArray[Any]] = ()) -> None:
    """Write bytes, and arrays that are aligned, as a file that is there whole or not at all. Raises as `write_spool`."""
    draft, length = f"{path}.{os.getpid()}-{secrets.token_hex(4)}.tmp", len(begin)
    try:
        with open(draft, "xb") as file:
            file.write(begin)
            for array in arrays:
                length += array.nbytes
                file.write(array.reshape(-1).view(np.uint8).data if array.size else b"")
                file.write(bytes(-array.nbytes % _ALIGNED))
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
        _sync_folder(os.path.dirname(path))
    except OSError as error:
        with suppress(OSError):
            os.unlink(draft)
        raise failed_to_write(path, error, length) from None
    except BaseException:
        with suppress(OSError):
            os.unlink(draft)
        raise


def failed_to_write(path: str, error: OSError, length: int) -> SpoolFullError | SpoolFileError:
    """What an error of the system means for a file of so many bytes that is written."""
    if error.errno in _NO_ROOM:
        return SpoolFullError(os.path.dirname(path), needed=length, reason=str(error.strerror))
    return SpoolFileError(path, reason=f"cannot be written ({error.strerror})")


def _sync_folder(folder: str) -> None:
    """A rename is on the disk once its folder is; not every system can say so."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _crc(array: NDArray[Any]) -> int:
    flat, crc = array.reshape(-1).view(np.uint8) if array.size else np.empty(0, dtype=np.uint8), 0
    for start in range(0, len(flat), _CHECKED_AT_A_TIME):
        crc = zlib.crc32(flat[start : start + _CHECKED_AT_A_TIME].data, crc)
    return crc


def _bounds(name: str) -> str:
    return f"{name}.bounds"


def _sums(name: str) -> str:
    return f"{name}.sums"


def _dtype(name: str) -> np.dtype[Any]:
    dtype = np.dtype(name)
    if dtype.kind not in "biuf":
        raise ValueError(f"{name!r} are no numbers")
    return dtype


class SpoolFile:
    """A file that is read; to be used in a `with`.

    Raises:
        SpoolMissingError: it is not there.
        SpoolDamagedError: it is of another version, too short, or not what was written.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self._file = open(path, "rb", buffering=0)  # noqa: SIM115  # closed by `close`
        except FileNotFoundError:
            raise SpoolMissingError(path) from None
        except OSError as error:
            raise SpoolFileError(path, reason=f"cannot be opened ({error.strerror})") from None
        try:
            self._read_header()
        except BaseException:
            self._file.close()
            raise

    def _read_header(self) -> None:
        prefix = self._file.read(_PREFIX.size)
        if len(prefix) < _PREFIX.size or not prefix.startswith(_MAGIC):
            raise SpoolDamagedError(self.path, reason="does not begin as a spool file")
        _, version, length, crc = _PREFIX.unpack(prefix)
        if version != VERSION:
            raise SpoolDamagedError(self.path, reason=f"is of version {version}, expected {VERSION}")
        header = self._file.read(length)
        if len(header) < length or zlib.crc32(header) != crc:
            raise SpoolDamagedError(self.path, reason="has a header that is not as it was written")
        self._begin = _begin(length)
        try:
            read = json.loads(header)
            self.facts: dict[str, Any] = read["facts"]
            self._arrays = {name: (_dtype(dtype), shape, at, crc) for name, dtype, shape, at, crc in read["arrays"]}
            expected = self._begin + read["length"]
        except (KeyError, TypeError, ValueError) as error:
            raise SpoolDamagedError(self.path, reason=f"has a header of another program ({error})") from None
        found = os.fstat(self._file.fileno()).st_size
        if found != expected:
            raise SpoolDamagedError(self.path, reason=f"has {found:,} bytes, expected {expected:,}")

    def __enter__(self) -> SpoolFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def array(self, name: str) -> NDArray[Any]:
        """A whole array; its checksum is compared."""
        if name not in self._arrays:
            raise SpoolDamagedError(self.path, reason=f"has no array {name}")
        _, shape, _, crc = self._arrays[name]
        result = self._rows(name, 0, shape[0])
        if crc is not None and _crc(result) != crc:
            raise self._damaged(name)
        if crc is None:
            bounds, sums = self._parted(name)
            for number, expected in enumerate(sums.tolist()):
                if _crc(result[bounds[number] : bounds[number + 1]]) != expected:
                    raise self._damaged(name)
        return result

    def part(self, name: str, number: int) -> NDArray[Any]:
        """One part of an array; its checksum is compared."""
        bounds, sums = self._parted(name)
        result = self._rows(name, int(bounds[number]), int(bounds[number + 1]))
        if _crc(result) != sums[number]:
            raise self._damaged(name)
        return result

    def part_sizes(self, name: str) -> NDArray[np.int64]:
        """int64 (parts,), rows of each part of an array."""
        return np.diff(self._parted(name)[0])

    def _parted(self, name: str) -> tuple[NDArray[Any], NDArray[Any]]:
        return self.array(_bounds(name)), self.array(_sums(name))

    def _rows(self, name: str, start: int, stop: int) -> NDArray[Any]:
        dtype, shape, at, _ = self._arrays[name]
        result = np.empty((stop - start, *shape[1:]), dtype=dtype)
        if result.size:
            row = result.nbytes // len(result)
            self._file.seek(self._begin + at + start * row)
            view, done = result.reshape(-1).view(np.uint8).data, 0
            while done < len(view):
                count = self._file.readinto(view[done : done + (1 << 30)])
                if not count:
                    raise SpoolDamagedError(self.path, reason="ended while it was read")
                done += count
        return result

    def _damaged(self, name: str) -> SpoolDamagedError:
        return SpoolDamagedError(self.path, reason=f"its array {name} has another checksum than when it was written")


def is_whole(path: str) -> bool:
    """Whether a file is there, its header right and its length what that says. Arrays are checked by who reads them."""
    try:
        with SpoolFile(path):
            return True
    except SpoolFileError:
        return False
