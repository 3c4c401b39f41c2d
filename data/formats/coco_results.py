"""COCO results: a JSON list of detections (Lin et al., arXiv 1405.0312; pycocotools).

`image_id` is the id of an image of the annotations of the same command, else a frame's number, from 0.

Each detection is `{"image_id", "category_id", "score", "segmentation": {"size": [h, w], "counts"}}`, with `bbox`
([x, y, width, height]) where the box is not the mask's own. Categories count from 1, or from 0
where one is 0. Two fields of ours, which other
readers pass over: `category`, the class's name, and `track_id`, which object it is. A frame without detections is
not mentioned, so the file cannot say how many frames the clip has.

Annotations, as a ground truth comes, are read too: `yolact_temporal.data.formats.coco_annotations`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from yolact_temporal.data.files import atomic_write
from yolact_temporal.data.formats.annotations import first_category, identity_of
from yolact_temporal.data.formats.coco_annotations import read_coco_annotations
from yolact_temporal.data.formats.contract import (
    MaskFrame,
    MaskSequence,
    ReadOptions,
    require_frame,
    require_size,
)
from yolact_temporal.data.formats.detections import (
    Collected,
    Detection,
    no_size,
    note_name,
    refuse_void,
    sequence_of,
)
from yolact_temporal.data.formats.frame_names import Matched, frames_of_numbers
from yolact_temporal.data.formats.text_files import Fields, read_json, rows_of
from yolact_temporal.data.masks_jsonl import shortest
from yolact_temporal.errors import UsageError

NAME = "coco"


def read_coco(path: Path, options: ReadOptions) -> MaskSequence:
    """Read COCO results of one clip, or COCO annotations of its frames (`read_coco_annotations`).

    Raises:
        InputError: if the file is none, or does not fit what is known of the clip.
    """
    frames: dict[int, list[Detection]] = defaultdict(list)
    names: dict[int, str] = {}
    size = options.size
    content = read_json(path, "COCO results")
    if isinstance(content, dict):
        return read_coco_annotations(NAME, content, path, options)
    if options.video is not None:
        raise UsageError(
            f"expected {options.option('video')} with masks of several videos, got it with {path}, which are COCO "
            f"results of one video: leave it out"
        )
    rows = [Fields(row, path, f"entry {i}") for i, row in enumerate(rows_of(content, path, "COCO results"))]
    matched = _frames([fields.whole("image_id") for fields in rows], path, options)
    first = first_category(rows, options.known.first_category)
    for fields, index in zip(rows, matched.indices, strict=True):
        found = _detection(fields, first)
        require_size((found.mask["size"][0], found.mask["size"][1]), size, path, fields.where)
        size = size or (found.mask["size"][0], found.mask["size"][1])
        note_name(names, found.class_id, fields)
        frames[index].append(found)
    if size is None:
        raise no_size(path)
    return sequence_of(NAME, path, Collected(frames, size, names, {}), options, matched)


def _frames(ids: list[int], path: Path, options: ReadOptions) -> Matched:
    """Return the frame of each image_id: the annotations' image of that id, else a frame number.

    Ids that count from 0, which numbers of images may not, are the frames' indices.
    """
    known = options.known
    if options.first_frame is None:
        if known.images and all(image in known.images for image in ids):
            return Matched([known.images[image] for image in ids], "by image_id")
        if 0 in ids and known.first != 1 and not all(image in known.numbers for image in ids):
            return Matched(
                [require_frame(image, options, path, image) for image in ids], "by the frame's index"
            )
    return frames_of_numbers(ids, path, options, 0)


def _detection(fields: Fields, first_class: int) -> Detection:
    box = None
    if "bbox" in fields.row:
        x, y, width, height = fields.numbers("bbox", 4)
        box = (x, y, x + width, y + height)
        if max(map(abs, box)) > float(np.finfo(np.float32).max):
            raise fields.fault("a finite bbox", "one with a number that is too large")
    return Detection(
        mask=fields.rle("segmentation", fields.value("segmentation")),
        class_id=fields.class_id("category_id", first_class),
        score=fields.number("score", 0, 1),
        box=box,
        identity=identity_of(fields),
    )


def write_coco_results(sequence: MaskSequence, path: Path) -> None:
    """Write a clip's masks as COCO results, whole or not at all.

    Raises:
        InputError: if there is a void, which the format cannot say.
    """
    with atomic_write(path) as file:
        file.write("[")
        separator = "\n"
        for frame in sequence:
            refuse_void(frame, NAME)
            for row in _rows(frame, sequence.class_names):
                file.write(separator + json.dumps(row, allow_nan=False, separators=(",", ":")))
                separator = ",\n"
        file.write("\n]\n")


def _rows(frame: MaskFrame, class_names: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    found = frame.instances
    for row in range(len(found)):
        x1, y1, x2, y2 = (shortest(edge) for edge in found.boxes[row])
        class_id = int(found.class_ids[row])
        identity = {} if frame.identities is None else {"track_id": frame.identities[row]}
        yield {
            "image_id": frame.index,
            "category_id": class_id + 1,
            "category": class_names[class_id],
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "score": shortest(found.scores[row]),
            **identity,
            "segmentation": {
                "size": list(found.size),
                "counts": found.masks[row]["counts"].decode("ascii"),
            },
        }
