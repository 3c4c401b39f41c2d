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
    return _commonest(_sightings(tracks, objects))


def _sightings(tracks: Iterable[MaskKey], objects: Iterable[MaskKey]) -> dict[int, Counter[int]]:
    """Return in how many masks each track is of which object; tracks of no object are left out."""
    owners: Mapping[tuple[int, int, str], list[int]] = defaultdict(list)
    for mask in objects:
        owners[mask_key(mask.frame, mask.area_px, mask.score)].append(mask.owner)
    frames: dict[int, Counter[int]] = {}
    for mask in tracks:
        for owner in owners.get(mask_key(mask.frame, mask.area_px, mask.score), ()):
            frames.setdefault(mask.owner, Counter())[owner] += 1
    return frames


def _commonest(frames: Mapping[int, Counter[int]]) -> dict[int, int]:
    return {
        track: min(found, key=lambda owner, found=found: (-found[owner], owner))  # type: ignore[misc]
        for track, found in frames.items()
    }


class RunningNumbers:
    """Which object of the comparison each model's track is, as far as is known while the clip is read.

    A track that has been of several objects is taken for the one that it was in most frames, the earlier one of equals.

    Example:
        >>> numbers = RunningNumbers()
        >>> numbers.update("ours", [MaskKey(0, 50, 0.9, 1)], [MaskKey(0, 50, 0.9, 7)])
        >>> numbers.of("ours"), numbers.of("theirs")
        ({1: 7}, {})
    """

    def __init__(self) -> None:
        self._frames: dict[str, dict[int, Counter[int]]] = defaultdict(dict)
        self._numbers: dict[str, dict[int, int]] = defaultdict(dict)

    def update(self, model: str, tracks: Iterable[MaskKey], objects: Iterable[MaskKey]) -> None:
        """Take one frame of a model: its masks and their tracks, its masks and their objects."""
        own = self._numbers[model]
        for track, sightings in _sightings(tracks, objects).items():
            frames = self._frames[model].setdefault(track, Counter())
            frames.update(sightings)
            for found in sightings:
                if frames[found] > frames[own.setdefault(track, found)]:
                    own[track] = found

    def settled(self, model: str) -> dict[int, int]:
        """Return the object that each of a model's tracks was in most frames, once there are no more frames."""
        return _commonest(self._frames[model])

    def of(self, model: str) -> Mapping[int, int]:
        """Return the object of each of a model's tracks; tracks of no object are left out. May change later."""
        return self._numbers[model]


def mask_key(frame: int, area_px: int, score: float) -> tuple[int, int, str]:
    """Return what tells a mask from others in all tables of one model, to the digits of the shorter ones."""
    return frame, area_px, f"{score:.6g}"
