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
