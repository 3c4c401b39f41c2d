"""Quality beside stability: what the masks are worth where a ground truth tells, and cards of compared figures."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from yolact_temporal.dashboards import definitions
from yolact_temporal.dashboards.comparisons import Comparison, favoured
from yolact_temporal.dashboards.loader import Run
from yolact_temporal.dashboards.plain_text import plain
from yolact_temporal.dashboards.views.parts import interval, model_badge, number, show_table
from yolact_temporal.temporal.catalogue import unit_text
from yolact_temporal.temporal.metrics import REGISTRY

UNKNOWN_QUALITY = (
    "This run was measured without a ground truth, so how good the masks are is not known: an empty, a frozen and a "
    "full-box mask are all perfectly steady."
)


def show_card(run: Run, row: pd.Series, models: tuple[str, str]) -> None:
    """Show one compared figure: both values, which way is better, and whom its interval favours.

    Args:
        run: gives the models their colours.
        row: of `comparison.csv`.
        models: the two that the row compares.
    """
    name = str(row["metric"])
    unit = unit_text(REGISTRY.compared()[name].unit)
    st.markdown(
        f"**{plain(definitions.compared_label(name))}**" + (f" ({plain(unit)})" if unit else ""),
        help=plain(definitions.compared_definition(name)),
    )
    for side, model in zip(("value_a", "value_b"), models, strict=True):
        at = run.models.index(model) if model in run.models else len(run.models)
        st.markdown(f"{model_badge(model, at)}  **{plain(number(row[side]))}**")
    better = favoured(row, models)
    told = "no interval" if pd.isna(row["ci_low"]) else "the interval includes 0"
    st.caption(
        f"{plain(definitions.direction(name))} · difference {plain(number(row['difference'], 3, '+'))}"
        f" · 95%: {plain(interval(row['ci_low'], row['ci_high']))} · "
        + (f"favours **{plain(better)}**" if better else plain(told))
    )


def truth_rows(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `summary.csv` that are against a ground truth: each model's that follow its true objects."""
    parts = []
    for _, own in summary.groupby("model", sort=False):
        start = own["metric"].eq(definitions.TRUE_OBJECTS).cummax()
        parts.append(own[start])
    return pd.concat(parts) if parts else summary.iloc[:0]


def truth_table(summary: pd.DataFrame, models: list[str]) -> pd.DataFrame:
    """Return every figure against a ground truth, a row each: what it is, and each model's value (NaN undefined)."""
    rows = truth_rows(summary)
    names = list(dict.fromkeys(rows["metric"]))
    values = rows.drop_duplicates(["metric", "model"]).set_index(["metric", "model"])["value"]
    units = rows.drop_duplicates("metric").set_index("metric")["unit"]
    table = pd.DataFrame(
        {
            "figure": [definitions.label(name) for name in names],
            "unit": [unit_text(str(units[name])) for name in names],
        }
    )
    for model in models:
        table[model] = [values.get((name, model), float("nan")) for name in names]
    table["direction"] = [definitions.direction(name) for name in names]
    table["what it is"] = [definitions.definition(name) for name in names]
    return table


def show_quality(run: Run, comparison: Comparison | None, summary: pd.DataFrame) -> None:
    """Show quality beside stability, or that it is not known and how it would be."""
    st.subheader("Quality beside stability", anchor=False)
    table = truth_table(summary, run.models)
    cards = _cards(run, comparison)
    if table.empty and not cards:
        st.markdown(UNKNOWN_QUALITY)
        st.text(  # not st.code: its highlighting is a quarter of all that the browser must load
            f'yolact-temporal compare "{run.path}" --ground-truth MASKS --out FOLDER'
            if comparison is not None
            else "yolact-temporal score MASKS --clip CLIP --ground-truth TRUE_MASKS"
        )
    if table.empty:
        return
    with st.expander("Every figure against the ground truth", expanded=not cards):
        shown = {model: st.column_config.NumberColumn(format="%.4g") for model in run.models}
        shown["what it is"] = st.column_config.TextColumn(width="large")
        show_table(table, "truth.csv", key="truth", columns=shown)


def _cards(run: Run, comparison: Comparison | None) -> bool:
    """Show the compared figures of quality, a card each; tell whether there were any."""
    if comparison is None:
        return False
    rows = comparison.overall
    found = rows[rows["metric"].isin(definitions.quality_figures()) & (rows["support"] == "universe")]
    pairs = found.groupby(["model_a", "model_b"], sort=False)
    for (first, second), own in pairs:
        with st.container(key=f"pair_quality_{first}_{second}"):
            columns = st.columns(max(2, len(own)))
        for column, (_, row) in zip(columns, own.iterrows(), strict=False):
            with column.container(border=True, height="stretch"):
                show_card(run, row, (str(first), str(second)))
    return not found.empty
