"""All interchange formats alike: exact round trips, what is recognised, and one sentence for bad input."""

import json

import numpy as np
import pytest
from format_files import SIZE, coco_row, one_sentence, png_of_size, refuse_file, vis_row, write_png
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mask_clips import assert_same, frame, labels, sequence

from yolact_temporal.data.formats import (
    FORMATS,
    ReadOptions,
    masks_file,
    open_masks,
    recognise,
    text_files,
)
from yolact_temporal.data.rle import checked_rle, encode_masks
from yolact_temporal.errors import InputError, UsageError

PROPERTY = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def target(folder, name):
    """Where a format writes to, a new place each time."""
    suffix = {"masks": ".jsonl", "coco": ".json", "youtube-vis": ".json", "mots": ".txt"}.get(name, "")
    return folder / f"{name}_{len(list(folder.iterdir()))}{suffix}"


@st.composite
def clips(draw, name):
    """A clip of what a format can hold: every field is used, so that a round trip is exact."""
    held = FORMATS[name]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = (draw(st.integers(1, 14)), draw(st.integers(1, 14)))
    count = draw(st.integers(1, 4))
    keys = sorted(draw(st.lists(st.integers(1, 254), min_size=count, max_size=count, unique=True)))
    of_key = {key: int(rng.integers(0, 3)) if held.classes else 0 for key in keys}
    if name.startswith("mots"):
        keys = sorted(1000 * (of_key[key] + 1) + key for key in keys)
        of_key = {key: key // 1000 - 1 for key in keys}
    score_of = {key: np.float32(rng.random()) for key in keys}
    step = draw(st.integers(1, 3)) if name in ("masks", "davis", "mots-png") else 1
    start = draw(st.sampled_from([0, 0, 5])) if step > 1 or name == "masks" else 0
    identified = held.identified or draw(st.booleans())
    frames = []
    for position in range(draw(st.integers(1, 4))):
        parts = labels(rng, size, count)
        bitmaps = [parts == i + 1 for i in range(count)]
        if held.overlaps:
            bitmaps = list(rng.random((count, *size)) < rng.random())
        void = None
        if not held.overlaps:
            void = (parts == 0) & (labels(rng, size, 1) == 1)
        shown = [i for i in range(count) if bitmaps[i].any() and (rng.random() < 0.8 or position == 0)]
        own = [keys[i] for i in shown]
        boxes = rng.random((len(own), 4), np.float32) * 50 if held.boxes else None
        scores = [1.0] * len(own)
        if held.scores:
            scores = rng.random(len(own), np.float32)
        elif name == "youtube-vis":
            scores = [score_of[key] for key in own]
        classes = [of_key[key] for key in own]
        if held.classes == "instance":
            classes = rng.integers(0, 3, len(own))
        frames.append(
            frame(
                start + step * position,
                [bitmaps[i] for i in shown],
                size,
                own if identified else None,
                classes,
                scores,
                boxes,
                void,
                time_s=(start + step * position) / 24,
            )
        )
    # what a list of instances does not mention is not there: the last frame shows something
    lists = name in ("coco", "mots", "youtube-vis")
    while lists and len(frames) > 1 and not len(frames[-1].instances) and frames[-1].void is None:
        frames.pop()
    names = ("class 1", "class 2", "class 3") if held.classes else ("object",)
    return sequence(frames, names)


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
@PROPERTY
@given(data=st.data())
def test_a_round_trip_is_exact(tmp_path, name, data):
    written = data.draw(clips(name))
    if not any(len(each.instances) for each in written):
        return
    path = target(tmp_path, name)
    FORMATS[name].write(written, path)
    options = ReadOptions(class_names=written.class_names, first_frame=1 if name == "mots" else 0)
    read = FORMATS[name].read(path, options)
    assert_same(read, written)
    assert recognise(path).name == name == read.format
    assert read.size == written.size
    assert not [each for each in tmp_path.iterdir() if each.name.endswith(".part")]
    again = target(tmp_path, name)
    FORMATS[name].write(read, again)
    assert_same(FORMATS[name].read(again, options), written)


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "huge", "crc"])
@pytest.mark.parametrize("name", ["davis", "mots-png"])
def test_a_damaged_image_is_one_sentence(tmp_path, name, damage):
    path = tmp_path / "00000.png"
    rng = np.random.default_rng(0)
    values = rng.integers(0, 5, (40, 60)).astype(np.uint16) * 1001
    write_png(path, values if name == "mots-png" else values.astype(np.uint8))
    whole = path.read_bytes()
    path.write_bytes(
        {
            "empty": b"",
            "cut": whole[: len(whole) // 2],
            "text": b"no image",
            "huge": png_of_size(50_000, 50_000),
            "crc": whole[:60] + bytes([whole[60] ^ 255]) + whole[61:],
        }[damage]
    )
    for chosen in (name, None):
        with pytest.raises(InputError) as error:
            open_masks(tmp_path, chosen).check()
        assert "00000.png" in one_sentence(error)


def test_the_clip_bounds_frames_and_size(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([coco_row(image_id=4)]))
    with pytest.raises(InputError, match=r"a clip of 4 frames .* after its end"):
        open_masks(path, options=ReadOptions(frame_count=4))
    with pytest.raises(InputError, match="masks of 9x9 pixels"):
        open_masks(path, options=ReadOptions(size=(9, 9)))
    path.write_text(json.dumps([vis_row()]))
    with pytest.raises(InputError, match="3 segmentations, one a frame of the clip at track 0"):
        open_masks(path, options=ReadOptions(frame_count=3))


def test_large_files_and_long_lines_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(text_files, "MAX_BYTES", 1 << 20)
    monkeypatch.setattr(masks_file, "MAX_LINE", 1 << 20)
    for name in ("a.json", "a.txt", "a.jsonl"):
        (tmp_path / name).write_bytes(b'"image_id"' + b" " * (1 << 20))
        with pytest.raises(InputError, match="of at most 1 MiB"):
            open_masks(tmp_path / name)


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_not_there_is_one_sentence(tmp_path, name):
    for chosen in (name, None):
        with pytest.raises(InputError) as error:
            open_masks(tmp_path / "none", chosen)
        assert str(tmp_path / "none") in one_sentence(error)


def test_an_unknown_format_is_wrong_usage(tmp_path):
    with pytest.raises(UsageError, match="--format of masks, coco"):
        open_masks(tmp_path, "coc")


def test_an_empty_list_is_a_clip_without_instances_where_the_clip_is_known(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("[]")
    found = open_masks(path, "coco", ReadOptions(size=(4, 6), frame_count=3))
    assert (len(found), found.sparse, found.size) == (0, True, (4, 6))
    found = open_masks(path, "youtube-vis", ReadOptions(size=(4, 6), frame_count=3))
    assert [len(each.instances) for each in found] == [0, 0, 0]


@pytest.mark.parametrize(("prefix", "option"), [("", "--video"), ("ground-truth-", "--ground-truth-video")])
def test_a_video_is_chosen_only_where_there_are_several(tmp_path, prefix, option):
    path = tmp_path / "masks.txt"
    path.write_text("")
    with pytest.raises(UsageError, match=f"expected {option} with masks of several videos .*which is mots"):
        open_masks(path, "mots", ReadOptions((9, 9), 3, video=2, prefix=prefix))


def test_formats_without_void_refuse_it_and_leave_nothing(tmp_path):
    full = np.ones(SIZE, np.bool_)
    masks = sequence([frame(0, [], SIZE, [], void=full)])
    for name in ("masks", "coco", "youtube-vis"):
        with pytest.raises(InputError, match="without void"):
            FORMATS[name].write(masks, tmp_path / "out")
        assert list(tmp_path.iterdir()) == []


def test_class_names_come_from_the_caller_first(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([coco_row(category="cat", category_id=2)]))
    assert open_masks(path).class_names == ("class 1", "cat")
    assert open_masks(path, options=ReadOptions(class_names=("a", "b", "c"))).class_names == ("a", "b", "c")
    with pytest.raises(InputError, match="--classes"):
        open_masks(path, options=ReadOptions(class_names=("a",)))


def test_encodings_of_other_writers_decode_to_what_pycocotools_makes_of_them():
    rng = np.random.default_rng(0)
    for _ in range(200):
        height, width = rng.integers(1, 30, 2)
        bitmap = np.repeat(rng.random((height, width)) < rng.random(), rng.integers(1, 9), axis=0)
        encoded = encode_masks(bitmap[None])[0]
        assert checked_rle(bitmap.shape, encoded["counts"]) == encoded


BAD_FILES = {
    "no format": ("a.csv", None, "frame,mask", "--format"),
    "no such json": ("a.json", None, "{}", "--format"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_one_sentence(tmp_path, case):
    name, format_name, content, sentence = BAD_FILES[case]
    refuse_file(tmp_path / name, format_name, content, sentence)
