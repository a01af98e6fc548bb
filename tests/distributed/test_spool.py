"""Spool files: what is written is read, whatever was damaged is seen, and nothing half is left."""

from __future__ import annotations

import errno
import os
import resource
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sqlclust.distributed.spool import SpoolFile, is_whole, write_spool
from sqlclust.errors import SpoolDamagedError, SpoolFileError, SpoolFullError, SpoolMissingError

NUMBERS = np.arange(12, dtype=np.int32).reshape(4, 3)


def written(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    arrays: dict[str, NDArray[Any]] = {
        "numbers": NUMBERS,
        "none": np.empty((0, 5), dtype=np.float32),
        "more": np.linspace(0, 1, 7),
    }
    write_spool(str(path), arrays, facts={"exponent": -3}, parts={"numbers": np.array([0, 1, 1, 4])})
    return path


def read_all(path: Path) -> list[object]:
    with SpoolFile(str(path)) as file:
        parts = [file.part("numbers", number).tolist() for number in range(3)]
        return [file.facts, *parts, *(file.array(name).tolist() for name in ("numbers", "none", "more"))]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert is_whole(str(path))
    facts, first, second, third, *arrays = read_all(path)
    assert (facts, first, second, third) == ({"exponent": -3}, [[0, 1, 2]], [], NUMBERS[1:].tolist())
    assert arrays == [NUMBERS.tolist(), [], np.linspace(0, 1, 7).tolist()]
    with SpoolFile(str(path)) as file:
        assert file.part_sizes("numbers").tolist() == [1, 0, 3]
    assert os.listdir(tmp_path) == ["file"]


@given(st.data())
def test_every_damaged_byte_is_seen(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Bytes between the arrays mean nothing: whatever is read is what was written."""
    path = written(tmp_path_factory.mktemp("spool"))
    whole, read = bytearray(path.read_bytes()), read_all(path)
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(whole)
    with suppress(SpoolDamagedError):
        assert read_all(path) == read


@pytest.mark.parametrize("left", [0, 5, 40, -64, -1])
def test_a_shorter_file_is_damaged(tmp_path: Path, left: int) -> None:
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:left])
    assert not is_whole(str(path))
    with pytest.raises(SpoolDamagedError):
        read_all(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert not is_whole(str(tmp_path / "none"))
    with pytest.raises(SpoolMissingError, match="is not there"), SpoolFile(str(tmp_path / "none")):
        pass
    with pytest.raises(SpoolFileError, match="cannot be written"):
        write_spool(str(tmp_path / "no folder" / "file"), {"numbers": NUMBERS})


def test_a_file_of_another_version(tmp_path: Path) -> None:
    path = written(tmp_path)
    whole = bytearray(path.read_bytes())
    whole[8] = 9
    path.write_bytes(whole)
    with pytest.raises(SpoolDamagedError, match="is of version 9, expected 1"):
        read_all(path)


@pytest.mark.parametrize(
    "header", [b"[]", b"{}", b"7", b"no JSON", b'{"facts": {}, "arrays": [["a", "O", [1], 0, 0]], "length": 0}']
)
def test_headers_of_other_programs(tmp_path: Path, header: bytes) -> None:
    """Their checksums are right. No array of Python objects is made."""
    path = tmp_path / "file"
    prefix = struct.pack("<8sIII", b"SQLCLUST", 1, len(header), zlib.crc32(header))
    path.write_bytes((prefix + header).ljust(128, b"\0"))
    with pytest.raises(SpoolDamagedError, match="has a header of another program"):
        SpoolFile(str(path))
    assert not is_whole(str(path))


def test_an_array_that_is_not_there(tmp_path: Path) -> None:
    with SpoolFile(str(written(tmp_path))) as file, pytest.raises(SpoolDamagedError, match="has no array core"):
        file.array("core")


def test_no_room_leaves_nothing_behind(tmp_path: Path) -> None:
    """A limit on the size of files, which fails where a full disk does: in the middle of writing."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    try:
        with pytest.raises(SpoolFullError, match="has no room for a file of") as caught:
            write_spool(str(tmp_path / "large"), {"zeros": np.zeros(1 << 17, dtype=np.uint8)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.needed > 1 << 17
    assert caught.value.folder == str(tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SpoolFullError, match="No space left on device"):
        write_spool(str(tmp_path / "file"), {"numbers": NUMBERS})
    assert os.listdir(tmp_path) == []
