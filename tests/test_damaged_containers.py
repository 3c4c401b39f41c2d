"""Damage where containers keep their order: nothing is lost in silence, and a picture keeps its own place and time."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from clips import barcode_frame, read_barcode, write_clip
from mutations import mutate
from PIL import Image
from twins import faults, read

from yolact_temporal.data.frames import Frame, FrameSource
from yolact_temporal.data.sources import decord_worker, open_clip
from yolact_temporal.data.sources.decord_source import has_decord
from yolact_temporal.errors import InputError

pytestmark = pytest.mark.slow

Clip = Callable[[str], Path]

needs_decord = pytest.mark.skipif(not has_decord(), reason="decord is not installed")


@pytest.fixture(scope="module")
def program_stream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("program")
    return write_clip(folder / "b_frames.mpg", 48, codec="mpeg2video", b_frames=2, size=(240, 320))


@pytest.fixture(scope="module")
def twins() -> dict[str, list[Frame]]:
    return {}


MUTATED = (
    "b_frames.mp4",
    "plain.mp4",
    "mjpeg.avi",
    "mpeg4.avi",
    "b_frames.mkv",
    "vp9.webm",
    "h264.ts",
    "b_frames.mpg",
)


LIMITS = {
    (
        "mjpeg.avi",
        3,
    ): "without its first chunk, FFmpeg takes the rest for another place, and finds pictures by luck",
    (
        "b_frames.mpg",
        0,
    ): "FFmpeg conceals a keyframe by the picture before it; a warning says that it may be distorted",
}
"""What is not mended."""


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("kind", MUTATED)
def test_damage_by_seed_shifts_and_loses_nothing_in_silence(
    clip: Clip, program_stream: Path, twins: dict[str, list[Frame]], tmp_path: Path, kind: str, seed: int
) -> None:
    whole = (
        program_stream if kind == "b_frames.mpg" else _mpeg4(tmp_path) if kind == "mpeg4.avi" else clip(kind)
    )
    if kind not in twins:
        twins[kind] = read(whole)[1]
    if (kind, seed) in LIMITS:
        pytest.xfail(LIMITS[kind, seed])
    what, damaged = mutate(whole.read_bytes(), whole.suffix, seed)
    path = tmp_path / f"damaged{whole.suffix}"
    path.write_bytes(damaged)
    done = read_or_refuse(path)
    if done is not None:
        assert faults(twins[kind], *done) == [], what


def read_or_refuse(path: Path, decoder: str = "pyav") -> tuple[FrameSource, list[Frame]] | None:
    """Return what came of a clip; None where it is refused in one sentence."""
    try:
        return read(path, decoder)
    except InputError as error:
        said = str(error)
    assert said.startswith("expected ")
    assert "\n" not in said
    assert str(path) in said
    return None


def _mpeg4(folder: Path) -> Path:
    return write_clip(folder / "mpeg4.avi", 40, codec="mpeg4")


def flipped(whole: Path, path: Path, box: bytes, offset: int, mask: int) -> Path:
    """Write a copy of an MP4 with bits flipped in a box, counted from its name."""
    data = bytearray(whole.read_bytes())
    data[data.index(box) + offset] ^= mask
    path.write_bytes(data)
    return path


TABLES = {
    "a size of two gigabytes": (b"stsz", 16 + 4 * 9, 0x80),
    "fewer sizes": (b"stsz", 15, 0x20),
    "a run of millions": (b"stts", 12, 0x80),
    "a run too short": (b"stts", 15, 0x08),
    "a duration of hours": (b"stts", 16, 0x40),
    "a longer duration": (b"stts", 18, 0x40),
    "a duration a little longer": (b"stts", 19, 0x20),
    "a duration below 0": (b"stts", 16, 0x80),
    "more chunks": (b"stco", 11, 0x02),
    "fewer in a chunk": (b"stsc", 19, 0x08),
    "a chunk beyond the end": (b"stco", 12, 0x40),
}


@pytest.mark.parametrize("decoder", ["auto", "pyav", pytest.param("decord", marks=needs_decord)])
@pytest.mark.parametrize("case", TABLES)
def test_one_bit_in_an_mp4_s_tables(clip: Clip, tmp_path: Path, case: str, decoder: str) -> None:
    whole = clip("plain.mp4")
    path = flipped(whole, tmp_path / "bit.mp4", *TABLES[case])
    twin = read(whole)[1]
    done = read_or_refuse(path, decoder)
    if done is not None:
        source, frames = done
        assert faults(twin, source, frames) == []
        assert source.losses or source.warnings or len(frames) == 40


@pytest.mark.parametrize("decoder", ["auto", "pyav", "decord"])
@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        (b"avc1", b"zzzz", "unknown or encrypted codec"),
        (b"mdhd", b"mdhe", "lack mdhd"),
        (b"stts", b"sttt", "lack"),
    ],
)
def test_what_no_table_tells_is_refused_in_one_sentence(
    clip: Clip, tmp_path: Path, old: bytes, new: bytes, part: str, decoder: str
) -> None:
    data = clip("plain.mp4").read_bytes()
    at = data.rindex(old)
    path = tmp_path / "odd.mp4"
    path.write_bytes(data[:at] + new + data[at + 4 :])
    with pytest.raises(InputError, match=f"{part}|can be decoded|can be read") as caught:
        open_clip(path, decoder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [0, 0x7FFFFFFF])
@pytest.mark.parametrize("number", [5, 17])
def test_an_avi_s_broken_chunk_size_is_bridged_by_the_index(tmp_path: Path, number: int, value: int) -> None:
    whole = write_clip(tmp_path / "whole.avi", 40, codec="mpeg4")
    data = bytearray(whole.read_bytes())
    at = [found.start() for found in re.finditer(b"00dc", data)][number]
    data[at + 4 : at + 8] = value.to_bytes(4, "little")
    path = tmp_path / "broken.avi"
    path.write_bytes(data)
    source, frames = read(path)
    assert faults(read(whole)[1], source, frames) == []
    assert sum(loss.count or 0 for loss in source.losses) == 40 - len(frames) > 0
    assert "broken at byte" in source.losses[0].reason


def test_raw_video_in_mp4_goes_by_the_order_of_its_frames(tmp_path: Path) -> None:
    """A wrapper that knows no B-frames writes decoding times for display times."""
    whole = write_clip(tmp_path / "whole.mp4", 40, b_frames=2)
    data = bytearray(whole.read_bytes())
    at = data.index(b"ctts")
    data[at : at + 4] = b"free"
    path = tmp_path / "wrapped.mp4"
    path.write_bytes(data)
    source, frames = read(path)
    assert (
        [read_barcode(frame.rgb) for frame in frames] == [frame.index for frame in frames] == list(range(40))
    )
    assert [frame.time_s for frame in frames] == pytest.approx([index / 25 for index in range(40)])
    assert source.losses == []


def test_data_beside_a_frame_that_pyav_does_not_know(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a description"
    path = tmp_path / "photo.jpg"
    Image.fromarray(barcode_frame(7)).save(path, exif=exif, quality=95)
    _, frames = read(path)
    assert [read_barcode(frame.rgb) for frame in frames] == [7]


DYING = {
    "at once": "import os; os.abort()",
    "over its first frame": "import os, json; times = [index / 25 for index in range(40)]; "
    "os.write(1, json.dumps({'times': times}).encode() + b'\\n'); os.abort()",
    "with nonsense": "import os; os.write(1, b'\\x00\\xff no JSON\\n')",
}


@needs_decord
@pytest.mark.parametrize("decoder", ["auto", "decord"])
@pytest.mark.parametrize("when", DYING)
def test_decord_s_process_may_die(
    clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str, decoder: str
) -> None:
    dying = tmp_path / "dying.py"
    dying.write_text(DYING[when])
    monkeypatch.setattr(decord_worker, "__file__", str(dying))
    if when == "over its first frame":
        with pytest.raises(InputError, match="decord decodes none"):
            read(clip("plain.mp4"), decoder)
    elif decoder == "decord":
        with pytest.raises(InputError, match="--decoder pyav"):
            open_clip(clip("plain.mp4"), decoder)
    else:
        source, frames = read(clip("plain.mp4"), decoder)
        assert (source.info.decoder, len(frames)) == ("pyav", 40)


@needs_decord
def test_decord_is_never_loaded_into_this_process(clip: Clip) -> None:
    import subprocess
    import sys

    script = (
        "import sys; from yolact_temporal.data.sources import open_clip; "
        f"print(sum(1 for _ in open_clip({str(clip('plain.mp4'))!r}, 'decord')), 'decord' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["40", "False"]


@pytest.fixture
def cases() -> Path:
    root = os.environ.get("YOLACT_TEMPORAL_TEST_DATA")
    if root is None:
        pytest.skip("YOLACT_TEMPORAL_TEST_DATA is not set")
    return Path(root) / "cases"


DAMAGED = {
    "190_road_zero8906_4.avi": 21,
    "217_road_chunksize_0.avi": 1,
    "220_road_chunksize_3.avi": 1,
    "026_people_zero4096_3.mp4": 8,
    "indexerror_ticks.mp4": 0,
    "stsz_onebit_9of40.mp4": 31,
    "stts_onebit.mp4": 0,
}
"""Damaged copies of whole clips, with how many frames of 40 are missing."""


@pytest.mark.real_data
@pytest.mark.parametrize("decoder", ["auto", "pyav", pytest.param("decord", marks=needs_decord)])
@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_copies_of_real_clips(cases: Path, name: str, decoder: str) -> None:
    twin = read(cases / "damaged" / ("road.avi" if name.endswith("avi") else "people.mp4"))[1]
    try:
        source, frames = read(cases / "damaged" / name, decoder)
    except InputError:
        assert decoder == "decord"
        return
    assert faults(twin, source, frames) == []
    if decoder != "decord":
        assert (len(frames), sum(loss.count or 0 for loss in source.losses)) == (
            40 - DAMAGED[name],
            DAMAGED[name],
        )


@pytest.mark.real_data
@pytest.mark.parametrize(
    "name", ["damaged/codec_none.mkv", "damaged/codec_none.mp4", "inputs/unknown-codec/encrypted.mp4"]
)
def test_a_codec_that_nobody_knows_is_one_sentence(cases: Path, name: str) -> None:
    with pytest.raises(InputError, match="unknown or encrypted codec"):
        open_clip(cases / name)


@pytest.mark.real_data
def test_cases_that_are_right_stay_right(cases: Path, frame_code: Callable[[object], int]) -> None:
    clips = sorted(path for path in (cases / "right").glob("video-*/*") if path.suffix != ".txt")
    assert len(clips) > 40
    for path in clips:
        try:
            source, frames = read(path, "auto")
        except InputError:
            assert path.stem in {"garb", "trunc", "zero"}
            continue
        codes = [frame_code(frame.rgb) for frame in frames]
        if path.stem != "uhd":  # it carries none
            assert codes == list(range(codes[0], codes[0] + len(codes))), path
        assert [frame.index for frame in frames] == list(range(len(frames))), path
        assert bool(source.losses) == (path.stem == "fragtrunc"), path


INPUTS = {
    "raw-h264-wrapped/wrapped.mp4": (range(2, 30), None),
    "exif-mjpeg/timelapse.avi": (range(12), None),
    "exif-mjpeg/photo.jpg": (range(3, 4), None),
    "image-depth/twelve_bit": (range(6), "taken for white"),
    "image-depth/float_0_to_1": (range(6), "taken for white"),
    "image-depth/int32_0_to_255": (range(6), "taken for white"),
    "resize-decord/webrtc.webm": (range(30), "change size"),
    "no-word-of/hdr_hlg.mp4": (range(30), "high dynamic range"),
    "no-word-of/interlaced.mp4": (range(0, 40, 2), "interlaced"),
    "no-word-of/non_square_pixels.mp4": (range(30), "64:45"),
}


@pytest.mark.real_data
@pytest.mark.parametrize("name", INPUTS)
def test_inputs_that_fell_short(cases: Path, frame_code: Callable[[object], int], name: str) -> None:
    codes, said = INPUTS[name]
    source, frames = read(cases / "inputs" / name, "auto")
    assert [frame_code(frame.rgb) for frame in frames] == list(codes)
    assert [frame.index for frame in frames] == list(range(len(codes)))
    assert source.losses == []
    assert said is None or any(said in warning for warning in source.warnings)


@pytest.fixture
def frame_code(cases: Path) -> Callable[[object], int]:
    """Return the reader of the number that the cases' frames carry, which comes with them."""
    scope: dict[str, object] = {}
    exec((cases / "frame_code.py").read_text(), scope)
    return scope["code"]  # type: ignore[return-value]
