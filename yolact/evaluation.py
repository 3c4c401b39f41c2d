"""COCO average precision of a segmenter."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from yolact_temporal.data.coco import encode_segmentation, read_annotations
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.rle import mask_areas, mask_boxes
from yolact_temporal.errors import InputError, UsageError
from yolact_temporal.yolact.operating_point import operating_point
from yolact_temporal.yolact.segmenter import Segmenter

_SIZES = ("all", "small", "medium", "large")


def evaluate(
    segmenter: Segmenter,
    annotations: str | Path,
    images_dir: str | Path,
    results: str | Path | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Measure box and mask AP on the images of a COCO annotation file.

    A detection of a class that an image's `labelled` list leaves out is neither right nor wrong, and not counted.

    Args:
        segmenter: with a score threshold of 0, as AP needs the whole ranking.
        annotations: COCO instance annotations, each of whose categories the segmenter knows by name.
        images_dir: folder that each `file_name` is relative to.
        results: where to write the detections as COCO results JSON; None for nowhere.
        progress: called with the images done and all of them.

    Returns:
        {"segm": {"AP", "AP50", "AP75", "AP50_small", "AP50_medium", "AP50_large", "AP_by_iou": {"0.50": ..., "0.95"},
        "per_class": {name: {"AP", "AP50"}}, "operating_point": {"score_threshold", "precision", "recall"}}, "bbox": the
        same}, fractions of 1, None where no object is annotated; see `operating_point` for that.

    Raises:
        UsageError: the file has a category that the segmenter does not know.
        InputError: the annotations or an image cannot be read.
    """
    content = read_annotations(annotations)
    truth = _ground_truth(content, annotations)
    categories = {str(category["name"]): int(category["id"]) for category in content["categories"]}
    _check_categories(categories, segmenter, annotations)
    detections: list[dict[str, Any]] = []
    for done, image in enumerate(content["images"], start=1):
        pixels = _read_image(Path(images_dir) / image["file_name"], image)
        found = segmenter.segment(pixels[None])[0]
        detections += to_coco_results(found, segmenter.class_names, categories, image)
        if progress is not None:
            progress(done, len(content["images"]))
    if results is not None:
        _write(Path(results), detections)
    return {kind: average_precision(truth, detections, kind) for kind in ("segm", "bbox")}


def to_coco_results(
    instances: Instances, class_names: tuple[str, ...], categories: dict[str, int], image: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return the instances of one image as entries of COCO results, those of other classes left out."""
    labelled = image.get("labelled")
    entries = []
    for box, score, class_id, mask in zip(
        instances.boxes, instances.scores, instances.class_ids, instances.masks, strict=True
    ):
        category = categories.get(class_names[class_id])
        if category is None or (labelled is not None and category not in labelled):
            continue
        x1, y1, x2, y2 = (float(value) for value in box)
        entries.append(
            {
                "image_id": image["id"],
                "category_id": category,
                "score": float(score),
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "segmentation": {"size": list(mask["size"]), "counts": mask["counts"].decode("ascii")},
            }
        )
    return entries


def average_precision(truth: COCO, detections: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """Return COCO AP of detections (COCO results) of `kind` "segm" or "bbox"; see `evaluate`."""
    predicted = _index(
        {
            "images": truth.dataset["images"],
            "categories": truth.dataset["categories"],
            "annotations": _as_annotations(detections, kind),
        }
    )
    evaluation = COCOeval(truth, predicted, kind)
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.evaluate()
        evaluation.accumulate()
    # Thresholds, recalls, classes, sizes, numbers of detections (1, 10, 100); -1 where nothing is annotated.
    table = evaluation.eval["precision"][..., -1]
    names = {category["id"]: category["name"] for category in truth.dataset["categories"]}
    summary: dict[str, Any] = {
        "AP": _mean(table[..., 0]),
        "AP50": _mean(table[0, ..., 0]),
        "AP75": _mean(table[5, ..., 0]),
    }
    for index, size in enumerate(_SIZES[1:], start=1):
        summary[f"AP50_{size}"] = _mean(table[0, ..., index])
    summary["AP_by_iou"] = {
        f"{iou:.2f}": _mean(table[row, ..., 0]) for row, iou in enumerate(evaluation.params.iouThrs)
    }
    summary["per_class"] = {
        names[category]: {"AP": _mean(table[:, :, index, 0]), "AP50": _mean(table[0, :, index, 0])}
        for index, category in enumerate(evaluation.params.catIds)
    }
    point = operating_point(evaluation)
    summary["operating_point"] = None if point is None else point._asdict()
    return summary


def _as_annotations(detections: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """Give detections the ids and areas that pycocotools wants; of masks the mask's area, not the box's."""
    if kind == "bbox":
        return [
            {key: entry[key] for key in ("image_id", "category_id", "score", "bbox")}
            | {"id": index, "area": entry["bbox"][2] * entry["bbox"][3], "iscrowd": 0}
            for index, entry in enumerate(detections, start=1)
        ]
    masks = [encode_segmentation(d["segmentation"], tuple(d["segmentation"]["size"])) for d in detections]
    areas, boxes = mask_areas(masks), mask_boxes(masks)
    boxes[:, 2:] -= boxes[:, :2]
    return [
        {key: entry[key] for key in ("image_id", "category_id", "score")}
        | {"id": index + 1, "area": float(areas[index]), "bbox": boxes[index].tolist(), "iscrowd": 0}
        | {"segmentation": masks[index]}
        for index, entry in enumerate(detections)
    ]


def _ground_truth(content: dict[str, Any], path: str | Path) -> COCO:
    """Index the annotations, with the fields that COCO files may leave out."""
    annotations = []
    try:
        sizes = {image["id"]: (int(image["height"]), int(image["width"])) for image in content["images"]}
        for index, annotation in enumerate(content["annotations"], start=1):
            mask = encode_segmentation(annotation["segmentation"], sizes[annotation["image_id"]])
            box = mask_boxes([mask])[0]
            filled = {
                "id": index,
                "image_id": annotation["image_id"],
                "category_id": annotation["category_id"],
                "segmentation": mask,
                "iscrowd": int(annotation.get("iscrowd", 0)),
                "area": annotation.get("area", float(mask_areas([mask])[0])),
                "bbox": annotation.get("bbox", [*box[:2].tolist(), *(box[2:] - box[:2]).tolist()]),
            }
            annotations.append(filled)
        return _index(
            {"images": content["images"], "categories": content["categories"], "annotations": annotations}
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(
            f"Expected COCO instance annotations in {path}, but an entry cannot be read "
            f"({type(error).__name__}: {error}); check the file."
        ) from error


def _index(dataset: dict[str, Any]) -> COCO:
    coco = COCO()
    coco.dataset = dataset
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
    return coco


def _check_categories(categories: dict[str, int], segmenter: Segmenter, path: str | Path) -> None:
    strange = [name for name in categories if name not in segmenter.class_names]
    if strange or not categories:
        raise UsageError(
            f"Expected categories that {segmenter.name} knows ({', '.join(segmenter.class_names)}), "
            f"but {path} has {', '.join(strange) or 'none'}; use annotations and a model of the same classes."
        )


def _read_image(path: Path, image: dict[str, Any]) -> NDArray[np.uint8]:
    try:
        encoded = np.fromfile(path, np.uint8)
    except OSError as error:
        raise InputError(
            f"Expected the image {path}, but it cannot be read ({error.strerror}); check the images folder."
        ) from error
    pixels = (
        cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION) if encoded.size else None
    )
    if pixels is None:
        raise InputError(f"Expected an image in {path}, but it cannot be decoded; replace the file.")
    if pixels.shape[:2] != (image["height"], image["width"]):
        raise InputError(
            f"Expected {path} to be {image['width']}x{image['height']} as annotated, "
            f"but it is {pixels.shape[1]}x{pixels.shape[0]}; check that the images belong to the annotations."
        )
    return pixels.astype(np.uint8, copy=False)


def _mean(values: NDArray[np.float64]) -> float | None:
    defined = values[values > -1]
    return float(defined.mean()) if defined.size else None


def _write(path: Path, detections: list[dict[str, Any]]) -> None:
    """Write the detections whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(json.dumps(detections), encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UsageError(
            f"Expected to write the detections to {path}, but {error.strerror}; give another path."
        ) from error
