"""YouTube-VIS results: a JSON list of tracks, a mask a frame each (Yang et al., arXiv 1905.04804).

Each track is `{"video_id", "category_id", "score", "segmentations": [mask or null, ...]}`: one score and one class for
the whole track, `null` where it is absent, one entry a frame of the clip. Categories count from 1. Two fields of ours,
which other readers pass over: `category`, the class's name, and `id`, the track's identity; without it tracks are
numbered as they come.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from yolact_temporal.data.files import atomic_write
from yolact_temporal.data.formats.annotations import (
    Annotations,
    first_category,
    frame_size,
    is_crowd,
    of_one_video,
    together,
)
from yolact_temporal.data.formats.contract import (
    MAX_FRAMES,
    KnownFrames,
    MaskSequence,
    ReadOptions,
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
from yolact_temporal.data.formats.frame_names import Matched, frames_of_names
from yolact_temporal.data.formats.text_files import Fields, read_json, rows_of, shown
from yolact_temporal.data.formats.tracks import require_tracks, tracks_of
from yolact_temporal.data.image_names import stem_of
from yolact_temporal.data.masks_jsonl import shortest
from yolact_temporal.data.rle import Rle
from yolact_temporal.errors import InputError

NAME = "youtube-vis"

_IN_ORDER = Matched([], "in the order of the file's frames")

VIDEO_ID = 1
"""The video id that is written."""


def read_youtube_vis(path: Path, options: ReadOptions) -> MaskSequence:
    """Read YouTube-VIS results of one clip, or YouTube-VIS annotations (`{"videos", "annotations", "categories"}`).

    Of annotations a crowd (`iscrowd`) is void, an object's identity its annotation's `id`, and its score 1.

    Raises:
        InputError: if the file is none, is of several clips and none is chosen, or does not fit what is known of the
            clip.
    """
    content = read_json(path, "YouTube-VIS results")
    if isinstance(content, dict):
        return _read_annotations(content, path, options)
    rows = rows_of(content, path, "YouTube-VIS results")
    all_tracks = [Fields(row, path, f"track {i}") for i, row in enumerate(rows)]
    tracks = of_one_video(all_tracks, "video_id", path, options)
    named = all("id" in fields.row for fields in tracks)
    first = first_category(tracks, options.known.first_category)
    places = options.known.places
    frames: dict[int, list[Detection]] = defaultdict(list)
    names: dict[int, str] = {}
    size, length = options.size, len(places) or options.frame_count
    for number, fields in enumerate(tracks, start=1):
        masks = _masks(fields, length)
        length = len(masks)
        score, class_id = fields.number("score", 0, 1), fields.class_id("category_id", first)
        identity = fields.whole("id") if named else number
        note_name(names, class_id, fields)
        for index, mask in enumerate(masks):
            if mask is not None:
                own = (mask["size"][0], mask["size"][1])
                require_size(own, size, path, fields.where)
                size = own
                frame = places[index] if places else index
                frames[frame].append(Detection(mask, class_id, score, identity=identity))
    if size is None or length is None:
        raise no_size(path)
    if places:
        found = Collected(frames, size, names, {}, indices=tuple(sorted(places)))
        return sequence_of(
            NAME, path, found, options, Matched([], f"by the list of frames in {options.known.source}")
        )
    return sequence_of(NAME, path, Collected(frames, size, names, {}, length), options, _IN_ORDER)


def _read_annotations(content: Mapping[str, Any], path: Path, options: ReadOptions) -> MaskSequence:
    known = Annotations(content, path, "YouTube-VIS annotations", "videos")
    videos = of_one_video(known.frames, "id", path, options)
    if len(videos) != 1:
        raise InputError(
            f"expected one video with that id in {path}, got {len(videos)}: pass a file that holds it once"
        )
    (video,) = videos
    size = frame_size(video)
    require_size(size, options.size, path, video.where)
    places, own, matched = _places(video, path, options)
    frames: dict[int, list[Detection]] = defaultdict(list)
    crowds: dict[int, list[Rle]] = defaultdict(list)
    for annotation in known.annotations:
        if annotation.whole("video_id") != video.whole("id"):
            continue
        class_id, identity = known.class_id(annotation), annotation.whole("id")
        crowd = is_crowd(annotation)
        for index, mask in zip(places, _masks(annotation, len(places), size), strict=True):
            if mask is not None and crowd:
                crowds[index].append(mask)
            elif mask is not None:
                frames[index].append(Detection(mask, class_id, identity=identity))
    voids = {index: together(masks) for index, masks in crowds.items()}
    own = replace(own, first_category=known.first)
    if isinstance(places, range):
        found = Collected(frames, size, known.names, voids, len(places), known=own)
    else:
        found = Collected(frames, size, known.names, voids, indices=tuple(sorted(places)), known=own)
    return sequence_of(NAME, path, found, options, matched)


def _places(video: Fields, path: Path, options: ReadOptions) -> tuple[Sequence[int], KnownFrames, Matched]:
    """Return the frames of a video in the order of its masks, what they are called, and how that was told."""
    listed = video.row.get("file_names")
    if isinstance(listed, list) and options.known.names:
        matched = frames_of_names([str(name) for name in listed], path, options, "the file")
        places: Sequence[int] = matched.indices
    else:
        matched, places = _IN_ORDER, range(_length(video, options))
    stems = dict(
        zip(map(stem_of, map(str, listed if isinstance(listed, list) else [])), places, strict=False)
    )
    return places, KnownFrames(str(path), stems, places=tuple(places)), matched


def _length(video: Fields, options: ReadOptions) -> int:
    """Return how many frames a video has.

    Raises:
        InputError: if it does not say, or has another number than the clip.
    """
    if "file_names" in video.row:
        names = video.value("file_names")
        if not isinstance(names, list):
            raise video.fault("a list of file_names", shown(names))
        length = len(names)
    else:
        length = video.whole("length", 0, MAX_FRAMES)
    if options.frame_count not in (None, length):
        raise video.fault(f"{options.frame_count} frames, as the clip has", str(length))
    return length


def _masks(fields: Fields, length: int | None, size: tuple[int, int] | None = None) -> list[Rle | None]:
    """Return a track's masks, one a frame; of a known size they may be polygons."""
    segmentations = fields.value("segmentations")
    if not isinstance(segmentations, list):
        raise fields.fault("a list of segmentations", shown(segmentations))
    if length is not None and len(segmentations) != length:
        raise fields.fault(f"{length} segmentations, one a frame of the clip", str(len(segmentations)))
    masks: list[Rle | None] = []
    for index, value in enumerate(segmentations):
        name = f"segmentation {index}"
        if value is None or (size is not None and value == []):
            masks.append(None)
        else:
            masks.append(fields.rle(name, value) if size is None else fields.segmentation(name, value, size))
    return masks


def write_youtube_vis(sequence: MaskSequence, path: Path) -> None:
    """Write a clip's masks as YouTube-VIS results, whole or not at all.

    A track's class is the one it has most often, its score its mean; the boxes are left out. All tracks are held in
    memory.

    Raises:
        InputError: if the masks have no identity, or there is a void, which the format cannot say.
    """
    require_tracks(sequence, NAME)
    tracks = tracks_of(sequence)
    length = max(sequence.indices, default=-1) + 1
    masks: dict[int, list[Rle | None]] = {identity: [None] * length for identity in tracks}
    for frame in sequence:
        refuse_void(frame, NAME)
        for identity, mask in zip(frame.identities or (), frame.instances.masks, strict=True):
            masks[identity][frame.index] = mask
    with atomic_write(path) as file:
        file.write("[")
        separator = "\n"
        for identity, track in sorted(tracks.items()):
            row = {
                "video_id": VIDEO_ID,
                "id": identity,
                "category_id": track.class_id + 1,
                "category": sequence.class_names[track.class_id],
                "score": shortest(track.score),
                "segmentations": list(_segmentations(masks[identity])),
            }
            file.write(separator + json.dumps(row, allow_nan=False, separators=(",", ":")))
            separator = ",\n"
        file.write("\n]\n")


def _segmentations(masks: list[Rle | None]) -> Iterator[dict[str, Any] | None]:
    for mask in masks:
        yield None if mask is None else {"size": mask["size"], "counts": mask["counts"].decode("ascii")}
