"""What every reader of masks returns, and what every writer takes: `MaskSequence`, the masks of one clip."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from math import gcd
from pathlib import Path

from yolact_temporal.data.image_names import numbers_of
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.masks_jsonl import require_identities
from yolact_temporal.data.rle import Rle
from yolact_temporal.errors import InputError

MAX_CLASSES = 10_000
"""Classes of a clip; a larger class number is taken for a mistake."""

MAX_FRAMES = 1_000_000
"""Frames of a clip, nine hours at 30 a second; a larger frame number is taken for a mistake."""

MAX_IDENTITY = 2**31 - 1
"""The largest identity of an object."""


@dataclass(frozen=True)
class MaskFrame:
    """What somebody's masks say of one frame.

    Attributes:
        index: the frame's index in the clip, from 0.
        instances: its instances; scores are 1 where the format has none, boxes the masks' own where it has none.
        identities: which object each instance is, from 1, each once a frame; None where nobody said.
        void: pixels of which nothing is known; None where there are none.
        time_s: the frame's time in seconds; None where the format has none.

    Raises:
        ValueError: if identities are not one an instance, below 1, or given twice, or `void` is of another size.

    Example:
        >>> MaskFrame(0, Instances.empty((4, 6)), identities=()).instances
        Instances(0 of 4x6, classes [])
    """

    index: int
    instances: Instances
    identities: tuple[int, ...] | None = None
    void: Rle | None = None
    time_s: float | None = None

    def __post_init__(self) -> None:
        require_identities(self.identities, len(self.instances))
        if self.void is not None and tuple(self.void["size"]) != self.instances.size:
            raise ValueError(f"expected void of size {self.instances.size}, got {tuple(self.void['size'])}")


@dataclass(frozen=True)
class KnownFrames:
    """What the frames of a clip are called, as its images or its annotations have it.

    Attributes:
        source: which folder or file says so, for messages.
        names: frame by the name of its image, without ending.
        images: frame by the `image_id` of annotations.
        places: the frames in the order of annotations that list them; () where none do.
        first: the number of the clip's first frame, shared by all that have no name or id; None where nobody said.
        first_category: the number of the first class, 0 or 1; None where nobody said.

    Example:
        >>> KnownFrames("walk", {"00000": 0, "00005": 1}).numbers
        {0: 0, 5: 1}
    """

    source: str = ""
    names: Mapping[str, int] = field(default_factory=dict)
    images: Mapping[int, int] = field(default_factory=dict)
    places: tuple[int, ...] = ()
    first: int | None = None
    first_category: int | None = None

    @cached_property
    def numbers(self) -> dict[int, int]:
        """Frame by the number in its image's name; empty where the images are not numbered alike."""
        return dict(zip(numbers_of(list(self.names)) or [], self.names.values(), strict=False))

    def and_then(self, others: KnownFrames) -> KnownFrames:
        """Return this with what it lacks from others."""
        return KnownFrames(
            self.source if self.names else others.source,
            self.names or others.names,
            self.images or others.images,
            self.places or others.places,
            others.first if self.first is None else self.first,
            others.first_category if self.first_category is None else self.first_category,
        )


@dataclass(frozen=True)
class MaskSequence:
    """Masks of one clip; iterating yields its frames in order, as often as wanted.

    Attributes:
        path: where they were read from.
        format: the format's name in the registry.
        size: the frames' (height, width) in pixels.
        class_names: what class ids stand for.
        identified: whether it says which object each instance is.
        indices: the frames that are there, ascending. Of a sparse sequence: 0 to its last frame with an instance.
        sparse: whether a frame that is not mentioned is known to be empty, as in lists of detections; else nothing is
            known of it, as of an image that is not there.
        whole: whether it says how many frames the clip has: those of `indices`, no more and no less.
        fps: frames a second; None where the format has no time.
        notes: what a reader should know of how it was read, a sentence each.
        matching: how its frames were found to be the clip's, in a few words.
        known: what it calls the clip's frames itself; of use to others of the same clip.
        frames: makes an iterator over the frames of `indices`, in order. It may raise an InputError at a frame.

    Example:
        >>> def frames():
        ...     return (MaskFrame(index, Instances.empty((4, 6))) for index in range(0, 6, 2))
        >>> masks = MaskSequence(Path("masks"), "masks", (4, 6), ("person",), False, range(0, 6, 2), frames)
        >>> len(masks), masks.stride, [frame.index for frame in masks]
        (3, 2, [0, 2, 4])
    """

    path: Path
    format: str
    size: tuple[int, int]
    class_names: tuple[str, ...]
    identified: bool
    indices: tuple[int, ...] | range
    frames: Callable[[], Iterator[MaskFrame]]
    sparse: bool = False
    whole: bool = False
    fps: Fraction | None = None
    notes: tuple[str, ...] = ()
    matching: str = "by the frame's index"
    known: KnownFrames = KnownFrames()

    def __iter__(self) -> Iterator[MaskFrame]:
        """Read the frames from the beginning, however often that was done before."""
        return self.frames()

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def stride(self) -> int:
        """Frames from one to the next: the greatest step of which all steps are multiples; 1 for a single frame."""
        steps = (later - earlier for earlier, later in zip(self.indices, self.indices[1:], strict=False))
        return max(gcd(*steps), 1)

    def check(self) -> None:
        """Read every frame once.

        Raises:
            InputError: at the first frame that cannot be read.
        """
        for _ in self:
            pass


@dataclass(frozen=True)
class ReadOptions:
    """What the caller knows and a format may not say; a reader needs none of it unless its format lacks it.

    Attributes:
        size: the frames' (height, width), where masks must be of that size.
        frame_count: frames of the clip, where none may lie behind.
        class_names: names of the classes in order; by default those of the format, or "class 1" and so on.
        first_frame: the number by which the format counts the clip's first frame; by default the format's own.
        video: which video of a file that holds several.
        known: what the clip's frames are called.
        prefix: what the options that say so are called with, as in `--ground-truth-first-frame`; for messages.

    Example:
        >>> ReadOptions(prefix="ground-truth-").option("video")
        '--ground-truth-video'
    """

    size: tuple[int, int] | None = None
    frame_count: int | None = None
    class_names: tuple[str, ...] | None = None
    first_frame: int | None = None
    video: int | None = None
    prefix: str = ""
    known: KnownFrames = KnownFrames()

    def option(self, name: str) -> str:
        """Return what an option is called on the command line."""
        return f"--{self.prefix}{name}"


def class_table(named: Mapping[int, str], highest: int, options: ReadOptions, path: Path) -> tuple[str, ...]:
    """Return names for class ids 0 to `highest`: the caller's, else those the file gives, else "class 1" and so on.

    Raises:
        InputError: if the caller names fewer classes than the file uses.
    """
    if options.class_names is not None:
        if highest >= len(options.class_names):
            raise InputError(
                f"expected classes 1 to {len(options.class_names)} in {path}, got class {highest + 1}: name all its "
                f"classes in order with --classes"
            )
        return options.class_names
    highest = max([highest, *named])
    return tuple(named.get(index, f"class {index + 1}") for index in range(highest + 1))


def require_frame(index: int, options: ReadOptions, path: Path, number: int | None = None) -> int:
    """Return a frame's index if the clip may have it.

    Args:
        index: from 0.
        options: says how many frames the clip has.
        path: of the masks.
        number: what the file calls the frame, for the message; the index if None.

    Raises:
        InputError: if it is negative or behind the clip's end.
    """
    shown = index if number is None else number
    if not 0 <= index < MAX_FRAMES:
        raise InputError(
            f"expected frame numbers from {shown - index} to {shown - index + MAX_FRAMES - 1} in {path}, got {shown}: "
            f"number the frames as in the clip, and give the number of the first with "
            f"{options.option('first-frame')}"
        )
    if options.frame_count is not None and index >= options.frame_count:
        raise InputError(
            f"expected masks of a clip of {options.frame_count} frames in {path}, got frame {shown}, which is after "
            f"its end: pass the clip's own masks, or give the number of its first frame with "
            f"{options.option('first-frame')}"
        )
    return index


def require_size(size: tuple[int, int], expected: tuple[int, int] | None, path: Path, where: str) -> None:
    """Refuse masks of another size than expected.

    Raises:
        InputError: naming both sizes.
    """
    if expected is not None and size != expected:
        raise InputError(
            f"expected masks of {expected[1]}x{expected[0]} pixels in {path}, got {size[1]}x{size[0]} at {where}: "
            f"all masks must have the clip's own size"
        )
