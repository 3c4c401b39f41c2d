"""`analyze`: a model and its baseline over a clip, called from Python."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from yolact_temporal.analyzing.chosen_models import chosen_models, require_distinct, require_threshold
from yolact_temporal.analyzing.options import AnalyzeOptions
from yolact_temporal.analyzing.request import RunRequest
from yolact_temporal.analyzing.run_clip import run_clip
from yolact_temporal.analyzing.why_sample import WHY_SAMPLE
from yolact_temporal.data.runs import names as run_names
from yolact_temporal.data.runs.manifest import FlowMethod
from yolact_temporal.data.selection import check_range, parse_position
from yolact_temporal.interface.given_frames import opened_clip
from yolact_temporal.interface.places import Place, require_motion
from yolact_temporal.interface.results import Result
from yolact_temporal.interface.words import in_python_words

Folder = str | Path

COUNTERPART = "counterpart"
"""Stands for the baseline that a model is measured beside where none is named."""


@in_python_words
def analyze(
    clip: Any,
    model: str = "yolact_compact",
    baseline: str | Sequence[str] | None = COUNTERPART,
    *,
    fps: float | None = None,
    start: str | float = 0,
    end: str | float | None = None,
    stride: int = 1,
    score_threshold: float | None = None,
    weights: Folder | None = None,
    device: str = "auto",
    clip_name: str | None = None,
    folder: Folder | None = None,
    overwrite: bool = False,
    why: bool = True,
    motion: FlowMethod = AnalyzeOptions.motion,
) -> Result:
    """Run a model and its baseline over a clip and measure both, as `yolact-temporal analyze` does.

    Args:
        clip: a video, a folder of images, or frames in memory, uint8 (T, H, W, 3) in RGB.
        model: a model's name (`yolact-temporal weights list`), or your own as "package.module:factory".
        baseline: the models to compare it with, by name; by default its counterpart, a Mask R-CNN; None for none.
        fps: frames a second of images or frames, which have no rate of their own.
        start, end: which part of the clip: an index of a frame, or a time as "2.5s" or "1:02.5".
        stride: take every so many frames.
        score_threshold: instances whose score is above it count; by default the models' own.
        weights: a weights file of the model; by default the one that is bundled or was fetched.
        device: "auto", "cpu", "cuda" and so on.
        clip_name: what to call the clip; by default as its file or folder is called.
        folder: keep the run there, with overlay videos and plots; by default it is temporary, until `save`.
        overwrite: replace a run that is there.
        why: look for what the jitter comes from, on a sample of the pairs of frames.
        motion: the optical flow that motion is estimated by: "dis", "dis-quick", "dis-fine" or "farneback".

    Raises:
        UsageError: if an argument is wrong, such as a model that there is not.
        WeightsError: if a model's weights are missing.
        InputError: if the clip cannot be read.

    Example:
        >>> import numpy as np
        >>> import yolact_temporal as yt
        >>> frames = np.random.default_rng(0).integers(0, 255, (3, 72, 96, 3), np.uint8)
        >>> result = yt.analyze(frames, baseline=None, fps=24)
        >>> result.models, len(result.frames)
        (['yolact_compact'], 3)
    """
    first, last = (
        parse_position(str(start), "start"),
        None if end is None else parse_position(str(end), "end"),
    )
    check_range(first, last, stride)
    named = [baseline] if isinstance(baseline, str) else list(baseline or ())
    named = [] if named == [COUNTERPART] else named
    names = chosen_models(model, named, without=baseline is None)
    require_threshold(score_threshold)
    require_motion(motion)
    named_by = run_names.clip_name(str(clip)) if isinstance(clip, str | Path) else None
    source = opened_clip(clip, fps)
    from yolact_temporal.analyzing.models import ModelRequest, load_model  # PyTorch, once all else is right

    with closing(source):
        place = Place(folder, overwrite, clip_name or named_by)
        models = [
            load_model(
                ModelRequest(
                    name,
                    score_threshold,
                    device,
                    weights=Path(weights) if weights is not None and name == names[0] else None,
                )
            )
            for name in names
        ]
        require_distinct([own.name for own in models])
        options = AnalyzeOptions(
            start=first, end=last, stride=stride, motion=motion, why_every=WHY_SAMPLE if why else 0
        )
        return place.result(run_clip(source, models, RunRequest(place.destination, options)))
