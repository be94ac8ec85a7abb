"""Sessions of an image from other days."""

from __future__ import annotations

import os
from contextlib import closing

import numpy as np
import pytest

from napari_sam2.core.frames import FrameGrid
from napari_sam2.core.volume import ImageVolume
from napari_sam2.interaction.earlier_sessions import ImageSessions, earlier_sessions, session_key
from napari_sam2.session import VideoSession
from napari_sam2.session.storage.locations import Recent, user_folder


@pytest.fixture
def saved(predictor):
    """``saved(volume, name, age)``: a session of the volume that was saved this many seconds ago; the path."""

    def save(volume, name, age=0, **arguments):
        path = user_folder() / "sessions" / f"{name}.sam2"
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(VideoSession(predictor, volume, **arguments)) as session:
            session.add_points(1, 0, [(5, 5)])
            session.save(path)
        now = path.stat().st_mtime - age
        os.utime(path, (now, now))
        return path.resolve()

    return save


def found(volume, **arguments):
    return [known.path.name for known in earlier_sessions(volume, **arguments)]


def test_sessions_of_the_same_values_are_found_the_newest_first(volume, saved):
    saved(volume, "older", age=100)
    saved(volume, "newer")
    saved(ImageVolume(volume.array + 1, axes="zyx"), "other values")
    saved(ImageVolume(volume.array[1:], axes="zyx"), "other shape")
    (user_folder() / "sessions" / "broken.sam2").write_bytes(b"not a session")
    assert found(ImageVolume(volume.array.copy(), axes="zyx")) == ["newer.sam2", "older.sam2"]


def test_sessions_that_are_open_are_not_earlier_ones(volume, saved):
    path = saved(volume, "open")
    assert found(volume, in_use={path}) == []


def test_sessions_in_other_folders_are_found_where_they_are_listed(volume, saved, tmp_path):
    path = saved(volume, "elsewhere").rename(tmp_path / "elsewhere.sam2")
    assert found(volume) == []
    assert found(volume, recent=[path, tmp_path / "gone.sam2"]) == ["elsewhere.sam2"]


def test_the_user_is_asked_until_he_chose(volume, saved):
    saved(volume, "one")
    grid = FrameGrid.of(volume)
    sessions = ImageSessions(Recent())
    assert sessions.asks(volume, grid)
    sessions.go_on(grid)
    assert not sessions.asks(volume, grid)
    assert sessions.look(volume, grid) == []
    others = ImageSessions(Recent())
    others.start_anew()
    assert not others.asks(volume, grid)


def test_each_time_point_is_asked_about_once_the_user_chose_for_another(predictor, saved):
    film = ImageVolume(np.random.default_rng(1).integers(0, 99, (3, 4, 20, 20)).astype(np.uint8), axes="tzyx")
    saved(film, "second", frame_axis="z", at={"t": 1})
    grids = [FrameGrid.of(film, "z", {"t": t}) for t in range(3)]
    assert session_key(grids[1]) == ("z", (("t", 1),))
    sessions = ImageSessions(Recent())
    assert sessions.asks(film, grids[0])
    sessions.go_on(grids[0])
    assert not sessions.asks(film, grids[2])
    assert sessions.asks(film, grids[1])
