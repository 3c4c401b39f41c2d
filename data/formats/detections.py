"""Masks that a file lists one by one, put together by frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from yolact_temporal.data.formats.contract import (
    KnownFrames,
    MaskFrame,
    MaskSequence,
    ReadOptions,
    class_table,
)
from yolact_temporal.data.formats.frame_names import Matched
from yolact_temporal.data.formats.text_files import Fields
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.rle import Rle, mask_boxes
from yolact_temporal.errors import InputError


class Detection(NamedTuple):
    """One instance in one frame.

    Attributes:
        mask: at the frame's size.
        class_id: from 0.
        score: 0..1.
        box: xyxy in pixels; None for the mask's own.
        identity: which object it is, from 0; None where nobody said.
    """

    mask: Rle
    class_id: int
    score: float = 1.0
    box: tuple[float, float, float, float] | None = None
    identity: int | None = None


class Collected(NamedTuple):
    """What a file said, by frame index.

    Attributes:
        frames: the instances, in the file's order.
        size: of the frames, (height, width).
        names: class names by class id, as far as the file has them.
        voids: pixels of which nothing is known, where there are any.
        frame_count: how many frames the clip has; None if the file does not say.
        indices: the frames that the file is of, ascending; None for all.
        known: what the file calls the clip's frames.
    """

    frames: Mapping[int, Sequence[Detection]]
    size: tuple[int, int]
    names: Mapping[int, str]
    voids: Mapping[int, Rle]
    frame_count: int | None = None
    indices: tuple[int, ...] | None = None
    known: KnownFrames = KnownFrames()


def sequence_of(
    format_name: str, path: Path, found: Collected, options: ReadOptions, matched: Matched
) -> MaskSequence:
    """Return what was collected as a sequence, held in memory, its faults found at once.

    Identities that count from 0 are moved up by one.

    Args:
        format_name: as the register has it.
        path: of the file.
        found: what it said.
        options: what is known of the clip.
        matched: how its frames were found.

    Raises:
        InputError: if an identity is given twice in a frame, or only some instances have one.
    """
    everything = [detection for own in found.frames.values() for detection in own]
    lacking = sum(detection.identity is None for detection in everything)
    if 0 < lacking < len(everything):
        raise InputError(
            f"expected an identity for every instance of {path} or for none, got {lacking} of {len(everything)} "
            f"without: complete them, or leave them all out"
        )
    identified = bool(everything) and not lacking
    shift = int(any(detection.identity == 0 for detection in everything))
    classes = class_table(
        found.names, max((detection.class_id for detection in everything), default=-1), options, path
    )
    made: dict[int, MaskFrame] = {}
    for index in {*found.frames, *found.voids}:
        own = found.frames.get(index, [])
        identities = tuple((each.identity or 0) + shift for each in own) if identified else None
        try:
            made[index] = MaskFrame(index, instances_of(own, found.size), identities, found.voids.get(index))
        except ValueError as error:
            raise InputError(f"{error}, at frame {index} of {path}: correct the file") from error
    count = found.frame_count
    indices: Sequence[int] = range(max(made, default=-1) + 1 if count is None else count)
    if found.indices is not None:
        indices = found.indices
    nothing = Instances.empty(found.size)

    def frames() -> Iterator[MaskFrame]:
        """Yield every frame, an empty one where nothing was found."""
        for index in indices:
            yield made.get(index) or MaskFrame(index, nothing, () if identified else None)

    return MaskSequence(
        path,
        format_name,
        found.size,
        classes,
        identified,
        indices if isinstance(indices, range) else tuple(indices),
        frames,
        sparse=count is None and found.indices is None,
        whole=count is not None,
        notes=matched.notes,
        matching=matched.how,
        known=found.known,
    )


def instances_of(detections: Sequence[Detection], size: tuple[int, int]) -> Instances:
    """Return detections of one frame as instances, in their order; a missing box is the mask's own."""
    masks = [detection.mask for detection in detections]
    if not masks:
        return Instances.empty(size)
    boxes = mask_boxes(masks)
    for row, detection in enumerate(detections):
        if detection.box is not None:
            boxes[row] = detection.box
    scores = [detection.score for detection in detections]
    return Instances(boxes, scores, [detection.class_id for detection in detections], masks, size)


def note_name(names: dict[int, str], class_id: int, fields: Fields) -> None:
    """Keep the name that a row gives its class, if it gives one.

    Raises:
        InputError: if another row gave another name.
    """
    name = fields.name("category")
    if name is not None and names.setdefault(class_id, name) != name:
        raise fields.fault(f"category {class_id + 1} to be called {names[class_id]} as before", name)


def refuse_void(frame: MaskFrame, format_name: str) -> None:
    """Refuse a frame with a void, for a format that has none.

    Raises:
        InputError: if it has one.
    """
    if frame.void is not None:
        raise InputError(
            f"expected masks without void for the format {format_name}, got a void at frame {frame.index}: write them "
            f"as davis, mots or mots-png"
        )


def no_size(path: Path) -> InputError:
    """Return what to say of a file without a mask, which does not tell how large a frame is."""
    return InputError(
        f"expected a mask in {path}, found none, so the size of its frames is not known: pass the clip too"
    )
