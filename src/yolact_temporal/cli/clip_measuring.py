"""What `analyze` does with one clip after another, once its arguments are read and its models loaded."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import cache, partial
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from yolact_temporal.cli.console import progress_bar
from yolact_temporal.cli.options import destination, motion_options, rules, why_every
from yolact_temporal.cli.running import load_models
from yolact_temporal.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from yolact_temporal.analyzing.loaded_model import LoadedModel
    from yolact_temporal.analyzing.mask_sources import MaskSource
    from yolact_temporal.analyzing.options import AnalyzeOptions
    from yolact_temporal.analyzing.request import RunRequest
    from yolact_temporal.analyzing.run_clip import FinishedRun
    from yolact_temporal.cli.several import FinishedBefore
    from yolact_temporal.data.frames import FrameSource
    from yolact_temporal.data.selection import Position
    from yolact_temporal.temporal.stabilizing.registry import Candidate


class Asked(NamedTuple):
    """What is asked for.

    Attributes:
        clips: the name of each clip's run, by the clip's path; of this share of them alone.
        start, end: the range of frames.
        methods: stabilisers.
        shard: which share of how many the clips are; None for all of them.
    """

    clips: Mapping[str, str]
    start: Position
    end: Position | None
    methods: Sequence[Candidate]
    shard: tuple[int, int] | None


class ClipMeasurer:
    """Measures clips with models that are loaded once.

    Args:
        args: of the command.
        asked: what they ask for.
    """

    def __init__(self, args: argparse.Namespace, asked: Asked) -> None:
        from yolact_temporal.analyzing.options import AnalyzeOptions

        self._args, self._methods = args, asked.methods
        self._options = AnalyzeOptions(
            start=asked.start,
            end=asked.end,
            stride=args.stride,
            batch=args.batch,
            record_soft=args.record_soft,
            why_every=why_every(args),
            **motion_options(args),
        )
        self._rules = rules(args)
        first = cache(partial(_first_pictures, args, list(asked.clips), self._options))
        self._models = load_models(args, first)

    def __call__(self, clip: str, name: str) -> FinishedRun:
        """Open one clip and measure it."""
        with _opened(clip, self._args) as source:
            return self._measured(source, self._models_for(source), self._request(name))

    def what_is_missing(
        self, clip: str, name: str, told: Callable[[int], object], shown: str = ""
    ) -> FinishedRun | FinishedBefore:
        """Do the same for what an earlier call has left undone, unless all is to be done anew."""
        from yolact_temporal.analyzing.run_clip import finished_before
        from yolact_temporal.cli.several import FinishedBefore

        with _opened(clip, self._args) as source:
            if shown:
                source.info = replace(source.info, path=shown)
            models, request = self._models_for(source), self._request(name)
            if not self._args.overwrite:
                request = replace(request, destination=replace(request.destination, resume=True))
                earlier = finished_before(source, models, request)
                if earlier is not None:
                    return FinishedBefore(request.destination.folder, earlier)
            return self._measured(source, models, request, told)

    def _models_for(self, source: FrameSource) -> Sequence[LoadedModel | MaskSource]:
        from yolact_temporal.analyzing.stabilized_masks import with_followers

        return with_followers(self._models, self._methods, source.info.fps, self._options)

    def _request(self, name: str) -> RunRequest:
        from yolact_temporal.analyzing.request import RunRequest

        return RunRequest(destination(self._args, name), self._options, rules=self._rules)

    def _measured(
        self,
        source: FrameSource,
        models: Sequence[LoadedModel | MaskSource],
        request: RunRequest,
        told: Callable[[int], object] | None = None,
    ) -> FinishedRun:
        from yolact_temporal.analyzing.run_clip import run_clip

        expected = _expected_frames(source.info.frame_count, self._options)
        with progress_bar(self._args, request.destination.name, expected) as progress:

            def show(done: int) -> None:
                progress(done)
                if told is not None:
                    told(done)

            goes = replace(request.destination, drawing=progress.drawing, going_on=progress.going_on)
            return run_clip(source, models, replace(request, destination=goes), show)


def _first_pictures(
    args: argparse.Namespace, clips: Sequence[str], options: AnalyzeOptions
) -> list[NDArray[np.uint8]]:
    """Return the first frames that will be measured, of the first clip that can be read; empty where none can."""
    from yolact_temporal.analyzing.checked_precision import CHECKED_FRAMES
    from yolact_temporal.data.sources import select_frames

    for clip in clips:
        try:
            with _opened(clip, args) as source:
                selected = select_frames(source, options.start, options.end, options.stride)
                return [frame.rgb for frame in islice(selected, CHECKED_FRAMES)]
        except InputError:
            continue  # it is told when its turn comes
    return []


def _opened(clip: str, args: argparse.Namespace) -> closing[FrameSource]:
    from yolact_temporal.data.sources import open_clip

    return closing(open_clip(clip, args.decoder, args.fps, timeout_s=args.decode_timeout))


def _expected_frames(count: int | None, options: Any) -> int | None:
    """Frames that will be measured, where that can be told beforehand."""
    if count is None or isinstance(options.start, float) or isinstance(options.end, float):
        return None
    end = count if options.end is None else min(count, options.end)
    expected: int = max(0, -(-(end - options.start) // options.stride))
    return expected
