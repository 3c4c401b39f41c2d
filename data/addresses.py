"""Addresses of streams, as they may be told: without user, password and query."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

SCHEMES = ("rtsp", "rtsps", "http", "https", "udp", "tcp")
"""Of the streams that are opened."""

_TOLD = re.compile(rf"\b(?:{'|'.join(SCHEMES)})://[^\s'\"]+", re.IGNORECASE)
_USER = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/'\"@]+@", re.IGNORECASE)
_LONGEST_PART = 24
"""Letters of a part of a path; a longer one may be a key."""


def without_passwords(text: str) -> str:
    """Return a text whose addresses name no user and password; what else is said of them may be needed.

    Example:
        >>> without_passwords("found rtsp://me:secret@10.0.0.7/door and https://youtu.be/abc?t=3")
        'found rtsp://10.0.0.7/door and https://youtu.be/abc?t=3'
    """
    return _USER.sub(r"\1", text)


def without_credentials(text: str) -> str:
    """Return a text whose addresses of streams are as they may be told.

    Example:
        >>> without_credentials("found rtsp://me:secret@10.0.0.7/door?token=1 twice")
        'found rtsp://10.0.0.7/door twice'
    """

    def told(found: re.Match[str]) -> str:
        try:
            return shown_address(urlsplit(found.group()))
        except ValueError:
            return f"{found.group().partition('://')[0]}://..."

    return _TOLD.sub(told, text)


def shown_address(parts: SplitResult) -> str:
    """Return an address without user, password, query and fragment, and without parts of its path that may be keys.

    Raises:
        ValueError: if it is no address.
    """
    host = parts.hostname or ""
    if "@" in parts.path or "@" in parts.fragment or ("@" in parts.query and "@" not in parts.netloc):
        return f"{parts.scheme}://..."  # of a password with a sign that ends a host
    port = "" if parts.port is None else f":{parts.port}"
    host = f"[{host}]" if ":" in host else host
    path = "/".join(_shown_part(part) for part in parts.path.split("/"))
    return f"{parts.scheme}://{host}{port}{path}"


def _shown_part(part: str) -> str:
    secret = any(sign in part for sign in "=;&%") or len(part) > _LONGEST_PART
    return "..." if secret else part
