"""The charts draw what the tables hold: undefined is a gap, an object has one colour, nothing is made up."""

import numpy as np
import pandas as pd
import pytest
from dashboard_runs import BLINKING, STEADY

from yolact_temporal.dashboards import comparisons, loader, moments
from yolact_temporal.dashboards.charts import comparing, timeline, tracks
from yolact_temporal.dashboards.colors import key_hex, shared_color_keys
from yolact_temporal.data.track_colors import track_color
from yolact_temporal.temporal.plot_style import model_color

SPAN = (0.0, 1.0)


@pytest.fixture(scope="module")
def run(finished_run):
    return loader.find_run(finished_run.parent, finished_run.name)


@pytest.fixture(scope="module")
def frames(run):
    return {model: run.table(model, "frames") for model in run.models}


@pytest.fixture(scope="module")
def instances(run):
    return {model: run.table(model, "instances") for model in run.models}


def layers(spec):
    return spec.get("layer", spec.get("vconcat", [spec]))


def data_of(spec, layer):
    return spec["datasets"][layer["data"]["name"]]


@pytest.mark.slow
@pytest.mark.smoke
def test_jitter_rows_keep_every_frame_and_undefined_ones_undefined(frames):
    rows = timeline.jitter_rows(frames, timed=True)
    assert len(rows) == 48
    first = rows[(rows["model"] == STEADY) & (rows["frame"] == 0)]
    assert first["value"].isna().all()
    own = rows[rows["model"] == STEADY]["value"].to_numpy()
    assert np.array_equal(own, frames[STEADY]["boundary_px_mean"].to_numpy(), equal_nan=True)
    by_frame = timeline.jitter_rows(frames, timed=False)
    assert by_frame["x"].max() == 23


def test_flicker_is_what_the_tables_note(frames, instances):
    events = timeline.flicker_rows(frames, instances, timed=True)
    assert set(events["model"]) == {BLINKING}
    for kind, column in (("lost", "lost"), ("back", "returned"), ("class flip", "class_flips")):
        assert (events["event"] == kind).sum() == sum(table[column].sum() for table in frames.values())
    assert np.allclose(events["x"], events["frame"] / 24, atol=1e-3)


def test_presence_is_one_stretch_a_run_of_frames(frames, instances):
    rows = timeline.presence_rows(frames[BLINKING], instances[BLINKING], timed=False)
    seen = instances[BLINKING].groupby("track_id").size()
    assert {key: own["frames"].sum() for key, own in rows.groupby("track")} == seen.to_dict()
    for _, own in rows.groupby("track"):
        assert (own["x"].to_numpy()[1:] > own["x2"].to_numpy()[:-1]).all()  # parted by a gap
    none = instances[BLINKING].iloc[:0]
    assert timeline.presence_rows(frames[BLINKING], none, timed=False).empty


def test_the_jitter_chart_can_be_clicked_and_dragged(frames, instances):
    rows = timeline.jitter_rows(frames, timed=True)
    events = timeline.flicker_rows(frames, instances, timed=True)
    spec = timeline.jitter_chart(rows, events, [STEADY, BLINKING], True, SPAN, now=0.5).to_dict()
    names = {parameter["name"] for parameter in spec["params"]}
    assert names == {timeline.MOMENT, timeline.SPAN}
    line = next(layer for layer in layers(spec) if layer["mark"]["type"] == "line")
    assert len(data_of(spec, line)) == len(rows)
    assert line["encoding"]["color"]["scale"]["range"] == [model_color(0), model_color(1)]
    assert line["encoding"]["strokeDash"]
    values = [row["value"] for row in data_of(spec, line)]
    assert None in values
    assert 0 not in [
        value for value, row in zip(values, data_of(spec, line), strict=True) if row["frame"] == 0
    ]
    rule = next(layer for layer in layers(spec) if layer["mark"]["type"] == "rule")
    assert data_of(spec, rule) == [{"x": 0.5}]


def test_a_span_shows_its_part_only(frames, instances):
    rows = timeline.jitter_rows(frames, timed=True)
    spec = timeline.jitter_chart(
        rows, timeline.flicker_rows(frames, {}, True), [STEADY], True, span=(0.2, 0.4)
    )
    line = next(layer for layer in layers(spec.to_dict()) if layer["mark"]["type"] == "line")
    assert line["encoding"]["x"]["scale"]["domain"] == [0.2, 0.4]
    assert all(0.2 <= row["x"] <= 0.4 for row in data_of(spec.to_dict(), line))
    bars = pd.DataFrame({"x": [0.0, 0.5, 0.9], "x2": [0.3, 0.6, 1.0]})
    assert list(timeline.within(bars, (0.2, 0.55)).index) == [0, 1]


def test_charts_of_nothing_say_so():
    empty = pd.DataFrame({"model": [], "frame": [], "x": [], "value": [], "status": []})
    no_events = pd.DataFrame({"model": [], "frame": [], "track": [], "event": [], "x": []})
    charts = [
        timeline.jitter_chart(empty, no_events, [], True, SPAN),
        timeline.presence_chart(
            pd.DataFrame({"track": [], "class": [], "x": [], "x2": [], "frames": []}),
            no_events,
            "m",
            {},
            True,
            SPAN,
        ),
        tracks.track_chart(pd.DataFrame(), "t", "#000000", True),
    ]
    for chart in charts:
        assert "text" in str(chart.to_dict()["mark"])


def test_the_same_object_has_the_same_number_and_colour_in_every_model(run, instances):
    keys, objects = moments.color_keys(run), run.objects()
    assert {key for own in keys.values() for key in own.values()} - {0} <= set(objects["object_id"])
    for model in (STEADY, BLINKING):
        for track, key in keys[model].items():
            own = instances[model][instances[model]["track_id"] == track].iloc[5]
            same = objects[(objects["frame"] == own["frame"]) & (objects["area_px"] == own["area_px"])]
            assert set(same[same["model"] == model]["object_id"]) == {key}
    assert set(keys[STEADY].values()) & set(keys[BLINKING].values())
    assert key_hex(2) == "#{:02x}{:02x}{:02x}".format(*track_color(2))


def test_tracks_of_no_common_object_have_no_number_where_models_are_compared(instances):
    both = {STEADY: instances[STEADY], BLINKING: instances[BLINKING]}
    alone = shared_color_keys(both, None)
    assert alone[BLINKING] == {key: key for key in alone[BLINKING]}
    others = pd.DataFrame({"model": [], "frame": [], "area_px": [], "score": [], "object_id": []})
    assert {key for own in shared_color_keys(both, others).values() for key in own.values()} == {0}


def test_tracks_of_one_object_share_a_row():
    rows = pd.DataFrame(
        {
            "track": [1, 2, 3],
            "class": ["dog"] * 3,
            "x": [0.0, 0.5, 0.2],
            "x2": [0.2, 0.9, 0.4],
            "frames": [3, 4, 2],
        }
    )
    no_events = pd.DataFrame({"model": [], "frame": [], "track": [], "event": [], "x": []})
    keys = {"m": {1: 7, 2: 7, 3: 0}}
    spec = timeline.presence_chart(rows, no_events, "m", keys, True, SPAN).to_dict()
    bars = layers(spec)[0]
    assert bars["encoding"]["y"]["scale"]["domain"] == ["#7 dog", "track 3 dog"]
    assert bars["encoding"]["color"]["scale"]["range"][0] != bars["encoding"]["color"]["scale"]["range"][1]


def test_a_difference_shows_its_interval_and_whom_a_side_favours(run):
    comparison = comparisons.run_comparison(run)
    models = comparison.verdicts[0].models
    spec = comparing.difference_chart(comparison.rows, "boundary_px", models).to_dict()
    row = comparison.figures(models).set_index("metric").loc["boundary_px"]
    drawn = [r for layer in layers(spec) for r in data_of(spec, layer) if r.get("ci_low") is not None]
    assert drawn[0]["ci_low"] == row["ci_low"]
    assert drawn[0]["ci_high"] == row["ci_high"]
    texts = [r for layer in layers(spec) for r in data_of(spec, layer) if "text" in r]
    assert next(r for r in texts if r["difference"] < 0)["text"] == f"{STEADY} better"
    up = comparing.difference_chart(comparison.rows, "coverage", models).to_dict()
    texts = [r for layer in layers(up) for r in data_of(up, layer) if "text" in r]
    assert next(r for r in texts if r["difference"] > 0)["text"] == f"{STEADY} better"
    undefined = comparing.difference_chart(comparison.rows, "truth_j", models).to_dict()
    assert "undefined" in str(undefined)


def test_coverage_against_jitter_is_a_point_a_clip_and_model(run):
    comparison = comparisons.run_comparison(run)
    rows = comparing.scatter_rows(comparison.rows, "boundary_px")
    assert list(rows["model"]) == [STEADY, BLINKING]
    figures = comparison.figures((STEADY, BLINKING)).set_index("metric")
    assert list(rows["coverage"]) == [figures.loc["coverage", "value_a"], figures.loc["coverage", "value_b"]]
    assert list(rows["value"]) == [
        figures.loc["boundary_px", "value_a"],
        figures.loc["boundary_px", "value_b"],
    ]
    comparing.coverage_scatter(comparison.rows, [STEADY, BLINKING]).to_dict()
    assert "no clip" in str(comparing.coverage_scatter(comparison.rows.iloc[:0], []).to_dict())


def test_a_tracks_curves_break_where_it_is_not_seen(frames, instances):
    gone = frames[BLINKING].loc[frames[BLINKING]["lost_tracks"] != "", ["frame", "lost_tracks"]].iloc[0]
    track = int(str(gone["lost_tracks"]).split()[0])
    rows = tracks.track_rows(frames[BLINKING], instances[BLINKING], track, timed=True).set_index("frame")
    assert np.isnan(rows.loc[gone["frame"], "area_px"])
    assert rows.loc[gone["frame"], "present"] == 0
    spec = tracks.track_chart(rows.reset_index(), "t", "#ffff00", True).to_dict()
    assert len(spec["vconcat"]) == len(tracks.CURVES)
    assert "#ffff00" not in str(spec["vconcat"])  # too light to be seen on white
