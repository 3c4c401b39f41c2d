"""Stabilised masks of a model as a model of their own: what sees frames by what another one saw in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from yolact_temporal.analyzing.frames_in_flight import MovedFrame
from yolact_temporal.analyzing.loaded_model import LoadedModel
from yolact_temporal.analyzing.mask_sources import MaskSource, NetworkMasks, as_mask_source
from yolact_temporal.analyzing.options import AnalyzeOptions
from yolact_temporal.data.frames import Frame
from yolact_temporal.data.masks_jsonl import FrameRecord, read_records
from yolact_temporal.data.runs.names import twice_named
from yolact_temporal.errors import InputError, UsageError
from yolact_temporal.temporal.association import NO_TRACK
from yolact_temporal.temporal.stabilizing.contract import StabilizedFrame
from yolact_temporal.temporal.stabilizing.live import FrameTracker
from yolact_temporal.temporal.stabilizing.registry import Candidate, require_causal

SHOWN_THRESHOLD = 0.0
"""All that a stabiliser shows counts, also what goes on below the operating threshold."""


def stabilized_name(model: str, candidate: Candidate) -> str:
    """Return what a model's stabilised masks are called.

    Example:
        >>> from yolact_temporal.temporal.stabilizing.registry import parse_method
        >>> stabilized_name("yolact_compact", parse_method("median:3"))
        'yolact_compact+median3'
    """
    return f"{model}+{candidate.name}"


def stabilized_manifest(model: str, candidate: Candidate, class_names: Sequence[str]) -> dict[str, Any]:
    """Return what `run.json` holds of a model's stabilised masks."""
    ahead = candidate.look_ahead
    knows = "works live" if not ahead else f"knows {ahead} frame{'' if ahead == 1 else 's'} of the future"
    return {
        "note": f"{stabilized_name(model, candidate)}: the masks of {model}, stabilised by {candidate.name}, which "
        f"{knows}.",
        "stabilized": {"model": model, "method": candidate.name, "look_ahead": ahead},
        "config": {"class_names": list(class_names)},
        "score_threshold": SHOWN_THRESHOLD,
        "record_threshold": SHOWN_THRESHOLD,
    }


def stabilized_record(shown: StabilizedFrame, time_s: float, identified: bool) -> FrameRecord:
    """Return what is shown in a frame as a record.

    Args:
        shown: the frame.
        time_s: its time in seconds.
        identified: whether tracks are recorded as identities; what has none is then left out.
    """
    instances = shown.instances
    if not identified:
        return FrameRecord(shown.index, time_s, instances)
    there = [place for place, own in enumerate(shown.shown) if own.track != NO_TRACK]
    tracks = tuple(shown.shown[place].track for place in there)
    return FrameRecord(shown.index, time_s, instances.select(there), tracks)


class FollowingMasks:
    """A causal stabiliser that follows a model while it runs.

    Args:
        source: what sees the frames.
        candidate: the method.
        rate: measured frames a second; None where the clip has no time.

    Raises:
        UsageError: if the method needs frames of the future, or soft masks that there are not.
    """

    path: Path | None = None

    def __init__(self, source: MaskSource, candidate: Candidate, rate: float | None) -> None:
        require_causal(candidate)
        soft = isinstance(source, NetworkMasks) and source.records_soft
        if candidate.spec.needs_soft and not soft:
            raise UsageError(
                f"expected soft masks of {source.name} for {candidate.name}, got none: add --record-soft with a model "
                f"that hands them out, or take another method"
            )
        self.of = source.name
        self.name = stabilized_name(source.name, candidate)
        self.class_names = source.class_names
        self.score_threshold = SHOWN_THRESHOLD
        self.identified = source.identified
        self.manifest = stabilized_manifest(source.name, candidate, source.class_names)
        self._source = source
        self._method = candidate.make()
        self._tracker = FrameTracker(source.score_threshold, rate, source.identified)

    def follow(self, moved: MovedFrame, record: FrameRecord) -> FrameRecord:
        """Return what is shown in the next frame, of what the model saw in it."""
        frame = self._tracker.update(
            record.index, record.instances, moved.motion, moved.cut, record.identities, record.soft
        )
        (shown,) = self._method.push(frame)
        return stabilized_record(shown, record.time_s, self.identified)

    def mask_cell_px(self, size: tuple[int, int]) -> tuple[float, float] | None:
        """Return that of the model, so that both are measured alike near the box."""
        return self._source.mask_cell_px(size)

    def see(self, frames: Sequence[Frame]) -> list[FrameRecord]:
        """Refuse: nothing is seen in frames alone."""
        raise TypeError("expected `follow` of stabilised masks, got `see`")

    def remarks(self) -> list[str]:
        """Return nothing: what is to be said is in the manifest."""
        return []


def with_followers(
    models: Sequence[LoadedModel | MaskSource],
    methods: Sequence[Candidate],
    fps: Fraction | None,
    options: AnalyzeOptions | None = None,
) -> list[LoadedModel | MaskSource]:
    """Return the models with stabilisers that follow the first of them, fresh for one clip.

    Args:
        models: what sees the frames.
        methods: causal ones.
        fps: the clip's frames a second; None where it has no time.
        options: what is measured; None for all as by default.

    Raises:
        UsageError: if a method is named twice, or needs frames of the future, or soft masks that are not kept.
    """
    if not methods:
        return list(models)
    options = options or AnalyzeOptions()
    followed = as_mask_source(models[0], options.why_every > 0, options.record_soft)
    rate = None if fps is None else float(fps / options.stride)
    followers = [FollowingMasks(followed, method, rate) for method in methods]
    if (twice := twice_named([own.name for own in followers])) is not None:
        raise UsageError(f"expected every method once, got {twice} twice: name it once")
    return [followed, *followers, *models[1:]]


class RecordedMasks:
    """Masks of a run again, from a record.

    Args:
        name, class_names, score_threshold, identified: as of a `MaskSource`.
        record: `masks.jsonl`.
        manifest: what `run.json` holds of it.
        cell_px: what `mask_cell_px` gives.
    """

    path: Path | None = None

    def __init__(
        self,
        name: str,
        record: Path,
        class_names: Sequence[str],
        score_threshold: float,
        identified: bool,
        manifest: dict[str, Any],
        cell_px: tuple[float, float] | None = None,
    ) -> None:
        self._cell_px = cell_px
        self.name = name
        self.class_names = class_names
        self.score_threshold = score_threshold
        self.identified = identified
        self.manifest = manifest
        self._record = record
        self._records: Iterator[FrameRecord] = read_records(record)

    def mask_cell_px(self, size: tuple[int, int]) -> tuple[float, float] | None:
        """Return what was told: the record is of one clip, and so of one size."""
        return self._cell_px

    def see(self, frames: Sequence[Frame]) -> list[FrameRecord]:
        """Return what is recorded of the next frames.

        Raises:
            InputError: if the record is of other frames.
        """
        found = []
        for frame in frames:
            record = next(self._records, None)
            if record is None or record.index != frame.index:
                raise InputError(
                    f"expected frame {frame.index} next in {self._record}, got "
                    f"{'its end' if record is None else f'frame {record.index}'}: the clip reads differently now, "
                    f"analyze it again"
                )
            found.append(record)
        return found

    def remarks(self) -> list[str]:
        """Return nothing: what is to be said is in the manifest."""
        return []
