"""What is said of the masks of a clip, in arrays or lists, as one item a frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.other_libraries.arrays import as_array
from yolact_temporal.errors import UsageError

_END = object()


class FrameItem(NamedTuple):
    """What was seen in one frame: masks or a library's result, and what is said of masks."""

    seen: Any
    scores: Any
    ids: Any
    classes: Any


class FrameItems:
    """Masks of one model, and what is said of them, an item a frame; they are gone through once.

    Args:
        masks: an array or a tensor (T, N, H, W) or (T, N, 1, H, W), or an iterable of one item a frame.
        scores, ids, classes: (T, N), or one item a frame; of an array of masks also (N,), the same in all frames.
        whose: such as " of mine", for messages; "" where there is one model.

    Attributes:
        count: of how many frames they are; None where that is not known.
        ids_from_zero: whether ids count from 0; None where that is not known.
        unused: how many masks of an array have no pixel; complete once all frames are taken.

    Raises:
        UsageError: if an array has another shape.

    Example:
        >>> items = FrameItems(np.ones((2, 3, 4, 6), bool), ids=[1, 2, 3])
        >>> [(item.seen.shape, item.ids.tolist()) for item in items]
        [((3, 4, 6), [1, 2, 3]), ((3, 4, 6), [1, 2, 3])]
    """

    def __init__(
        self, masks: Any, scores: Any = None, ids: Any = None, classes: Any = None, whose: str = ""
    ) -> None:
        self.whose = whose
        self._array = _require_masks(masks, whose)
        self._masks = masks
        self.count: int | None = len(masks) if hasattr(masks, "__len__") else None
        self._parts = {
            what: None if value is None else self._by_frame(what, value)
            for what, value in (("scores", scores), ("ids", ids), ("classes", classes))
        }
        own = self._parts["ids"]
        self.ids_from_zero = _from_zero(own) if isinstance(own, Sequence | np.ndarray) else None
        self.unused = 0
        self._first: list[Any] = []

    def first(self) -> Any:
        """Return what was seen in the first frame, without taking it; None where there is none."""
        if self._array or isinstance(self._masks, Sequence):
            return self._masks[0] if len(self._masks) else None
        self._masks = iter(self._masks)
        first = next(self._masks, None)
        self._masks = chain([first], self._masks)
        return first

    def require_fit(self, count: int | None, size: tuple[int, int]) -> None:
        """Refuse masks of another number of frames, where both are known, and an array with instances last.

        Args:
            count: frames that there are; None where that is not known.
            size: their (height, width).

        Raises:
            UsageError: naming both.
        """
        if self._array:
            shape = tuple(self._masks.shape)
            if shape[-2:] != size and shape[1:3] == size:
                raise UsageError(
                    f"expected masks{self.whose} (T, N, H, W), got an array {shape}, whose instances are last: put "
                    f"them second, as in masks.transpose(0, 3, 1, 2)"
                )
        if None not in (count, self.count) and count != self.count:
            raise UsageError(
                f"expected masks{self.whose} of {count} frames, as there are, got those of {self.count}: pass one item "
                f"a frame, None or an empty array where nothing was seen"
            )

    def __iter__(self) -> Iterator[FrameItem]:
        """Yield an item a frame.

        Raises:
            UsageError: if scores, ids or classes are of fewer frames, or not of the array's masks.
        """
        parts = {what: None if value is None else iter(value) for what, value in self._parts.items()}
        for index, seen in enumerate(self._masks):
            found = {what: None if each is None else next(each, _END) for what, each in parts.items()}
            for what, value in found.items():
                if value is _END:
                    raise self._unequal(what, index)
            yield self._used(seen, found, index) if self._array else FrameItem(seen, **found)

    def _used(self, seen: Any, parts: dict[str, Any], index: int) -> FrameItem:
        """Return a frame of an array without the places that are not used."""
        masks = as_array(seen)
        used: NDArray[np.bool_] = np.array([bool(mask.any()) for mask in masks], np.bool_)
        self.unused += int(len(used) - used.sum())
        chosen: dict[str, Any] = {}
        for what, value in parts.items():
            own = None if value is None else as_array(value)
            if own is not None and own.shape[:1] != used.shape:
                raise UsageError(
                    f"expected {what}{self.whose} for {len(used)} mask{'s' * (len(used) != 1)} at frame {index}, "
                    f"got {own.shape}: pass one for each place of the array"
                )
            chosen[what] = None if own is None else own[used]
        return FrameItem(masks[used], **chosen)

    def _by_frame(self, what: str, value: Any) -> Iterable[Any]:
        """Return scores, ids or classes as an iterable of one item a frame."""
        if not isinstance(value, Iterable):
            raise UsageError(
                f"expected {what}{self.whose} as (T, N), or one item a frame, got {type(value).__name__}: pass one "
                f"for each mask"
            )
        if hasattr(value, "shape"):
            value = as_array(value)
        if self._array and isinstance(value, Sequence | np.ndarray) and len(value) and _is_plain(value[0]):
            return self._of_places(what, as_array(value))
        if isinstance(value, Sequence | np.ndarray) and self.count is not None and len(value) != self.count:
            raise self._unequal(what, len(value))
        found: Iterable[Any] = value
        return found

    def _of_places(self, what: str, values: NDArray[Any]) -> Iterable[Any]:
        """Return (N,) once for each frame; or of a single place, (T,), each by itself."""
        frames, places = self._masks.shape[:2]
        if len(values) == places:
            return repeat(values, frames)
        if places == 1 and len(values) == frames:
            return values[:, None]
        raise UsageError(
            f"expected {what}{self.whose} as ({frames}, {places}), as masks are, or ({places},) for all frames, got "
            f"{values.shape}: pass one for each mask"
        )

    def _unequal(self, what: str, got: int) -> UsageError:
        several = "every frame" if self.count is None else f"{self.count} frames"
        return UsageError(
            f"expected {what}{self.whose} of {several}, as masks are, got those of {got}: pass one item a frame"
        )


def _require_masks(masks: Any, whose: str) -> bool:
    """Say whether masks are one array, and refuse what is neither that nor an iterable.

    Raises:
        UsageError: if they are something else.
    """
    shape = getattr(masks, "shape", None)
    if shape is None:
        if not isinstance(masks, Iterable) or isinstance(masks, str | bytes | dict):
            told = f"a dictionary with {', '.join(map(str, masks))}" if isinstance(masks, dict) else ""
            raise UsageError(
                f"expected masks{whose} (T, N, H, W), or a list with one item a frame, got "
                f"{told or type(masks).__name__}: of a single frame's result make a list, and for masks in a "
                f"file use score()"
            )
        return False
    if len(shape) not in (4, 5) or (len(shape) == 5 and shape[2] != 1):
        advice = (
            "for one mask a frame add the axis of instances, as in masks[:, None]"
            if len(shape) == 3
            else "pass one mask for each instance and frame"
        )
        raise UsageError(
            f"expected masks{whose} (T, N, H, W) or (T, N, 1, H, W), got an array {tuple(shape)}: {advice}"
        )
    return True


def _from_zero(ids: Sequence[Any] | np.ndarray[Any, Any]) -> bool:
    return any(bool((as_array(own) == 0).any()) for own in ids if own is not None and len(own))


def _is_plain(value: Any) -> bool:
    """Say whether a value is one number or name, and no row of them."""
    return isinstance(value, str) or (not hasattr(value, "__len__") and getattr(value, "ndim", 0) == 0)
