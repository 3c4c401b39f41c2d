"""Opening a clip: which decoder reads it, and why."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

from yolact_temporal.data.frames import ClipInfo, FrameSource
from yolact_temporal.data.sources.decord_source import (
    DecordSource,
    disagreement,
    known_weakness,
    load_decord,
    open_reader,
)
from yolact_temporal.data.sources.image_folder import ImageFolderSource
from yolact_temporal.data.sources.probe import Probe, probe_clip
from yolact_temporal.data.sources.pyav_source import PyavSource, decode_events, default_threads
from yolact_temporal.data.sources.structure import require_readable_file, sha256_of
from yolact_temporal.errors import InputError, UsageError

DECODERS = ("auto", "decord", "pyav")

_CHECK_LIMIT = 5e9
"""Pixels that the check for damage may decode: some ten seconds of processor time."""


def open_clip(
    path: str | Path,
    decoder: str = "auto",
    fps: Fraction | float | None = None,
    threads: int | None = None,
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

    Returns:
        A source to be iterated once, and closed.

    Raises:
        UsageError: for an unknown decoder, decord where it is not installed, a rate that is not positive, or a rate
            for a video, which has its own.
        InputError: if the path cannot be read, is no clip, or holds no frame.
    """
    path = Path(path)
    if decoder not in DECODERS:
        raise UsageError(f"expected --decoder to be one of {', '.join(DECODERS)}, got {decoder!r}")
    if fps is not None and not fps > 0:
        raise UsageError(f"expected --fps above 0, got {fps}")
    if os.path.isdir(path):  # noqa: PTH112 (Path.is_dir raises where a folder on the way may not be entered)
        return ImageFolderSource(path, None if fps is None else Fraction(fps).limit_denominator(100_000))
    if fps is not None:
        raise UsageError(
            f"expected --fps only with a folder of images, but {path} is a file, which has its own rate"
        )
    require_readable_file(path)
    probe = probe_clip(path)
    if decoder == "pyav":
        return PyavSource(probe, _info(probe, "pyav", "PyAV was asked for."), threads)
    if decoder == "decord":
        return _asked_for_decord(probe, threads)
    return _referee(probe, threads)


def _asked_for_decord(probe: Probe, threads: int | None) -> FrameSource:
    decord = load_decord()
    if decord is None:
        raise UsageError(
            "expected decord to be installed for --decoder decord, but it is not: use --decoder pyav"
        )
    reader = open_reader(decord, probe.path, threads)
    source = DecordSource(probe, _info(probe, "decord", "decord was asked for."), reader)
    if (doubt := known_weakness(probe) or disagreement(probe, reader)) is not None:
        source.warnings.append(f"frames by decord may be wrong: {doubt}; --decoder pyav reads them rightly")
    return source


def _referee(probe: Probe, threads: int | None) -> FrameSource:
    decord = load_decord()
    doubt = "decord is not installed" if decord is None else known_weakness(probe)
    if doubt is None and (probe.frame_count or 0) * probe.size[0] * probe.size[1] > _CHECK_LIMIT:
        doubt = "the clip is too long to be checked for damage beforehand"
    if decord is None or doubt is not None:
        return _by_pyav(probe, threads, doubt)
    try:
        reader = open_reader(decord, probe.path, threads)
    except InputError:
        return _by_pyav(probe, threads, "decord cannot open the clip")
    doubt = disagreement(probe, reader)
    if doubt is not None:
        return _by_pyav(probe, threads, doubt)
    damaged_at = _damaged_at(probe, threads)
    if damaged_at is not None:
        # HEVC's decoder conceals damage without a mark; the others' mark it, or find none worth dropping a frame for.
        concealed_at = damaged_at if probe.codec == "hevc" else None
        return _by_pyav(
            probe, threads, "the clip is damaged, and only PyAV goes on after damage", concealed_at
        )
    reason = "decord, since its frame count and times agree with PyAV's and PyAV found no damage."
    return DecordSource(probe, _info(probe, "decord", reason), reader)


def _by_pyav(
    probe: Probe, threads: int | None, reason: str | None, concealed_at: int | None = None
) -> FrameSource:
    return PyavSource(probe, _info(probe, "pyav", f"PyAV, since {reason}."), threads, concealed_at)


def _damaged_at(probe: Probe, threads: int | None) -> int | None:
    """Decode the clip strictly with PyAV and return how many frames came before the first fault; None without one."""
    frames = 0
    # Deblocking changes pixels, not what is found damaged, and costs a third of the time.
    options = {"skip_loop_filter": "all", "err_detect": "explode"}
    events = decode_events(probe, threads or default_threads(), options)
    for event in events:
        if isinstance(event, str) or event.is_corrupt:
            events.close()
            return frames
        frames += 1
    return None if frames == probe.frame_count else frames


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
