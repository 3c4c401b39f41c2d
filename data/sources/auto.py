"""Opening a clip: which decoder reads it, and why."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

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

_DAMAGE = "the clip is damaged, and only PyAV goes on after damage"


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
    if path.is_dir():
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
    doubt, reader = _doubt_of_decord(probe, threads)
    if doubt is not None:
        source = PyavSource(probe, _info(probe, "pyav", f"PyAV, since {doubt}."), threads)
        if doubt == _DAMAGE and probe.codec == "hevc":
            source.warnings.append(
                "strict decoding finds damage that the decoder conceals: some pictures may be distorted"
            )
        return source
    reason = "decord, since its frame count and times agree with PyAV's and PyAV found no damage."
    return DecordSource(probe, _info(probe, "decord", reason), reader)


def _doubt_of_decord(probe: Probe, threads: int | None) -> tuple[str | None, Any]:
    """Return why decord should not read the clip (None if it may) and its reader, if one was opened."""
    decord = load_decord()
    if decord is None:
        return "decord is not installed", None
    if (weakness := known_weakness(probe)) is not None:
        return weakness, None
    if (probe.frame_count or 0) * probe.size[0] * probe.size[1] > _CHECK_LIMIT:
        return "the clip is too long to be checked for damage beforehand", None
    try:
        reader = open_reader(decord, probe.path, threads)
    except InputError:
        return "decord cannot open the clip", None
    return disagreement(probe, reader) or _damage(probe, threads), reader


def _damage(probe: Probe, threads: int | None) -> str | None:
    """Decode the clip with PyAV and return the first thing wrong with it, or None."""
    frames = 0
    # Deblocking changes pixels, not what is found damaged, and costs a third of the time.
    options = {"skip_loop_filter": "all", "err_detect": "explode"}
    events = decode_events(probe, threads or default_threads(), options)
    for event in events:
        if isinstance(event, str) or event.is_corrupt:
            events.close()
            return _DAMAGE
        frames += 1
    if frames != probe.frame_count:
        return f"only {frames} of {probe.frame_count} frames can be decoded"
    return None


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
