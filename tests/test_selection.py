"""Ranges of a clip: by index, by seconds, every so many, and what a wrong range says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import damage, read_barcode

from yolact_temporal.data.frames import ClipInfo, Frame, FrameLoss, FrameSource
from yolact_temporal.data.selection import Position, parse_position, select_frames
from yolact_temporal.data.sources import open_clip
from yolact_temporal.errors import InputError, UsageError

Clip = Callable[[str], Path]


class Counted:
    """A source that knows how many frames were taken from it."""

    def __init__(self, source: FrameSource) -> None:
        self.info, self.losses, self.warnings = source.info, source.losses, source.warnings
        self.close = source.close
        self._source = source
        self.taken = 0

    def __iter__(self) -> Iterator[Frame]:
        for frame in self._source:
            self.taken += 1
            yield frame


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("2.5s", 2.5),
        ("0s", 0.0),
        (".5s", 0.5),
        ("3.s", 3.0),
        ("10 s", 10.0),
        ("00:05", 5.0),
        ("1:02.5", 62.5),
        ("1:30", 90.0),
        ("90:00", 5400.0),
        ("1:00:05", 3605.0),
    ],
)
def test_positions_are_indices_or_seconds(text: str, position: Position) -> None:
    parsed = parse_position(text)
    assert parsed == position
    assert type(parsed) is type(position)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s",
        "abc",
        "-1",
        "-2.5s",
        "2.5",
        "1e3s",
        "nan",
        "infs",
        "5m",
        "１s x",
        "1:75",
        "1:60:00",
        ":05",
        "1:",
        "-1:00",
    ],
)
def test_other_positions_are_usage_errors(text: str) -> None:
    with pytest.raises(UsageError, match=r"2\.5s"):
        parse_position(text)


@pytest.mark.parametrize(
    ("start", "end", "stride", "expected"),
    [
        (0, None, 1, list(range(40))),
        (5, 9, 1, [5, 6, 7, 8]),
        (0, 40, 15, [0, 15, 30]),
        (3, None, 12, [3, 15, 27, 39]),
        (0.2, 0.4, 1, [5, 6, 7, 8, 9]),  # 25 frames a second: frame 5 is shown at 0.2 s, frame 10 at 0.4 s
        (0.21, 0.4, 2, [6, 8]),
        (38, 1000, 1, [38, 39]),
        (39, None, 5, [39]),
        (1.0, 27, 1, [25, 26]),
        (30, 1.28, 1, [30, 31]),
        (0, 0.001, 1, [0]),
    ],
)
def test_the_range_is_cut_out_of_the_clip(
    clip: Clip, start: Position, end: Position | None, stride: int, expected: list[int]
) -> None:
    frames = list(select_frames(open_clip(clip("b_frames.mp4"), "pyav"), start, end, stride))
    assert [frame.index for frame in frames] == expected
    assert [read_barcode(frame.rgb) for frame in frames] == expected
    assert [frame.time_s for frame in frames] == pytest.approx([index / 25 for index in expected])


@pytest.mark.parametrize("end", [10, 0.4])
def test_nothing_is_read_beyond_the_end(clip: Clip, end: Position) -> None:
    source = Counted(open_clip(clip("b_frames.mp4"), "pyav"))
    assert len(list(select_frames(source, 0, end))) == 10
    assert source.taken == 11


def test_a_start_behind_the_last_frame_needs_no_decoding(clip: Clip) -> None:
    source = Counted(open_clip(clip("plain.mp4"), "pyav"))
    with pytest.raises(InputError, match="40 frames"):
        list(select_frames(source, 40))
    assert source.taken == 0


@pytest.mark.parametrize(
    ("start", "end", "stride", "part"),
    [
        (5, 5, 1, "frame 5 and frame 5"),
        (9, 3, 1, "--start before --end"),
        (2.5, 1.0, 1, "2.5s and 1s"),
        (0, 0, 1, "--end"),
        (0, 0.0, 1, "--end"),
        (0, None, 0, "--stride of 1 or more, got 0"),
        (0, None, -2, "--stride"),
        (-1, None, 1, "--start of 0 or more"),
        (0, -3.0, 1, "--end of 0 or more"),
        (float("nan"), None, 1, "--start"),
    ],
)
def test_wrong_ranges_are_usage_errors_at_once(
    clip: Clip, start: Position, end: Position | None, stride: int, part: str
) -> None:
    with pytest.raises(UsageError, match=part):
        select_frames(open_clip(clip("one_frame.mp4"), "pyav"), start, end, stride)


@pytest.mark.parametrize(("start", "end"), [(60.0, None), (1.59, 1.595), (30, 0.5)])
def test_a_range_without_a_frame_says_how_long_the_clip_is(
    clip: Clip, start: Position, end: Position | None
) -> None:
    with pytest.raises(InputError, match="found none") as caught:
        list(select_frames(open_clip(clip("plain.mp4"), "pyav"), start, end))
    assert "frames" in str(caught.value)
    assert " s" in str(caught.value)


def test_a_lost_frame_does_not_shift_the_stride(clip: Clip, tmp_path: Path) -> None:
    path = damage(clip("mjpeg.avi"), tmp_path / "damaged.avi", [3])
    frames = list(select_frames(open_clip(path), 0, None, 2))
    assert [frame.index for frame in frames] == [0, 2, 4, 6, 8]
    assert [read_barcode(frame.rgb) for frame in frames] == [0, 2, 4, 6, 8]


class Losing:
    """A source of 100 frames, 10 a second, that loses 20 to 29 and all from 80 on."""

    def __init__(self, fps: int | None = 10) -> None:
        self.info = ClipInfo("", "", 1, 1, None if fps is None else Fraction(fps), 100, 0, False, "none", "")
        self.losses: list[FrameLoss] = []
        self.warnings: list[str] = []

    def __iter__(self) -> Iterator[Frame]:
        for index in [*range(20), *range(30, 80)]:
            if index == 30:
                self.losses.append(FrameLoss(30, "torn", 10))
            yield Frame(index, index / 10, np.zeros((1, 1, 3), np.uint8))
        self.losses += [FrameLoss(80, "cut off", 20), FrameLoss(5, "concealed")]

    def close(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize(
    ("start", "end", "stride", "lost"),
    [
        (0, None, 1, [(30, 10), (80, 20), (5, None)]),
        (0, 20, 1, []),
        (0, 25, 1, [(25, 5)]),
        (0, 30, 1, [(30, 10)]),
        (0, 79, 1, [(30, 10)]),
        (40, 79, 1, []),
        (40, 90, 1, [(80, 10)]),
        (25, 35, 1, [(30, 5)]),
        (40, None, 1, [(80, 20)]),
        (0, None, 4, [(30, 3), (80, 5), (5, None)]),
        (21, 34, 4, [(30, 3)]),
        (0.0, 2.0, 1, []),
        (0.0, 2.5, 1, [(25, 5)]),
        (2.5, 4.0, 1, [(30, 5)]),
        (4.0, 9.0, 1, [(80, 10)]),
        (9.0, None, 1, "none"),
    ],
)
def test_of_what_was_lost_only_frames_that_were_asked_for_count(
    start: Position, end: Position | None, stride: int, lost: list[tuple[int, int | None]] | str
) -> None:
    selected = select_frames(Losing(), start, end, stride)
    if lost == "none":
        with pytest.raises(InputError, match="found none"):
            list(selected)
        return
    frames = [frame.index for frame in selected]
    assert frames
    assert [(loss.at_index, loss.count) for loss in selected.losses] == lost


def test_without_a_rate_a_loss_at_the_end_of_a_range_in_seconds_is_told_whole() -> None:
    selected = select_frames(Losing(fps=None), 4.0, 9.0)
    list(selected)
    assert [(loss.at_index, loss.count) for loss in selected.losses] == [(80, 20)]
