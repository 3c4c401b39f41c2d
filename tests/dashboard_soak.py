"""Many clients of a dashboard at once, and how much memory its process takes at most.

At size: `python tests/dashboard_soak.py` prints the figure.
"""

from __future__ import annotations

import argparse
import http.client
import math
import random
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import cv2
import numpy as np
from dashboard_runs import BLINKING, FPS, STEADY, loaded_stand_in
from numpy.typing import NDArray
from served_dashboard import ServedDashboard

from yolact_temporal.analyzing.request import Destination, Pictures, RunRequest
from yolact_temporal.analyzing.run_clip import run_clip
from yolact_temporal.dashboards.app import page_addresses
from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.frames import Frame
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.sources import open_clip
from yolact_temporal.data.video_writer import VideoWriter
from yolact_temporal.temporal.motion import Motion

DISCS = 6
_PAGE_S = 300.0


@dataclass
class Soaked:
    """What came of many clients.

    Attributes:
        statuses: how many answers had which HTTP status.
        pages: how many pages were opened by websocket, and ran to their end.
        peak_mib: most memory of the server's process.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    pages: int = 0
    peak_mib: float = 0.0


class StillCamera:
    """No motion, known and not estimated, so that a long run is made soon."""

    kind = "none: the camera stands still"
    pictures = True

    def __init__(self, size: tuple[int, int]) -> None:
        self._size, self._started = size, False

    def update(self, frame: Frame) -> Motion | None:
        started, self._started = self._started, True
        return Motion.still(self._size) if started else None

    def is_cut(self, frame: Frame) -> bool:
        return False


class Discs:
    """A segmenter that sees discs that go round, a little smaller in some frames, in place of a network."""

    class_names = ("disc",)

    def __init__(self, name: str, size: tuple[int, int], shrinks_every: int) -> None:
        self.name = name
        self._size, self._every, self._frame = size, shrinks_every, 0

    def segment(self, pixels: NDArray[np.uint8]) -> list[Instances]:
        return [self._next() for _ in pixels]

    def _next(self) -> Instances:
        height, width = self._size
        radius = height // 8 - (self._frame % self._every == 0)
        disc = cv2.circle(np.zeros((2 * radius + 1,) * 2, np.uint8), (radius, radius), radius, 1, -1)
        masks = []
        for number in range(DISCS):
            angle = 2 * math.pi * (number / DISCS + self._frame / 500)
            x = round((width / 2 - radius) * (1 + math.cos(angle)))
            y = round((height / 2 - radius) * (1 + math.sin(angle)))
            masks.append(
                MaskCrop.from_bitmap(
                    disc, self._size, min(x, width - 2 * radius - 1), min(y, height - 2 * radius - 1)
                )
            )
        self._frame += 1
        boxes = np.array([mask.region for mask in masks], np.float32)
        return Instances(boxes, [0.9] * DISCS, [0] * DISCS, masks, self._size)


def make_long_run(runs: Path, frames: int, size: tuple[int, int], name: str = "scene") -> Path:
    """Write a run of two stand-in models, and its clip beside the runs folder; no frame is kept in memory."""
    clip = runs.parent / "clips" / f"{name}.mp4"
    clip.parent.mkdir(parents=True, exist_ok=True)
    noise = cv2.resize(
        np.random.default_rng(0).integers(0, 255, (size[0] // 8, size[1] // 8, 3), np.uint8), size[::-1]
    )
    with VideoWriter(clip, size, Fraction(FPS)) as writer:
        for index in range(frames):
            writer.write(np.roll(noise, index, axis=1), index / FPS)
    models = [
        loaded_stand_in(Discs(model, size, 2 + number)) for number, model in enumerate((STEADY, BLINKING))
    ]
    source = open_clip(clip)
    try:
        destination = Destination(name, runs / name, pictures=Pictures(overlay=False, plots=False))
        run_clip(source, models, RunRequest(destination, motion=StillCamera(size)))
    finally:
        source.close()
    return runs / name


def soak(served: ServedDashboard, frames: int, clients: int, requests: int) -> Soaked:
    """Let clients open every page, and ask for pictures and crops of random frames, all at once."""
    found = Soaked()
    with ThreadPoolExecutor(clients) as pool:
        for statuses, pages in pool.map(
            lambda number: _client(served, frames, requests, number), range(clients)
        ):
            found.statuses += statuses
            found.pages += pages
    found.peak_mib = peak_mib(served)
    return found


def peak_mib(served: ServedDashboard) -> float:
    """Return the most memory that the server's process has taken so far, as Linux counts it."""
    status = Path(f"/proc/{served._process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def _client(served: ServedDashboard, frames: int, requests: int, number: int) -> tuple[Counter[int], int]:
    rng = random.Random(number)
    statuses: Counter[int] = Counter()
    pages = page_addresses()
    opened = 0
    for at in range(requests):
        if at % max(requests // 3, 1) == 0:
            opened += _page(served, pages[(number + opened) % len(pages)])
        query: dict[str, Any] = {"run": "scene", "frame": rng.randrange(frames)}
        if at % 8 == 7:  # what is not there
            query["frame"] = frames + 5
        kind = "crop" if at % 5 == 4 else "picture"
        if kind == "crop" or at % 5:
            query["model"] = rng.choice([STEADY, BLINKING])
        query |= {"track": 1} if kind == "crop" else {"jitter": at % 2, "boxes": 1, "labels": 1}
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=_PAGE_S)
        connection.request("GET", f"/{kind}?{urlencode(query)}")
        answer = connection.getresponse()
        body = answer.read()
        assert body
        assert answer.status < 400 or body.startswith(b"expected "), body[:200]
        statuses[answer.status] += 1
        connection.close()
    return statuses, opened


def _page(served: ServedDashboard, page: str) -> int:
    """Open a page as a browser does, and wait until its script has ended."""
    from streamlit.proto.BackMsg_pb2 import BackMsg
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
    from websockets.sync.client import connect

    place = f"127.0.0.1:{served.port}"
    with connect(
        f"ws://{place}/_stcore/stream",
        sock=socket.create_connection(("127.0.0.1", served.port), timeout=60),
        origin=f"http://{place}",  # type: ignore[arg-type]
        subprotocols=["streamlit"],  # type: ignore[list-item]
        open_timeout=60,
        max_size=None,
    ) as client:
        wish = BackMsg()
        wish.rerun_script.query_string = "run=scene"
        wish.rerun_script.page_name = page
        client.send(wish.SerializeToString())
        end = time.monotonic() + _PAGE_S
        while time.monotonic() < end:
            message = ForwardMsg()
            message.ParseFromString(bytes(client.recv(timeout=_PAGE_S)))  # type: ignore[arg-type]
            if message.WhichOneof("type") == "script_finished":
                return 1
    return 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Make a run, serve it, soak it, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--size", type=int, nargs=2, default=(720, 1280), metavar=("H", "W"))
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--requests", type=int, default=30)
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder) / "runs"
        make_long_run(runs, args.frames, tuple(args.size))
        with ServedDashboard(runs, Path(folder) / "log") as served:
            before = peak_mib(served)
            found = soak(served, args.frames, args.clients, args.requests)
        print(
            f"{args.clients} clients, {args.frames} frames of {args.size[1]}x{args.size[0]}: {found.pages} pages, "
            f"answers {dict(found.statuses)}; at most {found.peak_mib:.0f} MiB, {before:.0f} before the first request"
        )


if __name__ == "__main__":
    main()
