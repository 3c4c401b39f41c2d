"""What is measured to calibrate: which stand-ins, at which doses, on which scenes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from yolact_temporal.data.synthetic import SceneOptions, StandIn, make_stand_in

CLASS_SWITCHES = "class_switches"
"""The fault of a stand-in that has the true masks and changes an object's class at a rate."""

DOSE_UNITS: Mapping[str, str] = MappingProxyType(
    {
        "boundary_noise": "px",
        "varying_noise": "px",
        "worst_dropped": "px",
        "centroid_shake": "px",
        "drift": "px/frame",
        "dropped": "1",
        "dropped_in_bursts": "1",
        CLASS_SWITCHES: "1",
        "low_resolution_box": "cells",
        "low_resolution_frame": "cells",
        "box_shake": "px",
        "coefficients_noise": "1",
        "prototypes_noise": "1",
    }
)
"""Unit of each fault's dose; the others have none."""

CAUSES: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        "box_shake": (1.0, 2.0, 4.0),
        "coefficients_noise": (0.1, 0.2, 0.4),
        "prototypes_noise": (1.0, 2.0, 4.0),
    }
)
"""Faults of one part of a mask that is assembled from several, and their doses."""

RATES = ("dropped", "dropped_in_bursts", CLASS_SWITCHES)
"""Faults whose dose is a rate: what is injected is then counted, frame by frame."""


class Subject(NamedTuple):
    """A stand-in: its fault, its dose, and what sets its random numbers apart from the others'."""

    fault: str
    dose: float = 0.0
    draw: int = 0

    @property
    def label(self) -> str:
        """The name it has as a compared model."""
        return f"{self.fault} {self.dose:g} #{self.draw}"

    def make(self, seed: int) -> StandIn:
        """Return the stand-in for one clip."""
        own = seed * 101 + self.draw
        if self.fault == CLASS_SWITCHES:
            return make_stand_in("truth", seed=own, flip_rate=self.dose)
        return make_stand_in(self.fault, self.dose, own)


TRUTH = Subject("truth")
REFERENCE = Subject("boundary_noise", 0.5, draw=7)
"""What every stand-in is compared with."""


@dataclass(frozen=True)
class Plan:
    """A calibration.

    Attributes:
        name: "full" or "quick".
        seed: of everything random.
        scenes: clips that all of `subjects` are measured on and compared over; 7 or more, to speak of clips like them.
        subjects: stand-ins, `TRUTH` and `REFERENCE` among them.
        contests: pairs of subjects of which the first must be declared steadier than the second.
        never: pairs of subjects of which the first must not be declared steadier.
        long_scenes: clips of 400 frames that `long_subjects` are measured on, for what takes many frames.
        long_subjects: stand-ins, `TRUTH` among them.
        speeds: of the objects, in pixels a frame, at which the floor is measured.
        textures: contrasts at which the floor is measured.
        floor_scene: what else the scenes of the floor are.
        floor_clips: how many scenes for each speed and each texture.
        cause_clips: how many clips for each dose of a fault of one part.
        cause_frames: of each of these.
    """

    name: str
    seed: int
    scenes: tuple[SceneOptions, ...]
    subjects: tuple[Subject, ...]
    contests: tuple[tuple[Subject, Subject], ...]
    never: tuple[tuple[Subject, Subject], ...]
    long_scenes: tuple[SceneOptions, ...]
    long_subjects: tuple[Subject, ...]
    speeds: tuple[float, ...]
    textures: tuple[float, ...]
    floor_scene: SceneOptions
    floor_clips: int
    cause_clips: int = 4
    cause_frames: int = 24

    @property
    def frames(self) -> int:
        """Frames of all scenes together."""
        floor = (len(self.speeds) + len(self.textures)) * self.floor_clips * self.floor_scene.frames
        floor += sum(map(len, CAUSES.values())) * self.cause_clips * self.cause_frames
        return floor + sum(scene.frames for scene in (*self.scenes, *self.long_scenes))


def full_plan(seed: int = 0) -> Plan:
    """Return the calibration whose figures are reported; some minutes."""
    return Plan(
        name="full",
        seed=seed,
        scenes=_scenes(seed, (168, 224), 40, crossing_speed=2.2),
        subjects=(*_SUBJECTS, *_doses("dropped", 0.05, 0.1)),
        contests=_CONTESTS,
        never=_NEVER,
        long_scenes=_long_scenes(seed, (192, 256), 2),
        long_subjects=(
            TRUTH,
            *_doses("centroid_shake", 0.1, 0.25, 0.5, 1.0),
            *_doses("drift", 0.005, 0.01, 0.02),
            *_doses("dropped", 0.05, 0.1, 0.2, 0.4),
            *_doses("dropped_in_bursts", 0.1, 0.2),
            *_doses(CLASS_SWITCHES, 0.05, 0.1, 0.2, 0.4),
        ),
        speeds=(0.0, 0.5, 1.0, 2.0, 4.0, 8.0),
        textures=(0.0, 0.1, 0.2, 0.4, 0.8),
        floor_scene=SceneOptions(size=(192, 256), frames=12),
        floor_clips=4,
    )


def quick_plan(seed: int = 0) -> Plan:
    """Return a calibration of all the same expectations on smaller and shorter scenes; half a minute."""
    return Plan(
        name="quick",
        seed=seed,
        scenes=_scenes(seed, (96, 128), 12, crossing_speed=3.5),
        subjects=_SUBJECTS,
        contests=_CONTESTS,
        never=_NEVER,
        long_scenes=_long_scenes(seed, (112, 160), 1),
        long_subjects=(
            TRUTH,
            *_doses("centroid_shake", 0.25, 0.5),
            *_doses("drift", 0.005, 0.01),
            *_doses("dropped", 0.2),
            *_doses("dropped_in_bursts", 0.2),
            *_doses(CLASS_SWITCHES, 0.2),
        ),
        speeds=(0.0, 1.0, 4.0),
        textures=(0.0, 0.4),
        floor_scene=SceneOptions(size=(96, 128), frames=8),
        floor_clips=2,
        cause_clips=2,
        cause_frames=12,
    )


def _doses(fault: str, *doses: float) -> tuple[Subject, ...]:
    return tuple(Subject(fault, dose) for dose in doses)


_SUBJECTS = (
    TRUTH,
    REFERENCE,
    *_doses("boundary_noise", 0.5, 1.0, 2.0, 4.0),
    *_doses("centroid_shake", 0.5),
    *_doses("drift", 0.02),
    *_doses("dropped", 0.2, 0.4),
    *_doses("dropped_in_bursts", 0.2),
    *_doses(CLASS_SWITCHES, 0.2),
    *_doses("varying_noise", 1.0),
    *_doses("worst_dropped", 1.0),
    *_doses("low_resolution_box", 28),
    *_doses("low_resolution_frame", 138),
    *_doses("merged", 0.0),
    *_doses("frozen", 0.0),
    *_doses("empty", 0.0),
    *_doses("full_box", 0.0),
)
_CONTESTS = ((Subject("boundary_noise", 1.0), Subject("boundary_noise", 2.0)),)
_NEVER = ((Subject("worst_dropped", 1.0), Subject("varying_noise", 1.0)), (Subject("empty"), REFERENCE))


def _scenes(seed: int, size: tuple[int, int], frames: int, crossing_speed: float) -> tuple[SceneOptions, ...]:
    """Return scenes with every kind of camera, object, occlusion, noise and compression."""
    common = {"size": size, "frames": frames}
    kinds: tuple[dict[str, object], ...] = (
        {"camera": "still", "speed": 0.0},
        {"camera": "pan", "speed": 1.0},
        {"camera": "zoom", "speed": 1.0, "deforming": True},
        {"camera": "shake", "speed": 1.5},
        {"camera": "still", "speed": 1.5, "deforming": True, "quality": 60},
        {"camera": "pan", "speed": 1.0, "deforming": True, "noise": 6.0},
        {"camera": "still", "speed": crossing_speed, "crossing": True},
        {"camera": "shake", "speed": crossing_speed, "crossing": True, "deforming": True, "quality": 40},
    )
    return tuple(
        SceneOptions(seed=seed * 100 + number, **(common | kind))  # type: ignore[arg-type]
        for number, kind in enumerate(kinds)
    )


def _long_scenes(seed: int, size: tuple[int, int], count: int) -> tuple[SceneOptions, ...]:
    """Return scenes of two slow objects that stay apart and in the frame for 400 frames."""
    return tuple(
        SceneOptions(seed=seed * 100 + 50 + number, size=size, frames=400, objects=2, speed=0.12)
        for number in range(count)
    )
