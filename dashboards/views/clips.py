"""Compare clips: the folder as a whole, which clips decide it, and whether a model is steady because it sees less."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from yolact_temporal.dashboards import definitions, jobs
from yolact_temporal.dashboards.charts.comparing import coverage_scatter, difference_chart
from yolact_temporal.dashboards.comparisons import Comparison, folder_comparisons, run_comparison
from yolact_temporal.dashboards.loader import open_run
from yolact_temporal.dashboards.plain_text import plain
from yolact_temporal.dashboards.views.context import Context
from yolact_temporal.dashboards.views.overview import show_first_steps
from yolact_temporal.dashboards.views.parts import show_chart, show_error, show_table, show_verdict
from yolact_temporal.errors import InputError
from yolact_temporal.temporal.comparison.rules import LEAST_CLIPS
from yolact_temporal.temporal.metrics import REGISTRY


def show(context: Context) -> None:
    """Show the page."""
    if not any(entry.state == "finished" for entry in context.entries):
        show_first_steps(context)
        return
    st.title("Compare clips", anchor=False)
    whole = folder_comparisons(context.root)
    if whole:
        names = {one.key: _name(one) for one in whole}
        key = st.selectbox("Comparison", list(names), format_func=lambda key: names[key], key="comparison")
        comparison = next(one for one in whole if one.key == key)
        for verdict in comparison.verdicts:
            show_verdict(verdict)
        own = context.run.models if context.run is not None else []
        _show(comparison.rows, own, comparison.floors_px)
        show_table(comparison.rows, "comparison.csv", key="all_compared", file=comparison.file)
        return
    rows = _rows_of_runs(context)
    if rows.empty:
        st.markdown("No run here compares two models: analyze clips with a baseline.")
        return
    with st.container(border=True):
        st.subheader("Not compared over clips yet", anchor=False)
        st.markdown(
            f"Below is each clip by itself ({rows['clip'].nunique()} of them). A verdict takes all clips together, and "
            f"at least {LEAST_CLIPS} of them."
        )
        command = ["compare", str(context.root), "--out", str(context.root / "comparison")]
        st.code(jobs.command_text(command), language=None, wrap_lines=True)
        if st.button("Compare all clips now", key="compare_now", type="primary"):
            jobs.start_job(context.root, "comparison", command)
            st.session_state["compare_started"] = True
        if st.session_state.get("compare_started"):
            st.fragment(_await_comparison, run_every=1.0)(context)
    # The chosen run's models first: they then have the colours that they have on its own pages.
    _show(rows, context.run.models if context.run is not None else [])
    show_table(rows, "clips.csv", key="clips_compared")


def deciding_clips(rows: pd.DataFrame, metric: str, models: tuple[str, str]) -> pd.DataFrame:
    """Return the clips of two models by how far a figure's difference is from 0, the largest first.

    Args:
        rows: rows of `comparison.csv`.
        metric: which figure, on its own support.
        models: the two names.
    """
    own = rows[
        (rows["clip"] != "")
        & (rows["metric"] == metric)
        & (rows["support"] == REGISTRY.compared()[metric].support)
        & (rows["model_a"] == models[0])
        & (rows["model_b"] == models[1])
    ].reset_index(drop=True)
    ordered = own.loc[own["difference"].abs().sort_values(ascending=False, na_position="last").index]
    return ordered[
        ["clip", "value_a", "value_b", "difference", "ci_low", "ci_high", "n", "n_undefined"]
    ].reset_index(drop=True)


def _show(rows: pd.DataFrame, models: list[str], floors: Mapping[str, float] | None = None) -> None:
    pairs = list(dict.fromkeys(zip(rows["model_a"], rows["model_b"], strict=True)))
    compared = dict.fromkeys(name for pair in pairs for name in pair)
    names = [
        *(name for name in models if name in compared),
        *(name for name in compared if name not in models),
    ]
    st.subheader(
        "Steady, or seeing less?",
        anchor=False,
        help=plain(definitions.compared_definition("coverage")),
    )
    show_chart(coverage_scatter(rows, names, floors=floors), "scatter")
    st.caption(
        "Lower is steadier, further right sees more. A model that is low but further left is steady by seeing less."
    )
    for first, second in pairs:
        models_of = (str(first), str(second))
        st.subheader(plain(f"{first} against {second}"), anchor=False)
        of_pair = rows[(rows["model_a"] == first) & (rows["model_b"] == second)]
        drawn = [
            name
            for name in (*definitions.compared_headlines(), *definitions.quality_figures())
            if (of_pair["metric"] == name).any()
        ]
        for start in range(0, len(drawn), 2):
            with st.container(key=f"stack_differences_{first}_{second}_{start}"):
                columns = st.columns(2, gap="medium")
            for column, name in zip(columns, drawn[start : start + 2], strict=False):
                with column:
                    st.caption("what it is", help=plain(definitions.compared_definition(name)))
                    show_chart(difference_chart(rows, name, models_of), f"difference_{first}_{second}_{name}")
        st.markdown("**Which clips decide it**")
        metric = st.selectbox(
            "by",
            drawn,
            format_func=definitions.compared_label,
            key=f"by_{first}_{second}",
            label_visibility="collapsed",
        )
        table = deciding_clips(rows, metric, models_of)
        shown = {
            "value_a": st.column_config.NumberColumn(models_of[0], format="%.4g"),
            "value_b": st.column_config.NumberColumn(models_of[1], format="%.4g"),
            "difference": st.column_config.NumberColumn(format="%+.4g"),
        }
        show_table(table, f"clips_{metric}.csv", key=f"clips_{first}_{second}_{metric}", columns=shown)


def _rows_of_runs(context: Context) -> pd.DataFrame:
    """Gather what each run's own comparison says of its clip."""
    parts = []
    for entry in context.entries:
        if entry.state != "finished":
            continue
        try:
            comparison = run_comparison(open_run(context.root, entry))
        except InputError as error:
            show_error(error)
            continue
        if comparison is not None:
            parts.append(comparison.rows)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"clip": []})


def _await_comparison(context: Context) -> None:
    job = next((job for job in jobs.list_jobs(context.root) if job.command[:1] == ("compare",)), None)
    if job is None or job.state == "running":
        st.markdown("Comparing...")
        return
    st.session_state["compare_started"] = False
    if job.state == "done":
        st.rerun()
    st.error(plain(job.message))


def _name(comparison: Comparison) -> str:
    where = "this folder" if comparison.key == "." else comparison.key
    return f"{where}: {len(comparison.clips)} clips"
