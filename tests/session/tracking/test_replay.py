"""Replay: the same masks, and those that do not follow."""

from __future__ import annotations

import numpy as np


def test_replay_of_everything_gives_the_same_masks(session):
    session.add_box(1, 10, (4, 5, 10, 12))
    session.predict_frame(10)
    run = session.propagate()
    for step in run:
        if step.frame == 13:
            session.add_box(2, 2, (12, 2, 18, 6))
            break
    run.close()
    session.set_window(0, 5)
    session.edit_mask(1, 15, np.eye(24, 32, dtype=bool))
    for step in session.propagate(stop_when_gone=2):
        if step.frame == 4:
            session.add_points(1, 1, [(20, 20)])
    session.cut(1, 18, "above")
    session.overlap = "score"
    list(session.propagate(force=True, direction="forward"))
    session.rename_object(2, "b")
    session.undo()
    before = session.labels()
    assert session.replay() == 0
    assert np.array_equal(session.labels(), before)


def test_replay_finds_and_mends_a_mask_that_does_not_follow(session):
    session.add_box(1, 10, (4, 5, 10, 12))
    list(session.propagate())
    before = session.labels()
    # From frame 14 on the model answers otherwise than it did.
    session.predictor.vanish_after = 13
    assert session.replay() == 6
    assert session.steps[-1].name == "replay"
    assert not session.labels()[14:].any()
    assert np.array_equal(session.labels()[:14], before[:14])
    assert session.undo()
    assert np.array_equal(session.labels(), before)
