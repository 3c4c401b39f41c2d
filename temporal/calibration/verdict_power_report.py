"""What the simulation of verdicts came to: `verdicts.csv`, a text for the terminal, and data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from yolact_temporal.temporal.calibration.verdict_power import (
    CLIPS,
    EFFECTS,
    MISSES,
    Power,
    PowerCheck,
    Setting,
)
from yolact_temporal.temporal.documents import Cell, Items, Number, Paragraph, Section, Table
from yolact_temporal.temporal.report import Column, Row

VERDICT_COLUMNS: tuple[Column, ...] = (
    Column(
        "clips",
        "",
        "How many clips a trial compares; 1 and 3 are answered from their frames, the others as clips.",
    ),
    Column("effect", "1", "How many times as much the outlines of the one model move; 1 of equal models."),
    Column(
        "spread",
        "1",
        "Standard deviation over the clips of the logarithm of the ratio as it is measured; 0: no more of it than "
        "measuring equal models makes.",
    ),
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
        "measured_spread_of_equal_models": power.noise,
        "holds": power.holds,
        "checks": [
            {
                "expectation": check.rule,
                "found": check.found,
                "standard_error": check.error,
                "trials": check.trials,
                "bound": check.bound,
                "holds": check.holds,
            }
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
    return Section(
        "What verdicts find, and how often they are wrong",
        [
            Paragraph(
                f"Simulated comparisons of two models whose outlines move by a known factor, both missing "
                f"{MISSES:.0%} of the frames: how often the truly steadier one's outlines are said to move less. The "
                f"spread is the standard deviation of the clips' log ratio as it is measured; {power.noise:.2g} of it "
                f"is there between equal models."
            ),
            Table(heads, rows),
            Items([_told(check) for check in power.checks]),
            Paragraph(
                "Behind ± stands the standard error of so many trials. With 12 clips and a spread of 0.2 no exact test "
                "at 5% finds a difference of 20% more often than in 82%; and no exact test calls one of two equal "
                "models steadier more often than in 5%, whatever a finite number of trials comes to."
            ),
        ],
    )


def _told(check: PowerCheck) -> str:
    """Return a bar in words: whether it holds, to the letter or but for chance, with its standard error."""
    head = "holds" if check.is_met else "holds within two standard errors" if check.holds else "FAILS"
    return (
        f"{head}: {check.rule} in {check.found:.1%} ± {100 * check.error:.1f} of {check.trials} trials "
        f"({'at least' if check.at_least else 'at most'} {check.bound:.0%})"
    )
