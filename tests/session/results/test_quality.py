"""The figures of masks."""

from __future__ import annotations

from napari_sam2.session.log.kinds import CHECK
from napari_sam2.session.log.records import Check


def test_scores(session):
    session.add_box(1, 3, (2, 2, 6, 6))
    list(session.propagate())
    table = session.scores(1)
    assert list(table.columns[:5]) == ["iou", "object_score", "area_px", "locked", "doubtful"]
    assert list(table.index) == list(range(20))
    assert table.loc[3, "area_px"] == 16


def test_a_way_back_that_ends_at_another_mask_makes_a_frame_doubtful_and_says_so(session):
    session.add_box(1, 3, (2, 2, 6, 6))
    list(session.propagate("forward"))
    state = session._state
    for frame, back in ((5, 0.59), (6, 0.6), (7, float("nan"))):
        with state.history.step("check") as put:
            put(CHECK, 1, frame, Check(back, state.mask_record(1, frame).mask))
    table = session.scores(1)
    assert table["doubtful"].loc[[5, 6, 7]].tolist() == [True, False, False]
    assert table["reasons"].loc[[5, 6, 7]].tolist() == ["the way back ends at another mask", "", ""]
    session.lock(obj_id=1, frame=5)
    assert session.scores(1)["reasons"].loc[5] == ""


def test_every_reason_is_told(session):
    session.add_box(1, 3, (2, 2, 6, 6))
    session.predictor.rivals = {5: 0.4}
    list(session.propagate("forward"))
    mask = session.mask(1, 4)
    mask[:, :20] = True
    session.edit_mask(1, 4, mask)
    found = session.scores(1)["reasons"][5]
    assert found.startswith("the area changes ")
    assert found.endswith("-fold, something beside it looks alike")
