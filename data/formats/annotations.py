"""What COCO and YouTube-VIS annotations share: an object with lists, categories by number, and regions to ignore."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pycocotools import mask as coco_mask

from yolact_temporal.data.formats.contract import MAX_CLASSES
from yolact_temporal.data.formats.text_files import Fields, rows_of
from yolact_temporal.data.rle import Rle
from yolact_temporal.errors import InputError


class Annotations:
    """An annotation file's lists, each entry a `Fields` that names its place.

    Attributes:
        names: class names by class id.

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
                f"expected {what} in {path}, lists of {frames}, annotations and categories, got no "
                f"{' and no '.join(lacking)}: pass an annotation file, or a list of results"
            )
        self._path, self._what = path, what
        self.frames = self._entries(frames, content)
        self.annotations = self._entries("annotations", content)
        categories = self._entries("categories", content)
        # Some count categories from 0, though most from 1.
        self._first = min((fields.whole("id", 0, MAX_CLASSES) for fields in categories), default=1) and 1
        self.names: dict[int, str] = {}
        for fields in categories:
            name = fields.name("name")
            if name is None:
                raise fields.fault("a name", "none")
            class_id = fields.whole("id", 0, MAX_CLASSES) - self._first
            if class_id in self.names:
                raise fields.fault("categories of different ids", f"{class_id + self._first} twice")
            self.names[class_id] = name

    def _entries(self, name: str, content: Mapping[str, Any]) -> list[Fields]:
        rows = rows_of(content[name], self._path, f"{name} of {self._what}")
        singular = "category" if name == "categories" else name.removesuffix("s")
        return [Fields(row, self._path, f"{singular} {number}") for number, row in enumerate(rows)]

    def class_id(self, annotation: Fields) -> int:
        """Return an annotation's class id.

        Raises:
            InputError: if it is of no category of the file.
        """
        class_id = annotation.whole("category_id", 0, MAX_CLASSES) - self._first
        if class_id not in self.names:
            raise annotation.fault(
                "a category_id of the file's categories", str(annotation.row["category_id"])
            )
        return class_id


def is_crowd(annotation: Fields) -> bool:
    """Say whether an annotation is a crowd: a region of which nothing is known, our void.

    Raises:
        InputError: if it says something else.
    """
    return "iscrowd" in annotation.row and bool(annotation.whole("iscrowd", 0, 1))


def frame_size(fields: Fields) -> tuple[int, int]:
    """Return the (height, width) of an image or a video.

    Raises:
        InputError: if it has none.
    """
    return fields.whole("height", 1), fields.whole("width", 1)


def together(masks: Sequence[Rle]) -> Rle:
    """Return the union of masks of one frame, at least one."""
    return masks[0] if len(masks) == 1 else coco_mask.merge(list(masks), intersect=False)
