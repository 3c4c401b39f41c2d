"""COCO annotations of a clip's frames: `{"images", "annotations", "categories"}` (Lin et al., arXiv 1405.0312).

Each image is a frame: the one that the number at the end of its `file_name` says, if all have one after the same
beginning, else in the list's order. A frame that is no image is one of which nothing is known. A crowd (`iscrowd`) is
void. COCO has no identity; `track_id`, ours, or `instance_id`, of COCO for video, says which object an annotation is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from yolact_temporal.data.formats.annotations import Annotations, frame_size, is_crowd, together
from yolact_temporal.data.formats.contract import MaskSequence, ReadOptions, require_size
from yolact_temporal.data.formats.detections import Collected, Detection, no_size, sequence_of
from yolact_temporal.data.formats.frame_names import frames_of_names
from yolact_temporal.data.formats.text_files import Fields
from yolact_temporal.data.rle import Rle
from yolact_temporal.errors import InputError

_IDENTITIES = ("track_id", "instance_id")


def read_coco_annotations(
    format_name: str, content: Mapping[str, Any], path: Path, options: ReadOptions
) -> MaskSequence:
    """Read COCO annotations of one clip; masks may be runs, compressed runs or polygons, scores are 1 unless given.

    Raises:
        InputError: if the content is none, is of several clips, or does not fit what is known of the clip.
    """
    known = Annotations(content, path, "COCO annotations", "images")
    index_of, notes = _frames(known.frames, path, options)
    size = options.size
    for image in known.frames:
        require_size(frame_size(image), size, path, image.where)
        size = frame_size(image)
    if size is None:
        raise no_size(path)
    frames: dict[int, list[Detection]] = defaultdict(list)
    crowds: dict[int, list[Rle]] = defaultdict(list)
    for annotation in known.annotations:
        image_id = annotation.whole("image_id")
        if image_id not in index_of:
            raise annotation.fault("an image_id of the file's images", str(image_id))
        mask = annotation.segmentation("segmentation", annotation.value("segmentation"), size)
        if is_crowd(annotation):
            crowds[index_of[image_id]].append(mask)
            continue
        score = annotation.number("score", 0, 1) if "score" in annotation.row else 1.0
        found = Detection(mask, known.class_id(annotation), score, identity=_identity(annotation))
        frames[index_of[image_id]].append(found)
    voids = {index: together(masks) for index, masks in crowds.items()}
    indices = tuple(sorted(index_of.values()))
    collected = Collected(frames, size, known.names, voids, indices=indices)
    return sequence_of(format_name, path, collected, options, notes)


def _frames(images: list[Fields], path: Path, options: ReadOptions) -> tuple[dict[int, int], tuple[str, ...]]:
    """Return the frame index of each image by its id."""
    ids = [image.whole("id") for image in images]
    if len(set(ids)) < len(ids):
        twice = next(number for number, image_id in enumerate(ids) if image_id in ids[:number])
        raise images[twice].fault("images of different ids", f"{ids[twice]} twice")
    names = [image.name("file_name") or "" for image in images]
    folders = sorted({str(PurePosixPath(name).parent) for name in names})
    if len(folders) > 1:
        raise InputError(
            f"expected images of one clip in {path}, got those of the folders {folders[0]} and {folders[1]}: keep one "
            f"clip's"
        )
    indices, notes = frames_of_names(names, path, options, "the file")
    return dict(zip(ids, indices, strict=True)), notes


def _identity(annotation: Fields) -> int | None:
    for name in _IDENTITIES:
        if annotation.row.get(name) is not None:
            return annotation.whole(name, 1)
    return None
