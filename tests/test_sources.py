"""Every displayed frame, once, in order, upright, at its time, by every decoder."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest
from clips import barcode_frame, barcode_frames, read_barcode, write_clip, write_images
from conftest import KINDS, VFR_TIMES
from PIL import Image

from yolact_temporal.data.frames import ClipInfo, Frame, FrameLoss, FrameSource
from yolact_temporal.data.sources import open_clip
from yolact_temporal.data.sources.decord_source import has_decord
from yolact_temporal.data.sources.packets import fill_gaps
from yolact_temporal.errors import InputError, UsageError

Clip = Callable[[str], Path]
Readings = Callable[..., "Reading"]

HIDDEN = {"edit_list.mp4": 5, "edit_list_b_frames.mp4": 5}

DECORD_IS_RIGHT = {
    "plain.mp4",
    "b_frames.mp4",
    "one_frame.mp4",
    "odd_size.mp4",
    "fragmented.mp4",
    "with_audio.mp4",
    "late_start.mp4",
    "late_start.mkv",
    "rotated_90.mp4",
    "rotated_180.mp4",
    "rotated_270.mp4",
    "variable_rate.mp4",
    "variable_rate_b_frames.mkv",
    "open_gop.mkv",
    "b_frames.mkv",
    "full_range.mp4",
    "bt709.mp4",
    "hevc.mp4",
    "vp9.webm",
    "mpeg4.mp4",
}

needs_decord = pytest.mark.skipif(not has_decord(), reason="decord is not installed")


def read_all(source: FrameSource) -> list[Frame]:
    frames = list(source)
    source.close()
    return frames


def barcodes(frames: list[Frame]) -> list[int | None]:
    return [read_barcode(frame.rgb) for frame in frames]


class Reading(NamedTuple):
    """A clip read to its end, and what was known of it before."""

    info: ClipInfo
    frames: list[Frame]
    losses: list[FrameLoss]
    warnings: list[str]


@pytest.fixture(scope="module")
def reading(clip: Clip) -> Readings:
    """Return the reading of a kind of clip by a decoder, made once: leave its frames as they are."""

    @cache
    def read(kind: str, decoder: str = "auto") -> Reading:
        source = open_clip(clip(kind), decoder)
        info = source.info
        return Reading(info, read_all(source), source.losses, source.warnings)

    return read


@pytest.mark.parametrize("decoder", ["auto", "pyav"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_displayed_frame_comes_once_in_order(reading: Readings, kind: str, decoder: str) -> None:
    info, frames, losses, warnings = reading(kind, decoder)
    hidden, count = HIDDEN.get(kind, 0), KINDS[kind]["frames"]
    assert barcodes(frames) == list(range(hidden, count))
    assert [frame.index for frame in frames] == list(range(count - hidden))
    assert losses == []
    assert warnings == []
    height, width = KINDS[kind].get("size", (96, 144))
    assert {frame.rgb.shape for frame in frames} == {(height, width, 3)}
    assert (info.height, info.width) == (height, width)
    assert all(frame.rgb.dtype == np.uint8 and frame.rgb.flags.c_contiguous for frame in frames)


@pytest.mark.parametrize("kind", KINDS)
def test_times_count_from_the_first_displayed_frame(reading: Readings, kind: str) -> None:
    info, frames, *_ = reading(kind)
    made = KINDS[kind]
    expected = made.get("times", [i / made.get("fps", 25) for i in range(len(frames))])
    assert [frame.time_s for frame in frames] == pytest.approx(list(expected), abs=0.0011)
    assert info.variable_rate == ("times" in made)


@pytest.mark.parametrize("kind", KINDS)
def test_the_count_is_known_before_reading(reading: Readings, kind: str) -> None:
    info = reading(kind).info
    if kind == "mpeg4_b_frames.avi":  # its packets may stand for no frame of their own
        assert info.frame_count in (None, 40)
    else:
        assert info.frame_count == KINDS[kind]["frames"] - HIDDEN.get(kind, 0)


@pytest.mark.slow
def test_the_rate_is_the_average_one(clip: Clip) -> None:
    assert open_clip(clip("plain.mp4")).info.fps == 25
    assert open_clip(clip("b_frames.mkv")).info.fps == 25
    assert float(open_clip(clip("variable_rate.mp4")).info.fps) == pytest.approx(19 / VFR_TIMES[-1], rel=0.01)


@pytest.mark.parametrize(
    ("kind", "degrees"), [("plain.mp4", 0)] + [(f"rotated_{r}.mp4", r) for r in (90, 180, 270)]
)
def test_rotation_is_told(clip: Clip, kind: str, degrees: int) -> None:
    assert open_clip(clip(kind)).info.rotation == degrees


@needs_decord
@pytest.mark.parametrize("kind", KINDS)
def test_auto_uses_decord_only_where_it_is_right(reading: Readings, kind: str) -> None:
    info = reading(kind).info
    assert info.decoder == ("decord" if kind in DECORD_IS_RIGHT else "pyav")
    assert info.decoder_reason.endswith(".")
    assert info.decoder_reason.count(".") == 1


@needs_decord
@pytest.mark.parametrize("kind", sorted(DECORD_IS_RIGHT))
def test_decord_and_pyav_give_the_same_pixels(reading: Readings, kind: str) -> None:
    readings = [reading(kind, decoder) for decoder in ("auto", "pyav")]
    assert [one.info.decoder for one in readings] == ["decord", "pyav"]
    pairs = zip(*(one.frames for one in readings), strict=True)
    assert max(np.abs(a.rgb.astype(int) - b.rgb).max() for a, b in pairs) <= 2


@needs_decord
@pytest.mark.parametrize("kind", ["edit_list.mp4", "h264.ts", "ten_bit.mkv"])
def test_decord_against_advice_is_warned_of(clip: Clip, kind: str) -> None:
    source = open_clip(clip(kind), "decord")
    assert source.info.decoder == "decord"
    assert "--decoder pyav" in source.warnings[0]


@needs_decord
def test_decord_that_cannot_open_a_clip_says_so(clip: Clip) -> None:
    with pytest.raises(InputError, match="--decoder pyav"):
        open_clip(clip("av1.mp4"), "decord")


def test_without_decord_auto_reads_with_pyav(clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "decord", None)
    source = open_clip(clip("plain.mp4"))
    assert source.info.decoder_reason == "PyAV, since decord is not installed."
    assert barcodes(read_all(source)) == list(range(40))
    with pytest.raises(UsageError, match="but it is not"):
        open_clip(clip("plain.mp4"), "decord")


@pytest.mark.parametrize("decoder", ["auto", "pyav"])
@pytest.mark.parametrize("colorspace", [None, 1, 6])
def test_colours_survive_whatever_matrix_the_clip_is_tagged_with(
    tmp_path: Path, decoder: str, colorspace: int | None
) -> None:
    still = np.zeros((96, 144, 3), np.uint8)
    still[:48, :72], still[:48, 72:] = (200, 40, 40), (40, 180, 60)
    still[48:, :72], still[48:, 72:] = (50, 60, 190), (220, 220, 40)
    path = write_clip(tmp_path / "colours.mp4", [still] * 3, colorspace=colorspace)
    rgb = next(iter(open_clip(path, decoder))).rgb.astype(int)
    for rows in (slice(10, 38), slice(58, 86)):
        for columns in (slice(10, 62), slice(82, 134)):
            wrong = np.abs(rgb[rows, columns] - still[rows, columns]).mean(axis=(0, 1))
            assert wrong.max() < 6


def test_a_mirrored_clip_is_shown_mirrored_by_pyav(clip: Clip, tmp_path: Path) -> None:
    data = bytearray(clip("plain.mp4").read_bytes())
    at = data.index(b"tkhd") + 44
    data[at : at + 4] = (-(1 << 16)).to_bytes(4, "big", signed=True)
    path = tmp_path / "mirrored.mp4"
    path.write_bytes(data)
    source = open_clip(path)
    assert source.info.decoder == "pyav"
    assert [read_barcode(frame.rgb[:, ::-1]) for frame in source] == list(range(40))


def test_a_source_is_read_once(clip: Clip) -> None:
    for decoder in ("pyav", "auto"):
        source = open_clip(clip("plain.mp4"), decoder)
        read_all(source)
        with pytest.raises(RuntimeError, match="read once"):
            list(source)


def test_reading_can_stop_early(clip: Clip) -> None:
    for decoder in ("pyav", "auto"):
        source = open_clip(clip("plain.mp4"), decoder)
        assert next(iter(source)).index == 0
        source.close()


def test_the_hash_is_of_the_file(clip: Clip) -> None:
    path = clip("plain.mp4")
    assert open_clip(path).info.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "name", ["mit Leerzeichen.mp4", "Straße-été-視頻.mp4", "a:b.mp4", "50%.mp4", "frame%03d.mp4"]
)
def test_any_name_is_read(clip: Clip, tmp_path: Path, name: str) -> None:
    path = tmp_path / "ein Ordner é" / name
    path.parent.mkdir()
    path.write_bytes(clip("one_frame.mp4").read_bytes())
    for decoder in ("auto", "pyav"):
        assert barcodes(read_all(open_clip(str(path), decoder))) == [0]


def test_a_change_of_size_is_scaled_to_the_first_and_told(tmp_path: Path) -> None:
    small = write_clip(tmp_path / "small.ts", 12)
    large = write_clip(tmp_path / "large.ts", barcode_frames(12, 120, 180, first=12), shift=0.48)
    path = tmp_path / "both.ts"
    path.write_bytes(small.read_bytes() + large.read_bytes())
    source = open_clip(path)
    frames = read_all(source)
    assert {frame.rgb.shape for frame in frames} == {(96, 144, 3)}
    assert barcodes(frames)[-1] == 23
    assert any("change size" in warning for warning in source.warnings)


@pytest.mark.parametrize("name", ["frame_{}.png", "{:05d}.bmp", "IMG {} x.PNG", "{}.tif"])
def test_a_folder_is_read_in_the_order_of_its_numbers(tmp_path: Path, name: str) -> None:
    folder = write_images(tmp_path / "bilder é", 12, name)
    (folder / "notes.txt").write_text("no image")
    source = open_clip(folder, fps=12.5)
    frames = read_all(source)
    assert barcodes(frames) == list(range(12))
    assert [frame.time_s for frame in frames] == pytest.approx([i / 12.5 for i in range(12)])
    assert (source.info.fps, source.info.frame_count, source.info.decoder) == (Fraction(25, 2), 12, "images")
    assert source.warnings == []


def test_a_folder_without_a_rate_assumes_30_and_says_so(tmp_path: Path) -> None:
    source = open_clip(write_images(tmp_path / "images", 4, "{}.jpg"))
    assert source.info.fps is None
    assert [frame.time_s for frame in source] == pytest.approx([i / 30 for i in range(4)])
    assert "30" in source.warnings[0]


def test_a_folder_s_hash_tells_names_and_order(tmp_path: Path) -> None:
    one = write_images(tmp_path / "one", 3)
    same = write_images(tmp_path / "same", 3)
    renamed = write_images(tmp_path / "renamed", 3, "other_{}.png")
    hashes = [open_clip(folder).info.sha256 for folder in (one, same, renamed)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_images_are_turned_upright_by_their_exif_tag(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # stored turned, to be shown 90 degrees clockwise
    folder = tmp_path / "images"
    folder.mkdir()
    stored = np.ascontiguousarray(np.rot90(barcode_frame(5)))
    Image.fromarray(stored).save(folder / "1.jpg", exif=exif, quality=95)
    source = open_clip(folder)
    assert (source.info.height, source.info.width) == (96, 144)
    assert barcodes(read_all(source)) == [5]


def test_grey_and_transparent_images_become_rgb(tmp_path: Path) -> None:
    grey = barcode_frame(3)[..., 0]
    for name, image in {
        "grey": Image.fromarray(grey),
        "deep": Image.fromarray(grey.astype(np.uint16) * 256),
        "transparent": Image.fromarray(np.dstack([barcode_frame(3), np.full((96, 144), 255, np.uint8)])),
    }.items():
        folder = tmp_path / name
        folder.mkdir()
        image.save(folder / "0.png")
        frame = next(iter(open_clip(folder)))
        assert frame.rgb.shape == (96, 144, 3)
        assert read_barcode(frame.rgb) == 3


@pytest.mark.parametrize(
    ("scale", "kind", "white"),
    [(1 / 255, np.float32, "1"), (1, np.int32, "255"), (16, np.uint16, "4095"), (256, np.uint16, None)],
)
def test_deep_values_are_scaled_by_the_largest_in_the_folder(
    tmp_path: Path, scale: float, kind: type[np.generic], white: str | None
) -> None:
    folder = tmp_path / "deep"
    folder.mkdir()
    for index in range(3):
        Image.fromarray((barcode_frame(index)[..., 0].astype(float) * scale).astype(kind)).save(
            folder / f"{index}.tif"
        )
    source = open_clip(folder, fps=10)
    frames = read_all(source)
    assert barcodes(frames) == [0, 1, 2]
    assert (
        max(
            np.abs(frame.rgb[..., 0].astype(int) - barcode_frame(frame.index)[..., 0]).max()
            for frame in frames
        )
        < 3
    )
    assert [f"{white} is taken for white" in warning for warning in source.warnings] == [True] * (
        white is not None
    )


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"decoder": "ffmpeg"}, "auto, decord, pyav"),
        ({"fps": 30}, "folder of images"),
        ({"fps": 0}, "above 0"),
    ],
)
def test_wrong_arguments_are_usage_errors(clip: Clip, arguments: dict[str, object], part: str) -> None:
    with pytest.raises(UsageError, match=part):
        open_clip(clip("plain.mp4"), **arguments)  # type: ignore[arg-type]


def test_gaps_are_filled_in_a_constant_rate_only() -> None:
    from array import array

    constant = array("q", [0, 40, 80, 200, 240, 280, 320, 360, 400, 480, 520])
    assert list(fill_gaps(constant)) == list(range(0, 521, 40))
    uneven = array("q", [0, 40, 95, 200, 222, 300])
    assert fill_gaps(uneven) == uneven
    assert list(fill_gaps(array("q", [7]))) == [7]


@pytest.mark.slow
@pytest.mark.smoke
@pytest.mark.real_data
@needs_decord
@pytest.mark.parametrize(
    ("name", "count", "doubt"),
    [
        ("people_static_camera.mp4", 1394, "decodes ahead without bound"),
        ("signer_seated.mkv", 109, "decodes ahead without bound"),
        ("woman_and_dog.mp4", 289, "decodes ahead without bound"),
    ],
)
def test_real_clips_read_the_same_by_both_decoders(
    real_clips: Path, name: str, count: int, doubt: str
) -> None:
    auto = open_clip(real_clips / name)
    assert auto.info.decoder == "pyav"
    assert doubt in auto.info.decoder_reason
    decord = open_clip(real_clips / name, "decord")
    seen = 0
    last = -1.0
    for one, other in zip(auto, decord, strict=True):
        assert one.index == other.index == seen
        assert last < one.time_s
        assert one.time_s == pytest.approx(other.time_s, abs=0.002)
        last = one.time_s
        if seen % 10 == 0:
            assert np.array_equal(one.rgb, other.rgb)
        seen += 1
    assert seen == count
    assert auto.losses == decord.losses == []


@pytest.mark.real_data
def test_auto_reads_every_frame_of_an_avi_by_pyav(real_clips: Path) -> None:
    auto = open_clip(real_clips / "road_static_camera.avi")
    assert "avi" in auto.info.decoder_reason
    assert sum(1 for _ in auto) == 748
    assert auto.losses == []


@pytest.mark.slow
def test_memory_does_not_grow_with_the_clip(tmp_path: Path) -> None:
    psutil = pytest.importorskip("psutil")
    path = write_clip(tmp_path / "long.mp4", (barcode_frame(i % 4096, 240, 320) for i in range(300)))
    process = psutil.Process()
    for decoder in ("auto", "pyav"):
        source = open_clip(path, decoder)
        resident = []
        for frame in source:
            time.sleep(0.002)  # a slow consumer, ahead of which a decoder could run away
            if frame.index in (100, 299):
                resident.append(process.memory_info().rss)
        source.close()
        assert resident[1] - resident[0] < 20e6  # 199 frames are 46 MB


@pytest.mark.slow
@pytest.mark.smoke
def test_opening_leaves_no_file_open(clip: Clip) -> None:
    psutil = pytest.importorskip("psutil")
    before = psutil.Process().num_fds()
    for _ in range(5):
        source = open_clip(clip("plain.mp4"), "pyav")
        next(iter(source))
        source.close()
        read_all(open_clip(clip("plain.mp4")))
    assert psutil.Process().num_fds() <= before + 1


def test_av_reads_what_the_builders_hide(clip: Clip) -> None:
    with av.open(str(clip("edit_list.mp4"))) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert sum(packet.is_discard for packet in packets) == 5


@pytest.mark.slow
@needs_decord
def test_pngs_are_read_after_a_clip_by_decord(clip: Clip, tmp_path: Path) -> None:
    program = (
        "import sys; from yolact_temporal.data.sources import open_clip; list(open_clip(sys.argv[2], 'decord'))\n"
        "import cv2, numpy as np\n"
        "assert cv2.imwrite(sys.argv[1], np.full((40, 50, 3), 7, np.uint8))\n"
        "print(cv2.imread(sys.argv[1])[0, 0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "one.png"), str(clip("one_frame.mp4"))],
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "[7 7 7]", done.stderr
