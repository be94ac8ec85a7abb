"""Several axes tracked from their own marks, and what they agree on in the session."""

from __future__ import annotations

import numpy as np
import pytest

import napari_sam2 as ns
from napari_sam2.errors import PromptError
from napari_sam2.session import VideoSession
from napari_sam2.session.combining.consensus import track_axes
from support.predictors import FakePredictor

SHAPE = (10, 12, 14)


@pytest.fixture
def cube():
    return ns.ImageVolume(np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE), axes="zyx")


def along(cube, axis, *boxes, obj_id=1):
    session = VideoSession(FakePredictor(shift=0), cube, axis)
    for frame, box in boxes:
        session.add_box(obj_id, frame, box)
    return session


def finished(steps):
    """The axes that a generator comes to, and its value."""
    axes = []
    while True:
        try:
            axes.append(next(steps).axis)
        except StopIteration as end:
            return axes, end.value


def test_each_axis_starts_from_its_own_marks_or_where_the_object_is_largest(cube):
    # Tracking copies the mask: each axis makes a column without end.
    z, x = along(cube, "z", (5, (3, 4, 9, 10))), along(cube, "x", (6, (2, 2, 8, 9)))
    axes, changed = finished(track_axes(z, {"y": None, "x": x}))
    assert (axes.count("z"), axes.count("x"), axes.count("y")) == (10, 14, 12)
    found = z.labels() == 1
    # Along y it starts from the column along z, and so agrees with that; in the row below, with the one along x.
    assert found[:, 3:9, 4:10].all()
    found[:, 3:9, 4:10] = False
    # The slice that was marked stays as it is.
    assert [tuple(set(where.tolist())) for where in np.nonzero(found)] == [(2, 3, 4, 6, 7), (2,), (4, 5, 6, 7, 8, 9)]
    assert changed == [2, 3, 4, 6, 7]
    assert [step.name for step in x.steps] == ["add_box"]
    assert [step.name for step in z.steps][-2:] == ["propagate", "take_tracked"]
    z.undo()
    assert (z.labels() == 1).sum() == 10 * 36


def test_an_object_of_one_plane_alone_is_found_from_there(cube):
    z, x = along(cube, "z", (5, (3, 4, 9, 10))), along(cube, "x", (6, (2, 2, 8, 9)), obj_id=4)
    finished(track_axes(z, {"x": x}))
    assert list(z.objects) == [1, 4]
    assert z.mask(4, 5)[2:9, 6].any()
    alone = along(cube, "z")
    finished(track_axes(alone, {"y": None, "x": x}, rule="mean"))
    assert list(alone.objects) == [4]


def test_left_before_its_end_it_keeps_what_was_tracked_along_its_own_axis(cube):
    z = along(cube, "z", (5, (3, 4, 9, 10)))
    steps = track_axes(z, {"x": None})
    for step in steps:
        if step.axis == "x":
            break
    steps.close()
    assert [step.name for step in z.steps] == ["add_box", "propagate"]
    assert len(z.scores(1)) == 10


def test_without_any_mark_it_says_so(cube):
    with pytest.raises(PromptError, match="nothing to propagate"):
        finished(track_axes(along(cube, "z"), {"x": None}))


def test_what_was_mended_by_hand_along_another_axis_is_what_counts_there(cube):
    z, x = along(cube, "z"), along(cube, "x", (6, (2, 2, 8, 9)))
    list(x.propagate())
    hand = np.zeros(x.frame_shape, bool)
    hand[4:6, 4:6] = True
    x.edit_mask(1, 6, hand)
    x.add_points(1, 10, [(3, 3)], [0])
    x.predict_frame(10)
    seen = {frame: int(x.mask(1, frame).sum()) for frame in (6, 10)}
    tracked = {s.result.frame: int(s.result.masks[1].sum()) for s in track_axes(z, {"x": x}) if s.axis == "x"}
    assert seen[6] == 4
    assert {frame: tracked[frame] for frame in seen} == seen


def test_what_is_forbidden_is_forbidden_along_all_axes(cube):
    where = np.zeros(SHAPE, np.uint8)
    where[:, :, 8:] = 1
    z, y = along(cube, "z", (5, (3, 4, 9, 12))), along(cube, "y", (6, (0, 4, 10, 12)))
    z.forbid(where)
    finished(track_axes(z, {"y": y, "x": None}))
    assert (z.labels()[:, :, :8] == 1).any()
    assert not (z.labels()[:, :, 8:] == 1).any()


def test_an_object_that_was_deleted_during_the_run_stays_away(cube):
    z = along(cube, "z", (5, (3, 4, 9, 10)))
    z.add_box(2, 5, (1, 1, 3, 3))
    steps = track_axes(z, {"y": None})
    for step in steps:
        if step.axis == "y" and 2 in z.objects:
            z.delete_object(2)
    assert list(z.objects) == [1]
