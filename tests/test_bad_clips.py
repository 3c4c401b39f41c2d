"""Clips that cannot be read say so in one sentence; clips that are damaged give what is left, and name the loss."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from clips import barcode_frame, damage, read_barcode, truncate, write_clip, write_images
from PIL import Image

from yolact_temporal.data.frames import Frame, FrameSource
from yolact_temporal.data.sources import open_clip
from yolact_temporal.errors import InputError

Clip = Callable[[str], Path]


def read_all(path: Path, decoder: str = "auto") -> tuple[FrameSource, list[Frame]]:
    source = open_clip(path, decoder)
    frames = list(source)
    source.close()
    return source, frames


def empty_folder(path: Path) -> Path:
    path.mkdir()
    (path / "notes.txt").write_text("no image")
    return path


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def audio_only(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 16000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def without_frames(path: Path) -> Path:
    """Write an MP4 with a video track that holds no sample."""
    with av.open(str(path), "w", options={"movflags": "empty_moov+frag_keyframe"}) as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 144, 96, "yuv420p"
        container.start_encoding()
    return path


UNREADABLE = {
    "missing": (lambda folder: folder / "nothing here.mp4", "found nothing at"),
    "folder without images": (lambda folder: empty_folder(folder / "folder"), "found none"),
    "empty file": (lambda folder: written(folder / "empty.mp4", b""), "empty file"),
    "text renamed": (
        lambda folder: written(folder / "text.mp4", b"hello world\n" * 300),
        "not one that can be read",
    ),
    "text": (
        lambda folder: written(folder / "notes.txt", b"hello world\n" * 300),
        "not one that can be read",
    ),
    "noise": (
        lambda folder: written(folder / "n.avi", np.random.default_rng(0).bytes(9000)),
        "not one that can be read",
    ),
    "playlist": (
        lambda folder: written(
            folder / "list.m3u8", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n"
        ),
        "an HLS playlist",
    ),
    "audio only": (lambda folder: audio_only(folder / "sound.mp4"), "found only audio"),
    "no frames": (lambda folder: without_frames(folder / "none.mp4"), "frame"),
    "special file": (lambda folder: Path(os.devnull), "special file"),
}


@pytest.mark.parametrize("decoder", ["auto", "pyav", "decord"])
@pytest.mark.parametrize("case", UNREADABLE)
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, case: str, decoder: str) -> None:
    build, part = UNREADABLE[case]
    path = build(tmp_path)
    with pytest.raises(InputError, match=part) as caught:
        open_clip(path, decoder)
    message = str(caught.value)
    assert caught.value.exit_code == 3
    assert message.startswith("expected ")
    assert "\n" not in message
    assert str(path) in message


def test_an_mp4_cut_before_its_index_says_that_it_is_truncated(clip: Clip, tmp_path: Path) -> None:
    path = truncate(clip("plain.mp4"), tmp_path / "cut.mp4", 0.6)
    with pytest.raises(InputError, match="truncated") as caught:
        open_clip(path)
    assert "no index" in str(caught.value)


def fast_start(folder: Path) -> Path:
    return write_clip(folder / "fast.mp4", 40, b_frames=2, container_options={"movflags": "faststart"})


@pytest.mark.parametrize("decoder", ["auto", "pyav"])
@pytest.mark.parametrize(
    ("kind", "promised"),
    [
        ("fast start", 40),
        ("b_frames.mkv", 40),
        ("vp9.webm", 20),
        ("h264.ts", None),
        ("mjpeg.avi", 10),
        ("animation.gif", None),
        ("fragmented.mp4", None),
    ],
)
def test_a_truncated_clip_gives_its_good_frames_and_names_the_loss(
    clip: Clip, tmp_path: Path, kind: str, promised: int | None, decoder: str
) -> None:
    whole = fast_start(tmp_path) if kind == "fast start" else clip(kind)
    path = truncate(whole, tmp_path / f"cut{whole.suffix}", 0.6)
    source, frames = read_all(path, decoder)
    assert source.info.decoder == "pyav"
    assert frames
    assert [read_barcode(frame.rgb) for frame in frames] == [frame.index for frame in frames]
    assert source.losses
    last = source.losses[-1]
    assert last.at_index > frames[-1].index
    assert "cut" in last.reason or "ends inside" in last.reason
    if promised is not None:
        assert len(frames) + sum(loss.count or 0 for loss in source.losses) == promised


@pytest.mark.parametrize(
    ("kind", "share"),
    [
        *((kind, 1.0) for kind in ("plain.mp4", "b_frames.mp4", "b_frames.mkv", "h264.ts", "mpeg4.mp4")),
        *((kind, 1.0) for kind in ("hevc.mp4", "mjpeg.avi", "av1.mp4", "mpeg2.ts", "vp9.webm")),
        *((kind, 0.5) for kind in ("plain.mp4", "b_frames.mp4", "b_frames.mkv", "h264.ts", "mpeg4.mp4")),
        *((kind, 0.5) for kind in ("mjpeg.avi", "av1.mp4", "mpeg2.ts")),
    ],
)
def test_a_clip_corrupt_in_the_middle_goes_on_after_it_and_names_the_loss(
    clip: Clip, tmp_path: Path, kind: str, share: float
) -> None:
    whole = clip(kind)
    total = len(list(open_clip(whole, "pyav")))
    path = damage(whole, tmp_path / f"bad{whole.suffix}", [total // 3, total // 2], share)
    source, frames = read_all(path)
    assert source.info.decoder == "pyav"
    assert source.losses
    assert all(loss.reason for loss in source.losses)
    indices = [frame.index for frame in frames]
    assert indices == sorted(set(indices))
    if all(loss.count is not None for loss in source.losses):
        assert len(frames) + sum(loss.count or 0 for loss in source.losses) == total
    first_third = [read_barcode(frame.rgb) for frame in frames if frame.index < total // 3 - 3]
    assert first_third == list(range(total // 3 - 3))
    if total >= 36 and whole.suffix != ".mkv":  # after the next keyframe all is well again
        rest = [frame for frame in frames if frame.index >= 24 and frame.index % 12 < 9]
        assert rest
        assert [read_barcode(frame.rgb) for frame in rest] == [frame.index for frame in rest]


def test_frames_that_lean_on_a_lost_one_are_warned_of(clip: Clip, tmp_path: Path) -> None:
    source, frames = read_all(damage(clip("plain.mp4"), tmp_path / "bad.mp4", [14]))
    assert [loss.at_index for loss in source.losses] == [15]
    assert [loss.count for loss in source.losses] == [1]
    assert any("frames 15 to 23" in warning for warning in source.warnings)
    sure = [frame for frame in frames if not 15 <= frame.index <= 23]
    assert [read_barcode(frame.rgb) for frame in sure] == [*range(14), *range(24, 40)]


def test_damage_in_the_last_packet_costs_no_other_frame(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mp4", 20)
    path = damage(whole, tmp_path / "bad.mp4", [19])
    source, frames = read_all(path)
    assert [read_barcode(frame.rgb) for frame in frames] == list(range(19))
    assert [(loss.at_index, loss.count) for loss in source.losses] == [(19, 1)]


def test_threads_do_not_change_what_a_damaged_clip_gives(clip: Clip, tmp_path: Path) -> None:
    path = damage(clip("b_frames.mp4"), tmp_path / "bad.mp4", [13, 20, 39])
    found = []
    for threads in (1, 2, 4):
        source = open_clip(path, "pyav", threads=threads)
        found.append(([frame.index for frame in source], source.losses))
    assert found[0] == found[1] == found[2]


def test_decord_stops_at_damage_with_a_loss(clip: Clip, tmp_path: Path) -> None:
    pytest.importorskip("decord")
    path = damage(clip("plain.mp4"), tmp_path / "bad.mp4", [30])
    source, frames = read_all(path, "decord")
    assert frames
    assert sum(loss.count or 0 for loss in source.losses) == 40 - len(frames)
    assert "--decoder pyav" in source.losses[0].reason


def test_a_clip_whose_every_packet_is_broken_holds_no_frame(clip: Clip, tmp_path: Path) -> None:
    path = damage(clip("plain.mp4"), tmp_path / "bad.mp4", range(40))
    with pytest.raises(InputError, match="none can be decoded"):
        open_clip(path)


def test_images_of_several_sizes_name_the_first_odd_one(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "images", 12)
    for index in (10, 2):
        Image.fromarray(barcode_frame(index, 48, 72)).save(folder / f"frame_{index}.png")
    with pytest.raises(InputError, match=r"frame_2\.png of 72x48") as caught:
        open_clip(folder)
    assert "144x96" in str(caught.value)


def test_two_images_of_one_name_are_refused(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "images", 3)
    Image.fromarray(barcode_frame(1)).save(folder / "frame_1.jpg")
    with pytest.raises(InputError, match=r"frame_1\.(jpg|png) and frame_1\.(jpg|png)"):
        open_clip(folder)


@pytest.mark.parametrize("data", [b"", b"no image", None], ids=["empty", "text", "truncated"])
def test_an_image_that_cannot_be_decoded_is_a_loss(tmp_path: Path, data: bytes | None) -> None:
    folder = write_images(tmp_path / "images", 6, "{}.jpg")
    image = folder / "3.jpg"
    image.write_bytes(image.read_bytes()[: image.stat().st_size // 2] if data is None else data)
    source, frames = read_all(folder)
    assert [frame.index for frame in frames] == [0, 1, 2, 4, 5]
    assert [(loss.at_index, loss.count) for loss in source.losses] == [(4, 1)]
    assert "3.jpg" in source.losses[0].reason


def test_a_folder_of_broken_images_is_one_sentence(tmp_path: Path) -> None:
    folder = empty_folder(tmp_path / "images")
    (folder / "1.png").write_bytes(b"no image")
    with pytest.raises(InputError, match="none of 1 can be decoded"):
        open_clip(folder)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def postscript(path: Path) -> None:
    path.write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 144 96\n%%EndComments\n0 0 moveto\nshowpage\n%%EOF\n"
    )


NO_IMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "pipe": (pipe, "pipe or device"),
    "link to a device": (lambda path: path.symlink_to("/dev/zero"), "pipe or device"),
    "link to itself": (lambda path: path.symlink_to(path), "cannot be decoded"),
    "link to nothing": (lambda path: path.symlink_to("nowhere"), "cannot be decoded"),
    "folder": (lambda path: path.mkdir(), "pipe or device"),
    "PostScript": (postscript, "no image of a known kind"),
}


@pytest.mark.skipif(os.name == "nt", reason="no such files here")
@pytest.mark.parametrize("kind", NO_IMAGES)
def test_only_regular_files_with_images_in_them_are_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    build, part = NO_IMAGES[kind]
    folder = write_images(tmp_path / "images", 4, "{}.png")
    build(folder / "4.png")
    started: list[object] = []
    monkeypatch.setattr(subprocess, "Popen", lambda *arguments, **_: started.append(arguments))
    source, frames = read_all(folder)
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert [(loss.at_index, loss.count) for loss in source.losses] == [(5, 1)]
    assert part in source.losses[0].reason
    assert started == []


def test_a_link_to_an_image_is_followed(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "images", 2, "{}.png")
    elsewhere = tmp_path / "elsewhere"
    (folder / "1.png").rename(elsewhere)
    (folder / "1.png").symlink_to(elsewhere)
    source, frames = read_all(folder)
    assert [read_barcode(frame.rgb) for frame in frames] == [0, 1]
    assert source.losses == []


@pytest.mark.skipif(os.name == "nt", reason="no pipes here")
@pytest.mark.parametrize("linked", [False, True])
def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path, linked: bool) -> None:
    path = tmp_path / "pipe.mp4"
    os.mkfifo(path)
    if linked:
        (tmp_path / "link.mp4").symlink_to(path)
        path = tmp_path / "link.mp4"
    with pytest.raises(InputError, match="a pipe or device"):
        open_clip(path)


PERMISSION_CHECK = """
import os, sys
from yolact_temporal.data.sources import open_clip
from yolact_temporal.errors import InputError
if os.geteuid() == 0:
    os.seteuid(65534)  # root may read anything
try:
    open_clip(sys.argv[1])
except InputError as error:
    print(error)
"""


@pytest.mark.skipif(os.name == "nt", reason="permissions work otherwise here")
@pytest.mark.parametrize("kind", ["file", "folder", "image", "folder on the way"])
def test_missing_permission_is_one_sentence(clip: Clip, tmp_path: Path, kind: str) -> None:
    target = tmp_path / "clip.mp4"
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    if kind == "file":
        target.write_bytes(clip("one_frame.mp4").read_bytes())
        closed = target
    elif kind == "folder on the way":
        closed = tmp_path / "closed"
        closed.mkdir()
        target = closed / "clip.mp4"
        target.write_bytes(clip("one_frame.mp4").read_bytes())
    else:
        target = write_images(tmp_path / "images", 2)
        closed = target if kind == "folder" else target / "frame_0.png"
    closed.chmod(0)
    try:
        run = subprocess.run(
            [sys.executable, "-c", PERMISSION_CHECK, str(target)], capture_output=True, text=True, check=True
        )
    finally:
        closed.chmod(0o755)
    assert "permission is denied" in run.stdout
    assert run.stdout.count("\n") == 1
