"""A folder of numbered images, as a clip."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from yolact_temporal.data.frames import MAX_FRAME_PIXELS, ClipInfo, Frame, FrameLoss
from yolact_temporal.data.image_names import frames_of_images
from yolact_temporal.data.sources.patience import sign_of_life
from yolact_temporal.data.sources.structure import sha256_of, unreadable
from yolact_temporal.errors import InputError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")
ASSUMED_FPS = Fraction(30)
"""Frames a second where a folder's rate is not told."""

_EXIF_ORIENTATION = 0x0112

_FORMATS = ("PNG", "JPEG", "BMP", "DIB", "WEBP", "TIFF", "GIF")
"""Pillow's formats that are read, by content. Others reach programs and files beyond the image, as PostScript does."""

_WHITES = (1.0, 255.0, 1023.0, 4095.0, 16383.0, 65535.0)
"""Values that stand for white in deep grey images: of floating point, and of 8, 10, 12, 14 and 16 bits."""

UNDECODABLE = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError)
"""What opening and decoding an image raises where it cannot be decoded."""


class ImageFolderSource:
    """A `FrameSource` of a folder's images in the order of the numbers in their names, upright by their EXIF tag.

    The whole folder is checked when it is opened: images of one size. `info.fps` is None where no rate was given;
    times then assume 30 a second, and a warning says so. An image that cannot be decoded is a loss, and so is one whose
    number is left out, as `frames_of_images` has it.

    Raises:
        InputError: if the folder cannot be read, has no image, two images of one name, or images of several sizes.
    """

    def __init__(self, path: Path, fps: Fraction | None = None) -> None:
        self.losses: list[FrameLoss] = []
        self.warnings: list[str] = []
        self._paths = image_paths(path)
        self._places = frames_of_images([own.stem for own in self._paths])
        self._rate = fps or ASSUMED_FPS
        height, width = _common_size(self._paths)
        self._white = _white_of_deep(self._paths)
        if self._white not in (None, _WHITES[-1]):
            self.warnings.append(
                f"the images in {path} have more than 8 bits, and no value above {self._white:g}: "
                f"{self._white:g} is taken for white"
            )
        reason = "A folder of images is read image by image"
        if fps is None:
            reason += f"; its rate is not known, so times assume {ASSUMED_FPS} images a second"
            self.warnings.append(
                f"no rate is known for the images in {path}: times assume {ASSUMED_FPS} a second; give --fps"
            )
        self.info = ClipInfo(
            path=str(path),
            sha256=sha256_of([path for path in self._paths if path.is_file()], with_names=True),
            width=width,
            height=height,
            fps=fps,
            frame_count=self._places[-1] + 1,
            rotation=0,
            variable_rate=False,
            decoder="images",
            decoder_reason=f"{reason}.",
        )

    def __iter__(self) -> Iterator[Frame]:
        """Yield the images.

        Raises:
            InputError: if none can be decoded.
        """
        lost: list[str] = []
        good, following = 0, 0
        for index, path in zip(self._places, self._paths, strict=True):
            lost += ["no image has its number"] * (index - following)
            following = index + 1
            try:
                rgb = read_rgb(path, self._white)
            except UNDECODABLE as error:
                lost.append(f"{path.name} cannot be decoded ({error})")
                continue
            self._tell_lost(lost, index)
            good += 1
            yield Frame(index, float(index / self._rate), rgb)
        self._tell_lost(lost, following)
        if not good:
            raise InputError(
                f"expected images in {self.info.path}, but none of {len(self._paths)} can be decoded: "
                f"{self.losses[0].reason}"
            )

    def close(self) -> None:
        """Do nothing: no image is open between frames."""

    def _tell_lost(self, lost: list[str], index: int) -> None:
        if lost:
            more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
            self.losses.append(FrameLoss(index, lost[0] + more, len(lost)))
            lost.clear()


def frame_names(folder: Path) -> dict[str, int]:
    """Return the frame of each image of a folder by its name without ending.

    Raises:
        InputError: as `image_paths`.
    """
    stems = [path.stem for path in image_paths(folder)]
    return dict(zip(stems, frames_of_images(stems), strict=True))


def image_paths(folder: Path) -> list[Path]:
    """Return a folder's images in the order of the numbers in their names.

    Raises:
        InputError: if the folder cannot be read, has no image, or two images of one name.
    """
    try:
        paths = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.name[0] != "."]
    except OSError as error:
        raise unreadable(folder, error) from error
    if not paths:
        raise InputError(
            f"expected numbered images ({', '.join(SUFFIXES)}) in the folder {folder}, found none: "
            "give a video or a folder of images"
        )
    paths.sort(key=_natural_key)
    stems: dict[str, Path] = {}
    for path in paths:
        if path.stem in stems:
            raise InputError(
                f"expected one image a frame in {folder}, found both {stems[path.stem].name} and {path.name}: "
                "move one kind elsewhere"
            )
        stems[path.stem] = path
    return paths


def _natural_key(path: Path) -> tuple[list[tuple[int, int, str]], str]:
    """Order frame_2 before frame_10: digits compare as numbers, the rest as text."""
    parts = re.findall(r"\d+|\D+", path.stem)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts], path.name


@contextmanager
def open_image(path: Path) -> Iterator[Image.Image]:
    """Open an image file, and nothing but a regular file with an image's content.

    A link to a regular file is followed. A pipe or device is not waited for.

    Raises:
        OSError: if it cannot be opened, is no regular file, no image of a known format, or of more than
            `MAX_FRAME_PIXELS`.
    """
    sign_of_life()
    # Asked before it is opened, since opening a device can do something; asked again of what was opened.
    _require_regular(path.stat().st_mode)
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        _require_regular(os.fstat(descriptor).st_mode)
        try:
            image = Image.open(file, formats=_FORMATS)
        except UnidentifiedImageError as error:
            raise OSError(f"its content is no image of a known kind ({', '.join(_FORMATS)})") from error
        with image:
            if image.width * image.height > MAX_FRAME_PIXELS:
                raise OSError(
                    f"it says to be of {image.width}x{image.height}, more than {MAX_FRAME_PIXELS:,} pixels"
                )
            yield image


def _require_regular(mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise OSError("it is a folder, pipe or device, not a file")


def _common_size(paths: list[Path]) -> tuple[int, int]:
    """Return (height, width) of all images, from their headers; unreadable ones are left for later."""
    first: tuple[Path, tuple[int, int]] | None = None
    why = ""
    for path in paths:
        try:
            with open_image(path) as image:
                width, height = image.size
                if image.getexif().get(_EXIF_ORIENTATION, 1) >= 5:
                    width, height = height, width
        except PermissionError as error:
            raise unreadable(path, error) from error
        except UNDECODABLE as error:
            why = why or f"{path.name}: {error}"
            continue
        if first is None:
            first = path, (height, width)
        elif first[1] != (height, width):
            raise InputError(
                f"expected images of one size, {first[1][1]}x{first[1][0]} as {first[0].name}, "
                f"found {path} of {width}x{height}: bring them to one size"
            )
    if first is None:
        raise InputError(
            f"expected images in {paths[0].parent}, but none of {len(paths)} can be decoded ({why}): give others"
        )
    return first[1]


def _white_of_deep(paths: list[Path]) -> float | None:
    """Return the value that stands for white in a folder of deep grey images, by their largest; None for others.

    All of them are read for it if the first one is deep, since one scale must hold for all.
    """
    peak: float | None = None
    for path in paths:
        try:
            with open_image(path) as image:
                if not _is_deep(image):
                    return None
                peak = max(peak or 0.0, _peak(np.asarray(image)))
        except UNDECODABLE:
            continue
    return None if peak is None else _white_for(peak)


def _is_deep(image: Image.Image) -> bool:
    return image.mode.startswith("I") or image.mode == "F"


def _peak(grey: NDArray[Any]) -> float:
    known = grey[np.isfinite(grey)]
    return float(known.max()) if known.size else 0.0


def _white_for(peak: float) -> float:
    return next((white for white in _WHITES if peak <= white), peak)


def read_rgb(path: Path, white: float | None = None) -> NDArray[np.uint8]:
    """Return an image, uint8 (H, W, 3), upright.

    Args:
        path: its file.
        white: the value of a deep grey image that stands for white; by default told from its own values.

    Raises:
        OSError, ValueError, SyntaxError, Image.DecompressionBombError: those in `UNDECODABLE`, where it cannot be
            decoded.
    """
    with open_image(path) as opened:
        image = ImageOps.exif_transpose(opened)
        if _is_deep(image):  # Pillow would clip these values instead of scaling
            values = np.nan_to_num(np.asarray(image).astype(np.float64), posinf=0.0, neginf=0.0)
            scaled = values * (256 / ((white or _white_for(_peak(values))) + 1 / 256))
            grey = scaled.clip(0, 255).astype(np.uint8)
            return np.repeat(grey[..., None], 3, axis=2)
        return np.array(image.convert("RGB"))
