"""Pictures that say to be giant: no decoder takes the memory for one, and each is told in a sentence or as a loss."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import pytest
from clips import write_clip

from yolact_temporal.data.frames import MAX_FRAME_PIXELS
from yolact_temporal.data.sources.decord_source import DecordReader, has_decord

SMALL, GIANT = (64, 48), (9_000, 9_000)

MOST_MIB = 100
"""Of a picture that is refused; one that is decoded takes 230 and more."""

READ = """
import json, resource, sys
from yolact_temporal.data.sources import open_clip
from yolact_temporal.errors import InputError
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
list(open_clip(sys.argv[1], "auto"))
before = peak()
for path in sys.argv[2:]:
    try:
        source = open_clip(path, "auto")
        frames = [frame.index for frame in source]
        said = [frames, [loss.count for loss in source.losses], [loss.reason for loss in source.losses]]
        source.close()
    except InputError as error:
        said = str(error)
    print(json.dumps([said, peak() - before]))
"""


def png(width: int, height: int) -> bytes:
    """A PNG that says to be of a size, and has a megabyte of black for it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1 << 20))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def film(path: Path, sizes: Sequence[tuple[int, int]], declared: tuple[int, int] = SMALL) -> Path:
    """A film of PNGs of sizes in a container that declares another one."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=25)
        stream.width, stream.height = declared
        stream.pix_fmt = "rgb24"
        for index, size in enumerate(sizes):
            packet = av.Packet(png(*size))
            packet.stream, packet.time_base = stream, Fraction(1, 25)
            packet.pts = packet.dts = index
            container.mux(packet)
    return path


@pytest.mark.slow
def test_no_memory_is_taken_for_a_picture_that_says_to_be_giant(tmp_path: Path) -> None:
    images = tmp_path / "images"
    some = tmp_path / "some"
    for folder, sizes in ((images, [GIANT] * 2), (some, [SMALL, GIANT, SMALL])):
        folder.mkdir()
        for index, size in enumerate(sizes):
            (folder / f"{index}.png").write_bytes(png(*size))
    paths = [
        film(tmp_path / "whole.mov", [SMALL] * 4),
        film(tmp_path / "declared.mov", [GIANT] * 2, GIANT),
        film(tmp_path / "giant.mov", [GIANT] * 2),
        film(tmp_path / "grows.mov", [*[SMALL] * 3, *[GIANT] * 2, *[SMALL] * 3]),
        images,
        some,
    ]
    done = subprocess.run(
        [sys.executable, "-c", READ, *map(str, paths)], check=True, capture_output=True, text=True
    )
    (declared, giant, grows, images_said, some_said), peaks = zip(
        *map(json.loads, done.stdout.splitlines()), strict=True
    )
    for said in (declared, giant):
        assert (
            f"none can be decoded (Invalid argument: it is damaged, or of more than {MAX_FRAME_PIXELS:,}"
            in said
        )
    assert grows[:2] == [[0, 1, 2, 5, 6, 7], [2]]
    assert f"of more than {MAX_FRAME_PIXELS:,} pixels" in grows[2][0]
    assert f"it says to be of 9000x9000, more than {MAX_FRAME_PIXELS:,} pixels" in images_said
    assert some_said[:2] == [[0, 2], [1]]
    assert max(peaks) < MOST_MIB


@pytest.mark.skipif(
    not (has_decord() and Path("/proc/self/limits").exists()), reason="needs decord and Linux"
)
def test_the_process_of_decord_has_a_bound_on_its_memory(tmp_path: Path) -> None:
    reader = DecordReader(write_clip(tmp_path / "clip.mp4", 4), 1)
    try:
        assert len(reader.times) == 4
        limits = Path(f"/proc/{reader._process.pid}/limits").read_text()
    finally:
        reader.close()
    (line,) = (line for line in limits.splitlines() if line.startswith("Max data size"))
    assert 0 < int(line.split()[3]) <= 4 << 30
