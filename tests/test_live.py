"""Live sources: what is taken of streams that other processes send, and what is counted of the rest.

Nothing is asserted of how long anything takes: on a busy machine any number of frames may be dropped.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from itertools import pairwise

import pytest
from clips import read_barcode, write_clip
from live_streams import LONG_S, TESTS, free_port, require_whole, sending, taken, wait_until, watching

from yolact_temporal.data.live import LiveSettings, LiveSource, live_address, reader
from yolact_temporal.data.live.reader import Patience
from yolact_temporal.errors import InputError

pytestmark = pytest.mark.slow

#: So many frames are sent before a stream is known well enough to be opened.
OPENING = 40


def steps(found):
    """How far the index and the number in the frame went on, from each frame to the next."""
    return [(after[0] - before[0], after[1] - before[1]) for before, after in pairwise(found)]


@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_the_frames_of_a_transport_stream_have_the_numbers_in_which_they_were_captured(kind):
    plan = [["viewers", 1], ["wait"], ["frames", OPENING + 60], ["wait"], ["frames", 1]]
    with sending(kind, plan) as sender:
        sender.go()
        # Nobody hears of the end of UDP but by silence.
        with watching(f"{kind}://127.0.0.1:{sender.port}", stall_s=5.0) as source:
            if kind == "tcp":
                sender.go()
            found = taken(source)
            counts = require_whole(source, found)
    assert len(found) > 1
    assert all(index == number for index, number in steps(found))
    assert counts.damaged == counts.repeated == 0
    assert kind == "udp" or found[-1][1] == OPENING + 60


def test_a_slow_model_is_given_the_newest_frames_in_pairs_and_the_others_are_counted():
    with (
        sending("tcp", [["viewers", 1], ["frames", OPENING], ["wait"], ["frames", 60]]) as sender,
        watching(f"tcp://127.0.0.1:{sender.port}", in_flight=2) as source,
    ):
        sender.go()
        frames = iter(source)
        found = [next(frames), next(frames)]
        wait_until(lambda: source.standing().state == "ended")  # all else came while two were on their way
        for frame in found:
            source.finished(frame.index)
        for frame in frames:
            found.append(frame)
            source.finished(frame.index)
        counts = require_whole(source, found)
        numbers = [read_barcode(frame.rgb) for frame in found]
    assert 3 <= len(found) <= 4
    assert numbers[-1] == OPENING + 60 - 1
    assert counts.dropped == counts.captured - len(found)
    assert [frame.index for frame in found] == [number - numbers[0] for number in numbers]
    assert f"{counts.dropped} dropped" in source.warnings[-1]


def test_a_late_and_then_lost_stream_is_opened_again_and_its_tracks_end():
    port = free_port()
    opened = []
    opening = threading.Thread(
        target=lambda: opened.append(
            LiveSource(
                live_address(f"tcp://127.0.0.1:{port}"), LiveSettings(patience=Patience(LONG_S, LONG_S))
            )
        )
    )
    opening.start()  # before anybody sends
    plan = [["viewers", 1], ["stream"], ["hangup"], ["viewers", 1], ["stream"]]
    with sending("tcp", plan, port) as sender:
        opening.join()
        (source,) = opened
        found = []
        for frame in source:
            found.append((frame.index, read_barcode(frame.rgb), source.is_cut(frame.index)))
            source.finished(frame.index)
            if len(found) == 1:
                sender.go()  # hangs up
            if found[-1][2]:
                source.stop()
        counts = require_whole(source, found)
        source.close()
    assert counts.interruptions == 1
    assert [begins for _, _, begins in found] == [False] * (len(found) - 1) + [True]
    assert found[-1][0] > found[-2][0] + 1  # no pair goes across
    assert ["came back" in loss.reason for loss in source.losses] == [True]


@pytest.mark.parametrize(("stall_s", "lost"), [(1.0, True), (LONG_S, False)])
def test_a_stream_that_stalls_is_lost_and_one_that_only_waits_is_not(stall_s, lost):
    plan = [["viewers", 1], ["stream"], ["pause", 2.5], ["stream"]]
    with (
        sending("tcp", plan) as sender,
        watching(f"tcp://127.0.0.1:{sender.port}", wait_s=LONG_S, stall_s=stall_s) as source,
    ):
        numbers = []
        for frame in source:
            begins = source.is_cut(frame.index)
            numbers.append(read_barcode(frame.rgb))
            source.finished(frame.index)
            if len(numbers) == 1:
                sender.go()  # pauses
                sender.told("pause")
            if begins or (not lost and numbers[-1] > numbers[0] + 200):
                source.stop()
        counts = source.standing().counts
    assert begins == lost
    assert (counts.interruptions > 0) == lost


def watched_whole(*plan):
    """A stream that goes by a plan once it is watched: its source, all that was taken of it, and the counts."""
    opening = [["viewers", 1], ["frames", OPENING], ["wait"]]
    with (
        sending("tcp", [*opening, *plan]) as sender,
        watching(f"tcp://127.0.0.1:{sender.port}") as source,
    ):
        sender.go()
        found = taken(source)
        return source, found, require_whole(source, found)


def test_frames_that_the_clock_skips_are_missing_and_no_pair_goes_across_them():
    source, found, counts = watched_whole(["frames", 10], ["skip", 3], ["frames", 10])
    assert counts.missing == 3
    assert all(index == number for index, number in steps(found))
    assert [loss.count for loss in source.losses] == [3]


def test_damaged_packets_are_counted_and_the_stream_goes_on():
    source, found, counts = watched_whole(["frames", 10], ["damage", 3], ["frames", 40])
    assert counts.damaged
    assert found[-1][1] == OPENING + 50 - 1
    assert any("damaged" in loss.reason for loss in source.losses)


def test_after_a_change_of_size_frames_are_scaled_and_tracks_begin_anew():
    plan = [
        ["viewers", 1],
        ["frames", OPENING],
        ["wait"],
        ["frames", 10],
        ["size", 192, 288],
        ["frames", OPENING],
    ]
    with (
        sending("tcp", plan) as sender,
        watching(f"tcp://127.0.0.1:{sender.port}") as source,
    ):
        sender.go()
        shapes, cuts = set(), 0
        for frame in source:
            shapes.add(frame.rgb.shape)
            cuts += source.is_cut(frame.index)
            source.finished(frame.index)
    assert shapes == {(96, 144, 3)}
    assert cuts == 1
    assert any("from 144x96 to 288x192" in warning for warning in source.warnings)


def test_repeated_frames_are_left_out_and_counted():
    plan = [
        ["viewers", 1],
        ["frames", OPENING],
        ["wait"],
        ["frames", 5],
        ["same", 20],
        ["frames", 5],
        ["wait"],
    ]
    with (
        sending("http", plan) as sender,
        watching(f"http://me:secret@127.0.0.1:{sender.port}/door?token=quiet", fps=25) as source,
    ):
        sender.go()
        found = []
        for frame in source:
            found.append((frame.index, read_barcode(frame.rgb)))
            source.finished(frame.index)
            if found[-1][1] == OPENING + 10 - 1:
                source.stop()
        counts = require_whole(source, found)
    assert counts.repeated
    numbers = [number for _, number in found]
    assert sorted(set(numbers)) == numbers


def test_two_viewers_see_one_stream():
    with sending("tcp", [["viewers", 2], ["frames", OPENING], ["wait"], ["frames", 20]]) as sender:
        found = []

        def look():
            with watching(f"tcp://127.0.0.1:{sender.port}") as source:
                ready.wait()
                found.append(taken(source))

        ready = threading.Barrier(3)
        viewers = [threading.Thread(target=look) for _ in range(2)]
        for viewer in viewers:
            viewer.start()
        ready.wait()
        sender.go()
        for viewer in viewers:
            viewer.join()
    assert [own[-1][1] for own in found] == [OPENING + 20 - 1] * 2


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("http://me:wrong@127.0.0.1:{port}/door?token=quiet", "to be let in at http://127.0.0.1:{port}/door"),
        ("http://127.0.0.1:{closed}/door?token=quiet", "got none in 0 s (connection refused)"),
        ("tcp://127.0.0.1:{closed}", "got none in 0 s (connection refused)"),
    ],
)
def test_what_cannot_be_opened_is_told_without_its_secrets(address, told):
    with sending("http", [["frames", 1], ["wait"]]) as sender:
        places = {"port": sender.port, "closed": free_port()}
        with pytest.raises(InputError) as raised, watching(address.format(**places)):
            pass
    assert told.format(**places) in str(raised.value)
    assert not [word for word in ("wrong", "quiet", "me:") if word in str(raised.value)]


def test_what_is_sent_but_no_video_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def answer():
            viewer, _ = server.accept()
            with viewer:
                viewer.sendall(b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n" * 200)

        threading.Thread(target=answer, daemon=True).start()
        with (
            pytest.raises(InputError, match="expected a picture from tcp://"),
            watching(f"tcp://127.0.0.1:{port}"),
        ):
            pass


def test_a_file_is_played_at_its_own_speed_from_its_first_frame_to_its_last(tmp_path, monkeypatch):
    clip = tmp_path / "clip.mp4"
    write_clip(clip, frames=30)
    source = LiveSource(live_address(str(clip), real_time=True), LiveSettings())
    waits = []
    monkeypatch.setattr(reader._Pace, "wait_for", lambda pace, time_s: waits.append((id(pace), time_s)))
    found = taken(source)
    counts = require_whole(source, found)
    source.close()
    assert (found[0][1], found[-1][1]) == (0, 29)
    assert counts.captured == 30
    assert len({pace for pace, _ in waits}) == 1  # begun anew when measuring began, whenever it was opened
    assert len(waits) == 29
    assert all(index == number for index, number in steps(found))
    assert source.ended_by == "the end was reached"


def rtsp_python():
    """A Python with GStreamer's RTSP server; None where there is none."""
    check = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    for program in ("/usr/bin/python3", "python3"):
        if (
            shutil.which(program)
            and subprocess.run([program, "-c", check], capture_output=True).returncode == 0
        ):
            return program
    return None


def test_a_real_rtsp_server_is_watched_by_two_at_once(tmp_path):
    python = rtsp_python()
    if python is None:
        pytest.skip(
            "GStreamer's RTSP server is not here: apt-get install gir1.2-gst-rtsp-server-1.0 python3-gi"
        )
    clip = tmp_path / "clip.mp4"
    write_clip(clip, frames=600)
    with sending("rtsp", [str(clip)], program=(python, str(TESTS / "rtsp_gstreamer.py"))) as server:
        address = f"rtsp://me:secret@127.0.0.1:{server.port}/door"
        with watching(address) as first, watching(address) as second:
            for source in (first, second):
                found = []
                for frame in source:
                    found.append((frame.index, read_barcode(frame.rgb)))
                    source.finished(frame.index)
                    if len(found) == 20:
                        source.stop()
                require_whole(source, found)
                assert len(found) == 20
                assert all(index == number for index, number in steps(found))
        with (
            pytest.raises(InputError, match=r"let in at rtsp://127.0.0.1:\d+/door") as raised,
            watching(address.replace("secret", "wrong")),
        ):
            pass
        assert "wrong" not in str(raised.value)
