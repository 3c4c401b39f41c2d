"""Identity against a ground truth: what we report is what TrackEval makes of our exports; pycocotools reads them."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from mask_clips import frame, sequence
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from yolact_temporal.analyzing import identity
from yolact_temporal.cli import main as cli
from yolact_temporal.data.formats import FORMATS, open_masks

SIZE, FRAMES = (60, 80), 12

needs_trackeval = pytest.mark.skipif(not identity.available(), reason="trackeval is not installed")


def square(x, y, side=14):
    bitmap = np.zeros(SIZE, np.bool_)
    bitmap[y : y + side, x : x + side] = True
    return bitmap


def truth(void=True):
    """Two objects that walk, and a region of which nothing is known."""
    known_void = square(0, 45) if void else None
    return sequence(
        [
            frame(
                t, [square(2 + 3 * t, 5), square(60 - 3 * t, 25)], SIZE, [2001, 2002], [1, 1], void=known_void
            )
            for t in range(FRAMES)
        ],
        ("class 1", "class 2"),
    )


def tracker(seed, void=True):
    """The truth shifted at random, with misses, a switch of identities halfway, a false alarm, and one in the void."""
    rng = np.random.default_rng(seed)
    frames = []
    for t in range(FRAMES):
        masks, keys = [], []
        for number, (x, y) in enumerate(((2 + 3 * t, 5), (60 - 3 * t, 25))):
            if rng.random() < 0.85:
                masks.append(
                    square(int(x + rng.integers(-2, 3)) if x > 2 else x, y + int(rng.integers(-2, 3)))
                )
                keys.append(2001 + (number if t < FRAMES // 2 else 1 - number))
        if rng.random() < 0.5:
            masks.append(square(62, 42))
            keys.append(2003)
        if void:
            masks.append(square(1, 46, 10))
            keys.append(2004)
        frames.append(frame(t, masks, SIZE, keys, [1] * len(masks)))
    return sequence(frames, ("class 1", "class 2"))


def by_trackeval(folder: Path, true, found) -> dict[str, float]:
    """What TrackEval's own MOTS challenge evaluation says of two files that we wrote."""
    from trackeval.datasets import MOTSChallenge
    from trackeval.metrics import CLEAR, HOTA, Identity

    gt, own = folder / "gt" / "clip" / "gt" / "gt.txt", folder / "trackers" / "ours" / "data" / "clip.txt"
    for path, masks in ((gt, true), (own, found)):
        path.parent.mkdir(parents=True)
        FORMATS["mots"].write(masks, path)
    dataset = MOTSChallenge(
        {
            "GT_FOLDER": str(folder / "gt"),
            "TRACKERS_FOLDER": str(folder / "trackers"),
            "SEQ_INFO": {"clip": FRAMES},
            "SKIP_SPLIT_FOL": True,
            "PRINT_CONFIG": False,
        }
    )
    data = dataset.get_preprocessed_seq_data(dataset.get_raw_seq_data("ours", "clip"), "pedestrian")
    clear = CLEAR({"PRINT_CONFIG": False}).eval_sequence(data)
    return {
        "hota": float(np.mean(HOTA().eval_sequence(data)["HOTA"])),
        "motsa": float(clear["MOTA"]),
        "idf1": float(Identity({"PRINT_CONFIG": False}).eval_sequence(data)["IDF1"]),
    }


@needs_trackeval
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("void", [True, False])
def test_our_figures_are_those_of_trackeval_on_our_mots_export(tmp_path, seed, void):
    true, found = truth(void), tracker(seed, void)
    theirs = by_trackeval(tmp_path, true, found)
    assert identity.identity_figures(true, found) == pytest.approx(theirs, abs=1e-12)
    assert 0.3 < theirs["hota"] < 0.95
    assert theirs["motsa"] < 1


@needs_trackeval
def test_known_values():
    true = truth(void=False)
    assert identity.identity_figures(true, true) == {"hota": 1, "motsa": 1, "idf1": 1}
    nothing = sequence([frame(t, [], SIZE, []) for t in range(FRAMES)])
    assert identity.identity_figures(true, nothing) == {"hota": 0, "motsa": 0, "idf1": 0}
    assert identity.identity_figures(nothing, true) == {spec.name: None for spec in identity.SPECS}
    # each identity is right for half of the life of its object: two switches in 24 masks
    half = sequence(
        [
            frame(each.index, list(each.instances.bitmaps()), SIZE, (1, 2) if each.index < 6 else (2, 1))
            for each in true
        ]
    )
    figures = identity.identity_figures(true, half)
    assert figures["idf1"] == pytest.approx(0.5)
    assert figures["motsa"] == pytest.approx(1 - 2 / 24)


def scored(tmp_path, capsys):
    """Run `score` with a ground truth; returns stdout and the run folder."""
    FORMATS["mots-png"].write(truth(), tmp_path / "truth")
    FORMATS["masks"].write(tracker(0), tmp_path / "ours.jsonl")
    paths = [
        str(tmp_path / "ours.jsonl"),
        "--verbose",
        "--ground-truth",
        str(tmp_path / "truth"),
        "--fps",
        "24",
    ]
    assert cli.main(["score", *paths, "--out", str(tmp_path / "runs"), "--no-plots"]) == 0
    return capsys.readouterr().out, tmp_path / "runs" / "ours"


@needs_trackeval
def test_score_prints_them_and_keeps_them(tmp_path, capsys):
    out, run = scored(tmp_path, capsys)
    figures = identity.identity_figures(truth(), tracker(0))
    summary = (run / "summary.csv").read_text()
    for name, word in (("hota", "HOTA"), ("motsa", "MOTSA"), ("idf1", "IDF1")):
        assert re.search(rf"{word} \(.*\) +{figures[name]:.4g}", out)
        assert f"ours,ours,{name},{figures[name]:.6g},1" in summary
        assert f"| {word}" in (run / "report.md").read_text()


def test_without_the_package_score_says_how_to_get_them(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(identity, "available", lambda: False)
    out, run = scored(tmp_path, capsys)
    assert identity.INSTALL in out
    assert "truth_j" in (run / "summary.csv").read_text()
    assert "hota" not in (run / "summary.csv").read_text()


def test_pycocotools_evaluates_our_coco_export(tmp_path, capsys):
    """Each frame an image: the truth as results has an AP of 1 against itself."""
    true = truth(void=False)
    FORMATS["coco"].write(true, tmp_path / "results.json")
    images, annotations = [], []
    for each in open_masks(tmp_path / "results.json"):
        images.append({"id": each.index, "height": SIZE[0], "width": SIZE[1]})
        for row, mask in enumerate(each.instances.masks):
            x1, y1, x2, y2 = (float(edge) for edge in each.instances.boxes[row])
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": each.index,
                    "category_id": int(each.instances.class_ids[row]) + 1,
                    "segmentation": {"size": mask["size"], "counts": mask["counts"].decode()},
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": (x2 - x1) * (y2 - y1),
                    "iscrowd": 0,
                }
            )
    content = {"images": images, "annotations": annotations, "categories": [{"id": 2, "name": "class 2"}]}
    (tmp_path / "truth.json").write_text(json.dumps(content))
    ground = COCO(str(tmp_path / "truth.json"))
    for kind in ("segm", "bbox"):
        evaluation = COCOeval(ground, ground.loadRes(str(tmp_path / "results.json")), kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
        assert evaluation.stats[0] == pytest.approx(1)
    capsys.readouterr()
