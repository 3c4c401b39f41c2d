"""The formats by name: how each is recognised, read and written, and what it can hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from PIL import Image

from yolact_temporal.data.formats import (
    coco_results,
    davis_png,
    masks_file,
    mots_png,
    mots_txt,
    youtube_vis,
)
from yolact_temporal.data.formats.contract import MaskSequence, ReadOptions
from yolact_temporal.data.formats.png_folder import image_numbers
from yolact_temporal.data.formats.text_files import unreadable
from yolact_temporal.errors import InputError, UsageError, advice_on_name

_SNIFFED_BYTES = 1 << 20


@dataclass(frozen=True)
class MaskFormat:
    """One interchange format.

    Attributes:
        name: as `--format` has it.
        summary: what it is, in a few words.
        read: makes a sequence of a path.
        write: writes a sequence to a path, whole or not at all.
        folder: whether it is a folder of images; else a file.
        identified: whether every instance must have an identity.
        overlaps: whether masks of a frame may overlap.
        scores, boxes: whether each instance keeps its score and its box.
        classes: "instance" if each instance keeps its class, "track" if each object has one, None if there is none.
        max_identity: the largest identity it can hold; None for any.
        videos: whether one file can hold several videos.
        numbers: returns the numbers by which a path counts frames, where nothing but numbers says which they are.
        from_one: whether frames count from 1 by the format's rule.
    """

    name: str
    summary: str
    read: Callable[[Path, ReadOptions], MaskSequence]
    write: Callable[[MaskSequence, Path], None]
    folder: bool
    identified: bool
    overlaps: bool
    scores: bool
    boxes: bool
    classes: str | None
    max_identity: int | None = None
    videos: bool = False
    numbers: Callable[[Path], Sequence[int]] | None = None
    from_one: bool = False


_ALL = (
    MaskFormat(
        masks_file.NAME,
        "this project's masks.jsonl, one line a frame",
        masks_file.read_masks_file,
        masks_file.write_masks_file,
        folder=False,
        identified=False,
        overlaps=True,
        scores=True,
        boxes=True,
        classes="instance",
    ),
    MaskFormat(
        coco_results.NAME,
        "COCO results json, an instance a row; or COCO annotations",
        coco_results.read_coco,
        coco_results.write_coco_results,
        folder=False,
        identified=False,
        overlaps=True,
        scores=True,
        boxes=True,
        classes="instance",
        videos=True,
    ),
    MaskFormat(
        youtube_vis.NAME,
        "YouTube-VIS results json, a track a row; or YouTube-VIS annotations",
        youtube_vis.read_youtube_vis,
        youtube_vis.write_youtube_vis,
        folder=False,
        identified=True,
        overlaps=True,
        scores=False,
        boxes=False,
        classes="track",
        videos=True,
    ),
    MaskFormat(
        mots_txt.NAME,
        "MOTS text, a line an instance",
        mots_txt.read_mots_txt,
        mots_txt.write_mots_txt,
        folder=False,
        identified=True,
        overlaps=False,
        scores=False,
        boxes=False,
        classes="track",
        numbers=mots_txt.frame_numbers,
        from_one=True,
    ),
    MaskFormat(
        mots_png.NAME,
        "a folder of 16-bit PNG, class * 1000 + instance",
        mots_png.read_mots_png,
        mots_png.write_mots_png,
        folder=True,
        identified=True,
        overlaps=False,
        scores=False,
        boxes=False,
        classes="track",
        numbers=image_numbers,
    ),
    MaskFormat(
        davis_png.NAME,
        "a folder of palette PNG, an object a value, 255 void",
        davis_png.read_davis,
        davis_png.write_davis,
        folder=True,
        identified=True,
        overlaps=False,
        scores=False,
        boxes=False,
        classes=None,
        max_identity=davis_png.VOID - 1,
        numbers=image_numbers,
    ),
)

FORMATS: Mapping[str, MaskFormat] = MappingProxyType({each.name: each for each in _ALL})
"""Every format by name."""


def mask_format(name: str, option: str = "--format") -> MaskFormat:
    """Return a format by name.

    Raises:
        UsageError: if there is none of that name.

    Example:
        >>> mask_format("davis").folder, mask_format("coco").overlaps
        (True, True)
    """
    if name not in FORMATS:
        raise UsageError(
            f"expected {option} of {', '.join(FORMATS)}, got {name!r}: {advice_on_name(name, FORMATS)}"
        )
    return FORMATS[name]


def recognise(path: Path, option: str = "--format") -> MaskFormat:
    """Return the format of a file or folder, by its name and its first bytes.

    Args:
        path: the file or folder.
        option: what says the format, for the message.

    Raises:
        InputError: if it cannot be read, or is of no format that is known.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder) / "results.json"
        ...     _ = path.write_text('[{"image_id": 0, "category_id": 1}]')
        ...     print(recognise(path).name)
        coco
    """
    if path.is_dir():
        return _recognise_folder(path)
    try:
        with path.open("rb") as file:
            head = file.read(_SNIFFED_BYTES)
    except OSError as error:
        raise unreadable(path, error) from error
    suffix = path.suffix.lower()
    if suffix == ".txt" or re.match(rb"\d+ \d+ \d+ \d+ \d+ ", head):
        return FORMATS[mots_txt.NAME]
    if suffix == ".jsonl" or head.startswith(b'{"frame":'):
        return FORMATS[masks_file.NAME]
    if suffix == ".json" or head.lstrip()[:1] in (b"[", b"{"):
        marks = {
            b'"video_id"': youtube_vis.NAME,
            b'"videos"': youtube_vis.NAME,
            b'"segmentations"': youtube_vis.NAME,
            b'"image_id"': coco_results.NAME,
            b'"images"': coco_results.NAME,
        }
        if any(mark in head for mark in (b'"image_id"', b'"images"')) and b'"segmentations"' not in head:
            return FORMATS[coco_results.NAME]  # COCO for video has a list of videos, too
        places = {head.find(mark): name for mark, name in marks.items() if mark in head}
        if places:
            return FORMATS[places[min(places)]]
    raise InputError(
        f"expected masks in a known format ({', '.join(FORMATS)}) in {path}, got a file that is not recognised: name "
        f"its format with {option}"
    )


def format_of(path: Path, name: str | None, option: str = "--format") -> MaskFormat:
    """Return the format of masks: that of the name, or the one recognised; little of them is read.

    Args:
        path: of the masks.
        name: one of `FORMATS`; recognised if None.
        option: what says the format, for messages.

    Raises:
        UsageError: if there is no such format.
        InputError: if there are no masks at the path, or they are of no format that is known.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):  # opening it might never come back
        raise InputError(f"expected masks in {path}, got a pipe or device: pass a file or folder")
    if name is None:
        return recognise(path, option)
    chosen = mask_format(name, option)
    if not path.exists():
        raise InputError(f"expected masks in {path}, found nothing there: check the path")
    return chosen


def _recognise_folder(path: Path) -> MaskFormat:
    try:
        entries = sorted(path.iterdir())
    except OSError as error:
        raise unreadable(path, error) from error
    if (path / masks_file.FILE_NAME).is_file():
        return FORMATS[masks_file.NAME]
    images = [entry for entry in entries if entry.suffix.lower() == ".png"]
    if images:
        try:
            with Image.open(images[0], formats=("PNG",)) as image:
                return FORMATS[mots_png.NAME if image.mode in mots_png.MODES else davis_png.NAME]
        except Exception:  # the reader will say what is wrong with it
            return FORMATS[davis_png.NAME]
    if (path / "run.json").is_file():
        raise InputError(
            f"expected masks of one model, got the run folder {path}: pass one of its folders that hold "
            f"{masks_file.FILE_NAME}"
        )
    raise InputError(
        f"expected PNG masks or {masks_file.FILE_NAME} in the folder {path}, found neither: pass the folder of one "
        f"clip's masks"
    )


def open_masks(
    path: Path, format_name: str | None = None, options: ReadOptions | None = None
) -> MaskSequence:
    """Read somebody's masks of one clip.

    Args:
        path: a file or folder.
        format_name: one of `FORMATS`; recognised if None.
        options: what is known of the clip.

    Returns:
        The sequence; what is wrong with a frame may come to light only when it is iterated.

    Raises:
        UsageError: if there is no such format, or a video is chosen in one that has no videos.
        InputError: if the masks cannot be read, or do not fit what is known of the clip.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> import numpy as np
        >>> with TemporaryDirectory() as folder:
        ...     for index in range(2):  # object 1 on the diagonal
        ...         Image.fromarray(np.eye(8, dtype=np.uint8)).save(Path(folder) / f"{index:05}.png")
        ...     masks = open_masks(Path(folder))
        ...     print(masks.format, masks.size, masks.identified, len(masks))
        ...     print([(frame.index, frame.identities, frame.instances.crops[0].area) for frame in masks])
        davis (8, 8) True 2
        [(0, (1,), 8), (1, (1,), 8)]
    """
    known = options or ReadOptions()
    chosen = format_of(path, format_name, known.option("format"))
    if known.video is not None and not chosen.videos:
        raise UsageError(
            f"expected {known.option('video')} with masks of several videos ({youtube_vis.NAME}, {coco_results.NAME}), "
            f"got it with {path}, which is {chosen.name}: leave it out"
        )
    return chosen.read(path, known)
