"""A real HTTP server on loopback that serves one file well or badly, and a small model to serve."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Served:
    """What lies at one path, and how the server behaves there.

    Attributes:
        content: the file.
        ranges: whether Range is understood.
        cut_after: bytes of a body after which the connection is closed; used once for each in the list.
        etag: what the file is called; "strong" for a hash of the content, "weak", or "none" (then no date either).
        length: whether Content-Length is sent.
        shift: a lying server's error in where a partial body starts.
        status: answer with this status instead.
        location: answer with a redirect to this path.
        requests: the Range header of each request there has been.
    """

    content: bytes = b""
    ranges: bool = True
    cut_after: list[int] = field(default_factory=list)
    etag: str = "strong"
    length: bool = True
    shift: int = 0
    status: int | None = None
    location: str | None = None
    requests: list[str | None] = field(default_factory=list)

    @property
    def tag(self) -> str:
        quoted = f'"{sha256(self.content).hexdigest()[:16]}"'
        return "W/" + quoted if self.etag == "weak" else quoted


class Server:
    """Serves what `files` holds, by path."""

    def __init__(self) -> None:
        self.files: dict[str, Served] = {}
        served = self.files

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                _answer(self, served.get(self.path))

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def put(self, path: str, served: Served) -> str:
        """Serve it at the path; returns the address."""
        self.files[path] = served
        return self.address(path)

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.http.server_address[1]}{path}"


@contextmanager
def running_server() -> Iterator[Server]:
    """Give a server that answers until the block ends."""
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.http.shutdown()
        server.http.server_close()
        thread.join()


def _answer(handler: BaseHTTPRequestHandler, served: Served | None) -> None:
    if served is None:
        handler.send_error(404)
        return
    wanted = handler.headers.get("Range")
    served.requests.append(wanted)
    if served.status is not None:
        handler.send_error(served.status)
        return
    if served.location is not None:
        handler.send_response(302)
        handler.send_header("Location", served.location)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    total = len(served.content)
    start = 0
    known = handler.headers.get("If-Range")
    if served.ranges and wanted and known in (None, served.tag):
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) + served.shift
        if start >= total:
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{total}")
            handler.end_headers()
            return
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
    else:
        handler.send_response(200)
    body = served.content[start:]
    if served.etag != "none":
        handler.send_header("ETag", served.tag)
        handler.send_header("Last-Modified", formatdate(0, usegmt=True))
    if served.length:
        handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    if served.cut_after:
        body = body[: served.cut_after.pop(0)]
    handler.wfile.write(body)
