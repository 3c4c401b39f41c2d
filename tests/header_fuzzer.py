"""Single bytes of containers' headers, changed by seed, and what came of each: `python header_fuzzer.py CLIP ...`.

It runs in a process of its own, since a decoder may end by a signal or never. Standard output takes a line of JSON for
each copy before it is read, and another one after.
"""

from __future__ import annotations

import argparse
import faulthandler
import itertools
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import av
import numpy as np
from clips import read_barcode

from yolact_temporal.data.frames import Frame, loss_sentence
from yolact_temporal.data.sources import open_clip
from yolact_temporal.errors import InputError

_LONGEST_S = 30
"""A copy that takes longer has hung."""

_TOLERANCE_S = 0.03
"""Times are uneven that are off by more: a GIF counts hundredths of a second, and a gap may differ by two."""


def header_bytes(path: Path) -> list[int]:
    """Return where a clip's container has bytes of its own, not its pictures'."""
    data = path.read_bytes()
    if path.suffix == ".ts":
        return [byte for at in range(0, len(data), 188) for byte in _transport_header(data, at)]
    own = np.ones(len(data), bool)
    at = 0
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            payload = bytes(packet)[_GIF_DESCRIPTORS if path.suffix == ".gif" else 0 :]
            if payload and (found := data.find(payload, at)) >= 0:
                at = found + len(payload)
                own[found:at] = False
    return [int(byte) for byte in np.flatnonzero(own)]


def set_up_bytes(path: Path) -> set[int]:
    """Return the header's bytes that set up the decoder of pictures: what they do to the pictures no container tells.

    A decoder's own parameters, and of a GIF the size of screen and pictures, transparency and code size.
    """
    data = path.read_bytes()
    if path.suffix == ".gif":
        starts = [at.start() for at in re.finditer(rb"\x21\xf9\x04", data)]
        return {*range(6, 13), *(at + offset for at in starts for offset in _GIF_PARAMETERS)}
    with av.open(str(path)) as container:
        extra = container.streams.video[0].codec_context.extradata or b""
    found = data.find(extra) if extra else -1
    return set(range(found, found + len(extra))) if found >= 0 else set()


_GIF_PARAMETERS = (3, 6, 13, 14, 15, 16, 17, 18)
_GIF_DESCRIPTORS = 19
"""Bytes of control and image descriptors, which FFmpeg hands over with the picture."""


def _transport_header(data: bytes, at: int) -> range:
    """Return the header of a transport packet, of the packet that begins in it, and what is in a table."""
    begins, extended = data[at + 1] & 0x40, data[at + 3] & 0x20
    end = at + 4 + (1 + data[at + 4] if extended else 0)
    if begins and data[end : end + 3] == b"\0\0\1":
        return range(at, end + 9 + data[end + 8])
    return range(at, end + 4 + data[end + 3] if begins else end)


def changed(path: Path, seed: int) -> tuple[int, str, bytes]:
    """Return which byte of a clip's headers a seed changes, what it does to it, and the changed copy."""
    random = np.random.default_rng(seed)
    places = header_bytes(path)
    data = bytearray(path.read_bytes())
    at = places[int(random.integers(len(places)))]
    bit = random.random() < 0.5
    value = data[at] ^ (1 << int(random.integers(8)) if bit else int(random.integers(1, 256)))
    what = f"byte {at} from {data[at]:#04x} to {value:#04x}"
    data[at] = value
    return at, what, bytes(data)


def judged(path: Path, twin: list[Frame], decoder: str, in_set_up: bool) -> dict[str, Any]:
    """Return what came of a damaged clip: `outcome`, and what is wrong with it.

    Args:
        path: the clip.
        twin: the frames of the whole one.
        decoder: by which it is read.
        in_set_up: whether what is damaged sets up the decoder: pictures are not compared then.
    """
    try:
        source = open_clip(path, decoder)
        frames = list(source)
        source.close()
    except InputError as error:
        good = str(error).startswith("expected ") and "\n" not in str(error) and str(path) in str(error)
        return {"outcome": "refused", "silent": [], "broken": [] if good else [f"said {error}"], "told": []}
    except Exception as error:
        fault = f"{type(error).__name__}: {error}"
        return {"outcome": "traceback", "silent": [], "broken": [fault], "told": []}
    said = source.warnings + [loss_sentence(loss) for loss in source.losses]
    wrong = different(twin, frames, in_set_up)
    return {
        "outcome": "lost" if source.losses else "warned of" if said else "whole",
        "broken": backwards(frames),
        "silent": [] if said else wrong,
        "told": wrong if said else [],
    }


def backwards(frames: list[Frame]) -> list[str]:
    """Return in what frames do not go forward."""
    pairs = list(itertools.pairwise(frames))
    found = [] if all(later.index > earlier.index for earlier, later in pairs) else ["indices do not rise"]
    return found + (
        [] if all(later.time_s > earlier.time_s for earlier, later in pairs) else ["times do not rise"]
    )


def different(twin: list[Frame], frames: list[Frame], in_set_up: bool) -> list[str]:
    """Return in what frames differ from the whole clip's: how many, which pictures, at what times.

    A clock that is wrong by the same factor for all frames cannot be seen without the twin, and is let pass.
    """
    found = [] if len(frames) == len(twin) else [f"{len(frames)} of {len(twin)} frames"]
    numbers = [read_barcode(frame.rgb) for frame in frames]
    wrong = [
        (frame.index, number)
        for frame, number in zip(frames, numbers, strict=True)
        if frame.index >= len(twin) or number != frame.index
    ]
    if wrong and not in_set_up:
        found.append(f"(place, picture) {wrong[:4]}")
    known = [frame for frame in frames if 0 < frame.index < len(twin)]
    pace = known[-1].time_s / twin[known[-1].index].time_s if known else 1.0
    uneven = [
        (frame.index, round(frame.time_s, 3))
        for frame in known
        if abs(frame.time_s - twin[frame.index].time_s * pace) > _TOLERANCE_S * max(pace, 1)
    ]
    if uneven:
        found.append(f"(frame, time) {uneven[:4]}")
    return found


def main() -> None:
    """Change the clips that the command line names, and read each copy."""
    parser = argparse.ArgumentParser()
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--seeds", nargs=2, type=int, required=True)
    parser.add_argument("--after", default="", help="the clip and seed after which to go on, as CLIP:SEED")
    parser.add_argument("--decoder", default="pyav")
    args = parser.parse_args()
    waiting = bool(args.after)
    with tempfile.TemporaryDirectory() as folder:
        for clip in args.clips:
            source = open_clip(clip, "pyav")
            twin, set_up = list(source), set_up_bytes(clip)
            source.close()
            for seed in range(*args.seeds):
                if waiting:
                    waiting = args.after != f"{clip.name}:{seed}"
                    continue
                at, what, data = changed(clip, seed)
                path = Path(folder) / f"copy{clip.suffix}"
                path.write_bytes(data)
                about = {"clip": clip.name, "seed": seed, "what": what}
                print(json.dumps(about), flush=True)
                faulthandler.dump_traceback_later(_LONGEST_S, exit=True)
                print(json.dumps(about | judged(path, twin, args.decoder, at in set_up)), flush=True)
                faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    main()
