"""What the simulation of verdicts came to: `verdicts.csv`, a text for the terminal, and data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from yolact_temporal.temporal.calibration.verdict_power import CLIPS, EFFECTS, MISSES, Power, Setting
from yolact_temporal.temporal.documents import Cell, Items, Number, Paragraph, Section, Table
from yolact_temporal.temporal.report import Column, Row

VERDICT_COLUMNS: tuple[Column, ...] = (
    Column(
        "clips",
        "",
        "How many clips a trial compares; 1 and 3 are answered from their frames, the others as clips.",
    ),
    Column("effect", "1", "How many times as much the outlines of the one model move; 1 of equal models."),
    Column("spread", "1", "Standard deviation of the logarithm of that factor over the clips."),
    Column("misses", "1", "Share of the frames that each model misses by chance."),
    Column("trials", "", "How many comparisons were simulated."),
    Column(
        "steadier", "1", "Share of them that call the truly steadier model steadier; of equal models, either."
    ),
    Column("wrong", "1", "Share that call the other one steadier; 0 of equal models."),
    Column(
        "outlines",
        "1",
        "Share that say the truly steadier one's outlines move less, whatever else keeps the word steadier from it; of "
        "equal models, either's.",
    ),
    Column("alike", "1", "Share that say the outlines move alike."),
)
"""Columns of `verdicts.csv`."""


def verdict_rows(power: Power) -> Iterator[Row]:
    """Yield the rows of `verdicts.csv`, one a setting."""
    for setting, found in power.outcomes.items():
        yield setting._asdict() | {
            "misses": MISSES,
            "trials": found.trials,
            **{name: found.share(name) for name in ("steadier", "wrong", "outlines", "alike")},
        }


def verdict_data(power: Power) -> dict[str, Any]:
    """Return the simulation as data."""
    return {
        "seed": power.plan.seed,
        "holds": power.holds,
        "checks": [
            {"expectation": check.rule, "found": check.found, "bound": check.bound, "holds": check.holds}
            for check in power.checks
        ],
        "rows": list(verdict_rows(power)),
    }


def verdict_section(power: Power) -> Section:
    """Return the simulation for a reader."""
    rows: list[list[Cell]] = []
    for clips in (count for count in CLIPS if Setting(count, 1.2, 0.2) in power.outcomes):
        for spread in (0.1, 0.2):
            shares = (power.outcomes[Setting(clips, effect, spread)].share("outlines") for effect in EFFECTS)
            rows.append([f"{clips} clips, spread {spread:g}", *(Number(share, ".0%") for share in shares)])
    heads = ["called for one", *("equal" if effect == 1 else f"{effect - 1:.0%} more" for effect in EFFECTS)]
    bars = [
        f"{'holds' if check.holds else 'FAILS'}: {check.rule} in {check.found:.1%} of {check.trials} "
        f"({'at least' if check.at_least else 'at most'} {check.bound:.0%})"
        for check in power.checks
    ]
    return Section(
        "What verdicts find, and how often they are wrong",
        [
            Paragraph(
                f"Simulated comparisons of two models whose outlines move by a known factor, both missing "
                f"{MISSES:.0%} of the frames: how often the truly steadier one's outlines are said to move less."
            ),
            Table(heads, rows),
            Items(bars),
            Paragraph(
                "A figure holds within two standard errors of so many trials. With 12 clips and a spread of 0.2 no "
                "exact test at 5% finds a difference of 20% more often than in 82%."
            ),
        ],
    )
