"""Pictures of anybody: RGB frames in memory, checked before they are measured."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.other_libraries.arrays import as_array, shape_text
from yolact_temporal.errors import UsageError


def rgb_picture(picture: Any, where: str, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """Return a frame as uint8 (H, W, 3), as it was given: nothing is converted.

    Args:
        picture: an array or a tensor.
        where: such as "frame 3", for messages.
        size: the (height, width) that it must have; None for any.

    Raises:
        UsageError: if it is something else, with what to do about it.

    Example:
        >>> rgb_picture(np.zeros((3, 48, 64), np.uint8), "frame 0")
        Traceback (most recent call last):
        yolact_temporal.errors.UsageError: expected frames uint8 (H, W, 3) in RGB, got uint8 (3, 48, 64) at frame 0:
        put channels last, as in frame.transpose(1, 2, 0)
    """
    found = as_array(picture)
    if found.ndim == 3 and found.shape[2] == 3 and found.dtype == np.uint8:
        if size is not None and found.shape[:2] != size:
            raise UsageError(
                f"expected frames of {size[1]}x{size[0]} pixels, as the first one is, got "
                f"{found.shape[1]}x{found.shape[0]} at {where}: resize it, or measure it as a clip of its own"
            )
        return found
    raise UsageError(
        f"expected frames uint8 (H, W, 3) in RGB, got {shape_text(found)} at {where}: {_advice(found)}"
    )


def _advice(found: NDArray[Any]) -> str:
    """Return what makes a frame of what was given."""
    if found.ndim == 2:
        return "repeat the grey channel, as in np.repeat(frame[..., None], 3, axis=2)"
    if found.ndim != 3:
        return "pass one picture a frame"
    if found.shape[0] == 3 and found.shape[2] != 3:
        return "put channels last, as in frame.transpose(1, 2, 0)"
    if found.shape[2] == 4:
        return "leave the fourth channel out, as in frame[..., :3]"
    if found.shape[2] == 1:
        return "repeat the grey channel, as in np.repeat(frame, 3, axis=2)"
    if found.dtype.kind == "f":
        scaled = "(frame * 255).round()" if found.size and found.max() <= 1 else "frame.round()"
        return f"convert it, as in {scaled}.astype(np.uint8)"
    return "convert it to uint8 with three channels"
