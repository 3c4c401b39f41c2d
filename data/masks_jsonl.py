"""`masks.jsonl`: what a segmenter saw, one line a frame; the record from which everything else can be rebuilt.

A line is an object with `frame`, `time_s`, `size` ([height, width]) and `instances`, each with `box` (xyxy in pixels),
`score`, `class_id`, `class` and `rle` (the counts of a compressed COCO run-length encoding). Numbers survive a round
trip exactly.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from yolact_temporal.data.files import part_path
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.rle import Rle
from yolact_temporal.errors import InputError


@dataclass(frozen=True)
class FrameRecord:
    """What was seen in one frame: its index in the clip, its time in seconds, and the instances."""

    index: int
    time_s: float
    instances: Instances


def format_record(record: FrameRecord, class_names: Sequence[str]) -> str:
    """Return a record as one line of JSON, without the line break."""
    found = record.instances
    rows = [
        {
            "box": [_shortest(edge) for edge in found.boxes[i]],
            "score": _shortest(found.scores[i]),
            "class_id": int(found.class_ids[i]),
            "class": class_names[found.class_ids[i]],
            "rle": found.masks[i]["counts"].decode("ascii"),
        }
        for i in range(len(found))
    ]
    line = {"frame": record.index, "time_s": record.time_s, "size": list(found.size), "instances": rows}
    return json.dumps(line, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def parse_record(line: str | bytes) -> FrameRecord:
    """Return the record of a line.

    Raises:
        ValueError: if the line is no record.
    """
    try:
        data = json.loads(line)
        size = (int(data["size"][0]), int(data["size"][1]))
        rows = data["instances"]
        masks = [Rle(size=list(size), counts=row["rle"].encode("ascii")) for row in rows]
        found = Instances(
            [row["box"] for row in rows],
            [row["score"] for row in rows],
            [row["class_id"] for row in rows],
            masks,
            size,
        )
        return FrameRecord(int(data["frame"]), float(data["time_s"]), found)
    except (KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise ValueError(f"expected a record of a frame, got {line[:80]!r}") from error


def read_records(path: Path) -> Iterator[FrameRecord]:
    """Yield the records of a file in order.

    Raises:
        InputError: at a line that is no record, named by its number.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield parse_record(line)
            except ValueError as error:
                raise InputError(
                    f"expected one frame a line in {path}, got something else at line {number} ({error}): "
                    f"restore the file or run the analysis again with --overwrite"
                ) from error


class RecordWriter:
    """Writes records to `<path>.part`, a whole line at a time, and renames it when closed whole.

    A process that dies leaves the lines it wrote; `resume` takes them up again.
    """

    def __init__(self, path: Path, class_names: Sequence[str]) -> None:
        self.path = path
        self.part = part_path(path)
        self._class_names = tuple(class_names)
        self._file = self.part.open("ab")

    @classmethod
    def resume(cls, path: Path, class_names: Sequence[str], multiple_of: int = 1) -> tuple[RecordWriter, int]:
        """Continue the part file of a broken run.

        Args:
            path: of the finished file.
            class_names: what class ids stand for.
            multiple_of: keep a whole number of batches of this size.

        Returns:
            The writer, and how many whole records the part file holds; a line that was cut off is removed.
        """
        part = part_path(path)
        kept, offsets = 0, [0]
        if part.exists():
            with part.open("rb") as file:
                for line in file:
                    try:
                        parse_record(line)
                    except ValueError:
                        break
                    if not line.endswith(b"\n"):
                        break
                    offsets = [*offsets, offsets[-1] + len(line)][-multiple_of - 1 :]
                    kept += 1
            surplus = kept % multiple_of
            os.truncate(part, offsets[-1 - surplus])
            kept -= surplus
        return cls(path, class_names), kept

    @classmethod
    def start(cls, path: Path, class_names: Sequence[str]) -> RecordWriter:
        """Begin anew; an old part file is discarded."""
        part_path(path).unlink(missing_ok=True)
        return cls(path, class_names)

    def write(self, record: FrameRecord) -> None:
        """Append one record and hand it to the operating system."""
        self._file.write(format_record(record, self._class_names).encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Finish the file and put it in its place."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self.part.replace(self.path)

    def abandon(self) -> None:
        """Stop writing and leave the part file for `resume`."""
        self._file.close()


def _shortest(value: np.float32) -> float:
    """Return the shortest decimal that reads back as the same float32."""
    return float(str(np.float32(value)))
