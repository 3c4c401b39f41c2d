"""A decoder that hangs is given up: one sentence, or a loss where frames came before."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from clips import write_clip, write_images

from yolact_temporal.cli.main import main
from yolact_temporal.data.sources import auto, decord_worker, image_folder, open_clip, pyav_source
from yolact_temporal.data.sources.decord_source import has_decord
from yolact_temporal.data.sources.patience import BoundedSource, sign_of_life
from yolact_temporal.errors import InputError, UsageError

Clip = Callable[[str], Path]

SOON_S = 0.3


@pytest.fixture
def for_ever() -> Iterator[Callable[..., Any]]:
    """Return what hangs until the test is over, as a C library does: without a sign, and not to be broken off."""
    over = threading.Event()
    yield lambda *_, **__: over.wait()
    over.set()


def hang_after(frames: int, hang: Callable[..., Any]) -> Callable[..., Iterator[Any]]:
    decode = pyav_source.decode_events

    def events(*args: Any, **options: Any) -> Iterator[Any]:
        for number, event in enumerate(decode(*args, **options)):
            if number == frames:
                hang()
            yield event

    return events


def test_a_decoder_that_hangs_amid_a_clip_ends_it_with_a_loss(
    clip: Clip, monkeypatch: pytest.MonkeyPatch, for_ever: Callable[..., Any]
) -> None:
    monkeypatch.setattr(pyav_source, "decode_events", hang_after(7, for_ever))
    source = open_clip(clip("plain.mp4"), "pyav", timeout_s=SOON_S)
    frames = list(source)
    source.close()
    assert [frame.index for frame in frames] == list(range(7))
    assert [(loss.at_index, loss.count) for loss in source.losses] == [(7, 33)]
    assert "no sign of life for 0.3 s" in source.losses[0].reason


@pytest.mark.parametrize("where", ["opening", "the first frame", "an image"])
def test_a_decoder_that_hangs_at_once_is_one_sentence(
    clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, for_ever: Callable[..., Any], where: str
) -> None:
    path = clip("plain.mp4")
    if where == "opening":
        monkeypatch.setattr(auto, "probe_clip", for_ever)
    elif where == "the first frame":
        monkeypatch.setattr(pyav_source, "decode_events", hang_after(0, for_ever))
    else:
        path = write_images(tmp_path / "images", 2)
        monkeypatch.setattr(image_folder, "read_rgb", for_ever)
    with pytest.raises(InputError, match=r"its decoder hangs for 0.3 s: .*--decode-timeout") as caught:
        list(open_clip(path, "pyav", timeout_s=SOON_S))
    assert caught.value.exit_code == 3
    assert str(caught.value).startswith("expected ")
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_work_that_goes_on_is_waited_for(tmp_path: Path, clip: Clip) -> None:
    def opened() -> Any:
        for _ in range(8):  # longer in all than anything may be silent
            time.sleep(SOON_S / 4)
            sign_of_life()
        return pyav_source.PyavSource(*_parts(clip("plain.mp4")))

    source = BoundedSource(tmp_path, SOON_S, opened)
    assert source.info.frame_count == 40
    source.close()


def _parts(path: Path) -> tuple[Any, Any]:
    from yolact_temporal.data.sources.probe import probe_clip

    probe = probe_clip(path)
    return probe, auto._info(probe, "pyav", "test")


@pytest.mark.parametrize("frames", [0, 1, 40])
def test_no_thread_is_left(clip: Clip, frames: int) -> None:
    before = set(threading.enumerate())
    source = open_clip(clip("plain.mp4"), "pyav")
    taken = [frame for frame, _ in zip(source, range(frames), strict=False)]
    assert len(taken) == frames
    source.close()
    source.close()
    left = set(threading.enumerate()) - before
    for thread in left:
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.slow
@pytest.mark.skipif(not has_decord(), reason="decord is not installed")
def test_decord_s_process_that_hangs_is_ended_and_pyav_reads_on(
    clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = tmp_path / "hanging.py"
    hanging.write_text("import time; time.sleep(3600)")
    monkeypatch.setattr(decord_worker, "__file__", str(hanging))
    source = open_clip(clip("plain.mp4"), timeout_s=4)
    assert (source.info.decoder, len(list(source))) == ("pyav", 40)
    source.close()


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_a_timeout_is_above_0(clip: Clip, seconds: float) -> None:
    with pytest.raises(UsageError, match="--decode-timeout above 0"):
        open_clip(clip("plain.mp4"), timeout_s=seconds)


@pytest.mark.slow
@pytest.mark.parametrize(("frames", "code"), [(0, 3), (5, 4)])
def test_analyze_tells_by_its_exit_code(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    for_ever: Callable[..., Any],
    frames: int,
    code: int,
) -> None:
    monkeypatch.setattr(pyav_source, "decode_events", hang_after(frames, for_ever))
    path = write_clip(tmp_path / "clip.mp4", 12, size=(96, 128))  # as the toy's masks
    command = ["analyze", str(path), "--out", str(tmp_path / "runs"), "--decoder", "pyav"]
    command += [
        "--model",
        "part_models:ToySegmenter",
        "--no-baseline",
        "--no-plots",
        "--no-overlay",
        "--quiet",
    ]
    assert main([*command, "--decode-timeout", "0.5"]) == code
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert ("its decoder hangs" if code == 3 else "no sign of life for 0.5 s") in said
