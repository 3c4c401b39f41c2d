"""Download one file over HTTP into a `.part`, resuming where an earlier attempt was cut off.

What the server said of the file (ETag, length) lies beside the part as json, so that a later attempt asks for
the rest of the very same file (RFC 9110, Range and If-Range) and starts over if it has changed meanwhile.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tqdm import tqdm

from yolact_temporal.errors import UsageError, WeightsError
from yolact_temporal.version import installed_version
from yolact_temporal.yolact.weights.store import disk_faults

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are there and the bytes there will be (None if the server does not say)."""

_CHUNK = 1 << 18
_TIMEOUT_S = 30.0
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


@dataclass(frozen=True)
class _Remote:
    """What identifies the file that a part is a part of."""

    url: str
    validator: str | None
    total: int | None


class _StartOverError(Exception):
    """The part is of no use with what the server offers now."""


def download(url: str, part: Path, progress: Progress | None = None) -> None:
    """Bring the file at `url` into `part`, whole.

    Args:
        url: an http or https address; redirects are followed.
        part: where the bytes go; bytes of an earlier attempt are kept and only the rest is asked for, if the
            server can do that and the file is still the same.
        progress: called at the start and after every chunk.

    Raises:
        UsageError: if the address is not http or https, or the part cannot be written.
        OutOfSpaceError: if the disk is full; the part stays.
        WeightsError: if the server does not answer, does not have it, or the connection breaks; the part stays.
    """
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise UsageError(f"expected an http or https address, got {url!r}: pass a full one")
    known = _read_remote(part)
    offset = part.stat().st_size if part.exists() and known is not None and known.url == url else 0
    if known is not None and offset and offset == known.total:
        # It came whole, but the process ended before the file was looked at.
        _report(progress, offset, known.total)
        return
    resumable = known is not None and known.validator is not None and offset > 0
    try:
        _receive(url, part, known if resumable else None, offset if resumable else 0, progress)
    except _StartOverError:
        _receive(url, part, None, 0, progress)


def discard(part: Path) -> None:
    """Remove a part and what is known of it; nothing happens if they are not there."""
    part.unlink(missing_ok=True)
    _remote_path(part).unlink(missing_ok=True)


@contextlib.contextmanager
def progress_bar(label: str, quiet: bool = False) -> Iterator[Progress]:
    """Give a progress callback that draws a bar on stderr; silent when that is no terminal, or when quiet.

    Example:
        >>> with progress_bar("yolact_base", quiet=True) as progress:
        ...     progress(512, 1024)
    """
    with tqdm(desc=label, unit="B", unit_scale=True, unit_divisor=1024, disable=quiet or None) as bar:

        def update(done: int, total: int | None) -> None:
            """Move the bar to so many bytes of so many."""
            if bar.total != total:
                bar.reset(total)
            # Bytes of an earlier attempt must not count towards the speed of this one.
            if bar.n == 0:
                bar.initial = bar.n = done
                bar.refresh()
            bar.update(done - bar.n)

        yield update


def _receive(url: str, part: Path, known: _Remote | None, offset: int, progress: Progress | None) -> None:
    headers = {"User-Agent": f"yolact-temporal/{installed_version()}", "Accept-Encoding": "identity"}
    if known is not None:
        headers |= {"Range": f"bytes={offset}-", "If-Range": known.validator or ""}
    with _opened(urllib.request.Request(url, headers=headers), offset) as response:
        if response.status == http.HTTPStatus.PARTIAL_CONTENT:
            match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if known is None or match is None or int(match[1]) != offset:
                raise _StartOverError
            if known.total is not None and int(match[2]) != known.total:
                raise _StartOverError
            total: int | None = int(match[2])
        else:
            offset, total = 0, _content_length(response)
            discard(part)
            _write_remote(part, _Remote(url, _validator(response), total))
        done = _append(response, part, offset, total, progress)
    if total is not None and done != total:
        raise WeightsError(
            f"expected {total} bytes from {url}, got {done} before the connection ended: "
            f"run the same command again to resume (what came is kept in {part})"
        )


@contextlib.contextmanager
def _opened(request: urllib.request.Request, offset: int) -> Iterator[http.client.HTTPResponse]:
    url = request.full_url
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and offset:
                raise _StartOverError from error
            passing = error.code == http.HTTPStatus.TOO_MANY_REQUESTS or error.code >= 500
            advice = (
                "try again later"
                if passing
                else "check the address, or get the file elsewhere and `yolact-temporal weights import` it"
            )
            raise WeightsError(
                f"expected a file at {url}, the server answered {error.code} {error.reason}: {advice}"
            ) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise WeightsError(
            f"expected an answer from {urlsplit(url).netloc}, got none ({reason}): check the network, or get "
            f"{url} elsewhere and `yolact-temporal weights import` it"
        ) from error
    with response:
        yield response


def _append(
    response: http.client.HTTPResponse, part: Path, done: int, total: int | None, progress: Progress | None
) -> int:
    """Write the body behind the part's first `done` bytes; returns how many there are when it ends."""
    with disk_faults(part), part.open("ab") as file:
        _report(progress, done, total)
        try:
            while chunk := _next_chunk(response, part):
                file.write(chunk)
                done += len(chunk)
                _report(progress, done, total)
        except BaseException:
            # What came must be safe for the next attempt; a second fault here would hide the first.
            with contextlib.suppress(OSError):
                _flush(file)
            raise
        _flush(file)
    return done


def _flush(file: io.BufferedWriter) -> None:
    file.flush()
    os.fsync(file.fileno())


def _next_chunk(response: http.client.HTTPResponse, part: Path) -> bytes:
    try:
        return response.read1(_CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise WeightsError(
            f"expected the rest of {response.url}, the connection broke ({error or type(error).__name__}): "
            f"run the same command again to resume (what came is kept in {part})"
        ) from error


def _report(progress: Progress | None, done: int, total: int | None) -> None:
    if progress is not None:
        progress(done, total)


def _content_length(response: http.client.HTTPResponse) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _validator(response: http.client.HTTPResponse) -> str | None:
    """Return what If-Range can be asked with: a strong ETag, else the date; a weak ETag does not serve."""
    etag = response.headers.get("ETag")
    if etag and not etag.startswith("W/"):
        return etag
    return response.headers.get("Last-Modified")


def _remote_path(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _read_remote(part: Path) -> _Remote | None:
    try:
        return _Remote(**json.loads(_remote_path(part).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _write_remote(part: Path, remote: _Remote) -> None:
    with disk_faults(part):
        _remote_path(part).write_text(json.dumps(asdict(remote)), encoding="utf-8")
