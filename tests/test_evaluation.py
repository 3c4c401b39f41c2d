import contextlib
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from shapes import CLASS_NAMES, write_shapes

from yolact_temporal.data.coco import CocoDataset
from yolact_temporal.data.instances import Instances
from yolact_temporal.errors import InputError, UsageError
from yolact_temporal.yolact import PRESETS, YolactSegmenter, build_yolact
from yolact_temporal.yolact.evaluation import evaluate


class Oracle:
    """A segmenter that knows the answers, and gives them as told: `change` maps (index, Instances) to Instances."""

    name = "oracle"
    class_names = CLASS_NAMES

    def __init__(self, annotations, images, change=lambda index, instances: instances):
        self.dataset = CocoDataset(annotations, images, CLASS_NAMES)
        self.change = change

    def segment(self, frames):
        (frame,) = frames
        index = next(i for i in range(len(self.dataset)) if np.array_equal(self.dataset.image(i), frame))
        record = self.dataset.records[index]
        scores = np.linspace(0.9, 0.5, len(record.boxes))
        truth = Instances(record.boxes, scores, record.class_ids, record.masks, record.size)
        return [self.change(index, truth)]


def shifted(instances, pixels):
    return Instances.from_bitmaps(
        instances.boxes + np.array([pixels, 0, pixels, 0]),
        instances.scores,
        instances.class_ids,
        np.roll(instances.bitmaps(), pixels, axis=2),
    )


def run(tmp_path, change=lambda index, instances: instances, **options):
    path = tmp_path / "annotations.json"
    if not path.exists():
        write_shapes(tmp_path, 5)
    return evaluate(Oracle(path, tmp_path, change), path, tmp_path, **options)


def test_the_right_answers_have_a_precision_of_one(tmp_path):
    figures = run(tmp_path)
    for kind in ("segm", "bbox"):
        assert figures[kind]["AP"] == figures[kind]["AP50"] == figures[kind]["AP75"] == pytest.approx(1)
        assert set(figures[kind]["per_class"]) == set(CLASS_NAMES)
    # The shapes are of up to 1700 pixels: there is no large one.
    assert figures["segm"]["AP50_small"] == pytest.approx(1)
    assert figures["segm"]["AP50_large"] is None
    assert json.loads(json.dumps(figures)) == figures


def test_ap_is_the_mean_of_that_at_every_threshold(tmp_path):
    figures = run(tmp_path, lambda index, instances: shifted(instances, 3))
    for kind in ("segm", "bbox"):
        curve = figures[kind]["AP_by_iou"]
        assert list(curve) == [f"{0.5 + 0.05 * step:.2f}" for step in range(10)]
        assert (curve["0.50"], curve["0.75"]) == (figures[kind]["AP50"], figures[kind]["AP75"])
        assert sum(curve.values()) / 10 == pytest.approx(figures[kind]["AP"])
        assert curve["0.50"] > curve["0.95"]


def test_nothing_found_is_zero_and_a_class_never_annotated_is_undefined(tmp_path):
    path = write_shapes(tmp_path, 5)
    content = json.loads(path.read_text())
    content["annotations"] = [a for a in content["annotations"] if a["category_id"] != 3]
    path.write_text(json.dumps(content))
    figures = run(tmp_path, lambda index, instances: Instances.empty(instances.size))
    assert figures["segm"]["AP"] == figures["bbox"]["AP"] == 0
    assert figures["segm"]["per_class"]["animal"] == {"AP": None, "AP50": None}
    assert figures["segm"]["per_class"]["person"] == {"AP": 0, "AP50": 0}


def test_masks_in_the_wrong_place_lower_the_strict_thresholds_first(tmp_path):
    figures = run(tmp_path, lambda index, instances: shifted(instances, 6))
    assert figures["segm"]["AP50"] > figures["segm"]["AP75"]
    assert 0 < figures["segm"]["AP"] < 0.8


def test_figures_and_results_file_agree_with_pycocotools_alone(tmp_path):
    def spoil(index, instances):
        return shifted(instances, 3 * index) if index else instances.select([0])

    figures = run(tmp_path, spoil, results=tmp_path / "results.json")
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(tmp_path / "annotations.json"))
        for kind in ("segm", "bbox"):
            evaluation = COCOeval(truth, truth.loadRes(str(tmp_path / "results.json")), kind)
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
            assert [figures[kind][k] for k in ("AP", "AP50", "AP75")] == pytest.approx(
                evaluation.stats[:3].tolist()
            )
    assert 0 < figures["segm"]["AP"] < 1
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_detections_of_a_class_that_an_image_does_not_label_are_not_counted(tmp_path):
    path = write_shapes(tmp_path, 5)
    content = json.loads(path.read_text())
    gone = content["annotations"][0]
    content["images"][0]["labelled"] = [c for c in (1, 2, 3) if c != gone["category_id"]]
    content["annotations"] = [
        a for a in content["annotations"] if (a["image_id"], a["category_id"]) != (1, gone["category_id"])
    ]
    full = json.loads(path.read_text())
    path.write_text(json.dumps(content))
    (tmp_path / "full.json").write_text(json.dumps(full))
    segmenter = Oracle(tmp_path / "full.json", tmp_path)
    assert evaluate(segmenter, path, tmp_path)["segm"]["AP"] == pytest.approx(1)


def test_nothing_is_printed(tmp_path, capsys):
    run(tmp_path)
    assert capsys.readouterr() == ("", "")


def test_fields_that_files_leave_out_are_filled_in(tmp_path):
    path = write_shapes(tmp_path, 3)
    content = json.loads(path.read_text())
    for annotation in content["annotations"]:
        for key in ("id", "area", "bbox", "iscrowd"):
            del annotation[key]
    path.write_text(json.dumps(content))
    assert run(tmp_path)["bbox"]["AP"] == pytest.approx(1)


def test_more_detections_than_255_are_counted(tmp_path):
    write_shapes(tmp_path, 8, count=4)

    def repeat(index, instances):
        many = instances.select([0, 1, 2, 3] * 10)
        scores = np.concatenate((instances.scores, np.full(36, 0.1)))
        return Instances(many.boxes, scores, many.class_ids, many.masks, many.size)

    assert run(tmp_path, repeat)["segm"]["AP"] == pytest.approx(1)


def test_a_network_is_evaluated(tmp_path):
    path = write_shapes(tmp_path, 1)
    done = []
    config = replace(PRESETS["yolact_compact"], input_size=64)
    segmenter = YolactSegmenter(build_yolact(config), score_threshold=0)
    figures = evaluate(segmenter, path, tmp_path, progress=lambda i, n: done.append((i, n)))
    assert 0 <= figures["segm"]["AP"] < 0.5
    assert done == [(1, 1)]


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (lambda content: content["categories"][0].update(name="dog"), UsageError, r"person.*has dog"),
        (lambda content: content["categories"].clear(), UsageError, "has none"),
        (lambda content: content["images"][0].update(file_name="gone.png"), InputError, "gone.png"),
        (lambda content: content["images"][0].update(width=5), InputError, "an entry cannot be read"),
        (
            lambda content: content["annotations"][0].pop("segmentation"),
            InputError,
            "an entry cannot be read",
        ),
        (
            lambda content: content["annotations"][0].update(image_id=99),
            InputError,
            "an entry cannot be read",
        ),
        (lambda content: content.pop("images"), InputError, "found no images"),
    ],
    ids=["other category", "no category", "no image", "other size", "no mask", "strange image", "no images"],
)
def test_broken_input_is_named_in_one_sentence(tmp_path, damage, error, message):
    write_shapes(tmp_path, 1)
    segmenter = Oracle(tmp_path / "annotations.json", tmp_path)
    content = json.loads((tmp_path / "annotations.json").read_text())
    damage(content)
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps(content))
    with pytest.raises(error, match=message):
        evaluate(segmenter, broken, tmp_path)


def test_results_that_cannot_be_written_are_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="give another path"):
        run(tmp_path, results=tmp_path / "no" / "folder.json")


def test_the_operating_point_is_where_precision_and_recall_are_equal(tmp_path):
    """Of ten objects, scored 0.9 and 0.5, two are missed by masks in the wrong place; one false alarm scores 0.1."""

    def spoil(index, instances):
        if index < 4:
            return instances
        wrong = shifted(instances, 60)
        return Instances(
            np.concatenate([wrong.boxes, wrong.boxes[:1]]),
            [*wrong.scores, 0.1],
            [*wrong.class_ids, wrong.class_ids[0]],
            [*wrong.masks, wrong.masks[0]],
            wrong.size,
        )

    for kind in ("segm", "bbox"):
        assert run(tmp_path, spoil)[kind]["operating_point"] == {
            "score_threshold": pytest.approx(0.3),
            "precision": pytest.approx(0.8),
            "recall": pytest.approx(0.8),
        }


def test_fewer_detections_than_objects_have_no_operating_point(tmp_path):
    figures = run(tmp_path, lambda index, instances: instances.select([0]))
    assert figures["segm"]["operating_point"] is None
