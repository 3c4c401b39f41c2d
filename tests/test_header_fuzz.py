"""One byte of a container's header is wrong: no traceback, no signal, no silent loss, no time that runs back."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import header_fuzzer
import numpy as np
import pytest
from clips import barcode_frame, write_clip

from yolact_temporal.data.frames import Frame

SEEDS = 260
"""Of each clip: 2,080 changed copies, in some half a minute of processor time."""

FRAMES = 20

CLIPS: Mapping[str, Mapping[str, Any]] = {
    "b_frames.mp4": {"b_frames": 2},
    "fragmented.mp4": {"b_frames": 2, "container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "mjpeg.mov": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "b_frames.mkv": {"b_frames": 2},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"deadline": "realtime", "cpu-used": "8"}},
    "mpeg4.avi": {"codec": "mpeg4"},
    "h264.ts": {"b_frames": 2},
    "animation.gif": {"codec": "gif", "pix_fmt": "rgb8"},
}


def copies(clip: Path, seeds: int) -> list[dict[str, Any]]:
    """Return what came of a clip's changed copies; one over which the process ended says so, and it goes on after."""
    found: list[dict[str, Any]] = []
    after = ""
    while len(found) < seeds:
        command = [
            sys.executable,
            header_fuzzer.__file__,
            str(clip),
            "--seeds",
            "0",
            str(seeds),
            "--after",
            after,
        ]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        told = [json.loads(line) for line in run.stdout.splitlines()]
        found += [each for each in told if "outcome" in each]
        if run.returncode == 0:
            break
        assert told, run.stderr
        found.append(
            told[-1] | {"outcome": f"exit {run.returncode}", "broken": ["ended"], "silent": [], "told": []}
        )
        after = f"{clip.name}:{told[-1]['seed']}"
    return found


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize("kind", CLIPS)
def test_one_byte_of_a_header(tmp_path: Path, kind: str) -> None:
    clip = write_clip(tmp_path / kind, FRAMES, size=(64, 96), gop=6, **CLIPS[kind])
    found = copies(clip, SEEDS)
    assert [each["seed"] for each in found] == list(range(SEEDS))
    assert [each for each in found if each["broken"] or each["silent"]] == []
    outcomes = {each["outcome"] for each in found}
    assert {"lost", "whole"} <= outcomes  # there is damage that costs frames, and damage that costs none


WHOLE = [Frame(index, index / 25, barcode_frame(index)) for index in range(6)]


def changed_time(frames: list[Frame]) -> list[Frame]:
    return [*frames[:3], replace(frames[3], time_s=0.2), *frames[4:]]


def other_picture(frames: list[Frame]) -> list[Frame]:
    return [*frames[:3], replace(frames[3], rgb=frames[2].rgb), *frames[4:]]


UNLIKE: Mapping[str, tuple[Callable[[list[Frame]], list[Frame]], str]] = {
    "one is missing": (lambda frames: frames[:5], "5 of 6 frames"),
    "one is shown twice": (other_picture, "(place, picture)"),
    "one comes late": (changed_time, "(frame, time)"),
    "all come at another place": (
        lambda frames: [replace(frame, index=frame.index + 1) for frame in frames],
        "(place, picture)",
    ),
}


@pytest.mark.parametrize("case", UNLIKE)
def test_the_fuzzer_sees_what_is_lost_shifted_or_late(case: str) -> None:
    change, part = UNLIKE[case]
    assert header_fuzzer.different(WHOLE, WHOLE, False) == []
    assert any(part in fault for fault in header_fuzzer.different(WHOLE, change(WHOLE), False))


def test_the_fuzzer_sees_times_that_run_back() -> None:
    assert header_fuzzer.backwards(WHOLE) == []
    assert header_fuzzer.backwards(changed_time(WHOLE)) == ["times do not rise"]
    assert header_fuzzer.backwards([WHOLE[1], WHOLE[0]]) == ["indices do not rise", "times do not rise"]


@pytest.mark.parametrize("kind", ["b_frames.mp4", "h264.ts", "animation.gif"])
def test_bytes_of_headers_are_no_pictures(tmp_path: Path, kind: str) -> None:
    clip = write_clip(tmp_path / kind, FRAMES, size=(64, 96), gop=6, **CLIPS[kind])
    own = header_fuzzer.header_bytes(clip)
    assert 0.01 < len(own) / clip.stat().st_size < 0.4
    assert header_fuzzer.set_up_bytes(clip) < set(range(clip.stat().st_size))
    at, _, data = header_fuzzer.changed(clip, 7)
    assert at in own
    both = np.frombuffer(data, np.uint8), np.frombuffer(clip.read_bytes(), np.uint8)
    assert np.flatnonzero(both[0] != both[1]).tolist() == [at]
