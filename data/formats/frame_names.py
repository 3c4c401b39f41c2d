"""Which frame of a clip an image or a number is: one rule for every reader.

A name or an id of the clip's images comes first. Numbers come next: those of the clip's images where they have some,
else counted from the first-frame number that all of a command share. What fits neither is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from yolact_temporal.data.formats.contract import ReadOptions, require_frame
from yolact_temporal.data.image_names import numbers_of, stem_of
from yolact_temporal.errors import InputError


class Matched(NamedTuple):
    """Which frames images are.

    Attributes:
        indices: a frame for each.
        how: how that was told, in a few words.
        notes: what a reader should know of it, a sentence each.
    """

    indices: list[int]
    how: str
    notes: tuple[str, ...] = ()


def frames_of_names(names: Sequence[str], path: Path, options: ReadOptions, order: str) -> Matched:
    """Return the frame of each image by its name.

    A name of the clip's images, without ending, is that image's frame. Else the number in it counts, if all names have
    one between the same words: the image of the clip of that number, or, where its images are not known or have none,
    counted from the shared first-frame number, which is 1 where the lowest is 1. Otherwise the i-th image is the i-th
    frame.

    Args:
        names: file names, in order.
        path: where they are from.
        options: what is known of the clip.
        order: what order they are in, for the note.

    Raises:
        InputError: if two are of one frame, a number is none of a frame of the clip, or names disagree with its.
    """
    stems = [stem_of(name) for name in names]
    known, numbers = options.known, numbers_of(stems)
    if known.names and options.first_frame is None and any(stem in known.names for stem in stems):
        for stem, name in zip(stems, names, strict=True):
            if stem not in known.names:
                raise _no_such_image(f"{name}, which is the name of none of them", path, options)
        indices = [known.names[stem] for stem in stems]
        found = Matched(indices, f"by the names of the images of {known.source}")
    elif numbers is None:
        if known.names and len(names) != len(known.names):
            raise _no_such_image(f"{len(names)} images with other names", path, options)
        found = Matched(
            [require_frame(index, options, path) for index in range(len(names))],
            f"in the order of {order}",
            (
                f"The images of {path} do not share one numbering: they are taken as frames in the order of {order}.",
            ),
        )
    else:
        found = frames_of_numbers(numbers, path, options, 1 if min(numbers, default=0) == 1 else 0)
        if found.notes:
            found = found._replace(notes=(f"The images of {path} are {found.notes[0]}",))
    _require_one_each(found.indices, names, path)
    return found


def frames_of_numbers(
    numbers: Sequence[int], path: Path, options: ReadOptions, usual: int, by_rule: bool = False
) -> Matched:
    """Return the frame of each number: the image of the clip that has it, else counted from the first-frame number.

    Args:
        numbers: as they come, maybe repeatedly.
        path: where they are from.
        options: what is known of the clip.
        usual: the first-frame number where nothing else says it.
        by_rule: whether the format itself says so, which then holds where the clip's numbers do not fit.

    Raises:
        InputError: if a number is none of a frame of the clip.
    """
    known = options.known
    if known.numbers:
        shift = 0 if options.first_frame is None else min(known.numbers) - options.first_frame
        if by_rule and options.first_frame is None and any(number not in known.numbers for number in numbers):
            shift = min(known.numbers) - usual
        unknown = [number for number in numbers if number + shift not in known.numbers]
        if not unknown:
            how = f"by the numbers of the images of {known.source}"
            return Matched([known.numbers[number + shift] for number in numbers], how)
        if options.first_frame is None:
            raise _no_such_image(f"frame {unknown[0]}, where they have {_span(known.numbers)}", path, options)
    first = options.first_frame
    if first is None:
        first = usual if known.first is None else known.first
    indices = [require_frame(number - first, options, path, number) for number in numbers]
    note = f"numbered from {first}; {options.option('first-frame')} says otherwise."
    return Matched(indices, f"by number, the first frame {first}", (note,) if first else ())


def first_numbers(
    numbered: Mapping[str, Iterable[int]], from_one: Collection[str] = (), option: str = "--first-frame"
) -> dict[str, int]:
    """Return the number by which each of a command's files and folders calls the first frame: one that all share.

    It is 0 if anything has a frame 0, else 1 if anything has a frame 1.

    Args:
        numbered: the frame numbers of each that counts frames without names.
        from_one: those of a format that counts from 1 by rule: they may do so where the others do not.
        option: what says otherwise, for the message.

    Raises:
        InputError: if two disagree: one counts from 0, another from 1 to one more than the end of the first.

    Example:
        >>> first_numbers({"masks": [1, 2], "truth": [0, 1, 2]}), first_numbers({"masks": [1, 3], "truth": [2]})
        ({'masks': 0, 'truth': 0}, {'masks': 1, 'truth': 1})
        >>> first_numbers({"mots.txt": [1, 2, 3], "truth": [0, 1, 2]}, ["mots.txt"])
        {'mots.txt': 1, 'truth': 0}
    """
    told = ((source, list(own)) for source, own in numbered.items())
    spans = {source: (min(own), max(own)) for source, own in told if own}
    shared = int(min((low for low, _ in spans.values()), default=0) == 1)
    found = dict.fromkeys(spans, shared)
    for source, (low, high) in spans.items():
        others = [other for other, own in spans.items() if own == (0, high - 1)]
        if low == 1 and others and source in from_one:
            found[source] = 1
        elif low == 1 and others:
            raise InputError(
                f"expected one numbering of frames, got {_span(spans[others[0]])} in {others[0]} and "
                f"{_span(spans[source])} in {source}: give the number of each one's first frame with {option} and "
                f"--ground-truth-first-frame"
            )
    return found


def _span(numbers: Iterable[int]) -> str:
    own = list(numbers)
    return f"{min(own)} to {max(own)}"


def _no_such_image(got: str, path: Path, options: ReadOptions) -> InputError:
    return InputError(
        f"expected masks named or numbered as the images of {options.known.source}, got {got}, in {path}: name them "
        f"alike, or give the number of their first with {options.option('first-frame')}"
    )


def _require_one_each(indices: Sequence[int], names: Sequence[str], path: Path) -> None:
    by_frame: dict[int, str] = {}
    for index, name in zip(indices, names, strict=True):
        if index in by_frame:
            raise InputError(
                f"expected one image a frame in {path}, got {by_frame[index]} and {name}: remove one"
            )
        by_frame[index] = name
