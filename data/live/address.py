"""What is given as a live source: what FFmpeg opens of it, and what may be told of it.

An address may hold a user's name, a password or a token. Only `LiveAddress.place` has them; whatever is printed,
logged or written is made of `shown`, which never does.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from yolact_temporal.data.addresses import SCHEMES, shown_address
from yolact_temporal.errors import UsageError

Kind = Literal["camera", "network", "pipe", "file"]

EXPECTED = (
    "expected a camera's number, an address of " + ", ".join(f"{own}://" for own in SCHEMES) + ", - for a "
    "pipe, or a file beside --real-time"
)

_NEEDS_PORT = ("udp", "tcp")
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)

_DEVICES = {"linux": ("v4l2", "/dev/video{}"), "darwin": ("avfoundation", "{}"), "win32": ("dshow", "{}")}
"""By platform: FFmpeg's name of its cameras, and how it calls one."""


@dataclass(frozen=True)
class LiveAddress:
    """A live source.

    Attributes:
        kind: of what kind it is.
        place: what FFmpeg opens; it may hold a password and is never told.
        shown: what may be told of it.
        name: what a run of it is called.
        format: the name of FFmpeg's format; "" where that is found out.
    """

    kind: Kind
    place: str = field(repr=False)
    shown: str
    name: str
    format: str = ""

    @property
    def comes_back(self) -> bool:
        """Whether it may be opened again once it is lost."""
        return self.kind in ("network", "camera")


def live_address(given: str, real_time: bool = False, platform: str = sys.platform) -> LiveAddress:
    """Return what is meant by a live source; nothing is opened.

    Args:
        given: as a person wrote it.
        real_time: whether a file is to be played at its own speed.
        platform: as of `sys.platform`.

    Raises:
        UsageError: if it is no live source; nothing of a password is in the message.

    Example:
        >>> live_address("rtsp://me:secret@10.0.0.7:8554/door?token=1")
        LiveAddress(kind='network', shown='rtsp://10.0.0.7:8554/door', name='rtsp_10.0.0.7', format='rtsp')
        >>> live_address("0", platform="linux")
        LiveAddress(kind='camera', shown='camera 0', name='camera_0', format='v4l2')
    """
    if real_time:
        return _file(given)
    if given == "-":
        return LiveAddress("pipe", "pipe:0", "standard input", "pipe")
    if given.isascii() and given.isdigit() and len(given) <= 3:
        return _camera(int(given), platform)
    if _ADDRESS.match(given):
        return _network(given)
    if Path(given).exists():
        raise UsageError(
            f"expected a live source, got {given}, which lies on a disk: `yolact-temporal analyze` measures every "
            f"frame of it, and --real-time plays a file at its own speed"
        )
    raise UsageError(f"{EXPECTED}, got {given!r}: `yolact-temporal live --help` shows how")


def _file(given: str) -> LiveAddress:
    from yolact_temporal.data.sources.structure import (
        require_readable_file,
    )  # NumPy, which --help need not wait for

    if given == "-" or given.isdigit() or _ADDRESS.match(given):
        raise UsageError(
            "expected a file beside --real-time, got a source that has a speed of its own: leave --real-time out"
        )
    require_readable_file(Path(given))
    return LiveAddress("file", given, given, Path(given).stem)


def _camera(number: int, platform: str) -> LiveAddress:
    form, place = next(
        (own for name, own in _DEVICES.items() if platform.startswith(name)), _DEVICES["linux"]
    )
    return LiveAddress("camera", place.format(number), f"camera {number}", f"camera_{number}", form)


def _network(given: str) -> LiveAddress:
    scheme = given.partition("://")[0].lower()
    if scheme not in SCHEMES:
        raise UsageError(f"{EXPECTED}, got an address of {scheme}://: pass one of these")
    try:
        parts = urlsplit(given)
        port, host = parts.port, parts.hostname
        shown = shown_address(parts)
    except ValueError:
        port, host, shown = None, None, f"{scheme}://..."
    if shown.endswith("://...") or parts.fragment:
        raise UsageError(
            f"expected an address whose user and password have no sign of their own between {scheme}:// and the host, "
            f"got one that cannot be read: write @ as %40, / as %2F, # as %23, ? as %3F and : as %3A in them"
        )
    if host is None and scheme not in _NEEDS_PORT:
        raise UsageError(
            f"expected a host in an address of {scheme}://, got none: write {scheme}://HOST/PATH"
        )
    if port is None and scheme in _NEEDS_PORT:
        raise UsageError(
            f"expected a port in an address of {scheme}://, got none: write {scheme}://HOST:PORT"
        )
    name = re.sub(r"[^\w.-]", "_", f"{scheme}_{host or port}")
    form = "rtsp" if scheme in ("rtsp", "rtsps") else ""
    return LiveAddress("network", given, shown, name[:60], form)
