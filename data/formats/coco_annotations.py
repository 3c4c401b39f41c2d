"""COCO annotations of a clip's frames: `{"images", "annotations", "categories"}` (Lin et al., arXiv 1405.0312).

Each image is a frame: that of the clip's image of its name; else the one that `frame_id`, of COCO for video, or the
number in its `file_name` says; else they come in order. A frame that is no image is one of which nothing is known. A
crowd (`iscrowd`) is void. COCO has no identity; `track_id`, ours and CVAT's, or `instance_id`, of COCO for video, says
which object an annotation is, maybe among its `attributes`. Of a file of several `videos` one is chosen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from yolact_temporal.data.formats.annotations import (
    Annotations,
    frame_size,
    identity_of,
    is_crowd,
    of_one_video,
    together,
)
from yolact_temporal.data.formats.contract import (
    KnownFrames,
    MaskSequence,
    ReadOptions,
    require_frame,
    require_size,
)
from yolact_temporal.data.formats.detections import Collected, Detection, no_size, sequence_of
from yolact_temporal.data.formats.frame_names import Matched, frames_of_names
from yolact_temporal.data.formats.text_files import Fields
from yolact_temporal.data.image_names import stem_of
from yolact_temporal.data.rle import Rle
from yolact_temporal.errors import InputError


def read_coco_annotations(
    format_name: str, content: Mapping[str, Any], path: Path, options: ReadOptions
) -> MaskSequence:
    """Read COCO annotations of one clip; masks may be runs, compressed runs or polygons, scores are 1 unless given.

    Raises:
        InputError: if the content is none, is of several clips, or does not fit what is known of the clip.
    """
    known = Annotations(content, path, "COCO annotations", "images")
    videos = known.entries("videos", content) if "videos" in content else []
    images = _of_one_video(known, videos, path, options)
    own, matched = _frames(images, path, options)
    index_of = own.images
    others = {image.whole("id") for image in known.frames} - set(index_of)
    size = options.size
    for image in images:
        require_size(frame_size(image), size, path, image.where)
        size = frame_size(image)
    if size is None:
        raise no_size(path)
    frames: dict[int, list[Detection]] = defaultdict(list)
    crowds: dict[int, list[Rle]] = defaultdict(list)
    for annotation in known.annotations:
        image_id = annotation.whole("image_id")
        if image_id in others:
            continue
        if image_id not in index_of:
            raise annotation.fault("an image_id of the file's images", str(image_id))
        mask = annotation.segmentation("segmentation", annotation.value("segmentation"), size)
        if is_crowd(annotation):
            crowds[index_of[image_id]].append(mask)
            continue
        score = annotation.number("score", 0, 1) if "score" in annotation.row else 1.0
        found = Detection(mask, known.class_id(annotation), score, identity=identity_of(annotation))
        frames[index_of[image_id]].append(found)
    voids = {index: together(masks) for index, masks in crowds.items()}
    indices = tuple(sorted(index_of.values()))
    own = replace(own, first_category=known.first)
    collected = Collected(frames, size, known.names, voids, indices=indices, known=own)
    return sequence_of(format_name, path, collected, options, matched)


def _of_one_video(known: Annotations, videos: list[Fields], path: Path, options: ReadOptions) -> list[Fields]:
    """Return the images of the video that is chosen, or of the only one; all where there are no videos."""
    if not videos and options.video is None:
        return known.frames
    chosen = of_one_video(videos, "id", path, options)
    ids = {video.whole("id") for video in chosen}
    return [
        image for image in known.frames if image.row.get("video_id") is None or image.whole("video_id") in ids
    ]


def _frames(images: list[Fields], path: Path, options: ReadOptions) -> tuple[KnownFrames, Matched]:
    """Return the frame of each image by its id and its name, and how it was told."""
    ids = [image.whole("id") for image in images]
    if len(set(ids)) < len(ids):
        twice = next(number for number, image_id in enumerate(ids) if image_id in ids[:number])
        raise images[twice].fault("images of different ids", f"{ids[twice]} twice")
    names = [image.name("file_name") or "" for image in images]
    folders = sorted({str(PurePosixPath(name).parent) for name in names})
    if len(folders) > 1:
        raise InputError(
            f"expected images of one clip in {path}, got those of the folders {folders[0]} and {folders[1]}: keep "
            f"those "
            f"of one clip"
        )
    counted = all(image.row.get("frame_id") is not None for image in images)
    if images and counted and not options.known.names and options.first_frame is None:
        indices = [require_frame(image.whole("frame_id"), options, path) for image in images]
        matched = Matched(indices, "by frame_id")
        if len(set(indices)) < len(indices):
            raise InputError(f"expected one image a frame in {path}, got a frame_id twice: remove one")
    else:
        matched = frames_of_names(names, path, options, "the file")
    stems = {stem_of(name): index for name, index in zip(names, matched.indices, strict=True) if name}
    known = KnownFrames(str(path), stems, dict(zip(ids, matched.indices, strict=True)))
    return known, matched
