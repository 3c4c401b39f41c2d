"""True masks with identities, however they are written: opened, found for a clip, and taken frame by frame."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.formats import KnownFrames, MaskSequence, ReadOptions, open_masks
from yolact_temporal.data.formats.frame_by_frame import FrameByFrame
from yolact_temporal.data.runs.clip import locate_clip
from yolact_temporal.data.runs.manifest import ClipDescription
from yolact_temporal.data.sources.image_folder import frame_names
from yolact_temporal.errors import InputError


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
            dict(zip(keys, found.instances.crops, strict=True)),
            dict(zip(keys, found.instances.class_ids.tolist(), strict=True)),
            None if found.void is None else MaskCrop.from_rle(found.void, size),
        )


@dataclass(frozen=True)
class TruthOptions:
    """What is known of true masks that do not say it themselves.

    Attributes:
        format: recognised if None.
        first_frame: the number by which they count the clip's first frame.
        video: which video of a file of several.
    """

    format: str | None = None
    first_frame: int | None = None
    video: int | None = None


def open_truth(
    path: Path,
    options: TruthOptions,
    size: tuple[int, int] | None,
    frame_count: int | None,
    frames: KnownFrames | None = None,
) -> MaskSequence:
    """Open true masks of one clip; every frame is read once, so that faults are found before anything is measured.

    Args:
        path: a file or folder.
        options: what is known of them.
        size: the clip's (height, width); None where it is not known.
        frame_count: the clip's frames; None where it is not known.
        frames: what they are called, where that is known.

    Raises:
        UsageError: if there is no such format.
        InputError: if they cannot be read, do not fit the clip, or do not say which object each is.
    """
    known = ReadOptions(
        size, frame_count, None, options.first_frame, options.video, "ground-truth-", frames or KnownFrames()
    )
    found = open_masks(path, options.format, known)
    if not sum(len(frame.instances) for frame in found):
        note = f"The ground truth in {path} holds no object, so only false alarms can be counted."
        return replace(found, notes=(*found.notes, note))
    if not found.identified:
        raise InputError(
            f"expected an identity for every true mask in {path}, got {found.format} without any: pass another "
            f"format, or "
            f"add a track_id to every instance"
        )
    return found


def open_truth_of_run(path: Path, options: TruthOptions | None, clip: ClipDescription) -> MaskSequence:
    """Open true masks of the clip of a finished run: matched by the names of its images, where they are still there.

    Args:
        path: a file or folder.
        options: what is known of them; the defaults if None.
        clip: as the run knows it.

    Raises:
        UsageError, InputError: as `open_truth`, or if what stands in the clip's place cannot be it.
    """
    found = locate_clip(clip)
    frames = frames_of_clip(found if isinstance(found, Path) else None)
    return open_truth(path, options or TruthOptions(), (clip.height, clip.width), clip.frame_count, frames)


def frames_of_clip(clip: Path | None) -> KnownFrames:
    """Return what the frames of a clip are called: the names of its images; nothing of a video, or one that is gone.

    Raises:
        InputError: if the folder cannot be read, or has no images.
    """
    return KnownFrames(str(clip), frame_names(clip)) if clip is not None and clip.is_dir() else KnownFrames()


def coverage_notes(truth: MaskSequence, indices: Collection[int]) -> list[str]:
    """Return what is to be said of a truth that is not known for all frames that are measured.

    Raises:
        InputError: if it is known for none of them.
    """
    if truth.sparse:
        return []
    measured = indices if isinstance(indices, range) else frozenset(indices)
    known = sum(index in measured for index in truth.indices)
    if not known:
        raise InputError(
            f"expected true masks of the frames that are measured, {min(indices)} to {max(indices)}, got none of them "
            f"in {truth.path}: pass the truth of this clip, or give the number of its first frame with "
            f"--ground-truth-first-frame"
        )
    if known == len(indices):
        return []
    return [
        f"The ground truth in {truth.path} covers {known} of the {len(indices)} frames: only these are "
        f"measured against it."
    ]


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
