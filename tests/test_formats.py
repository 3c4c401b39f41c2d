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

from yolact_temporal.data.formats import FORMATS, ReadOptions, contract, open_masks, recognise
from yolact_temporal.data.formats import masks_file, text_files
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
