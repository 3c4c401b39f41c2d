"""Stand-in models: the truth of a scene, corrupted by a known dose of one fault each.

A measurement is right only if it finds what was put in; and what must not win in a comparison is here to try.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.instances import Instances
from yolact_temporal.data.synthetic.scenes import CLASS_NAMES, Outline, SceneFrame

Bitmap = NDArray[np.bool_]
Corruption = Callable[["StandIn", SceneFrame, int, Bitmap], Bitmap | None]
"""From a frame, an object's id and its true mask to the mask the stand-in gives, None for none."""

SMOOTHNESS_PX = 5.0
"""How far along an outline noise stays alike."""
BURST_FRAMES = 5
"""How long the bursts of `dropped_in_bursts` are on average."""
_NEAR_PX = 2.0
"""Within so many pixels of an outline its depth is as good as a distance."""
_SCORE = 0.9


@dataclass
class StandIn:
    """A model made of a scene's truth.

    Attributes:
        name: what it is, with its dose.
        corrupt: what it does to each mask.
        dose: how much, in the unit of the fault.
        seed: of everything random.
        flip_rate: share of frames in which an object's class changes.
        kept: the first mask of each object, for what keeps it.
        classes: the class last given to each object.
        absent: whether each object is missed, for what misses several frames at a time.
        shown: the objects that the last frame's instances are of, in their order.
    """

    name: str
    corrupt: Corruption
    dose: float = 0.0
    seed: int = 0
    flip_rate: float = 0.0
    kept: dict[int, Bitmap] = field(default_factory=dict)
    classes: dict[int, int] = field(default_factory=dict)
    absent: dict[int, bool] = field(default_factory=dict)
    shown: tuple[int, ...] = ()

    class_names = CLASS_NAMES

    def rng(self, frame: SceneFrame, key: int) -> np.random.Generator:
        """Return the random numbers of an object in a frame, the same whatever else was drawn."""
        return np.random.default_rng((self.seed, frame.index, key))

    def see(self, frame: SceneFrame) -> Instances:
        """Return what the stand-in sees in a frame; frames must come in order."""
        masks, classes, scores, shown = [], [], [], []
        for key, truth in frame.masks.items():
            mask = self.corrupt(self, frame, key, truth)
            if mask is None:
                continue
            shown.append(key)
            masks.append(mask)
            classes.append(self._class(frame, key))
            scores.append(_SCORE + 0.05 * float(self.rng(frame, 0).uniform(-1, 1)))
        self.shown = tuple(shown)
        height, width = frame.visible.shape
        if not masks:
            return Instances.empty((height, width))
        boxes = [_box(mask) for mask in masks]
        return Instances.from_bitmaps(boxes, scores, classes, np.stack(masks))

    def _class(self, frame: SceneFrame, key: int) -> int:
        current = self.classes.get(key, frame.class_ids[key])
        if key in self.classes and self.rng(frame, key + 1_000).uniform() < self.flip_rate:
            current = (current + 1) % len(CLASS_NAMES)
        self.classes[key] = current
        return current


def truth(_stand_in: StandIn, _frame: SceneFrame, _key: int, mask: Bitmap) -> Bitmap:
    """Keep the true mask."""
    return mask


def boundary_noise(stand_in: StandIn, frame: SceneFrame, key: int, mask: Bitmap) -> Bitmap:
    """Move the outline along its normal by smooth noise of RMS `dose` px, drawn anew in every frame."""
    return _displaced(mask, frame.outlines[key], stand_in.dose, stand_in.rng(frame, key))


def centroid_shake(stand_in: StandIn, frame: SceneFrame, key: int, mask: Bitmap) -> Bitmap:
    """Shift the whole mask by noise of standard deviation `dose` px an axis, to a fraction of a pixel."""
    return _shifted(frame.outlines[key], _size(mask), stand_in.rng(frame, key).normal(0, stand_in.dose, 2))


def drift(stand_in: StandIn, frame: SceneFrame, key: int, mask: Bitmap) -> Bitmap:
    """Shift the mask by `dose` px more in every frame, to the right."""
    return _shifted(frame.outlines[key], _size(mask), np.array([stand_in.dose * frame.index, 0.0]))


def frozen(stand_in: StandIn, _frame: SceneFrame, key: int, mask: Bitmap) -> Bitmap:
    """Keep the first mask for ever."""
    return stand_in.kept.setdefault(key, mask)


def dropped(stand_in: StandIn, frame: SceneFrame, key: int, mask: Bitmap) -> Bitmap | None:
    """Miss a share `dose` of the frames, each by itself."""
    return None if stand_in.rng(frame, key).uniform() < stand_in.dose else mask


def dropped_in_bursts(stand_in: StandIn, frame: SceneFrame, key: int, mask: Bitmap) -> Bitmap | None:
    """Miss a share `dose` of the frames (at most 0.8), `BURST_FRAMES` at a time on average."""
    draw = stand_in.rng(frame, key).uniform()
    # Two states, absent and present, left with these probabilities: in the long run absent in a share `dose`.
    ends, begins = 1 / BURST_FRAMES, stand_in.dose / (BURST_FRAMES * (1 - stand_in.dose))
    before = stand_in.absent.get(key)
    missed = stand_in.dose if before is None else 1 - ends if before else begins
    absent = draw < missed
    stand_in.absent[key] = bool(absent)
    return None if absent else mask


def worst_dropped(stand_in: StandIn, frame: SceneFrame, key: int, mask: Bitmap) -> Bitmap | None:
    """Miss the frames in which `varying_noise` with the same seed and dose is worst, 30 in 100 of them."""
    return None if _badness(stand_in, frame, key) > 0.7 else varying_noise(stand_in, frame, key, mask)


def varying_noise(stand_in: StandIn, frame: SceneFrame, key: int, mask: Bitmap) -> Bitmap:
    """Move the outline by noise whose RMS varies from frame to frame, from 0 to twice `dose` px."""
    amount = 2 * stand_in.dose * _badness(stand_in, frame, key)
    return _displaced(mask, frame.outlines[key], amount, stand_in.rng(frame, key))


def merged(stand_in: StandIn, frame: SceneFrame, key: int, mask: Bitmap) -> Bitmap | None:
    """Take the first two objects for one."""
    if key == 2 and 1 in frame.masks:
        return None
    return mask | frame.masks[2] if key == 1 and 2 in frame.masks else mask


def low_resolution_box(stand_in: StandIn, _frame: SceneFrame, _key: int, mask: Bitmap) -> Bitmap:
    """Know the mask on a grid of `dose` cells a side inside its box only, as Mask R-CNN does (28)."""
    x1, y1, x2, y2 = (int(edge) for edge in _box(mask))
    out = np.zeros_like(mask)
    out[y1:y2, x1:x2] = _through_grid(mask[y1:y2, x1:x2], int(stand_in.dose))
    return out


def low_resolution_frame(stand_in: StandIn, _frame: SceneFrame, _key: int, mask: Bitmap) -> Bitmap:
    """Know the mask on a grid of `dose` cells a side over the whole frame, as YOLACT does (138)."""
    return _through_grid(mask, int(stand_in.dose))


def empty(_stand_in: StandIn, _frame: SceneFrame, _key: int, mask: Bitmap) -> Bitmap:
    """Report the object with a mask that has no pixel."""
    return np.zeros_like(mask)


def full_box(_stand_in: StandIn, _frame: SceneFrame, _key: int, mask: Bitmap) -> Bitmap:
    """Fill the object's box."""
    x1, y1, x2, y2 = (int(edge) for edge in _box(mask))
    out = np.zeros_like(mask)
    out[y1:y2, x1:x2] = True
    return out


STAND_INS: Mapping[str, Corruption] = MappingProxyType(
    {
        corruption.__name__: corruption
        for corruption in (
            truth,
            boundary_noise,
            centroid_shake,
            drift,
            frozen,
            dropped,
            dropped_in_bursts,
            varying_noise,
            worst_dropped,
            merged,
            low_resolution_box,
            low_resolution_frame,
            empty,
            full_box,
        )
    }
)
"""Every fault by name; class flips come on top of any."""


def make_stand_in(fault: str, dose: float = 0.0, seed: int = 0, flip_rate: float = 0.0) -> StandIn:
    """Return a stand-in model with a fault of `STAND_INS`.

    Args:
        fault: its name.
        dose: how much of it, in the fault's own unit.
        seed: of everything random.
        flip_rate: share of frames in which an object's class changes, 0..1.

    Raises:
        ValueError: if there is no such fault.

    Example:
        >>> from yolact_temporal.data.synthetic.scenes import SceneOptions, SyntheticScene
        >>> exact, noisy = make_stand_in("truth"), make_stand_in("boundary_noise", dose=2.0)
        >>> frame = next(iter(SyntheticScene(SceneOptions(size=(48, 64), objects=1))))
        >>> np.array_equal(exact.see(frame).bitmaps()[0], frame.masks[1])
        True
        >>> np.array_equal(noisy.see(frame).bitmaps()[0], frame.masks[1])
        False
    """
    if fault not in STAND_INS:
        raise ValueError(f"expected a fault out of {', '.join(STAND_INS)}, got {fault!r}")
    return StandIn(f"{fault} {dose:g}", STAND_INS[fault], dose, seed, flip_rate)


def _badness(stand_in: StandIn, frame: SceneFrame, key: int) -> float:
    return float(stand_in.rng(frame, key + 2_000).uniform())


def _smooth_noise(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return noise of RMS 1 that is alike over some pixels, float (H, W)."""
    margin = math.ceil(
        4 * SMOOTHNESS_PX
    )  # beyond it the blur does not reach, so that the rim is like the rest
    white = rng.normal(size=(shape[0] + 2 * margin, shape[1] + 2 * margin))
    noise = np.asarray(cv2.GaussianBlur(white, (0, 0), SMOOTHNESS_PX))[margin:-margin, margin:-margin]
    # White noise of deviation 1 blurred with a Gaussian of sigma s has deviation 1 / (2 s sqrt(pi)).
    smooth: NDArray[np.float64] = noise * (2 * SMOOTHNESS_PX * np.sqrt(np.pi))
    return smooth


def _displaced(mask: Bitmap, outline: Outline, amount: float, rng: np.random.Generator) -> Bitmap:
    """Move the outline along its normal by smooth noise of RMS `amount` px."""
    own = mask[outline.part]
    noise = amount * _smooth_noise(rng, (own.shape[0], own.shape[1]))
    out = np.zeros_like(mask)
    if own.all():  # no outline in sight
        out[outline.part] = True
    else:
        signed, nearest = _signed_distance(own)
        near = np.abs(outline.depth) < _NEAR_PX
        # The noise is taken where the outline is, so that it moves by that much whatever the noise is beside it.
        out[outline.part] = np.where(near, outline.depth, signed) + noise.take(nearest) > 0
    return out


def _signed_distance(mask: Bitmap) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return how far each pixel is from the outline, and the pixel across the outline that it is nearest to.

    Args:
        mask: bool (h, w) with a pixel off and a pixel on.

    Returns:
        The distance to the outline, taken half way between pixels, positive inside, float (h, w); flat indices, int
        (h, w).
    """
    signed, nearest = np.zeros(mask.shape), np.zeros(mask.shape, np.intp)
    for part, sign in ((mask, 1.0), (~mask, -1.0)):
        away, labels = cv2.distanceTransformWithLabels(
            part.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE, labelType=cv2.DIST_LABEL_PIXEL
        )
        across = np.flatnonzero(~part)
        signed[part] = sign * (np.asarray(away, np.float64)[part] - 0.5)
        nearest[part] = across[np.asarray(labels)[part] - 1]
    return signed, nearest


def _shifted(outline: Outline, size: tuple[int, int], shift: NDArray[np.float64]) -> Bitmap:
    """Shift a mask by (x, y) px, to a fraction of a pixel; what the frame's border cuts off goes on beyond it."""
    dx, dy = (int(whole) for whole in np.floor(shift))
    u, v = shift - (dx, dy)
    margin = max(abs(dx), abs(dy)) + 1
    depth = np.pad(outline.depth.astype(np.float64), margin, mode="edge")
    # What the shift brings to each pixel, between the pixel that came and its left and upper neighbours.
    depth[:, 1:] = depth[:, 1:] * (1 - u) + depth[:, :-1] * u
    depth[1:] = depth[1:] * (1 - v) + depth[:-1] * v
    spans = []
    for where, step, limit in zip(outline.part, (dy, dx), size, strict=True):
        spans.append((max(where.start + min(step, 0), 0), min(where.stop + max(step, 0) + 1, limit)))
    taken = tuple(
        slice(low - where.start - step + margin, high - where.start - step + margin)
        for (low, high), where, step in zip(spans, outline.part, (dy, dx), strict=True)
    )
    out = np.zeros(size, bool)
    moved = depth[taken] >= 0
    out[tuple(slice(low, low + length) for (low, _), length in zip(spans, moved.shape, strict=True))] = moved
    return out


def _through_grid(mask: Bitmap, cells: int) -> Bitmap:
    coarse = cv2.resize(mask.astype(np.float32), (cells, cells), interpolation=cv2.INTER_AREA)
    fine = cv2.resize(coarse, mask.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(fine) > 0.5


def _size(mask: Bitmap) -> tuple[int, int]:
    return mask.shape[0], mask.shape[1]


def _box(mask: Bitmap) -> tuple[float, float, float, float]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return 0.0, 0.0, 0.0, 0.0
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
