"""A window that is killed in the middle of a run loses nothing that was shown."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_sam2.plugin.dock_widget import SegmentWidget
from support.predictors import FakePredictor

TESTS = Path(__file__).parents[1]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no kill -9 here")
def test_kill_in_the_middle_of_a_run_then_recover_and_go_on(make_napari_viewer, qtbot, tmp_path):
    data = np.random.default_rng(0).integers(0, 1000, (60, 40, 50)).astype(np.int16)
    np.save(tmp_path / "image.npy", data)
    paths = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    doomed = subprocess.Popen(
        [sys.executable, str(TESTS / "support" / "doomed_window.py"), str(tmp_path / "image.npy")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    shown = set()
    try:
        for line in doomed.stdout:
            shown.add(int(line))
            if len(shown) >= 12:
                break
    finally:
        doomed.kill()
        doomed.wait()
    assert 12 <= len(shown) < 60

    viewer = make_napari_viewer()
    viewer.add_image(data, name="picture")
    widget = SegmentWidget(viewer, load=lambda name, device: FakePredictor())
    viewer.window.add_dock_widget(widget)
    controller = widget.controller
    qtbot.waitUntil(lambda: not controller.busy, timeout=20000)
    assert "not closed in good order" in widget.session.offer.label.text()
    widget.session.offer.continue_button.click()
    qtbot.waitUntil(lambda: not controller.busy, timeout=20000)
    session = controller.selection.worker.session
    kept = set(session.scores(1).index)
    assert shown <= kept
    assert controller.selection.layer_group.boxes.nshapes == 1
    before = {frame: session.mask(1, frame) for frame in kept}
    controller.propagate("both")
    qtbot.waitUntil(lambda: not controller.busy, timeout=20000)
    labels = controller.selection.layer_group.labels.data
    assert labels.any(axis=(1, 2)).all()
    assert all(np.array_equal(before[frame], labels[frame] == 1) for frame in kept)
    widget.controller.close()
