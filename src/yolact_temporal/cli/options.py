"""What the arguments of several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolact_temporal.analyzing.why_sample import WHY_SAMPLE
from yolact_temporal.data.remote import is_remote
from yolact_temporal.errors import UsageError, advice_on_name
from yolact_temporal.temporal.comparison.rules import Rules, bounds_help

if TYPE_CHECKING:
    from yolact_temporal.analyzing.request import Destination
    from yolact_temporal.comparing.true_masks import TruthOptions
    from yolact_temporal.data.runs.manifest import FlowMethod
    from yolact_temporal.yolact.families import SegmenterOptions

FORMAT_NAMES = "masks, coco, youtube-vis, mots, mots-png or davis"
"""The formats of `yolact_temporal.data.formats.FORMATS`, which is too heavy to import here."""

EXIT_CODES = """exit codes:
  0    done
  1    a fault in the program (calibrate: a check failed), or no space for the results
  2    wrong usage: an unknown option or model, a device that is not there, an output that is taken
  3    input that cannot be read or holds no frame, or weights that are missing or do not fit;
       also a single frame, where there is nothing to measure
  4    done in part: damaged frames were lost, some of several clips failed, or some runs could not be compared;
       they are named
  130  interrupted; run the same command with --resume to go on, of several clips the same command as it is
"""


def command(commands: Any, name: str, summary: str, details: str = "") -> argparse.ArgumentParser:
    """Add a command and return its parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=details or summary[0].upper() + summary[1:] + ".",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """Add how a command reports."""
    parser.add_argument("--json", action="store_true", help="print one machine-readable result on stdout")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Add how much a command that measures or compares tells, and how."""
    parser.add_argument(
        "--verbose", action="store_true", help="print every figure, not only the first lines of the report"
    )
    add_output_options(parser)


def add_model_options(parser: argparse.ArgumentParser, auto: bool = False) -> None:
    """Add which model runs; with `auto`, its precision may be chosen by a check on the first frames."""
    parser.add_argument(
        "--model",
        default="yolact_compact",
        metavar="NAME",
        help="the model (default: yolact_compact, small, its weights ship with the package; "
        "the published one is yolact_base), or your own segmenter as package.module:factory",
    )
    parser.add_argument(
        "--weights", type=Path, metavar="FILE", help="load the weights of --model from this file"
    )
    add_segmenter_options(parser, "--model")
    add_device_options(parser, auto)


def add_segmenter_options(parser: argparse.ArgumentParser, of: str) -> None:
    """Add what of a model may be chosen that is not as published.

    Args:
        parser: the command's.
        of: the option that names the models which they are of.
    """
    parser.add_argument(
        "--crop",
        metavar="C",
        help=f"how a box crops a mask of {of}: cells, as YOLACT was published, or fine, at the frame's size with edges "
        "in fractions of a pixel; the model's name then ends with +fine, by which --baseline can name it too",
    )
    parser.add_argument(
        "--crop-margin",
        type=float,
        metavar="M",
        help="widen the box by this share of its width and height on each side before it crops, such as 0.05 "
        "(default: 0)",
    )
    parser.add_argument(
        "--nms",
        metavar="N",
        help="how boxes are suppressed: of YOLACT fast (as published), cross-class or standard; of Mask R-CNN standard "
        "(as published) or cross-class",
    )


def segmenter_options(args: argparse.Namespace) -> SegmenterOptions:
    """Return what the arguments choose of a model."""
    from yolact_temporal.yolact.families import SegmenterOptions

    return SegmenterOptions(args.crop, args.crop_margin, args.nms)


def add_device_options(parser: argparse.ArgumentParser, auto: bool = False) -> None:
    """Add where a network runs, and how precisely; see `add_model_options`."""
    parser.add_argument("--device", default="auto", help="auto, cuda, cuda:N, mps or cpu (default: auto)")
    checked = (
        "; or auto: bfloat16 where the device has it and a check on the first frames finds the same instances and no "
        "outline moved by 0.1 px"
    )
    parser.add_argument(
        "--precision",
        default="float32",
        help=f"float32, float16 or bfloat16, by autocast (default: float32){checked if auto else ''}",
    )


def add_run_options(parser: argparse.ArgumentParser, store: bool = False) -> None:
    """Add what every run of models has: thresholds, baselines, batch and destination, which may be a store."""
    add_model_options(parser, auto=True)
    parser.add_argument(
        "--engine",
        default="pytorch",
        metavar="E",
        help="what runs the network: pytorch, compile (by PyTorch, which takes minutes), or on the CPU onnxruntime or "
        "openvino (extras: pip install 'yolact-temporal[onnx]' or '[openvino]'). Of YOLACT's models; a baseline "
        "that it cannot run is run by pytorch (default: pytorch)",
    )
    parser.add_argument(
        "--score-threshold",
        type=float,
        default=None,
        metavar="S",
        help="count instances whose score is above S, 0 to 1, for every model (default: each model's own)",
    )
    parser.add_argument(
        "--baseline",
        action="append",
        metavar="NAME",
        help="compare with this model, on the same frames; may be repeated (default: mask_rcnn_compact beside the "
        "compact model, mask_rcnn_resnet50_fpn beside the published ones, none beside your own)",
    )
    parser.add_argument("--no-baseline", action="store_true", help="measure the model alone")
    parser.add_argument(
        "--batch", type=int, default=1, metavar="N", help="frames in each forward pass (default: 1)"
    )
    add_motion_options(parser)
    add_destination_options(
        parser, "folder in which a run folder is made for each clip (default: runs)", store
    )
    add_bound_option(parser)


def _place(given: str) -> Path | str:
    """Read where results go: a folder, or as it is the address of a store, which only some commands take."""
    return given if is_remote(given) else Path(given)


def add_destination_options(parser: argparse.ArgumentParser, out: str, store: bool = False) -> None:
    """Add where a run goes, what becomes of one that is there, and how the command reports.

    Args:
        parser: the command's.
        out: what --out is.
        store: whether it may be the address of a store.
    """
    kind = _place if store else Path
    parser.add_argument("--out", type=kind, default=Path("runs"), metavar="FOLDER", help=out)
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier run")
    parser.add_argument("--no-overlay", action="store_true", help="write no overlay video")
    add_plot_option(parser)
    add_reading_options(parser)


def add_bound_option(parser: argparse.ArgumentParser) -> None:
    """Add what a comparison is decided by."""
    parser.add_argument(
        "--bound",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set a margin or a bound by which models are compared; may be repeated (defaults: "
        f"{bounds_help()}; docs/comparing.md tells what each is)",
    )


def rules(args: argparse.Namespace) -> Rules:
    """Return the margins and bounds that the arguments set.

    Raises:
        UsageError: if one is not known or out of its range.
    """
    return Rules().with_bounds(args.bound)


def add_motion_option(parser: argparse.ArgumentParser, what: str) -> None:
    """Add which optical flow motion is estimated by."""
    parser.add_argument("--motion", metavar="M", help=what)


def add_motion_options(parser: argparse.ArgumentParser) -> None:
    """Add how the motion between frames is estimated."""
    add_motion_option(
        parser,
        "optical flow that motion is estimated by: dis, dis-quick (three fifths of its time), dis-fine (over twice its "
        "time, a lower floor), or farneback (default: dis); one of another kind checks it",
    )
    parser.add_argument(
        "--second-motion-every",
        type=int,
        metavar="N",
        help="measure B1 by the other flow too, on every N-th pair of frames; 0 for never (default: 10, which adds "
        "less than a tenth to the time of the flow)",
    )


def motion_option(args: argparse.Namespace) -> FlowMethod | None:
    """Return which optical flow the arguments ask for; None where they do not say.

    Raises:
        UsageError: if it is unknown.
    """
    from yolact_temporal.data.runs.manifest import FLOW_METHODS

    found = next((method for method in FLOW_METHODS if method == args.motion), None)
    if args.motion is not None and found is None:
        raise UsageError(
            f"expected one of {', '.join(FLOW_METHODS)} as --motion, got {args.motion!r}: "
            f"{advice_on_name(args.motion, FLOW_METHODS, 'pass one of them, or leave it out')}"
        )
    return found


def motion_options(args: argparse.Namespace) -> dict[str, Any]:
    """Return what the arguments say of motion, by the names of `AnalyzeOptions`; what they do not say is left out.

    Raises:
        UsageError: if a method is unknown, or the number of pairs is negative.
    """
    method, every = motion_option(args), args.second_motion_every
    if every is not None and every < 0:
        raise UsageError(
            f"expected --second-motion-every of at least 0, got {every}: pass 0 to measure no pair by the other flow"
        )
    given = {"motion": method, "second_motion_every": every}
    return {name: value for name, value in given.items() if value is not None}


def add_why_option(parser: argparse.ArgumentParser) -> None:
    """Add whether the causes of jitter are looked for."""
    parser.add_argument(
        "--why",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="find which part of a mask its jitter comes from: prototypes, coefficients or box, features or box; --why "
        f"on every pair of frames, --no-why on none (default: on every {WHY_SAMPLE}th, which costs less)",
    )


def why_every(args: argparse.Namespace) -> int:
    """Return of how many pairs of frames one is explained; 0 for none."""
    return WHY_SAMPLE if args.why is None else int(args.why)


def add_plot_option(parser: argparse.ArgumentParser) -> None:
    """Add whether plots are drawn."""
    parser.add_argument(
        "--no-plots",
        action="store_true",
        help="draw no plots and no pictures of the worst moments; the tables hold the same figures",
    )
    parser.add_argument(
        "--pair-plots",
        action="store_true",
        help="with more than two models, also a picture of every two: comparison_1.png and so on",
    )


def destination(
    args: argparse.Namespace,
    name: str,
    inputs: tuple[Path, ...] = (),
    drawing: Callable[[], object] | None = None,
    going_on: Callable[[int, int], object] | None = None,
) -> Destination:
    """Return where the arguments send a run.

    Args:
        args: of the command.
        name: the run's.
        inputs: what it is made from, beside what the arguments name.
        drawing: called before its plots are drawn.
        going_on: called where a broken run is gone on with.
    """
    from yolact_temporal.analyzing.request import Destination, Pictures

    drawn = getattr(args, "prototypes", None)
    pictures = Pictures(not args.no_overlay, not args.no_plots, args.pair_plots, drawn)
    return Destination(
        name,
        args.out / name,
        args.resume,
        args.overwrite,
        pictures,
        inputs,
        args.command_line,
        drawing,
        going_on,
    )


def add_truth_options(parser: argparse.ArgumentParser, several: str = "") -> None:
    """Add which true masks there are, and what is known of them."""
    parser.add_argument(
        "--ground-truth",
        type=Path,
        metavar="PATH",
        help=f"true masks with identities, in any of the formats, or COCO or YouTube-VIS annotations{several}",
    )
    parser.add_argument(
        "--ground-truth-format",
        metavar="F",
        help=f"format of --ground-truth: {FORMAT_NAMES} (default: recognised)",
    )
    parser.add_argument(
        "--ground-truth-first-frame",
        type=int,
        metavar="N",
        help="the number that the ground truth gives the first frame",
    )
    parser.add_argument(
        "--ground-truth-video",
        type=int,
        metavar="ID",
        help="which video of the ground truth, where it holds several",
    )


def truth_options(args: argparse.Namespace) -> TruthOptions:
    """Return what the arguments say of a ground truth.

    Raises:
        UsageError: if they say something of none.
    """
    from yolact_temporal.comparing.true_masks import TruthOptions

    given = {
        name: value
        for name in ("format", "first_frame", "video")
        if (value := getattr(args, f"ground_truth_{name}")) is not None
    }
    if given and args.ground_truth is None:
        option = f"--ground-truth-{min(given)}".replace("_", "-")
        raise UsageError(f"expected --ground-truth beside {option}, got none: pass the true masks too")
    return TruthOptions(**given)
