"""What people give in place of a clip: addresses, cameras, archives, playlists; each told for what it is."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from yolact_temporal.errors import InputError

_EXPECTED = "expected a video file or a folder of images"
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)  # a drive such as C:/ has a single letter
_STREAMS = ("rtsp", "rtsps", "rtmp", "rtmps", "rtp", "udp", "srt", "mms", "tcp")
_YOUTUBE = re.compile(
    r"(https?:/+)?([a-z]+\.)?(youtube\.com|youtu\.be|youtube-nocookie\.com)/.*", re.IGNORECASE
)
_CAMERA = re.compile(r"\d{1,3}|/dev/video\d+")

_ARCHIVES: Mapping[bytes, str] = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "rar",
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
_TAR_MARK, _TAR_AT = b"ustar", 257
_HEAD_BYTES = 512


def mistaken_name(given: str | Path) -> InputError | None:
    """Return what to say of something that is no path of a clip at all; None where it may be one.

    Args:
        given: as a person wrote it, where no file or folder of this name exists.

    Example:
        >>> print(mistaken_name("https://example.org/walk.mp4"))
        expected a video file or a folder of images, got a web address (https://example.org/walk.mp4): download the
        file first, for example with `curl -L -o clip.mp4 https://example.org/walk.mp4`, and give that file
        >>> print(mistaken_name("walk.mp4"))
        None
    """
    text = str(given)
    if _YOUTUBE.fullmatch(text):
        return InputError(
            f"{_EXPECTED}, got a YouTube link ({text}): save the recording first, for example with "
            f"`yt-dlp -f mp4 -o clip.mp4 {shlex.quote(_address(text))}`, and give that file"
        )
    if _ADDRESS.match(text):
        return InputError(f"{_EXPECTED}, got {_of_address(_address(text))}")
    if _CAMERA.fullmatch(text):
        return InputError(
            f"{_EXPECTED}, got a camera ({text}): record a piece first, for example with "
            f"`{_camera_command(text)}`, and give that file"
        )
    if text == "-":
        return InputError(f"{_EXPECTED}, got - for the standard input: write it to a file first")
    return None


def mistaken_content(path: Path) -> InputError | None:
    """Return what to say of a file whose first bytes show that it is something else than a video; None otherwise.

    Raises:
        OSError: if it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    kind = next((name for mark, name in _ARCHIVES.items() if head.startswith(mark)), None)
    if kind is None and head[_TAR_AT:].startswith(_TAR_MARK):
        kind = "tar"
    if kind is not None:
        return InputError(
            f"{_EXPECTED}, got a {kind} archive at {path}: unpack it, and give the video or the folder of images in it"
        )
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for mark, name, demuxer in (
        (b"#extm3u", "an HLS playlist", "hls"),
        (b"ffconcat version", "a list of clips", "concat -safe 0"),
        (b"[playlist]", "a playlist", None),
    ):
        if text.startswith(mark):
            return _playlist(path, name, demuxer)
    if (text.startswith(b"<?xml") and b"<mpd" in text) or text.startswith(b"<mpd"):
        return _playlist(path, "a DASH playlist", "dash")
    if text.startswith((b"<!doctype html", b"<html")):
        return InputError(
            f"{_EXPECTED}, got a web page at {path}: it was saved in place of the video; download the video itself"
        )
    if text.startswith(b"version https://git-lfs.github.com/"):
        return InputError(
            f"{_EXPECTED}, got a pointer of Git LFS at {path}: fetch the file itself with `git lfs pull`"
        )
    return None


def _of_address(address: str) -> str:
    """Return what an address is of, and what to do about it."""
    parts = urlsplit(address)
    scheme, ending = parts.scheme.lower(), Path(parts.path).suffix.lower()
    if scheme == "file":
        return f"the address of a file ({address}): give its path, {unquote(parts.path)}"
    if scheme in _STREAMS or ending in (".m3u8", ".mpd"):
        return (
            f"the address of a stream ({address}): record a piece first, for example with "
            f"`ffmpeg -i {shlex.quote(address)} -t 30 -c copy clip.mkv`, and give that file"
        )
    if scheme in ("http", "https", "ftp", "ftps"):
        name = "clip" + (ending if re.fullmatch(r"[.]\w{2,4}", ending) else ".mp4")
        return (
            f"a web address ({address}): download the file first, for example with "
            f"`curl -L -o {name} {shlex.quote(address)}`, and give that file"
        )
    return f"an address ({address}): copy the file to this machine first, and give its path"


def _address(text: str) -> str:
    """Return an address whole again: a path loses one of its two slashes, and a person may leave out the scheme."""
    if not _ADDRESS.match(text):
        return f"https://{text}"
    scheme, _, rest = text.partition(":")
    slashes = "///" if scheme.lower() == "file" else "//"
    return f"{scheme}:{slashes}{rest.lstrip('/')}"


def _camera_command(camera: str) -> str:
    number = camera.removeprefix("/dev/video")
    if sys.platform == "darwin":
        return f'ffmpeg -f avfoundation -framerate 30 -i "{number}" -t 30 clip.mp4'
    if sys.platform == "win32":
        return 'ffmpeg -f dshow -i video="NAME OF THE CAMERA" -t 30 clip.mp4'
    return f"ffmpeg -f v4l2 -i /dev/video{number} -t 30 clip.mp4"


def _playlist(path: Path, name: str, demuxer: str | None) -> InputError:
    how = "give the video that it names"
    if demuxer is not None:
        how = (
            "put them together first, for example with `ffmpeg -protocol_whitelist "
            f"file,http,https,tcp,tls,crypto -f {demuxer} -i {shlex.quote(str(path))} -c copy clip.mkv`, and "
            f"give that file"
        )
    return InputError(f"{_EXPECTED}, got {name} at {path}, which only names pieces of a video: {how}")
