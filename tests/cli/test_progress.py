"""The bar of a run."""

from __future__ import annotations

import napari_sam2 as ns
from napari_sam2.cli.progress import propagate_with_bar
from support.predictors import FakePredictor, numbered_volume


def test_all_frames_are_computed_and_the_bar_is_on_the_error_stream(capsys):
    session = ns.VideoSession(FakePredictor(shift=0), numbered_volume())
    session.add_box(1, 4, (5, 6, 15, 20))
    propagate_with_bar(session, "forward")
    assert list(session.scores(1).index) == list(range(4, 20))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "slice" in shown.err
    assert "100%" in shown.err
