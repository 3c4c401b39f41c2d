"""What the names of a clip's images say: their order, their numbers, and the frame that each of them is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

_NUMBERED = re.compile(r"(.*?)([0-9]{1,18})([^0-9]*)", re.DOTALL)


def stem_of(name: str) -> str:
    r"""Return an image's name without folders and ending, by which it is known.

    Example:
        >>> stem_of("walk/00005.jpg"), stem_of("walk\\00005.PNG"), stem_of("1403.7635.png")
        ('00005', '00005', '1403.7635')
    """
    return PurePosixPath(name.replace("\\", "/")).stem


def numbers_of(stems: Sequence[str]) -> list[int] | None:
    """Return the number in each name, the last one, if all names have one between the same words; None otherwise.

    Example:
        >>> numbers_of(["shot (2)", "shot (10)"]), numbers_of(["a_1", "b_2"]), numbers_of(["00005"])
        ([2, 10], None, [5])
    """
    matched = [_NUMBERED.fullmatch(stem) for stem in stems]
    found = [match for match in matched if match is not None]
    if len(found) < len(stems) or len({(match[1], match[3]) for match in found}) > 1:
        return None
    return [int(match[2]) for match in found]


def frames_of_images(stems: Sequence[str]) -> list[int]:
    """Return the frame that each image of a clip is, given in order.

    Images that are numbered alike are at their numbers' distance, in steps of the commonest one: a number that is
    left out is a frame that was lost. Numbers that keep no step, as times do not, say the order alone.

    Example:
        >>> frames_of_images(["0", "1", "4"]), frames_of_images(["00000", "00005", "00010", "00020"])
        ([0, 1, 4], [0, 1, 2, 4])
        >>> frames_of_images(["763556", "813555", "863559"]), frames_of_images(["a", "b"])
        ([0, 1, 2], [0, 1])
    """
    numbers = numbers_of(stems)
    gaps = [later - earlier for earlier, later in zip(numbers or [], (numbers or [])[1:], strict=False)]
    if numbers is not None and gaps and min(gaps) > 0:
        counts = Counter(gaps)
        step = min(counts, key=lambda gap: (-counts[gap], gap))
        if counts[step] * 2 >= len(gaps) and not any(gap % step for gap in gaps):
            return [(number - numbers[0]) // step for number in numbers]
    return list(range(len(stems)))
