"""`measure`: masks that lie in memory, or come one frame after the other, measured in one call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from yolact_temporal.analyzing.chosen_models import require_threshold
from yolact_temporal.analyzing.options import AnalyzeOptions
from yolact_temporal.data.frames import Frame
from yolact_temporal.data.other_libraries import GivenFrame, InstanceAdapter
from yolact_temporal.data.runs import names as run_names
from yolact_temporal.data.runs.manifest import FlowMethod
from yolact_temporal.data.selection import check_range, parse_position, select_frames
from yolact_temporal.errors import UsageError
from yolact_temporal.interface.frame_items import FrameItems
from yolact_temporal.interface.given_frames import opened_frames, written_frames
from yolact_temporal.interface.given_truth import true_masks
from yolact_temporal.interface.memory import DEFAULT_FPS, assumed_rate
from yolact_temporal.interface.meter import ClassNames, MeterOptions, Pusher, model_names_of
from yolact_temporal.interface.places import Place, require_motion
from yolact_temporal.interface.results import Result
from yolact_temporal.interface.scratch import Scratch
from yolact_temporal.interface.words import in_python_words


@in_python_words
def measure(
    frames: Any,
    masks: Any,
    scores: Any = None,
    ids: Any = None,
    classes: Any = None,
    fps: float | None = DEFAULT_FPS,
    truth: Any = None,
    *,
    start: str | float = 0,
    end: str | float | None = None,
    name: str = "masks",
    class_names: ClassNames = None,
    score_threshold: float = 0.0,
    identified: bool | None = None,
    clip_name: str | None = None,
    folder: str | Path | None = None,
    overwrite: bool = False,
    frames_folder: str | Path | None = None,
    motion: FlowMethod = AnalyzeOptions.motion,
) -> Result:
    """Measure how steady masks are that you have in memory.

    The figures are those that `score` gives for the same masks on disk.

    Args:
        frames: uint8 (T, H, W, 3), RGB; or any iterable of frames (H, W, 3); or the path of a clip, a video or a
            folder of images; or None where there are only masks, and what needs motion is then undefined.
        masks: an array or a tensor (T, N, H, W) or (T, N, 1, H, W), where a mask without a pixel is an unused place;
            or an iterable with one item a frame: masks (N, H, W), N as it comes, 0 too, or None; or what supervision,
            ultralytics, torchvision, detectron2, mmdet or transformers hand out for the frame. Bool, 0 and 1, or
            probabilities, which are cut at 0.5. A dictionary of these by name compares several models.
        scores: of masks that are arrays, from 0 to 1: (T, N), or one item a frame. By default 1.
        ids: likewise which object each mask is; (N,) says it for all frames. By default instances are matched across
            frames by overlap.
        classes: likewise numbers or names; (N,) says it for all frames.
        fps: frames a second; None where there is no time, and nothing is then told in seconds or per second. A video's
            own rate counts in its place. Where nobody says it 30 are assumed, and the result says so.
        start, end: which part of the frames is measured: an index of a frame, or a time as "2.5s". Masks, scores, ids
            and classes are of these frames alone, the truth of all.
        truth: true masks: a path in any format that `score` reads, or like `masks` in memory, (T, N, H, W) whose n-th
            mask is always the same object, or results with tracker ids.
        name: what to call the masks in tables.
        class_names: names of the classes, by number.
        score_threshold: instances whose score is above it count.
        identified: whether ids are the tracks (True) or are left aside (False); by default the former where there are
            any.
        clip_name: what to call the clip; by default as its file or folder is called.
        folder: keep the run there, with overlay video and plots; by default it is temporary, until `save`.
        overwrite: replace a run that is there.
        frames_folder: write the frames there first, as PNG, so that the dashboard can show them, and `what_if` and
            `compare` can read them again; by default only the masks are kept.
        motion: the optical flow that motion is estimated by: "dis", "dis-quick", "dis-fine" or "farneback".

    Raises:
        UsageError: if something does not fit, with what was expected and found.
        InputError: if the clip or the truth cannot be read.

    Example:
        >>> import numpy as np
        >>> import yolact_temporal as yt
        >>> rng = np.random.default_rng(0)
        >>> frames = rng.integers(0, 255, (6, 96, 128, 3), np.uint8)
        >>> masks = np.zeros((6, 1, 96, 128), np.bool_)
        >>> masks[:, :, 20:60, 30:80] = True
        >>> masks[3] = False  # the object is gone for one frame
        >>> result = yt.measure(frames, masks, fps=25)
        >>> result.figure("dropout_rate")  # in one of six frames
        0.166667
        >>> result.frames[["frame", "instances", "lost"]].values.tolist()[2:4]
        [[2, 1, 0], [3, 0, 1]]
    """
    require_threshold(score_threshold)
    require_motion(motion)
    first, last = (
        parse_position(str(start), "start"),
        None if end is None else parse_position(str(end), "end"),
    )
    check_range(first, last, 1)
    several = _is_by_model(masks)
    names = model_names_of(list(masks) if several else [name])
    own = _items_by_model(names, several, {"masks": masks, "scores": scores, "ids": ids, "classes": classes})
    if frames_folder is not None:
        frames = written_frames(frames, fps, Path(frames_folder))
    source = opened_frames(frames, fps, own[names[0]])
    with closing(source):
        info = source.info
        size = (info.height, info.width)
        for each in own.values():
            each.require_fit(info.frame_count if (first, last) == (0, None) else None, size)
        scratch = Scratch()  # of the truth, as long as it is measured
        true = None if truth is None else true_masks(truth, info, scratch.path)
        name_of_clip = clip_name or (run_names.clip_name(info.path) if info.path else None)
        place = Place(folder, overwrite, name_of_clip)
        options = MeterOptions(
            place,
            names,
            class_names,
            score_threshold,
            identified,
            motion,
            true,
            pictures=frames is not None,
            start=first,
            end=last,
            said=assumed_rate(fps, info),
        )
        pusher = Pusher(options)
        given = {
            key: _adapted(each, pusher.adapters[key], size, source.warnings) for key, each in own.items()
        }
        if true is not None:  # classes are compared by name, so that all must be known
            given = {key: iter(list(each)) for key, each in given.items()}
            source.warnings.extend(true.notes)
        pusher.begin(info, source.losses, source.warnings)
        try:
            _push(select_frames(source, first, last), given, pusher)
            result = pusher.finish()
        finally:
            pusher.abandon()
            scratch.remove()
    pusher.warn(4)  # to whoever called measure, behind what puts errors in its words
    return result


def _is_by_model(masks: Any) -> bool:
    """Say whether masks are a dictionary of several models', and not one frame's of a library."""
    return isinstance(masks, Mapping) and not {"masks", "segments_info", "instances"} & set(masks)


def _items_by_model(names: tuple[str, ...], several: bool, parts: Mapping[str, Any]) -> dict[str, FrameItems]:
    if not several:
        return {names[0]: FrameItems(**parts)}
    for what, value in parts.items():
        if value is not None and (not isinstance(value, Mapping) or set(value) - set(names)):
            raise UsageError(
                f"expected {what} by model, since masks are, for {', '.join(names)}, got a {type(value).__name__}: "
                f"pass a dictionary by these names"
            )
    return {
        name: FrameItems(
            **{what: None if value is None else value.get(name) for what, value in parts.items()},
            whose=f" of {name}",
        )
        for name in names
    }


def _adapted(
    items: FrameItems, adapter: InstanceAdapter, size: tuple[int, int], remarks: list[str]
) -> Iterator[GivenFrame]:
    """Yield what was seen in every frame, and add to the remarks what a reader should know of it."""
    if items.ids_from_zero is not None:
        adapter.ids_from_zero = items.ids_from_zero
    for index, item in enumerate(items):
        yield adapter.take(
            item.seen, size, f"frame {index}{items.whose}", item.scores, item.ids, item.classes
        )
    if items.unused:
        remarks.append(
            f"{items.unused} masks of the array{items.whose} have no pixel: they count as places that are not used."
        )


def _whose(given: Mapping[str, object], key: str) -> str:
    """Return whose masks they are, where there are several models."""
    return f" of {key}" if len(given) > 1 else ""


def _push(frames: Iterator[Frame], given: Mapping[str, Iterator[GivenFrame]], pusher: Pusher) -> None:
    """Push every frame with what each model saw in it.

    Raises:
        UsageError: if there are more frames than masks, or fewer.
    """
    count = 0
    for count, frame in enumerate(frames, start=1):
        seen = {}
        for key, each in given.items():
            found = next(each, None)
            if found is None:
                raise UsageError(
                    f"expected masks for every frame, got those of {count - 1} frames alone{_whose(given, key)}: pass "
                    f"one item a frame, None where nothing was seen"
                )
            seen[key] = found
        pusher.push(frame, pusher.fitted(seen, f"frame {frame.index}"))
    for key, each in given.items():
        if next(each, None) is not None:
            raise UsageError(
                f"expected masks of {count} frames, as there are, got more{_whose(given, key)}: pass the frames that "
                f"they are of"
            )
