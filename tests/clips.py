"""Builders of small test clips whose every frame carries its own number as a barcode.

The number is drawn as 12 black and white blocks along the top, with the inverse blocks below them, so that a
frame which is missing, repeated, swapped, blended or turned cannot pass for another.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

BITS = 12
Rgb = NDArray[np.uint8]

DEFAULTS: Mapping[str, Mapping[str, str]] = {
    "libx264": {"preset": "ultrafast", "crf": "18"},
    "libx265": {"preset": "ultrafast", "crf": "18", "x265-params": "log-level=none"},
    "libsvtav1": {"preset": "10", "crf": "30"},
    "mpeg4": {"qscale": "2"},
    "mpeg2video": {"qscale": "2"},
}


def barcode_frame(index: int, height: int = 96, width: int = 144) -> Rgb:
    """Return an RGB frame, uint8 (height, width, 3), that carries `index` (0..4095) in its upper half."""
    if not 0 <= index < 1 << BITS:
        raise ValueError(f"expected an index in 0..{(1 << BITS) - 1}, got {index}")
    rows, columns = np.mgrid[0:height, 0:width]
    frame = np.empty((height, width, 3), np.uint8)
    frame[..., 0] = 60 + (columns + 3 * index) % 128
    frame[..., 1] = 60 + (rows + 2 * index) % 128
    frame[..., 2] = 90
    band, block = height // 4, width // BITS
    for bit in range(BITS):
        on = (index >> (BITS - 1 - bit)) & 1
        span = slice(bit * block, (bit + 1) * block)
        frame[:band, span] = 255 * on
        frame[band : 2 * band, span] = 255 * (1 - on)
    return frame


def read_barcode(rgb: Rgb) -> int | None:
    """Return the number that a frame carries, or None where its two rows of blocks do not agree."""
    height, width = rgb.shape[:2]
    band, block = height // 4, width // BITS
    if band < 4 or block < 4:
        return None
    grey = rgb.astype(np.float32).mean(axis=2)
    index = 0
    for bit in range(BITS):
        span = slice(bit * block + block // 4, (bit + 1) * block - block // 4)
        upper = float(grey[band // 4 : band - band // 4, span].mean())
        lower = float(grey[band + band // 4 : 2 * band - band // 4, span].mean())
        if abs(upper - lower) < 100:
            return None
        index = 2 * index + (upper > lower)
    return index


def barcode_frames(count: int, height: int = 96, width: int = 144, first: int = 0) -> Iterator[Rgb]:
    """Yield `count` barcode frames numbered from `first`."""
    for index in range(first, first + count):
        yield barcode_frame(index, height, width)


@contextmanager
def ordinary_scheduling() -> Iterator[None]:
    """Give this thread back the scheduling that it had.

    SVT-AV1, where it runs as root, makes the thread that calls it a real-time one of the highest priority (FIFO, 99),
    for good: it, and every process that it starts from then on, would keep all others from the processor.
    """
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        if os.sched_getscheduler(0) != before[0]:
            os.sched_setscheduler(0, *before)


@ordinary_scheduling()
def write_clip(
    path: Path,
    frames: int | Iterable[Rgb],
    codec: str = "libx264",
    fps: Fraction | float = 25,
    size: tuple[int, int] = (96, 144),
    pix_fmt: str = "yuv420p",
    options: Mapping[str, str] | None = None,
    container_options: Mapping[str, str] | None = None,
    times: Sequence[float] | None = None,
    rotation: int = 0,
    with_audio: bool = False,
    gop: int = 12,
    b_frames: int = 0,
    shift: float = 0.0,
    colorspace: int | None = None,
) -> Path:
    """Encode frames to a file whose container follows from its suffix, and return its path.

    Args:
        path: where to write.
        frames: RGB frames of one size, or how many barcode frames to make.
        codec: encoder name.
        fps: frames a second.
        size: (height, width) of the barcode frames when `frames` is a number.
        pix_fmt: pixel format that is encoded.
        options: encoder options; x264 and x265 are fast and near-lossless unless told.
        container_options: muxer options.
        times: presentation time of each frame in seconds, for a variable rate.
        rotation: degrees clockwise by which a player must turn what is stored (MP4 only). The frames given
            are the upright ones; they are stored turned the other way.
        with_audio: adds a second of silence.
        gop: frames from one keyframe to the next.
        b_frames: most B-frames in a row.
        shift: seconds added to every timestamp; negative ones make MP4 hide the first frames by an edit list.
        colorspace: matrix to convert with and to tag, as FFmpeg numbers them (1 is BT.709).
    """
    rate = Fraction(fps).limit_denominator(100_000)
    images = barcode_frames(frames, *size) if isinstance(frames, int) else iter(frames)
    with av.open(str(path), "w", options=dict(container_options or {})) as container:
        stream = container.add_stream(
            codec, rate=rate, options={**DEFAULTS.get(codec, {}), **(options or {})}
        )
        audio = container.add_stream("aac", rate=16000) if with_audio else None
        stream.pix_fmt = pix_fmt
        stream.codec_context.thread_count = 1
        if codec != "gif":
            stream.codec_context.gop_size = gop
            stream.codec_context.max_b_frames = b_frames
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if colorspace is not None:
            stream.codec_context.colorspace = colorspace
        for position, image in enumerate(images):
            stored = np.ascontiguousarray(np.rot90(image, rotation // 90))
            frame = av.VideoFrame.from_ndarray(stored, format="rgb24")
            frame = frame.reformat(format=pix_fmt, dst_colorspace=colorspace)
            if position == 0:
                stream.height, stream.width = stored.shape[:2]
            frame.pts, frame.time_base = position, 1 / rate
            if times is not None:
                frame.pts, frame.time_base = round(times[position] * 1000), Fraction(1, 1000)
            _mux(container, stream.encode(frame), shift)
        _mux(container, stream.encode(None), shift)
        if audio is not None:
            _write_silence(container, audio)
    if rotation:
        _patch_display_matrix(path, rotation)
    return path


def _mux(container: av.container.OutputContainer, packets: list[av.Packet], shift: float) -> None:
    for packet in packets:
        ticks = round(shift / packet.time_base) if shift else 0
        packet.pts += ticks
        packet.dts += ticks
        container.mux(packet)


def _patch_display_matrix(path: Path, rotation: int) -> None:
    """Write the matrix of a clockwise turn into the track header of an MP4."""
    a, b, c, d = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}[rotation]
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    one = 1 << 16
    struct.pack_into(">9i", data, at, a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)
    path.write_bytes(data)


def _write_silence(container: av.container.OutputContainer, stream: av.AudioStream) -> None:
    frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
    frame.sample_rate = 16000
    frame.pts = 0
    fifo = av.AudioFifo()
    fifo.write(frame)
    for part in fifo.read_many(1024, partial=True):
        container.mux(stream.encode(part))
    container.mux(stream.encode(None))


def write_images(folder: Path, frames: int | Iterable[Rgb], name: str = "frame_{}.png") -> Path:
    """Write frames as numbered images into a new folder and return it."""
    folder.mkdir(parents=True)
    images = barcode_frames(frames) if isinstance(frames, int) else frames
    for index, image in enumerate(images):
        Image.fromarray(image).save(folder / name.format(index), compress_level=1)  # as exact, and fast
    return folder


def packet_spans(path: Path) -> list[tuple[int, int]]:
    """Return (first byte, size) of each video packet in the file, in file order."""
    with av.open(str(path)) as container:
        return [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]


def damage(path: Path, target: Path, packets: Sequence[int], share: float = 1.0) -> Path:
    """Copy a clip, overwriting the last `share` of the given packets' bytes with seeded noise."""
    data = bytearray(path.read_bytes())
    spans = packet_spans(path)
    noise = np.random.default_rng(0)
    for packet in packets:
        start, size = spans[packet]
        length = int(size * share)
        data[start + size - length : start + size] = noise.bytes(length)
    target.write_bytes(data)
    return target


def truncate(path: Path, target: Path, share: float = 0.6) -> Path:
    """Copy the first `share` of a file's bytes."""
    data = path.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])
    return target
