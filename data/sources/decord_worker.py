"""decord in a process of its own: `python decord_worker.py PATH THREADS`.

decord brings an FFmpeg of 2019, and a flipped bit in a file can abort its process (std::bad_alloc) or keep it for
ever. It also brings a zlib that an OpenCV loaded beside it takes for its own, and then reads no PNG. Here none of that
reaches the process that asked. What this one says goes to standard output: one line of JSON, `{"times": [...]}` or
`{"error": "..."}`; then for every frame in order its shape, three unsigned 32-bit integers, and its pixels; a shape of
zeros where decord gives no more. A frame is asked of decord when the pipe has taken the one before; the process ends
when the pipe closes.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from typing import Any, BinaryIO

import numpy as np

SHAPE = np.dtype("<u4")
"""Of the three numbers that precede a frame."""

_MOST_BYTES = 4 << 30


def main() -> None:
    """Serve the file named on the command line."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who asked decides when to end
    path, threads = sys.argv[1], int(sys.argv[2])
    _bound_memory()
    # decord and FFmpeg write to standard output as they please; frames go through a copy of it that they do not know.
    pipe = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    with contextlib.suppress(BrokenPipeError):  # whoever asked has enough
        _serve(path, threads, pipe)


def _bound_memory() -> None:
    """Have allocations fail beyond what any clip needs that is read here: a header's broken size then ends this."""
    with contextlib.suppress(ImportError, ValueError, OSError):  # not every system can
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        bound = _MOST_BYTES if most == resource.RLIM_INFINITY else min(_MOST_BYTES, most)
        resource.setrlimit(resource.RLIMIT_DATA, (bound, most))


def _serve(path: str, threads: int, pipe: BinaryIO) -> None:
    import decord

    decord.logging.set_level(decord.logging.QUIET)
    try:
        reader = decord.VideoReader(path, num_threads=threads)
        count = len(reader)
        times = reader.get_frame_timestamp(range(count))[:, 0].tolist()
    except Exception as error:  # decord raises many kinds
        _send(pipe, json.dumps({"error": str(error)[:200]}).encode() + b"\n")
        return
    _send(pipe, json.dumps({"times": times}).encode() + b"\n")
    for index in range(count):
        frame = _frame(reader, index)
        if frame is None:
            _send(pipe, np.zeros(3, SHAPE).tobytes())
            return
        _send(pipe, np.array(frame.shape, SHAPE).tobytes())
        _send(pipe, np.ascontiguousarray(frame).data.cast("B"))


def _frame(reader: Any, index: int) -> Any:
    try:
        return reader[index].asnumpy()
    except Exception:  # decord does not go on after damage
        return None


def _send(pipe: BinaryIO, data: bytes | memoryview) -> None:
    rest = memoryview(data)
    while len(rest):
        rest = rest[pipe.write(rest) :]


if __name__ == "__main__":
    main()
