"""Opening a video file with FFmpeg, and its first frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import av
import av.container
import av.error
import av.video.stream
from av.codec.context import Flags

from yolact_temporal.data.frames import MAX_FRAME_PIXELS
from yolact_temporal.data.sources.patience import sign_of_life
from yolact_temporal.data.sources.structure import lacks_index
from yolact_temporal.errors import InputError

_NO_VIDEO_FORMATS = {"tty", "hls", "dash", "concat", "sdp", "rtsp", "ffmetadata", "lavfi"}
"""Demuxers that take text for video, or that would read other files than the one given."""


def open_container(path: Path, ignores_edits: bool = False) -> av.container.InputContainer:
    """Open a video file with FFmpeg, and nothing but this file; `ignores_edits`: show what its edit list hides, too.

    Raises:
        InputError: if it is not a video, or one without an index.
    """
    try:
        # "file:" keeps names such as "a:b.mp4" from being taken for a protocol, the whitelist keeps playlists at home.
        options = decoder_options({"protocol_whitelist": "file"})
        options |= {"ignore_editlist": "1"} if ignores_edits else {}
        container = av.open(f"file:{path.absolute()}", options=options)
    except (av.error.FFmpegError, ValueError, UnicodeError) as error:
        if lacks_index(path):
            raise InputError(
                f"expected a whole video, but {path} has no index (moov box): it is truncated or its recording never "
                "ended; copy it again or repair it"
            ) from error
        raise _not_a_video(path) from error
    if container.format.name in _NO_VIDEO_FORMATS:
        container.close()
        raise _not_a_video(path)
    return container


def decoder_options(options: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """Return options of a decoder with the bound on its pictures, which FFmpeg asks before it takes memory for one."""
    return {**options, "max_pixels": str(MAX_FRAME_PIXELS)}


def fault_of(error: av.error.FFmpegError) -> str:
    """Return what FFmpeg says of a picture that it does not decode."""
    said = error.strerror or str(error)
    if isinstance(error, av.error.ArgumentError):  # so it calls what exceeds its bound
        said += f": it is damaged, or of more than {MAX_FRAME_PIXELS:,} pixels"
    return said


def video_stream(container: av.container.InputContainer) -> av.video.stream.VideoStream:
    """Return the stream that is read: the first of moving pictures (a cover picture is none).

    Its decoder takes no picture of more than `MAX_FRAME_PIXELS`.

    Raises:
        InputError: if the file has none.
    """
    streams = video_streams(container)
    if not streams:
        kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "no stream"
        path = container.name.removeprefix("file:")
        raise InputError(f"expected a video stream in {path}, found only {kinds}: give a file that has one")
    # PyAV leaves the decoder out where FFmpeg has none.
    if cast(Any, streams[0]).codec_context is None:
        raise InputError(
            f"expected video that can be decoded in {container.name.removeprefix('file:')}, but its pictures cannot be "
            "decoded: unknown or encrypted codec; convert it to H.264 first"
        )
    streams[0].codec_context.options = decoder_options()
    return streams[0]


def video_streams(container: av.container.InputContainer) -> list[av.video.stream.VideoStream]:
    """Return the streams of moving pictures."""
    return [
        stream
        for stream in container.streams.video
        if not stream.disposition & av.stream.Disposition.attached_pic
    ]


@dataclass(frozen=True)
class FirstFrame:
    """A clip's first whole frame.

    Attributes:
        frame: it.
        packet: which packet it is of.
        after_damage: whether others before it could not be decoded.
        rate: frames a second as the pictures tell it; None where they do not.
    """

    frame: av.VideoFrame
    packet: int
    after_damage: bool
    rate: Fraction | None = None


def first_frame(path: Path, ignores_edits: bool) -> FirstFrame:
    """Decode a clip up to its first whole frame.

    Raises:
        InputError: if there is none.
    """
    with open_container(path, ignores_edits) as container:
        stream = video_stream(container)
        number_packets(stream)
        reason, sent, damaged = "it holds no packet", 0, False
        packets = demuxed(container, stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    break
                damaged |= packet.is_corrupt
                if packet.size:
                    packet.opaque, sent = sent, sent + 1
                decoded = stream.decode(packet)
            except av.error.FFmpegError as error:
                reason, damaged = fault_of(error), True
                continue
            for frame in decoded:
                if not frame.is_corrupt:
                    number = frame.opaque if isinstance(frame.opaque, int) else 0
                    return FirstFrame(frame, number, damaged, stream.codec_context.framerate or None)
                reason, damaged = "all its frames are damaged", True
    raise InputError(
        f"expected at least one frame in {path}, but none can be decoded ({reason}): copy or record it again"
    )


def demuxed(
    container: av.container.InputContainer, *streams: av.video.stream.VideoStream
) -> Iterator[av.Packet[Any]]:
    """Yield the packets of streams, of all where none is given, each of them a sign of life."""
    for packet in container.demux(*streams):
        sign_of_life()
        yield packet


def revealed(packet: av.Packet[av.VideoStream]) -> av.Packet[av.VideoStream]:
    """Return a packet whose frame a decoder gives, though FFmpeg marks it as one that is not to be shown.

    It does so with a fragment that by its clock begins before the one before it ended.
    """
    if not packet.is_discard:
        return packet
    copy = av.Packet(bytes(packet))
    copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
    return cast("av.Packet[av.VideoStream]", copy)


def number_packets(stream: av.video.stream.VideoStream) -> None:
    """Have the decoder hand each packet's `opaque` on to its frame."""
    stream.codec_context.flags |= Flags.copy_opaque


def _not_a_video(path: Path) -> InputError:
    return InputError(
        f"expected a video file, but {path} is not one that can be read: give a video or a folder of images"
    )


def codec_name(stream: av.video.stream.VideoStream) -> str:
    """Return the format's name whatever the decoder is called: av1, not libdav1d."""
    codec = stream.codec_context.codec
    return getattr(codec, "canonical_name", None) or codec.name
