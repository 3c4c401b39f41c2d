"""Frame sources: a clip in, its displayed frames out, once, forward, each with its place and time."""

from yolact_temporal.data.selection import parse_position, select_frames
from yolact_temporal.data.sources.auto import DECODERS, open_clip
from yolact_temporal.data.sources.folder_of_clips import expand_clips

__all__ = ["DECODERS", "expand_clips", "open_clip", "parse_position", "select_frames"]
