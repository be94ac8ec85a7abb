"""The rules by which a session answers clicks and follows motion: what a change makes stale, what a file keeps."""

from __future__ import annotations

import pytest

from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import NapariSam2Error
from napari_sam2.session import VideoSession
from support.predictors import SHAPE, FakePredictor, numbered_volume

FRAMES = range(SHAPE[0])


def movie():
    return ImageVolume(numbered_volume().array, axes="tyx")


def stale(session, obj_id=1):
    return [f for f in FRAMES if session.count_stale(frames=[f], objects=[obj_id])[0]]


def options(session):
    return session.predictor.streams[-1].options


def test_another_answer_to_clicks_makes_stale_what_follows_from_clicks_alone():
    session = VideoSession(FakePredictor(), numbered_volume())
    session.add_points(1, 7, [(10, 10)])
    session.add_box(2, 7, (4, 14, 10, 22))
    list(session.propagate())
    session.click_mask = "first"
    assert stale(session, 1) == list(FRAMES)
    assert stale(session, 2) == []
    session.click_mask = "surest"
    assert stale(session, 1) == []
    session.click_mask = "first"
    session.lock(obj_id=1, frame=7)  # what is accepted stays as it is
    assert 7 not in stale(session, 1)
    session.unlock(obj_id=1, frame=7)
    list(session.propagate())
    assert options(session).click_mask == "first"
    assert stale(session, 1) == []
    assert session.replay() == 0


def test_motion_makes_tracked_frames_stale_and_not_the_answer():
    session = VideoSession(FakePredictor(), movie())
    session.add_points(1, 7, [(10, 10)])
    list(session.propagate())
    session.motion = True
    assert stale(session) == [f for f in FRAMES if f != 7]
    list(session.propagate())
    assert options(session).motion
    assert stale(session) == []
    assert session.replay() == 0


def test_a_file_keeps_the_rules(tmp_path):
    session = VideoSession(FakePredictor(), movie(), memory="selected", click_mask="single", motion=True)
    session.add_points(1, 7, [(10, 10)])
    list(session.propagate())
    session.save(tmp_path / "case.sam2")
    session.motion = False
    session.motion = True
    session.close()
    again = VideoSession.open(tmp_path / "case.sam2", FakePredictor(), movie())
    assert (again.memory, again.click_mask, again.motion) == ("selected", "single", True)
    assert stale(again) == []
    assert again.replay() == 0
    again.close()


def test_motion_is_refused_where_frames_do_not_follow_in_time():
    with pytest.raises(NapariSam2Error, match="follow in time, and this session is along z"):
        VideoSession(FakePredictor(), numbered_volume(), motion=True)
    session = VideoSession(FakePredictor(), numbered_volume())
    with pytest.raises(NapariSam2Error, match="follow in time"):
        session.motion = True
    with pytest.raises(NapariSam2Error, match="surest, single, first"):
        session.click_mask = "best"
    with pytest.raises(NapariSam2Error, match="motion=1 must be"):
        VideoSession(FakePredictor(), movie(), motion=1)  # type: ignore[arg-type]
    assert (session.click_mask, session.motion) == ("surest", False)


@pytest.mark.parametrize("asked", [{"motion": True}, {"click_mask": "first"}, {"memory": "selected"}])
def test_exact_mode_takes_none_of_them(asked):
    with pytest.raises(NapariSam2Error, match="Exact mode"):
        VideoSession(FakePredictor(), movie(), exact=True, **asked)
