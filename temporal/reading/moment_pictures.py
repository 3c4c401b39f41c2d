"""Pictures of the worst moments: the frame before with the object's outline, and the frame with both outlines."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from yolact_temporal.data.crops import MaskCrop, Region, union_region
from yolact_temporal.data.lines import open_table
from yolact_temporal.data.masks_jsonl import read_records_at
from yolact_temporal.data.runs.layout import RunFolder
from yolact_temporal.data.runs.manifest import Manifest
from yolact_temporal.data.track_colors import track_color
from yolact_temporal.data.viewing import ClipViewer, view_clip
from yolact_temporal.errors import InputError
from yolact_temporal.temporal.motion import warp_mask
from yolact_temporal.temporal.reading.jitter_picture import OutlinePair, Rgb, draw_outline, draw_outlines
from yolact_temporal.temporal.reading.moments import Moment
from yolact_temporal.temporal.replaying import motion_between

_SIDE = 360
"""Pixels of the longer side of one of the two frames."""

_MARGIN = 0.35
"""Of the object's longer side, shown around it."""

_LEAST = 64
"""Pixels of the clip that are shown at least."""

_FLATTEST = 0.7
"""Least ratio of the shorter side to the longer one."""

_LINE_PX = 2
"""Width of an outline as it is shown, however much the picture is made smaller."""

_GAP = 6
_QUALITY = 80

_TrackMasks = Mapping[tuple[str, int, int], MaskCrop]
"""By model, frame and track."""


def moment_pictures(folder: RunFolder, manifest: Manifest, moments: Sequence[Moment]) -> list[bytes]:
    """Return a picture of each moment as a WebP, empty bytes where there can be none, as without the clip.

    On the left the frame before with the object's outline; on the right the frame itself, darkened, with the outline
    carried there by the motion in white and the one that the model saw in the track's colour.

    Args:
        folder: the run, its tables written.
        manifest: of the run.
        moments: in any order.
    """
    stride = manifest.options.stride
    try:
        with closing(view_clip(manifest.clip)) as viewer:
            wanted = {frame for moment in moments for frame in (moment.frame - stride, moment.frame)}
            masks = _masks_of_tracks(folder, manifest, {moment.model for moment in moments}, wanted)
            drawn = {
                at: _picture(viewer, manifest, masks, moments[at])
                for at in sorted(range(len(moments)), key=lambda at: moments[at].frame)
            }
    except (InputError, ValueError, OSError):
        return [b""] * len(moments)
    return [drawn[at] for at in range(len(moments))]


class _Pair(NamedTuple):
    before: MaskCrop | None
    there: MaskCrop | None
    carried: MaskCrop | None


def _picture(viewer: ClipViewer, manifest: Manifest, masks: _TrackMasks, moment: Moment) -> bytes:
    earlier = moment.frame - manifest.options.stride
    rgb_before, rgb = viewer.frame(earlier), viewer.frame(moment.frame)
    before, there = (masks.get((moment.model, frame, moment.track_id)) for frame in (earlier, moment.frame))
    size = (manifest.clip.height, manifest.clip.width)
    if rgb_before is None or rgb is None or (before is None and there is None):
        return b""
    if rgb_before.shape[:2] != size or rgb.shape[:2] != size:
        return b""
    motion = motion_between(viewer, manifest.options, earlier, moment.frame)
    carried = None if before is None or motion is None else warp_mask(before, motion)
    color = track_color(moment.object_id or moment.track_id)
    window = _window([mask for mask in (before, there, carried) if mask is not None], size)
    line = max(1, round(_LINE_PX / _scale(window.x2 - window.x1, window.y2 - window.y1)))
    left = rgb_before.copy()
    if before is not None:
        draw_outline(left, before, color, line)
    visible = None if motion is None else motion.visible
    right = draw_outlines(rgb, [OutlinePair(carried, there, color)], visible, line)
    return encode_picture(_beside(left[window.slices], right[window.slices]))


def _window(masks: Sequence[MaskCrop], size: tuple[int, int]) -> Region:
    """Return the part of a frame that shows masks with a margin around them, neither flat nor narrow."""
    region = union_region(mask.region for mask in masks)
    extents = (region.x2 - region.x1, region.y2 - region.y1)
    wanted = [extent + 2 * round(_MARGIN * max(extents)) for extent in extents]
    least = round(_FLATTEST * max(*wanted, _LEAST))
    across, down = min(max(wanted[0], least), size[1]), min(max(wanted[1], least), size[0])
    left = min(max((region.x1 + region.x2 - across) // 2, 0), size[1] - across)
    top = min(max((region.y1 + region.y2 - down) // 2, 0), size[0] - down)
    return Region(left, top, left + across, top + down)


def _scale(width: int, height: int) -> float:
    """Return how much larger a part of a frame is shown than it is."""
    return _SIDE / max(height, width)


def _beside(left: Rgb, right: Rgb) -> Rgb:
    height, width = left.shape[:2]
    scale = _scale(width, height)
    # Few pixels are shown as such; many are put together.
    how = cv2.INTER_NEAREST if scale > 2 else cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    parts = [cv2.resize(np.ascontiguousarray(part), size, interpolation=how) for part in (left, right)]
    gap = np.full((size[1], _GAP, 3), 255, np.uint8)
    return np.hstack([parts[0], gap, parts[1]])


def encode_picture(rgb: Rgb, quality: int = _QUALITY) -> bytes:
    """Return a picture, uint8 (H, W, 3), as a WebP."""
    done, data = cv2.imencode(
        ".webp", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, quality]
    )
    if not done:
        raise ValueError(f"expected a picture that can be encoded, got {rgb.shape}")
    return data.tobytes()


def _masks_of_tracks(
    folder: RunFolder, manifest: Manifest, models: set[str], frames: set[int]
) -> dict[tuple[str, int, int], MaskCrop]:
    """Return the masks of all tracks in some frames; a frame whose record and table do not agree has none."""
    found = {}
    for model in models:
        files = folder.model(model)
        tracks = _tracks_of_frames(files.instances, frames)
        threshold = manifest.models[model].score_threshold
        for frame, record in read_records_at(files.masks, frames).items():
            counted, own = record.above(threshold).instances, tracks.get(frame, [])
            if len(own) == len(counted):
                for track, crop in zip(own, counted.crops, strict=True):
                    if track:
                        found[model, frame, track] = crop
    return found


def _tracks_of_frames(table: Path, frames: set[int]) -> dict[int, list[int]]:
    """Return the track ids of the instances in some frames, in the order of the table, 0 for none."""
    wanted = {str(frame) for frame in frames}
    found: dict[int, list[int]] = {}
    with open_table(table) as file:
        for row in csv.DictReader(file):
            if row["frame"] in wanted:
                found.setdefault(int(row["frame"]), []).append(int(row["track_id"] or 0))
    return found
