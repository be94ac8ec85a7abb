"""A file for a session from its first mark on."""

from __future__ import annotations

import pytest

import napari_sam2.session.storage.locations as locations
from napari_sam2.errors import SessionFileError
from napari_sam2.interaction.autosave import Autosave
from napari_sam2.session import VideoSession
from napari_sam2.session.storage.locations import Recent, user_folder


@pytest.fixture
def session(predictor, volume):
    made = VideoSession(predictor, volume)
    made.add_points(1, 3, [(5, 5)])
    yield made
    made.release()


def test_a_session_gets_a_file_that_is_listed(session):
    Autosave(Recent())(session)
    assert session.path.parent == user_folder().resolve() / "sessions"
    assert Recent().paths() == [session.path]


def test_a_session_can_get_its_file_in_a_folder(session, tmp_path):
    Autosave(Recent())(session, tmp_path / "undecided")
    assert session.path.parent == tmp_path / "undecided"


def test_nothing_is_saved_where_it_is_switched_off(session):
    autosave = Autosave(Recent())
    autosave.enabled = False
    autosave(session)
    assert session.path is None


def test_a_folder_that_refuses_after_all_is_left_for_that_of_the_user(session, tmp_path, monkeypatch):
    monkeypatch.setattr(locations, "beside", lambda volume: tmp_path / "gone" / "image.sam2")
    Autosave(Recent())(session)
    assert session.path.parent == user_folder().resolve() / "sessions"


def test_a_user_folder_that_refuses_is_an_error(session, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("NAPARI_SAM2_DATA", str(tmp_path / "file" / "below"))
    with pytest.raises(SessionFileError, match="cannot be written"):
        Autosave(Recent())(session)
    assert session.path is None
