"""Measure how steady instance masks are in video.

    import yolact_temporal as yt

    result = yt.measure(frames, masks, fps=25)   # frames (T, H, W, 3) in RGB, masks (T, N, H, W)
    print(result)                                # the essentials, in words
    result.frames                                # a pandas DataFrame; so are .instances, .tracks and .summary
    result.plot()                                # a picture
    result.save("runs/mine")                     # a run folder, as the commands write it

What there is:

    measure     masks that you have in memory, of your own frames
    Meter       the same, frame by frame, from inside your loop
    analyze     run YOLACT and a Mask R-CNN on a clip, and measure both
    score       masks that you have in files
    load        a run that is there already
    compare     say which model is steadier, over one run or many
    what_if     say which way of stabilising masks gains most, and what it costs
    Stabilizer  make masks steadier while a video goes on

All but `Stabilizer` give a `Result`: the same data frames, plots and folder, whatever was measured. Instances may be
masks, or what supervision, ultralytics, torchvision, detectron2, mmdet and transformers hand out. Errors are
`UsageError` and `InputError`, one sentence each: what was expected, what was found, what to do. `help(yt.measure)` has
the details, docs/from-python.md the tour.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yolact_temporal.errors import InputError, UsageError
    from yolact_temporal.interface.clip_analysis import analyze
    from yolact_temporal.interface.comparisons import Comparison, WhatIf
    from yolact_temporal.interface.measuring import measure
    from yolact_temporal.interface.meter import Meter
    from yolact_temporal.interface.recorded import compare, load, score, what_if
    from yolact_temporal.interface.results import Result
    from yolact_temporal.temporal.stabilizing.live import Stabilizer

__all__ = [
    "Comparison",
    "InputError",
    "Meter",
    "Result",
    "Stabilizer",
    "UsageError",
    "WhatIf",
    "__version__",
    "analyze",
    "compare",
    "load",
    "measure",
    "score",
    "what_if",
]

__version__: str

_HOMES = {
    "Comparison": "interface.comparisons",
    "InputError": "errors",
    "Meter": "interface.meter",
    "Result": "interface.results",
    "Stabilizer": "temporal.stabilizing.live",
    "UsageError": "errors",
    "WhatIf": "interface.comparisons",
    "analyze": "interface.clip_analysis",
    "compare": "interface.recorded",
    "load": "interface.recorded",
    "measure": "interface.measuring",
    "score": "interface.recorded",
    "what_if": "interface.recorded",
}
"""Where each name is at home: its module is loaded when the name is first asked for, so that importing is instant."""


if not TYPE_CHECKING:  # else a checker of types would take every name for one that there is

    def __getattr__(name: str) -> Any:
        if name in _HOMES:
            from importlib import import_module

            found = getattr(import_module(f"yolact_temporal.{_HOMES[name]}"), name)
        elif name == "__version__":
            # Reading it takes longer than everything else at start-up, and is rarely needed.
            from yolact_temporal.version import installed_version

            found = installed_version()
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = found
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
