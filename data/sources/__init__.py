"""Frame sources: a clip in, its displayed frames out, once, forward, each with its place and time."""

from yolact_temporal.data.selection import parse_position, select_frames
from yolact_temporal.data.sources.auto import DECODERS, open_clip, require_decoder
from yolact_temporal.data.sources.given_clips import GivenClips, given_clips, require_clip
from yolact_temporal.data.sources.patience import require_timeout

__all__ = [
    "DECODERS",
    "GivenClips",
    "given_clips",
    "open_clip",
    "parse_position",
    "require_clip",
    "require_decoder",
    "require_timeout",
    "select_frames",
]
