"""Opening a clip: which decoder reads it, and why."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from yolact_temporal.data.frames import ClipInfo, FrameSource
from yolact_temporal.data.sources.decord_source import (
    DecordReader,
    DecordSource,
    disagreement,
    has_decord,
    known_weakness,
)
from yolact_temporal.data.sources.image_folder import ImageFolderSource
from yolact_temporal.data.sources.patience import DECODE_TIMEOUT_S, BoundedSource, require_timeout
from yolact_temporal.data.sources.probe import Probe, probe_clip
from yolact_temporal.data.sources.pyav_source import FAULTS_TOLD, PyavSource, decode_events, default_threads
from yolact_temporal.data.sources.structure import require_readable_file, sha256_of
from yolact_temporal.errors import InputError, UsageError, advice_on_name

DECODERS = ("auto", "decord", "pyav")

_CHECK_LIMIT = 5e9
"""Pixels that the check for damage may decode: some ten seconds of processor time."""


def open_clip(
    path: str | Path,
    decoder: str = "auto",
    fps: Fraction | float | None = None,
    threads: int | None = None,
    timeout_s: float | None = None,
) -> FrameSource:
    """Open a video file or a folder of numbered images.

    `auto` reads with decord only where PyAV, the referee, agrees with it: a clip of a kind that decord is known to
    read rightly, the same count of frames at the same times, and no damage when PyAV decodes it (without conversion;
    decord would show repeated or concealed frames in silence). Otherwise, and for clips too long for that check,
    it reads with PyAV. `info.decoder_reason` says which and why.

    Args:
        path: the file or folder.
        decoder: "auto", "decord" or "pyav"; of no account for a folder.
        fps: images a second of a folder.
        threads: decoding threads; by default two at most.
        timeout_s: how long a decoder may take for one packet or frame; by default 60 s. One that hangs is given up:
            what is missing is a loss where frames came before.

    Returns:
        A source to be iterated once, and closed.

    Raises:
        UsageError: for an unknown decoder, decord where it is not installed, a rate or a timeout that is not positive,
            or a rate for a video, which has its own.
        InputError: if the path cannot be read, is no clip, holds no frame, or hangs.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> import numpy as np
        >>> from yolact_temporal.data.video_writer import VideoWriter
        >>> with TemporaryDirectory() as folder:
        ...     clip = Path(folder) / "clip.mp4"
        ...     with VideoWriter(clip, size=(48, 64), fps=24) as video:
        ...         for index in range(5):
        ...             video.write(np.full((48, 64, 3), 40 * index, np.uint8), index / 24)
        ...     source = open_clip(clip, decoder="pyav")
        ...     print(source.info.width, source.info.height, source.info.fps, source.info.frame_count)
        ...     print(list(source)[-1])
        ...     source.close()
        64 48 24 5
        Frame(index=4, time_s=0.167, 64x48)
    """
    path = Path(path)
    require_decoder(decoder)
    timeout_s = require_timeout(DECODE_TIMEOUT_S if timeout_s is None else timeout_s)
    if fps is not None and not fps > 0:
        raise UsageError(f"expected --fps above 0, got {fps}")
    if os.path.isdir(path):  # noqa: PTH112 (Path.is_dir raises where a folder on the way may not be entered)
        rate = None if fps is None else Fraction(fps).limit_denominator(100_000)
        return BoundedSource(path, timeout_s, lambda: ImageFolderSource(path, rate))
    if fps is not None:
        raise UsageError(
            f"expected --fps only with a folder of images, but {path} is a file, which has its own rate: leave it out"
        )
    require_readable_file(path)
    return BoundedSource(path, timeout_s, lambda: _video(path, decoder, threads, timeout_s / 2))


def _video(path: Path, decoder: str, threads: int | None, patience_s: float) -> FrameSource:
    """Open a video; `patience_s`: how long decord's process may take before PyAV, which needs time too, goes on."""
    probe = probe_clip(path)
    if decoder == "pyav":
        return PyavSource(probe, _info(probe, "pyav", "PyAV was asked for."), threads)
    if decoder == "decord":
        return _asked_for_decord(probe, threads, patience_s)
    return _referee(probe, threads, patience_s)


def require_decoder(name: str) -> str:
    """Return a decoder's name.

    Raises:
        UsageError: if there is none of that name.
    """
    if name not in DECODERS:
        raise UsageError(
            f"expected --decoder to be one of {', '.join(DECODERS)}, got {name!r}: {advice_on_name(name, DECODERS)}"
        )
    return name


def _asked_for_decord(probe: Probe, threads: int | None, patience_s: float) -> FrameSource:
    if not has_decord():
        raise UsageError(
            "expected decord to be installed for --decoder decord, but it is not: use --decoder pyav"
        )
    if probe.fault is not None or probe.doubts:
        # decord numbers frames as its own demuxer finds them, so that even whole ones would come at wrong places.
        raise InputError(
            f"expected a whole clip for --decoder decord, but of {probe.path} "
            f"{probe.fault or probe.doubts[0]}: use --decoder pyav or auto"
        )
    reader = DecordReader(probe.path, threads, patience_s)
    try:
        doubt = known_weakness(probe) or disagreement(probe, reader)
        # Where PyAV finds damage, decord repeats and shifts frames in silence. The check takes a small part of the time
        # that a network does, so it is made however long the clip is.
        found = _checked(probe, threads)
        reader.times  # noqa: B018 (that decord can read the file is to be known now)
    except BaseException:
        reader.close()
        raise
    if doubt is None and found.resized:
        doubt = "the clip's frames change size, which decord hides"
    source = DecordSource(probe, _info(probe, "decord", "decord was asked for."), reader, found.damaged_at)
    if doubt is not None:
        source.warnings.append(f"frames by decord may be wrong: {doubt}; --decoder pyav reads them correctly")
    return source


def _referee(probe: Probe, threads: int | None, patience_s: float) -> FrameSource:
    doubt = known_weakness(probe) if has_decord() else "decord is not installed"
    if doubt is None and (probe.frame_count or 0) * probe.size[0] * probe.size[1] > _CHECK_LIMIT:
        doubt = "the clip is too long to be checked for damage beforehand"
    if doubt is not None:
        return _by_pyav(probe, threads, doubt)
    found = _Checked(None, False)
    reader = DecordReader(probe.path, threads, patience_s)  # it starts while PyAV checks
    try:
        found = _checked(probe, threads)
        if found.damaged_at is not None:
            doubt = "the clip is damaged, and only PyAV goes on after damage"
        elif found.resized:
            doubt = "the clip's frames change size, which decord hides"
        else:
            doubt = disagreement(probe, reader)
    except InputError:
        doubt = "decord cannot open the clip"
    except BaseException:
        reader.close()
        raise
    if doubt is not None:
        reader.close()
        # HEVC's decoder conceals damage without a mark; the others' mark it, or find none worth dropping a frame for.
        return _by_pyav(probe, threads, doubt, found.damaged_at if probe.codec == "hevc" else None)
    reason = "decord, since its frame count and times agree with PyAV's and PyAV found no damage."
    return DecordSource(probe, _info(probe, "decord", reason), reader)


def _by_pyav(
    probe: Probe, threads: int | None, reason: str | None, concealed_at: int | None = None
) -> FrameSource:
    return PyavSource(probe, _info(probe, "pyav", f"PyAV, since {reason}."), threads, concealed_at)


@dataclass(frozen=True)
class _Checked:
    """What decoding a clip strictly shows: how many frames come before the first fault (None without one)."""

    damaged_at: int | None
    resized: bool


def _checked(probe: Probe, threads: int | None) -> _Checked:
    """Decode the clip strictly with PyAV."""
    frames, sizes = 0, set[tuple[int, int]]()
    events = decode_events(probe, threads or default_threads(), FAULTS_TOLD)
    for event in events:
        if isinstance(event, str) or event.is_corrupt:
            events.close()
            return _Checked(frames, len(sizes) > 1)
        sizes.add((event.width, event.height))
        frames += 1
    whole = probe.frame_count is None or frames == probe.frame_count
    return _Checked(None if whole else frames, len(sizes) > 1)


def _info(probe: Probe, decoder: str, reason: str) -> ClipInfo:
    height, width = probe.size
    return ClipInfo(
        path=str(probe.path),
        sha256=sha256_of([probe.path]),
        width=width,
        height=height,
        fps=probe.fps,
        frame_count=probe.frame_count,
        rotation=probe.orientation.rotation,
        variable_rate=probe.variable_rate,
        decoder=decoder,
        decoder_reason=reason,
    )
