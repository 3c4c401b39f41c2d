"""Weights files of other frameworks: NumPy's archives, as of ChainerCV, and MXNet's lists of arrays.

Both are read with every length checked against what is there, so that a damaged or made-up file neither fills the
memory nor runs anything.
"""

from __future__ import annotations

import math
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from yolact_temporal.errors import WeightsError

_ZIP = b"PK\x03\x04"
_MOST_BYTES = 1 << 32
"""Of all arrays of an archive together, unpacked: far more than any model here has."""
_MOST_ARRAYS = 20_000
_MOST_SIDES, _LONGEST_NAME = 8, 512

# MXNet's NDArray::Save: a magic number and a reserved one, arrays, names; all numbers little-endian.
_LIST_MAGIC = struct.pack("<QQ", 0x112, 0)
_WITH_STORAGE, _WITH_LONG_SHAPE, _NUMPY_SHAPE = 0xF993FAC9, 0xF993FAC8, 0xF993FACA
_DENSE = 0
_TYPES = {0: "<f4", 1: "<f8", 2: "<f2", 3: "|u1", 4: "<i4", 5: "|i1", 6: "<i8"}


SUFFIXES = {"numpy": ".npz", "mxnet": ".params"}
"""What files of each format are called."""


class _FaultError(Exception):
    """What was found in place of what was expected, as the middle of a sentence."""


def foreign_format(path: Path, head: bytes) -> str | None:
    """Return "numpy" or "mxnet" where a file begins like one of these; None for any other.

    Args:
        path: the file.
        head: its first bytes, at least nine of them if it has as many.
    """
    if head[:9] == _LIST_MAGIC[:9]:
        return "mxnet"
    return "numpy" if head.startswith(_ZIP) and _holds_arrays(path) else None


def _holds_arrays(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False
    return bool(names) and all(name.endswith(".npy") for name in names)


def read_foreign(path: Path, kind: str) -> dict[str, Tensor]:
    """Read named arrays.

    Args:
        path: the file.
        kind: what it is, as `foreign_format` says.

    Raises:
        WeightsError: if it is damaged, or holds anything but arrays of numbers.
    """
    try:
        arrays = _numpy_arrays(path) if kind == "numpy" else _mxnet_arrays(path)
        return {name: torch.from_numpy(array) for name, array in arrays}
    except _FaultError as fault:
        found = str(fault)
    except (
        zipfile.BadZipFile,
        zlib.error,
        OSError,
        ValueError,
        EOFError,
        NotImplementedError,
        TypeError,
    ) as error:
        found = " ".join(str(error).split())[:200] or type(error).__name__
    title = "NumPy archive" if kind == "numpy" else "MXNet parameter file"
    raise WeightsError(
        f"expected a {title} of named arrays, got {path}, which is damaged ({found}): copy it again"
    )


def _numpy_arrays(path: Path) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the arrays of an archive, packed or not."""
    total = 0
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) > _MOST_ARRAYS or len({info.filename for info in members}) < len(members):
            raise _FaultError(f"{len(members)} arrays, or some of the same name")
        for info in members:
            total += info.file_size
            if total > _MOST_BYTES:
                raise _FaultError(f"more than {_MOST_BYTES} bytes of numbers")
            with archive.open(info) as file:
                yield info.filename.removesuffix(".npy"), _numpy_array(file, info)


def _numpy_array(file: IO[bytes], info: zipfile.ZipInfo) -> NDArray[Any]:
    shown = ascii(info.filename)[:80]
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise _FaultError(f"{shown} of format {version}")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, by_columns, dtype = read(file)
    if dtype.kind not in "fiu" or len(shape) > _MOST_SIDES:
        raise _FaultError(f"{shown}, which holds {dtype} of {len(shape)} sides")
    size = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or size > info.file_size:
        raise _FaultError(f"{shown}, which is shorter than its shape {shape}")
    content = file.read(size)
    if len(content) != size:
        raise _FaultError(f"{shown}, which ends early")
    array = np.frombuffer(content, dtype).reshape(shape, order="F" if by_columns else "C")
    return _own(array)


def _own(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array of its own memory, in the machine's order of bytes and without unsigned numbers but bytes."""
    kind = array.dtype.newbyteorder("=")
    if kind.kind == "u" and kind.itemsize > 1:
        raise _FaultError(f"numbers of type {kind}")
    return np.array(array, dtype=kind, order="C")


def _mxnet_arrays(path: Path) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the arrays of a list, as they are named behind them."""
    with path.open("rb") as file:
        reader = _Reader(file, os.fstat(file.fileno()).st_size)
        if reader.take(len(_LIST_MAGIC)) != _LIST_MAGIC:
            raise _FaultError("another beginning")
        arrays = [_mxnet_array(reader) for _ in range(reader.count(_MOST_ARRAYS))]
        names = [reader.name() for _ in range(reader.count(_MOST_ARRAYS))]
    if len(names) != len(arrays) or len(set(names)) < len(names):
        raise _FaultError(f"{len(arrays)} arrays and {len(set(names))} names for them")
    yield from zip(names, arrays, strict=True)


class _Reader:
    """Numbers and bytes of a file, none of them beyond its end."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._left = size

    def take(self, count: int) -> bytes:
        if count > self._left:
            raise _FaultError(f"{self._left} bytes where {count} are told")
        self._left -= count
        content = self._file.read(count)
        if len(content) != count:
            raise _FaultError("an early end")
        return content

    def number(self, kind: str) -> int:
        (value,) = struct.unpack(f"<{kind}", self.take(struct.calcsize(f"<{kind}")))
        return int(value)

    def count(self, most: int) -> int:
        value = self.number("Q")
        if value > most:
            raise _FaultError(f"a count of {value}")
        return value

    def name(self) -> str:
        return self.take(self.count(_LONGEST_NAME)).decode("ascii")


def _mxnet_array(reader: _Reader) -> NDArray[Any]:
    """Read one array, as any version of MXNet has written them."""
    magic = reader.number("I")
    if magic in (_WITH_STORAGE, _NUMPY_SHAPE) and (storage := reader.number("i")) != _DENSE:
        raise _FaultError(f"a sparse array (storage {storage})")
    known = magic in (_WITH_STORAGE, _WITH_LONG_SHAPE, _NUMPY_SHAPE)
    sides = reader.number("I") if known else magic  # the first versions began with the number of sides
    if not 1 <= sides <= _MOST_SIDES:
        raise _FaultError(f"an array of {sides} sides")
    shape = [reader.number("q" if known else "I") for _ in range(sides)]
    reader.take(8)  # the device that it lay on, its kind and number
    kind = reader.number("i")
    if kind not in _TYPES or min(shape) < 0:
        raise _FaultError(f"an array of type {kind} and shape {tuple(shape)}")
    dtype = np.dtype(_TYPES[kind])
    return _own(np.frombuffer(reader.take(math.prod(shape) * dtype.itemsize), dtype).reshape(shape))
