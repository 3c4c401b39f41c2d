"""The video written holds every frame at its time, in a form that browsers play, or is not there."""

from __future__ import annotations

import os
import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import barcode_frame, barcode_frames, read_barcode
from conftest import VFR_TIMES

from yolact_temporal.data import video_writer
from yolact_temporal.data.sources import open_clip
from yolact_temporal.data.video_writer import VideoWriter
from yolact_temporal.errors import OutOfSpaceError


def write(path: Path, times: tuple[float, ...], size: tuple[int, int] = (96, 144), fps: float = 25) -> Path:
    with VideoWriter(path, size, fps, threads=1) as writer:
        for frame, time_s in zip(barcode_frames(len(times), *size), times, strict=True):
            writer.write(frame, time_s)
    return path


@pytest.mark.parametrize("first", [0.0, 2.5])
@pytest.mark.parametrize("times", [tuple(i / 25 for i in range(30)), VFR_TIMES], ids=["constant", "variable"])
def test_every_frame_is_there_at_its_time(tmp_path: Path, times: tuple[float, ...], first: float) -> None:
    path = write(tmp_path / "out.mp4", tuple(first + time_s for time_s in times))
    frames = list(open_clip(path, "pyav"))
    assert [read_barcode(frame.rgb) for frame in frames] == list(range(len(times)))
    assert [frame.time_s for frame in frames] == pytest.approx(list(times), abs=1e-4)
    assert list(tmp_path.iterdir()) == [path]


def test_browsers_play_it(tmp_path: Path) -> None:
    path = write(tmp_path / "out.mp4", tuple(i / 25 for i in range(10)))
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert float(stream.duration * stream.time_base) == pytest.approx(0.4, abs=1e-3)
        assert stream.average_rate == 25
        assert (stream.codec_context.colorspace, stream.codec_context.color_range) == (6, 1)


@pytest.mark.parametrize("size", [(97, 145), (96, 145), (97, 144), (61, 121)])
def test_odd_edges_are_padded_with_their_last_pixels(tmp_path: Path, size: tuple[int, int]) -> None:
    path = write(tmp_path / "odd.mp4", (0.0, 0.04, 0.08), size)
    frames = list(open_clip(path, "pyav"))
    height, width = frames[0].rgb.shape[:2]
    assert (height, width) == (size[0] + size[0] % 2, size[1] + size[1] % 2)
    rgb = frames[2].rgb[: size[0], : size[1]]
    assert read_barcode(rgb) == 2
    assert np.abs(frames[2].rgb[-1, :120].astype(int) - rgb[-1, :120]).mean() < 12


def test_colours_survive(tmp_path: Path) -> None:
    colours = [(200, 40, 40), (40, 180, 60), (50, 60, 190), (255, 255, 255), (0, 0, 0), (128, 128, 128)]
    still = np.repeat(np.array(colours, np.uint8), 24, axis=0)[None].repeat(96, axis=0)
    with VideoWriter(tmp_path / "out.mp4", (96, 144), 25, crf=10) as writer:
        writer.write(still, 0)
    rgb = next(iter(open_clip(tmp_path / "out.mp4"))).rgb.astype(int)
    for block, colour in enumerate(colours):
        assert np.abs(rgb[20:76, block * 24 + 8 : block * 24 + 16] - colour).mean() < 5


@pytest.mark.slow
def test_the_rate_may_be_any(tmp_path: Path) -> None:
    for number, fps in enumerate((Fraction(30000, 1001), 0.5, 240)):
        path = tmp_path / f"{number}.mp4"
        with VideoWriter(path, (96, 144), fps, threads=1) as writer:
            for index in range(4):
                writer.write(barcode_frame(index), index / float(fps))
        assert float(open_clip(path).info.fps) == pytest.approx(float(fps), rel=0.01)


def test_times_that_do_not_rise_keep_every_frame(tmp_path: Path) -> None:
    path = write(tmp_path / "out.mp4", (0.0, 0.04, 0.04, 0.02, 0.2))
    assert [read_barcode(frame.rgb) for frame in open_clip(path, "pyav")] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_after_an_error_nothing_is_left(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "out.mp4"

    def break_off() -> None:
        with VideoWriter(path, (96, 144), 25) as writer:
            writer.write(barcode_frame(0), 0.0)
            raise error

    with pytest.raises(error):
        break_off()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_older_file_stands_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(b"old")
    writer = VideoWriter(path, (96, 144), 25)
    writer.write(barcode_frame(0), 0.0)
    assert path.read_bytes() == b"old"
    writer.close()
    writer.close()
    assert path.read_bytes()[4:8] == b"ftyp"


def test_without_a_frame_no_file_is_made(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4", (96, 144), 25):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "frame",
    [np.zeros((95, 144, 3), np.uint8), np.zeros((96, 144, 3), np.float32), np.zeros((96, 144), np.uint8)],
)
def test_other_frames_are_refused_with_what_was_expected(tmp_path: Path, frame: np.ndarray) -> None:
    with (
        pytest.raises(ValueError, match=r"\(96, 144, 3\)"),
        VideoWriter(tmp_path / "out.mp4", (96, 144), 25) as writer,
    ):
        writer.write(frame, 0.0)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, full = tmp_path / "out.mp4", tmp_path / "full"
    full.symlink_to("/dev/full")
    monkeypatch.setattr(video_writer, "create_part", lambda _path: os.open(os.devnull, os.O_WRONLY))
    monkeypatch.setattr(video_writer, "part_path", lambda _path: full)
    noise = np.random.default_rng(0)

    def fill() -> None:
        with VideoWriter(path, (240, 320), 25, threads=1) as writer:
            for index in range(20):
                writer.write(noise.integers(0, 255, (240, 320, 3), np.uint8), index / 25)

    with pytest.raises(OutOfSpaceError, match="free some space"):
        fill()
    assert list(tmp_path.iterdir()) == [full]


def test_a_folder_that_is_gone_is_not_found_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    writer = VideoWriter(folder / "film.mp4", (32, 48), 25)
    shutil.rmtree(folder)

    def write_until_it_is_noticed() -> None:
        for index in range(100):
            writer.write(np.zeros((32, 48, 3), np.uint8), index / 25)

    with pytest.raises(FileNotFoundError) as caught:
        write_until_it_is_noticed()
    assert caught.value.filename == str(folder / "film.mp4.part")
