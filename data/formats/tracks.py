"""What formats that keep one class for each object need to know before they are written."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import NamedTuple

import numpy as np

from yolact_temporal.data.formats.contract import MaskSequence
from yolact_temporal.errors import InputError


class Track(NamedTuple):
    """One object of a clip.

    Attributes:
        class_id: the class it has most often; the lowest of them where several tie.
        score: its mean score, in single precision.
        class_flips: instances of it that are of another class.
        sightings: how many frames it is in.
    """

    class_id: int
    score: np.float32
    class_flips: int
    sightings: int


def tracks_of(sequence: MaskSequence) -> dict[int, Track]:
    """Return the objects of a sequence by identity, in order of their first sighting; it is read once."""
    classes: dict[int, Counter[int]] = defaultdict(Counter)
    scores: dict[int, float] = defaultdict(float)
    for frame in sequence:
        found = frame.instances
        for row, identity in enumerate(frame.identities or ()):
            classes[identity][int(found.class_ids[row])] += 1
            scores[identity] += float(found.scores[row])
    tracks = {}
    for identity, counts in classes.items():
        class_id = min(counts, key=lambda key: (-counts[key], key))
        seen = counts.total()
        tracks[identity] = Track(class_id, np.float32(scores[identity] / seen), seen - counts[class_id], seen)
    return tracks


def require_tracks(sequence: MaskSequence, format_name: str) -> None:
    """Refuse masks that do not say which object each is, for a format that must.

    Raises:
        InputError: if they do not.
    """
    if not sequence.identified and len(sequence):
        raise InputError(
            f"expected an identity for every mask for the format {format_name}, got {sequence.path} without: run "
            f"score on "
            f"it first, which matches masks into tracks, and export that run"
        )
