"""What must come out (METRICS F): each expectation as a pure function of the table of measurements.

A figure that was not measured fails its expectation: nothing passes for want of a value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from yolact_temporal.temporal.calibration.causes import growing, staying
from yolact_temporal.temporal.calibration.gathering import BIAS, verdict_key
from yolact_temporal.temporal.calibration.measurements import Key, Table
from yolact_temporal.temporal.calibration.measuring import EXACT, FLOW, UNMASKED
from yolact_temporal.temporal.calibration.plan import CAUSES, CLASS_SWITCHES, REFERENCE, TRUTH, Plan, Subject
from yolact_temporal.temporal.metrics import REGISTRY

JITTER = tuple(name for name, spec in REGISTRY.own().items() if spec.symbol in ("B1", "B2", "B3"))
GROWING = (
    "boundary_px_mean",
    "motion_compensated_jitter",
    *(name for name in JITTER if REGISTRY[name].symbol == "B3"),
)
"""What must grow with every dose of boundary noise."""

FLICKER = {
    "presence_flips_per_s": ("dropped", "dropped_in_bursts"),
    "dropout_rate": ("dropped", "dropped_in_bursts"),
    "class_flip_rate": (CLASS_SWITCHES,),
    "area_blinks_per_s": ("boundary_noise",),
}
"""Figures of flicker, and the faults that raise them."""

SHAKE_TOLERANCE = 0.1
DRIFT_TOLERANCE = 0.2
RATE_TOLERANCE = 0.02
QUALITY_DROP = 0.1
"""How far J must fall for a mask that is steady but wrong."""
ROUNDING_PX = 0.5
"""What carrying a mask by the exact motion to whole pixels can cost its outline at most, on average."""


class Check(NamedTuple):
    """One expectation of one measurement.

    Attributes:
        rule: a sentence, the same for all checks of one expectation.
        key: the measurement that it judges.
        found: what was found, for a reader.
        holds: whether it came out.
    """

    rule: str
    key: Key
    found: str
    holds: bool


def all_checks(table: Table, plan: Plan) -> list[Check]:
    """Return every check of every expectation, in the order of the rules."""
    found: list[Check] = []
    for rule in RULES:
        found += rule(table, plan)
    return found


def _judge(
    table: Table, rule: str, key: Key, others: Sequence[Key], holds: Callable[..., bool], words: str
) -> Check:
    """Judge one measurement beside others; `words` says how the means, in that order, are to be read."""
    means = [table.mean(one) for one in (key, *others)]
    if any(mean is None for mean in means):
        missing = next(one for one, mean in zip((key, *others), means, strict=True) if mean is None)
        return Check(rule, key, f"no value of {missing.metric} for {missing.fault} {missing.dose:g}", False)
    return Check(rule, key, words.format(*means), holds(*means))


def truth_is_the_floor(table: Table, plan: Plan) -> Iterator[Check]:
    """Ground truth: floor on every figure of jitter and flicker."""
    rule = "the truth is the floor of every jitter and flicker figure"
    for motion in (EXACT, FLOW):
        for metric in JITTER:
            yield _not_above(table, rule, motion, metric, "boundary_noise")
        for metric, faults in FLICKER.items():
            for fault in faults:
                yield _not_above(table, rule, motion, metric, fault)


def _not_above(table: Table, rule: str, motion: str, metric: str, fault: str) -> Check:
    key = Key("scenes", "truth", 0.0, motion, metric)
    own = table.mean(key)
    doses = [dose for dose in table.doses("scenes", fault) if dose]
    means = [table.mean(Key("scenes", fault, dose, motion, metric)) for dose in doses]
    defined = [mean for mean in means if mean is not None]
    if own is None or not defined or len(defined) < len(means):
        return Check(rule, key, f"no value beside {fault}", False)
    found = f"{own:.4g}, least with {fault.replace('_', ' ')} {min(defined):.4g}"
    return Check(rule, key, found, own <= min(defined))


def noise_grows(table: Table, plan: Plan) -> Iterator[Check]:
    """Boundary noise: B1, B2 and B3 grow strictly with the dose."""
    rule = "B1, B2 and B3 grow strictly with boundary noise"
    doses = [dose for dose in table.doses("scenes", "boundary_noise") if dose]
    wanted = [("scenes", motion, metric) for motion in (EXACT, FLOW) for metric in GROWING]
    for experiment, motion, metric in (*wanted, ("all_scenes", FLOW, "boundary_px_on_common")):
        steps = [Key(experiment, "truth", 0.0, motion, metric)]
        steps += [Key(experiment, "boundary_noise", dose, motion, metric) for dose in doses]
        for lower, higher in pairwise(steps):
            yield _judge(table, rule, higher, [lower], lambda high, low: high > low, "{0:.4g} after {1:.4g}")


def shake_is_recovered(table: Table, plan: Plan) -> Iterator[Check]:
    """Centroid shake: the second difference recovers its standard deviation within 10%."""
    rule = f"the second difference recovers a centroid shake within {SHAKE_TOLERANCE:.0%} over 400 frames"
    for subject in _subjects(plan.long_subjects, "centroid_shake"):
        for axis in "xy":
            key = Key("long", subject.fault, subject.dose, FLOW, f"second_difference_centroid_{axis}_px")
            yield _judge(
                table,
                rule,
                key,
                [],
                lambda found, dose=subject.dose: abs(found / dose - 1) <= SHAKE_TOLERANCE,
                f"{{0:.4g}} px of {subject.dose:g} px",
            )


def drift_is_no_jitter(table: Table, plan: Plan) -> Iterator[Check]:
    """Slow drift: jitter stays within 20% of the floor, bias grows."""
    rule = f"a slow drift leaves jitter within {DRIFT_TOLERANCE:.0%} of the floor"
    metrics = (
        "boundary_px_mean",
        "motion_compensated_jitter",
        *(f"second_difference_centroid_{axis}_px" for axis in "xy"),
    )
    drifts = _subjects(plan.long_subjects, "drift")
    for subject in drifts:
        for metric in metrics:
            key = Key("long", subject.fault, subject.dose, FLOW, metric)
            yield _judge(
                table,
                rule,
                key,
                [key._replace(fault="truth", dose=0.0)],
                lambda own, floor: abs(own - floor) <= DRIFT_TOLERANCE * floor,
                "{0:.4g}, floor {1:.4g}",
            )
    steps = [Key("long", subject.fault, subject.dose, "", BIAS) for subject in (TRUTH, *drifts)]
    for lower, higher in pairwise(steps):
        yield _judge(
            table, "bias grows with the drift", higher, [lower], lambda high, low: high > low,
            "{0:.4g} widths after {1:.4g}",
        )  # fmt: skip


def frozen_is_caught(table: Table, plan: Plan) -> Iterator[Check]:
    """Frozen masks: J falls, L(1) rises."""
    rule = "a frozen mask on a moving object loses J and raises L(1)"
    quality, loss = (Key("all_scenes", "frozen", 0.0, FLOW, name) for name in ("truth_j", "loss_1"))
    yield _judge(table, rule, quality, [_truth(quality)], lambda own, true: own < true - QUALITY_DROP,
                 "J {0:.3f}, truth {1:.3f}")  # fmt: skip
    yield _judge(
        table, rule, loss, [_truth(loss)], lambda own, true: own > true, "L(1) {0:.3f}, truth {1:.3f}"
    )


def rates_are_recovered(table: Table, plan: Plan) -> Iterator[Check]:
    """Dropped frames and class switches: their rate is recovered within 2 points."""
    for metric, faults in (
        ("dropout_rate", ("dropped", "dropped_in_bursts")),
        ("class_flip_rate", (CLASS_SWITCHES,)),
    ):
        rule = f"{metric} recovers the rate within {RATE_TOLERANCE * 100:g} points"
        for fault in faults:
            for subject in _subjects(plan.long_subjects, fault):
                key = Key("long", fault, subject.dose, FLOW, metric)
                row = table.get(key)
                injected = subject.dose if row is None else row.injected
                yield _judge(
                    table, rule, key, [], lambda own, put_in=injected: abs(own - put_in) <= RATE_TOLERANCE,
                    f"{{0:.4g}} of {injected:.4g}",
                )  # fmt: skip


def dropping_is_caught(table: Table, plan: Plan) -> Iterator[Check]:
    """Dropped frames: C shrinks, B on C stays within its interval, L(1) grows."""
    drops = _subjects(plan.subjects, "dropped")
    for before, after in pairwise((TRUTH, *drops)):
        share, loss = (
            (
                Key("all_scenes", after.fault, after.dose, FLOW, name),
                Key("all_scenes", before.fault, before.dose, FLOW, name),
            )
            for name in ("common_share", "loss_1")
        )  # fmt: skip
        yield _judge(table, "dropping frames shrinks the common support", share[0], [share[1]],
                     lambda own, less: own < less, "{0:.3f} after {1:.3f}")  # fmt: skip
        yield _judge(table, "dropping frames raises L(1)", loss[0], [loss[1]],
                     lambda own, less: own > less, "{0:.3f} after {1:.3f}")  # fmt: skip
    rule = "dropping frames leaves B1 on the common support within its interval"
    whole = table.get(Key("all_scenes", "truth", 0.0, FLOW, "boundary_px_difference"))
    low, high = (None, None) if whole is None or whole.interval is None else whole.interval
    for subject in drops:
        key = Key("all_scenes", subject.fault, subject.dose, FLOW, "boundary_px_difference")
        if low is None or high is None:
            yield Check(rule, key, "no interval of the truth's", False)
            continue
        yield _judge(
            table, rule, key, [], lambda own, ends=(low, high): ends[0] <= own <= ends[1],
            f"{{0:.4f}} px against the reference, whole {low:.4f} to {high:.4f}",
        )  # fmt: skip


def empty_wins_nothing(table: Table, plan: Plan) -> Iterator[Check]:
    """Empty masks: worst L(1), no answer on outlines, no jitter reported as 0."""
    loss = Key("all_scenes", "empty", 0.0, FLOW, "loss_1")
    others = [
        loss._replace(fault=s.fault, dose=s.dose)
        for s in plan.subjects
        if s.fault != "empty" and s != REFERENCE
    ]
    worst = max((mean for mean in map(table.mean, others) if mean is not None), default=None)
    yield _judge(table, "empty masks have the worst L(1)", loss, others,
                 lambda own, *rest: all(own > other for other in rest),
                 "{0:.3f}, next " + ("none" if worst is None else f"{worst:.3f}"))  # fmt: skip
    for motion in (EXACT, FLOW):
        for metric in (*JITTER, "score_jitter"):
            key = Key("scenes", "empty", 0.0, motion, metric)
            row = table.get(key)
            undefined = row is not None and row.mean is None
            found = "undefined" if undefined else f"{None if row is None else row.mean}"
            yield Check("empty masks have no jitter, not one of 0", key, found, undefined)


def full_box_is_seen_through(table: Table, plan: Plan) -> Iterator[Check]:
    """Full-box masks: steady but J low, shown side by side."""
    rule = "full-box masks are steady, and their J is low"
    quality = Key("all_scenes", "full_box", 0.0, FLOW, "truth_j")
    yield _judge(table, rule, quality, [_truth(quality)], lambda own, true: own < true - QUALITY_DROP,
                 "J {0:.3f}, truth {1:.3f}")  # fmt: skip
    for motion in (EXACT, FLOW):
        for metric in ("boundary_px_mean", "motion_compensated_jitter"):
            key = Key("scenes", "full_box", 0.0, motion, metric)
            noisy = key._replace(fault="boundary_noise", dose=1.0)
            yield _judge(table, rule, key, [noisy], lambda own, other: own < other,
                         "{0:.4g}, boundary noise of 1 px {1:.4g}")  # fmt: skip


def verdicts_are_right(table: Table, plan: Plan) -> Iterator[Check]:
    """The comparison decides what is clear, and nobody wins by showing less."""
    for first, second in plan.contests:
        yield _verdict(table, "the steadier of two is found", first, second, lambda value: value == 1)
    for first, second in plan.never:
        rule = "who shows nothing, or not the worst, is never declared steadier"
        if first.fault == "empty":
            yield _verdict(
                table,
                "empty masks are not called steadier, and nothing is beside them",
                first,
                second,
                lambda v: v is None,
            )
        else:
            yield _verdict(table, rule, first, second, lambda value: value != 1)


def _verdict(
    table: Table, rule: str, first: Subject, second: Subject, holds: Callable[[float | None], bool]
) -> Check:
    row = table.get(verdict_key(first, second))
    if row is None:
        return Check(rule, verdict_key(first, second), "no verdict", False)
    return Check(rule, row.key, row.note, holds(row.values[0]))


def floor_is_small(table: Table, plan: Plan) -> Iterator[Check]:
    """With exact motion only rounding is left, and leaving out hidden pixels lowers the floor."""
    rounding = f"with exact motion the truth's B1 stays below {ROUNDING_PX:g} px at any speed and texture"
    for experiment, doses in (("speed", plan.speeds), ("texture", plan.textures)):
        for dose in doses:
            key = Key(experiment, "truth", dose, EXACT, "boundary_px_mean")
            yield _judge(table, rounding, key, [], lambda own: own < ROUNDING_PX, "{0:.4g} px")
    for dose in plan.speeds:
        # Flow is judged by how far its two directions disagree: around a slow object they do by too little to tell.
        for motion, unmasked in UNMASKED.items():
            if dose >= (1 if motion == EXACT else 4):
                key = Key("speed", "truth", dose, motion, "motion_compensated_jitter")
                yield _judge(
                    table, "leaving out hidden pixels lowers the floor of moving objects", key,
                    [key._replace(motion=unmasked)], lambda own, other: own < other,
                    "B2 {0:.4f}, without {1:.4f}",
                )  # fmt: skip


def causes_are_found(table: Table, plan: Plan) -> Iterator[Check]:
    """One part disturbed: what it is blamed for grows with the dose, the other parts stay within the floor."""
    grows = "the part that is disturbed is blamed, and for more with every dose"
    stays = "the parts that are not disturbed are blamed for no more than the floor"
    for fault in CAUSES:
        for higher, lower in growing(fault):
            if lower is None:
                yield _judge(table, grows, higher, [], lambda own: own > 0, "{0:.4g}")
            else:
                yield _judge(
                    table, grows, higher, [lower], lambda own, low: own > low, "{0:.4g} after {1:.4g}"
                )
        for key, floor in staying(fault):
            yield _judge(
                table, stays, key, [floor], lambda own, most: abs(own) <= most, "{0:.4g}, floor {1:.4g}"
            )


RULES: tuple[Callable[[Table, Plan], Iterator[Check]], ...] = (
    truth_is_the_floor,
    noise_grows,
    shake_is_recovered,
    drift_is_no_jitter,
    frozen_is_caught,
    rates_are_recovered,
    dropping_is_caught,
    empty_wins_nothing,
    full_box_is_seen_through,
    verdicts_are_right,
    floor_is_small,
    causes_are_found,
)
"""Every expectation."""


def _truth(key: Key) -> Key:
    return key._replace(fault="truth", dose=0.0)


def _subjects(subjects: Sequence[Subject], fault: str) -> list[Subject]:
    return sorted({one for one in subjects if one.fault == fault}, key=lambda one: one.dose)
