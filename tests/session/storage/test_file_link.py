"""The session and its file."""

from __future__ import annotations

import pytest

from napari_sam2.errors import SessionFileError
from napari_sam2.session import VideoSession
from support.predictors import FakePredictor, numbered_volume


def test_a_refused_write_is_caught_up_by_save(session, tmp_path, monkeypatch):
    from napari_sam2.session.storage.session_file import SessionFile

    def full(*_):
        raise SessionFileError("the disk is full")

    path = tmp_path / "case.sam2"
    session.add_box(1, 5, (4, 5, 10, 12))
    session.save(path)
    with monkeypatch.context() as patched:
        patched.setattr(SessionFile, "append", full)
        with pytest.raises(SessionFileError, match="full"):
            session.rename_object(1, "kept")
    session.save(path)
    session.close()
    again = VideoSession.open(path, FakePredictor(), numbered_volume())
    assert again.objects[1].name == "kept"
    again.close()


def test_a_session_can_be_saved_elsewhere_when_its_folder_is_gone(session, tmp_path, monkeypatch):
    from napari_sam2.session.storage.session_file import SessionFile

    def gone(*_):
        raise SessionFileError("the share is gone")

    def write(file, rows, kept=SessionFile._set):
        return gone() if file.path.name == "share.sam2" else kept(file, rows)

    session.add_box(1, 5, (4, 5, 10, 12))
    session.save(tmp_path / "share.sam2")
    with monkeypatch.context() as patched:
        patched.setattr(SessionFile, "append", gone)
        patched.setattr(SessionFile, "_set", write)
        with pytest.raises(SessionFileError, match="gone"):
            session.rename_object(1, "kept")
        session.save(tmp_path / "disk.sam2")
    assert session.path == tmp_path / "disk.sam2"
    session.add_box(2, 6, (4, 5, 10, 12))
    session.close()
    again = VideoSession.open(tmp_path / "disk.sam2", FakePredictor(), numbered_volume())
    assert [o.name for o in again.objects.values()] == ["kept", "object 2"]
    again.close()
    VideoSession.open(tmp_path / "share.sam2", FakePredictor(), numbered_volume()).close()


def test_a_session_that_cannot_be_closed_in_good_order_lets_its_file_go(session, tmp_path, monkeypatch):
    from napari_sam2.session.storage.session_file import SessionFile

    def gone(*_):
        raise SessionFileError("the share is gone")

    session.add_box(1, 5, (4, 5, 10, 12))
    session.save(tmp_path / "a.sam2")
    with monkeypatch.context() as patched:
        patched.setattr(SessionFile, "_set", gone)
        with pytest.raises(SessionFileError, match="gone"):
            session.close()
    again = VideoSession.open(tmp_path / "a.sam2", FakePredictor(), numbered_volume())
    assert again.prompted_frames(1) == [5]
    again.close()
