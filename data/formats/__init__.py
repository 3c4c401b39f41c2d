"""Interchange formats of masks in video: readers that return one `MaskSequence` whatever the format, and writers."""

from yolact_temporal.data.formats.contract import KnownFrames, MaskFrame, MaskSequence, ReadOptions
from yolact_temporal.data.formats.registry import (
    FORMATS,
    MaskFormat,
    format_of,
    mask_format,
    open_masks,
    recognise,
)

__all__ = [
    "FORMATS",
    "KnownFrames",
    "MaskFormat",
    "MaskFrame",
    "MaskSequence",
    "ReadOptions",
    "format_of",
    "mask_format",
    "open_masks",
    "recognise",
]
