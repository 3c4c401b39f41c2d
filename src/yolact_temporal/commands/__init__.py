"""What each command does: arguments in, exit code out; prints the result and leaves the work to libraries."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from yolact_temporal.commands import calibrating, comparing, masks, measure, metrics, models, serving


def run(args: argparse.Namespace) -> int:
    """Run the command that was parsed and return the exit code."""
    handlers: dict[str, Callable[[argparse.Namespace], int]] = {
        "analyze": measure.analyze,
        "demo": measure.demo,
        "compare": comparing.compare,
        "score": masks.score,
        "export": masks.export,
        "metrics": metrics.metrics,
        "dashboard": serving.dashboard,
        "weights": models.weights,
        "train": models.train,
        "evaluate": models.evaluate,
        "benchmark": models.benchmark,
        "calibrate": calibrating.calibrate,
    }
    return handlers[args.command](args)
