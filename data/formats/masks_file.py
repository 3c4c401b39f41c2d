"""`masks.jsonl`, the project's own record (`yolact_temporal.data.masks_jsonl`), read as anybody's masks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from yolact_temporal.data.files import remove_part, space_for
from yolact_temporal.data.formats.contract import (
    MAX_CLASSES,
    MaskFrame,
    MaskSequence,
    ReadOptions,
    class_table,
    require_frame,
    require_size,
)
from yolact_temporal.data.formats.detections import refuse_void
from yolact_temporal.data.formats.text_files import one_line, shown, unreadable
from yolact_temporal.data.lines import MAX_LINE
from yolact_temporal.data.masks_jsonl import FrameRecord, RecordWriter, parse_named_record
from yolact_temporal.errors import InputError

NAME = "masks"
FILE_NAME = "masks.jsonl"

ASSUMED_FPS = 30
"""Frames a second of what has no time when it is written, since a record must have times."""

Named = tuple[FrameRecord, list[str]]


def read_masks_file(path: Path, options: ReadOptions) -> MaskSequence:
    """Read a `masks.jsonl`, or a folder that holds one; the file is read once to know its frames and classes.

    A frame that is not there is one of which nothing is known.

    Raises:
        InputError: if it cannot be read, a line is no record, frames do not ascend, or it does not fit what is known
            of the clip.
    """
    file = path / FILE_NAME if path.is_dir() else path
    times: list[tuple[int, float]] = []
    names: dict[int, str] = {}
    highest, size, first = -1, options.size, options.first_frame or 0
    identified: bool | None = None
    for number, (record, classes) in enumerate(_lines(file), start=1):
        where = f"line {number}"
        index = require_frame(record.index - first, options, file, record.index)
        require_size(record.instances.size, size, file, where)
        size = record.instances.size
        _require_order(times, index, record, file, where)
        times.append((index, record.time_s))
        for class_id, name in zip(record.instances.class_ids.tolist(), classes, strict=True):
            _require_class(names, class_id, name, file, where)
            highest = max(highest, class_id)
        if len(record.instances):
            known = record.identities is not None
            if identified not in (None, known):
                raise InputError(
                    f"expected a track_id for every instance of {file} or for none, found both kinds at "
                    f"{where}: complete them, or leave them all out"
                )
            identified = known
    if size is None or not times:
        raise InputError(f"expected a frame in {file}, found none: pass a complete record")

    def frames() -> Iterator[MaskFrame]:
        """Read one line after the other."""
        for record, _ in _lines(file):
            identities = record.identities if record.identities or not identified else ()
            yield MaskFrame(record.index - first, record.instances, identities, None, record.time_s)

    return MaskSequence(
        path,
        NAME,
        size,
        class_table(names, highest, options, file),
        bool(identified),
        tuple(index for index, _ in times),
        frames,
        fps=_rate(times),
    )


def _lines(path: Path) -> Iterator[Named]:
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(MAX_LINE + 1):
                number += 1
                if len(line) > MAX_LINE:
                    raise InputError(
                        f"expected lines of at most {MAX_LINE >> 20} MiB in {path}, got a longer one at line {number}: "
                        f"pass another file"
                    )
                yield _parsed(line, path, number)
    except OSError as error:
        raise unreadable(path, error) from error


def _parsed(line: bytes, path: Path, number: int) -> Named:
    try:
        record, classes = parse_named_record(line)
        if not math.isfinite(record.time_s):
            raise ValueError(f"the time {record.time_s}")
    except ValueError as error:
        reason = one_line(str(error))
        raise InputError(
            f"expected one frame a line in {path}, got something else at line {number} ({reason}): it may be cut short"
        ) from error
    return record, classes


def _require_order(
    times: list[tuple[int, float]], index: int, record: FrameRecord, path: Path, where: str
) -> None:
    if times and (index <= times[-1][0] or record.time_s < times[-1][1]):
        raise InputError(
            f"expected frames in order in {path}, got frame {record.index} at {record.time_s:g} s at {where}, after "
            f"frame {times[-1][0]} at {times[-1][1]:g} s: sort its lines, each frame once"
        )


def _require_class(names: dict[int, str], class_id: int, name: str, path: Path, where: str) -> None:
    if not 0 <= class_id < MAX_CLASSES or not name.isprintable() or not name:
        raise InputError(
            f"expected a class_id from 0 to {MAX_CLASSES - 1} and a printable class at {where} of {path}, got "
            f"{class_id} ({shown(name)}): correct the file"
        )
    if names.setdefault(class_id, name) != name:
        raise InputError(
            f"expected class {class_id} to be called {names[class_id]} as before, got {name} at {where} of {path}: "
            f"correct the file"
        )


def _rate(times: list[tuple[int, float]]) -> Fraction | None:
    """Return the mean frames a second; None for a single frame, or where time does not pass."""
    frames, seconds = times[-1][0] - times[0][0], times[-1][1] - times[0][1]
    if not frames or seconds <= 0 or not 1e-3 < frames / seconds < 1e6:
        return None
    return Fraction(frames / seconds).limit_denominator(1001)


def write_masks_file(sequence: MaskSequence, path: Path) -> None:
    """Write a clip's masks as `masks.jsonl`, whole or not at all; frames without a time are at 30 a second.

    Raises:
        InputError: if there is a void, which the format cannot say.
    """
    rate = float(sequence.fps or ASSUMED_FPS)
    with space_for(path):
        writer = RecordWriter.start(path, sequence.class_names)
        try:
            for frame in sequence:
                refuse_void(frame, NAME)
                time_s = frame.index / rate if frame.time_s is None else frame.time_s
                writer.write(FrameRecord(frame.index, time_s, frame.instances, frame.identities))
            writer.close()
        except BaseException:
            writer.abandon()
            remove_part(path)
            raise
