"""Channels, contrast limits and gamma: what the model sees, what is kept in the file, and what was made otherwise."""

from __future__ import annotations

import json
import sqlite3

import numpy as np
import pytest

from napari_sam2.core.intensity_mapping import IntensityMapping
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import VolumeError
from napari_sam2.session import VideoSession
from support.predictors import FakePredictor, numbered_volume

PAIRS = ((0.0, 10.0), (0.0, 40.0))


@pytest.fixture
def stained():
    """Time, channel, z, y, x: each channel has its own constant, 5, 10 or 20, and time adds one."""
    array = np.zeros((3, 3, 4, 20, 24), np.float32) + np.array([5, 10, 20], np.float32)[:, None, None, None]
    return ImageVolume(array + np.arange(3, dtype=np.float32)[:, None, None, None, None], axes="tczyx")


def seen(session, frame=0):
    """The first pixel of a frame as the model saw it last."""
    return session.predictor.streams[-1].frames[frame][0, 0].tolist()


def test_each_channel_has_its_own_limits_and_gamma_follows_them(stained):
    session = VideoSession(FakePredictor(), stained, "z", PAIRS, at={"t": 2}, channel=(0, 2), gamma=2.0)
    assert session.contrast_limits == session.window == PAIRS
    assert session.mapping == IntensityMapping(PAIRS, 2.0)
    session.add_box(1, 1, (5, 6, 12, 14))
    session.predict_frame(1)
    assert seen(session) == pytest.approx([0.7**2, 0.55**2, 0])


def test_one_pair_counts_for_all_channels(stained):
    session = VideoSession(FakePredictor(), stained, "z", (0, 40), at={"t": 0}, channel=(0, 2))
    session.add_box(1, 1, (5, 6, 12, 14))
    session.predict_frame(1)
    assert seen(session) == pytest.approx([5 / 40, 20 / 40, 0])
    assert session.contrast_limits == (0, 40)


def test_one_channel_can_be_set_alone(stained):
    session = VideoSession(FakePredictor(), stained, "z", (0, 40), at={"t": 0}, channel=(0, 2), gamma=0.5)
    session.set_contrast_limits(0, 10, channel=0)
    assert session.contrast_limits == PAIRS
    assert session.gamma == 0.5
    session.set_contrast_limits(0, 10, channel=2)
    assert session.contrast_limits == (0, 10)
    session.set_contrast_limits(0, 40, channel=2)
    session.set_contrast_limits(1, 2)
    assert session.contrast_limits == (1, 2)
    with pytest.raises(VolumeError, match="channel=1 has no contrast limits to set: the session shows 0, 2"):
        session.set_contrast_limits(0, 5, channel=1)
    assert session.contrast_limits == (1, 2)


def test_stains_have_limits_of_their_own_by_default():
    rng = np.random.default_rng(0)
    array = np.stack([rng.uniform(100, 200, (4, 20, 24)), rng.uniform(3000, 9000, (4, 20, 24))])
    session = VideoSession(FakePredictor(), ImageVolume(array, axes="czyx"), channel=(0, 1))
    (_, first), (second, _) = session.contrast_limits
    assert first < 210
    assert second > 2000


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ({"contrast_limits": (PAIRS[0],) * 3, "channel": (0, 2)}, "contrast_limits for 3 channels, but 2 are shown"),
        ({"gamma": 0}, "gamma=0 must be a finite number above zero"),
        ({"contrast_limits": (0, 1), "gamma": float("nan")}, "gamma=nan must be"),
    ],
)
def test_what_fits_no_channel_is_refused(stained, how, text):
    with pytest.raises(VolumeError, match=text):
        VideoSession(FakePredictor(), stained, "z", at={"t": 0}, **how)


def test_a_wrong_gamma_changes_nothing(session):
    before = session.mapping
    with pytest.raises(VolumeError, match="gamma=-1 must be"):
        session.gamma = -1
    assert session.mapping == before


def test_masks_that_were_made_with_another_contrast_are_named(session):
    session.add_box(1, 7, (4, 5, 10, 12))
    list(session.propagate(frames=range(6, 9)))
    session.edit_mask(1, 12, np.eye(24, 32, dtype=bool))
    assert session.frames_of_other_contrast(1) == []
    before = session.window
    session.gamma = 0.7
    assert session.frames_of_other_contrast(1) == [6, 7, 8]
    assert session.scores(1)["other_contrast"].tolist() == [True, True, True, False]
    list(session.propagate(frames=[8], force=True))
    assert session.frames_of_other_contrast(1) == [6, 7]
    session.gamma = 1.0
    session.set_contrast_limits(*before)
    assert session.frames_of_other_contrast(1) == [8]


def test_the_file_keeps_channels_limits_and_gamma_and_replays_with_them(stained, tmp_path):
    path = tmp_path / "case.sam2"
    session = VideoSession(FakePredictor(), stained, "z", PAIRS, at={"t": 2}, channel=(2, 0), gamma=0.5)
    session.save(path)
    session.add_box(1, 1, (5, 6, 12, 14))
    session.predict_frame(1)
    session.set_contrast_limits(0, 9, channel=2)
    list(session.propagate(frames=[2]))
    labels = session.labels()
    session.close()
    again = VideoSession.open(path, FakePredictor(), stained)
    assert again.mapping == IntensityMapping(((0, 9), (0, 40)), 0.5)
    assert again.grid.channels == (2, 0)
    assert again.frames_of_other_contrast(1) == [1]
    assert again.replay() == 0
    # The first prompt was answered anew as it was seen then.
    limits = [stream.frames.mapping.contrast_limits for stream in again.predictor.streams]
    assert PAIRS in limits
    assert np.array_equal(again.labels(), labels)
    again.close()


def test_a_single_pair_is_written_as_all_versions_know_it(tmp_path):
    session = VideoSession(FakePredictor(), numbered_volume(), contrast_limits=(3, 5000))
    session.save(tmp_path / "case.sam2")
    session.close()
    with sqlite3.connect(tmp_path / "case.sam2") as db:
        settings = json.loads(db.execute("SELECT value FROM setting WHERE name = 'settings'").fetchone()[0])
    db.close()
    assert settings["window"] == [3, 5000]


@pytest.mark.parametrize(
    ("axis", "reason"), [(None, "coarsest spacing, 3"), ("z", "coarsest spacing, 3"), ("y", "chosen")]
)
def test_the_reason_of_the_axis_is_told(axis, reason):
    assert VideoSession(FakePredictor(), numbered_volume(), axis).frame_axis_reason == reason
