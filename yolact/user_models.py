"""Anybody's segmenter by name: `package.module:factory`, or an entry point of the group `yolact_temporal.models`.

Only code that the user names is imported, and only where a model is to run: what reads a finished run finds all that it
needs in the run's manifest.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.mask_parts import MaskParts
from yolact_temporal.errors import UsageError, YolactTemporalError
from yolact_temporal.yolact.families import DEFAULT_SCORE_THRESHOLD
from yolact_temporal.yolact.segmenter import SeenParts, offers_parts

GROUP = "yolact_temporal.models"
"""The entry point group by which an installed package gives its segmenters names."""

_SEE_WHERE = "correct it (--debug shows where)"


def entry_point_models() -> dict[str, str]:
    """Return the models of installed packages: their factories, `package.module:factory`, by name."""
    return {entry.name: entry.value for entry in sorted(entry_points(group=GROUP), key=lambda e: e.name)}


def factory_of(name: str) -> str | None:
    """Return the factory that a name stands for, itself if it is one; None for a name that stands for none.

    Example:
        >>> factory_of("my_package.models:quick"), factory_of("yolact_base")
        ('my_package.models:quick', None)
    """
    return name if ":" in name else entry_point_models().get(name)


class UserSegmenter:
    """A user's segmenter, held to what `Segmenter` says.

    Args:
        inner: what the factory made.
        factory: where it comes from, `package.module:factory`.

    Attributes:
        name, class_names: its own.
        score_threshold: its own operating threshold, 0.3 if it has none.
        note: what kind of model it is, in a sentence.
        accepted: what the factory took of what it was offered.
        record_threshold: instances whose score is not above it are dropped; at first none.
        segment_parts, assemble: as `PartsSegmenter` says them; there only where it offers both.

    Raises:
        UsageError: if something is missing or is not what it should be.
    """

    def __init__(self, inner: Any, factory: str, accepted: Mapping[str, Any] | None = None) -> None:
        missing = [part for part in ("name", "class_names", "segment") if not hasattr(inner, part)]
        if missing:
            raise UsageError(
                f"expected {factory} to return a segmenter with name, class_names and segment, got a "
                f"{type(inner).__name__} without {', '.join(missing)}: add what is missing"
            )
        self._segment = inner.segment
        self._mask_cell_px = getattr(inner, "mask_cell_px", None)
        self.factory = factory
        self.accepted = dict(accepted or {})
        self.name: str = _checked(factory, "name", inner.name, "a text", isinstance(inner.name, str))
        classes = inner.class_names
        listed = isinstance(classes, list | tuple) and bool(classes)
        self.class_names: tuple[str, ...] = tuple(
            _checked(
                factory,
                "class_names",
                classes,
                "a tuple of at least one text",
                listed and all(isinstance(part, str) for part in classes),
            )
        )
        threshold = getattr(inner, "score_threshold", DEFAULT_SCORE_THRESHOLD)
        number = isinstance(threshold, int | float) and 0 <= threshold <= 1
        self.score_threshold = float(
            _checked(factory, "score_threshold", threshold, "a number from 0 to 1", number)
        )
        note = getattr(inner, "note", f"{self.name} is a segmenter of the user's own, from {factory}.")
        self.note = " ".join(_checked(factory, "note", note, "a text", isinstance(note, str)).split())
        self.record_threshold = -1.0
        self.segment_parts: Callable[[NDArray[np.uint8]], list[SeenParts]]
        self.assemble: Callable[[MaskParts], Sequence[MaskCrop]]
        if offers_parts(inner):
            self.segment_parts = partial(self._seen_parts, inner.segment_parts)
            self.assemble = partial(self._assembled, inner.assemble)

    def segment(self, frames: NDArray[np.uint8]) -> list[Instances]:
        """Segment frames, uint8 RGB (B, H, W, 3), and check what comes; best first, as `Segmenter.segment` says it.

        Raises:
            UsageError: if the user's code raises, or returns something else.
        """
        found = _guarded(f"{self.name}.segment to return instances", partial(self._segment, frames))
        if not isinstance(found, list | tuple) or not all(isinstance(own, Instances) for own in found):
            raise self._unfit("a list of Instances", _described(found))
        if len(found) != len(frames):
            raise self._unfit(f"{len(frames)} Instances, one a frame", str(len(found)))
        return [self._fitting(own, (frames.shape[1], frames.shape[2])) for own in found]

    def mask_cell_px(self, size: tuple[int, int]) -> tuple[float, float] | None:
        """Return a cell of the grid that its masks are cut on, in pixels of frames of (height, width); None if unsaid.

        Raises:
            UsageError: if the user's code raises, or returns something else.
        """
        if self._mask_cell_px is None:
            return None
        what = f"{self.name}.mask_cell_px to return a cell's width and height"
        cell = _guarded(what, partial(self._mask_cell_px, size))
        if cell is None:
            return None
        sides = list(cell) if isinstance(cell, list | tuple) else []
        numbers = len(sides) == 2 and all(isinstance(side, int | float) for side in sides)
        if not numbers or not all(0 < side <= max(size) for side in sides):
            raise UsageError(
                f"expected {what} in pixels, or None, got {_described(cell)}: correct {self.factory}"
            )
        return float(sides[0]), float(sides[1])

    def _seen_parts(self, call: Any, frames: NDArray[np.uint8]) -> list[SeenParts]:
        what = f"{self.name}.segment_parts to return"
        seen = _guarded(f"{what} instances and parts", partial(call, frames))
        fits = isinstance(seen, list | tuple) and len(seen) == len(frames)
        if not fits or not all(map(_is_seen, seen)):
            raise UsageError(
                f"expected {what} {len(frames)} pairs of Instances and MaskParts of as many, one a frame, got "
                f"{_described(seen)}: correct {self.factory}"
            )
        size = (frames.shape[1], frames.shape[2])
        found = []
        for instances, parts in seen:
            kept = self._kept(instances, size)
            found.append(SeenParts(instances.select(kept), parts.select(kept)))
        return found

    def _assembled(self, call: Any, parts: MaskParts) -> Sequence[MaskCrop]:
        what = f"{self.name}.assemble to return"
        masks = _guarded(f"{what} masks", partial(call, parts))
        fits = isinstance(masks, list | tuple) and len(masks) == len(parts)
        if not fits or not all(isinstance(mask, MaskCrop) and mask.size == parts.size for mask in masks):
            raise UsageError(
                f"expected {what} {len(parts)} MaskCrops of the frame's size, got {_described(masks)}: correct "
                f"{self.factory}"
            )
        made: Sequence[MaskCrop] = masks
        return made

    def _fitting(self, found: Instances, size: tuple[int, int]) -> Instances:
        return found.select(self._kept(found, size))

    def _kept(self, found: Instances, size: tuple[int, int]) -> NDArray[np.intp]:
        """Return the indices of the instances whose score is high enough, best first."""
        if found.size != size:
            raise self._unfit(
                f"masks of {size[0]}x{size[1]}, as the frame", f"{found.size[0]}x{found.size[1]}"
            )
        unknown = found.class_ids[(found.class_ids < 0) | (found.class_ids >= len(self.class_names))]
        if len(unknown):
            raise self._unfit(f"class ids from 0 to {len(self.class_names) - 1}", str(unknown[0]))
        order = np.argsort(-found.scores, kind="stable")
        return order[found.scores[order] > self.record_threshold]

    def _unfit(self, expected: str, got: str) -> UsageError:
        return UsageError(
            f"expected {self.name}.segment to return {expected}, got {got}: correct {self.factory}"
        )


def load_user_segmenter(name: str, **offered: Any) -> UserSegmenter:
    """Import a factory, call it, and return the segmenter it makes.

    The current folder is on the import path meanwhile, as with `python -m`.

    Args:
        name: `package.module:factory`, or an entry point's name.
        offered: handed to the factory as far as it has parameters of these names.

    Raises:
        UsageError: if there is no such module or factory, it fails, or it makes no segmenter.

    Example:
        >>> load_user_segmenter("json:no_such_factory")
        Traceback (most recent call last):
        yolact_temporal.errors.UsageError: expected no_such_factory in the module json, found none: check its spelling
    """
    spec = factory_of(name) or name
    module_name, _, attribute = spec.partition(":")
    if not all(part.isidentifier() for part in (*module_name.split("."), *attribute.split("."))):
        raise UsageError(
            f"expected a model as package.module:factory, got {name!r}: name the module and its factory"
        )
    with _current_folder_importable():
        factory = _import(module_name, attribute)
        if not callable(factory):
            raise UsageError(
                f"expected {spec} to be a function or class that makes a segmenter, got {_described(factory)}: "
                f"name one"
            )
        accepted = {key: value for key, value in offered.items() if key in _parameters(factory)}
        inner = _guarded(f"{spec} to make a segmenter", partial(factory, **accepted))
    return UserSegmenter(inner, spec, accepted)


def _import(module_name: str, attribute: str) -> Any:
    try:
        found = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise _failed(f"the module {module_name} to load", error) from error
        raise UsageError(
            f"expected a Python module {module_name} in this folder or installed, found none: check its spelling"
        ) from error
    except (Exception, SystemExit) as error:  # whatever a user's module does
        raise _failed(f"the module {module_name} to load", error) from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise UsageError(
                f"expected {attribute} in the module {module_name}, found none: check its spelling"
            )
        found = getattr(found, part)
    return found


def _guarded(expected: str, call: Any) -> Any:
    """Call a user's code; what it raises becomes one sentence, unless it is one of ours already."""
    try:
        return call()
    except (YolactTemporalError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        raise _failed(expected, error) from error


def _failed(expected: str, error: BaseException) -> UsageError:
    text = " ".join(str(error).split())
    return UsageError(f"expected {expected}, got {type(error).__name__} ({text}): {_SEE_WHERE}")


def _parameters(factory: Any) -> set[str]:
    try:
        return set(inspect.signature(factory).parameters)
    except (TypeError, ValueError):  # some that are written in C do not say
        return set()


def _checked(factory: str, what: str, value: Any, expected: str, fits: bool) -> Any:
    if not fits:
        raise UsageError(
            f"expected {expected} as {what} of what {factory} makes, got {_described(value)}: correct it"
        )
    return value


def _is_seen(value: Any) -> bool:
    """Say whether something is a pair of instances and their parts."""
    if not isinstance(value, tuple) or len(value) != 2:
        return False
    instances, parts = value
    return isinstance(instances, Instances) and isinstance(parts, MaskParts) and len(instances) == len(parts)


def _described(value: object) -> str:
    """Return a value for an error, short; of what is large only its type."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"a {type(value).__name__}"


@contextmanager
def _current_folder_importable() -> Iterator[None]:
    """Let modules of the current folder be imported, which the installed command by itself does not."""
    folder = str(Path.cwd())
    if folder in sys.path or "" in sys.path:
        yield
        return
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        if folder in sys.path:
            sys.path.remove(folder)
