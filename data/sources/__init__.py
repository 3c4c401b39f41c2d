"""Frame sources: a clip in, its displayed frames out, once, forward, each with its place and time."""

from yolact_temporal.data.selection import parse_position, select_frames
from yolact_temporal.data.sources.auto import DECODERS, open_clip

__all__ = ["DECODERS", "open_clip", "parse_position", "select_frames"]
