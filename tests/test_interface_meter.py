"""`Meter`, and which instances are one object where tracker ids come with them."""

import gc
import threading

import foreign_results as foreign
import numpy as np
import pytest
from memory_masks import FRAMES_RGB, MASKS, SHAKEN, measured, tables_of
from scored_masks import FPS, FRAMES

import yolact_temporal as yt


class TestIdentities:
    def test_ids_are_the_tracks(self):
        found = measured(ids=[4, 9])
        assert sorted(found.tracks["track_id"]) == [4, 9]
        assert sorted(measured(ids=[0, 9]).tracks["track_id"]) == [1, 10]

    def frames(self, ids):
        box = [0, 0, 9, 9]
        return [foreign.supervision(MASKS[i, :1], [box], [1], [0], own) for i, own in enumerate(ids)]

    def test_ids_come_from_the_first_instances_on_or_never(self):
        empty = foreign.supervision(MASKS[0, :0], [], [], [])
        found = measured([empty, empty, *self.frames([[3], [3]])], FRAMES_RGB[:4])
        assert found.tracks["track_id"].tolist() == [3]
        with pytest.raises(yt.UsageError, match="expected ids at frame 1, as at the frames before, got none"):
            measured(self.frames([[3], None]), FRAMES_RGB[:2])
        with pytest.raises(yt.UsageError, match="expected no ids at frame 1"):
            measured(self.frames([None, [3]]), FRAMES_RGB[:2])

    def test_they_can_be_left_aside_or_demanded(self):
        ids = [[3], None, [5]]
        found = measured(self.frames(ids), FRAMES_RGB[:3], identified=False)
        assert found.tracks["track_id"].tolist() == [1]
        with pytest.warns(UserWarning, match="Instances without ids were left out"):
            found = measured(self.frames(ids), FRAMES_RGB[:3], identified=True)
        assert found.tracks["track_id"].tolist() == [3, 5]

    def test_a_clip_that_begins_with_many_empty_frames_is_measured(self):
        meter = yt.Meter(30)
        for index in range(40):
            picture = FRAMES_RGB[index % FRAMES]
            meter.update(picture, MASKS[0] if index > 30 else None)
        assert len(meter.result().frames) == 40


class TestMeter:
    def test_a_wrong_frame_counts_for_nothing(self):
        meter = yt.Meter(FPS)
        meter.update(FRAMES_RGB[0], MASKS[0])
        with pytest.raises(yt.UsageError, match="frames of 128x96 pixels, as the first one is, got 64x96"):
            meter.update(FRAMES_RGB[1][:, :64], MASKS[1][:, :, :64])
        with pytest.raises(yt.UsageError, match="expected scores for 2 masks at frame 1"):
            meter.update(FRAMES_RGB[1], MASKS[1], scores=[1])
        meter.update(FRAMES_RGB[1], MASKS[1])
        assert len(meter.result().frames) == 2
        assert meter.result() is meter.result()
        with pytest.raises(yt.UsageError, match="expected no frame after result"):
            meter.update(FRAMES_RGB[2], MASKS[2])

    def test_a_buffer_may_be_written_into_again(self):
        meter, picture, masks = yt.Meter(FPS), np.empty_like(FRAMES_RGB[0]), np.empty_like(MASKS[0])
        for index in range(FRAMES):
            picture[:], masks[:] = FRAMES_RGB[index], MASKS[index]
            meter.update(picture, masks)
        picture[:], masks[:] = 0, False
        found, whole = meter.result(), measured(list(MASKS), name="masks")
        assert tables_of(found.folder, "masks") == tables_of(whole.folder, "masks")

    @pytest.mark.parametrize("how", ["close", "block", "forgotten"])
    def test_giving_up_leaves_nothing(self, how):
        before = set(threading.enumerate())
        meter = yt.Meter(FPS)
        folder = meter._pusher._options.place.destination.folder.parent
        meter.update(FRAMES_RGB[0], MASKS[0])
        if how == "close":
            meter.close()
        elif how == "block":
            with pytest.raises(RuntimeError, match="mine"), meter:
                raise RuntimeError("mine")
        del meter
        gc.collect()
        assert set(threading.enumerate()) <= before
        assert not folder.exists()

    def test_a_failing_measurement_is_raised_where_it_is_noticed(self, tmp_path):
        (tmp_path / "taken").mkdir()
        (tmp_path / "taken" / "letter.txt").write_text("dear")
        meter = yt.Meter(FPS, folder=tmp_path / "taken")

        def go_on():
            for index in range(FRAMES):
                meter.update(FRAMES_RGB[index], MASKS[index])
            meter.result()

        with pytest.raises(yt.UsageError, match="which holds other files"):
            go_on()

    @pytest.mark.slow
    def test_several_models_are_measured_at_once(self):
        two = measured({"still": MASKS, "shaken": SHAKEN}, clip_name="walk")
        meter = yt.Meter(FPS, names=("still", "shaken"), clip_name="walk")
        with pytest.raises(
            yt.UsageError, match="expected masks by model at frame 0, for still, shaken, got still"
        ):
            meter.update(FRAMES_RGB[0], {"still": MASKS[0]})
        with pytest.raises(yt.UsageError, match=r"expected masks by model .* got ndarray"):
            meter.update(FRAMES_RGB[0], MASKS[0])
        for index in range(FRAMES):
            meter.update(FRAMES_RGB[index], {"still": MASKS[index], "shaken": SHAKEN[index]})
        found = meter.result()
        assert tables_of(found.folder, "shaken") == tables_of(two.folder, "shaken")
        assert (found.folder / "comparison.csv").read_bytes() == (two.folder / "comparison.csv").read_bytes()

    def test_no_frame_is_no_clip(self):
        with pytest.raises(yt.UsageError, match="expected frames, got none"):
            yt.Meter(FPS).result()
