"""COCO-format annotations and their images, as numpy arrays ready to be augmented.

Beside the standard fields, an image may say `labelled`, the list of category ids that were annotated in it, and
`source`, the name of the collection it is from. A category that is not in `labelled` is unknown in that image,
not absent from it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from yolact_temporal.data.rle import Rle, decode_masks, mask_areas, mask_boxes
from yolact_temporal.errors import InputError, UsageError

Cache = Literal["none", "encoded", "decoded"]


@dataclass(frozen=True, eq=False)
class Sample:
    """One image with its instances.

    Attributes:
        image: uint8 (H, W, 3), RGB.
        boxes: float32 (N, 4), xyxy in pixels.
        class_ids: int64 (N,), 0-based; -1 where a crowd stands for no class in particular.
        masks: uint8 (N, H, W), 0 or 1.
        crowd: bool (N,); a crowd region is neither an instance nor background.
        known: bool (C,); false for a class that may be in the image without being annotated.
    """

    image: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    class_ids: NDArray[np.int64]
    masks: NDArray[np.uint8]
    crowd: NDArray[np.bool_]
    known: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ImageRecord:
    """What the annotations say of one image; boxes, classes and masks as in `Sample`, masks still encoded."""

    image_id: int
    path: Path
    size: tuple[int, int]
    source: str
    known: NDArray[np.bool_]
    boxes: NDArray[np.float32]
    class_ids: NDArray[np.int64]
    crowd: NDArray[np.bool_]
    areas: NDArray[np.int64]
    masks: tuple[Rle, ...] = field(repr=False)


class CocoDataset:
    """The images of a COCO annotation file.

    Args:
        annotations: path of the JSON file.
        images_dir: folder that each `file_name` is relative to.
        class_names: the classes wanted, in the order of their ids; all of the file's categories if None.
            Annotations of other categories are left out.
        unknown: class names that are taken as unknown, although annotated, in images of a source: for a
            collection in which only the main subjects are annotated.
        cache: "encoded" keeps the image files in memory, "decoded" the pixels, "none" nothing.

    Raises:
        InputError: the file is missing, not JSON, not COCO, or a mask in it cannot be read.
        UsageError: a wanted class is not among the file's categories.
    """

    def __init__(
        self,
        annotations: str | Path,
        images_dir: str | Path,
        class_names: Sequence[str] | None = None,
        *,
        unknown: Mapping[str, Sequence[str]] | None = None,
        cache: Cache = "none",
    ) -> None:
        content = read_annotations(annotations)
        self.class_names, self.category_ids = match_categories(
            content["categories"], class_names, annotations
        )
        self.cache: Cache = cache
        self._class_of = {category: index for index, category in enumerate(self.category_ids)}
        self._unknown = {source: set(names) for source, names in (unknown or {}).items()}
        by_image: dict[int, list[dict[str, Any]]] = {}
        for annotation in content["annotations"]:
            by_image.setdefault(annotation["image_id"], []).append(annotation)
        try:
            self.records = tuple(
                self._record(image, by_image.get(image["id"], []), Path(images_dir))
                for image in content["images"]
            )
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise InputError(
                f"Expected COCO instance annotations in {annotations}, but an entry cannot be read "
                f"({type(error).__name__}: {error}); check the file."
            ) from error
        self._stored: dict[int, NDArray[np.uint8]] = {}

    def __len__(self) -> int:
        return len(self.records)

    def fill_cache(self) -> None:
        """Read every image now, so that worker processes forked later share one copy."""
        if self.cache != "none":
            for index in range(len(self)):
                self._stored[index] = self._read(index)

    def image(self, index: int) -> NDArray[np.uint8]:
        """Return the image, uint8 (H, W, 3) RGB; not to be written to.

        Raises:
            InputError: the file is missing, is no image, or is not of the annotated size.
        """
        stored = self._stored.get(index)
        if stored is None:
            stored = self._read(index)
            if self.cache != "none":
                self._stored[index] = stored
        return stored if self.cache == "decoded" else self._decode(index, stored)

    def sample(self, index: int) -> Sample:
        """Return one image with its instances, masks decoded."""
        record = self.records[index]
        return Sample(
            image=self.image(index),
            boxes=record.boxes.copy(),
            class_ids=record.class_ids.copy(),
            masks=decode_masks(record.masks, record.size).view(np.uint8),
            crowd=record.crowd.copy(),
            known=record.known.copy(),
        )

    def mask(self, index: int, instance: int) -> NDArray[np.uint8]:
        """Return one mask of one image, uint8 (H, W), 0 or 1."""
        mask: NDArray[np.uint8] = coco_mask.decode(self.records[index].masks[instance])
        return mask

    def _read(self, index: int) -> NDArray[np.uint8]:
        path = self.records[index].path
        try:
            encoded = np.fromfile(path, np.uint8)
        except OSError as error:
            raise InputError(
                f"Expected the image {path}, but it cannot be read ({error.strerror}); check the images folder."
            ) from error
        return self._decode(index, encoded) if self.cache == "decoded" else encoded

    def _decode(self, index: int, encoded: NDArray[np.uint8]) -> NDArray[np.uint8]:
        record = self.records[index]
        flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
        image = cv2.imdecode(encoded, flags) if encoded.size else None
        if image is None:
            raise InputError(
                f"Expected an image in {record.path}, but it cannot be decoded; replace the file."
            )
        if image.shape[:2] != record.size:
            raise InputError(
                f"Expected {record.path} to be {record.size[1]}x{record.size[0]} as annotated, "
                f"but it is {image.shape[1]}x{image.shape[0]}; check that the images belong to the annotations."
            )
        return image.astype(np.uint8, copy=False)

    def _record(self, image: dict[str, Any], annotations: list[dict[str, Any]], folder: Path) -> ImageRecord:
        size = (int(image["height"]), int(image["width"]))
        wanted = [a for a in annotations if a["category_id"] in self._class_of]
        masks = tuple(encode_segmentation(a["segmentation"], size) for a in wanted)
        areas = mask_areas(masks)
        keep = np.flatnonzero(areas > 0)
        labelled = image.get("labelled")
        source = str(image.get("source", ""))
        known = [
            (labelled is None or category in labelled) and name not in self._unknown.get(source, ())
            for name, category in zip(self.class_names, self.category_ids, strict=True)
        ]
        return ImageRecord(
            image_id=image["id"],
            path=folder / image["file_name"],
            size=size,
            source=source,
            known=np.asarray(known, np.bool_),
            boxes=_boxes(wanted, masks)[keep],
            class_ids=np.asarray([self._class_of[a["category_id"]] for a in wanted], np.int64)[keep],
            crowd=np.asarray([bool(a.get("iscrowd", 0)) for a in wanted], np.bool_)[keep],
            areas=areas[keep],
            masks=tuple(masks[i] for i in keep),
        )


def read_annotations(path: str | Path) -> dict[str, Any]:
    """Read a COCO annotation file.

    Raises:
        InputError: it is missing, is not JSON, or lacks `images`, `annotations` or `categories`.
    """
    try:
        content: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"Expected a COCO annotation file at {path}, but it cannot be read ({error.strerror}); check the path."
        ) from error
    except ValueError as error:
        raise InputError(f"Expected COCO annotations in {path}, but it is not JSON ({error}).") from error
    missing = [
        key
        for key in ("images", "annotations", "categories")
        if not isinstance(content, dict) or not isinstance(content.get(key), list)
    ]
    if missing:
        raise InputError(
            f"Expected the lists images, annotations and categories in {path}, found no {', '.join(missing)}; "
            "give a COCO instance annotation file."
        )
    return content


def match_categories(
    categories: Sequence[Mapping[str, Any]], class_names: Sequence[str] | None, path: str | Path
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the class names and, for each, its category id in the file at `path`.

    Raises:
        UsageError: a class is not among the categories.
    """
    ids = {str(category["name"]): int(category["id"]) for category in categories}
    names = tuple(ids) if class_names is None else tuple(class_names)
    missing = [name for name in names if name not in ids]
    if missing:
        raise UsageError(
            f"Expected the model's classes among the categories of {path}, but it has no {_listed(missing)}: "
            f"the model knows {_listed(names)}, the file has {_listed(tuple(ids))}; "
            "use annotations and a model of the same classes."
        )
    return names, tuple(ids[name] for name in names)


def encode_segmentation(segmentation: Any, size: tuple[int, int]) -> Rle:
    """Return any of COCO's three kinds of segmentation (polygons, runs, compressed runs) as compressed runs.

    Raises:
        ValueError: it is none of the three, or not of the image's size (height, width).
    """
    height, width = size
    if isinstance(segmentation, list):
        if not segmentation:
            empty: Rle = coco_mask.encode(np.zeros(size, np.uint8, order="F"))
            return empty
        merged: Rle = coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
        return merged
    if not isinstance(segmentation, dict) or tuple(segmentation["size"]) != size:
        raise ValueError(f"expected a segmentation of size {size}, got {str(segmentation)[:80]}")
    counts = segmentation["counts"]
    if isinstance(counts, list):
        encoded: Rle = coco_mask.frPyObjects(segmentation, height, width)
        return encoded
    return {"size": [height, width], "counts": counts.encode("ascii") if isinstance(counts, str) else counts}


def _boxes(annotations: Sequence[Mapping[str, Any]], masks: Sequence[Rle]) -> NDArray[np.float32]:
    """Return the annotated boxes as xyxy, float32 (N, 4), or a mask's own box where none is annotated."""
    boxes = mask_boxes(masks)
    for index, annotation in enumerate(annotations):
        x, y, width, height = annotation.get("bbox") or (0, 0, 0, 0)
        if width > 0 and height > 0:
            boxes[index] = x, y, x + width, y + height
    return boxes


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:6])
    return f"{shown} and {len(names) - 6} more" if len(names) > 6 else shown
