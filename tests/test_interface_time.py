"""From Python: no seconds that nobody knows, an assumed rate is said, a part of a clip, errors that are expected."""

import numpy as np
import pytest
from memory_masks import FRAMES_RGB, MASKS
from scored_masks import FPS, FRAMES

import yolact_temporal as yt

TIMES = ("time_s", "first_time_s", "last_time_s")
ASSUMED = "30 frames a second are assumed: pass fps=, or fps=None where there is no time."


def moments_of(result):
    """Return the lines of the worst moments as they are printed."""
    lines = str(result).split("\n")
    start = next(at for at, line in enumerate(lines) if line.startswith("  Worst moments")) + 1
    return [line for line in lines[start:] if line.startswith("    ")]


@pytest.fixture(name="untimed", scope="module")
def untimed_fixture():
    return yt.measure(FRAMES_RGB, MASKS, fps=None)


def test_without_a_rate_nothing_is_told_in_seconds(untimed):
    assert moments_of(untimed)
    assert all(line.strip().startswith("frame ") for line in moments_of(untimed))
    for table in (untimed.frames, untimed.instances, untimed.tracks):
        for name in set(TIMES) & set(table):
            assert table[name].isna().all(), name
    assert untimed.figure("presence_flips_per_s") is None
    assert ASSUMED not in str(untimed)


@pytest.mark.parametrize(("options", "said"), [({}, 1), ({"fps": 30.0}, 0), ({"fps": 25}, 0)])
def test_a_rate_that_is_assumed_is_said_once(options, said):
    result = yt.measure(FRAMES_RGB, MASKS, **options)
    assert " ".join(str(result).split()).count(ASSUMED) == said
    assert all(" s " in line for line in moments_of(result))


def test_a_meter_says_what_it_assumes_too():
    for options, said in (({}, 1), ({"fps": 30.0}, 0)):
        meter = yt.Meter(**options)
        for frame, masks in zip(FRAMES_RGB[:4], MASKS[:4], strict=True):
            meter.update(frame, masks)
        assert " ".join(str(meter.result()).split()).count(ASSUMED) == said


def test_a_part_of_the_frames_is_measured_as_they_are_numbered():
    whole = yt.measure(FRAMES_RGB, MASKS, fps=FPS).frames
    part = yt.measure(FRAMES_RGB, MASKS[3:9], fps=FPS, start=3, end=9).frames
    assert part["frame"].tolist() == list(range(3, 9))
    same = ["frame", "time_s", "instances", "boundary_px_mean"]
    wanted = whole[whole["frame"].between(4, 8)][same].to_numpy()  # the first of a part has no pair
    np.testing.assert_array_equal(part[part["frame"] > 3][same].to_numpy(), wanted)


def test_a_part_may_be_named_by_time_and_of_a_clip_on_disk(tmp_path):
    from clips import write_images

    folder = write_images(tmp_path / "walk", FRAMES_RGB)
    part = yt.measure(folder or tmp_path / "walk", MASKS[6:], fps=FPS, start=f"{6 / FPS}s")
    assert part.frames["frame"].tolist() == list(range(6, FRAMES))
    with pytest.raises(yt.UsageError, match="expected start before end"):
        yt.measure(FRAMES_RGB, MASKS, start=5, end=2)
    with pytest.raises(ValueError, match="choose start and end within it"):
        yt.measure(FRAMES_RGB, MASKS, fps=FPS, start=FRAMES)


GREY = FRAMES_RGB[..., 0]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: yt.measure(FRAMES_RGB[:1], MASKS[:1]), "expected at least two frames, got 1"),
        (lambda: yt.measure("absent.mp4", MASKS), "check the path"),
        (
            lambda: yt.analyze(["a.mp4", "b.mp4"]),
            r"expected one clip, got a list of 2 paths: .* pass the results",
        ),
        (lambda: yt.measure(GREY, MASKS), r"np\.repeat\(frames\[\.\.\., None\], 3, axis=3\)"),
        (lambda: yt.measure(None, iter(MASKS)), r"pass list\(masks\), or the frames too"),
        (lambda: yt.Stabilizer("medain:3"), "did you mean median"),
        (lambda: yt.Stabilizer("what"), "name one of them, as in median:3"),
    ],
)
def test_what_is_wrong_is_a_value_error_in_the_words_of_python(call, sentence):
    with pytest.raises(ValueError, match=sentence) as told:
        call()
    assert isinstance(told.value, yt.UsageError | yt.InputError)
    assert "--" not in str(told.value)
    assert "\n" not in str(told.value)


def test_the_advice_for_grey_frames_works():
    assert yt.measure(np.repeat(GREY[..., None], 3, axis=3), MASKS, fps=FPS).models == ["masks"]
