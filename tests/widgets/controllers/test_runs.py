"""A run while it draws."""

from __future__ import annotations

import threading


def test_window_stays_responsive_during_a_run(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(0, 5, 5, 20, 20)
    driver.predictor.gate = threading.Event()
    driver.controller.propagate("both")
    driver.qtbot.waitUntil(lambda: driver.controller.runs.running)
    driver.viewer.dims.set_current_step(0, 7)
    driver.qtbot.wait(50)
    assert driver.controller.runs.running
    assert not driver.widget.run.undo_button.isEnabled()
    assert "a run is under way" in driver.widget.run.undo_button.toolTip()
    driver.predictor.gate.set()
    driver.settle()
