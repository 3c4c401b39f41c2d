"""Sends frames that carry their numbers to whoever listens on loopback: a process of its own, which a test steers.

`python live_sender.py KIND PORT PLAN` with KIND "tcp", "udp" or "http", and PLAN a JSON list of steps, done in order:
["frames", N] sends N frames, ["same", N] sends the last one N times more, ["pause", S] waits, ["skip", N] leaves N
numbers out as if they were lost on the way, ["size", H, W] changes the frames' size, ["damage", N] garbles the next N
frames on their way, ["stream"] sends until a line comes on standard input, ["hangup"] closes all connections (TCP),
["wait"] waits for a line on standard input, and ["viewers", N] until so many have connected. What is sent is told on
standard output.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import SimpleQueue
from threading import Condition, Thread

import av
import cv2

sys.path.insert(0, str(Path(__file__).parent))

from clips import barcode_frame

FPS = 25
PACE = 100
"""Frames a second by the stream's clock, and by the one on the wall: tests need not wait for the former."""

CHUNK = 7 * 188


class TransportStream:
    """Frames as MPEG-TS, handed to `send` as bytes."""

    def __init__(self, send, size):
        self.send, self.size, self.damaged = send, size, 0
        self.container = av.open(
            self, "w", format="mpegts", options={"flush_packets": "1"}, buffer_size=CHUNK
        )
        options = {"preset": "ultrafast", "tune": "zerolatency", "crf": "18", "g": "5"}
        self.stream = self.container.add_stream("libx264", rate=FPS, options=options)
        self.stream.height, self.stream.width = size
        self.stream.pix_fmt = "yuv420p"

    def write(self, data):
        data = bytes(data)
        if self.damaged:
            middle = len(data) // 2
            data = (
                data[:middle] + bytes(255 - byte for byte in data[middle : middle + 40]) + data[middle + 40 :]
            )
        self.send(data)
        return len(data)

    def frame(self, number, clock, damaged):
        self.damaged = damaged
        frame = av.VideoFrame.from_ndarray(barcode_frame(number, *self.size))
        frame.pts, frame.time_base = clock, Fraction(1, FPS)
        self.container.mux(self.stream.encode(frame))
        self.damaged = 0


class Tcp:
    """Sends to everybody who is connected; who left is forgotten."""

    def __init__(self, port):
        self.server = socket.create_server(("127.0.0.1", port))
        self.sockets, self.changed = [], Condition()
        Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            viewer, _ = self.server.accept()
            with self.changed:
                self.sockets.append(viewer)
                self.changed.notify_all()

    def send(self, data):
        with self.changed:
            for viewer in list(self.sockets):
                try:
                    viewer.sendall(data)
                except OSError:
                    self.sockets.remove(viewer)

    def hangup(self):
        with self.changed:
            for viewer in self.sockets:
                viewer.close()
            self.sockets.clear()

    def viewers(self, count):
        with self.changed:
            self.changed.wait_for(lambda: len(self.sockets) >= count)


class Udp:
    def __init__(self, port):
        self.place = ("127.0.0.1", port)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def send(self, data):
        for start in range(0, len(data), CHUNK):
            self.socket.sendto(data[start : start + CHUNK], self.place)

    def viewers(self, count):
        """Nobody connects: the first frames go where nobody listens yet."""


class Http:
    """A camera's MJPEG: a new JPEG in every part, to everybody who asks with the right user and token."""

    def __init__(self, port):
        sender = self
        self.picture, self.number, self.seen, self.changed = b"", -1, 0, Condition()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path != "/door?token=quiet" or self.headers["Authorization"] != "Basic bWU6c2VjcmV0":
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="door"')
                    self.end_headers()
                    return
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                with sender.changed:
                    sender.seen += 1
                    sender.changed.notify_all()
                last = -1
                while True:
                    with sender.changed:
                        sender.changed.wait_for(lambda last=last: sender.number != last)
                        picture, last = sender.picture, sender.number
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                    try:
                        self.wfile.write(head.encode() + picture + b"\r\n")
                    except OSError:  # the viewer has left
                        return

            def log_message(self, *_):
                pass

        Thread(target=ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever, daemon=True).start()

    def frame(self, number, clock, damaged):
        picture = cv2.cvtColor(barcode_frame(number), cv2.COLOR_RGB2BGR)
        with self.changed:
            self.picture, self.number = bytes(cv2.imencode(".jpg", picture)[1]), clock
            self.changed.notify_all()

    def viewers(self, count):
        with self.changed:
            self.changed.wait_for(lambda: self.seen >= count)


def main(kind, port, plan):
    line = {"tcp": Tcp, "udp": Udp, "http": Http}[kind](port)
    size, number, clock, damaged = (96, 144), 0, 0, 0
    stream = line if kind == "http" else TransportStream(line.send, size)
    lines = SimpleQueue()
    Thread(target=lambda: [lines.put(line) for line in sys.stdin], daemon=True).start()
    print("ready", flush=True)
    for what, *values in plan:
        if what in ("frames", "same", "stream"):
            began, first = time.monotonic(), clock
            for _ in range(values[0]) if values else iter(lines.empty, False):
                number -= what == "same" and number > 0
                stream.frame(number, clock, damaged > 0)
                number, clock, damaged = number + 1, clock + 1, max(0, damaged - 1)
                time.sleep(max(0.0, began + (clock - first) / PACE - time.monotonic()))
            if what == "stream":
                lines.get()
        elif what == "skip":
            number, clock = number + values[0], clock + values[0]
        elif what == "pause":
            time.sleep(values[0])
        elif what == "size":
            stream = TransportStream(line.send, tuple(values))
        elif what == "damage":
            damaged = values[0]
        elif what == "hangup":
            line.hangup()
        elif what == "wait":
            lines.get()
        elif what == "viewers":
            line.viewers(values[0])
        print("sent", what, *values, number, flush=True)
    if kind == "tcp":
        line.hangup()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3]))
