"""The parts of a live run by themselves: addresses, frames that wait, the stream's clock, rolling figures, read-out."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from clips import write_clip
from test_live_dashboard import STATUS

from yolact_temporal.cli.live_screen import one_line, screen_lines
from yolact_temporal.data.addresses import without_credentials
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.live import live_address
from yolact_temporal.data.live.clock import StreamClock
from yolact_temporal.data.live.connection import same_picture
from yolact_temporal.data.live.latest import Captured, LatestFrames
from yolact_temporal.errors import UsageError
from yolact_temporal.temporal.meter import StabilityMeter
from yolact_temporal.temporal.motion import Motion
from yolact_temporal.temporal.rolling import FIGURES, FLOORS, RollingFigures


def frame(index, begins=False):
    return Captured(index, index / 25, 0.0, begins, None)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("rtsp://me:secret@host:8554/door", "rtsp://host:8554/door"),
        ("rtsp://me:secret@[::1]:8554/door?token=secret", "rtsp://[::1]:8554/door"),
        ("http://host/live/0123456789abcdef0123456789abcdef/x.mjpg", "http://host/live/.../x.mjpg"),
        ("rtsp://host/user=me&password=secret/ch0", "rtsp://host/.../ch0"),
        ("rtsp://me:sec/ret@host/door", "rtsp://..."),
        ("rtsp://me:sec?ret@host/door", "rtsp://..."),
        ("http://host/x?mail=me@secret", "http://..."),
        ("udp://@:1234?localaddr=10.0.0.1", "udp://:1234"),
    ],
)
def test_what_is_told_of_an_address_has_no_secret(given, shown):
    assert without_credentials(f"expected {given} here") == f"expected {shown} here"
    if shown.endswith("..."):
        with pytest.raises(UsageError, match="write @ as %40") as raised:
            live_address(given)
        assert not [word for word in ("secret", "ret@") if word in str(raised.value)]
    else:
        address = live_address(given)
        assert (address.shown, address.place) == (shown, given)
        assert "secret" not in repr(address) + address.name


@pytest.mark.parametrize(
    ("platform", "place", "form"),
    [("linux", "/dev/video1", "v4l2"), ("darwin", "1", "avfoundation"), ("win32", "1", "dshow")],
)
def test_a_camera_is_opened_by_its_number(platform, place, form):
    address = live_address("1", platform=platform)
    assert (address.place, address.format, address.shown) == (place, form, "camera 1")


@pytest.mark.parametrize("captured_per_taken", [1, 2, 3, 7, 30])
def test_however_slow_the_model_is_pairs_come_and_nothing_is_old(captured_per_taken):
    frames, taken = LatestFrames(), []
    frames.begin()
    last = 0
    for index in range(600):
        frames.put(frame(index))
        if index % captured_per_taken == captured_per_taken - 1:
            taken.append(frames.take(0).index)
            # The partner of the frame before, or no older than one frame.
            assert taken[-1] == last + 1 or taken[-1] >= index - 1
            last = taken[-1]
    frames.end()
    frames.discard()
    counts = frames.counts()
    pairs = sum(after == before + 1 for before, after in itertools.pairwise(taken))
    assert pairs >= len(taken) // 2 - 1
    assert taken == sorted(set(taken))
    assert counts.captured == 600 == counts.processed + counts.dropped
    assert counts.processed == len(taken)


def test_what_a_dropped_frame_begins_the_next_one_begins():
    frames = LatestFrames()
    frames.begin()
    frames.put(frame(0))
    assert not frames.take(0).begins
    for own in (frame(1), frame(4, begins=True), frame(5), frame(6)):
        frames.put(own)
    assert frames.take(0).index == 1
    found = frames.take(0)
    assert (found.index, found.begins) == (6, True)


def test_frames_before_the_beginning_count_for_nothing():
    frames = LatestFrames()
    for index in range(5):
        frames.put(frame(index))
    frames.begin()
    assert frames.take(0) is None
    assert frames.counts().captured == 0
    frames = LatestFrames()
    frames.put(frame(0))
    frames.begin(kept=True)
    assert frames.take(0).index == 0
    assert frames.counts().captured == 1


@pytest.mark.parametrize("believed", [True, False])
def test_time_always_rises_whatever_the_stream_says(believed):
    clock, times = StreamClock(), []
    rng = np.random.default_rng(0)
    at = 0.0
    for connection in range(5):
        clock.connect(believed)
        for _ in range(50):
            at += float(rng.exponential(0.04))
            pts = None if rng.random() < 0.1 else float(rng.normal(connection, 5))
            times.append(clock.place(pts, at).time_s)
    assert all(after > before for before, after in itertools.pairwise(times))


def test_a_camera_of_uneven_pace_misses_nothing():
    clock, at = StreamClock(), 0.0
    clock.connect(True)
    for place in range(100):
        at += 0.04 if place % 3 else 0.05
        placed = clock.place(at, at)
        assert (placed.missing, placed.begins) == (0, False)


def test_rolling_figures_over_the_whole_clip_are_the_clips():
    rng = np.random.default_rng(3)
    meter, rolling = StabilityMeter(("thing",), fps=24), RollingFigures(longest_s=1000.0)
    for index in range(60):
        masks = np.zeros((2, 48, 64), np.bool_)
        left, top = rng.integers(0, 3, 2)
        masks[0, 10 + top : 30, 10 + left : 40] = True
        masks[1, 32:44, 40 : 50 + left] = True
        seen = [place for place in range(2) if rng.random() > 0.2]
        boxes = np.array([[10, 10, 40, 30], [40, 32, 52, 44]], np.float32)[seen]
        own = Instances.from_bitmaps(boxes, [0.9] * len(seen), [0] * len(seen), masks[seen])
        stability = meter.update(index, index / 24, own, Motion.still((48, 64)) if index else None)
        rolling.add(index / 24, stability.added)
    clip = meter.finish().figures
    for name in (*FIGURES, *FLOORS.values()):
        assert rolling.figure(name, 1000.0) == pytest.approx(clip[name].value), name
    assert clip["presence_flips_per_s"].value > 0
    assert rolling.figure(FIGURES[0], 2.0, now_s=60.0) is None


def test_pictures_are_the_same_only_pixel_for_pixel(tmp_path):
    import av

    path = tmp_path / "clip.mp4"
    write_clip(path, frames=3)
    with av.open(str(path)) as container:
        first, second, _ = container.decode(video=0)
    assert same_picture(first, first)
    assert not same_picture(first, second)
    copy = av.VideoFrame.from_ndarray(first.to_ndarray(), format=first.format.name)
    assert same_picture(first, copy)
    planes = first.to_ndarray()
    planes[-1, -1] ^= 40  # a pixel's colour alone
    assert not same_picture(first, av.VideoFrame.from_ndarray(planes, format=first.format.name))


def test_the_read_out_says_undefined_and_never_nothing():
    none = {name: [(None,)] * 3 for name in (*FIGURES, *FLOORS.values())}
    empty = replace(STATUS, times_s=[1.0], figures={"model": none}, age_median_s=None, dropped_share=None)
    text = "\n".join(screen_lines(empty, True))
    assert text.count("undefined") == 5 * 3 + 3
    assert "nan" not in text.lower() + one_line(empty).lower()
    line = one_line(STATUS)
    assert "\n" not in line
    assert "B1 1.25/1.25/1.25 px (floor 1.25/1.25/1.25)" in line
    assert "50% dropped" in line
    assert all(len(each) < 60 for each in screen_lines(STATUS, False, 60))
