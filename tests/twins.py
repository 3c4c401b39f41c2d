"""What a damaged clip gave, held against its intact twin."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

from yolact_temporal.data.frames import Frame, FrameSource
from yolact_temporal.data.sources import open_clip

_TOLERANCE_S = 0.003


def read(path: Path, decoder: str = "pyav") -> tuple[FrameSource, list[Frame]]:
    """Return a clip's source, read to its end, and its frames."""
    source = open_clip(path, decoder)
    frames = list(source)
    source.close()
    return source, frames


def faults(twin: Sequence[Frame], source: FrameSource, frames: Sequence[Frame]) -> list[str]:
    """Return what is wrong with what came of a damaged clip; empty where nothing is.

    Pictures that are the twin's pixel for pixel must have its index and time; all must rise; frames that are missing
    must be counted, or a loss without a number must say that some are.
    """
    found = []
    indices, times = [frame.index for frame in frames], [frame.time_s for frame in frames]
    if any(later <= earlier for earlier, later in itertools.pairwise(indices)):
        found.append("indices do not rise")
    if any(later <= earlier for earlier, later in itertools.pairwise(times)):
        found.append("times do not rise")
    places: dict[bytes, list[int]] = {}
    for frame in twin:
        places.setdefault(frame.rgb.tobytes(), []).append(frame.index)
    for frame in frames:
        same = places.get(frame.rgb.tobytes(), [frame.index])
        if frame.index not in same:
            found.append(f"picture {same} came as {frame.index}")
        elif frame.index >= len(twin):
            found.append(f"frame {frame.index} of {len(twin)}")
        elif abs(frame.time_s - twin[frame.index].time_s) > _TOLERANCE_S:
            found.append(f"frame {frame.index} came at {frame.time_s:.3f} s")
    missing, named = len(twin) - len(frames), sum(loss.count or 0 for loss in source.losses)
    uncounted = any(loss.count is None for loss in source.losses)
    if named > missing or (named < missing and not uncounted):
        found.append(f"{missing} missing, {named} named")
    return found
