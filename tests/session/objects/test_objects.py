"""Objects: their names, their order, and two made one."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.errors import PromptError


def test_reset_delete_rename(session):
    session.add_box(1, 3, (2, 2, 6, 6))
    list(session.propagate())
    session.rename_object(1, "liver")
    session.reset_object(1)
    assert session.objects[1].name == "liver"
    assert session.objects[1].state == "empty"
    assert not session.labels().any()
    session.undo()
    assert session.labels().any()
    session.delete_object(1)
    assert not session.objects
    with pytest.raises(PromptError, match="no object 1"):
        session.scores(1)


def test_merge_unites_masks_and_no_run_takes_them_apart(session):
    session.add_box(1, 10, (2, 2, 6, 6))
    session.add_box(2, 10, (12, 2, 16, 6))
    list(session.propagate())
    first, second = session.mask(1, 8), session.mask(2, 8)
    session.merge_objects(into=1, other=2)
    assert list(session.objects) == [1]
    assert np.array_equal(session.mask(1, 8), first | second)
    list(session.propagate(force=True))
    assert np.array_equal(session.mask(1, 8), first | second)
    session.undo()
    assert list(session.objects) == [1, 2]
    assert np.array_equal(session.mask(2, 8), second)
    with pytest.raises(PromptError, match="itself"):
        session.merge_objects(1, 1)


def test_order_decides_overlap_and_survives_undo_of_a_deletion(session):
    session.add_box(1, 3, (2, 2, 10, 10))
    session.add_box(2, 3, (6, 6, 14, 14))
    session.predict_frame(3)
    assert session.labels()[3, 7, 7] == 1
    session.move_object(2, 0)
    assert list(session.objects) == [2, 1]
    assert session.labels()[3, 7, 7] == 2
    session.delete_object(2)
    session.undo()
    assert list(session.objects) == [2, 1]
