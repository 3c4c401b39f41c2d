"""How MOTS numbers objects: class * 1000 + instance (Voigtlaender et al., arXiv 1902.03604).

Classes count from 1, and class 10 is no class: its regions are ignored, they are our void.
"""

from __future__ import annotations

from collections.abc import Mapping

from yolact_temporal.data.formats.contract import MaskSequence
from yolact_temporal.data.formats.tracks import Track
from yolact_temporal.errors import InputError

PER_CLASS = 1000
IGNORED_CLASS = 10
IGNORED = IGNORED_CLASS * PER_CLASS
"""The id of regions to ignore."""


def class_number(class_id: int) -> int:
    """Return the number of a class id from 0: 1 to 9, then 11 and so on."""
    return class_id + 1 if class_id + 1 < IGNORED_CLASS else class_id + 2


def class_id_of(number: int) -> int:
    """Return the class id of a class number that is not `IGNORED_CLASS`."""
    return number - 1 if number < IGNORED_CLASS else number - 2


def mots_ids(sequence: MaskSequence, tracks: Mapping[int, Track], highest: int) -> dict[int, int]:
    """Return the MOTS id of each object: its own identity where that is one already, else the next that is free.

    Args:
        sequence: for messages.
        tracks: the objects by identity.
        highest: the largest id that can be written.

    Raises:
        InputError: if a class has more objects than ids, or an id is above the highest.
    """
    ids: dict[int, int] = {}
    used: set[int] = set()
    for identity, track in tracks.items():
        if identity // PER_CLASS == class_number(track.class_id):
            ids[identity] = identity
            used.add(identity)
    following: dict[int, int] = {}
    for identity, track in tracks.items():
        if identity in ids:
            continue
        first = class_number(track.class_id) * PER_CLASS
        candidate = following.get(first, first)
        while candidate in used:
            candidate += 1
        if candidate >= first + PER_CLASS:
            raise InputError(
                f"expected at most {PER_CLASS} objects of a class for MOTS, got more of class "
                f"{sequence.class_names[track.class_id]}: write another format, or fewer frames"
            )
        ids[identity] = candidate
        used.add(candidate)
        following[first] = candidate + 1
    above = max(ids.values(), default=0)
    if above > highest:
        raise InputError(
            f"expected ids of at most {highest}, got {above}: the class number is too high for this format, write "
            f"another format"
        )
    return ids
