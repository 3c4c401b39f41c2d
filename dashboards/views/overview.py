"""Overview: who is steadier in this clip, what that rests on, and each model's headline figures."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from yolact_temporal.dashboards import definitions
from yolact_temporal.dashboards.comparisons import Comparison, PairVerdict, run_comparison
from yolact_temporal.dashboards.loader import Run
from yolact_temporal.dashboards.plain_text import plain
from yolact_temporal.dashboards.views.context import Context
from yolact_temporal.dashboards.views.parts import (
    interval,
    model_badge,
    number,
    show_error,
    show_table,
    show_verdict,
)
from yolact_temporal.errors import InputError
from yolact_temporal.temporal.comparison.comparing import FIGURES

OWN_FIGURES = (
    "Each model's own figures, over the instances it saw: a model that drops the hard objects looks steadier here. "
    "They do not rank models."
)


def show(context: Context) -> None:
    """Show the page."""
    run = context.run
    if run is None:
        show_first_steps(context)
        return
    st.title(plain(run.manifest.name), anchor=False)
    st.caption(_described(run))
    try:
        comparison = run_comparison(run)
    except InputError as error:
        show_error(error)
        comparison = None
    if comparison is None or not comparison.verdicts:
        _nothing_compared(run)
    else:
        for verdict in comparison.verdicts:
            show_verdict(verdict)
            _show_cards(comparison, verdict)
        _show_compared_table(comparison)
        _show_quality(comparison)
    _show_own_figures(run)
    _show_how(run)


def show_first_steps(context: Context) -> None:
    """Show how to get a first run, where there is none."""
    st.title("No run yet", anchor=False)
    st.markdown(
        f"The folder **{plain(context.root)}** holds no finished run. There are three ways to the first one:"
    )
    first, second, third = st.columns(3)
    with first.container(border=True, height="stretch"):
        st.markdown("**The built-in demo**")
        st.markdown("Photographs filmed by a known camera; needs no file.")
        if st.button("Run the demo", type="primary", key="first_demo", icon=":material/play_arrow:"):
            st.session_state["wanted_clip"] = "demo"
            _to_analysis()
    with second.container(border=True, height="stretch"):
        st.markdown("**Your own clip, here**")
        st.markdown("Upload a video and watch it being analyzed.")
        if st.button("Upload a clip", key="first_upload", icon=":material/upload:"):
            st.session_state["wanted_clip"] = "upload"
            _to_analysis()
    with third.container(border=True, height="stretch"):
        st.markdown("**The command line**")
        st.code(f'yolact-temporal analyze CLIP.mp4 --out "{context.root}"', language=None)


def _to_analysis() -> None:
    page = st.session_state.get("pages", {}).get("analysis")
    if page is not None:
        st.switch_page(page)


def _described(run: Run) -> str:
    clip, manifest = run.manifest.clip, run.manifest
    rate = "no time of its own" if clip.fps is None else f"{clip.fps:.4g} frames a second"
    parts = [
        f"{manifest.frames_measured or 0} frames measured",
        f"{clip.width}x{clip.height}",
        rate,
        f"motion by {manifest.motion}",
        f"finished {manifest.finished[:16].replace('T', ' ')} UTC" if manifest.finished else "",
    ]
    return plain(" · ".join(part for part in parts if part))


def _nothing_compared(run: Run) -> None:
    with st.container(border=True):
        st.subheader("Nothing to compare", anchor=False)
        if len(run.models) < 2:
            st.markdown(
                f"Only {plain(run.models[0])} was run: its figures are below. Who is steadier takes a second model on "
                f"the same frames."
            )
        else:
            st.markdown("No object counts for two models in this clip, so that they cannot be compared here.")


def _show_cards(comparison: Comparison, verdict: PairVerdict) -> None:
    """Show the figures that the verdict rests on: both models' values, the difference and its interval."""
    rows = comparison.figures(verdict.models).set_index("metric")
    names = [name for name in definitions.COMPARED_HEADLINES if name in rows.index]
    for start in range(0, len(names), 3):
        with st.container(key=f"pair_cards_{start}_{'_'.join(verdict.models)}"):
            columns = st.columns(3)
        for column, name in zip(columns, names[start : start + 3], strict=False):
            with column.container(border=True, height="stretch"):
                _show_card(name, rows.loc[name], verdict.models)


def _show_card(name: str, row: pd.Series, models: tuple[str, str]) -> None:
    unit = definitions.unit_text(FIGURES[name].unit)
    st.markdown(
        f"**{plain(definitions.compared_label(name))}**" + (f" ({plain(unit)})" if unit else ""),
        help=plain(definitions.compared_definition(name)),
    )
    for place, (side, model) in enumerate(zip(("value_a", "value_b"), models, strict=True)):
        st.markdown(f"{model_badge(model, place)}  **{plain(number(row[side]))}**")
    st.caption(
        f"{plain(definitions.compared_direction(name))} · difference {plain(number(row['difference'], 3, '+'))}"
        f" · 95%: {plain(interval(row['ci_low'], row['ci_high']))}"
    )


def _show_compared_table(comparison: Comparison) -> None:
    with st.expander("All compared figures, also at matched recall"):
        rows = comparison.overall
        table = pd.DataFrame(
            {
                "figure": rows["metric"].map(definitions.compared_label),
                "over": rows["support"],
                "unit": rows["unit"].map(definitions.unit_text),
                "first": rows["model_a"],
                "second": rows["model_b"],
                "value of first": rows["value_a"],
                "value of second": rows["value_b"],
                "difference": rows["difference"],
                "95% from": rows["ci_low"],
                "95% to": rows["ci_high"],
                "p (Holm)": rows["p_holm"],
                "n": rows["n"],
                "what it is": rows["metric"].map(definitions.compared_definition),
            }
        )
        show_table(table, "comparison.csv", key="compared", file=comparison.file)


def _show_quality(comparison: Comparison) -> None:
    st.subheader("Quality beside stability", anchor=False)
    rows = comparison.overall
    found = rows[rows["metric"].isin(definitions.QUALITY) & (rows["support"] == "universe")]
    if found.empty:
        st.markdown(
            "This run was compared without a ground truth, so how good the masks are is not known: an empty, a frozen "
            "and a full-box mask are all perfectly steady."
        )
        st.code(
            f'yolact-temporal compare "{comparison.file.parent}" --ground-truth MASKS --out FOLDER',
            language=None,
        )
        return
    for column, (_, row) in zip(st.columns(max(2, len(found))), found.iterrows(), strict=False):
        with column.container(border=True):
            _show_card(str(row["metric"]), row, (str(row["model_a"]), str(row["model_b"])))


def _show_own_figures(run: Run) -> None:
    st.subheader("Each model by itself", anchor=False, help=plain(OWN_FIGURES))
    try:
        summary = run.summary()
    except InputError as error:
        show_error(error)
        return
    values = summary.pivot_table(
        index="metric", columns="model", values="value", aggfunc="first", sort=False, dropna=False
    )
    names = [name for name in definitions.HEADLINES if name in values.index]
    table = pd.DataFrame({"figure": [definitions.HEADLINES[name] for name in names]})
    units = summary.drop_duplicates("metric").set_index("metric")["unit"]
    table["unit"] = [definitions.unit_text(str(units[name])) for name in names]
    for model in run.models:
        table[model] = [number(values[model].get(name)) if model in values else "undefined" for name in names]
    table["direction"] = [definitions.direction(name) for name in names]
    table["what it is"] = [definitions.definition(name) for name in names]
    columns = {
        "what it is": st.column_config.TextColumn(width="large", help="From the metric's own contract.")
    }
    show_table(table, "summary.csv", key="own", columns=columns, file=run.file("summary.csv"))
    st.caption(plain(OWN_FIGURES))


def _show_how(run: Run) -> None:
    with st.expander("How it was measured"):
        manifest = run.manifest
        for model in manifest.models.values():
            st.markdown(f"**{plain(model.name)}**: {plain(model.note)}")
            st.caption(
                plain(
                    f"counts above a score of {model.score_threshold:g}; {model.device}, {model.precision}; weights "
                    f"{model.weights or 'unknown'}"
                )
            )
        for line in (manifest.clip.decoder_reason, *manifest.losses, *manifest.warnings):
            if line:
                st.markdown(plain(line))
        versions = ", ".join(f"{name} {version}" for name, version in manifest.packages.items())
        st.caption(plain(f"{versions}; {manifest.platform}"))
