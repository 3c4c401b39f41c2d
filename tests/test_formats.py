"""Interchange formats: exact round trips, what each looks like on disk, and one sentence for each kind of bad input."""

import json
import struct
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mask_clips import assert_same, frame, labels, rle, sequence
from PIL import Image

from yolact_temporal.data.formats import (
    FORMATS,
    ReadOptions,
    contract,
    masks_file,
    open_masks,
    recognise,
    text_files,
)
from yolact_temporal.data.rle import MAX_PIXELS, checked_rle, encode_masks
from yolact_temporal.errors import InputError, UsageError

SIZE = (9, 13)
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


def coco_row(**changes):
    mask = {"size": [4, 6], "counts": checked_rle((4, 6), [3, 5, 16])["counts"].decode()}
    return {"image_id": 0, "category_id": 1, "score": 0.5, "segmentation": mask} | changes


def vis_row(**changes):
    return {
        "video_id": 1,
        "category_id": 1,
        "score": 0.5,
        "segmentations": [coco_row()["segmentation"], None],
    } | changes


def mots_line(frame_number=1, identity=1001, class_number=1, height=4, width=6, runs=(3, 5, 16)):
    counts = checked_rle((4, 6), list(runs))["counts"].decode()
    return f"{frame_number} {identity} {class_number} {height} {width} {counts}"


def record_line(index=0, **changes):
    row = {"box": [0, 0, 2, 2], "score": 0.5, "class_id": 0, "class": "cat"}
    row["rle"] = coco_row()["segmentation"]["counts"]
    line = {"frame": index, "time_s": index / 24, "size": [4, 6], "instances": [row]}
    for key, value in changes.items():
        (line if key in line else row)[key] = value
    return json.dumps(line)


def write_png(path, values, mode=None):
    image = Image.fromarray(np.asarray(values))
    (image if mode is None else image.convert(mode)).save(path)


def png_of_size(width, height):
    """A PNG whose header promises a large image, and no more."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


BAD_FILES = {
    "coco: not json": ("a.json", "coco", '[{"image_id": 0,', "no JSON"),
    "coco: deep": ("a.json", "coco", "[" * 100_000, "nested too deeply"),
    "coco: not UTF-8": ("a.json", "coco", b'[{"image_id": "\xff"}]', "UTF-8"),
    "coco: annotations": (
        "a.json",
        "coco",
        {"images": [], "annotations": []},
        "a list of objects, got an object",
    ),
    "coco: empty": ("a.json", "coco", [], "pass the clip too"),
    "coco: negative image": ("a.json", "coco", [coco_row(image_id=-1)], "whole image_id from 0"),
    "coco: huge image": ("a.json", "coco", [coco_row(image_id=contract.MAX_FRAMES)], "--first-frame"),
    "coco: image is text": ("a.json", "coco", [coco_row(image_id="a")], "whole image_id"),
    "coco: image is true": ("a.json", "coco", [coco_row(image_id=True)], "whole image_id"),
    "coco: many digits": ("a.json", "coco", '[{"image_id": ' + "9" * 5000 + "}]", "no JSON"),
    "coco: score NaN": ("a.json", "coco", [coco_row(score=float("nan"))], "number from 0 to 1 as score"),
    "coco: score 2": ("a.json", "coco", [coco_row(score=2)], "number from 0 to 1 as score"),
    "coco: no score": (
        "a.json",
        "coco",
        '[{"image_id": 0, "segmentation": 3, "category_id": 1}]',
        "run-length",
    ),
    "coco: category 0": ("a.json", "coco", [coco_row(category_id=0)], "category_id from 1"),
    "coco: two names": (
        "a.json",
        "coco",
        [coco_row(category="cat"), coco_row(category="dog")],
        "to be called cat as before at entry 1",
    ),
    "coco: line break in a name": ("a.json", "coco", [coco_row(category="a\nb")], "printable"),
    "coco: surrogate": ("a.json", "coco", [coco_row(category="\ud800")], "printable"),
    "coco: infinite box": ("a.json", "coco", [coco_row(bbox=[0, 0, float("inf"), 1])], "bbox"),
    "coco: box too far": ("a.json", "coco", [coco_row(bbox=[3e38, 0, 3e38, 1])], "finite bbox"),
    "coco: box of three": ("a.json", "coco", [coco_row(bbox=[0, 0, 1])], "4 numbers as bbox"),
    "coco: polygon": ("a.json", "coco", [coco_row(segmentation=[[0, 0, 1, 1]])], "run-length encoding"),
    "coco: runs too short": (
        "a.json",
        "coco",
        [coco_row(segmentation={"size": [4, 6], "counts": [3, 5]})],
        "do not make up a frame of 6x4",
    ),
    "coco: runs too long": (
        "a.json",
        "coco",
        [coco_row(segmentation={"size": [4, 6], "counts": "`" * 30})],
        "cut short",
    ),
    "coco: huge frame": (
        "a.json",
        "coco",
        [coco_row(segmentation={"size": [10**6, 10**6], "counts": [10**12]})],
        f"outside 1 to {MAX_PIXELS}",
    ),
    "coco: two sizes": (
        "a.json",
        "coco",
        [coco_row(), coco_row(segmentation={"size": [6, 4], "counts": [24]})],
        "masks of 6x4 pixels",
    ),
    "coco: the same object twice": (
        "a.json",
        "coco",
        [coco_row(track_id=3), coco_row(track_id=3)],
        "once a frame, got 3 more than once",
    ),
    "coco: half identified": ("a.json", "coco", [coco_row(track_id=3), coco_row()], "or for none"),
    "vis: two videos": ("a.json", "youtube-vis", [vis_row(), vis_row(video_id=2)], "--video"),
    "vis: other length": (
        "a.json",
        "youtube-vis",
        [vis_row(), vis_row(segmentations=[None])],
        "2 segmentations, one a frame of the clip",
    ),
    "vis: no mask": ("a.json", "youtube-vis", [vis_row(segmentations=[None])], "pass the clip too"),
    "vis: no list": ("a.json", "youtube-vis", [vis_row(segmentations=3)], "list of segmentations"),
    "vis: same id": ("a.json", "youtube-vis", [vis_row(id=1), vis_row(id=1)], "once a frame"),
    "vis: score NaN": ("a.json", "youtube-vis", [vis_row(score=float("nan"))], "score"),
    "vis: deep": ("a.json", "youtube-vis", '{"a":' * 100_000, "nested too deeply"),
    "mots: cut line": ("a.txt", "mots", mots_line() + "\n1 1002 1 4", "got 4 fields"),
    "mots: overlap": (
        "a.txt",
        "mots",
        mots_line() + "\n" + mots_line(identity=1002, runs=(7, 5, 12)),
        "got 1 pixels in several masks at frame 1",
    ),
    "mots: twice": (
        "a.txt",
        "mots",
        mots_line() + "\n" + mots_line(runs=(20, 4)),
        "once a frame, got 1001",
    ),
    "mots: id of another class": ("a.txt", "mots", mots_line(identity=2001), "an id from 1000 for class 1"),
    "mots: negative frame": ("a.txt", "mots", mots_line(-1), "whole frame from 0"),
    "mots: many digits": ("a.txt", "mots", mots_line("1" * 5000), "whole frame from 0"),
    "mots: broken runs": ("a.txt", "mots", mots_line()[:-3] + "~~~", "run-length"),
    "mots: other size": ("a.txt", "mots", mots_line() + "\n" + "2 1001 1 6 4 h0", "masks of 6x4"),
    "mots: not UTF-8": ("a.txt", "mots", b"1 1001 1 4 6 \xff", "UTF-8"),
    "mots: empty": ("a.txt", "mots", "", "pass the clip too"),
    "masks: deep": ("a.jsonl", "masks", "[" * 100_000, "line 1"),
    "masks: cut": ("a.jsonl", "masks", record_line() + "\n" + record_line(1)[:-9], "line 2"),
    "masks: empty": ("a.jsonl", "masks", "", "found none"),
    "masks: backwards": ("a.jsonl", "masks", record_line(3) + "\n" + record_line(2), "frames in order"),
    "masks: twice": ("a.jsonl", "masks", record_line(3) + "\n" + record_line(3), "frames in order"),
    "masks: score NaN": ("a.jsonl", "masks", record_line(score=float("nan")), "scores in 0..1"),
    "masks: time NaN": ("a.jsonl", "masks", record_line(time_s=float("nan")), "the time nan"),
    "masks: infinite frame": ("a.jsonl", "masks", record_line(frame=float("inf")), "line 1"),
    "masks: negative frame": ("a.jsonl", "masks", record_line(-4), "frame numbers from 0"),
    "masks: class": ("a.jsonl", "masks", record_line(class_id=10**6), "class_id from 0"),
    "masks: broken runs": ("a.jsonl", "masks", record_line(rle="~~"), "line 1"),
    "masks: identity 0": ("a.jsonl", "masks", record_line(track_id=0), "identities of 1 or more"),
    "masks: half identified": (
        "a.jsonl",
        "masks",
        record_line(0, track_id=1) + "\n" + record_line(1),
        "or for none",
    ),
    "masks: two names": (
        "a.jsonl",
        "masks",
        record_line(0) + "\n" + record_line(1, **{"class": "dog"}),
        "to be called cat as before",
    ),
    "no format": ("a.csv", None, "frame,mask", "--format"),
    "no such json": ("a.json", None, "{}", "--format"),
}


def one_sentence(error):
    message = str(error.value)
    assert message.startswith("expected ")
    assert "\n" not in message
    assert len(message) < 600
    return message


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_one_sentence(tmp_path, case):
    name, format_name, content, sentence = BAD_FILES[case]
    path = tmp_path / name
    if not isinstance(content, str | bytes):
        content = json.dumps(content)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=r"^expected ") as error:
        open_masks(path, format_name).check()
    assert sentence in one_sentence(error)
    assert str(path) in one_sentence(error)


GREY = np.zeros((4, 6), np.uint8)
SIXTEEN = np.zeros((4, 6), np.uint16)
BAD_FOLDERS = {
    "davis: colours": ("davis", {"0.png": (GREY, "RGB")}, "got mode RGB"),
    "davis: transparent grey": ("davis", {"0.png": (GREY, "LA")}, "got mode LA"),
    "davis: 16 bits": ("davis", {"0.png": (SIXTEEN, None)}, "palette or 8-bit grey"),
    "mots-png: 8 bits": ("mots-png", {"0.png": (GREY, None)}, "16-bit grey PNG"),
    "mots-png: no class": ("mots-png", {"0.png": (SIXTEEN + np.uint16(7), None)}, "class * 1000 + instance"),
    "davis: sizes": ("davis", {"0.png": (GREY, None), "1.png": (GREY[:3], None)}, "6x3 at 1.png"),
    "davis: one number twice": (
        "davis",
        {"1.png": (GREY, None), "01.png": (GREY, None)},
        "one image a frame",
    ),
    "davis: no PNG": ("davis", {"0.jpg": (GREY, None)}, "found none"),
    "davis: before the first": ("davis", {"3.png": (GREY, None)}, "frame numbers from 5"),
}


@pytest.mark.parametrize("case", BAD_FOLDERS)
def test_a_bad_folder_is_one_sentence(tmp_path, case):
    name, images, sentence = BAD_FOLDERS[case]
    for file, (values, mode) in images.items():
        write_png(tmp_path / file, values, mode)
    with pytest.raises(InputError) as error:
        open_masks(tmp_path, name, ReadOptions(first_frame=5 if "before" in case else None)).check()
    assert sentence in one_sentence(error)


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
    with pytest.raises(InputError, match=r"a clip of 4 frames .* behind its end"):
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


def test_uncompressed_runs_and_runs_of_nothing_are_read_as_the_same_mask(tmp_path):
    path = tmp_path / "a.json"
    rows = [
        coco_row(segmentation={"size": [4, 6], "counts": counts})
        for counts in ([3, 5, 16], [3, 2, 0, 3, 16], [1, 0, 2, 5, 10, 0, 6, 0])
    ]
    path.write_text(json.dumps([*rows, coco_row()]))
    (only,) = open_masks(path)
    assert len({mask["counts"] for mask in only.instances.masks}) == 1
    bitmap = np.zeros(24, np.bool_)
    bitmap[3:8] = True
    assert only.instances.masks[0] == rle(bitmap.reshape(6, 4).T)


class TestDavis:
    def test_objects_void_and_absent_frames(self, tmp_path):
        values = np.array([[0, 1, 2], [254, 255, 255]], np.uint8)
        write_png(tmp_path / "00000.png", values)
        write_png(tmp_path / "00010.png", np.zeros((2, 3), np.uint8))
        write_png(tmp_path / "00025.png", values)
        found = open_masks(tmp_path)
        assert found.indices == (0, 10, 25)
        assert (found.stride, found.sparse, found.whole, found.class_names) == (5, False, False, ("object",))
        frames = list(found)
        assert [each.identities for each in frames] == [(1, 2, 254), (), (1, 2, 254)]
        assert frames[0].void == rle(values == 255)
        assert frames[1].void is None

    def test_a_folder_of_0_and_255_has_one_object(self, tmp_path):
        for index, value in enumerate((255, 0)):
            write_png(tmp_path / f"{index}.png", np.full((2, 3), value, np.uint8))
        frames = list(open_masks(tmp_path))
        assert [each.identities for each in frames] == [(1,), ()]
        assert frames[0].void is None

    @pytest.mark.parametrize(
        ("names", "indices", "note"),
        [
            (("00000", "00002"), (0, 2), None),
            (("00001", "00002"), (0, 1), "numbered from 1"),
            (("00007", "00009"), (7, 9), None),
            (("frame_2", "frame_10"), (2, 10), None),
            (("a", "b"), (0, 1), "in the order of their names"),
            (("a_1", "b_2"), (0, 1), "in the order of their names"),
        ],
    )
    def test_images_are_frames_by_their_numbers(self, tmp_path, names, indices, note):
        for name in names:
            write_png(tmp_path / f"{name}.png", GREY)
        found = open_masks(tmp_path)
        assert found.indices == indices
        assert [each.index for each in found] == list(indices)
        assert (note is None) == (not found.notes)
        assert note is None or note in found.notes[0]

    def test_a_palette_is_read_by_its_indices(self, tmp_path):
        image = Image.fromarray(np.array([[0, 3]], np.uint8))
        image.putpalette([9] * 768)
        image.save(tmp_path / "0.png")
        (only,) = open_masks(tmp_path)
        assert only.identities == (3,)

    def test_what_a_palette_cannot_hold_is_refused_and_nothing_is_left(self, tmp_path):
        full = np.ones(SIZE, np.bool_)
        part = np.zeros(SIZE, np.bool_)
        part[0, 0] = True
        for frames, sentence in (
            ([frame(0, [full], SIZE, [255])], "at most 254"),
            ([frame(0, [full, part], SIZE, [1, 2])], "got 1 pixels in several masks at frame 0"),
            ([frame(0, [], SIZE, [], void=full)], "an object beside the void"),
            ([frame(0, [full], SIZE)], "an identity each"),
        ):
            with pytest.raises(InputError, match=sentence):
                FORMATS["davis"].write(sequence(frames, ("object",)), tmp_path / "out")
            assert list(tmp_path.iterdir()) == []

    def test_a_folder_that_is_there_is_left_alone(self, tmp_path):
        write_png(tmp_path / "0.png", GREY)
        with pytest.raises(UsageError, match="which exists"):
            FORMATS["davis"].write(sequence([frame(0, [], SIZE, [])]), tmp_path)
        assert [each.name for each in tmp_path.iterdir()] == ["0.png"]


class TestMots:
    def test_frames_count_from_0_where_one_is_0_else_from_1(self, tmp_path):
        path = tmp_path / "a.txt"
        for numbers, first, indices in (((1, 3), None, [0, 2]), ((0, 2), None, [0, 2]), ((1, 3), 0, [1, 3])):
            path.write_text("\n".join(mots_line(number) for number in numbers))
            found = open_masks(path, options=ReadOptions(first_frame=first))
            assert [each.index for each in found if len(each.instances)] == indices
            assert "numbered from" in found.notes[0]

    def test_class_10_is_void(self, tmp_path):
        path = tmp_path / "a.txt"
        path.write_text(mots_line() + "\n" + mots_line(identity=10000, class_number=10, runs=(20, 4)))
        (only,) = open_masks(path)
        assert only.identities == (1001,)
        bitmap = np.zeros(24, np.bool_)
        bitmap[20:] = True
        assert only.void == rle(bitmap.reshape(6, 4).T)
        write_png(tmp_path / "0.png", np.array([[0, 1001, 10000]], np.uint16))
        (only,) = open_masks(tmp_path)
        assert only.identities == (1001,)
        assert only.void == rle(np.array([[False, False, True]]))

    def test_tracks_get_ids_of_their_commonest_class(self, tmp_path):
        full = np.ones(SIZE, np.bool_)
        frames = [frame(i, [full], SIZE, [7], [class_id]) for i, class_id in enumerate((2, 0, 2))]
        path = tmp_path / "a.txt"
        FORMATS["mots"].write(sequence(frames), path)
        assert [line.split()[:3] for line in path.read_text().splitlines()] == [
            ["1", "3000", "3"],
            ["2", "3000", "3"],
            ["3", "3000", "3"],
        ]

    @pytest.mark.parametrize(
        ("name", "identity", "class_id", "count", "sentence"),
        [
            ("mots-png", 1, 64, 1, "at most 65535, got 66000"),
            ("mots-png", 1, 0, 1001, "at most 1000 objects of a class"),
            ("mots", 1, 0, 1001, "at most 1000 objects of a class"),
        ],
    )
    def test_ids_over_the_limit_are_refused_and_nothing_is_left(
        self, tmp_path, name, identity, class_id, count, sentence
    ):
        names = [f"class {number}" for number in range(1, 70)]
        dot = np.zeros((1, 1001), np.bool_)
        bitmaps = [dot.copy() for _ in range(count)]
        for index, bitmap in enumerate(bitmaps):
            bitmap[0, index] = True
        made = frame(0, bitmaps, dot.shape, range(identity, identity + count), [class_id] * count)
        with pytest.raises(InputError, match=sentence):
            FORMATS[name].write(sequence([made], names), tmp_path / "out")
        assert list(tmp_path.iterdir()) == []

    def test_class_ids_step_over_10(self, tmp_path):
        full = np.ones(SIZE, np.bool_)
        names = [f"class {number}" for number in range(1, 12)]
        written = sequence([frame(0, [full], SIZE, [11004], [9])], names)
        for name in ("mots", "mots-png"):
            FORMATS[name].write(written, tmp_path / name)
            assert_same(FORMATS[name].read(tmp_path / name, ReadOptions(class_names=tuple(names))), written)


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


def test_one_video_of_several_can_be_chosen(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(
        json.dumps([vis_row(), vis_row(video_id=2, segmentations=[None] * 4), vis_row(video_id=2)])
    )
    assert len(open_masks(path, options=ReadOptions(video=1))) == 2
    with pytest.raises(InputError, match="found none: it has 1, 2"):
        open_masks(path, options=ReadOptions(video=3))


def test_times_and_rate_come_from_the_record(tmp_path):
    masks = sequence([frame(i, [], SIZE, time_s=i / (30000 / 1001)) for i in range(10)])
    FORMATS["masks"].write(masks, tmp_path / "masks.jsonl")
    found = open_masks(tmp_path)
    assert float(found.fps) == pytest.approx(29.97, abs=1e-3)
    assert [each.time_s for each in found] == [each.time_s for each in masks]


def test_encodings_of_other_writers_decode_to_what_pycocotools_makes_of_them():
    rng = np.random.default_rng(0)
    for _ in range(200):
        height, width = rng.integers(1, 30, 2)
        bitmap = np.repeat(rng.random((height, width)) < rng.random(), rng.integers(1, 9), axis=0)
        encoded = encode_masks(bitmap[None])[0]
        assert checked_rle(bitmap.shape, encoded["counts"]) == encoded
