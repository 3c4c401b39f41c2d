"""One picture of what verdicts find: power against the true effect, a line for each number of clips."""

from __future__ import annotations

from pathlib import Path

from yolact_temporal.temporal.calibration.verdict_power import CLIPS, EFFECTS, MISSES, SPREADS, Power, Setting
from yolact_temporal.temporal.comparison.rules import LEAST_CLIPS, POWER, SIGNIFICANCE
from yolact_temporal.temporal.plot_style import (
    FAINT,
    INK,
    model_color,
    model_marker,
    new_figure,
    save_png,
    style_axes,
    write_heading,
)


def plot_power(power: Power, path: Path) -> Path:
    """Draw the share of comparisons that are decided rightly, a panel for each spread over clips; returns the path."""
    spreads = [spread for spread in SPREADS if spread > 0]
    figure = new_figure(9.2, 4.2)
    panels = figure.subplots(1, len(spreads), sharey=True, squeeze=False)[0]
    for axes, spread in zip(panels, spreads, strict=True):
        style_axes(
            axes, "share of comparisons" if axes is panels[0] else "", "true difference of the outlines"
        )
        write_heading(axes, f"the measured difference varies by {spread:g} (log) over clips")
        for number, clips in enumerate(count for count in CLIPS if count >= LEAST_CLIPS):
            found = [power.outcomes[Setting(clips, effect, spread)] for effect in EFFECTS]
            shares = [own.share("outlines") for own in found]
            errors = [2 * own.error("outlines") for own in found]
            places = [100 * (effect - 1) for effect in EFFECTS]
            axes.errorbar(
                places, shares, errors, color=model_color(number), marker=model_marker(number), markersize=4,
                elinewidth=1.2, label=f"{clips} clips",
            )  # fmt: skip
        for level in (SIGNIFICANCE, POWER):
            axes.axhline(level, color=FAINT, linewidth=0.8, linestyle=":")
        axes.set_ylim(0, 1.02)
        axes.set_xticks([100 * (effect - 1) for effect in EFFECTS])
        axes.set_xticklabels([f"{100 * (effect - 1):.0f}%" for effect in EFFECTS], fontsize=8)
    panels[-1].legend(loc="lower right", fontsize=9, frameon=False)
    figure.supxlabel(
        f"At 0%: equal models of which one is favoured (dotted: {SIGNIFICANCE:.0%}; {POWER:.0%}). Both miss "
        f"{MISSES:.0%} of the frames. Bars: two standard errors, of {power.plan.trials} trials and more; seed "
        f"{power.plan.seed}.",
        fontsize=8.5, color=INK, x=0.012, ha="left",
    )  # fmt: skip
    return save_png(figure, path, "How often a true difference is found")
