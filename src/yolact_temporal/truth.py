"""True masks with identities, however they are written: opened, found for a clip, and taken frame by frame."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from yolact_temporal.data.formats import MaskSequence, ReadOptions, open_masks
from yolact_temporal.errors import InputError
from yolact_temporal.sights import FrameByFrame
from yolact_temporal.temporal.crops import MaskCrop, crop_masks


class TrueFrame(NamedTuple):
    """One frame's truth.

    Attributes:
        objects: the true masks by object id.
        classes: their class ids.
        void: pixels of which nothing is known; None where there are none.
    """

    objects: Mapping[int, MaskCrop]
    classes: Mapping[int, int]
    void: MaskCrop | None


class TrueFrames:
    """Takes the frames of true masks by index, ascending; they are read once, forward."""

    def __init__(self, masks: MaskSequence) -> None:
        self._frames = FrameByFrame(masks)

    def at(self, index: int) -> TrueFrame | None:
        """Return a frame's truth; None of which nothing is known.

        Raises:
            InputError: if it cannot be read.
        """
        found = self._frames.at(index)
        if found is None:
            return None
        keys, size = found.identities or (), found.instances.size
        return TrueFrame(
            dict(zip(keys, crop_masks(found.instances), strict=True)),
            dict(zip(keys, found.instances.class_ids.tolist(), strict=True)),
            None if found.void is None else MaskCrop.from_rle(found.void, size),
        )


def open_truth(path: Path, format_name: str | None, known: ReadOptions) -> MaskSequence:
    """Open true masks of one clip.

    Args:
        path: a file or folder.
        format_name: recognised if None.
        known: what is known of the clip.

    Raises:
        UsageError: if there is no such format.
        InputError: if they cannot be read, do not fit the clip, or do not say which object each is.
    """
    found = open_masks(path, format_name, known)
    if not found.identified:
        lacking = "got none" if not any(len(frame.instances) for frame in found) else "got masks without"
        raise InputError(
            f"expected true masks with an identity each in {path}, {lacking} ({found.format}): pass another format, "
            f"or add a track_id to every instance"
        )
    return found


def truth_of_clip(path: Path, clip: str, clips: int) -> Path:
    """Return where one clip's true masks lie.

    Args:
        path: masks of the one clip; else a folder that holds, by the clips' names, a folder or a file for each.
        clip: its name.
        clips: how many clips there are.

    Raises:
        InputError: if there is none for the clip, or more than one.
    """
    if not path.exists():
        raise InputError(f"expected true masks in {path}, found nothing there: check --ground-truth")
    inside = []
    if path.is_dir():
        inside = sorted(each for each in path.iterdir() if clip in (each.name, each.stem))
    if len(inside) > 1:
        raise InputError(
            f"expected one folder or file of true masks for {clip} in {path}, found {inside[0].name} and "
            f"{inside[1].name}: remove one, or pass it alone"
        )
    if inside:
        return inside[0]
    if clips == 1:
        return path
    raise InputError(
        f"expected a folder or file of true masks for {clip} in {path}, found none: name them after the clips"
    )
