"""The job behind `explain`: one mask of a finished run, its parts computed anew and drawn."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.analyzing.mask_sources import ExplainedMasks
from yolact_temporal.analyzing.models import ModelRequest, load_model
from yolact_temporal.data.crops import mask_iou
from yolact_temporal.data.files import make_folder
from yolact_temporal.data.frames import Frame
from yolact_temporal.data.mask_parts import MaskParts
from yolact_temporal.data.masks_jsonl import FrameRecord, read_records_at
from yolact_temporal.data.runs.guard import require_new_path
from yolact_temporal.data.runs.manifest import Manifest
from yolact_temporal.data.runs.reader import FinishedFolder, open_finished
from yolact_temporal.data.runs.tracked_masks import read_tracks
from yolact_temporal.data.viewing import view_clip
from yolact_temporal.errors import InputError, UsageError, WeightsError
from yolact_temporal.temporal.meter import StabilityMeter
from yolact_temporal.temporal.motion import Motion
from yolact_temporal.temporal.replaying import motion_between
from yolact_temporal.temporal.why.causes_text import pair_sentences
from yolact_temporal.temporal.why.explaining import Explainer, PairCauses
from yolact_temporal.temporal.why.parts_plot import plot_parts
from yolact_temporal.yolact.segmenter import offers_parts

SAME_IOU = 0.9
"""Least IoU of a mask that is seen anew with the recorded one: another device may move single pixels."""


@dataclass(frozen=True)
class ExplainRequest:
    """Which mask of which run is explained.

    Attributes:
        run: the run folder.
        frame: the index of the frame in the clip.
        out: the PNG to write; nothing may lie there.
        model: whose mask; may be None where the run has one model.
        track: of which track, as in `instances.csv`; None for the best-scored one that can be explained.
        weights: a weights file; by default the model's own.
        device: "auto" or a torch device.
    """

    run: Path
    frame: int
    out: Path
    model: str | None = None
    track: int | None = None
    weights: Path | None = None
    device: str = "auto"


@dataclass(frozen=True)
class ExplainedMask:
    """One mask explained.

    Attributes:
        path: the picture.
        model: whose mask.
        frame, track: which.
        values: what its pair owes to each part, by metric name; None where undefined.
        sentences: the same for a reader.
    """

    path: Path
    model: str
    frame: int
    track: int
    values: Mapping[str, float | None]
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class _Pair:
    """Two measured frames, one after the other: pictures, motion, and the run's record and tracks of both."""

    frames: tuple[Frame, Frame]
    motion: Motion
    records: tuple[FrameRecord, FrameRecord]
    tracks: tuple[list[int | None], list[int | None]]


def explain_mask(request: ExplainRequest) -> ExplainedMask:
    """Run a model of a finished run on one frame and the one before, and draw what a mask is assembled from.

    Nothing else of the clip is computed, and the run stays as it is.

    Raises:
        UsageError: if there is no such model, frame or track, or something lies at the picture's path.
        InputError: if the run is not finished, its clip is gone, its model does not say what its masks are assembled
            from, or sees now otherwise than recorded.
        WeightsError: if the model's weights are missing or not those of the run.
    """
    finished = open_finished(request.run)
    manifest, name = finished.manifest, finished.model_name(request.model)
    require_new_path(request.out, "a path for a picture", manifest.inputs)
    _require_own_masks(manifest, name)
    pair = _pair(finished, name, request.frame)
    source = _loaded(manifest, name, request)
    parts = _seen_anew(source, pair)
    meter = StabilityMeter(source.class_names, None, manifest.options.stride, identified=True)
    explainer = Explainer(source.assemble)
    causes: list[PairCauses] = []
    for place, frame in enumerate(pair.frames):
        keep = np.array([track is not None for track in pair.tracks[place]], np.bool_)
        instances, motion = pair.records[place].instances.select(keep), pair.motion if place else None
        tracks = [track for track in pair.tracks[place] if track is not None]
        stability = meter.update(frame.index, frame.time_s, instances, motion, identities=tracks)
        told = parts[place].select(keep)
        causes = explainer.update(stability, instances.crops, meter.carried, motion, told)
    mixed = explainer.latest
    if mixed is None:
        raise UsageError(
            f"expected a frame with a mask that can be explained, got {request.frame}: take another"
        )
    track = mixed.track_ids[0] if request.track is None else request.track
    if track not in mixed.track_ids:
        raise UsageError(
            f"expected a track that can be explained at frame {request.frame}, one of "
            f"{', '.join(map(str, mixed.track_ids))}, got {track}: name one of them"
        )
    make_folder(request.out.absolute().parent)
    rgb = pair.frames[1].rgb
    plot_parts(request.out, name, rgb, mixed, source.assemble, mixed.track_ids.index(track))
    own = next(each for each in causes if each.track_id == track)
    said = tuple(pair_sentences(name, own))
    return ExplainedMask(request.out, name, request.frame, track, own.values, said)


def _require_own_masks(manifest: Manifest, name: str) -> None:
    """Refuse masks that no model on board has made: nobody here can say what they are assembled from."""
    document: Mapping[str, Any] = manifest.document["models"][name]
    if other := manifest.models[name].stabilized:
        raise InputError(
            f"expected masks as a model made them, got those of {other}, stabilised: explain {other}"
        )
    if "masks" in document:
        raise InputError(
            f"expected masks that a model made, got {name}, which were read from a file: nobody knows what they are "
            f"assembled from"
        )
    if "factory" in document:  # code that a run folder names is never imported
        raise InputError(
            f"expected a model on board, got {name}, which your own code makes: analyze the clip with --prototypes "
            f"and the frame to see its parts"
        )


def _pair(finished: FinishedFolder, name: str, frame: int) -> _Pair:
    manifest, files = finished.manifest, finished.folder.model(name)
    for path in (files.masks, files.instances):
        if not finished.there(path):
            raise InputError(f"expected {path}, found none: analyze the clip again with --overwrite")
    before = frame - manifest.options.stride
    indices = (before, frame)
    try:
        found = read_records_at(files.masks, indices)
    except ValueError as error:
        raise InputError(
            f"expected a record a line in {files.masks}, got something else: analyze the clip again with --overwrite"
        ) from error
    if len(found) < 2:
        raise UsageError(
            f"expected a frame that was measured, as was the one before it, got {frame}: see "
            f"{files.frames} for those that were"
        )
    threshold, tracks = manifest.models[name].score_threshold, read_tracks(files)
    records = tuple(found[index].above(threshold) for index in indices)
    own = tuple(tracks.get(index, []) for index in indices)
    if any(len(record.instances) != len(ids) for record, ids in zip(records, own, strict=True)):
        raise InputError(
            f"expected as many instances in {files.instances} as in {files.masks.name}, got others: analyze the clip "
            f"again with --overwrite"
        )
    with closing(view_clip(manifest.clip)) as viewer:
        motion = motion_between(viewer, manifest.options, before, frame)
        pictures = [viewer.frame(index) for index in indices]
    if motion is None or pictures[0] is None or pictures[1] is None:
        raise UsageError(f"expected a frame that goes on from the one before it, got {frame}: take another")
    first, second = (
        Frame(record.index, record.time_s, rgb)
        for record, rgb in zip(records, pictures, strict=True)
        if rgb is not None
    )
    return _Pair((first, second), motion, (records[0], records[1]), (own[0], own[1]))


def _loaded(manifest: Manifest, name: str, request: ExplainRequest) -> ExplainedMasks:
    """Return the model as the run had it."""
    own, document = manifest.models[name], manifest.document["models"][name]
    model = load_model(
        ModelRequest(
            name,
            own.score_threshold,
            request.device,
            own.precision or "float32",
            request.weights,
            float(document.get("record_threshold", own.score_threshold)),
        )
    )
    weights = str(model.manifest["weights"]["sha256"])
    if own.weights and not weights.startswith(own.weights):
        raise WeightsError(
            f"expected the weights that {name} had in this run ({own.weights}...), got {weights[:12]}...: pass their "
            f"file to --weights"
        )
    if not offers_parts(model.segmenter):
        raise InputError(f"expected a model that says what its masks are assembled from, got {name}")
    return ExplainedMasks(model)


def _seen_anew(source: ExplainedMasks, pair: _Pair) -> list[MaskParts]:
    """Return the parts of the instances that count in both frames, in the record's order.

    Raises:
        InputError: if other masks are seen than were recorded.
    """
    found = []
    for frame, record in zip(pair.frames, pair.records, strict=True):
        ((seen, parts),) = source.see_parts([frame])
        keep: NDArray[np.bool_] = seen.instances.scores > source.score_threshold
        now, then = seen.instances.select(keep), record.instances
        if len(now) != len(then) or any(
            other.area and mask_iou(one, other) < SAME_IOU
            for one, other in zip(now.crops, then.crops, strict=True)
        ):
            raise InputError(
                f"expected {source.name} to see in frame {frame.index} what the run recorded, got other masks: another "
                f"version or device made the run, analyze the clip again"
            )
        found.append(parts.select(keep))
    return found
