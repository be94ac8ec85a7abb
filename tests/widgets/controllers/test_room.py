"""The room that the panel takes in a real window, and the focus that it leaves to the picture."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QScrollArea

# napari's window is so high at first, with our dock in it.
HEIGHT = 630


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_with_a_range_all_of_step_3_is_seen_in_a_window_as_napari_opens_it(make_driver, volume_data, theme, qtbot):
    driver = make_driver(volume_data, {"show": True})
    driver.viewer.theme = theme
    widget, window = driver.widget, driver.viewer.window._qt_window
    driver.drag(5, 5, 5, 20, 20)
    driver.controller.propagate("both")
    driver.settle()
    window.resize(1089, HEIGHT)
    widget.run.range_entry.setChecked(True)
    widget.run.set_forecast("All slices are up to date.", "")
    widget.session.file_label.setText("picture.sam2")
    widget.session.file_label.show()
    widget.header.set_hint("5 slices are not up to date: propagate (Shift+S), or correct more first.")
    (area,) = (
        each for each in widget.findChildren(QScrollArea) if widget.steps in each.findChildren(type(widget.steps))
    )
    qtbot.waitUntil(lambda: window.height() == HEIGHT and widget.run.range_row.isVisible())
    qtbot.wait(300)
    assert area.verticalScrollBar().maximum() == 0


def test_after_a_click_in_the_panel_keys_still_go_to_the_picture(make_driver, volume_data, qtbot):
    driver = make_driver(volume_data, {"show": True})
    driver.drag(5, 5, 5, 20, 20)
    driver.show_frame(5)
    QApplication.setActiveWindow(driver.viewer.window._qt_window)
    driver.viewer.window._qt_viewer.canvas.native.setFocus()
    lock = driver.widget.review.lock_button
    qtbot.mouseClick(lock, Qt.MouseButton.LeftButton)
    driver.settle()
    assert "Unlock" in lock.text()
    held = QApplication.focusWidget()
    assert not driver.widget.isAncestorOf(held)
    qtbot.keyClick(held, Qt.Key.Key_Right)
    assert driver.controller.selection.shown_frame() == 6
