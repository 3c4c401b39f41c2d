"""`Explainer`: masks, their parts and the motion in, frame by frame; what each part adds to the jitter out."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolact_temporal.data.crops import MaskCrop, union_region
from yolact_temporal.data.mask_parts import Assemble, MaskParts, Voters
from yolact_temporal.temporal.metrics.boundary import OneAgainstMany
from yolact_temporal.temporal.metrics.causes import FLOOR, HALVES, MEASURES, PARTS, SWITCH, TOTAL
from yolact_temporal.temporal.metrics.jitter import motion_compensated_jitter
from yolact_temporal.temporal.motion import Motion
from yolact_temporal.temporal.stability import FrameStability, InstanceStability
from yolact_temporal.temporal.why.carrying import Movement, carried_map, fitted_movement
from yolact_temporal.temporal.why.sharing import Unions, coalitions, shares

Names = frozenset[str]


@dataclass(frozen=True)
class PairCauses:
    """What a pair (t-1, t) of a track owes to each part.

    Attributes:
        frame_index, time_s: of t.
        track_id: from 1.
        score, area_px: of the mask of t.
        jitter: B2 of the pair.
        values: by metric name, those of `causes.PAIR_SPECS`; None where undefined.
    """

    frame_index: int
    time_s: float
    track_id: int
    score: float
    area_px: int
    jitter: float | None
    values: Mapping[str, float | None]


@dataclass(frozen=True, eq=False)
class Mixtures:
    """Everything that the instances of one frame were mixed of, in order of instances; what pictures are made from.

    Attributes:
        frame_index: of t.
        track_ids: of the instances.
        now: the parts of t.
        then: those of t-1, carried to t.
        recorded: the masks of t.
        masks: of each instance, by the names of the parts that are those of t.
    """

    frame_index: int
    track_ids: tuple[int, ...]
    now: MaskParts
    then: MaskParts
    recorded: tuple[MaskCrop, ...]
    masks: tuple[Mapping[Names, MaskCrop], ...]


@dataclass(frozen=True)
class _Pair:
    """A track's pair: its rows among the parts of t and of t-1, its masks, and how it moved."""

    item: InstanceStability
    row: int
    row_before: int
    mask: MaskCrop
    carried: MaskCrop
    movement: Movement


class Explainer:
    """Shares out B1 and B2 of one model's pairs among what its masks are assembled from (METRICS H3 and H5).

    Args:
        assemble: makes masks from parts, as the model does.

    Attributes:
        latest: what was mixed in the last frame; None where nothing was.
    """

    def __init__(self, assemble: Assemble) -> None:
        self._assemble = assemble
        self.latest: Mixtures | None = None
        self._parts: MaskParts | None = None
        self._rows: dict[int, int] = {}

    def pass_over(self, stability: FrameStability, parts: MaskParts | None) -> None:
        """Take the next frame without explaining it; arguments as of `update`."""
        self.latest, self._parts = None, parts
        self._rows = {item.track_id: item.index for item in stability.instances if item.track_id is not None}

    def update(
        self,
        stability: FrameStability,
        masks: Sequence[MaskCrop],
        carried: Mapping[int, MaskCrop],
        motion: Motion | None,
        parts: MaskParts | None,
    ) -> list[PairCauses]:
        """Take the next frame.

        Args:
            stability: of the frame, as its meter gives it.
            masks: of its instances, in order.
            carried: each track's mask of t-1 carried to t, by track id.
            motion: from t-1 to t; None where it is not known.
            parts: of its instances, in order; None where they are not known.

        Returns:
            One for each pair that counts and whose parts are known at t-1 and t.
        """
        before, rows = self._parts, self._rows
        self.pass_over(stability, parts)
        if parts is None or before is None or motion is None:
            return []
        items = [
            (item, item.track_id)
            for item in stability.instances
            if item.pair is not None and item.track_id in rows and item.track_id is not None
        ]
        pairs: list[_Pair] = []
        untold: list[PairCauses] = []
        for item, key in items:
            movement = fitted_movement(carried[key], motion)
            if movement is None or (item.pair or {})[MEASURES[0].pair] is None:
                untold.append(_causes(stability, item, {}))
                continue
            mask = masks[item.index]
            pairs.append(_Pair(item, item.index, rows[key], mask, carried[key], movement))
        told = self._explained(stability, pairs, before, parts, motion) if pairs else []
        return sorted([*told, *untold], key=lambda causes: causes.track_id)

    def _explained(
        self,
        stability: FrameStability,
        pairs: Sequence[_Pair],
        before: MaskParts,
        parts: MaskParts,
        motion: Motion,
    ) -> list[PairCauses]:
        now = parts.select([pair.row for pair in pairs])
        then = _carried(before.select([pair.row_before for pair in pairs]), pairs, motion)
        mixed = _mixtures(now, then, self._assemble)
        self.latest = Mixtures(
            stability.frame_index,
            tuple(pair.item.track_id or 0 for pair in pairs),
            now,
            then,
            tuple(pair.mask for pair in pairs),
            tuple(mixed),
        )
        found = []
        for index, pair in enumerate(pairs):
            unions = _unions(now, _class_changed(now, then, index))
            everything = frozenset(player for union in unions for player in union)
            masks = {names: mixed[index][names] for names in coalitions(unions) if names != everything}
            values = _shared(unions, pair, masks, motion)
            values[SWITCH] = _switched(pair, now, then, index)
            found.append(_causes(stability, pair.item, values))
        return found


def _causes(
    stability: FrameStability, item: InstanceStability, values: Mapping[str, float | None]
) -> PairCauses:
    assert item.track_id is not None, "only instances of a track have a pair"
    jitter = (item.pair or {})[MEASURES[0].pair]
    return PairCauses(
        stability.frame_index, stability.time_s, item.track_id, item.score, item.area_px, jitter, values
    )


def _carried(before: MaskParts, pairs: Sequence[_Pair], motion: Motion) -> MaskParts:
    """Carry the parts of t-1 to t (METRICS H2); coefficients and class stay as they are."""

    def moved(boxes: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.stack([pair.movement.boxes(box) for pair, box in zip(pairs, boxes, strict=True)])

    return replace(
        before,
        maps=tuple(carried_map(each, motion) for each in before.maps),
        boxes=moved(before.boxes),
        pasted=None if before.pasted is None else moved(before.pasted),
        voters=_moved_voters(before.voters, pairs),
    )


def _moved_voters(voters: tuple[Voters, ...] | None, pairs: Sequence[_Pair]) -> tuple[Voters, ...] | None:
    """Move the boxes of those that vote for each mask as its own box is moved."""
    if voters is None:
        return None
    return tuple(
        replace(own, boxes=pair.movement.boxes(own.boxes)) for own, pair in zip(voters, pairs, strict=True)
    )


def _row_players(parts: MaskParts) -> tuple[str, ...]:
    """Return the parts that each instance has of its own."""
    coefficients = ("coefficients",) if parts.coefficients is not None else ()
    boxes = ("box",) if parts.pasted is None else HALVES
    return (*coefficients, *boxes, *(("class",) if parts.class_ids is not None else ()))


def _unions(parts: MaskParts, class_changed: bool) -> Unions[str]:
    """Return the parts that change; the halves of a box belong together."""
    coefficients = [("coefficients",)] if parts.coefficients is not None else []
    boxes = [("box",)] if parts.pasted is None else [HALVES]
    return [(parts.maps_name,), *coefficients, *boxes, *([("class",)] if class_changed else [])]


def _class_changed(now: MaskParts, then: MaskParts, index: int) -> bool:
    if now.class_ids is None or then.class_ids is None:
        return False
    return bool(now.class_ids[index] != then.class_ids[index])


def _mixtures(now: MaskParts, then: MaskParts, assemble: Assemble) -> list[dict[Names, MaskCrop]]:
    """Assemble every mixture of each instance's parts but the unmixed one of t, which is recorded.

    Args:
        now: the parts of t.
        then: those of t-1 carried to t, in the same order of instances.
        assemble: of the model.

    Returns:
        For each instance its masks, by the names of the parts that are those of t.
    """
    players = _row_players(now)
    found: list[dict[Names, MaskCrop]] = [{} for _ in range(len(now))]
    for maps in (now, then):
        asked = list(_asked(now, then, players, maps is now))
        index = np.array([each for each, _ in asked])
        fresh = {name: np.array([name in names for _, names in asked]) for name in players}
        rows = _mixed_rows(now, then, index, fresh)
        shared = frozenset((now.maps_name,) if maps is now else ())
        for (instance, names), mask in zip(asked, assemble(replace(rows, maps=maps.maps)), strict=True):
            found[instance][names | shared] = mask
    return found


def _asked(
    now: MaskParts, then: MaskParts, players: Sequence[str], maps_are_new: bool
) -> Iterator[tuple[int, Names]]:
    """Yield which rows to assemble: an instance, and the parts of its own that are those of t."""
    for chosen in product((False, True), repeat=len(players)):
        names = frozenset(name for name, new in zip(players, chosen, strict=True) if new)
        for index in range(len(now)):
            changed = _class_changed(now, then, index)
            whole = frozenset(players) if changed else frozenset(players) - {"class"}
            if ("class" in names and not changed) or (maps_are_new and names == whole):
                continue
            yield index, names


def _mixed_rows(
    now: MaskParts, then: MaskParts, index: NDArray[np.intp], fresh: Mapping[str, NDArray[np.bool_]]
) -> MaskParts:
    """Return parts of which each row takes from t what is fresh, and from t-1 what is not."""

    def rows(new: Any, old: Any, name: str) -> Any:
        if new is None or old is None:
            return None
        take = fresh[name] if new.ndim == 1 else fresh[name][:, None]
        return np.where(take, new[index], old[index]).astype(new.dtype)

    first, second = ("box", "box") if now.pasted is None else HALVES
    return replace(
        now,
        boxes=rows(now.boxes, then.boxes, first),
        pasted=rows(now.pasted, then.pasted, second),
        coefficients=rows(now.coefficients, then.coefficients, "coefficients"),
        class_ids=rows(now.class_ids, then.class_ids, "class"),
        voters=_mixed_voters(now.voters, then.voters, index, fresh),
        origins=None,
    )


def _mixed_voters(
    now: tuple[Voters, ...] | None,
    then: tuple[Voters, ...] | None,
    index: NDArray[np.intp],
    fresh: Mapping[str, NDArray[np.bool_]],
) -> tuple[Voters, ...] | None:
    """Return the voters of each row, which come with its box."""
    if now is None or then is None:
        return None
    return tuple(now[at] if new else then[at] for at, new in zip(index, fresh["box"], strict=True))


def _shared(
    unions: Unions[str], pair: _Pair, masks: Mapping[Names, MaskCrop], motion: Motion
) -> dict[str, float | None]:
    """Share out B2 and B1 of one pair; B1 is undefined where a mixture makes no outline."""
    told = _measured(pair, masks, motion)
    everything = frozenset(player for union in unions for player in union)
    values: dict[str, float | None] = {}
    for measure, own in zip(MEASURES, zip(*told.values(), strict=True), strict=True):
        worth: dict[Hashable, float | None] = dict(zip(told, own, strict=True))
        worth[everything] = (pair.item.pair or {})[measure.pair]
        defined = {names: value for names, value in worth.items() if value is not None}
        if len(defined) < len(worth):
            continue
        found = shares(unions, defined.__getitem__)
        if HALVES[0] in found:
            found["box"] = sum(found[half] for half in HALVES)
            found.setdefault("class", 0.0)
        values |= {measure.name(part): found.get(part) for part in PARTS}
        values |= {measure.name(FLOOR): defined[frozenset()], measure.name(TOTAL): defined[everything]}
    return values


def _measured(
    pair: _Pair, masks: Mapping[Names, MaskCrop], motion: Motion
) -> dict[Names, tuple[float | None, float | None]]:
    """Return B2 and B1 of each mixture against the carried mask; of an empty one B2 is 1 and B1 undefined."""
    regions = [pair.carried.region, *(mask.region for mask in masks.values())]
    region = union_region(regions).grown(1, pair.mask.size)
    carried, visible = pair.carried.within(region), motion.visible[region.slices].view(np.uint8)
    outline = OneAgainstMany(carried, visible)
    known: dict[bytes, tuple[float | None, float | None]] = {}
    found = {}
    for names, mask in masks.items():
        pixels = mask.within(region)
        key = np.packbits(pixels).tobytes()  # a crop in whole cells often leaves a mask as it is
        if key not in known:
            jitter = motion_compensated_jitter(carried, pixels, visible)
            moved = outline.displacement(pixels)
            known[key] = (1.0 if jitter is None else jitter, None if moved is None else moved.mean)
        found[names] = known[key]
    return found


def _switched(pair: _Pair, now: MaskParts, then: MaskParts, index: int) -> float | None:
    """Return 1 where another anchor won, 0 where the same did; None where it is not known (METRICS H5)."""
    new, old = now.origins, then.origins
    if new is None or old is None:
        return None
    levels = [each.pooled_levels for each in (new, old)]
    if levels[0] is not None and levels[1] is not None and levels[0][index] != levels[1][index]:
        return 1.0
    away = np.abs(new.centers[index] - pair.movement.points(old.centers[index]))
    same = np.array_equal(new.kinds[index], old.kinds[index]) and bool((away <= new.cells_px[index]).all())
    return 0.0 if same else 1.0
