"""Masks of made-up clips, as sequences for writers and as files for readers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.formats import MaskFrame, MaskSequence
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.rle import Rle, encode_masks, mask_boxes


def rle(bitmap: NDArray[np.bool_]) -> Rle:
    return encode_masks(np.ascontiguousarray(bitmap)[None])[0]


def frame(
    index: int,
    bitmaps: Sequence[NDArray[np.bool_]],
    size: tuple[int, int],
    identities: Sequence[int] | None = None,
    class_ids: Sequence[int] | None = None,
    scores: Sequence[float] | None = None,
    boxes: object = None,
    void: NDArray[np.bool_] | None = None,
    time_s: float | None = None,
) -> MaskFrame:
    """One frame; class 0, score 1 and the masks' own boxes unless said."""
    masks = [rle(bitmap) for bitmap in bitmaps]
    count = len(masks)
    found = Instances.empty(size)
    if count:
        found = Instances(
            mask_boxes(masks) if boxes is None else boxes,
            [1.0] * count if scores is None else scores,
            [0] * count if class_ids is None else class_ids,
            masks,
            size,
        )
    return MaskFrame(
        index,
        found,
        None if identities is None else tuple(identities),
        None if void is None or not void.any() else rle(void),
        time_s,
    )


def sequence(
    frames: Sequence[MaskFrame], class_names: Sequence[str] = ("class 1", "class 2", "class 3"), **known
):
    """Frames as a sequence; identified if its frames are."""
    kept = list(frames)
    return MaskSequence(
        path=Path("made-up"),
        format="made-up",
        size=kept[0].instances.size,
        class_names=tuple(class_names),
        identified=kept[0].identities is not None,
        indices=tuple(each.index for each in kept),
        frames=lambda: iter(kept),
        **known,
    )


def labels(rng: np.random.Generator, size: tuple[int, int], count: int) -> NDArray[np.int64]:
    """Blocks of 0 to `count`, int (H, W): masks that do not overlap."""
    height, width = size
    small = rng.integers(0, count + 1, (-(-height // 3), -(-width // 3)))
    return np.repeat(np.repeat(small, 3, axis=0), 3, axis=1)[:height, :width]


def assert_same(read: MaskSequence, written: MaskSequence) -> None:
    """The frames of both are equal in every field."""
    ours, theirs = list(read), list(written)
    assert [each.index for each in ours] == [each.index for each in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert one.instances == other.instances, f"frame {one.index}"
        assert one.identities == other.identities, f"frame {one.index}"
        assert one.void == other.void, f"frame {one.index}"
