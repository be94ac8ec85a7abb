"""A session as the window drives it."""

from __future__ import annotations

import threading

import numpy as np

from napari_sam2.core.masks import RunLengthMask


def test_a_run_for_the_window_decodes_no_mask(worker, monkeypatch):
    session = worker.open()
    for obj_id in range(1, 9):
        session.add_box(obj_id, 0, (4, 5 * obj_id, 30, 5 * obj_id + 4))
    session.predict_frame(0)
    decoded = []
    decode = RunLengthMask.decode
    monkeypatch.setattr(RunLengthMask, "decode", lambda mask: decoded.append(mask) or decode(mask))
    drawn = list(worker.run("forward", range(12), threading.Event(), lambda *_: None))
    assert [int(np.unique(labels).size) for _, labels in drawn] == [9] * 11
    assert decoded == []


def test_what_a_script_does_not_look_at_is_not_decoded(worker, monkeypatch):
    session = worker.open()
    session.add_box(1, 0, (4, 5, 10, 12))
    session.add_box(2, 0, (20, 5, 30, 12))
    session.predict_frame(0)
    decoded = []
    decode = RunLengthMask.decode
    monkeypatch.setattr(RunLengthMask, "decode", lambda mask: decoded.append(mask) or decode(mask))
    results = list(session.propagate())
    assert all(result.masks.keys() == result.scores.keys() == {1, 2} for result in results)
    assert decoded == []
    masks = [result.masks[1] for result in results for _ in range(2)]
    assert len(decoded) == len(results)
    assert all(mask[4:10, 5:12].all() and mask.sum() == 42 for mask in masks)
