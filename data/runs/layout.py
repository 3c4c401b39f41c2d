"""The layout of a run on disk: every file and folder that a run has, by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

MANIFEST = "run.json"
LOCK = "run.lock"
"""Held by whoever writes the run; gone when it is written."""

SUMMARY, OBJECTS, TRUE_OBJECTS, REPORT = "summary.csv", "objects.csv", "true_objects.csv", "report.md"
REPORT_PAGE = "report.html"
"""The report as one file to look at and pass on, of a run or of a comparison in a folder of its own."""

CAMERA_MOVES, MOMENTS = "camera_moves.csv", "moments.csv"
COMPARISON, COMPARISON_TEXT, COMPARISON_DATA = "comparison.csv", "comparison.md", "comparison.json"
WHAT_IF, WHAT_IF_TEXT, WHAT_IF_PICTURE = "what_if.csv", "what_if.md", "what_if.png"
WHAT_IF_FILES = (WHAT_IF, WHAT_IF_TEXT, WHAT_IF_PICTURE)
"""What `what-if` writes, into a folder of its own."""

CLIPS = "clips.csv"
"""What became of each of several clips, in the folder that holds their runs."""

COMPARISON_PICTURE = "comparison.png"
"""The one picture of a comparison, however many models it is of."""

MOST_PAIRS = 210
"""Pairs of models whose pictures are looked for, where it is not known how many there are."""

PLOTS = "plots"
TIMELINE_PLOT, DISPLACEMENT_PLOT, TRACKS_PLOT = "timeline.png", "boundary_displacement.png", "tracks.png"
CAMERA_MOVES_PLOT = "camera_moves.png"
PLOT_FILES = (TIMELINE_PLOT, DISPLACEMENT_PLOT, TRACKS_PLOT, CAMERA_MOVES_PLOT)
MASKS, FRAMES, INSTANCES, TRACKS = "masks.jsonl", "frames.csv", "instances.csv", "tracks.csv"
ABSENCES = "absences.csv"
OVERLAY, CAUSES, PROTOTYPES, SOFT = "overlay.mp4", "why.csv", "prototypes.png", "soft.jsonl"

MODEL_FILES = (MASKS, FRAMES, INSTANCES, TRACKS, ABSENCES, OVERLAY, CAUSES, PROTOTYPES, SOFT)
"""What the folder of a model holds."""

RECORDED_FILES = (MASKS, FRAMES, INSTANCES)
"""What is recorded of each model around a moment, beside the video."""

LIVE, LIVE_PICTURE = "live.json", "live.jpg"
"""How a live run stands, and its newest picture: replaced about every second while it goes on."""

RECORDED = "recorded"
"""The folder of what a live run recorded around its worst moments."""

MOST_RECORDED = 5
"""Moments that a live run records at most."""

_RUN_FILES = (SUMMARY, OBJECTS, TRUE_OBJECTS, MOMENTS, REPORT, REPORT_PAGE, CAMERA_MOVES, LIVE, LIVE_PICTURE)


def comparison_picture(number: int) -> str:
    """Return the name of the picture of the models' `number`-th pair, from 0, where more than one was asked for."""
    return f"comparison_{number + 1}.png"


def comparison_files(pairs: int) -> tuple[str, ...]:
    """Return what a comparison of so many pairs of models is written to, in a run or a folder of its own."""
    pictures = (comparison_picture(number) for number in range(pairs))
    return COMPARISON, COMPARISON_TEXT, COMPARISON_DATA, COMPARISON_PICTURE, *pictures


def pairs_of(models: int) -> int:
    """Return how many pairs so many models make.

    Example:
        >>> pairs_of(1), pairs_of(3)
        (0, 3)
    """
    return models * (models - 1) // 2


RESERVED = frozenset((MANIFEST, LOCK, PLOTS, CLIPS, RECORDED, *_RUN_FILES, *comparison_files(MOST_PAIRS)))
"""What may not name a run or a model, whose folders lie beside these."""


@dataclass(frozen=True)
class ModelFolder:
    """Where one model's results of a run lie."""

    path: Path

    @property
    def masks(self) -> Path:
        """What the model saw, one line a frame."""
        return self.path / MASKS

    @property
    def soft(self) -> Path:
        """How sure the model was of each mask, one line a frame, where that was asked for."""
        return self.path / SOFT

    @property
    def frames(self) -> Path:
        """The table of frames."""
        return self.path / FRAMES

    @property
    def instances(self) -> Path:
        """The table of instances."""
        return self.path / INSTANCES

    @property
    def tracks(self) -> Path:
        """The table of tracks."""
        return self.path / TRACKS

    @property
    def absences(self) -> Path:
        """The table of absences inside tracks' lives."""
        return self.path / ABSENCES

    @property
    def overlay(self) -> Path:
        """The clip with the masks drawn."""
        return self.path / OVERLAY

    @property
    def causes(self) -> Path:
        """The table of the causes of jitter, of a model that says what its masks are assembled from."""
        return self.path / CAUSES

    @property
    def prototypes(self) -> Path:
        """The picture of what one mask is assembled from, where one was asked for."""
        return self.path / PROTOTYPES


@dataclass(frozen=True)
class RunFolder:
    """Where the results of one clip lie.

    Example:
        >>> RunFolder(Path("runs/dog")).model("yolact_compact").masks.as_posix()
        'runs/dog/yolact_compact/masks.jsonl'
    """

    path: Path

    @property
    def manifest(self) -> Path:
        """What was run, on what, how, and whether to the end."""
        return self.path / MANIFEST

    @property
    def lock(self) -> Path:
        """Who is writing the run."""
        return self.path / LOCK

    @property
    def summary(self) -> Path:
        """The tidy table of all figures."""
        return self.path / SUMMARY

    @property
    def objects(self) -> Path:
        """The table of objects, of a run with several models."""
        return self.path / OBJECTS

    @property
    def true_objects(self) -> Path:
        """The table of the ground truth's objects, of a run that has one."""
        return self.path / TRUE_OBJECTS

    @property
    def camera_moves(self) -> Path:
        """The table of jitter by camera move, of the demo."""
        return self.path / CAMERA_MOVES

    @property
    def moments(self) -> Path:
        """The table of the worst moments."""
        return self.path / MOMENTS

    @property
    def report(self) -> Path:
        """The figures for a reader."""
        return self.path / REPORT

    @property
    def page(self) -> Path:
        """The same as one file to look at and pass on."""
        return self.path / REPORT_PAGE

    @property
    def plots(self) -> Path:
        """The folder of pictures."""
        return self.path / PLOTS

    @property
    def live(self) -> Path:
        """How a live run stands."""
        return self.path / LIVE

    @property
    def live_picture(self) -> Path:
        """The newest picture of a live run, its masks drawn."""
        return self.path / LIVE_PICTURE

    @property
    def recorded(self) -> Path:
        """The folder of what a live run recorded around its worst moments."""
        return self.path / RECORDED

    def recorded_clip(self, number: int) -> Path:
        """Return the video of the frames around a moment, from 1."""
        return self.recorded / f"{number}.mp4"

    def recorded_table(self, number: int, model: str, name: str) -> Path:
        """Return what one model's file of a name, such as `MASKS`, holds of these frames."""
        return self.recorded / f"{number}_{model}_{name}"

    def model(self, name: str) -> ModelFolder:
        """Return the folder of one model's results."""
        return ModelFolder(self.path / name)

    def folders(self, models: Sequence[str]) -> list[Path]:
        """Return the folders of a run of these models: pictures, what was recorded live, and one a model."""
        return [self.plots, self.recorded, *(self.path / name for name in models)]

    def files(self, models: Sequence[str]) -> Iterator[Path]:
        """Yield every file that a run of these models may hold, but for manifest and lock."""
        yield from (self.path / name for name in (*_RUN_FILES, *comparison_files(pairs_of(len(models)))))
        yield from (self.plots / name for name in PLOT_FILES)
        for number in range(1, MOST_RECORDED + 1):
            yield self.recorded_clip(number)
            for model in models:
                yield from (self.recorded_table(number, model, name) for name in RECORDED_FILES)
        for model in models:
            yield from (self.path / model / name for name in MODEL_FILES)
