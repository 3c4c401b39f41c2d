"""`MaskParts`: what a model's masks of one frame were assembled from, for whoever asks which part moved a mask.

A model that offers its parts offers a function that assembles masks from them too; mixing the parts of two frames then
tells what each contributes. Nothing here knows of networks or of time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.crops import MaskCrop

MapsName = Literal["prototypes", "features", "score_maps"]
"""What a model's maps are called."""


@dataclass(frozen=True, eq=False)
class PartMap:
    """Values on a grid of cells that lies over the frame, its first cell in the upper left corner.

    Attributes:
        values: float32 (h, w, c).
        cell_px: width and height of a cell in pixels of the frame. The grid may end beyond the frame.
    """

    values: NDArray[np.float32]
    cell_px: tuple[float, float]

    def __post_init__(self) -> None:
        if self.values.ndim != 3:
            raise ValueError(f"expected a map of shape (h, w, c), got {self.values.shape}")
        if not min(self.cell_px) > 0:
            raise ValueError(f"expected cells larger than 0 px, got {self.cell_px}")


@dataclass(frozen=True, eq=False)
class Origins:
    """The anchor that each instance began as.

    Attributes:
        kinds: int64 (N, 2), its pyramid level and its shape (scale and ratio) among those of the level.
        centers: float32 (N, 2), its centre (x, y) in pixels of the frame.
        cells_px: float32 (N, 2), width and height in pixels of the frame of its level's cells.
        pooled_levels: int64 (N,), the level that the instance's features are pooled from; None where none are.
    """

    kinds: NDArray[np.int64]
    centers: NDArray[np.float32]
    cells_px: NDArray[np.float32]
    pooled_levels: NDArray[np.int64] | None = None

    def select(self, index: NDArray[np.intp]) -> Origins:
        """Return the origins of the given instances, in that order."""
        levels = self.pooled_levels
        return Origins(
            self.kinds[index],
            self.centers[index],
            self.cells_px[index],
            None if levels is None else levels[index],
        )


@dataclass(frozen=True, eq=False)
class Voters:
    """The regions whose masks one instance's mask is voted from.

    Attributes:
        boxes: float (V, 4), xyxy in pixels of the frame.
        weights: float (V,), of each region's vote.
        class_ids: int64 (V,), 0-based, whose maps each region's own mask is read off.

    Raises:
        ValueError: if lengths or shapes disagree.
    """

    boxes: NDArray[np.floating[Any]]
    weights: NDArray[np.floating[Any]]
    class_ids: NDArray[np.integer[Any]]

    def __post_init__(self) -> None:
        count = len(self.weights)
        if self.boxes.shape != (count, 4) or self.class_ids.shape != (count,):
            raise ValueError(
                f"expected boxes and class_ids of {count} voters, got shapes {self.boxes.shape}, {self.class_ids.shape}"
            )


@dataclass(frozen=True, eq=False)
class MaskParts:
    """What N masks of one frame were assembled from.

    Attributes:
        size: the frame's (height, width).
        maps_name: what the maps are: YOLACT's prototypes, features that instances are pooled from, or score maps that
            their masks are read off.
        maps: of the whole frame, shared by all instances.
        boxes: float32 (N, 4), xyxy in pixels of the frame, not clipped: what a mask is cropped by or pooled from.
        pasted: float32 (N, 4), the boxes that masks are pasted into, where that is a step of its own; else None.
        coefficients: float32 (N, k), what combines the maps; None where nothing of the kind is there.
        class_ids: int64 (N,), 0-based, where a mask depends on its class; else None.
        voters: of each instance the regions that vote for its mask, where masks are voted on; else None. They belong to
            its box.
        origins: the anchors that instances began as; None where there are none.

    Raises:
        ValueError: if lengths or shapes disagree.

    Example:
        >>> grid = PartMap(np.zeros((4, 6, 2), np.float32), (8.0, 8.0))
        >>> parts = MaskParts((32, 48), "prototypes", (grid,), np.zeros((3, 4)), coefficients=np.zeros((3, 2)))
        >>> parts.select([2, 0])
        MaskParts(2 of 32x48, from prototypes, coefficients, box)
    """

    size: tuple[int, int]
    maps_name: MapsName
    maps: tuple[PartMap, ...]
    boxes: NDArray[np.floating[Any]]
    pasted: NDArray[np.floating[Any]] | None = None
    coefficients: NDArray[np.floating[Any]] | None = None
    class_ids: NDArray[np.integer[Any]] | None = None
    voters: tuple[Voters, ...] | None = None
    origins: Origins | None = None

    def __post_init__(self) -> None:
        count = len(self.boxes)
        for name in ("boxes", "pasted", "coefficients", "class_ids"):
            rows = getattr(self, name)
            ending = (4,) if name in ("boxes", "pasted") else None
            if rows is None:
                continue
            if len(rows) != count or (ending is not None and rows.shape[1:] != ending):
                raise ValueError(f"expected {name} of {count} instances, got shape {rows.shape}")
        if self.voters is not None and len(self.voters) != count:
            raise ValueError(f"expected voters of {count} instances, got {len(self.voters)}")
        if self.origins is not None and len(self.origins.centers) != count:
            raise ValueError(f"expected origins of {count} instances, got {len(self.origins.centers)}")

    def select(self, keep: NDArray[Any] | Sequence[int]) -> MaskParts:
        """Return the parts of the instances at the given indices, or where a bool (N,) array is true, in that order."""
        index = np.arange(len(self))[np.asarray(keep)] if len(self) else np.zeros(0, np.intp)
        rows = {
            name: getattr(self, name)[index]
            for name in ("boxes", "pasted", "coefficients", "class_ids")
            if getattr(self, name) is not None
        }
        voters = None if self.voters is None else tuple(self.voters[at] for at in index)
        origins = None if self.origins is None else self.origins.select(index)
        return replace(self, **rows, voters=voters, origins=origins)

    def __len__(self) -> int:
        return len(self.boxes)

    def __repr__(self) -> str:
        told = {
            "coefficients": self.coefficients is not None,
            "box": True,
            "box pasted into": self.pasted is not None,
            "class": self.class_ids is not None,
            "voters": self.voters is not None,
        }
        names = [self.maps_name, *(name for name, there in told.items() if there)]
        return f"MaskParts({len(self)} of {self.size[0]}x{self.size[1]}, from {', '.join(names)})"


class Assemble(Protocol):
    """Assembles masks from parts, as the model that gave the parts does."""

    def __call__(self, parts: MaskParts, /) -> Sequence[MaskCrop]:
        """Return the N masks at frame size, thresholded; that of unmixed parts is the mask that was handed out."""
        ...
