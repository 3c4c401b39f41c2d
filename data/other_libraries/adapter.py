"""`InstanceAdapter`: whatever a library saw in a frame in, `Instances` with classes and identities out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.formats.contract import MAX_CLASSES, MAX_IDENTITY
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.other_libraries.arrays import as_array, cut_masks, mask_stack, shape_text
from yolact_temporal.data.other_libraries.layouts import LIBRARIES, SeenParts, parts_of
from yolact_temporal.errors import UsageError

ONE_CLASS = "object"
"""What instances are called of which nobody says the class."""


class GivenFrame(NamedTuple):
    """What was seen in one frame.

    Attributes:
        instances: at the frame's size, in the order given.
        identities: which object each is, from 1; None where nobody said.
    """

    instances: Instances
    identities: tuple[int, ...] | None


class InstanceAdapter:
    """Takes what was seen in the frames of one clip, one after the other, as any library hands it out.

    Args:
        class_names: names of the classes by number; what is not named is "class N", by its number.
        ids_from_zero: whether identities count from 0, and are moved up by one; None to tell by the first ones.

    Attributes:
        class_names: what class ids stand for. It grows as classes are seen.
        notes: what is to be said of how masks were taken, a sentence each.
        ids_from_zero: as given, or as told by the first ids.

    Example:
        >>> adapter = InstanceAdapter()
        >>> masks = np.zeros((1, 4, 6), np.bool_)
        >>> masks[0, 1:3, 2:5] = True
        >>> seen = adapter.take(masks, (4, 6), "frame 0", scores=[0.9], classes=["cat"])
        >>> seen.instances.boxes.tolist(), seen.identities, adapter.class_names
        ([[2.0, 1.0, 5.0, 3.0]], None, ['cat'])
    """

    def __init__(
        self,
        class_names: Sequence[str] | Mapping[int, str] | None = None,
        ids_from_zero: bool | None = None,
    ) -> None:
        if isinstance(class_names, str):
            raise UsageError(f"expected class names in a list, got {class_names!r}: pass [{class_names!r}]")
        self.class_names: list[str] = []
        self.notes: list[str] = []
        self.ids_from_zero = ids_from_zero
        named = class_names if isinstance(class_names, Mapping) else dict(enumerate(class_names or ()))
        self._name(named, "class_names")
        self._numbered: bool | None = None

    def take(
        self,
        seen: Any,
        size: tuple[int, int],
        where: str,
        scores: Any = None,
        ids: Any = None,
        classes: Any = None,
    ) -> GivenFrame:
        """Return what was seen in a frame.

        Args:
            seen: a library's result; or masks alone, (N, H, W), (N, 1, H, W) or one (H, W), with what follows;
                or `Instances`; or None for nothing.
            size: the frame's (height, width).
            where: such as "frame 3", for messages.
            scores, ids, classes: of masks alone, one each.

        Raises:
            UsageError: if it is something else, or its parts do not go together.
        """
        if isinstance(seen, Instances):
            return self._ours(seen, size, where, ids)
        if isinstance(seen, Sequence) and len(seen) == 1 and parts_of(seen[0], size, where) is not None:
            (seen,) = seen  # ultralytics gives a list of one for one frame
        parts = parts_of(seen, size, where)
        if parts is None:
            _require_arrays(seen, where)
            parts = SeenParts(seen, None, scores, classes, ids)
        elif scores is not None or ids is not None or classes is not None:
            raise UsageError(
                f"expected scores, ids and classes beside masks alone, got some beside a {type(seen).__name__} at "
                f"{where}, which has its own: leave them out"
            )
        return self._made(parts, size, where)

    def _ours(self, seen: Instances, size: tuple[int, int], where: str, ids: Any) -> GivenFrame:
        if seen.size != size:
            raise UsageError(
                f"expected instances of a frame of {size[1]}x{size[0]} pixels at {where}, got some of "
                f"{seen.size[1]}x{seen.size[0]}: pass the frame that they are of"
            )
        self._classes(seen.class_ids, len(seen), where)
        return GivenFrame(seen, self._identities(ids, len(seen), where))

    def _made(self, parts: SeenParts, size: tuple[int, int], where: str) -> GivenFrame:
        stack = mask_stack(parts.masks, where)
        count = len(stack)
        if parts.count not in (None, count):
            raise UsageError(
                f"expected a mask for each of {parts.count} instances at {where}, got {count}: pass as many masks"
            )
        self._name(parts.names, where)
        crops = cut_masks(stack, size, where, self.notes)
        instances = Instances(
            _boxes(parts.boxes, crops, where),
            _scores(parts.scores, count, where),
            self._classes(parts.classes, count, where),
            crops,
            size,
        )
        return GivenFrame(instances, self._identities(parts.ids, count, where))

    def _classes(self, classes: Any, count: int, where: str) -> NDArray[np.int64]:
        """Return class ids, and see to it that each has a name."""
        if classes is None:
            if count and not self.class_names:
                self.class_names.append(ONE_CLASS)
            return np.zeros(count, np.int64)
        found = _one_each(classes, count, "classes", where)
        if not count:
            return np.zeros(0, np.int64)
        if found.dtype.kind in "UO":
            return self._ids_of_names([str(name) for name in found], where)
        numbers = _whole(found, "classes as whole numbers or names", where)
        if int(numbers.min()) < 0 or int(numbers.max()) >= MAX_CLASSES:
            wrong = numbers.min() if numbers.min() < 0 else numbers.max()
            raise UsageError(
                f"expected classes from 0 to {MAX_CLASSES - 1} at {where}, got {wrong}: number them from 0, or pass "
                f"their names"
            )
        while len(self.class_names) <= numbers.max():
            self.class_names.append(f"class {len(self.class_names)}")
        return numbers

    def _ids_of_names(self, names: Sequence[str], where: str) -> NDArray[np.int64]:
        for name in names:
            _require_name(name, where)
            if name not in self.class_names:
                self.class_names.append(name)
        return np.array([self.class_names.index(name) for name in names], np.int64)

    def _name(self, named: Mapping[int, str], where: str) -> None:
        for number, name in named.items():
            _require_name(str(name), where)
            if not 0 <= int(number) < MAX_CLASSES:
                raise UsageError(
                    f"expected names of classes from 0 to {MAX_CLASSES - 1} at {where}, got one of {number}: number "
                    f"them from 0"
                )
            while len(self.class_names) <= int(number):
                self.class_names.append(f"class {len(self.class_names)}")
            self.class_names[int(number)] = str(name)

    def _identities(self, ids: Any, count: int, where: str) -> tuple[int, ...] | None:
        if ids is None:
            return None
        found = _one_each(ids, count, "ids", where)
        if not count:
            return ()
        numbers = _whole(found, "ids as whole numbers", where)
        if self.ids_from_zero is None:
            self.ids_from_zero = bool(numbers.min() == 0)
        numbers = numbers + int(self.ids_from_zero)
        if numbers.min() < 1 or numbers.max() > MAX_IDENTITY:
            wrong = (numbers.min() if numbers.min() < 1 else numbers.max()) - int(self.ids_from_zero)
            raise UsageError(
                f"expected ids from {1 - int(self.ids_from_zero)} on at {where}, got {wrong}: number the objects so, "
                f"each by one number in all frames"
            )
        values, counts = np.unique(numbers, return_counts=True)
        if counts.max() > 1:
            twice = values[counts > 1][0] - int(self.ids_from_zero)
            raise UsageError(
                f"expected each id once a frame, got {twice} more than once at {where}: number the instances of a "
                f"frame differently, or leave ids out and let them be matched"
            )
        return tuple(numbers.tolist())


def _require_arrays(seen: Any, where: str) -> None:
    """Refuse what is neither masks nor a result that is known."""
    if seen is None or isinstance(seen, list | tuple | np.ndarray) or hasattr(seen, "detach"):
        return
    if hasattr(seen, "__array__"):
        return
    told = f"a dictionary with {', '.join(map(str, seen)) or 'nothing'}" if isinstance(seen, Mapping) else ""
    raise UsageError(
        f"expected masks (N, H, W), or one of {LIBRARIES}, at {where}, got {told or type(seen).__name__}: pass "
        f"one of these"
    )


def _one_each(values: Any, count: int, what: str, where: str) -> NDArray[Any]:
    """Return values, one an instance.

    Raises:
        UsageError: if there are more or fewer.
    """
    found = as_array(values)
    if found.shape == (0,) or (found.ndim == 1 and len(found) == count):
        if len(found) == count:
            return found
    elif found.ndim == 2 and found.shape[1] == 1 and len(found) == count:
        return found[:, 0]
    raise UsageError(
        f"expected {what} for {count} mask{'' if count == 1 else 's'} at {where}, got {shape_text(found)}: pass one "
        f"each"
    )


def _whole(found: NDArray[Any], what: str, where: str) -> NDArray[np.int64]:
    if found.dtype.kind not in "iufb" or not np.isfinite(found).all() or (found != np.floor(found)).any():
        raise UsageError(f"expected {what} at {where}, got {found.dtype} {found.tolist()[:5]}: convert them")
    return found.astype(np.int64)


def _scores(scores: Any, count: int, where: str) -> NDArray[np.float32]:
    if scores is None:
        return np.ones(count, np.float32)
    found = _one_each(scores, count, "scores", where)
    if count and (found.dtype.kind not in "iufb" or not ((found >= 0) & (found <= 1)).all()):
        raise UsageError(
            f"expected scores from 0 to 1 at {where}, got {found.tolist()[:5]}: pass probabilities, divided by 100 if "
            f"they are per cent"
        )
    return found.astype(np.float32)


def _boxes(boxes: Any, crops: Sequence[MaskCrop], where: str) -> NDArray[np.float32]:
    """Return boxes, one an instance; a mask's own where none is given."""
    if boxes is None:
        return np.array([crop.region for crop in crops], np.float32).reshape(len(crops), 4)
    found = as_array(boxes)
    if not crops and not found.size:
        return np.zeros((0, 4), np.float32)
    if found.shape != (len(crops), 4) or not np.isfinite(found).all():
        raise UsageError(
            f"expected finite boxes ({len(crops)}, 4) at {where}, one a mask, got {shape_text(found)}: pass x1, y1, "
            f"x2, y2 in pixels of the frame"
        )
    return found.astype(np.float32)


def _require_name(name: str, where: str) -> None:
    if not name or not name.isprintable():
        raise UsageError(
            f"expected printable class names at {where}, got {name!r}: name the class in plain letters"
        )
