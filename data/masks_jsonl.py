"""`masks.jsonl`: what a segmenter saw, one line a frame; the record from which everything else can be rebuilt.

A line is an object with `frame`, `time_s`, `size` ([height, width]) and `instances`, each with `box` (xyxy in pixels),
`score`, `class_id`, `class` and `rle` (the counts of a compressed COCO run-length encoding), and `track_id` where it is
known which object each instance is. Numbers survive a round trip exactly.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from pathlib import Path
from typing import IO, Any

import numpy as np

from yolact_temporal.data.files import create_part, finish_part, part_path, reopen_part
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.lines import open_lines
from yolact_temporal.data.rle import checked_rle
from yolact_temporal.data.soft_masks import SoftMask
from yolact_temporal.errors import InputError

_FRAME_OF_LINE = re.compile(rb'^\{"frame":\s*(\d+)')


@dataclass(frozen=True)
class FrameRecord:
    """What was seen in one frame.

    Attributes:
        index: the frame's index in the clip, from 0.
        time_s: its time in seconds.
        instances: what was seen in it.
        identities: which object each instance is, from 1, each once; None where nobody said.
        soft: how sure the model is of each instance's mask, where that is kept; it is no part of the line.

    Raises:
        ValueError: if identities are not one an instance, below 1, or given twice; or soft masks not one an instance.

    Example:
        >>> bitmaps = np.ones((2, 4, 6), np.bool_)
        >>> seen = Instances.from_bitmaps([[0, 0, 6, 4]] * 2, [0.9, 0.2], [0, 1], bitmaps)
        >>> FrameRecord(0, 0.0, seen).above(0.3).instances
        Instances(1 of 4x6, classes [0])
    """

    index: int
    time_s: float
    instances: Instances
    identities: tuple[int, ...] | None = None
    soft: tuple[SoftMask, ...] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        require_identities(self.identities, len(self.instances))
        if self.soft is not None and len(self.soft) != len(self.instances):
            raise ValueError(f"expected {len(self.instances)} soft masks, got {len(self.soft)}")

    def above(self, score_threshold: float, identified: bool = False) -> FrameRecord:
        """Return the record of the instances that count: those whose score is above an operating threshold.

        Args:
            score_threshold: the model's.
            identified: whether the masks have identities, which a record of no instance, read back, cannot say.
        """
        keep = self.instances.scores > score_threshold
        identities = self.identities
        if identities is not None:
            identities = tuple(compress(identities, keep))
        elif identified and not len(keep):
            identities = ()
        soft = None if self.soft is None else tuple(compress(self.soft, keep))
        return replace(self, instances=self.instances.select(keep), identities=identities, soft=soft)


def require_identities(identities: tuple[int, ...] | None, count: int) -> None:
    """Refuse identities that are not one an instance, below 1, or given twice.

    Raises:
        ValueError: saying which.
    """
    if identities is None:
        return
    if len(identities) != count:
        raise ValueError(f"expected an identity for each of {count} instances, got {len(identities)}")
    if any(identity < 1 for identity in identities):
        raise ValueError(f"expected identities of 1 or more, got {min(identities)}")
    if len(set(identities)) < count:
        twice = next(identity for identity in identities if identities.count(identity) > 1)
        raise ValueError(f"expected each identity once a frame, got {twice} more than once")


def format_record(record: FrameRecord, class_names: Sequence[str]) -> str:
    """Return a record as one line of JSON, without the line break.

    Example:
        >>> format_record(FrameRecord(0, 0.0, Instances.empty((4, 6))), ("person",))
        '{"frame":0,"time_s":0.0,"size":[4,6],"instances":[]}'
    """
    found = record.instances
    rows: list[dict[str, Any]] = [
        {
            "box": [shortest(edge) for edge in found.boxes[i]],
            "score": shortest(found.scores[i]),
            "class_id": int(found.class_ids[i]),
            "class": class_names[found.class_ids[i]],
            "rle": found.masks[i]["counts"].decode("ascii"),
        }
        for i in range(len(found))
    ]
    if record.identities is not None:
        for row, identity in zip(rows, record.identities, strict=True):
            row["track_id"] = identity
    line = {"frame": record.index, "time_s": record.time_s, "size": list(found.size), "instances": rows}
    return json.dumps(line, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def parse_record(line: str | bytes) -> FrameRecord:
    """Return the record of a line.

    Raises:
        ValueError: if the line is no record.

    Example:
        >>> seen = Instances.from_bitmaps([[0, 0, 6, 4]], [0.1], [0], np.ones((1, 4, 6), np.bool_))
        >>> record = FrameRecord(3, 0.125, seen, identities=(7,))
        >>> parse_record(format_record(record, ("person",))) == record
        True
    """
    return parse_named_record(line)[0]


def parse_named_record(line: str | bytes) -> tuple[FrameRecord, list[str]]:
    """Return the record of a line, and the class name of each instance as the line has it.

    Raises:
        ValueError: if the line is no record.
    """
    try:
        data = json.loads(line)
        size = (int(data["size"][0]), int(data["size"][1]))
        rows = data["instances"]
        masks = [checked_rle(size, str(row["rle"])) for row in rows]
        found = Instances(
            [row["box"] for row in rows],
            [row["score"] for row in rows],
            [row["class_id"] for row in rows],
            masks,
            size,
        )
        known = bool(rows) and all("track_id" in row for row in rows)
        identities = tuple(int(row["track_id"]) for row in rows) if known else None
        record = FrameRecord(int(data["frame"]), float(data["time_s"]), found, identities)
        return record, [str(row["class"]) for row in rows]
    except (KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"expected a record of a frame, got {line[:80]!r}") from error


def frame_of_line(line: bytes) -> int | None:
    """Return the frame that a line is of, without reading the rest of it; None if it is no record.

    Example:
        >>> frame_of_line(b'{"frame":12,"time_s":0.5,'), frame_of_line(b"something else")
        (12, None)
    """
    found = _FRAME_OF_LINE.match(line)
    return None if found is None else int(found[1])


def read_records_at(path: Path, frames: Collection[int]) -> dict[int, FrameRecord]:
    """Return the records of some frames, by frame; those that the file has not are left out.

    Raises:
        ValueError: if one of their lines is no record.
    """
    found = {}
    with open_lines(path) as file:
        for line in file:
            frame = frame_of_line(line)
            if frame in frames:
                record = parse_record(line)
                found[record.index] = record
    return found


def read_records(path: Path) -> Iterator[FrameRecord]:
    """Yield the records of a file in order.

    Raises:
        InputError: at a line that is no record, named by its number.
    """
    with open_lines(path) as file:
        for number, line in enumerate(file, start=1):
            try:
                yield parse_record(line)
            except ValueError as error:
                raise InputError(
                    f"expected one frame a line in {path}, got something else at line {number} ({error}): "
                    f"restore the file or run the analysis again with --overwrite"
                ) from error


class LineWriter:
    """Writes `<path>.part`, a whole line at a time, and renames it when closed whole.

    Args:
        path: of the finished file.
        file: the part file, open where the next line goes.
    """

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.path = path
        self.part = part_path(path)
        self._file = file

    def append(self, line: str) -> None:
        """Append a line, given without its break, and hand it to the operating system."""
        self._file.write(line.encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Finish the file and put it in its place."""
        self._file.close()
        finish_part(self.path)

    def abandon(self) -> None:
        """Stop writing and leave the part file for `resume`."""
        self._file.close()


class RecordWriter(LineWriter):
    """Writes records to `<path>.part`, a whole line at a time, and renames it when closed whole.

    A process that dies leaves the lines it wrote; `resume` takes them up again.

    Attributes:
        last_kept: index of the last frame that a broken run has recorded; None where there is none.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder) / "masks.jsonl"
        ...     writer = RecordWriter.start(path, ("person",))
        ...     for index in range(2):
        ...         writer.write(FrameRecord(index, index / 24, Instances.empty((4, 6))))
        ...     writer.close()
        ...     print([record.index for record in read_records(path)])
        [0, 1]
    """

    def __init__(self, path: Path, class_names: Sequence[str], file: IO[bytes]) -> None:
        super().__init__(path, file)
        self.last_kept: int | None = None
        self._class_names = class_names  # a list may grow while frames come

    @classmethod
    def resume(cls, path: Path, class_names: Sequence[str], multiple_of: int = 1) -> tuple[RecordWriter, int]:
        """Continue the part file of a broken run.

        Args:
            path: of the finished file.
            class_names: what class ids stand for.
            multiple_of: keep a whole number of batches of this size.

        Returns:
            The writer, and how many whole records the part file holds; a line that was cut off is removed.

        Raises:
            UsageError: if the part file is a link or another file's second name.
        """
        file = os.fdopen(reopen_part(path), "r+b")
        kept, offsets = 0, [0]
        indices: list[int | None] = [None]
        for line in file:
            try:
                record = parse_record(line)
            except ValueError:
                break
            if not line.endswith(b"\n"):
                break
            offsets = [*offsets, offsets[-1] + len(line)][-multiple_of - 1 :]
            indices = [*indices, record.index][-multiple_of - 1 :]
            kept += 1
        surplus = kept % multiple_of
        file.seek(offsets[-1 - surplus])
        file.truncate()
        writer = cls(path, class_names, file)
        writer.last_kept = indices[-1 - surplus]
        return writer, kept - surplus

    @classmethod
    def start(cls, path: Path, class_names: Sequence[str]) -> RecordWriter:
        """Begin anew; an old part file is discarded."""
        return cls(path, class_names, os.fdopen(create_part(path), "wb"))

    def write(self, record: FrameRecord) -> None:
        """Append one record and hand it to the operating system."""
        self.append(format_record(record, self._class_names))


def shortest(value: np.float32) -> float:
    """Return the shortest decimal that reads back as the same float32.

    Example:
        >>> float(np.float32(0.1)), shortest(np.float32(0.1))
        (0.10000000149011612, 0.1)
    """
    return float(str(np.float32(value)))
