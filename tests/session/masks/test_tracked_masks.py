"""Masks in the place of tracked ones: fresh, undone as one step, and no hand-made mask is touched."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.errors import PromptError
from napari_sam2.session import VideoSession


@pytest.fixture
def tracked(session):
    session.add_box(1, 7, (4, 5, 10, 12))
    list(session.propagate())
    return session


def test_tracked_masks_are_replaced_and_accepted_ones_stay(tracked):
    tracked.lock(obj_id=1, frame=10)
    before = tracked.labels()
    other = np.where(before == 1, 0, before)
    other[:, 0:3, 0:3] = 1
    changed = tracked.take_tracked(other)
    assert 7 not in changed
    assert 10 not in changed
    after = tracked.labels()
    assert np.array_equal(after[[7, 10]], before[[7, 10]])
    assert np.array_equal(after[changed], other[changed])
    # They are up to date, until what they stand between is another.
    assert list(tracked.propagate()) == []
    tracked.add_points(1, 7, [(5, 6)])
    assert tracked.count_stale()[0] > 0
    tracked.undo()
    assert tracked.undo()
    assert np.array_equal(tracked.labels(), before)


def test_it_is_kept_in_the_file_and_a_new_object_waits_for_a_prompt(tracked, volume, tmp_path):
    tracked.save(tmp_path / "case.sam2")
    labels = tracked.labels()
    labels[3, 15:18, 15:18] = 6
    assert tracked.take_tracked(labels) == [3]
    tracked.close()
    again = VideoSession.open(tmp_path / "case.sam2", predictor=tracked.predictor, volume=volume)
    assert np.array_equal(again.labels(), labels)
    list(again.propagate(force=True))
    assert np.array_equal(again.labels() == 6, labels == 6)


def test_beyond_a_cut_nothing_comes(tracked):
    tracked.cut(1, 9, "above")
    assert tracked.take_tracked(np.ones(tracked.grid.label_shape, np.uint16)) == [0, 1, 2, 3, 4, 5, 6, 8, 9]


def test_another_grid_is_refused(tracked):
    with pytest.raises(PromptError, match=r"The labels have shape \(2, 2\)"):
        tracked.take_tracked(np.zeros((2, 2), int))
