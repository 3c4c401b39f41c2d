"""Which frame of a clip an image is, by its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from yolact_temporal.data.formats.contract import ReadOptions, require_frame
from yolact_temporal.errors import InputError


def frames_of_names(
    names: Sequence[str], path: Path, options: ReadOptions, order: str
) -> tuple[list[int], tuple[str, ...]]:
    """Return the frame index of each image, and what a reader should know of how it was told.

    An image's frame is the number at the end of its name, if all names have one after the same beginning; numbers count
    from 0, or from 1 where the lowest is 1. Otherwise the i-th image is the i-th frame.

    Args:
        names: file names, in order.
        path: where they are from.
        options: what is known of the clip.
        order: what order they are in, for the note.

    Raises:
        InputError: if two have one number, or a number is none of a frame of the clip.
    """
    stems = [re.sub(r"\.[^./]*$", "", name) for name in names]
    parts = [re.fullmatch(r"(.*?)([0-9]{1,9})", stem) for stem in stems]
    matched = [part for part in parts if part is not None]
    if len(matched) < len(names) or len({part[1] for part in matched}) > 1:
        indices = [require_frame(index, options, path) for index in range(len(names))]
        return indices, (
            f"The images of {path} are not numbered alike: they are frames in the order of {order}.",
        )
    numbers = [int(part[2]) for part in matched]
    first = options.first_frame
    if first is None:
        first = 1 if min(numbers, default=0) == 1 else 0
    by_frame: dict[int, str] = {}
    for number, name in zip(numbers, names, strict=True):
        index = require_frame(number - first, options, path, number)
        if index in by_frame:
            raise InputError(
                f"expected one image a frame in {path}, got {by_frame[index]} and {name}: remove one"
            )
        by_frame[index] = name
    option = options.option("first-frame")
    notes = (f"The images of {path} are numbered from {first}; {option} says otherwise.",) if first else ()
    return [number - first for number in numbers], notes
