"""MOTS text: a line an instance, `frame id class height width runs`, no two masks of a frame overlapping.

As the MOTS challenge and KITTI MOTS have it (Voigtlaender et al., arXiv 1902.03604): the id is class * 1000 + instance,
class 10 marks regions to ignore. The MOTS challenge counts frames from 1 and KITTI from 0: a file that mentions frame
0 is read as counting from 0, any other from 1; files are written from 1. Frames without instances are not mentioned.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from yolact_temporal.data.files import atomic_write
from yolact_temporal.data.formats.annotations import together
from yolact_temporal.data.formats.contract import (
    MAX_CLASSES,
    MAX_FRAMES,
    MAX_IDENTITY,
    MaskFrame,
    MaskSequence,
    ReadOptions,
    require_size,
)
from yolact_temporal.data.formats.detections import Collected, Detection, no_size, sequence_of
from yolact_temporal.data.formats.frame_names import frames_of_numbers
from yolact_temporal.data.formats.mots_ids import (
    IGNORED,
    IGNORED_CLASS,
    PER_CLASS,
    class_id_of,
    mots_ids,
)
from yolact_temporal.data.formats.text_files import Fields, one_line, read_text
from yolact_temporal.data.formats.tracks import require_tracks, tracks_of
from yolact_temporal.data.rle import Rle, mask_areas, overlap
from yolact_temporal.errors import InputError

NAME = "mots"

_NAMES = ("frame", "id", "class", "height", "width")


def read_mots_txt(path: Path, options: ReadOptions) -> MaskSequence:
    """Read a MOTS text file.

    Raises:
        InputError: if the file is none, masks overlap, or it does not fit what is known of the clip.
    """
    lines = [
        _line(line, path, number)
        for number, line in enumerate(read_text(path).split("\n"), start=1)
        if line.strip()
    ]
    numbers = [fields.whole("frame", 0, MAX_FRAMES) for fields in lines]
    from_one = 0 not in numbers
    matched = frames_of_numbers(numbers, path, options, int(from_one), by_rule=from_one)
    frames: dict[int, list[Detection]] = defaultdict(list)
    ignored: dict[int, list[Rle]] = defaultdict(list)
    size = options.size
    for index, fields in zip(matched.indices, lines, strict=True):
        own = (fields.whole("height"), fields.whole("width"))
        mask = fields.counts("runs", own, fields.row["runs"])
        require_size(own, size, path, fields.where)
        size = own
        class_number_ = fields.whole("class", 1, MAX_CLASSES)
        identity = fields.whole("id", 1)
        if class_number_ == IGNORED_CLASS:
            ignored[index].append(mask)
            continue
        if identity // PER_CLASS != class_number_:
            raise fields.fault(
                f"an id from {class_number_ * PER_CLASS} for class {class_number_}", str(identity)
            )
        frames[index].append(Detection(mask, class_id_of(class_number_), identity=identity))
    if size is None:
        raise no_size(path)
    voids = {index: together(masks) for index, masks in ignored.items()}
    _refuse_overlaps(frames, voids, path, dict(zip(matched.indices, numbers, strict=True)))
    note = f"Frames of {path} are matched {matched.how}; {options.option('first-frame')} says otherwise."
    return sequence_of(
        NAME, path, Collected(frames, size, {}, voids), options, matched._replace(notes=(note,))
    )


def frame_numbers(path: Path) -> list[int]:
    """Return the frame numbers that a MOTS text file mentions.

    Raises:
        InputError: if the file cannot be read, or a line is none.
    """
    lines = enumerate(read_text(path).split("\n"), start=1)
    return [_line(line, path, i).whole("frame", 0, MAX_FRAMES) for i, line in lines if line.strip()]


def _line(line: str, path: Path, number: int) -> Fields:
    parts = line.split()
    where = f"line {number}"
    if len(parts) != len(_NAMES) + 1:
        raise InputError(
            f"expected frame, id, class, height, width and runs at {where} of {path}, got {len(parts)} fields "
            f"({one_line(line)}): pass a complete MOTS text file"
        )
    whole = {name: int(part) if _is_whole(part) else part for name, part in zip(_NAMES, parts, strict=False)}
    return Fields({**whole, "runs": parts[-1]}, path, where)


def _is_whole(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdigit() and len(text) <= len(str(MAX_IDENTITY)) + 1


def _refuse_overlaps(
    frames: dict[int, list[Detection]], voids: dict[int, Rle], path: Path, numbers: dict[int, int]
) -> None:
    for index, own in frames.items():
        masks = [detection.mask for detection in own]
        common = overlap([*masks, voids[index]] if index in voids else masks)
        if common:
            raise InputError(
                f"expected masks that do not overlap in {path}, got {common} pixels in several masks at frame "
                f"{numbers[index]}: give each pixel to one object"
            )


def write_mots_txt(sequence: MaskSequence, path: Path) -> None:
    """Write a clip's masks as MOTS text, whole or not at all; scores and boxes are left out.

    An identity that is no MOTS id of its class gets one.

    Raises:
        InputError: if the masks have no identity or overlap, or a class has more than 1000 objects.
    """
    require_tracks(sequence, NAME)
    ids = mots_ids(sequence, tracks_of(sequence), MAX_IDENTITY)
    with atomic_write(path) as file:
        for frame in sequence:
            refuse_overlap(frame)
            number, (height, width) = frame.index + 1, sequence.size
            for identity, mask in zip(frame.identities or (), frame.instances.masks, strict=True):
                own = ids[identity]
                runs = mask["counts"].decode("ascii")
                file.write(f"{number} {own} {own // PER_CLASS} {height} {width} {runs}\n")
            if frame.void is not None and mask_areas([frame.void])[0]:
                runs = frame.void["counts"].decode("ascii")
                file.write(f"{number} {IGNORED} {IGNORED_CLASS} {height} {width} {runs}\n")


def refuse_overlap(frame: MaskFrame) -> None:
    """Refuse masks that overlap, or that reach into the void.

    Raises:
        InputError: if they do.
    """
    masks = list(frame.instances.masks)
    common = overlap(masks if frame.void is None else [*masks, frame.void])
    if common:
        raise InputError(
            f"expected masks that do not overlap, got {common} pixels in several masks at frame {frame.index}: give "
            f"each pixel to one object, or write another format"
        )
