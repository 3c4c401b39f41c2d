"""`Instances`: what a segmenter says of one frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.rle import Rle, decode_masks


class _Mask:
    """One mask in either form; the other is made when it is first asked for, and kept.

    A network's masks are encoded only where they are written, a recorded run's decoded only where they are measured,
    and both at most once, however many selections of the frame's instances share them.
    """

    __slots__ = ("_crop", "_rle", "size")

    def __init__(self, given: Rle | MaskCrop) -> None:
        self._crop = given if isinstance(given, MaskCrop) else None
        self._rle = None if isinstance(given, MaskCrop) else given
        height, width = given.size if isinstance(given, MaskCrop) else given["size"]
        self.size = (height, width)

    @property
    def crop(self) -> MaskCrop:
        """Return the mask as pixels, decoded at the first call."""
        if self._crop is None:
            assert self._rle is not None, "one form is given"
            self._crop = MaskCrop.from_rle(self._rle, self.size)
        return self._crop

    @property
    def rle(self) -> Rle:
        """Return the mask as run lengths, encoded at the first call."""
        if self._rle is None:
            assert self._crop is not None, "one form is given"
            self._rle = self._crop.rle()
        return self._rle


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Instances:
    """The instances of one frame, best first; validated at birth, never changed after.

    Attributes:
        boxes: float32 (N, 4), xyxy in pixels of the frame.
        scores: float32 (N,), in 0..1.
        class_ids: int64 (N,), 0-based into the segmenter's `class_names`.
        size: the frame's (height, width) in pixels.

    Args:
        masks: N masks of the frame's size, as compressed COCO run-length encodings or as crops.

    An empty frame is ordinary: every field then has length 0.

    Raises:
        ValueError: if lengths, shapes or mask sizes disagree, or a score is outside 0..1 or not finite.

    Example:
        >>> bitmap = np.zeros((1, 4, 6), np.bool_)
        >>> bitmap[0, 1:3, 2:5] = True
        >>> seen = Instances.from_bitmaps([[2, 1, 5, 3]], [0.9], [0], bitmap)
        >>> seen
        Instances(1 of 4x6, classes [0])
        >>> seen.crops[0].area, seen.masks[0]["size"]
        (6, [4, 6])
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.int64]
    size: tuple[int, int]
    _masks: tuple[_Mask, ...] = field(repr=False)

    def __init__(
        self,
        boxes: ArrayLike,
        scores: ArrayLike,
        class_ids: ArrayLike,
        masks: Sequence[Rle] | Sequence[MaskCrop] | Sequence[_Mask],
        size: tuple[int, int],
    ) -> None:
        boxes = np.asarray(boxes, np.float32)
        fields = {
            "boxes": boxes.reshape(0, 4) if boxes.size == 0 else boxes,
            "scores": np.asarray(scores, np.float32),
            "class_ids": np.asarray(class_ids, np.int64),
            "size": (int(size[0]), int(size[1])),
            "_masks": tuple(mask if isinstance(mask, _Mask) else _Mask(mask) for mask in masks),
        }
        for name, value in fields.items():
            if isinstance(value, np.ndarray):
                value = value.copy()
                value.setflags(write=False)
            object.__setattr__(self, name, value)
        self._validate()

    def _validate(self) -> None:
        count = len(self._masks)
        if self.boxes.shape != (count, 4):
            raise ValueError(f"expected boxes of shape ({count}, 4), got {self.boxes.shape}")
        for name in ("scores", "class_ids"):
            shape = getattr(self, name).shape
            if shape != (count,):
                raise ValueError(f"expected {name} of shape ({count},), got {shape}")
        if not (np.isfinite(self.scores).all() and (self.scores >= 0).all() and (self.scores <= 1).all()):
            raise ValueError(f"expected scores in 0..1, got {self.scores}")
        if not np.isfinite(self.boxes).all():
            raise ValueError("expected finite boxes, got NaN or infinity")
        for index, mask in enumerate(self._masks):
            if mask.size != self.size:
                raise ValueError(f"expected every mask of size {self.size}, got {mask.size} at index {index}")

    @cached_property
    def masks(self) -> tuple[Rle, ...]:
        """The masks as N compressed COCO run-length encodings, for disk; each is made once."""
        return tuple(mask.rle for mask in self._masks)

    @cached_property
    def crops(self) -> tuple[MaskCrop, ...]:
        """The masks as N crops, for work; each is decoded once."""
        return tuple(mask.crop for mask in self._masks)

    @classmethod
    def empty(cls, size: tuple[int, int]) -> Instances:
        """Return the instances of a frame in which nothing was seen."""
        return cls(np.zeros((0, 4)), np.zeros(0), np.zeros(0), (), size)

    @classmethod
    def from_bitmaps(
        cls, boxes: ArrayLike, scores: ArrayLike, class_ids: ArrayLike, bitmaps: NDArray[np.bool_]
    ) -> Instances:
        """Build from bitmaps, bool (N, H, W)."""
        if bitmaps.ndim != 3:
            raise ValueError(f"expected bitmaps of shape (N, H, W), got {bitmaps.shape}")
        crops = [MaskCrop.from_bitmap(bitmap) for bitmap in bitmaps]
        return cls(boxes, scores, class_ids, crops, bitmaps.shape[1:])

    def bitmaps(self) -> NDArray[np.bool_]:
        """Return the masks as bool (N, H, W)."""
        return decode_masks(self.masks, self.size)

    def select(self, keep: NDArray[np.bool_] | NDArray[np.intp] | Sequence[int]) -> Instances:
        """Return the instances at the given indices, or where a bool (N,) array is true, in that order."""
        index = np.arange(len(self))[np.asarray(keep)] if len(keep) else np.zeros(0, np.intp)
        return Instances(
            self.boxes[index],
            self.scores[index],
            self.class_ids[index],
            [self._masks[i] for i in index],
            self.size,
        )

    def __len__(self) -> int:
        return len(self._masks)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Instances):
            return NotImplemented
        return (
            self.size == other.size
            and self.masks == other.masks
            and np.array_equal(self.boxes, other.boxes)
            and np.array_equal(self.scores, other.scores)
            and np.array_equal(self.class_ids, other.class_ids)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Instances({len(self)} of {self.size[0]}x{self.size[1]}, classes {self.class_ids.tolist()})"
