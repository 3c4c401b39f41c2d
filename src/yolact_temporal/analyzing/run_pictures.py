"""The pictures that a run's tables are drawn as: its plots, and its worst moments."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from yolact_temporal.analyzing.beside import WORTH_IT_FRAMES, Beside, Later, do_all
from yolact_temporal.analyzing.run_page import SHOWN_MOMENTS
from yolact_temporal.data.files import make_folder
from yolact_temporal.data.runs.layout import RunFolder
from yolact_temporal.data.runs.manifest import Manifest
from yolact_temporal.temporal.plot_style import load_drawing
from yolact_temporal.temporal.plots import PLOTTED_COLUMNS, PLOTTED_TRACK_COLUMNS, CsvRows, plots_to_draw
from yolact_temporal.temporal.reading.clip_reading import ClipReading
from yolact_temporal.temporal.reading.moment_pictures import moment_pictures


@dataclass(frozen=True)
class RunPictures:
    """Pictures of a run that are being drawn, in its folder, or to stand in its page.

    Attributes:
        plots: the files.
        moments: a WebP of each of the worst moments, empty bytes where there can be none.
    """

    plots: Sequence[Later[Path]]
    moments: Later[list[bytes]]

    @classmethod
    def begin(
        cls,
        folder: RunFolder,
        reading: ClipReading,
        manifest: Manifest,
        sections: Sequence[tuple[float, str]] = (),
        beside: Beside | None = None,
    ) -> RunPictures:
        """Have a run's pictures drawn from its tables, by the process beside this one or when they are asked for.

        Args:
            folder: the run, its tables written.
            reading: what there is to read of it.
            manifest: of the run.
            sections: as of a `RunRequest`.
            beside: draws what nobody has asked for yet; None for none.
        """
        make_folder(folder.plots)
        draw = plots_to_draw(
            {model: CsvRows(folder.model(model).frames, PLOTTED_COLUMNS) for model in reading.models},
            {model: CsvRows(folder.model(model).instances, PLOTTED_COLUMNS) for model in reading.models},
            {model: CsvRows(folder.model(model).tracks, PLOTTED_TRACK_COLUMNS) for model in reading.models},
            folder.plots,
            reading.name,
            sections,
            reading.numbers,
            reading.floors_px,
        )
        show = _moments_to_show(folder, reading, manifest)
        if beside is None:
            return cls([Later(one) for one in draw], Later(show))
        return cls([beside.later(one) for one in draw], beside.later(show))

    def finished(self) -> list[bytes]:
        """Draw what is not drawn yet, wait for what is being drawn, and return the pictures of moments."""
        do_all([*self.plots, self.moments])
        return self.moments.result()


def shown_moments(folder: RunFolder, reading: ClipReading, manifest: Manifest) -> list[bytes]:
    """Return a WebP of each of the worst moments that a run's page shows, empty bytes where there can be none."""
    return _moments_to_show(folder, reading, manifest)()


def _moments_to_show(
    folder: RunFolder, reading: ClipReading, manifest: Manifest
) -> Callable[[], list[bytes]]:
    return partial(moment_pictures, folder, manifest, reading.moments[:SHOWN_MOMENTS])


def ahead_of_drawing(beside: Beside, progress: Callable[[int], object] | None) -> Callable[[int], object]:
    """Return what is to be told the number of frames done: in a run that is worth it, it gets all ready to draw."""

    def told(done: int) -> None:
        if done == WORTH_IT_FRAMES:
            beside.start()
            threading.Thread(target=load_drawing, name="loading", daemon=True).start()
        if progress is not None:
            progress(done)

    return told
