"""Overview: who is steadier in this clip, what that rests on, and each model's headline figures."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from yolact_temporal.dashboards import definitions
from yolact_temporal.dashboards.comparisons import Comparison, run_comparison
from yolact_temporal.dashboards.loader import Run
from yolact_temporal.dashboards.objects import object_frame
from yolact_temporal.dashboards.plain_text import plain
from yolact_temporal.dashboards.views.context import Context
from yolact_temporal.dashboards.views.parts import (
    model_badge,
    number,
    show_download,
    show_error,
    show_table,
    show_verdict,
)
from yolact_temporal.dashboards.views.quality import show_card, show_quality
from yolact_temporal.data.frames import loss_sentence
from yolact_temporal.data.runs.comparison import ComparedPair
from yolact_temporal.errors import InputError
from yolact_temporal.temporal.catalogue import unit_text

OWN_FIGURES = (
    "Each model's own figures, over the instances it saw: a model that drops the hard objects looks steadier here. "
    "They do not rank models. In brackets the 95% interval over this clip's frames, which says nothing of other clips."
)


OBJECTS_HELP = plain(
    "A row an object, those of most pairs first. Figures are of the pairs of frames in which all models see it; the "
    "floor is what the motion estimate's own error may make of them, at least."
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
    _show_objects(run)
    if comparison is not None and comparison.verdicts:
        _show_pairs(run, comparison)
        _show_compared_table(comparison)
    try:
        summary = run.summary()
    except InputError as error:
        show_error(error)
    else:
        show_quality(run, comparison, summary)
        _show_own_figures(run, summary)
    _show_how(run)


def _show_objects(run: Run) -> None:
    """Show a row an object, before any other table."""
    try:
        table = object_frame(run)
    except InputError as error:
        show_error(error)
        return
    if table.empty:
        return
    st.subheader("Objects", anchor=False, help=OBJECTS_HELP)
    share = st.column_config.NumberColumn(format="percent")
    show_table(table, "object_rows.csv", columns={"share of the clip": share}, key="object_rows")


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
        st.code(f'yolact-temporal analyze CLIP.mp4 --out "{context.root}"', language=None, wrap_lines=True)


def _to_analysis() -> None:
    page = st.session_state.get("pages", {}).get("analysis")
    if page is not None:
        st.switch_page(page)


def _described(run: Run) -> str:
    clip, manifest = run.manifest.clip, run.manifest
    rate = "unknown frame rate" if clip.fps is None else f"{clip.fps:.4g} frames a second"
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
            st.markdown("No object counts for two models in this clip, so they cannot be compared here.")


def _show_pairs(run: Run, comparison: Comparison) -> None:
    """Show what each verdict rests on, a tab for every two models where there are more."""
    verdicts = comparison.verdicts
    names = [plain(f"{first} against {second}") for first, second in (one.models for one in verdicts)]
    places = st.tabs(names) if len(verdicts) > 1 else [st.container()]
    for place, verdict in zip(places, verdicts, strict=True):
        with place:
            _show_cards(run, comparison, verdict)


def _show_cards(run: Run, comparison: Comparison, verdict: ComparedPair) -> None:
    """Show the figures that a verdict rests on: both models' values, the difference and its interval."""
    rows = comparison.figures(verdict.models).set_index("metric", drop=False)
    names = [name for name in definitions.compared_headlines() if name in rows.index]
    if not names:
        return
    with st.container(key=f"cards_{'_'.join(verdict.models)}"):
        columns = st.columns(len(names))
    for column, name in zip(columns, names, strict=True):
        with column.container(border=True, height="stretch"):
            show_card(run, rows.loc[name], verdict.models)


def _show_compared_table(comparison: Comparison) -> None:
    with st.expander("All compared figures, also at matched recall"):
        rows = comparison.overall
        table = pd.DataFrame(
            {
                "figure": rows["metric"].map(definitions.compared_label),
                "over": rows["support"],
                "unit": rows["unit"].map(unit_text),
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


def _show_own_figures(run: Run, summary: pd.DataFrame) -> None:
    st.subheader("Each model by itself", anchor=False, help=plain(OWN_FIGURES))
    st.caption(plain(OWN_FIGURES))
    first = summary.drop_duplicates(["metric", "model"]).set_index(["metric", "model"])
    units = summary.drop_duplicates("metric").set_index("metric")["unit"]
    widths = [4, *[2] * len(run.models), 2]
    head = st.columns(widths, vertical_alignment="center")
    for at, model in enumerate(run.models):
        head[at + 1].markdown(model_badge(model, at))
    for name, label in definitions.headlines().items():
        if name not in units.index:
            continue
        row = st.columns(widths, vertical_alignment="center")
        unit = unit_text(str(units[name]))
        row[0].markdown(
            plain(label + (f" ({unit})" if unit else "")),
            help=plain(definitions.definition(name)),
        )
        for at, model in enumerate(run.models):
            value, low, high = (first[key].get((name, model)) for key in ("value", "ci_low", "ci_high"))
            within = f" ({number(low, 3)} to {number(high, 3)})" if pd.notna(low) and pd.notna(high) else ""
            row[at + 1].markdown(f"**{plain(number(value))}**{plain(within)}")
        row[-1].caption(plain(definitions.direction(name)))
    show_download(summary, "summary.csv", key="own_csv", file=run.file("summary.csv"))


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
        for line in (manifest.clip.decoder_reason, *map(loss_sentence, manifest.losses), *manifest.warnings):
            if line:
                st.markdown(plain(line))
        versions = ", ".join(f"{name} {version}" for name, version in manifest.packages.items())
        st.caption(plain(f"{versions}; {manifest.platform}"))
