"""Folders of PNG images, one a frame, whose pixels say which object is there."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from yolact_temporal.data.files import kind_of, part_path, space_for
from yolact_temporal.data.formats.contract import MaskFrame, MaskSequence, ReadOptions, require_size
from yolact_temporal.data.formats.detections import Detection, instances_of
from yolact_temporal.data.formats.frame_names import Matched, frames_of_names
from yolact_temporal.data.formats.mots_txt import refuse_overlap
from yolact_temporal.data.formats.text_files import unreadable
from yolact_temporal.data.image_names import numbers_of
from yolact_temporal.data.rle import MAX_PIXELS, decode_masks, encode_masks
from yolact_temporal.errors import InputError, UsageError


@dataclass(frozen=True)
class ImageList:
    """The images of a folder by frame index, ascending, all of one size (height, width), and how they were matched."""

    paths: Mapping[int, Path]
    size: tuple[int, int]
    matched: Matched

    def sequence(
        self,
        path: Path,
        format_name: str,
        class_names: tuple[str, ...],
        frame_of: Callable[[int, Path], MaskFrame],
    ) -> MaskSequence:
        """Return the masks of the images, which are read one after the other.

        Args:
            path: the folder.
            format_name: as in the registry.
            class_names: what class ids stand for.
            frame_of: reads the image of a frame's index.
        """
        return MaskSequence(
            path,
            format_name,
            self.size,
            class_names,
            True,
            tuple(self.paths),
            lambda: (frame_of(index, image) for index, image in self.paths.items()),
            notes=self.matched.notes,
            matching=self.matched.how,
        )


def list_images(
    path: Path, options: ReadOptions, modes: Collection[str], expected: str, advice: str
) -> ImageList:
    """Return the PNG images of a folder by frame.

    An image's name says of which frame it is, as `frames_of_names` has it, in order of names.

    Args:
        path: the folder.
        options: what is known of the clip.
        modes: Pillow's modes that are right.
        expected: what an image should be, for messages.
        advice: what to do about one that is not.

    Raises:
        InputError: if the folder cannot be read, holds no PNG, two of one number, or images of several sizes or of
            another kind.
    """
    found = png_images(path)
    if not found:
        raise InputError(f"expected PNG masks in {path}, found none: pass the folder of one clip's masks")
    matched = frames_of_names([image.name for image in found], path, options, "their names")
    numbered = dict(sorted(zip(matched.indices, found, strict=True)))
    size = options.size
    for image in numbered.values():
        own = _png_size(image, modes, expected, advice)
        require_size(own, size, path, image.name)
        size = own
    return ImageList(numbered, size or (0, 0), matched)


def png_images(path: Path) -> list[Path]:
    """Return the PNG files of a folder by name.

    Raises:
        InputError: if it cannot be read.
    """
    try:
        return sorted(entry for entry in path.iterdir() if entry.suffix.lower() == ".png" and entry.is_file())
    except OSError as error:
        raise unreadable(path, error) from error


def image_numbers(path: Path) -> list[int]:
    """Return the numbers by which a folder's PNG images count frames; none where they are not numbered alike.

    Raises:
        InputError: if the folder cannot be read.
    """
    return numbers_of([image.stem for image in png_images(path)]) or []


def _png_size(path: Path, modes: Collection[str], expected: str, advice: str) -> tuple[int, int]:
    with _opened(path) as image:
        _require_mode(image, modes, path, expected, advice)
        return image.height, image.width


def read_png(path: Path, modes: Collection[str], expected: str, advice: str) -> NDArray[np.generic]:
    """Return an image's values (H, W), of a palette image its indices.

    Raises:
        InputError: if it cannot be decoded, is too large, or of none of Pillow's modes.
    """
    with _opened(path) as image:
        _require_mode(image, modes, path, expected, advice)
        return np.array(image)


def _require_mode(image: Image.Image, modes: Collection[str], path: Path, expected: str, advice: str) -> None:
    if image.mode not in modes:
        raise InputError(f"expected {expected} in {path}, got mode {image.mode}: {advice}")
    if image.width * image.height > MAX_PIXELS:
        raise InputError(
            f"expected an image of at most {MAX_PIXELS} pixels in {path}, got {image.width}x{image.height}: "
            f"reduce the masks and the clip alike"
        )


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open an image as PNG and nothing else; whatever the decoder raises on damaged bytes is one sentence."""
    try:
        with Image.open(path, formats=("PNG",)) as image:
            yield image
    except InputError:
        raise
    # Pillow raises errors of a dozen kinds on damaged chunks (OSError, SyntaxError, struct.error, zlib.error, ...).
    except Exception as error:
        reason = " ".join(str(error).split()).replace(str(path), path.name)
        raise InputError(
            f"expected a PNG image in {path}, which cannot be decoded ({reason}): it is damaged, or another kind of "
            f"file"
        ) from error


def frame_of_labels(
    index: int, labels: NDArray[np.unsignedinteger], voids: Collection[int], class_of: Callable[[int], int]
) -> MaskFrame:
    """Return the frame of an image of identities.

    Args:
        index: of the frame.
        labels: uint8 or uint16 (H, W): 0 no object, else the object's identity or a void value.
        voids: values of pixels of which nothing is known.
        class_of: gives the class id of an identity.
    """
    values = [int(value) for value in np.flatnonzero(np.bincount(labels.ravel())) if value]
    keys = [value for value in values if value not in voids]
    size = (labels.shape[0], labels.shape[1])
    masks = encode_masks(np.stack([labels == key for key in keys])) if keys else []
    found = [Detection(mask, class_of(key), identity=key) for key, mask in zip(keys, masks, strict=True)]
    void = None
    if len(keys) < len(values):
        void = encode_masks(np.isin(labels, list(voids))[None])[0]
    return MaskFrame(index, instances_of(found, size), tuple(keys), void)


def labels_of_frame(frame: MaskFrame, ids: Mapping[int, int], void: int) -> NDArray[np.uint16]:
    """Return a frame as an image of ids, uint16 (H, W), 0 where there is no object.

    Args:
        frame: its masks, with identities.
        ids: the value of each identity.
        void: the value of void pixels.

    Raises:
        InputError: if masks overlap.
    """
    refuse_overlap(frame)
    labels = np.zeros(frame.instances.size, np.uint16)
    for identity, mask in zip(frame.identities or (), frame.instances.masks, strict=True):
        labels[decode_masks([mask], frame.instances.size)[0]] = ids[identity]
    if frame.void is not None:
        labels[decode_masks([frame.void], frame.instances.size)[0]] = void
    return labels


@contextmanager
def folder_of_images(path: Path) -> Iterator[Path]:
    """Make a folder that appears under its name only once the block has ended well.

    Yields:
        The folder to write into.

    Raises:
        UsageError: if there is something of that name.
        OutOfSpaceError: if the disk is full. What was written is removed after any error.
    """
    part = part_path(path)
    for taken in (path, part):
        if kind_of(taken) != "nothing":
            raise UsageError(
                f"expected a new folder for the images, got {taken}, which exists: pass another path"
            )
    with space_for(path):
        part.mkdir(parents=True)
    try:
        with space_for(path):
            yield part
            part.replace(path)
    except BaseException:
        for image in part.glob("*.png"):
            image.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            part.rmdir()
        raise
