"""What stands before everything the dashboard answers: who may ask, and what a browser may do with the answer."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from yolact_temporal.dashboards.hosts import Place, refusal

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)

_KEPT_FROM_OTHERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """An ASGI application before another one: it answers only what a page of the dashboard asks, or a person opens.

    Every HTTP request and every handshake of a websocket is judged by `hosts.refusal` before the application hears of
    it, and every answer says that it may not be framed, embedded or sniffed, and where scripts may come from.

    Args:
        app: what is guarded.
        places: the names and ports that are the dashboard's own.
        pages: the HTML of its pages, whose own scripts may run.
    """

    def __init__(self, app: ASGIApp, places: Iterable[Place], pages: Sequence[str]) -> None:
        self._app = app
        self._places = frozenset(places)
        self._headers = _KEPT_FROM_OTHERS | {"content-security-policy": content_policy(self._places, pages)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or have it answered."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        websocket = scope["type"] == "websocket"
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        refused = refusal(headers, self._places, websocket=websocket)
        if refused is None:
            await self._app(scope, receive, self._marked(send))
        elif websocket:
            await receive()  # the wish to connect
            if "websocket.http.response" in scope.get("extensions", {}):
                await self._tell(self._marked(send), *refused, kind="websocket.http.response")
            else:
                await send({"type": "websocket.close", "code": 1008, "reason": ""})
        else:
            await self._tell(self._marked(send), *refused, kind="http.response")

    def _marked(self, send: Send) -> Send:
        """Return a `send` that adds the headers to the start of an answer, in place of any of the same name."""
        own = [(name.encode(), value.encode()) for name, value in self._headers.items()]

        async def marked(message: Message) -> None:
            """Send a message on, its headers marked where an answer starts."""
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                kept = [
                    pair
                    for pair in message.get("headers", ())
                    if pair[0].decode().lower() not in self._headers
                ]
                message = {**message, "headers": [*kept, *own]}
            await send(message)

        return marked

    async def _tell(self, send: Send, status: int, sentence: str, *, kind: str) -> None:
        body = f"{sentence}\n".encode()
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": f"{kind}.start", "status": status, "headers": headers})
        await send({"type": f"{kind}.body", "body": body})


def content_policy(places: Iterable[Place], pages: Sequence[str]) -> str:
    """Return the content security policy: nothing from elsewhere, no frame, and of inline scripts the pages' own.

    Args:
        places: the names and ports that are the dashboard's own; websockets to them are named one by one, since not
            every browser counts them as the page's own origin.
        pages: the HTML of its pages.
    """
    scripts = sorted({_hash(script) for page in pages for script in _SCRIPT.findall(page)})
    # A policy cannot name an address of version 6; "self" has to do there.
    named = [place for place in places if ":" not in place.name]
    sockets = sorted(f"{scheme}://{place}" for place in named for scheme in ("ws", "wss"))
    return "; ".join(
        (
            "default-src 'self'",
            # The viewer's scripts are imported from blobs that the page makes itself.
            " ".join(["script-src 'self' blob:", *scripts]),
            # Streamlit styles its widgets by style elements and attributes.
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data:",
            "font-src 'self' data:",
            " ".join(["connect-src 'self'", *sockets]),
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-src 'none'",
            "frame-ancestors 'none'",
        )
    )


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
