"""Which object of the comparison each model's track is: the number by which all models' rows can be told together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple


class MaskKey(NamedTuple):
    """What tells a mask from others in the tables of one model.

    Attributes:
        frame: index in the clip.
        area_px: pixels of the mask.
        score: the model's score; compared to six digits, as many as the shorter of the tables has.
        owner: the track or the object that it is of.
    """

    frame: int
    area_px: int
    score: float
    owner: int


def objects_of_tracks(tracks: Iterable[MaskKey], objects: Iterable[MaskKey]) -> dict[int, int]:
    """Return the object that each of a model's tracks is in most frames; tracks of no object are left out.

    A row of `instances.csv` and one of `objects.csv` are of the same mask where frame, area and score agree.

    Args:
        tracks: the model's masks and their tracks.
        objects: the model's masks and their objects.

    Example:
        >>> tracks = [MaskKey(0, 50, 0.9, 1), MaskKey(1, 52, 0.9, 1), MaskKey(1, 9, 0.4, 2)]
        >>> objects_of_tracks(tracks, [MaskKey(0, 50, 0.9, 7), MaskKey(1, 52, 0.9000001, 7)])
        {1: 7}
    """
    owners: Mapping[tuple[int, int, str], list[int]] = defaultdict(list)
    for mask in objects:
        owners[_key(mask)].append(mask.owner)
    frames: dict[int, Counter[int]] = {}
    for mask in tracks:
        for owner in owners.get(_key(mask), ()):
            frames.setdefault(mask.owner, Counter())[owner] += 1
    return {
        track: min(found, key=lambda owner, found=found: (-found[owner], owner))  # type: ignore[misc]
        for track, found in frames.items()
    }


def _key(mask: MaskKey) -> tuple[int, int, str]:
    return mask.frame, mask.area_px, f"{mask.score:.6g}"
