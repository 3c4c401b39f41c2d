"""Plots show what the tables say: gaps as gaps, tracks in their colours, every model."""

import csv
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from yolact_temporal.data.track_colors import track_color
from yolact_temporal.temporal import plot_style, plot_timeline, plots

FRAMES = 40
FPS = 20


def tables(
    model_jitter: dict[str, float], absent: range = range(0), with_time: bool = True
) -> tuple[dict[str, list], dict[str, list], dict[str, list]]:
    frames, instances, tracks = {}, {}, {}
    for model, jitter in model_jitter.items():
        rng = np.random.default_rng(1)
        frames[model], instances[model] = [], []
        for frame in range(FRAMES):
            time_s = f"{frame / FPS:.6g}" if with_time else ""
            paired = frame > 0 and frame not in absent and frame - 1 not in absent
            value = f"{jitter * rng.uniform(0.5, 1.5):.6g}" if paired else ""
            frames[model].append({"frame": str(frame), "time_s": time_s, "boundary_px_mean": value})
            if frame not in absent:
                instances[model].append(
                    {
                        "frame": str(frame),
                        "time_s": time_s,
                        "track_id": "1",
                        "class": "person",
                        "events": {5: "class_flip", 9: "area_blink box_cut"}.get(frame, ""),
                        "boundary_px_mean": value,
                    }
                )
        tracks[model] = [
            track_row(1, 2.0 if with_time else "", len(absent) / FRAMES, jitter),
            track_row(2, 0.5 if with_time else "", "", ""),
        ]
    return frames, instances, tracks


def track_row(track_id: int, life: float | str, dropout: float | str, jitter: float | str) -> dict[str, str]:
    return {
        "track_id": str(track_id),
        "class": "dog",
        "frames_seen": str(100 - track_id),
        "life_s": str(life),
        "dropout_rate": str(dropout),
        "boundary_px_mean": str(jitter),
    }


def move_rows(values: dict[tuple[str, str], list[float]]) -> list[dict[str, str]]:
    return [
        {"segment": segment, "motion": motion, "boundary_px_mean": f"{value:.6g}"}
        for (segment, motion), own in values.items()
        for value in own
    ]


def picture(path: Path) -> np.ndarray:
    return np.rint(matplotlib.image.imread(path)[..., :3] * 255).astype(int)


def pixels_of(image: np.ndarray, color: tuple[int, int, int], tolerance: int = 3) -> np.ndarray:
    return np.abs(image - np.array(color)).max(axis=2) <= tolerance


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plot_style, "_DPI", 60)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list:
    """The figures as they go to be written, which is left out here: laying them out takes the longest."""
    figures = []

    def keep(figure: Figure, path: Path, title: str) -> Path:
        figures.append(figure)
        return path

    for module in (plots, plot_timeline):
        monkeypatch.setattr(module, "save_png", keep)
    return figures


@pytest.mark.slow
def test_every_plot_of_a_run_is_written_as_a_picture(tmp_path: Path) -> None:
    folder = tmp_path / "plots with spaces é"
    folder.mkdir()
    paths = plots.write_plots(*tables({"yolact": 1.0, "mask_rcnn": 2.0}), folder, "clip")
    assert [path.name for path in paths] == ["timeline.png", "boundary_displacement.png", "tracks.png"]
    assert sorted(folder.iterdir()) == sorted(paths), "no part files left"
    for path in paths:
        image = picture(path)
        assert min(image.shape[:2]) > 100
        assert (image[0] == 255).all()
        assert 0.01 < (image < 250).any(axis=2).mean() < 0.7


def test_same_tables_give_the_same_picture(tmp_path: Path) -> None:
    frames, instances, _ = tables({"yolact": 1.0})
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path in paths:
        plots.plot_timeline(frames, instances, path, "clip")
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_undefined_cells_break_the_line_and_are_never_zero(tmp_path: Path, drawn: list) -> None:
    frames, instances, _ = tables({"yolact": 3.0}, absent=range(10, 20))
    plots.plot_timeline(frames, instances, tmp_path / "t.png", "clip")
    line = drawn[0].axes[0].get_lines()[0]
    x, y = line.get_data()
    np.testing.assert_allclose(x, np.arange(FRAMES) / FPS)
    assert np.isnan(y[[0, *range(10, 21)]]).all()
    assert np.nanmin(y) > 1


def test_a_defined_value_between_undefined_ones_is_seen_as_a_dot(tmp_path: Path, drawn: list) -> None:
    frames, instances, _ = tables({"yolact": 3.0})
    for index, row in enumerate(frames["yolact"]):
        if index != 7:
            row["boundary_px_mean"] = ""
    plots.plot_timeline(frames, instances, tmp_path / "t.png", "clip")
    dots = drawn[0].axes[0].get_lines()[1]
    np.testing.assert_allclose(dots.get_xdata(), [7 / FPS])


def test_presence_bars_leave_gaps_and_have_the_tracks_colour(tmp_path: Path, drawn: list) -> None:
    frames, instances, _ = tables({"yolact": 1.0}, absent=range(10, 20))
    plots.plot_timeline(frames, instances, tmp_path / "t.png", "clip")
    presence = drawn[0].axes[1]
    bars = next(item for item in presence.collections if len(item.get_paths()) == 2)
    spans = [path.get_extents() for path in bars.get_paths()]
    np.testing.assert_allclose([(span.x0, span.x1) for span in spans], [(0, 0.5), (1.0, 2.0)])


def test_absence_takes_its_share_of_the_tracks_colour_from_the_picture(tmp_path: Path) -> None:
    colored = []
    for absent in (range(10, 20), range(0)):
        frames, instances, _ = tables({"yolact": 1.0}, absent=absent)
        path = plots.plot_timeline(frames, instances, tmp_path / "t.png", "clip")
        colored.append(pixels_of(picture(path), track_color(1)).sum())
    assert colored[0] == pytest.approx(0.75 * colored[1], rel=0.05)


def test_events_are_marked_where_they_happen(tmp_path: Path, drawn: list) -> None:
    frames, instances, _ = tables({"yolact": 1.0})
    plots.plot_timeline(frames, instances, tmp_path / "t.png", "clip")
    marks = {line.get_marker(): line.get_xdata() for line in drawn[0].axes[1].get_lines()}
    np.testing.assert_allclose(marks["x"], [5.5 / FPS])
    np.testing.assert_allclose(marks["d"], [9.5 / FPS])


@pytest.mark.slow
def test_a_clip_without_time_is_drawn_over_frames(tmp_path: Path, drawn: list) -> None:
    frames, instances, tracks = tables({"yolact": 1.0}, with_time=False)
    plots.write_plots(frames, instances, tracks, tmp_path, "clip")
    timeline, _, summary = drawn
    assert timeline.axes[-1].get_xlabel() == "frame"
    assert summary.axes[0].get_xlabel() == "frames seen"


def test_sections_are_named_at_their_start(tmp_path: Path, drawn: list) -> None:
    frames, instances, _ = tables({"yolact": 1.0})
    plots.plot_timeline(frames, instances, tmp_path / "t.png", "clip", [(0.0, "first"), (1.0, "second")])
    texts = {text.get_text(): text.xy[0] for text in drawn[0].axes[0].texts}
    assert texts == {"first": 0.0, "second": 1.0}


def test_models_share_the_axes_and_each_has_its_line_and_its_tracks(tmp_path: Path, drawn: list) -> None:
    frames, instances, _ = tables({"yolact": 1.0, "mask_rcnn": 2.0})
    plots.plot_timeline(frames, instances, tmp_path / "t.png", "clip")
    jitter, *presences = drawn[0].axes
    named = {line.get_label(): line for line in jitter.get_lines() if not line.get_label().startswith("_")}
    assert list(named) == ["yolact", "mask_rcnn"]
    np.testing.assert_allclose(
        named["mask_rcnn"].get_ydata()[1:], 2 * named["yolact"].get_ydata()[1:], rtol=1e-4
    )
    assert named["yolact"].get_color() != named["mask_rcnn"].get_color()
    assert [axes.get_title(loc="left") for axes in presences] == ["yolact", "mask_rcnn"]


def test_histogram_counts_every_defined_pair_and_nothing_else(tmp_path: Path, drawn: list) -> None:
    values = [0.5, 0.5, 1.0, 1.5, 30.0]
    rows = [{"boundary_px_mean": value} for value in (*map(str, values), "", None)]
    plots.plot_displacement({"yolact": rows}, tmp_path / "d.png", "clip")
    left, right = drawn[0].axes
    shares, edges, _ = left.patches[0].get_data()
    assert shares.sum() == pytest.approx(100)
    assert shares[np.searchsorted(edges, 0.5, side="right") - 1] == pytest.approx(40)
    assert shares[-1] == pytest.approx(20), "what lies beyond the end is in the last bin"
    x, y = right.get_lines()[0].get_data()
    np.testing.assert_allclose(x, values)
    np.testing.assert_allclose(y, [100, 80, 60, 40, 20])
    (legend,) = drawn[0].legends
    assert "median 1 px" in legend.get_texts()[0].get_text()
    assert "5 pairs" in legend.get_texts()[0].get_text()


def test_track_bars_have_the_tables_lengths_and_say_what_is_undefined(tmp_path: Path, drawn: list) -> None:
    _, _, tracks = tables({"yolact": 1.25}, absent=range(10, 20))
    plots.plot_tracks(tracks, tmp_path / "t.png", "clip")
    life, dropout, jitter = drawn[0].axes
    assert [bar.get_width() for bar in life.patches] == [2.0, 0.5]
    assert [bar.get_width() for bar in dropout.patches] == [25.0]
    assert [bar.get_width() for bar in jitter.patches] == [1.25]
    assert [text.get_text() for text in jitter.texts] == ["1.25", "undefined"]
    assert [label.get_text() for label in life.get_yticklabels()] == ["#1 dog", "#2 dog"]
    np.testing.assert_allclose(np.array(life.patches[1].get_facecolor()[:3]) * 255, track_color(2))


def test_many_tracks_are_cut_to_the_longest_lived_and_the_rest_counted(tmp_path: Path, drawn: list) -> None:
    rows = [track_row(track_id, 1.0, 0.0, 1.0) for track_id in range(1, 61)]
    plots.plot_tracks({"yolact": rows[::-1]}, tmp_path / "t.png", "clip")
    first = drawn[0].axes[0]
    names = [label.get_text() for label in first.get_yticklabels()]
    assert names == [f"#{track_id} dog" for track_id in range(1, len(names) + 1)]
    assert first.get_title(loc="left") == f"yolact   and {60 - len(names)} shorter tracks"


def test_camera_moves_show_the_mean_of_each_photograph_move_and_motion(tmp_path: Path, drawn: list) -> None:
    rows = move_rows(
        {
            ("cat/shake", "exact"): [3.0, 5.0],
            ("cat/still", "exact"): [1.0, 2.0],
            ("cat/still", "flow"): [2.0, 4.0],
            ("grace_hopper/still", "exact"): [0.5],
        }
    )
    rows.append({"segment": "cat/shake", "motion": "flow", "boundary_px_mean": ""})
    plots.plot_camera_moves({"yolact": rows}, tmp_path / "m.png")
    cat, hopper = drawn[0].axes
    assert [axes.get_title() for axes in (cat, hopper)] == ["Cat", "Grace Hopper"]
    assert [label.get_text() for label in cat.get_xticklabels()] == ["still", "shake"]
    means = [float(line.get_ydata()[0]) for line in cat.get_lines() if line.get_marker() == "o"]
    assert means == [1.5, 3.0, 4.0]
    faces = [line.get_markerfacecolor() for line in cat.get_lines() if line.get_marker() == "o"]
    assert (faces[1] == "white") is not (faces[0] == "white")
    assert len(cat.texts) == 1, "a dash for the pairs that flow did not give"
    assert len(hopper.texts) == 3
    assert cat.get_ylim()[0] == 0
    assert cat.get_ylim()[1] > 4


def test_second_model_stands_beside_the_first_at_every_move(tmp_path: Path, drawn: list) -> None:
    rows = move_rows({("cat/still", "exact"): [1.0], ("cat/still", "flow"): [1.0]})
    plots.plot_camera_moves({"yolact": rows, "mask_rcnn": rows}, tmp_path / "m.png")
    lines = [line for line in drawn[0].axes[0].get_lines() if line.get_marker() in "os"]
    assert len({float(np.ravel(line.get_xdata())[0]) for line in lines}) == 4
    assert [text.get_text() for text in drawn[0].legends[0].get_texts()] == [
        "yolact, exact motion",
        "yolact, optical flow",
        "mask_rcnn, exact motion",
        "mask_rcnn, optical flow",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("frames", "instances", "tracks"),
    [
        ({"yolact": []}, {"yolact": []}, {"yolact": []}),
        ({"yolact": [{"frame": "0", "time_s": "0", "boundary_px_mean": ""}]}, {"yolact": []}, {"yolact": []}),
        tables({"yolact": 1.0, "mask_rcnn": 0.0}),
        ({"yolact": tables({"a": 1.0})[0]["a"]}, {"yolact": []}, {"yolact": []}),
    ],
    ids=["no frames", "one frame", "a model without jitter", "nothing seen"],
)
def test_runs_with_little_in_them_are_drawn_too(
    tmp_path: Path, frames: dict, instances: dict, tracks: dict
) -> None:
    for path in plots.write_plots(frames, instances, tracks, tmp_path, "clip"):
        assert picture(path).size
    assert picture(plots.plot_camera_moves({"yolact": []}, tmp_path / "m.png")).size


def test_tables_are_read_as_written(tmp_path: Path) -> None:
    path = tmp_path / "frames.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["frame", "class", "boundary_px_mean"])
        writer.writeheader()
        writer.writerow({"frame": 1, "class": "köter", "boundary_px_mean": ""})
    assert plots.read_rows(path) == [{"frame": "1", "class": "köter", "boundary_px_mean": ""}]


@pytest.mark.parametrize(
    ("cell", "expected"), [("", None), (None, None), ("nan", None), ("inf", None), ("0", 0.0), (2, 2.0)]
)
def test_only_finite_numbers_are_defined(cell: object, expected: float | None) -> None:
    value = plot_style.cell_number({"column": cell}, "column")
    assert np.isnan(value) if expected is None else value == expected
    assert np.isnan(plot_style.cell_number({}, "column"))


@pytest.mark.slow
def test_plotting_leaves_matplotlibs_global_state_alone_and_import_stays_light(tmp_path: Path) -> None:
    code = (
        "import sys; from yolact_temporal.temporal import plots; assert 'matplotlib' not in sys.modules;"
        f"plots.plot_displacement({{'a': [{{'boundary_px_mean': '1'}}]}}, {str(tmp_path / 'd.png')!r}, 'clip');"
        "assert 'matplotlib.pyplot' not in sys.modules; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


NUMBERS = {"yolact": {1: 7, 2: 7}, "mask_rcnn": {1: 4, 3: 7}}


def shared_tables() -> tuple[dict[str, list], dict[str, list]]:
    """Two models on ten frames: object 7 is two tracks of the first, object 4 is seen by the second alone."""
    frames = {model: [{"frame": str(at), "time_s": str(at / FPS)} for at in range(10)] for model in NUMBERS}
    seen = {"yolact": {1: range(4), 2: range(5, 10)}, "mask_rcnn": {1: range(2), 3: range(10), 5: range(3)}}
    instances = {
        model: [
            {"frame": str(at), "track_id": str(track), "class": "dog", "events": ""}
            for track, own in tracks.items()
            for at in own
        ]
        for model, tracks in seen.items()
    }
    return frames, instances


def test_compared_models_have_the_same_rows_an_object_each(tmp_path: Path, drawn: list) -> None:
    frames, instances = shared_tables()
    plots.plot_timeline(frames, instances, tmp_path / "t.png", "clip", numbers=NUMBERS)
    _, *presences = drawn[0].axes
    for axes in presences:
        assert [label.get_text() for label in axes.get_yticklabels()] == ["#4 dog", "#7 dog"]
    bars = [faces for own in presences[0].collections if len(faces := own.get_facecolor())]
    shown = {tuple(np.round(faces[0][:3] * 255)) for faces in bars}
    assert track_color(7) in shown
    assert track_color(4) not in shown
    titles = [axes.get_title(loc="left") for axes in presences]
    assert titles == ["yolact", "mask_rcnn   and 1 track of no shared object"]


def test_tracks_have_the_number_and_colour_of_their_object(tmp_path: Path, drawn: list) -> None:
    rows = [track_row(track_id, 1.0, 0.0, 1.0) for track_id in (1, 3, 5)]
    plots.plot_tracks({"mask_rcnn": rows}, tmp_path / "t.png", "clip", NUMBERS)
    life = drawn[0].axes[0]
    assert [label.get_text() for label in life.get_yticklabels()] == ["#4 dog", "#7 dog", "track 5 dog"]
    colors = [tuple(np.round(np.array(bar.get_facecolor()[:3]) * 255)) for bar in life.patches]
    assert colors == [track_color(4), track_color(7), track_color(0)]


def test_each_models_floor_is_shaded_where_it_is_known(tmp_path: Path, drawn: list) -> None:
    frames, instances, _ = tables({"yolact": 1.0, "mask_rcnn": 1.5})
    for floors in (None, {"yolact": 0.4, "mask_rcnn": 0.4}, {"yolact": 0.4, "mask_rcnn": 0.1}):
        plots.plot_timeline(frames, instances, tmp_path / "t.png", "clip", floors=floors)
        plots.plot_displacement(instances, tmp_path / "d.png", "clip", floors)
    heights = [[patch.get_height() for patch in figure.axes[0].patches] for figure in drawn[::2]]
    assert heights == [[], [0.4], [0.4, 0.1]]
    spans = [[p for p in figure.axes[1].patches if isinstance(p, Rectangle)] for figure in drawn[1::2]]
    assert [[round(span.get_width(), 6) for span in own] for own in spans] == [[], [0.4], [0.4, 0.1]]
