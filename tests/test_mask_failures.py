"""One mask over two objects, and pixels beyond a mask's own object: drawn cases whose answer is known by hand."""

import json

import numpy as np
import pytest
from mask_clips import frame, sequence
from masks import rectangle

from yolact_temporal.cli import main as cli
from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.formats import FORMATS
from yolact_temporal.temporal.metrics.mask_failures import Leak, leak, objects_covered, own_pixels

SIZE = (30, 40)  # its diagonal is 50: F forgives 0.4 px, rounded up to 1
WIDE = (300, 400)  # and here 4 px


def box(x1, y1, x2, y2, size=SIZE):
    return rectangle(size, x1, y1, x2, y2)


def crop(*corners, size=SIZE):
    return MaskCrop.from_bitmap(box(*corners, size))


# Two objects of 10 x 10 with 4 px between them.
LEFT, RIGHT = (2, 10, 12, 20), (16, 10, 26, 20)


class TestLeak:
    @pytest.mark.parametrize(
        ("mask", "others", "onto_others", "afar"),
        [
            (LEFT, [RIGHT], 0, 0),
            # A smaller mask leaks nothing, however bad it is.
            ((2, 10, 4, 12), [RIGHT], 0, 0),
            # One pixel around it is forgiven, but the corners of a square lie sqrt(2) px off.
            ((1, 9, 13, 21), [], 0, 4 / 144),
            # 10 x 3 px beyond, the first column of which is forgiven.
            ((2, 10, 15, 20), [RIGHT], 0, 20 / 130),
            # 10 x 4 between the two, a column of which is forgiven, and 10 x 5 on the other.
            ((2, 10, 21, 20), [RIGHT], 50 / 190, 30 / 190),
            # On nobody, as long as nobody is there.
            ((2, 10, 21, 20), [], 0, 80 / 190),
            # An object beside it is not forgiven what is near.
            ((2, 10, 13, 20), [(12, 10, 22, 20)], 10 / 110, 0),
            # What two true objects share is its own.
            (LEFT, [(2, 10, 30, 20)], 0, 0),
            # Two others on the same pixels count once.
            ((2, 10, 21, 20), [RIGHT, RIGHT], 50 / 190, 30 / 190),
            ((30, 22, 35, 27), [RIGHT], 0, 1),
        ],
    )
    def test_by_hand(self, mask, others, onto_others, afar):
        found = leak(crop(*mask), crop(*LEFT), [crop(*other) for other in others])
        assert found == pytest.approx(Leak(onto_others, afar))
        assert found.whole == pytest.approx(onto_others + afar)

    def test_how_far_is_forgiven_goes_by_the_frame(self):
        own, mask = crop(100, 100, 200, 200, size=WIDE), crop(100, 100, 210, 200, size=WIDE)
        assert leak(mask, own, []) == pytest.approx(Leak(0, 6 * 100 / (110 * 100)))

    @pytest.mark.parametrize("seed", range(4))
    def test_is_what_counting_pixel_by_pixel_gives(self, seed):
        rng = np.random.default_rng(seed)
        mask, own, other = (rng.random(SIZE) < share for share in (0.3, 0.02, 0.1))
        rows, columns = np.nonzero(own)
        others = far = 0
        for y, x in zip(*np.nonzero(mask & ~own), strict=True):
            near = np.hypot(rows - y, columns - x).min() <= 1
            others += other[y, x]
            far += not other[y, x] and not near
        found = leak(*map(MaskCrop.from_bitmap, (mask, own)), [MaskCrop.from_bitmap(other)])
        assert found == pytest.approx(Leak(others / mask.sum(), far / mask.sum()))

    def test_an_empty_mask_has_none(self):
        assert leak(crop(0, 0, 0, 0), crop(*LEFT), []) is None

    def test_frames_of_different_sizes_are_refused(self):
        with pytest.raises(ValueError, match="one frame size"):
            leak(crop(*LEFT), crop(*LEFT, size=WIDE), [])


class TestObjectsCovered:
    @pytest.mark.parametrize(
        ("mask", "objects", "count"),
        [
            (LEFT, [LEFT, RIGHT], 1),
            ((2, 10, 26, 20), [LEFT, RIGHT], 2),
            ((7, 10, 21, 20), [LEFT, RIGHT], 2),  # half of each, to the pixel
            ((8, 10, 21, 20), [LEFT, RIGHT], 1),  # less than half of the first
            ((0, 0, 40, 30), [LEFT, RIGHT, (30, 0, 35, 5)], 3),
            ((30, 0, 35, 5), [LEFT, RIGHT], 0),
            ((0, 0, 0, 0), [LEFT, RIGHT], 0),
            # One inside the other: only what is its own counts, and the inner one has nothing.
            ((2, 10, 26, 20), [(2, 10, 26, 20), (5, 12, 9, 15)], 1),
            # Two that share a third: the first alone does not cover the other's own part.
            ((2, 10, 12, 20), [(2, 10, 12, 20), (8, 10, 18, 20)], 1),
        ],
    )
    def test_by_hand(self, mask, objects, count):
        own = own_pixels({key: crop(*corners) for key, corners in enumerate(objects)})
        assert objects_covered(crop(*mask), list(own.values())) == count


def write(path, name, frames):
    """Write lists of boxes a frame as masks, which go by their place."""
    made = [
        frame(t, [box(*one) for one in each], SIZE, list(range(1, len(each) + 1)))
        for t, each in enumerate(frames)
    ]
    FORMATS[name].write(sequence(made, ("object",)), path)
    return str(path)


def score(tmp_path, capsys, own, true):
    """Run `score` on lists of boxes a frame: of masks, and of true objects by identity; returns the figures."""
    write(tmp_path / "own.jsonl", "masks", own)
    truth = [frame(t, [box(*one) for one in each.values()], SIZE, list(each)) for t, each in enumerate(true)]
    FORMATS["davis"].write(sequence(truth, ("object",)), tmp_path / "truth")
    paths = [str(tmp_path / "own.jsonl"), "--ground-truth", str(tmp_path / "truth")]
    assert cli.main(["score", *paths, "--out", str(tmp_path / "runs"), "--no-plots", "--json"]) == 0
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    return run["quality"][0]["figures"]


BOTH = {1: LEFT, 2: RIGHT}
MERGED = (4, 10, 26, 20)  # 22 x 10: over 8 of the 10 columns of the left one, and all of the right one's


def told(figure):
    return tuple(figure[key] for key in ("value", "n", "n_undefined", "objects", "objects_undefined"))


def test_score_tells_both_failures(tmp_path, capsys):
    """Frame 0 is right; in frame 1 one mask lies over both; in frame 2 there is one object alone."""
    figures = score(tmp_path, capsys, [[LEFT, RIGHT], [MERGED], [LEFT]], [BOTH, BOTH, {1: LEFT}])
    # One mask of the three of frames with two objects.
    assert told(figures["localisation_failure"]) == (pytest.approx(1 / 3), 3, 1, None, None)
    # It has an IoU of 100 / 220 with the right one: it is nobody's at 0.5, and that one's at 0.1.
    assert told(figures["leakage"]) == (0, 3, 0, 2, 0)
    # 80 of its 220 pixels are on the other; of the four columns between one is near its own. The right object has two
    # masks, and the left one leaks nothing.
    for name, pixels in (("leakage", 110), ("leakage_onto_others", 80), ("leakage_afar", 30)):
        figure = told(figures[f"{name}_at_iou_0.1"])
        assert figure == (pytest.approx(pixels / 220 / 2 / 2), 4, 0, 2, 0), name


def test_with_one_object_alone_nothing_can_be_merged(tmp_path, capsys):
    figures = score(tmp_path, capsys, [[MERGED, LEFT]] * 2, [{1: LEFT}] * 2)
    assert told(figures["localisation_failure"]) == (None, 0, 4, None, None)
    assert figures["leakage"]["value"] == 0


def test_an_object_without_a_mask_leaks_nothing_that_could_be_told(tmp_path, capsys):
    figures = score(tmp_path, capsys, [[LEFT], [LEFT]], [BOTH, BOTH])
    assert told(figures["leakage"]) == (0, 2, 0, 1, 1)
    assert told(figures["localisation_failure"]) == (0, 2, 0, None, None)


def test_without_any_mask_both_are_undefined(tmp_path, capsys):
    figures = score(tmp_path, capsys, [[], [(30, 0, 35, 5)]], [BOTH, {1: LEFT}])
    assert told(figures["localisation_failure"]) == (None, 0, 1, None, None)
    for name in ("leakage", "leakage_onto_others", "leakage_afar", "leakage_at_iou_0.1"):
        assert told(figures[name]) == (None, 0, 0, 0, 2), name


def test_a_comparison_tells_of_each_model_what_score_tells(tmp_path, capsys):
    """The right masks, and a model that merges both objects in half of the frames and spills over in the others."""
    right, spilling = [list(BOTH.values())] * 6, [[MERGED], [(2, 10, 15, 20), RIGHT]] * 3
    masks = [write(tmp_path / f"{name}.jsonl", "masks", own) for name, own in (("a", right), ("b", spilling))]
    truth = ["--ground-truth", write(tmp_path / "truth", "davis", right)]
    options = ["--fps", "24", "--clip-name", "c", "--no-plots", "--out", str(tmp_path / "runs"), "--json"]
    assert cli.main(["score", *masks, *truth, *options]) == 0
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    scored = {own["model"]: own["figures"] for own in run["quality"]}

    folder = tmp_path / "comparison"
    command = ["compare", str(tmp_path / "runs" / "c"), *truth, "--out", str(folder), "--no-plots"]
    assert cli.main([*command, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["against_truth"]
    assert {(row["clip"], row["model"]) for row in rows} == {("c", "a"), ("c", "b")}
    for row in rows:
        own = scored[row["model"]][row["figure"]]
        assert {key: row[key] for key in ("value", "n", "objects")} == {
            key: own[key] for key in ("value", "n", "objects")
        }
    found = {row["model"]: row["value"] for row in rows if row["figure"] == "localisation_failure"}
    assert found == {"a": 0, "b": pytest.approx(3 / 9)}
    head, line = "How masks fail", "D8 masks over two objects or more (lower is better)"
    report = (folder / "comparison.md").read_text(encoding="utf-8")
    assert head in report
    assert f"| {line} | 0 | 0.3333 |" in report
    assert cli.main(command) == 0
    told = capsys.readouterr().out
    assert head in told
    assert line in told


@pytest.mark.slow
def test_a_comparison_without_a_truth_tells_nothing_of_it(tmp_path, capsys):
    right = [list(BOTH.values())] * 3
    masks = [write(tmp_path / f"{name}.jsonl", "masks", right) for name in "ab"]
    options = ["--fps", "24", "--clip-name", "c", "--no-plots", "--quiet", "--out", str(tmp_path / "runs")]
    assert cli.main(["score", *masks, *options]) == 0
    assert cli.main(["compare", str(tmp_path / "runs" / "c"), "--out", str(tmp_path / "x"), "--json"]) == 0
    assert "against_truth" not in json.loads(capsys.readouterr().out)
