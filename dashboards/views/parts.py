"""Pieces that pages are made of: tables that download as CSV, charts, the verdict, errors in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from yolact_temporal.dashboards.charts.style import AnyChart
from yolact_temporal.dashboards.plain_text import plain
from yolact_temporal.data.files import open_regular
from yolact_temporal.data.runs.comparison import ComparedPair
from yolact_temporal.data.text_cells import text_cell
from yolact_temporal.errors import InputError, YolactTemporalError
from yolact_temporal.temporal.plot_style import model_color


def show_table(
    table: pd.DataFrame,
    name: str,
    *,
    columns: Mapping[str, Any] | None = None,
    key: str,
    select: bool = False,
    file: Path | None = None,
    height: int | None = None,
) -> int | None:
    """Show a table and, under it, a button that downloads it.

    Args:
        table: what is shown.
        name: of the downloaded file, with its ending.
        columns: Streamlit's column configuration by column name.
        key: of the widgets.
        select: whether a row can be chosen.
        file: the run's own file, which is then what is downloaded, byte for byte.
        height: of the table in pixels.

    Returns:
        The place of the chosen row; None without one.
    """
    options: dict[str, Any] = {
        "hide_index": True,
        "column_config": dict(columns or {}),
        "key": key,
        "placeholder": "undefined",
    }
    if height is not None:
        options["height"] = height
    chosen = None
    if select:
        event: Any = st.dataframe(table, on_select="rerun", selection_mode="single-row", **options)
        rows = event.selection.rows
        chosen = int(rows[0]) if rows and rows[0] < len(table) else None
    else:
        st.dataframe(table, **options)
    show_download(table, name, key=f"{key}_csv", file=file)
    return chosen


def show_download(table: pd.DataFrame, name: str, *, key: str, file: Path | None = None) -> None:
    """Show a button that downloads a table as CSV: the run's own file where `file` names it, byte for byte."""
    try:
        data = _as_csv(table) if file is None else _whole(file)
    except (OSError, InputError):
        return
    st.download_button(
        f"Download {plain(name)}",
        data,
        name,
        "text/csv",
        key=key,
        on_click="ignore",
        icon=":material/download:",
        type="tertiary",
    )


def _as_csv(table: pd.DataFrame) -> bytes:
    """Return a table as CSV, with text as the product's own tables have it."""
    escaped = table.apply(
        lambda own: own.map(lambda cell: text_cell(cell) if isinstance(cell, str) else cell)
    )
    return str(escaped.to_csv(index=False, lineterminator="\n")).encode()


def _whole(path: Path) -> bytes:
    with open_regular(path) as file:
        return file.read()


def show_chart(chart: AnyChart, key: str, *, select: list[str] | None = None) -> Any:
    """Show a chart; the bar that appears over it saves it as PNG.

    Returns:
        What is selected, by the selection's name, where `select` names selections.
    """
    if select:
        event: Any = st.altair_chart(chart, theme=None, key=key, on_select="rerun", selection_mode=select)
        return event.selection
    st.altair_chart(chart, theme=None, key=key)
    return {}


def show_verdict(verdict: ComparedPair) -> None:
    """Show the answers of a comparison in their own words, whoever they favour in the same place, size and weight.

    Of an older version's run, which had no answers, its verdict.
    """
    with st.container(border=True, key=f"verdict_{'_'.join(verdict.models)}"):
        told = verdict.answers
        if told is not None:
            st.subheader(plain(told.headline), anchor=False, help=plain(told.rules))
            st.markdown("\n".join(f"- {plain(answer.sentence)}" for answer in told.answers))
            for guard in told.speaking:
                if guard.words not in told.headline:
                    st.markdown(f"**{plain(guard.words)}**")
            for sentence in verdict.scope:
                st.caption(plain(sentence))
            return
        if verdict.steadier is None:
            st.subheader("Undecided", anchor=False, help=VERDICT_RULE)
        else:
            st.subheader(f"{plain(verdict.steadier)} is steadier", anchor=False, help=VERDICT_RULE)
        st.markdown(plain(verdict.sentence))
        for sentence in verdict.scope:
            st.caption(plain(sentence))


def show_error(error: YolactTemporalError) -> None:
    """Show an error as the command line would tell it: in one sentence."""
    st.error(plain(error), icon=":material/error:")


def model_badge(model: str, place: int) -> str:
    """Return a model's name with its colour before it, as Markdown."""
    marks = {
        "#1f44d6": "blue",
        "#d97900": "orange",
        "#0c7f50": "green",
        "#b22610": "red",
        "#8a4f78": "violet",
    }
    color = marks.get(model_color(place), "gray")
    return f":{color}[■] {plain(model)}"


def number(value: Any, digits: int = 4, sign: str = "") -> str:
    """Return a figure for a reader; "undefined" where it has no value."""
    if value is None or pd.isna(value):
        return "undefined"
    return f"{float(value):{sign}.{digits}g}"


def interval(low: Any, high: Any) -> str:
    """Return a 95% interval for a reader; "no interval" where there is none."""
    if pd.isna(low) or pd.isna(high):
        return "no interval"
    return f"{number(low, 3, '+')} to {number(high, 3, '+')}"


VERDICT_RULE = plain(
    "One model is steadier where its outlines move less beyond chance on the pairs that both see, its penalised losses "
    "are not worse by more than the margin, and no guard speaks. Alike and not shown are answers too."
)
"""How a verdict comes about."""
