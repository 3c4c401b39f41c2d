"""The frames that a call from Python is given: a path, an array, an iterable, or none."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2

from yolact_temporal.data.frames import FrameSource
from yolact_temporal.data.sources import open_clip, require_clip
from yolact_temporal.errors import UsageError
from yolact_temporal.exchanging.scoring import UnseenFrames
from yolact_temporal.interface.frame_items import FrameItems
from yolact_temporal.interface.memory import DEFAULT_FPS, FramesInMemory, clip_in_memory, rate_of
from yolact_temporal.interface.meter import size_of_masks


def opened_clip(frames: Any, fps: float | None, default: float | None = None) -> FrameSource:
    """Return frames that are there: of a file or folder, or in memory.

    Args:
        frames: a path, an array (T, H, W, 3) or an iterable of frames.
        fps: frames a second, of what does not say so itself.
        default: what `fps` is where nobody said something; a video's own rate then counts without a word.

    Raises:
        UsageError: if it is nothing of this, or `fps` contradicts a video.
        InputError: if it cannot be read.
    """
    if isinstance(frames, str | Path):
        path = Path(frames)
        require_clip(path)
        if path.is_dir():
            return open_clip(str(path), fps=rate_of(fps))
        source = open_clip(str(path))
        known = source.info.fps
        if fps is not None and known is not None and fps != default and abs(float(known) - fps) > 0.01 * fps:
            source.close()
            raise UsageError(
                f"expected the rate of {path.name}, {float(known):.4g} frames a second, got fps={fps:g}: leave fps "
                f"out, the clip says it itself"
            )
        return source
    if isinstance(frames, list | tuple) and frames and isinstance(frames[0], str | Path):
        raise UsageError(
            f"expected one clip, got a list of {len(frames)} paths: call it for each, as in "
            f"[yt.analyze(one) for one in clips], and pass the results to compare together"
        )
    if frames is None or not isinstance(frames, Iterable):
        raise UsageError(
            f"expected frames, uint8 (T, H, W, 3) in RGB, or the path of a clip, got {frames!r}: pass one of these"
        )
    return FramesInMemory(frames, fps)


def written_frames(frames: Any, fps: float | None, folder: Path) -> Path:
    """Write frames in memory into a folder, which is then a clip of its own; return the folder.

    Raises:
        UsageError: if there are no frames in memory, or the folder is not empty.
    """
    if frames is None or isinstance(frames, str | Path):
        raise UsageError(
            f"expected frames in memory beside frames_folder, got {frames!r}: leave frames_folder out, what lies in a "
            f"file can be read again"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            f"expected a new or empty folder for the frames, got {folder}: pass another frames_folder"
        )
    source = FramesInMemory(frames, fps)
    folder.mkdir(parents=True, exist_ok=True)
    for frame in source:
        _, png = cv2.imencode(".png", frame.rgb[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
        (folder / f"{frame.index:06d}.png").write_bytes(png.tobytes())
    return folder


def opened_frames(
    frames: Any, fps: float | None, masks: FrameItems, default: float | None = DEFAULT_FPS
) -> FrameSource:
    """Return the frames that masks are of; where there are none, frames of which nothing is seen.

    Raises:
        UsageError, InputError: as `opened_clip`, or if masks alone do not say their size and number.
    """
    if frames is not None:
        return opened_clip(frames, fps, default)
    size = size_of_masks(masks.first(), "frame 0")
    if masks.count is None:
        raise UsageError(
            "expected masks whose number is known, since frames are None, got an iterator: pass list(masks), or the "
            "frames too"
        )
    rate = rate_of(fps)
    return UnseenFrames(clip_in_memory(size, rate, masks.count, seen=False), range(masks.count), {}, rate)
