"""The masks that count in a run, each with its track: the record and the table of instances put together."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator
from fractions import Fraction

from yolact_temporal.data.formats import MaskFrame, MaskSequence
from yolact_temporal.data.lines import open_table
from yolact_temporal.data.masks_jsonl import FrameRecord, read_records
from yolact_temporal.data.runs.layout import ModelFolder, RunFolder
from yolact_temporal.data.runs.reader import plain_file
from yolact_temporal.errors import InputError

RECORD = "run"
"""What the masks of a run call their format."""


def run_masks(
    folder: RunFolder, fps: Fraction | None, model: str, score_threshold: float, class_names: tuple[str, ...]
) -> MaskSequence:
    """Return the instances that count of a model of a run, with their tracks as identities.

    Instances with an empty mask, which belong to no track, are left out. Duplicates, which have no track of their own
    in the run, are reported all the same, each with an identity of its own (`read_tracks`): a reader must see them.

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
            f"expected a frame in {files.masks}, found none: analyze the clip again with --overwrite"
        )

    def frames() -> Iterator[MaskFrame]:
        """Read one record after the other, with the tracks of its frame."""
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

    A duplicate has the number of no track: those that repeat one track, one in a frame, are numbered alike, above all
    tracks.

    Raises:
        InputError: if the table of instances cannot be read.
    """
    found: dict[int, list[int | None]] = defaultdict(list)
    repeats: list[tuple[int, int, int]] = []
    try:
        with open_table(files.instances) as file:
            for row in csv.DictReader(file):
                own = found[int(row["frame"])]
                if not row["track_id"] and row.get("duplicate_of"):
                    repeats.append((int(row["frame"]), len(own), int(row["duplicate_of"])))
                own.append(int(row["track_id"]) if row["track_id"] else None)
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise InputError(
            f"expected a table of instances in {files.instances}, which cannot be read ({error}): analyze the clip "
            f"again with --overwrite"
        ) from error
    last = max((track for tracks in found.values() for track in tracks if track is not None), default=0)
    numbers: dict[tuple[int, int], int] = {}
    in_frame: Counter[tuple[int, int]] = Counter()
    for frame, place, track in repeats:
        key = (track, in_frame[frame, track])
        in_frame[frame, track] += 1
        found[frame][place] = numbers.setdefault(key, last + 1 + len(numbers))
    return found


def _counted_frame(
    record: FrameRecord, threshold: float, tracks: list[int | None], files: ModelFolder
) -> MaskFrame:
    counted = record.above(threshold).instances
    if len(counted) != len(tracks):
        raise InputError(
            f"expected {len(counted)} instances at frame {record.index} of {files.instances}, as in "
            f"{files.masks.name}, got {len(tracks)}: analyze the clip again with --overwrite"
        )
    there = [row for row, track in enumerate(tracks) if track is not None]
    identities = tuple(track for track in tracks if track is not None)
    return MaskFrame(record.index, counted.select(there), identities, None, record.time_s)
