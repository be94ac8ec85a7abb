"""Where labels live that are too large for the memory."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QTimer

from napari_sam2.widgets.views.place_dialog import PlaceDialog
from support.driver import shown_dialog


def test_large_labels_move_to_the_folder_that_was_chosen(make_driver, volume_data, monkeypatch, tmp_path, warned):
    monkeypatch.setattr("napari_sam2.layers.labels.ON_DISK_BYTES", 1000)
    driver = make_driver(volume_data)
    driver.drag(5, 8, 9, 20, 22)
    before, folder = driver.labels.path, tmp_path / "large"
    folder.mkdir()

    def choose():
        dialog = shown_dialog(driver.widget, PlaceDialog)
        dialog.fields.folder.value = folder
        dialog.accept()

    QTimer.singleShot(100, choose)
    driver.widget.more.menu.place_action.trigger()
    driver.settle()
    assert driver.labels.path.parent == folder
    assert np.array_equal(driver.labels, driver.session.labels())
    assert before.exists()
    assert str(folder) in driver.widget.status.text()
    driver.controller.propagate("both")
    driver.settle()
    assert np.array_equal(driver.labels, driver.session.labels())
    driver.controller.further.places.choose(tmp_path / "missing")
    assert "is no folder" in warned[-1]
    assert driver.controller.further.places.folder == folder
