"""Masks as other libraries hand them out, told apart by their attributes; none of these libraries is imported."""

from yolact_temporal.data.other_libraries.adapter import GivenFrame, InstanceAdapter
from yolact_temporal.data.other_libraries.pictures import rgb_picture

__all__ = ["GivenFrame", "InstanceAdapter", "rgb_picture"]
