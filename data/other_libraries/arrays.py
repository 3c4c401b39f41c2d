"""Arrays of anybody, NumPy's or a tensor, and masks in them: cut, and brought to the size of the frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.errors import UsageError

CUT = 0.5
"""A pixel whose probability is above it belongs to a soft mask."""

Kind = Literal["cut", "soft"]

SOFT = f"Masks hold probabilities: they were cut at {CUT:g}."
WHOLE = "Masks hold 0 and 255: 255 was taken for 1."
SOFT_RESIZED = (
    f"Masks are not of the frames' size: they were resized as probabilities, and then cut at {CUT:g}."
)
CUT_RESIZED = (
    "Masks are not of the frames' size, and cut already: they were resized to the nearest pixel, which "
    "leaves steps along outlines that count as movement; pass masks of the frame's size, or probabilities."
)


def as_array(values: Any) -> NDArray[Any]:
    """Return an array, a tensor of any device, or a list, as a NumPy array.

    Raises:
        UsageError: if it is of unequal parts, or of things that are no numbers.

    Example:
        >>> as_array([[1, 2], [3, 4]]).shape
        (2, 2)
    """
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        if str(values.dtype) == "torch.bfloat16":  # which NumPy has not
            values = values.float()
        values = values.numpy()
    elif isinstance(values, list | tuple) and any(hasattr(each, "detach") for each in values):
        values = [as_array(each) for each in values]
    try:
        return np.asarray(values)
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"expected an array or a tensor, got a {type(values).__name__} that NumPy makes none of ({error}): pass "
            f"arrays of equal shape"
        ) from error


def shape_text(array: NDArray[Any]) -> str:
    """Return what an array is, for a message.

    Example:
        >>> shape_text(np.zeros((2, 4, 6), np.uint8))
        'uint8 (2, 4, 6)'
    """
    return f"{array.dtype} {array.shape}"


def mask_stack(masks: Any, where: str) -> NDArray[Any]:
    """Return the masks of one frame as (N, h, w).

    Args:
        masks: (N, h, w), (N, 1, h, w), one mask (h, w), or nothing at all.
        where: such as "frame 3", for messages.

    Raises:
        UsageError: if it has another shape.

    Example:
        >>> mask_stack(np.zeros((2, 1, 4, 6), np.bool_), "frame 0").shape, mask_stack([], "frame 0").shape
        ((2, 4, 6), (0, 0, 0))
    """
    found = as_array([] if masks is None else masks)
    if found.size == 0:
        return np.zeros((0, 0, 0), np.bool_) if found.ndim < 3 else found.reshape(0, *found.shape[-2:])
    if found.ndim == 4 and found.shape[1] == 1:
        found = found[:, 0]
    if found.ndim == 2:
        found = found[None]
    if found.ndim != 3:
        raise UsageError(
            f"expected masks (N, H, W) or (N, 1, H, W) at {where}, got {shape_text(found)}: pass one mask an instance, "
            f"each of the frame's size"
        )
    return found


def mask_kind(masks: NDArray[Any], where: str, notes: list[str]) -> Kind:
    """Say whether masks are cut already, or probabilities; what is to be said of it goes to `notes`.

    Args:
        masks: (N, h, w) of bool, of 0 and 1, of 0 and 255, or of probabilities.
        where: such as "frame 3", for messages.
        notes: takes a sentence where masks are not taken as they are.

    Raises:
        UsageError: if they are none of these.
    """
    if masks.dtype == np.bool_ or not masks.size:
        return "cut"
    if masks.dtype.kind not in "uif":
        raise UsageError(
            f"expected masks of bool, of 0 and 1, or of probabilities at {where}, got {shape_text(masks)}: convert them"
        )
    low, high = masks.min(), masks.max()
    if masks.dtype.kind == "f":
        if not (low >= 0 and high <= 1):  # also where they are not finite
            advice = (
                "divide by 255"
                if low >= 0 and 1 < high <= 255
                else "apply a sigmoid if they are logits, and leave no NaN"
            )
            raise UsageError(
                f"expected probabilities from 0 to 1 in masks at {where}, got {float(low):.4g} to {float(high):.4g}: "
                f"{advice}"
            )
        return "cut" if bool(((masks == 0) | (masks == 1)).all()) else "soft"
    if low >= 0 and high <= 1:
        return "cut"
    if low == 0 and high == 255 and bool(((masks == 0) | (masks == 255)).all()):
        _say(notes, WHOLE)
        return "cut"
    if low == high == 255:
        _say(notes, WHOLE)
        return "cut"
    raise UsageError(
        f"expected masks of 0 and 1, or of 0 and 255, at {where}, got {masks.dtype} values from {low} to {high}: of an "
        f"image of object numbers make one mask a number, as in np.stack([image == n for n in numbers])"
    )


def cut_masks(masks: NDArray[Any], size: tuple[int, int], where: str, notes: list[str]) -> list[MaskCrop]:
    """Return masks as what lies inside of them, at the frame's size.

    Probabilities are resized as such, bilinearly, and cut then. Masks that are cut already are resized to the nearest
    pixel: between them nothing can be known, and a bilinear resize that keeps whatever is not 0 makes every mask grow.

    Args:
        masks: (N, h, w), as `mask_kind` takes them.
        size: the frame's (height, width).
        where: such as "frame 3", for messages.
        notes: takes a sentence where masks are not taken as they are.

    Raises:
        UsageError: if they hold something else, or are not of the frame's shape.

    Example:
        >>> soft = np.array([[[0.0, 1.0], [0.0, 0.8]]])
        >>> (mask,) = cut_masks(soft, (4, 4), "frame 0", [])
        >>> mask.bitmap().astype(int).tolist()
        [[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1]]
    """
    if not len(masks):
        return []
    kind = mask_kind(masks, where, notes)
    if masks.shape[1:] != size:
        _require_alike(masks, size, where)
        _say(notes, SOFT_RESIZED if kind == "soft" else CUT_RESIZED)
    elif kind == "soft":
        _say(notes, SOFT)
    return [MaskCrop.from_bitmap(mask) for mask in _bitmaps(masks, kind, size)]


def _bitmaps(masks: NDArray[Any], kind: Kind, size: tuple[int, int]) -> Iterator[NDArray[np.bool_]]:
    same = masks.shape[1:] == size
    for mask in masks:
        if kind == "soft":
            soft = mask.astype(np.float32)
            if not same:
                soft = np.asarray(cv2.resize(soft, size[::-1], interpolation=cv2.INTER_LINEAR))
            yield soft > CUT
        elif same:
            yield mask != 0
        else:
            whole = (mask != 0).astype(np.uint8)
            yield np.asarray(cv2.resize(whole, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)) != 0


def _require_alike(masks: NDArray[Any], size: tuple[int, int], where: str) -> None:
    """Refuse masks that no resize brings onto the frame: their sides differ by more than a rounded pixel."""
    height, width = masks.shape[1:]
    if min(height, width) and (
        abs(width - height * size[1] / size[0]) <= 1 or abs(height - width * size[0] / size[1]) <= 1
    ):
        return
    advice = "bring them to the frame's size, without the borders that a network's input may have"
    if masks.shape[0:2] == size:
        advice = "put instances first, as in masks.transpose(2, 0, 1)"
    elif (width, height) == size:
        advice = "swap height and width"
    raise UsageError(
        f"expected masks of {size[1]}x{size[0]} pixels at {where}, as the frame is, got {width}x{height} in an array "
        f"{masks.shape}: {advice}"
    )


def _say(notes: list[str], sentence: str) -> None:
    if sentence not in notes:
        notes.append(sentence)
