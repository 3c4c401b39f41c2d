"""What sees the frames of a clip: a network that is run over them, or somebody's masks that are there already."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from yolact_temporal.analyzing.loaded_model import LoadedModel
from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.formats import MaskSequence
from yolact_temporal.data.formats.frame_by_frame import FrameByFrame
from yolact_temporal.data.formats.masks_file import FILE_NAME
from yolact_temporal.data.frames import Frame
from yolact_temporal.data.mask_parts import MaskParts
from yolact_temporal.data.masks_jsonl import FrameRecord
from yolact_temporal.data.soft_masks import SoftMask
from yolact_temporal.data.sources.structure import sha256_of
from yolact_temporal.yolact.segmenter import SeenParts, offers_parts, offers_soft


class MaskSource(Protocol):
    """Says what is in each frame of a clip; what the main path measures.

    Attributes:
        name: the model's name in tables and folders.
        class_names: what class ids stand for.
        score_threshold: instances whose score is above it count.
        identified: whether it says which object each instance is.
        path: of masks that are there already; None of a network.
        manifest: what `run.json` holds of it.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def class_names(self) -> Sequence[str]: ...  # noqa: D102

    @property
    def score_threshold(self) -> float: ...  # noqa: D102

    @property
    def identified(self) -> bool: ...  # noqa: D102

    @property
    def path(self) -> Path | None: ...  # noqa: D102

    @property
    def manifest(self) -> dict[str, Any]: ...  # noqa: D102

    def mask_cell_px(self, size: tuple[int, int]) -> tuple[float, float] | None:
        """Return width and height of a cell of the grid that its masks are cut on, in pixels of frames of `size`.

        None where there is no such grid, or it is not known, as of masks that were read.
        """
        ...

    def see(self, frames: Sequence[Frame]) -> list[FrameRecord]:
        """Return what is in the next frames of the clip, which come in order, each once."""
        ...

    def remarks(self) -> list[str]:
        """Return what a reader should know of what was seen so far, a sentence each."""
        ...


class NetworkMasks:
    """A network, run over the frames.

    Args:
        model: the network.
        soft: whether its soft masks are wanted.

    Attributes:
        records_soft: whether what it sees comes with soft masks: they are wanted, and it offers them.
    """

    identified = False
    path: Path | None = None

    def __init__(self, model: LoadedModel, soft: bool = False) -> None:
        self._wanted_soft = soft
        self.records_soft = soft and offers_soft(model.segmenter)
        self._offering: Any = model.segmenter
        self.name = model.name
        self.class_names: Sequence[str] = model.segmenter.class_names
        self.score_threshold = model.score_threshold
        self.manifest = model.manifest
        self._segmenter = model.segmenter

    def mask_cell_px(self, size: tuple[int, int]) -> tuple[float, float] | None:
        """Return what the segmenter says of it; None where it says nothing."""
        said = getattr(self._segmenter, "mask_cell_px", None)
        return None if said is None else said(size)

    def crop_step_px(self, size: tuple[int, int]) -> tuple[float, float] | None:
        """Return in which steps boxes cut masks: what the segmenter says, else the cells of its grid."""
        said = getattr(self._segmenter, "crop_step_px", None)
        return self.mask_cell_px(size) if said is None else said(size)

    def see(self, frames: Sequence[Frame]) -> list[FrameRecord]:
        """Return what the network sees in frames of one size, in one forward pass."""
        if self.records_soft:
            return [record for record, _ in self.see_parts(frames)]
        found = self._segmenter.segment(np.stack([frame.rgb for frame in frames]))
        return [FrameRecord(frame.index, frame.time_s, own) for frame, own in zip(frames, found, strict=True)]

    def see_parts(self, frames: Sequence[Frame]) -> list[tuple[FrameRecord, MaskParts]]:
        """Return what the network sees in frames of one size, and the parts of every mask, which it must offer."""
        found: Sequence[SeenParts] = self._offering.segment_parts(np.stack([frame.rgb for frame in frames]))
        return [
            (FrameRecord(frame.index, frame.time_s, own.instances, soft=self._soft(own.parts)), own.parts)
            for frame, own in zip(frames, found, strict=True)
        ]

    def _soft(self, parts: MaskParts) -> tuple[SoftMask, ...] | None:
        return tuple(self._offering.soft_masks(parts)) if self.records_soft else None

    def remarks(self) -> list[str]:
        """Say where no soft masks could be kept; what else is to be said of a network is in its manifest."""
        if self.records_soft or not self._wanted_soft:
            return []
        return [f"{self.name}: no soft masks were recorded: it does not hand out any."]


class ExplainedMasks(NetworkMasks):
    """A network that says what its masks are assembled from, and how."""

    def assemble(self, parts: MaskParts) -> Sequence[MaskCrop]:
        """Return the masks that parts make."""
        made: Sequence[MaskCrop] = self._offering.assemble(parts)
        return made


class GivenMasks:
    """Somebody's masks of the clip.

    Args:
        name: what to call them.
        masks: of every frame that will be asked for.
        score_threshold: instances whose score is above it count.
    """

    def __init__(self, name: str, masks: MaskSequence, score_threshold: float) -> None:
        self.name = name
        self.class_names: Sequence[str] = masks.class_names
        self.score_threshold = score_threshold
        self.identified = masks.identified
        self.path: Path | None = masks.path
        self.manifest: dict[str, Any] = {
            "note": given_note(name, masks),
            "masks": {
                "path": str(masks.path),
                "format": masks.format,
                "sha256": masks_sha256(masks.path),
                "frames": masks.matching,
            },
            "identities": "given" if masks.identified else "by association",
            "config": {"class_names": list(masks.class_names)},
            "score_threshold": score_threshold,
            "record_threshold": 0.0,
        }
        self._frames = FrameByFrame(masks)
        self._below = 0

    def mask_cell_px(self, size: tuple[int, int]) -> tuple[float, float] | None:
        """Return None: of masks that were read nobody knows."""
        return None

    def see(self, frames: Sequence[Frame]) -> list[FrameRecord]:
        """Return the masks of the frames."""
        records = []
        for frame in frames:
            found = self._frames.at(frame.index)
            if found is None:
                raise ValueError(f"expected masks of frame {frame.index} of {self.name}, got none")
            self._below += int(np.count_nonzero(found.instances.scores <= self.score_threshold))
            records.append(FrameRecord(frame.index, frame.time_s, found.instances, found.identities))
        return records

    def remarks(self) -> list[str]:
        """Say how many instances did not count."""
        return below_remarks(self.name, self._below, self.score_threshold)


def below_remarks(name: str, below: int, score_threshold: float) -> list[str]:
    """Return what is said of instances that do not count; nothing where there are none."""
    if not below:
        return []
    return [
        f"{name}: {below} instances whose score is not above {score_threshold:g} are recorded and do not count."
    ]


def as_mask_source(model: LoadedModel | MaskSource, why: bool = False, soft: bool = False) -> MaskSource:
    """Return what sees the frames: a loaded model's network, or what was given.

    Args:
        model: either.
        why: whether its masks are to be explained, where it says what they are assembled from.
        soft: whether its soft masks are wanted, where it says how sure it is of its masks.
    """
    if not isinstance(model, LoadedModel):
        return model
    kind = ExplainedMasks if why and offers_parts(model.segmenter) else NetworkMasks
    return kind(model, soft)


def given_note(name: str, masks: MaskSequence) -> str:
    """Return one sentence that says where masks come from; it heads their report."""
    return f"{name}: masks read from {masks.path} ({masks.format}); {tracks_note(masks.identified)}."


def tracks_note(identified: bool) -> str:
    """Return how it is known which object each of somebody's masks is."""
    return "the identities are theirs" if identified else "instances are matched across frames by overlap"


def masks_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes; of a folder, of its masks' names and bytes in order."""
    if path.is_file():
        return sha256_of([path])
    if (path / FILE_NAME).is_file():
        return sha256_of([path / FILE_NAME])
    return sha256_of(sorted(entry for entry in path.iterdir() if entry.suffix.lower() == ".png"), True)
