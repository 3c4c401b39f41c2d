"""One connection to a live source: opened, decoded without delay, and what is wrong told without its address."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.container
import av.device
import av.error
import av.video.stream
import numpy as np

from yolact_temporal.data.live.address import LiveAddress
from yolact_temporal.data.sources.opening import open_container, video_stream
from yolact_temporal.data.sources.pyav_source import default_threads
from yolact_temporal.errors import InputError

_CONTAINERS = (
    "mpegts,h264,hevc,m4v,mpegvideo,mpeg,mjpeg,mjpeg_2000,mpjpeg,jpeg_pipe,png_pipe,flv,live_flv,matroska,webm,mov,mp4,"
    "m4a,3gp,3g2,mj2,nut,ogg,avi,yuv4mpegpipe,av1,obu,ivf,asf"
)
"""What may come down a stream. Lists that name further places to read are not among them, but for HLS over HTTP."""

_HTTP = "http,https,httpproxy,tcp,tls,crypto"
_PROTOCOLS = {
    "rtsp": "rtsp,rtsps,rtp,srtp,udp,tcp,tls",
    "rtsps": "rtsp,rtsps,rtp,srtp,udp,tcp,tls",
    "http": _HTTP,
    "https": _HTTP,
    "udp": "udp",
    "tcp": "tcp",
    "pipe": "pipe",
}
"""By the address's scheme, what may be opened for it; never a file."""

_NO_CLOCK = (
    "mpjpeg",
    "mjpeg",
    "jpeg_pipe",
    "png_pipe",
    "h264",
    "hevc",
    "m4v",
    "mpegvideo",
    "av1",
    "obu",
    "yuv4mpegpipe",
)
"""Formats without times of their own: FFmpeg makes up 25 frames a second."""

_RATES = (Fraction(1), Fraction(240))
"""What a header may say of frames a second and be believed."""

_REFUSED = (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError)
_KEY_FRAME_WITHIN = 300
"""Frames at the start of a connection that may lean on ones before it; a stream that has no key frame is taken so."""


class StreamLostError(Exception):
    """A live source ended, broke off, or is not there: why, in a few words without its address."""


@dataclass(frozen=True)
class Connection:
    """An open live source.

    Attributes:
        container, stream: FFmpeg's.
        believed: whether its frames' times are the sender's.
        rate: frames a second as the header says; None where it does not.
    """

    container: av.container.InputContainer
    stream: av.video.stream.VideoStream
    believed: bool
    rate: Fraction | None


@contextlib.contextmanager
def connected(address: LiveAddress, stall_s: float) -> Iterator[Connection]:
    """Open a live source for the length of the block.

    Args:
        address: of it.
        stall_s: how long it may give nothing.

    Raises:
        StreamLostError: if it is not there, or ends, or gives nothing for so long.
        InputError: if it never will be: no camera, no access, no video.
    """
    with _told(address, stall_s):
        container = _opened(address, stall_s)
    try:
        try:
            stream = video_stream(container)
        except InputError as error:
            raise InputError(
                f"expected video that can be decoded from {address.shown}, got none: check what it sends"
            ) from error
        stream.thread_type = "SLICE"  # threads that each take a frame hold back as many
        stream.codec_context.thread_count = default_threads()
        names = set(container.format.name.split(","))
        timed = not names & set(_NO_CLOCK) and address.kind != "camera"
        yield Connection(container, stream, timed, _rate(stream) if timed else None)
    finally:
        with contextlib.suppress(av.error.FFmpegError, OSError):
            container.close()


def pictures(connection: Connection, address: LiveAddress, stall_s: float) -> Iterator[Any | None]:
    """Yield the frames of a connection as they come; None for what is damaged.

    What cannot be decoded before the first key frame is not damaged: it leans on what came before we listened.

    Raises:
        StreamLostError: where it breaks off; at its end it just ends.
    """
    begun, waited = False, 0
    stream = connection.stream
    with _told(address, stall_s):
        for packet in connection.container.demux(stream):
            damaged = packet.is_corrupt
            try:
                frames = stream.decode(packet)
            except av.error.FFmpegError as error:
                if isinstance(error, av.error.EOFError):
                    return
                frames, damaged = [], True
            if damaged and begun:
                yield None
            for frame in frames:
                if not begun:
                    waited += 1
                    begun = (frame.key_frame and not frame.is_corrupt) or waited > _KEY_FRAME_WITHIN
                if begun and frame.is_corrupt:
                    yield None
                elif begun and not (damaged and packet.is_corrupt):
                    yield frame


def same_picture(first: Any, second: Any) -> bool:
    """Say whether two of the decoder's frames are pixel for pixel the same, RGB compared where the first plane is."""
    if (first.width, first.height, first.format.name) != (second.width, second.height, second.format.name):
        return False
    if not np.array_equal(_plane(first), _plane(second)):
        return False
    return bool(np.array_equal(first.to_ndarray(format="rgb24"), second.to_ndarray(format="rgb24")))


def _plane(frame: Any) -> np.ndarray[Any, Any]:
    """Return the first plane's bytes, each row up to its width: of packed formats the beginning of each row."""
    plane = frame.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]


def _opened(address: LiveAddress, stall_s: float) -> av.container.InputContainer:
    if address.kind == "file":
        return open_container(Path(address.place))
    if address.kind == "camera":
        return _camera(address, stall_s)
    scheme = address.place.partition(":")[0].lower()
    options = {
        "protocol_whitelist": _PROTOCOLS[scheme],
        "probesize": "2000000",
        "analyzeduration": "1000000",
    }
    if scheme in ("rtsp", "rtsps"):
        options["rtsp_flags"] = "prefer_tcp"
    else:
        options["format_whitelist"] = _CONTAINERS + (",hls" if scheme.startswith("http") else "")
    # What a slow open waits for is a first picture, which may be a key frame's interval away.
    return av.open(address.place, format=address.format or None, options=options, timeout=(stall_s, stall_s))


def _camera(address: LiveAddress, stall_s: float) -> av.container.InputContainer:
    names = {part for name in av.formats_available for part in name.split(",")}
    if address.format not in names:
        raise InputError(
            f"expected PyAV with {address.format} to open {address.shown}, got a build without it: send the camera as "
            f"a stream, such as udp://, with another program"
        )
    place, options = address.place, {}
    if address.format == "v4l2" and not Path(place).exists():
        raise InputError(f"expected a camera at {place}, found none: plug it in, or pass another number")
    if address.format == "v4l2" and not os.access(place, os.R_OK | os.W_OK):
        raise InputError(
            f"expected to be allowed to open {place}, but permission is denied: join the group video"
        )
    if address.format == "avfoundation":
        options["framerate"] = "30"
    if address.format == "dshow":
        place = _windows_camera(address)
    return av.open(place, format=address.format, options=options, timeout=(stall_s, stall_s))


def _windows_camera(address: LiveAddress) -> str:
    cameras = [
        own.name for own in av.device.enumerate_input_devices("dshow") if "video" in (own.media_types or ())
    ]
    number = int(address.place)
    if number >= len(cameras):
        raise InputError(
            f"expected a camera number below {len(cameras)}, got {number}: plug it in, or pass another number"
        )
    return f"video={cameras[number]}"


def _rate(stream: av.video.stream.VideoStream) -> Fraction | None:
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate is not None and _RATES[0] <= rate <= _RATES[1]:
            return Fraction(rate)
    return None


@contextlib.contextmanager
def _told(address: LiveAddress, stall_s: float) -> Iterator[None]:
    """Turn what FFmpeg raises into a few words without the address, which its own errors hold."""
    try:
        yield
    except _REFUSED:
        raise InputError(
            f"expected to be let in at {address.shown}, got no: check user and password"
        ) from None
    except av.error.ProtocolNotFoundError:
        raise InputError(
            f"expected PyAV that opens {address.shown}, got a build without its protocol, or a place that names one "
            f"which is never opened: send it otherwise"
        ) from None
    except av.error.ExitError:
        raise StreamLostError(f"nothing came for {stall_s:g} s") from None
    except av.error.EOFError:
        raise StreamLostError("it ended") from None
    except av.error.FFmpegError as error:
        if address.kind == "camera" and error.errno == errno.EBUSY:
            raise InputError(
                f"expected {address.shown} to be free, got one that another program uses: close that one"
            ) from None
        raise StreamLostError(_reason(error)) from None


def _reason(error: av.error.FFmpegError) -> str:
    return error.strerror.lower() if error.strerror else type(error).__name__
