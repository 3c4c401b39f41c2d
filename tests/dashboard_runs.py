"""Real run folders for the dashboard's tests: stand-in models measured on a synthetic scene by the product itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from yolact_temporal.analyzing.loaded_model import LoadedModel
from yolact_temporal.data.instances import Instances
from yolact_temporal.data.synthetic import SceneOptions, SyntheticScene, make_stand_in
from yolact_temporal.data.video_writer import VideoWriter

FPS = 24
STEADY, BLINKING = "steady_model", "blinking_model"
FAULTS: Mapping[str, tuple[str, float]] = {STEADY: ("boundary_noise", 0.4), BLINKING: ("dropped", 0.15)}


class Seer:
    """A segmenter that says of the scene's next frame what its stand-in sees, whatever the pixels."""

    def __init__(self, name: str, fault: str, dose: float, seed: int, frames: list[Any]) -> None:
        self.name = name
        self._stand_in = make_stand_in(fault, dose, seed)
        self._frames = iter(frames)
        self.class_names = self._stand_in.class_names

    def segment(self, pixels: np.ndarray) -> list[Instances]:
        return [self._stand_in.see(next(self._frames)) for _ in pixels]


def loaded_stand_in(seer: Any) -> LoadedModel:
    """Return a stand-in as a model that is ready to run."""
    manifest = {
        "note": f"{seer.name} is a stand-in.",
        "weights": {"sha256": "0" * 64},
        "config": {"class_names": list(seer.class_names)},
        "score_threshold": 0.5,
        "device": "cpu",
        "precision": "float32",
    }
    return LoadedModel(seer, 0.5, manifest)


def make_run(
    runs: Path,
    name: str = "scene",
    frames: int = 24,
    size: tuple[int, int] = (96, 128),
    faults: Mapping[str, tuple[str, float]] = FAULTS,
    seed: int = 3,
    plots: bool = False,
) -> Path:
    """Write `<runs>/<name>`, and the clip beside the runs folder; return the run folder."""
    from yolact_temporal.analyzing.request import Destination, Pictures, RunRequest
    from yolact_temporal.analyzing.run_clip import run_clip
    from yolact_temporal.data.sources import open_clip

    scene = list(SyntheticScene(SceneOptions(seed=seed, size=size, frames=frames, camera="pan")))
    clip = runs.parent / "clips" / f"{name}.mp4"
    clip.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(clip, size, FPS) as writer:
        for frame in scene:
            writer.write(frame.rgb, frame.index / FPS)
    models = []
    for number, (model, (fault, dose)) in enumerate(faults.items()):
        seer = Seer(model, fault, dose, number, scene)
        models.append(loaded_stand_in(seer))
    source = open_clip(clip)
    try:
        run_clip(source, models, RunRequest(Destination(name, runs / name, pictures=Pictures(plots=plots))))
    finally:
        source.close()
    return runs / name
