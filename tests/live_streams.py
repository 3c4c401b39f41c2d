"""Senders in processes of their own, and what reads them."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from clips import read_barcode

from yolact_temporal.data.live import LiveSettings, LiveSource, live_address
from yolact_temporal.data.live.reader import Patience

TESTS = Path(__file__).parent
LONG_S = 60.0
"""Longer than anything takes on a busy machine."""


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Sender:
    """A process that sends as `live_sender` says."""

    def __init__(self, kind, plan, port=None, program=(sys.executable, str(TESTS / "live_sender.py"))):
        self.port = port or free_port(socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
        self.process = subprocess.Popen(
            [*program, kind, str(self.port), json.dumps(plan)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout.readline() == "ready\n"

    def go(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def told(self, what):
        """Wait until the sender has done a step."""
        for line in self.process.stdout:
            if line.startswith(f"sent {what}"):
                return
        raise AssertionError(f"the sender ended before {what}")


@contextmanager
def sending(kind, plan, port=None, **program):
    sender = Sender(kind, plan, port, **program)
    try:
        yield sender
    finally:
        sender.process.kill()
        sender.process.communicate()


@contextmanager
def watching(address, wait_s=0.0, stall_s=LONG_S, **settings):
    source = LiveSource(live_address(address), LiveSettings(patience=Patience(wait_s, stall_s), **settings))
    try:
        yield source
    finally:
        source.close()


def wait_until(condition):
    until = time.monotonic() + LONG_S
    while not condition():
        assert time.monotonic() < until, "it never came to that"
        time.sleep(0.01)


def taken(source):
    """Everything that a source gives, as (index, the number that the frame carries, whether it begins anew)."""
    found = []
    for frame in source:
        found.append((frame.index, read_barcode(frame.rgb), source.is_cut(frame.index)))
        source.finished(frame.index)
    return found


def require_whole(source, found):
    """Every frame that was captured is one of processed, dropped and repeated; returns the counts."""
    counts = source.standing().counts
    assert counts.processed == len(found)
    assert counts.captured == counts.processed + counts.dropped + counts.repeated
    return counts
