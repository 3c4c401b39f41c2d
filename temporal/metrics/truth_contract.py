"""What a metric of all masks against all true objects of a clip is given, and what it returns.

A metric of one true object and one model's masks of it is an `ObjectAccumulator`; its mean over objects is taken by
itself. One that looks at everything in a frame at once is a `ClipAccumulator`. Both are registered by their modules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

from yolact_temporal.data.crops import MaskCrop, union_mask
from yolact_temporal.temporal.metrics.contract import Figure, ShapeMemory, mean_figure


class TruthFigure(NamedTuple):
    """A figure of a clip against a ground truth.

    Attributes:
        value: mean over the objects that have one, or of the whole clip; None where undefined.
        n, n_undefined: frames, pairs, windows or classes measured, and left out for having no value, over all objects.
        objects, objects_undefined: true objects that have a value, and that have none; None of a whole clip's figure.
        by_object: of a value that is a mean over all pairs, the mean over objects that checks it; else None.
    """

    value: float | None
    n: int | None = None
    n_undefined: int | None = None
    objects: int | None = None
    objects_undefined: int | None = None
    by_object: float | None = None


def over_objects(figures: Iterable[Figure]) -> TruthFigure:
    """Average one figure over objects; those without a value are left out and counted.

    Example:
        >>> over_objects([Figure(0.8, 10, 0), Figure(0.6, 20, 0), Figure(None, 0, 5)])
        TruthFigure(value=0.7, n=30, n_undefined=5, objects=2, objects_undefined=1, by_object=None)
    """
    own = list(figures)
    mean = mean_figure(figure.value for figure in own)
    n, undefined = sum(figure.n for figure in own), sum(figure.n_undefined for figure in own)
    return TruthFigure(mean.value, n, undefined, mean.n, mean.n_undefined)


@dataclass(frozen=True)
class TruthSetting:
    """What is known of a model and of its ground truth before the first frame.

    Attributes:
        class_names, true_names: what class ids stand for, the model's and the truth's.
        davis: whether the figures that DAVIS publishes are asked for.
    """

    class_names: Sequence[str]
    true_names: Sequence[str]
    davis: bool = False


@dataclass(frozen=True)
class TrueObjects:
    """The true objects of one frame.

    Attributes:
        masks: by object id, void left out; only objects that have a pixel.
        classes: the class id of each.
        void: pixels of which nothing is known; None where there are none.
        size: of the frame (height, width).
        paired: whether the pair of the last frame and this one counts.
        begins_anew: whether frames are missing before this one.
        shapes: of outlines, each computed once however many ask.
    """

    masks: Mapping[int, MaskCrop]
    classes: Mapping[int, int]
    void: MaskCrop | None
    size: tuple[int, int]
    paired: bool
    begins_anew: bool
    shapes: ShapeMemory

    @cached_property
    def union(self) -> MaskCrop:
        """All true masks as one."""
        return union_mask(self.masks.values(), self.size)


class OwnMask(NamedTuple):
    """One mask of a model that counts.

    Attributes:
        mask: void left out; may be empty.
        score: 0..1.
        class_id: of the model's classes.
        track: its track's id; not above 0 for an empty mask.
    """

    mask: MaskCrop
    score: float
    class_id: int
    track: int


class MatchedMask(NamedTuple):
    """The place of an object's mask among those of the model that count, and their overlap (IoU, 0..1)."""

    place: int
    iou: float


@dataclass(frozen=True)
class TruthFrame:
    """One frame of a clip: every true object and every mask of one model that counts.

    Attributes:
        true: the true objects.
        own: the masks that count, in the model's order.
        matched: by object id, the mask that the table of true objects gives it, however little they overlap.
    """

    true: TrueObjects
    own: Sequence[OwnMask]
    matched: Mapping[int, MatchedMask]

    @property
    def union(self) -> MaskCrop:
        """All masks that count as one."""
        return union_mask((own.mask for own in self.own), self.true.size)


class ClipAccumulator(Protocol):
    """Takes every frame of a clip, of one model; memory grows with objects and tracks, not with the frames."""

    @property
    def note(self) -> str | None:
        """One sentence on how it measures in this setting, where that must be said."""
        ...

    def observe(self, frame: TruthFrame) -> None:
        """Take the next frame."""
        ...

    def figures(self) -> dict[str, TruthFigure]:
        """Return the figures of the frames so far, by name; may be called at any time."""
        ...


ClipAccumulators = Callable[[TruthSetting], ClipAccumulator | None]
"""Makes what measures a model in a setting; None where its figures are not asked for."""
