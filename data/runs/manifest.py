"""`run.json`: what was run, on what, how, and whether to the end; every value checked when it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, get_args

from yolact_temporal.data.frames import FrameLoss
from yolact_temporal.data.rle import MAX_PIXELS
from yolact_temporal.data.runs.documents import (
    ADVICE,
    TOOL,
    FieldError,
    Fields,
    read_whole,
    versioned,
    versioned_text,
    write_versioned,
)
from yolact_temporal.data.runs.layout import RunFolder
from yolact_temporal.data.runs.names import is_component
from yolact_temporal.errors import InputError

FORMAT_VERSION = 2
"""Version of the run folder's layout; an older one is read as this, a newer one is refused."""

FlowMethod = Literal["dis", "dis-quick", "dis-fine", "farneback"]
"""How optical flow may be estimated; see `temporal.flow.DIS` for what the first three are."""

FLOW_METHODS: tuple[FlowMethod, ...] = get_args(FlowMethod)

_WHAT = "a run's manifest"

_LONGEST_SIDE = 1 << 16
"""Pixels of the longest side of a frame that motion may be estimated at."""


@dataclass(frozen=True)
class ClipDescription:
    """What the manifest says of the clip.

    Attributes:
        path: the file or folder that was analyzed, which may be gone; "" where there was none.
        rate: frames a second; None where the clip has no time of its own.
        frame_count: of the whole clip; None where it was not known.
    """

    path: str
    sha256: str
    width: int
    height: int
    rate: Fraction | None
    frame_count: int | None
    decoder: str
    decoder_reason: str

    @property
    def fps(self) -> float | None:
        """Frames a second; None where the clip has no time of its own."""
        return None if self.rate is None else float(self.rate)


@dataclass(frozen=True)
class ModelDescription:
    """What the manifest says of one model.

    Attributes:
        weights: the beginning of their SHA-256; "" where there are none.
        mask_cell_px: width and height, in pixels of the frame, of a cell of the grid that its masks are cut on; None
            where that is not known.
        identified: whether its masks came with identities.
        stabilized: the model whose masks these are, stabilised; "" where they are its own.
    """

    name: str
    note: str
    score_threshold: float
    class_names: tuple[str, ...]
    device: str
    precision: str
    weights: str
    mask_cell_px: tuple[float, float] | None = None
    identified: bool = False
    stabilized: str = ""


@dataclass(frozen=True)
class RunOptions:
    """What of the clip was measured.

    Attributes:
        start, end: a frame's index (int) or seconds (float); `end` is exclusive, None for the clip's end.
        stride: 1 where every frame was taken, 2 where every second one was, and so on.
        batch: frames a forward pass.
        flow_long_side: pixels of the long side at which motion was estimated; None where it is not known.
        motion: the method of the main motion estimate, where motion is estimated.
        second_motion_every: the second estimate was made of every so many pairs, 0 for none; None where there was none
            to be had yet.
    """

    start: int | float = 0
    end: int | float | None = None
    stride: int = 1
    batch: int = 1
    flow_long_side: int | None = None
    motion: FlowMethod = "dis"
    second_motion_every: int | None = None


@dataclass(frozen=True)
class LiveDescription:
    """What the manifest of a live run says of its source.

    Attributes:
        source: without user, password and query.
        captured, processed, dropped, repeated: frames; see `data.live.LiveCounts`.
        ended_by: why it ended; "" while it goes on.
    """

    source: str
    captured: int
    processed: int
    dropped: int
    repeated: int
    ended_by: str = ""


@dataclass(frozen=True)
class Manifest:
    """What `run.json` says.

    Attributes:
        completed: whether the run came to its end; what follows the frames is empty where not.
        started, finished: times in UTC, as ISO 8601; "" where not known.
        models: by name, the measured one first.
        frames_measured: None where it is not known.
        outside: by model, how many instances lie on no object that is compared, how many repeat another, and of how
            many; None where that was not counted.
        seconds: wall time by stage.
        command: what was typed to make the run; "" where it was made otherwise.
        live: of a live run, its source and what became of its frames; None of any other.
        document: all that the file holds, also what this version does not know.
    """

    name: str
    completed: bool
    started: str
    finished: str
    clip: ClipDescription
    models: Mapping[str, ModelDescription]
    options: RunOptions
    motion: str
    frames_measured: int | None
    losses: tuple[FrameLoss, ...]
    warnings: tuple[str, ...]
    outside: Mapping[str, tuple[int, int, int]] | None
    seconds: Mapping[str, float]
    packages: Mapping[str, str]
    platform: str
    command: str
    document: Mapping[str, Any] = field(repr=False, compare=False)
    live: LiveDescription | None = None

    @property
    def inputs(self) -> list[Path]:
        """The files and folders that the run was made from, as they were named; some may be gone."""
        models = (self.document["models"][name].get("masks") for name in self.models)
        told = [self.document.get("clip"), self.document.get("ground_truth"), *models]
        paths = [each.get("path") for each in told if isinstance(each, dict)]
        return [Path(path) for path in paths if isinstance(path, str) and path]


def read_manifest(folder: Path) -> Manifest | None:
    """Return what the `run.json` in a folder says; None where there is none.

    Raises:
        InputError: if it cannot be read, lacks or garbles something, is another program's, or of a newer version.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     print(read_manifest(Path(folder)))
        None
    """
    path = RunFolder(folder).manifest
    text = read_whole(path, _WHAT)
    return None if text is None else parse_manifest(text, path)


def parse_manifest(text: bytes, path: Path) -> Manifest:
    """Return what the text of a `run.json` says.

    Args:
        text: UTF-8.
        path: where it was read, for messages.

    Raises:
        InputError: as `read_manifest`.
    """
    data, version = versioned(text, path, _WHAT)
    if version > FORMAT_VERSION:
        raise InputError(
            f"expected a run of format version {FORMAT_VERSION} or older in {path.parent}, got {version}: update "
            f"yolact-temporal"
        )
    if version not in _OLDER and version != FORMAT_VERSION:
        raise InputError(
            f"expected a run of format version {FORMAT_VERSION} or older in {path.parent}, got {version}: {ADVICE}"
        )
    try:
        for older in range(version, FORMAT_VERSION):
            data = dict(_OLDER[older](data))
        return _manifest(data)
    except FieldError as error:
        raise InputError(
            f"expected a run's manifest in {path}, got one with a missing or invalid value ({error}): {ADVICE}"
        ) from error


def write_manifest(folder: Path, document: Mapping[str, Any]) -> None:
    """Write `run.json` whole or not at all, with the tool's name and the version of the layout.

    Args:
        folder: the run's.
        document: what it says beside these two.
    """
    write_versioned(RunFolder(folder).manifest, FORMAT_VERSION, document)


def manifest_of(folder: Path, document: Mapping[str, Any]) -> Manifest:
    """Return what `run.json` will say once a document is written, as `write_manifest` and `read_manifest` make it.

    Args:
        folder: the run's.
        document: as for `write_manifest`.
    """
    text = versioned_text(FORMAT_VERSION, document)
    return parse_manifest(text.encode(), RunFolder(folder).manifest)


def _marked(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a manifest of version 1, which did not name the tool, as one of version 2."""
    return {"tool": TOOL, **data}


_OLDER: Mapping[int, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {1: _marked}
"""By version, what makes of a manifest one of the next version."""


def _manifest(data: Mapping[str, Any]) -> Manifest:
    top = Fields(data)
    if top.text("tool") != TOOL:
        raise FieldError("'tool', which another program wrote")
    models = top.fields("models")
    if not list(models):
        raise FieldError("'models'")
    completed = data.get("completed")
    if not isinstance(completed, bool):
        raise FieldError("'completed'")
    options, seconds, packages = (
        top.fields(key, optional=True) for key in ("options", "seconds", "packages")
    )
    start = options.position("start")
    return Manifest(
        name=top.text("name"),
        completed=completed,
        started=top.text("started_utc", ""),
        finished=top.text("finished_utc", ""),
        clip=_clip(top.fields("clip")),
        models={name: _model(name, models.fields(name)) for name in models},
        options=RunOptions(
            start=0 if start is None else start,
            end=options.position("end"),
            stride=options.whole("stride", 1, 1),
            batch=options.whole("batch", 1, 1),
            flow_long_side=options.whole_or_none("flow_long_side", 1, _LONGEST_SIDE),
            motion=_flow_method(options.text("motion", "dis")),
            second_motion_every=options.whole_or_none("second_motion_every", 0),
        ),
        motion=top.text("motion", ""),
        frames_measured=top.whole_or_none("frames_measured", 0),
        losses=tuple(_loss(Fields(loss, "losses")) for loss in top.items("losses")),
        warnings=top.texts("warnings"),
        outside=_outside(top.fields("outside")) if top.has("outside") else None,
        seconds={name: seconds.number(name, 0.0) for name in seconds},
        packages={name: packages.text(name) for name in packages},
        platform=top.text("platform", ""),
        command=top.text("command", ""),
        document=data,
        live=_live(top.fields("live")) if top.has("live") else None,
    )


def _live(live: Fields) -> LiveDescription:
    counts = {name: live.whole(name, 0, 0) for name in ("captured", "processed", "dropped", "repeated")}
    return LiveDescription(source=live.text("source"), ended_by=live.text("ended_by", ""), **counts)


def _flow_method(name: str) -> FlowMethod:
    for method in FLOW_METHODS:
        if method == name:
            return method
    raise FieldError(f"'motion', which is {name[:80]!r}")


def _clip(clip: Fields) -> ClipDescription:
    if clip.whole("width", 1) * clip.whole("height", 1) > MAX_PIXELS:
        raise FieldError(f"'clip', whose frames are of more than {MAX_PIXELS} pixels")
    return ClipDescription(
        path=clip.text("path"),
        sha256=clip.text("sha256"),
        width=clip.whole("width", 1),
        height=clip.whole("height", 1),
        rate=clip.rate("fps"),
        frame_count=clip.whole_or_none("frame_count", 0),
        decoder=clip.text("decoder"),
        decoder_reason=clip.text("decoder_reason", ""),
    )


def _model(name: str, model: Fields) -> ModelDescription:
    if not is_component(name):
        raise FieldError(f"the name of a model, {name[:80]!r}, which leads out of the run")
    config = model.fields("config", optional=True)
    weights = model.all().get("weights")
    return ModelDescription(
        name=name,
        note=model.text("note", ""),
        score_threshold=model.number("score_threshold", 0.0, 1.0),
        class_names=config.texts("class_names"),
        device=model.text("device", ""),
        precision=model.text("precision", ""),
        weights=str(weights.get("sha256", "") if isinstance(weights, dict) else weights or "")[:12],
        mask_cell_px=_cell(model.all().get("mask_cell_px"), name),
        identified=model.text("identities", "") == "given",
        stabilized=model.fields("stabilized", optional=True).text("model", ""),
    )


def _cell(cell: object, name: str) -> tuple[float, float] | None:
    if cell is None:
        return None
    sides = cell if isinstance(cell, list) and len(cell) == 2 else [0]
    if not all(isinstance(side, int | float) and not isinstance(side, bool) and side > 0 for side in sides):
        raise FieldError(f"'models'.{name}.mask_cell_px")
    return float(sides[0]), float(sides[1])


def _loss(loss: Fields) -> FrameLoss:
    return FrameLoss(loss.whole("at_index", 0), loss.text("reason"), loss.whole_or_none("count", 0))


def _outside(outside: Fields) -> dict[str, tuple[int, int, int]] | None:
    found = {name: outside.fields(name) for name in outside}
    if not all(own.has("duplicates") for own in found.values()):
        return None  # an older run, which told no duplicates from others
    return {
        name: (own.whole("unshared", 0), own.whole("duplicates", 0), own.whole("of", 0))
        for name, own in found.items()
    }
