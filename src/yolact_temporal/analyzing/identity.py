"""Identity against a ground truth (METRICS D7): HOTA, MOTSA and IDF1, computed by the package `trackeval`.

Without it these figures are left out, and everything else stands. Its metrics take a whole clip at once: what it is
given, the overlaps of each frame's masks, is all that grows with the clip.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from scipy.optimize import linear_sum_assignment

from yolact_temporal.data.formats import MaskFrame, MaskSequence
from yolact_temporal.data.rle import Rle
from yolact_temporal.temporal.metrics.identity import SPECS

INSTALL = "pip install 'yolact-temporal[identity]'"
"""How to get `trackeval`. It brings a second OpenCV beside the one that is there; docs/formats.md has a way without."""

_MATCH_IOU, _IN_VOID = 0.5, 0.5
_MARGIN = float(np.finfo(np.float64).eps)


MOST_FRAMES = 20_000
"""Of longer clips these figures are left out: the overlaps of every frame would have to be held at once."""

MOST_PAIRS = 250_000
"""They are left out, too, where there are more pairs of a true and a found identity: a table of all would be held."""


class _Matched(NamedTuple):
    """One frame: true and found identities, and the IoU of each true mask with each found, float (N, M)."""

    true: NDArray[np.int64]
    found: NDArray[np.int64]
    iou: NDArray[np.float64]


def available() -> bool:
    """Say whether `trackeval` is installed."""
    return importlib.util.find_spec("trackeval") is not None


def too_large(frames: int, true: int, found: int) -> str | None:
    """Return why a clip is too large for these figures, a sentence; None where it is not.

    Args:
        frames: of which the truth is known.
        true, found: how many identities there are.

    Example:
        >>> too_large(100, 5, 7) is None
        True
        >>> too_large(100, 5_000, 900).partition(":")[0]
        'HOTA, MOTSA and IDF1 are left out'
    """
    names = ", ".join(spec.label for spec in SPECS[:-1]) + f" and {SPECS[-1].label}"
    if frames > MOST_FRAMES:
        return f"{names} are left out: they are computed of at most {MOST_FRAMES:,} frames, and there are {frames:,}."
    if true * found > MOST_PAIRS:
        return (
            f"{names} are left out: they are computed of at most {MOST_PAIRS:,} pairs of a true and a found identity, "
            f"and there are {true:,} times {found:,}."
        )
    return None


def identity_figures(truth: MaskSequence, masks: MaskSequence) -> dict[str, float | None]:
    """Return HOTA, MOTSA and IDF1 of masks over the frames that both sequences know.

    Masks that match no true one and lie for more than half in the void are left out, as TrackEval does for MOTS.

    Args:
        truth: true masks with identities.
        masks: masks with identities, of the same size; they may overlap.

    Returns:
        A value by each name of `SPECS`; None where the truth has no mask. MOTSA has no least value, the others are
        in 0..1.

    Raises:
        ImportError: if `trackeval` is not installed.
    """
    # It prints what it could not import to stdout, which may be for machines.
    with redirect_stdout(sys.stderr):
        from trackeval.metrics import CLEAR, HOTA, Identity

    frames = list(_matched_frames(truth, masks))
    data = _numbered(frames)
    if data["num_gt_dets"] == 0:
        return {spec.name: None for spec in SPECS}
    hota = HOTA().eval_sequence(data)
    clear = CLEAR({"PRINT_CONFIG": False}).eval_sequence(data)
    identity = Identity({"PRINT_CONFIG": False}).eval_sequence(data)
    return {
        "hota": float(np.mean(hota["HOTA"])),
        "motsa": float(clear["MOTA"]),
        "idf1": float(identity["IDF1"]),
    }


def _matched_frames(truth: MaskSequence, masks: MaskSequence) -> Iterator[_Matched]:
    """Pair the frames of two sequences, read once each; a frame that only one knows is passed over."""
    found_frames = iter(masks)
    found = next(found_frames, None)
    for true in truth:
        while found is not None and found.index < true.index:
            if truth.sparse:
                yield _matched(None, found)
            found = next(found_frames, None)
        if found is None:
            return
        if found.index == true.index:
            yield _matched(true, found)
            found = next(found_frames, None)
    while found is not None and truth.sparse:
        yield _matched(None, found)
        found = next(found_frames, None)


def _matched(true: MaskFrame | None, found: MaskFrame) -> _Matched:
    masks = list(found.instances.masks)
    keys = np.array(found.identities or (), np.int64)
    if true is None:
        return _Matched(np.zeros(0, np.int64), keys, np.zeros((0, len(masks))))
    iou = _overlaps(list(true.instances.masks), masks, [0] * len(masks))
    keep = _outside_void(iou, masks, true.void)
    return _Matched(np.array(true.identities or (), np.int64), keys[keep], iou[:, keep])


def _overlaps(first: list[Rle], second: list[Rle], crowd: list[int]) -> NDArray[np.float64]:
    if not first or not second:
        return np.zeros((len(first), len(second)))
    return np.asarray(coco_mask.iou(first, second, crowd), np.float64).reshape(len(first), len(second))


def _outside_void(iou: NDArray[np.float64], masks: list[Rle], void: Rle | None) -> NDArray[np.bool_]:
    keep = np.ones(len(masks), np.bool_)
    if void is None or not masks:
        return keep
    gain = np.where(iou < _MATCH_IOU - _MARGIN, 0.0, iou)
    rows, columns = linear_sum_assignment(gain, maximize=True)
    free = np.ones(len(masks), np.bool_)
    free[columns[gain[rows, columns] > 0]] = False
    # with the void as a "crowd" this is the share of each mask that lies in it
    inside = _overlaps(masks, [void], [1])[:, 0]
    return ~(free & (inside > _IN_VOID + _MARGIN))


def _numbered(frames: list[_Matched]) -> dict[str, Any]:
    """Return what TrackEval's metrics take: identities numbered from 0 without a gap, and counts."""
    true = np.unique(np.concatenate([np.zeros(0, np.int64), *(frame.true for frame in frames)]))
    found = np.unique(np.concatenate([np.zeros(0, np.int64), *(frame.found for frame in frames)]))
    return {
        "num_timesteps": len(frames),
        "num_gt_ids": len(true),
        "num_tracker_ids": len(found),
        "num_gt_dets": sum(len(frame.true) for frame in frames),
        "num_tracker_dets": sum(len(frame.found) for frame in frames),
        "gt_ids": [np.searchsorted(true, frame.true) for frame in frames],
        "tracker_ids": [np.searchsorted(found, frame.found) for frame in frames],
        "similarity_scores": [frame.iou for frame in frames],
    }
