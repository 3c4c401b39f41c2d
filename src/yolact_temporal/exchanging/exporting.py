"""The job behind `export`: a model's masks and tracks of a finished run in, any interchange format out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from yolact_temporal.data.formats import MaskFormat, MaskFrame, MaskSequence, mask_format
from yolact_temporal.data.formats.tracks import tracks_of
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.rle import encode_masks, mask_areas, overlap
from yolact_temporal.data.runs.guard import require_new_path
from yolact_temporal.data.runs.reader import open_finished
from yolact_temporal.data.runs.tracked_masks import run_masks
from yolact_temporal.errors import UsageError


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

    What a format cannot hold is changed so that it fits, and noted: where masks overlap a pixel goes to the track that
    is seen in more frames, masks that keep no pixel are left out, identities are numbered anew, classes and scores are
    the track's. Folders on the way to `out` are made.

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
    name = finished.model_name(model)
    require_new_path(out, "a path for an export", manifest.inputs)
    own = manifest.models[name]
    masks = run_masks(finished.folder, manifest.clip.rate, name, own.score_threshold, own.class_names)
    fitted = _Fitted(masks, chosen)
    try:
        with _parents_of(out):
            chosen.write(fitted.sequence, out)
    except OSError as error:
        raise UsageError(
            f"expected a path that can be written, got {out} ({error.strerror}): pass another --out"
        ) from error
    counts = fitted.counts()
    return Exported(out, name, len(fitted.sequence), counts[0], counts[1], tuple(fitted.notes()))


@contextmanager
def _parents_of(path: Path) -> Iterator[None]:
    """Make the folders that a path lies in; after an error those that were made are removed again."""
    missing = [folder for folder in path.absolute().parents if not folder.exists()]
    path.absolute().parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()
        raise


class _Fitted:
    """Masks of a run made to fit a format, and what that took."""

    def __init__(self, masks: MaskSequence, chosen: MaskFormat) -> None:
        self._format = chosen
        self._masks = masks
        self._overlapping = self._covered = 0
        self._tracks = tracks_of(masks)
        longest = sorted(self._tracks, key=lambda identity: -self._tracks[identity].sightings)
        self._ranks = {identity: rank for rank, identity in enumerate(longest)}
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
        """Give each pixel to the longest-lived track of those that hold it; leave out a mask that keeps none.

        It is the same track in every frame. The best score of a frame would do for a single image, but from frame to
        frame it changes sides, and the outlines of both masks with it.
        """
        found = frame.instances
        shared = overlap(found.masks)
        if not shared:
            return frame
        self._overlapping += shared
        bitmaps = found.bitmaps()
        taken = np.zeros(found.size, np.bool_)
        identities = frame.identities or ()
        for row in sorted(range(len(found)), key=lambda row: self._ranks[identities[row]]):
            bitmaps[row] &= ~taken
            taken |= bitmaps[row]
        parted = Instances(found.boxes, found.scores, found.class_ids, encode_masks(bitmaps), found.size)
        keep = np.flatnonzero(mask_areas(parted.masks))
        self._covered += len(found) - len(keep)
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
                f"{self._overlapping} pixels were in several masks; each went to the track that is seen in more "
                f"frames, and {self._covered} masks were wholly covered. Where they are cut, outlines are no longer "
                f"the model's own."
            )
        if self._renumbered:
            lines.append(f"Tracks get new numbers, from 1 to {len(self._renumbered)}.")
        flips = sum(track.class_flips for track in self._tracks.values())
        if flips and held.classes == "track":
            lines.append(f"{flips} instances take the class that their track has most often.")
        if held.classes is None:
            lines.append("Classes are left out.")
        if not held.scores:
            left = "are the track's mean" if held.name == "youtube-vis" else "are left out"
            lines.append(f"Scores {left}; boxes are left out: a reader takes those around the masks.")
        return lines
