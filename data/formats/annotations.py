"""What COCO and YouTube-VIS annotations share: an object with lists, categories by number, and regions to ignore."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pycocotools import mask as coco_mask

from yolact_temporal.data.formats.contract import MAX_CLASSES, ReadOptions
from yolact_temporal.data.formats.text_files import Fields, rows_of
from yolact_temporal.data.rle import Rle
from yolact_temporal.errors import InputError


class Annotations:
    """An annotation file's lists, each entry a `Fields` that names its place.

    Attributes:
        names: class names by class id.
        first: the number of the first category, 0 or 1.

    Args:
        content: the file's JSON, an object.
        path: the file.
        what: what it should be, as in "COCO annotations".
        frames: the list that is of images or of videos.

    Raises:
        InputError: if a list is missing, or holds something else than objects, or a category is none.
    """

    def __init__(self, content: Mapping[str, Any], path: Path, what: str, frames: str) -> None:
        lacking = [name for name in (frames, "annotations", "categories") if name not in content]
        if lacking:
            raise InputError(
                f"expected {what} in {path} with lists of {frames}, annotations and categories, found no "
                f"{' and no '.join(lacking)}: pass an annotation file, or a list of results"
            )
        self._path, self._what = path, what
        self.frames = self.entries(frames, content)
        self.annotations = self.entries("annotations", content)
        categories = self.entries("categories", content)
        # Some count categories from 0, though most from 1.
        self.first = min((fields.whole("id", 0, MAX_CLASSES) for fields in categories), default=1) and 1
        self.names: dict[int, str] = {}
        for fields in categories:
            name = fields.name("name")
            if name is None:
                raise fields.fault("a name", "none")
            class_id = fields.whole("id", 0, MAX_CLASSES) - self.first
            if class_id in self.names:
                raise fields.fault("categories of different ids", f"{class_id + self.first} twice")
            self.names[class_id] = name

    def entries(self, name: str, content: Mapping[str, Any]) -> list[Fields]:
        """Return one of the file's lists.

        Raises:
            InputError: if it is none, or holds something else than objects.
        """
        rows = rows_of(content[name], self._path, f"{name} of {self._what}")
        singular = "category" if name == "categories" else name.removesuffix("s")
        return [Fields(row, self._path, f"{singular} {number}") for number, row in enumerate(rows)]

    def class_id(self, annotation: Fields) -> int:
        """Return an annotation's class id.

        Raises:
            InputError: if it is of no category of the file.
        """
        class_id = annotation.whole("category_id", 0, MAX_CLASSES) - self.first
        if class_id not in self.names:
            raise annotation.fault(
                "a category_id of the file's categories", str(annotation.row["category_id"])
            )
        return class_id


IDENTITIES = ("track_id", "instance_id")
"""What an object's identity is called: ours and CVAT's, and that of COCO for video."""


def identity_of(fields: Fields) -> int | None:
    """Return which object an instance is, from 0; None where nobody said. CVAT has it among the attributes.

    Raises:
        InputError: if it is no whole number.
    """
    attributes = fields.row.get("attributes")
    inner = Fields(attributes if isinstance(attributes, dict) else {}, fields.path, fields.where)
    for own in (fields, inner):
        for name in IDENTITIES:
            if own.row.get(name) is not None:
                return own.whole(name)
    return None


def first_category(rows: Sequence[Fields], known: int | None) -> int:
    """Return from which number results count their categories: from 0 where that is known, or used; else from 1.

    Args:
        rows: with a `category_id`.
        known: what the annotations say; None where there are none.

    Raises:
        InputError: if a category is no whole number.
    """
    numbers = [fields.whole("category_id", 0, MAX_CLASSES) for fields in rows]
    return 0 if 0 in numbers else 1 if known is None else known


def of_one_video(entries: list[Fields], key: str, path: Path, options: ReadOptions) -> list[Fields]:
    """Return the entries of the video that is chosen, or of the only one.

    Raises:
        InputError: if there are several and none is chosen, or there are none of the one that is.
    """
    videos = [fields.whole(key) for fields in entries]
    option = options.option("video")
    if options.video is None and len(set(videos)) > 1:
        raise InputError(
            f"expected masks of one clip in {path}, got {len(set(videos))} videos: choose one with {option}, as in "
            f"{option} {videos[0]}"
        )
    if options.video is not None and entries and options.video not in videos:
        raise InputError(
            f"expected masks of video {options.video} in {path}, found none: it has "
            f"{', '.join(map(str, sorted(set(videos))[:8]))}"
        )
    chosen = zip(entries, videos, strict=True)
    return [fields for fields, video in chosen if options.video in (None, video)]


def is_crowd(annotation: Fields) -> bool:
    """Say whether an annotation is a crowd: a region of which nothing is known, our void.

    Raises:
        InputError: if it says something else.
    """
    return annotation.flag("iscrowd")


def frame_size(fields: Fields) -> tuple[int, int]:
    """Return the (height, width) of an image or a video.

    Raises:
        InputError: if it has none.
    """
    return fields.whole("height", 1), fields.whole("width", 1)


def together(masks: Sequence[Rle]) -> Rle:
    """Return the union of masks of one frame, at least one."""
    return masks[0] if len(masks) == 1 else coco_mask.merge(list(masks), intersect=False)
