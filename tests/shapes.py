"""A COCO-format data set of textured shapes, for tests that need one whose content is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from yolact_temporal.data.rle import encode_masks, mask_areas, mask_boxes

CLASS_NAMES = ("person", "vehicle", "animal")
_COLORS = ((220, 60, 50), (50, 200, 70), (60, 90, 230))


def draw_shapes(rng: np.random.Generator, size: int, count: int) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Return an RGB image (size, size, 3), masks bool (count, size, size) and classes: disc, box, triangle."""
    image = rng.integers(90, 140, (size, size, 3)).astype(np.uint8)
    masks, classes = [], []
    cell = size // 2
    for slot in rng.permutation(4)[:count]:
        class_id = int(rng.integers(3))
        radius = int(rng.uniform(0.28, 0.42) * cell)
        x = int((slot % 2 + 0.5) * cell)
        y = int((slot // 2 + 0.5) * cell)
        canvas = np.zeros((size, size), np.uint8)
        if class_id == 0:
            cv2.circle(canvas, (x, y), radius, 1, -1)
        elif class_id == 1:
            cv2.rectangle(canvas, (x - radius, y - radius // 2), (x + radius, y + radius // 2), 1, -1)
        else:
            corners = [(x - radius, y + radius), (x + radius, y + radius), (x, y - radius)]
            cv2.fillPoly(canvas, [np.array(corners)], 1)
        noise = rng.integers(-20, 20, (size, size, 3))
        image = np.where(canvas[..., None] > 0, np.clip(np.array(_COLORS[class_id]) + noise, 0, 255), image)
        masks.append(canvas.astype(bool))
        classes.append(class_id)
    return image.astype(np.uint8), np.array(masks), classes


def write_shapes(folder: Path, images: int, *, size: int = 128, count: int = 2, seed: int = 0) -> Path:
    """Write `images` PNGs into `folder`/images and return the annotation file, whose ids start at 1."""
    rng = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    content: dict[str, Any] = {
        "images": [],
        "annotations": [],
        "categories": [{"id": index + 1, "name": name} for index, name in enumerate(CLASS_NAMES)],
    }
    for number in range(1, images + 1):
        image, masks, classes = draw_shapes(rng, size, count)
        name = f"images/{number}.png"
        cv2.imwrite(str(folder / name), image[..., ::-1])
        content["images"].append({"id": number, "file_name": name, "width": size, "height": size})
        encoded = encode_masks(masks)
        areas, boxes = mask_areas(encoded), mask_boxes(encoded)
        for mask, area, box, class_id in zip(encoded, areas, boxes, classes, strict=True):
            x1, y1, x2, y2 = (float(value) for value in box)
            content["annotations"].append(
                {
                    "id": len(content["annotations"]) + 1,
                    "image_id": number,
                    "category_id": class_id + 1,
                    "segmentation": {"size": list(mask["size"]), "counts": mask["counts"].decode()},
                    "area": float(area),
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "iscrowd": 0,
                }
            )
    path = folder / "annotations.json"
    path.write_text(json.dumps(content))
    return path
