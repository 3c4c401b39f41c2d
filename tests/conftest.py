"""Fixtures shared by all tests: one folder of small clips, each built the first time a test asks for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import write_clip

# Set before torch is loaded, and handed to every process that a test starts: its networks and pictures are small, and
# files of tests run side by side, so that threads that share out the work cost several times what they save.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")

TEXTURES = 40
"""So many are kept, of 1.5 MiB each."""

LONGEST = (
    "test_attacks.py",
    "test_dashboard_browser.py",
    "test_cli.py",
    "test_calibrate.py",
    "test_training.py",
    "test_mask_rcnn_losses.py",
    "test_gaming.py",
    "test_training_weights.py",
    "test_demo.py",
    "test_interrupts.py",
    "test_watched_browser.py",
    "test_gpu_check.py",
    "test_benchmark.py",
)
"""Files of tests that take longest, by and by less: they begin first, so that none runs alone at the end."""

VFR_TIMES = tuple(0.04 * i + (0.1 if i > 10 else 0.0) + 0.013 * (i % 3) for i in range(20))
"""Times of the variable-rate clips' frames: uneven gaps, and a pause."""

KINDS: Mapping[str, Mapping[str, Any]] = {
    "plain.mp4": {"frames": 40},
    "b_frames.mp4": {"frames": 40, "b_frames": 3},
    "one_frame.mp4": {"frames": 1},
    "odd_size.mp4": {"frames": 10, "size": (97, 145), "pix_fmt": "yuv444p"},
    "fragmented.mp4": {"frames": 24, "container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "with_audio.mp4": {"frames": 12, "with_audio": True},
    "late_start.mp4": {"frames": 24, "shift": 1.0, "b_frames": 2},
    "late_start.mkv": {"frames": 24, "shift": 1.0, "b_frames": 2},
    "edit_list.mp4": {"frames": 40, "shift": -0.2},
    "edit_list_b_frames.mp4": {"frames": 40, "shift": -0.2, "b_frames": 2},
    "rotated_90.mp4": {"frames": 6, "rotation": 90},
    "rotated_180.mp4": {"frames": 6, "rotation": 180},
    "rotated_270.mp4": {"frames": 6, "rotation": 270},
    "variable_rate.mp4": {"frames": 20, "times": VFR_TIMES},
    "variable_rate_b_frames.mkv": {"frames": 20, "times": VFR_TIMES, "b_frames": 2},
    "open_gop.mkv": {"frames": 40, "b_frames": 3, "options": {"x264-params": "open-gop=1"}},
    "b_frames.mkv": {"frames": 40, "b_frames": 2},
    "ten_bit.mkv": {"frames": 12, "pix_fmt": "yuv420p10le", "b_frames": 2},
    "full_range.mp4": {"frames": 6, "pix_fmt": "yuvj420p"},
    "bt709.mp4": {"frames": 6, "colorspace": 1},
    "hevc.mp4": {"frames": 16, "codec": "libx265", "b_frames": 2},
    "hevc_ten_bit.mp4": {"frames": 8, "codec": "libx265", "pix_fmt": "yuv420p10le"},
    "av1.mp4": {"frames": 12, "codec": "libsvtav1"},
    "vp9.webm": {"frames": 20, "codec": "libvpx-vp9", "options": {"deadline": "realtime", "cpu-used": "8"}},
    "h264_b_frames.avi": {"frames": 40, "b_frames": 2},
    "mpeg4_b_frames.avi": {"frames": 40, "codec": "mpeg4", "b_frames": 2},
    "mpeg4.mp4": {"frames": 24, "codec": "mpeg4", "b_frames": 2},
    "mjpeg.avi": {"frames": 10, "codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "h264.ts": {"frames": 40, "b_frames": 2},
    "mpeg2.ts": {"frames": 40, "codec": "mpeg2video", "b_frames": 2},
    "animation.gif": {"frames": 10, "codec": "gif", "pix_fmt": "rgb8", "fps": 10},
}
"""Every kind of clip, by file name, with the arguments of `write_clip` that make it."""


def pytest_configure(config: pytest.Config) -> None:
    """Let files of tests run in the order given here; by itself pytest-xdist takes those of the most tests first."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the clip of a kind, built once for all tests: leave it as it is."""
    folder = tmp_path_factory.mktemp("clips")

    def build(kind: str) -> Path:
        path = folder / kind
        if not path.exists():
            write_clip(path, **KINDS[kind])
        return path

    return build


@pytest.fixture(scope="session")
def real_clips() -> Path:
    """Return the folder of real clips, or skip, saying so."""
    root = os.environ.get("YOLACT_TEMPORAL_TEST_DATA")
    if not root:
        pytest.skip("YOLACT_TEMPORAL_TEST_DATA does not name the data folder")
    return Path(root).absolute() / "clips"


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run folder of two stand-in models, made once for all tests: copy it before changing it."""
    from dashboard_runs import make_run

    return make_run(tmp_path_factory.mktemp("finished") / "runs")


@pytest.fixture(scope="session", autouse=True)
def shared_textures() -> Iterator[Callable[..., Any]]:
    """Most of what a small synthetic scene costs is its textures: they are drawn once for all scenes of a seed.

    Gives what draws them anew, for tests of just that.
    """
    from yolact_temporal.data.synthetic import scenes

    draw = scenes._texture
    known: dict[tuple[object, ...], tuple[object, Any]] = {}

    def remembered(rng: np.random.Generator, contrast: float) -> Any:
        key = (*rng.bit_generator.state["state"].values(), contrast)
        if key in known:
            rng.bit_generator.state, texture = known[key]
        else:
            texture = draw(rng, contrast)
            texture.setflags(write=False)
            if len(known) == TEXTURES:
                del known[next(iter(known))]
            known[key] = (rng.bit_generator.state, texture)
        return texture

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scenes, "_texture", remembered)
        yield draw


@pytest.fixture(scope="session")
def explained_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of a toy that says what its masks are assembled from, every pair explained: copy it first."""
    from part_models import write_still_clip

    from yolact_temporal.cli.main import main

    folder = tmp_path_factory.mktemp("toy")
    clip = write_still_clip(folder / "still.mp4")
    models = ("--model", "part_models:ToySegmenter", "--baseline", "part_models:SteadyToy")
    plain = ("--no-plots", "--no-overlay", "--quiet", "--why")
    assert main(["analyze", str(clip), "--out", str(folder / "runs"), *models, *plain]) == 0
    return folder / "runs" / "still"


@pytest.fixture(autouse=True)
def own_main_module() -> Iterator[None]:
    """Put the main module back: Streamlit's AppTest leaves its script there, and spawned processes would run that."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before


@pytest.fixture(autouse=True)
def same_scheduling() -> Iterator[None]:
    """No test leaves this process another scheduling class: a real-time one starves whatever runs beside it."""
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    before = os.sched_getscheduler(0)
    yield
    assert os.sched_getscheduler(0) == before
