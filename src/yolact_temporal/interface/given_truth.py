"""True masks that a call from Python is given: a path, or masks in memory that say which object each is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from yolact_temporal.comparing.true_masks import TruthOptions, frames_of_clip, open_truth
from yolact_temporal.data.formats import MaskFrame, MaskSequence
from yolact_temporal.data.formats.masks_file import FILE_NAME, write_masks_file
from yolact_temporal.data.frames import ClipInfo
from yolact_temporal.data.other_libraries import InstanceAdapter
from yolact_temporal.errors import UsageError
from yolact_temporal.interface.frame_items import FrameItems


def true_masks(
    truth: Any, clip: ClipInfo, scratch: Path, options: TruthOptions | None = None
) -> MaskSequence:
    """Return true masks, checked as those of `score` are.

    Args:
        truth: a path; or (T, N, H, W), whose n-th mask is the n-th object, one without a pixel meaning that it is not
            there; or one item a frame, results with tracker ids.
        clip: what they are of.
        scratch: a folder for what lies in memory.
        options: what is known of a file.

    Raises:
        UsageError, InputError: if they cannot be read, do not fit the clip, or do not say which object each is.
    """
    found = frames_of_clip(Path(clip.path) if clip.path else None)
    size = (clip.height, clip.width)
    if isinstance(truth, str | Path):
        return open_truth(Path(truth), options or TruthOptions(), size, clip.frame_count, found)
    by_place = range(1, truth.shape[1] + 1) if getattr(truth, "ndim", 0) in (4, 5) else None
    items = FrameItems(truth, ids=None if by_place is None else np.array(by_place), whose=" of the truth")
    items.require_fit(clip.frame_count, size)
    adapter = InstanceAdapter()
    frames: list[MaskFrame] = []
    for index, item in enumerate(items):
        given = adapter.take(item.seen, size, f"frame {index} of the truth", ids=item.ids)
        if given.identities is None and len(given.instances):
            raise UsageError(
                f"expected true masks that say which object each is, got none at frame {index}: pass an array "
                f"(T, N, H, W) whose n-th mask is always the same object, or results with tracker ids"
            )
        frames.append(MaskFrame(index, given.instances, given.identities or ()))

    def every() -> Iterator[MaskFrame]:
        return iter(frames)

    path = scratch / FILE_NAME
    sequence = MaskSequence(
        path, "masks", size, tuple(adapter.class_names), True, range(len(frames)), every, fps=clip.fps
    )
    write_masks_file(sequence, path)
    return open_truth(path, TruthOptions(), size, clip.frame_count)
