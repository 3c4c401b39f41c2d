"""`--precision auto`: bfloat16 where the device has it and a check on the first frames finds what counts unchanged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.analyzing.agreement import Agreement, counted
from yolact_temporal.analyzing.chosen_models import users_own
from yolact_temporal.analyzing.loaded_model import LoadedModel
from yolact_temporal.analyzing.models import ModelRequest, load_model
from yolact_temporal.yolact.device import has_bfloat16, resolve_device
from yolact_temporal.yolact.how_to_run import PRECISIONS

CHECKED_FRAMES = 8
"""So many of the first frames are looked at."""
MOST_PX = 0.1
"""Every instance's outline must lie nearer than this to that of float32, in pixels of the frame (B1)."""

_EXACT, _REDUCED = PRECISIONS[0], "bfloat16"

Pictures = Callable[[], Sequence[NDArray[np.uint8]]]
"""Gives the first frames, uint8 RGB (H, W, 3) of one size, when they are needed; they may be none."""


def load_checked(request: ModelRequest, pictures: Pictures) -> LoadedModel:
    """Load a model in bfloat16 where that changes nothing that is counted, else in float32.

    The manifest says what was taken, as `precision`, and why, as `precision_check`.

    Args:
        request: the model; its precision does not matter.
        pictures: the first frames of what is to be measured.

    Raises:
        UsageError, WeightsError: as of `load_model`.
    """
    exact = load_model(replace(request, precision=_EXACT))
    device = resolve_device(request.device)
    if users_own(request.name):
        return _said(exact, _EXACT, "your own model chooses its arithmetic itself")
    if not has_bfloat16(device):
        return _said(exact, _EXACT, f"this {device.type} computes no {_REDUCED} by itself")
    frames = list(pictures())[:CHECKED_FRAMES]
    if not frames:
        return _said(exact, _EXACT, "there is no frame to check by")
    reduced = load_model(replace(request, precision=_REDUCED))
    agreement = compare_models(exact, reduced, frames)
    chosen = reduced if unchanged(agreement) else exact
    return _said(chosen, chosen.manifest["precision"], found(agreement))


def compare_models(
    exact: LoadedModel, reduced: LoadedModel, frames: Sequence[NDArray[np.uint8]]
) -> Agreement:
    """Let two models see frames, uint8 RGB (H, W, 3), and return how far what they count agrees."""
    pairs = []
    for frame in frames:
        first, second = (
            counted(model.segmenter.segment(frame[None]), model.score_threshold) for model in (exact, reduced)
        )
        pairs.append((first[0], second[0]))
    return Agreement.of(pairs)


def unchanged(agreement: Agreement) -> bool:
    """Say whether the same instances are counted, at least one, and all their outlines lie where they did."""
    worst = agreement.worst_px
    return agreement.flips == 0 and worst is not None and worst < MOST_PX


def found(agreement: Agreement) -> str:
    """Return what a check found, as the rest of a sentence."""
    where = f"on the first {agreement.frames} frames {_REDUCED}"
    if agreement.flips:
        return (
            f"{where} misses {agreement.missing} and adds {agreement.added} of {agreement.expected} instances that "
            f"{_EXACT} counts"
        )
    if agreement.worst_px is None:
        return f"on the first {agreement.frames} frames nothing is counted that could be checked"
    return (
        f"{where} counts the same {agreement.expected} instances as {_EXACT}, whose outlines differ by "
        f"{agreement.worst_px:.3f} px at most (bound: {MOST_PX:g})"
    )


def _said(model: LoadedModel, precision: str, why: str) -> LoadedModel:
    sentence = f"{model.name} runs in {precision}: {why}."
    return replace(model, manifest=model.manifest | {"precision": precision, "precision_check": sentence})
