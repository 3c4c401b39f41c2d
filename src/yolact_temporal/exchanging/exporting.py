"""The job behind `export`: a model's masks and tracks of a finished run in, any interchange format out."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from yolact_temporal.data.files import kind_of, open_regular, part_path
from yolact_temporal.data.formats import MaskFormat, MaskFrame, MaskSequence, mask_format
from yolact_temporal.data.formats.tracks import tracks_of
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.masks_jsonl import FrameRecord, read_records
from yolact_temporal.data.rle import encode_masks, mask_areas, overlap
from yolact_temporal.data.runs.guard import require_outside_inputs, require_outside_runs
from yolact_temporal.data.runs.layout import ModelFolder, RunFolder
from yolact_temporal.data.runs.manifest import Manifest
from yolact_temporal.data.runs.reader import open_finished, plain_file
from yolact_temporal.errors import InputError, UsageError

RECORD = "run"
"""What the masks of a run call their format."""


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: the file or folder.
        model: whose masks they are.
        frames, instances, tracks: how many.
        notes: what the format could not hold, a sentence each.
    """

    path: Path
    model: str
    frames: int
    instances: int
    tracks: int
    notes: tuple[str, ...]


def export_run(run: Path, format_name: str, out: Path, model: str | None = None) -> Exported:
    """Write the instances that count in a finished run, with their tracks as identities.

    What a format cannot hold is made to fit and noted: where masks overlap a pixel goes to the better score, empty
    masks are left out, identities are numbered anew, classes and scores are the track's.

    Args:
        run: the run folder.
        format_name: one of `yolact_temporal.data.formats.FORMATS`.
        out: the file, or for formats of images the folder, to write.
        model: whose masks; may be None where the run has one model.

    Raises:
        UsageError: if there is no such format or model, or something is at `out` already.
        InputError: if the run is not finished or cannot be read, or what it holds does not go into the format.
    """
    chosen = mask_format(format_name)
    finished = open_finished(run)
    manifest = finished.manifest
    name = _model_name(list(manifest.models), run, model)
    _require_free(out, manifest)
    own = manifest.models[name]
    masks = run_masks(finished.folder, manifest.clip.rate, name, own.score_threshold, own.class_names)
    fitted = _Fitted(masks, chosen)
    try:
        chosen.write(fitted.sequence, out)
    except OSError as error:
        raise UsageError(
            f"expected a path that can be written, got {out} ({error.strerror}): pass another --out"
        ) from error
    counts = fitted.counts()
    return Exported(out, name, len(fitted.sequence), counts[0], counts[1], tuple(fitted.notes()))


def _require_free(out: Path, manifest: Manifest) -> None:
    """Refuse a path at which something lies, or that is in a run or in the images that the run was made of."""
    for path in (out, part_path(out)):
        if kind_of(path) != "nothing":
            raise UsageError(f"expected a new path to write, got {path}, which exists: pass another --out")
    if not out.absolute().parent.is_dir():
        raise UsageError(f"expected a folder for {out}, got none: make {out.absolute().parent} first")
    require_outside_runs(out, "a path for an export")
    require_outside_inputs(out, "a path for an export", manifest.inputs)


def _model_name(names: list[str], run: Path, model: str | None) -> str:
    if model is None and len(names) != 1:
        raise UsageError(f"expected --model, since {run} has {', '.join(names)}: name one of them")
    if model is not None and model not in names:
        raise UsageError(
            f"expected a model of {run}, which has {', '.join(names)}, got {model!r}: name one of them"
        )
    return model or names[0]


def run_masks(
    folder: RunFolder, fps: Fraction | None, model: str, score_threshold: float, class_names: tuple[str, ...]
) -> MaskSequence:
    """Return the instances that count of a model of a run, with their tracks as identities.

    Instances with an empty mask, which belong to no track, are left out.

    Args:
        folder: the run's.
        fps: the clip's frames a second; None where it has no time.
        model: its name.
        score_threshold: instances whose score is above it count.
        class_names: what the model's class ids stand for.

    Raises:
        InputError: if the record or the table of instances cannot be read, or they do not go together.
    """
    files = folder.model(model)
    for file in (files.masks, files.instances):
        plain_file(folder.path, file)
    tracks = read_tracks(files)
    heads = [(record.index, record.instances.size) for record in read_records(files.masks)]
    if not heads:
        raise InputError(
            f"expected a frame in {files.masks}, found none: analyze the clip anew with --overwrite"
        )

    def frames() -> Iterator[MaskFrame]:
        for record in read_records(files.masks):
            yield _counted_frame(record, score_threshold, tracks.get(record.index, []), files)

    return MaskSequence(
        files.masks,
        RECORD,
        heads[0][1],
        class_names,
        True,
        tuple(index for index, _ in heads),
        frames,
        fps=fps,
    )


def read_tracks(files: ModelFolder) -> dict[int, list[int | None]]:
    """Return the track of each instance that counts, by frame, in the instances' order; None for an empty mask.

    Raises:
        InputError: if the table of instances cannot be read.
    """
    found: dict[int, list[int | None]] = defaultdict(list)
    try:
        with io.TextIOWrapper(open_regular(files.instances), encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                found[int(row["frame"])].append(int(row["track_id"]) if row["track_id"] else None)
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise InputError(
            f"expected a table of instances in {files.instances}, which cannot be read ({error}): analyze the clip "
            f"anew with --overwrite"
        ) from error
    return found


def _counted_frame(
    record: FrameRecord, threshold: float, tracks: list[int | None], files: ModelFolder
) -> MaskFrame:
    counted = record.instances.select(record.instances.scores > threshold)
    if len(counted) != len(tracks):
        raise InputError(
            f"expected {len(counted)} instances at frame {record.index} of {files.instances}, as in "
            f"{files.masks.name}, got {len(tracks)}: analyze the clip anew with --overwrite"
        )
    there = [row for row, track in enumerate(tracks) if track is not None]
    identities = tuple(track for track in tracks if track is not None)
    return MaskFrame(record.index, counted.select(there), identities, None, record.time_s)


class _Fitted:
    """Masks of a run made to fit a format, and what that took."""

    def __init__(self, masks: MaskSequence, chosen: MaskFormat) -> None:
        self._format = chosen
        self._masks = masks
        self._overlapping = self._covered = 0
        self._tracks = tracks_of(masks)
        self._renumbered: dict[int, int] = {}
        most = chosen.max_identity
        if most is not None and max(self._tracks, default=0) > most:
            self._renumbered = {old: new for new, old in enumerate(self._tracks, start=1)}
        self.sequence = replace(masks, frames=self._frames)

    def _frames(self) -> Iterator[MaskFrame]:
        self._overlapping = self._covered = 0
        for frame in self._masks:
            fitted = frame if self._format.overlaps else self._parted(frame)
            if self._renumbered and fitted.identities is not None:
                fitted = replace(fitted, identities=tuple(self._renumbered[key] for key in fitted.identities))
            yield fitted

    def _parted(self, frame: MaskFrame) -> MaskFrame:
        """Give each pixel to the best score of the masks that hold it; leave out a mask that keeps none."""
        found = frame.instances
        shared = overlap(found.masks)
        if not shared:
            return frame
        self._overlapping += shared
        bitmaps = found.bitmaps()
        taken = np.zeros(found.size, np.bool_)
        for row in np.argsort(-found.scores, kind="stable"):
            bitmaps[row] &= ~taken
            taken |= bitmaps[row]
        parted = Instances(found.boxes, found.scores, found.class_ids, encode_masks(bitmaps), found.size)
        keep = np.flatnonzero(mask_areas(parted.masks))
        self._covered += len(found) - len(keep)
        identities = frame.identities or ()
        return replace(
            frame, instances=parted.select(keep), identities=tuple(identities[row] for row in keep)
        )

    def counts(self) -> tuple[int, int]:
        """Return how many instances and tracks there are to write."""
        seen = [identity for frame in self._frames() for identity in frame.identities or ()]
        return len(seen), len(set(seen))

    def notes(self) -> list[str]:
        """Return what the format could not hold, a sentence each."""
        held, lines = self._format, []
        if self._overlapping:
            lines.append(
                f"{self._overlapping} pixels were in several masks; each went to the mask of the best score, and "
                f"{self._covered} masks were wholly covered."
            )
        if self._renumbered:
            lines.append(f"Tracks are numbered anew, from 1 to {len(self._renumbered)}.")
        flips = sum(track.class_flips for track in self._tracks.values())
        if flips and held.classes == "track":
            lines.append(f"{flips} instances take the class that their track has most often.")
        if held.classes is None:
            lines.append("Classes are left out.")
        if not held.scores:
            left = "are the track's mean" if held.name == "youtube-vis" else "are left out"
            lines.append(f"Scores {left}; boxes are left out, so that they read as the masks' own.")
        return lines
