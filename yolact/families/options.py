"""What may be chosen of a segmenter beside its threshold, and how a model's name says what was chosen.

A model with options other than its published ones is a model of its own, so that it can be measured beside the
published one: `yolact_compact+fine` crops finely, `yolact_compact+margin0.05+cross-class` has wider boxes and another
suppression.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Literal, get_args

from yolact_temporal.errors import UsageError, advice_on_name

Crop = Literal["cells", "fine"]
"""How a box crops a mask: by whole cells of the prototypes' grid, as published, or at the frame's size."""

Suppression = Literal["fast", "cross-class", "standard"]
"""How boxes are suppressed: Fast NMS of each class or of all together, or greedily one after the other."""

CROPS: tuple[Crop, ...] = get_args(Crop)
SUPPRESSIONS: tuple[Suppression, ...] = get_args(Suppression)

MOST_MARGIN = 1.0
"""The most that a box may be widened by on each side, as a share of its width or height."""

_MARGIN = "margin"


@dataclass(frozen=True)
class SegmenterOptions:
    """What is chosen of a segmenter; None leaves the model's published way.

    Attributes:
        crop: how a box crops a mask.
        crop_margin: by which share of its width and height a box is widened on each side before it crops.
        nms: how boxes are suppressed.

    Example:
        >>> SegmenterOptions(crop="fine", crop_margin=0.05).suffix
        '+fine+margin0.05'
    """

    crop: str | None = None
    crop_margin: float | None = None
    nms: str | None = None

    @property
    def given(self) -> dict[str, str | float]:
        """What was chosen, by name."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in found.items() if value is not None}

    @property
    def suffix(self) -> str:
        """What the name of a model with these options ends with; "" where none is chosen."""
        margin = None if self.crop_margin is None else f"{_MARGIN}{self.crop_margin:g}"
        return "".join(f"+{part}" for part in (self.crop, margin, self.nms) if part is not None)


def split_name(name: str) -> tuple[str, SegmenterOptions]:
    """Return the name of a model without its options, and these.

    Raises:
        UsageError: if an option in the name is none, or given twice.

    Example:
        >>> split_name("yolact_compact+margin0.05+cross-class")
        ('yolact_compact', SegmenterOptions(crop=None, crop_margin=0.05, nms='cross-class'))
    """
    base, *parts = name.split("+")
    options = SegmenterOptions()
    for part in parts:
        own = _option(part, name)
        if twice := own.given.keys() & options.given.keys():
            raise UsageError(f"expected {twice.pop()} once in {name}, got it twice: drop one of them")
        options = replace(options, **own.given)  # type: ignore[arg-type]  # by name, each of its own type
    return base, options


def _option(text: str, name: str) -> SegmenterOptions:
    if text in CROPS:
        return SegmenterOptions(crop=text)
    if text in SUPPRESSIONS:
        return SegmenterOptions(nms=text)
    try:
        if text.startswith(_MARGIN):
            return SegmenterOptions(crop_margin=float(text.removeprefix(_MARGIN)))
    except ValueError:
        pass
    known = (*CROPS, f"{_MARGIN}0.05", *SUPPRESSIONS)
    raise UsageError(
        f"expected options out of {', '.join(known)} after the + of {name}, got {text!r}: "
        f"{advice_on_name(text, known, 'name one of these')}"
    )
