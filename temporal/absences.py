"""Why a mask is absent for some frames inside its track's life (METRICS H7), from the record alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from yolact_temporal.data.crops import MaskCrop, covered_share, meeting
from yolact_temporal.data.instances import Instances
from yolact_temporal.temporal.metrics import REGISTRY
from yolact_temporal.temporal.metrics.absences import CAUSES, COVERED_SHARE, count_name, share_name
from yolact_temporal.temporal.motion import Motion
from yolact_temporal.temporal.report import SUMMARY_COLUMNS, Column, Row
from yolact_temporal.temporal.sleeping import PassedFrame, SleepingTracks
from yolact_temporal.temporal.stability import PairStatus
from yolact_temporal.temporal.stabilizing.contract import TrackedFrame
from yolact_temporal.temporal.stabilizing.linking import TrackLinker
from yolact_temporal.temporal.stabilizing.steps import Step

ABSENCE_COLUMNS: tuple[Column, ...] = (
    Column("frame", "", "Index of the frame in the clip, from 0. Rows come when the track comes back."),
    Column("time_s", "s", "Presentation time from the clip's first frame.", 9),
    Column("track_id", "", "The track that is absent, which was seen before and is seen again."),
    Column(
        "cause",
        "",
        "The first that holds: faint (an instance below the operating threshold lies there), taken (another track's "
        "mask covers it), left (out of the frame or hidden), unseen (none of these).",
    ),
    Column("score", "1", "Of the instance that is too faint; empty for other causes."),
)


@dataclass(frozen=True)
class Absence:
    """A frame in which a track is absent.

    Attributes:
        index, time_s: of the frame.
        track: which.
        cause: one of `CAUSES`.
        score: of the faint instance; None for other causes.
    """

    index: int
    time_s: float
    track: int
    cause: str
    score: float | None = None

    def row(self) -> Row:
        """Return the row of `absences.csv`."""
        return {
            "frame": self.index,
            "time_s": self.time_s,
            "track_id": self.track,
            "cause": self.cause,
            "score": self.score,
        }


@dataclass(frozen=True)
class AbsenceCounts:
    """How many absences there are by cause.

    Attributes:
        counts: by cause; a cause that could not be asked is left out.

    Example:
        >>> counts = AbsenceCounts({"faint": 3, "taken": 0, "left": 1, "unseen": 0})
        >>> counts.total, counts.share("faint"), counts.share("unseen")
        (4, 0.75, 0.0)
    """

    counts: Mapping[str, int]

    @property
    def total(self) -> int:
        """All absences."""
        return sum(self.counts.values())

    def share(self, cause: str) -> float | None:
        """Return the share of a cause; None where it could not be asked, or nothing is absent."""
        return self.counts[cause] / self.total if cause in self.counts and self.total else None

    @property
    def not_asked(self) -> tuple[str, ...]:
        """The causes that could not be asked."""
        return tuple(cause for cause in CAUSES if cause not in self.counts)


@dataclass
class _Last:
    """What is known of a track that may be absent."""

    rest: MaskCrop
    area: int
    waiting: list[Absence] = field(default_factory=list)
    absent: int = 0


class _Sleeping(NamedTuple):
    """A track whose mask is carried no more."""

    track: int
    last: _Last


def _pass_absent(sleeping: _Sleeping, frames: Iterable[PassedFrame]) -> None:
    """Tell a track whose mask is carried no more of frames in which it was absent."""
    track, last = sleeping
    for frame in frames:
        last.absent += 1
        if frame.counts:
            last.waiting.append(Absence(frame.place, frame.time_s, track, _cause_after(last)))


def _cause_after(last: _Last) -> str:
    """Return why a track is absent whose mask is carried no more: it stays away where it had left."""
    return "left" if last.waiting and last.waiting[-1].cause == "left" else "unseen"


class AbsenceFinder:
    """Tells of every absent frame inside a track's life why the mask is absent; memory does not grow with the clip.

    Where identities are given, one that is absent for long is put by (`SleepingTracks`).

    A track's last mask, faint ones included, is carried frame by frame. Whether an absence is inside a life is known
    when the track comes back, and told then.

    Args:
        score_threshold: the operating threshold.
        memory_frames: how long an absent track may come back; where identities are given it may at any time, and after
            so many frames its mask is carried no more.
        identified: whether identities are given.
    """

    _puts_by = True

    def __init__(self, score_threshold: float, memory_frames: int, identified: bool = False) -> None:
        self._threshold = score_threshold
        self._memory = memory_frames
        self._identified = identified
        self._linker = TrackLinker(score_threshold, memory_frames, identified)
        self._last: dict[int, _Last] = {}
        self._asleep: SleepingTracks[_Sleeping] = SleepingTracks(_pass_absent)
        self._counts: Counter[str] = Counter()
        self._faint = self._moved = False

    def update(
        self,
        index: int,
        time_s: float,
        instances: Instances,
        tracks: Sequence[int],
        motion: Motion | None,
        status: PairStatus,
        cut: bool = False,
        identities: Sequence[int] | None = None,
    ) -> list[Absence]:
        """Take the next frame and return the absences that end with it, in order of tracks and frames.

        Args:
            index, time_s: of the frame.
            instances: all that was recorded, faint or not.
            tracks: of the instances that count, in their order.
            motion: from the last frame; None where it is not known.
            status: of the pair with the last frame; a repeated frame is no absence of its own.
            cut: whether another scene begins with it.
            identities: of all the instances, where they are given.
        """
        self._faint |= bool(np.any(instances.scores <= self._threshold))
        self._moved |= motion is not None
        if cut and not self._identified:
            self._last = {}
        frame = self._linker.update(index, instances, tracks, Step(motion, cut), identities=identities)
        for own in frame.seen:
            if (woken := self._asleep.wake(own.track)) is not None:
                self._last[own.track] = woken.last
        self._asleep.pass_frame(PassedFrame(index, time_s, counts=status != "repeated"))
        taken = self._taken(frame)
        for key in self._last.keys() - frame.counted.keys():
            last = self._last[key]
            last.rest = frame.step.in_sight(last.rest)
            last.absent += 1
            if status != "repeated":
                last.waiting.append(self._absence(key, last, frame, time_s, key in taken))
            faint = frame.faint.get(key)
            if faint is not None:
                last.rest, last.area = faint.mask, faint.mask.area
            elif last.absent > self._memory:
                last.rest = MaskCrop.from_bitmap(np.zeros((0, 0), np.uint8), frame.size)
                if self._identified and self._puts_by:  # from now on every absence is like this one
                    self._asleep.put(key, _Sleeping(key, self._last.pop(key)))
        if not self._identified:
            self._last = {key: own for key, own in self._last.items() if own.absent <= self._memory}
        ended = [
            each
            for key in sorted(frame.counted.keys() & self._last.keys())
            for each in self._last[key].waiting
        ]
        self._counts.update(each.cause for each in ended)
        for key, own in frame.counted.items():
            self._last[key] = _Last(own.mask, own.mask.area)
        return ended

    def counts(self) -> AbsenceCounts:
        """Return how many absences ended so far, by cause; a cause that could not be asked is left out."""
        asked = {"faint": self._faint, "left": self._moved}
        return AbsenceCounts({cause: self._counts[cause] for cause in CAUSES if asked.get(cause, True)})

    def _taken(self, frame: TrackedFrame) -> frozenset[int]:
        """Return the tracks whose mask, carried here, another object's mask covers."""
        others = [own.mask for own in frame.counted.values()]
        carried = self._linker.carried
        near = meeting([mask.region for mask in carried.values()], [mask.region for mask in others])
        return frozenset(
            key
            for (key, mask), row in zip(carried.items(), near, strict=True)
            if any(
                covered_share(mask, others[place]) >= COVERED_SHARE for place in np.flatnonzero(row).tolist()
            )
        )

    def _absence(self, key: int, last: _Last, frame: TrackedFrame, time_s: float, taken: bool) -> Absence:
        faint = frame.faint.get(key)
        if faint is not None:
            return Absence(frame.index, time_s, key, "faint", faint.score)
        if last.absent > self._memory:
            return Absence(frame.index, time_s, key, _cause_after(last))
        if taken:
            return Absence(frame.index, time_s, key, "taken")
        gone = frame.step.motion is not None and last.rest.area <= (1 - COVERED_SHARE) * last.area
        return Absence(frame.index, time_s, key, "left" if gone else "unseen")


_TOLD = {
    "faint": "faint: a lower threshold for known objects would keep them",
    "taken": "taken: another object's mask covers them, as where two are merged or one is suppressed",
    "left": "of objects that left the frame or went behind something",
    "unseen": "unseen: nothing was recorded there",
}

_FEW = 10
"""Of fewer frames a share in percent says more than is known."""

_NOT_TOLD = {
    "faint": "nothing below the threshold was recorded, so those that were faint cannot be told apart",
    "left": "the motion is not known, so those that left the frame cannot be told apart",
}


def absence_sentence(found: AbsenceCounts) -> str | None:
    """Return the commonest cause of absences in one sentence, for a report's first lines; None without an absence.

    Example:
        >>> absence_sentence(AbsenceCounts({"faint": 21, "taken": 1, "left": 0, "unseen": 3}))
        'Of 25 frames in which an object is gone 84% are faint: a lower threshold for known objects would keep them.'
        >>> absence_sentence(AbsenceCounts({"taken": 0, "left": 1, "unseen": 0})).partition(" (")[0]
        'Of 1 frame in which an object is gone 1 is of objects that left the frame or went behind something'
    """
    if not found.total:
        return None
    cause = max(found.counts, key=lambda each: found.counts[each])
    lacking = "; ".join(_NOT_TOLD[each] for each in found.not_asked if each in _NOT_TOLD)
    share = f"{found.counts[cause]}" if found.total < _FEW else f"{found.counts[cause] / found.total:.0%}"
    return (
        f"Of {found.total} frame{'' if found.total == 1 else 's'} in which an object is gone {share} "
        f"{'is' if share == '1' else 'are'} {_TOLD[cause]}{f' ({lacking})' if lacking else ''}."
    )


def absence_rows(clip: str, model: str, found: AbsenceCounts) -> list[Row]:
    """Return the rows of `summary.csv` of one model's absences: counts, and then shares."""
    blank: Row = {column.name: None for column in SUMMARY_COLUMNS}
    blank |= {"clip": clip, "model": model, "n": found.total}
    values = {count_name(cause): found.counts.get(cause) for cause in CAUSES}
    shares = {share_name(cause): found.share(cause) for cause in CAUSES}
    return [
        blank | {"metric": name, "value": value, "unit": REGISTRY[name].unit}
        for name, value in {**values, **shares}.items()
    ]
