"""`soft.jsonl`: the soft masks of what a model saw, one line a frame, beside the record of the masks.

A line is an object with `frame`, `size` ([height, width]), `masks` and `data`. Each of `masks` has `cells` ([rows,
columns]), `box` and, where it is clipped, `clip`, as a `SoftMask` has them, in the order of the instances of
`masks.jsonl`. `data` holds the values of all of them, one after the other, row by row: each byte less the one to its
left, then zlib, then base 85.
"""

from __future__ import annotations

import base64
import json
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.files import create_part, part_path, reopen_part
from yolact_temporal.data.lines import open_lines
from yolact_temporal.data.masks_jsonl import FrameRecord, LineWriter
from yolact_temporal.data.soft_masks import Edges, SoftMask
from yolact_temporal.errors import InputError

_LEVEL = 6
"""Of zlib: the next ones are slower and save nothing to speak of."""

_MOST_CELLS = 4096 * 4096
"""Of all masks of a frame: more are refused before any are unpacked."""


def format_soft(index: int, size: tuple[int, int], masks: Sequence[SoftMask]) -> str:
    """Return the soft masks of a frame as one line, without the line break.

    Example:
        >>> format_soft(3, (4, 6), ())
        '{"frame":3,"size":[4,6],"masks":[],"data":""}'
    """
    rows: list[dict[str, Any]] = [
        {"cells": list(own.values.shape), "box": _rounded(own.box)}
        | ({} if own.clip is None else {"clip": _rounded(own.clip)})
        for own in masks
    ]
    packed = zlib.compress(b"".join(_differences(own.values) for own in masks), _LEVEL) if masks else b""
    line = {
        "frame": index,
        "size": list(size),
        "masks": rows,
        "data": base64.b85encode(packed).decode("ascii"),
    }
    return json.dumps(line, allow_nan=False, separators=(",", ":"))


def parse_soft(line: str | bytes) -> tuple[int, tuple[SoftMask, ...]]:
    """Return the frame of a line and its soft masks.

    Raises:
        ValueError: if the line is none of this kind.

    Example:
        >>> soft = SoftMask(np.array([[0, 255]], np.uint8), (2.0, 0.0, 10.0, 4.0), (4, 12))
        >>> index, (again,) = parse_soft(format_soft(7, (4, 12), [soft]))
        >>> index, again.values.tolist(), again.box
        (7, [[0, 255]], (2.0, 0.0, 10.0, 4.0))
    """
    try:
        data = json.loads(line)
        height, width = (int(side) for side in data["size"])
        shapes = [(int(rows), int(columns)) for rows, columns in (own["cells"] for own in data["masks"])]
        count = sum(rows * columns for rows, columns in shapes)
        if count > _MOST_CELLS or any(min(shape) < 1 for shape in shapes):
            raise ValueError(f"expected masks of at most {_MOST_CELLS} cells, got {count}")
        values = _unpacked(base64.b85decode(data["data"]), count)
        found, start = [], 0
        for own, shape in zip(data["masks"], shapes, strict=True):
            end = start + shape[0] * shape[1]
            cells = np.cumsum(values[start:end].reshape(shape), axis=1, dtype=np.uint8)
            clip = own.get("clip")
            found.append(
                SoftMask(cells, _edges(own["box"]), (height, width), None if clip is None else _edges(clip))
            )
            start = end
        return int(data["frame"]), tuple(found)
    except (
        KeyError,
        TypeError,
        IndexError,
        AttributeError,
        OverflowError,
        RecursionError,
        zlib.error,
    ) as error:
        raise ValueError(f"expected the soft masks of a frame, got {line[:80]!r}") from error


def with_soft(records: Iterator[FrameRecord], path: Path) -> Iterator[FrameRecord]:
    """Yield the records of a model with the soft masks of their instances.

    Args:
        records: of the frames, in order.
        path: `soft.jsonl`.

    Raises:
        InputError: if it is missing, cannot be read, or is of other frames or instances.
    """
    try:
        file = open_lines(path)
    except OSError as error:
        raise InputError(
            f"expected the soft masks of the run in {path}, found none: analyze the clip with --record-soft"
        ) from error
    with file:
        for number, record in enumerate(records, start=1):
            try:
                index, soft = parse_soft(file.readline())
            except ValueError as error:
                _refuse(path, number, str(error), error)
            if index != record.index or len(soft) != len(record.instances):
                _refuse(path, number, f"frame {index} with {len(soft)} masks")
            if any(own.size != record.instances.size for own in soft):
                _refuse(path, number, "frames of another size")
            yield replace(record, soft=soft)


def _refuse(path: Path, number: int, found: str, error: Exception | None = None) -> NoReturn:
    raise InputError(
        f"expected soft masks of the instances of masks.jsonl in {path}, got something else at line {number} "
        f"({found}): restore the file, or analyze the clip again with --record-soft and --overwrite"
    ) from error


class SoftWriter(LineWriter):
    """Writes soft masks to `<path>.part`, a whole line at a time, and renames it when closed whole.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder) / "soft.jsonl"
        ...     writer = SoftWriter.start(path)
        ...     writer.write(0, (4, 6), ())
        ...     writer.close()
        ...     print(path.read_text().strip())
        {"frame":0,"size":[4,6],"masks":[],"data":""}
    """

    @classmethod
    def start(cls, path: Path) -> SoftWriter:
        """Begin anew; an old part file is discarded."""
        return cls(path, os.fdopen(create_part(path), "wb"))

    @classmethod
    def resume(cls, path: Path, kept: int) -> SoftWriter:
        """Go on behind the first `kept` lines of a broken run's part file.

        Raises:
            UsageError: if the part file is a link or another file's second name.
            InputError: if it holds fewer.
        """
        file = os.fdopen(reopen_part(path), "r+b")
        lines = [len(line) for line in islice(file, kept) if line.endswith(b"\n")]
        if len(lines) < kept:
            file.close()
            raise InputError(
                f"expected the soft masks of {kept} frames in {part_path(path)}, got {len(lines)}: start over with "
                f"--overwrite"
            )
        file.seek(sum(lines))
        file.truncate()
        return cls(path, file)

    def write(self, index: int, size: tuple[int, int], masks: Sequence[SoftMask]) -> None:
        """Append those of one frame and hand them to the operating system."""
        self.append(format_soft(index, size, masks))


def _differences(values: NDArray[np.uint8]) -> bytes:
    """Return each value less the one to its left, modulo 256: soft masks are smooth, so that these are mostly small."""
    return np.diff(values, axis=1, prepend=np.uint8(0)).tobytes()


def _unpacked(packed: bytes, count: int) -> NDArray[np.uint8]:
    if not count:
        return np.zeros(0, np.uint8)
    unpack = zlib.decompressobj()
    values = unpack.decompress(packed, count)
    if len(values) != count or unpack.decompress(unpack.unconsumed_tail, 1):
        raise ValueError(f"expected {count} cells, got {len(values)} or more")
    return np.frombuffer(values, np.uint8)


def _rounded(edges: Edges) -> list[float]:
    """Return edges to a ten-thousandth of a pixel."""
    return [round(float(edge), 4) for edge in edges]


def _edges(given: Sequence[Any]) -> Edges:
    x1, y1, x2, y2 = (float(edge) for edge in given)
    return x1, y1, x2, y2
