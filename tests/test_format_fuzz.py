"""Whatever bytes a parser of masks is given, it reads them or says what is wrong in one InputError: 3,400 examples."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from format_files import coco_annotations, vis_annotations
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mask_clips import frame, sequence

from yolact_temporal.data.formats import FORMATS, ReadOptions, open_masks
from yolact_temporal.data.rle import checked_rle, decode_masks
from yolact_temporal.errors import InputError, UsageError

pytestmark = pytest.mark.slow

MUTATED, STRUCTURED, RANDOM, RUNS = 200, 300, 50, 300
"""Examples: of damaged files, for each of six formats and two kinds of annotations; of made-up JSON, for each of four;
of noise, for each of six; of run-length text. 8 * 200 + 4 * 300 + 6 * 50 + 300 = 3400."""

FILES = {"masks": "a.jsonl", "coco": "a.json", "youtube-vis": "a.json", "mots": "a.txt"}
OPTIONS = (ReadOptions(), ReadOptions(size=(5, 7), frame_count=3), ReadOptions(first_frame=2))


def fuzz(examples):
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of a valid file of each format; of a folder, of its first image."""
    folder = tmp_path_factory.mktemp("whole")
    rng = np.random.default_rng(0)
    frames = []
    for index in range(3):
        labels = rng.integers(0, 3, (5, 7))
        frames.append(
            frame(index, [labels == 1, labels == 2], (5, 7), [1001, 2002], [0, 1], time_s=index / 24)
        )
    low = [frame(each.index, [], (5, 7), []) for each in frames]
    low[0] = frame(0, [np.eye(5, 7, dtype=np.bool_)], (5, 7), [3])
    found = {}
    for name, each in FORMATS.items():
        path = folder / FILES.get(name, name)
        each.write(sequence(low if name == "davis" else frames), path)
        found[name] = (path if path.is_file() else min(path.iterdir())).read_bytes()
    return found


def parse(path: Path, name: str | None, options: ReadOptions) -> None:
    """Read everything; anything but success or one sentence for the user fails."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, of large images
        message = ""
        try:
            found = open_masks(path, name, options)
            for each in found if len(found) < 100 else ():
                decode_masks(each.instances.masks, found.size)
        except (InputError, UsageError) as error:
            message = str(error)
    assert "\n" not in message
    assert len(message) < 700


def place(folder: Path, name: str, data: bytes) -> Path:
    """Put bytes where a format looks for them; returns what to open."""
    path = folder / FILES.get(name, "00000.png")
    path.write_bytes(data)
    return path if name in FILES else folder


@st.composite
def damage(draw, data: bytes) -> bytes:
    """Flip, cut, double or replace some bytes."""
    broken = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(broken) - 1, 0)))
        kind = draw(st.sampled_from(["byte", "cut", "digit", "insert", "remove", "double"]))
        if kind == "byte" and broken:
            broken[at] = draw(st.integers(0, 255))
        elif kind == "cut":
            del broken[at:]
        elif kind == "digit":
            spots = [place for place, byte in enumerate(broken) if chr(byte).isdigit()]
            if spots:
                spot = draw(st.sampled_from(spots))
                broken[spot : spot + 1] = draw(
                    st.sampled_from([b"-1", b"1e99", b"9" * 12, b"NaN", b"null", b"0"])
                )
        elif kind == "insert":
            broken[at:at] = draw(st.binary(max_size=4))
        elif kind == "remove":
            del broken[at : at + draw(st.integers(1, 20))]
        else:
            broken[at:at] = broken[at : at + draw(st.integers(1, 60))]
    return bytes(broken)


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
@fuzz(MUTATED)
@given(data=st.data())
def test_damaged_files(whole, tmp_path, name, data):
    broken = data.draw(damage(whole[name]))
    parse(place(tmp_path, name, broken), name, data.draw(st.sampled_from(OPTIONS)))


ANNOTATIONS = {"coco": coco_annotations(), "youtube-vis": vis_annotations()}


@pytest.mark.parametrize("name", ANNOTATIONS)
@fuzz(MUTATED)
@given(data=st.data())
def test_damaged_annotations(tmp_path, name, data):
    broken = data.draw(damage(json.dumps(ANNOTATIONS[name]).encode()))
    options = data.draw(st.sampled_from((*OPTIONS, ReadOptions(video=1))))
    parse(place(tmp_path, name, broken), data.draw(st.sampled_from([name, None])), options)


@pytest.mark.parametrize("name", FORMATS)
@fuzz(RANDOM)
@given(
    noise=st.one_of(
        st.binary(max_size=200), st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace"))
    )
)
def test_noise(tmp_path, name, noise):
    parse(place(tmp_path, name, noise), name, ReadOptions())


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 3),
    st.sampled_from(
        [10**6, 2**63, 10**400, -1e999, float("nan"), 0.5, 1e308, "", "a\n", "\ud800", [], {}, [[1]]]
    ),
)
RUNS_OR_ODD = st.one_of(st.lists(st.integers(-1, 8), max_size=6), st.text(max_size=6), ODD)
MASK = st.one_of(
    ODD,
    st.fixed_dictionaries(
        {"size": st.one_of(st.just([2, 3]), st.lists(ODD, max_size=3), ODD), "counts": RUNS_OR_ODD}
    ),
    st.just({"size": [2, 3], "counts": [2, 3, 1]}),
)
COMMON = {
    "score": st.one_of(st.just(0.5), ODD),
    "category_id": st.one_of(st.just(1), ODD),
    "category": st.one_of(st.just("cat"), ODD),
}
ROWS = {
    "coco": st.fixed_dictionaries(
        {"image_id": st.one_of(st.integers(0, 3), ODD), "segmentation": MASK},
        optional={
            **COMMON,
            "bbox": st.one_of(st.just([0, 0, 1, 1]), st.lists(ODD, max_size=5)),
            "track_id": ODD,
        },
    ),
    "youtube-vis": st.fixed_dictionaries(
        {"video_id": st.one_of(st.just(1), ODD), "segmentations": st.one_of(st.lists(MASK, max_size=4), ODD)},
        optional={**COMMON, "id": ODD},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ROWS)
@fuzz(STRUCTURED)
@given(data=st.data())
def test_made_up_json(tmp_path, name, data):
    content = data.draw(st.one_of(st.lists(ROWS[name], max_size=3), st.lists(ROWS[name], max_size=2), ODD))
    parse(place(tmp_path, name, json.dumps(content).encode()), name, data.draw(st.sampled_from(OPTIONS)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ANNOTATIONS)
@fuzz(STRUCTURED)
@given(data=st.data())
def test_made_up_annotations(tmp_path, name, data):
    """Valid annotations, of which some fields, entries or whole lists are replaced by something odd, or left out."""
    content = json.loads(json.dumps(ANNOTATIONS[name]))
    polygon = st.lists(st.lists(st.one_of(st.integers(-9, 20), ODD), max_size=8), max_size=2)
    odd = st.one_of(ODD, MASK, polygon, st.lists(st.one_of(MASK, polygon), max_size=4))
    for _ in range(data.draw(st.integers(1, 3))):
        key = data.draw(st.sampled_from(sorted(content)))
        entries = content[key]
        if not isinstance(entries, list) or not entries or data.draw(st.integers(0, 9)) == 0:
            content[key] = data.draw(odd)
            continue
        place_ = data.draw(st.integers(0, len(entries) - 1))
        if not isinstance(entries[place_], dict) or data.draw(st.integers(0, 9)) == 0:
            entries[place_] = data.draw(odd)
            continue
        entries[place_][data.draw(st.sampled_from(sorted(entries[place_])))] = data.draw(odd)
    parse(
        place(tmp_path, name, json.dumps(content).encode()),
        name,
        ReadOptions(video=data.draw(st.sampled_from([None, 1]))),
    )


@fuzz(RUNS)
@given(text=st.one_of(st.binary(max_size=24), st.text("0123456789:;<=>?@PQR_`abopq", max_size=24)))
def test_run_length_text(text):
    try:
        mask = checked_rle((5, 7), text)
    except ValueError:
        return
    decoded = decode_masks([mask], (5, 7))
    assert decoded.shape == (1, 5, 7)
