"""Weights files as MXNet writes them, byte by byte, for tests of reading them."""

from __future__ import annotations

import struct

import numpy as np

MAGIC = struct.pack("<QQ", 0x112, 0)
TYPES = {"float32": 0, "float64": 1, "float16": 2, "uint8": 3, "int32": 4, "int8": 5, "int64": 6}
DEVICE = struct.pack("<ii", 1, 0)


def array_bytes(array, version=2):
    """One array as MXNet has written it since 1.0 (2), since 0.9.4 (1), and before (0)."""
    sides, kind = struct.pack("<I", array.ndim), struct.pack("<i", TYPES[str(array.dtype)])
    shape = b"".join(struct.pack("<I" if version == 0 else "<q", side) for side in array.shape)
    start = {
        0: b"",
        1: struct.pack("<I", 0xF993FAC8),
        2: struct.pack("<Ii", 0xF993FAC9, 0),
        3: struct.pack("<Ii", 0xF993FACA, 0),
    }[version]
    return start + sides + shape + DEVICE + kind + array.tobytes()


def name_bytes(names):
    told = [name.encode() if isinstance(name, str) else name for name in names]
    return struct.pack("<Q", len(told)) + b"".join(struct.pack("<Q", len(name)) + name for name in told)


def list_bytes(arrays, version=2):
    """A whole file of named arrays."""
    content = b"".join(array_bytes(np.asarray(array), version) for array in arrays.values())
    return MAGIC + struct.pack("<Q", len(arrays)) + content + name_bytes(arrays)
