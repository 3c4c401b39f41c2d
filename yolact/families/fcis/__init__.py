"""FCIS (Li et al. 2017, arXiv 1611.07709), the third system that the YOLACT paper compares, as a `Segmenter`."""

from typing import TYPE_CHECKING

from yolact_temporal.yolact.lazy import lazy_names

if TYPE_CHECKING:
    from yolact_temporal.yolact.families.fcis.config import FCIS, FcisConfig
    from yolact_temporal.yolact.families.fcis.network import build_fcis
    from yolact_temporal.yolact.families.fcis.segmenter import FcisSegmenter

__all__ = ["FCIS", "FcisConfig", "FcisSegmenter", "build_fcis"]

__getattr__ = lazy_names(
    __name__,
    {"FCIS": "config", "FcisConfig": "config", "FcisSegmenter": "segmenter", "build_fcis": "network"},
)
