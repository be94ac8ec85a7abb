"""Operations on the labels that a session draws, from the dock *Change masks*."""

from __future__ import annotations

import numpy as np

from napari_sam2.widgets.forms.operations_dock import OperationsDock


def test_locked_slices_are_told_in_the_words_of_the_window(make_driver, volume_data, qtbot):
    driver = make_driver(volume_data)
    driver.drag(4, 5, 5, 20, 20)
    session = driver.session
    # A part beside the object, on a slice that is locked.
    mask = session.mask(1, 4).copy()
    mask[30:33, 30:33] = True
    session.edit_mask(1, 4, mask)
    session.lock(obj_id=1, frame=4)
    dock = OperationsDock(driver.viewer)
    driver.viewer.window.add_dock_widget(dock, name="Change masks")
    dock.choice.labels_layer.value = driver.layer_group.labels
    dock.choice.operation.value = "largest"
    dock.preview_button.click()
    qtbot.waitUntil(lambda: not dock.task.running, timeout=20000)
    text = dock.status.text()
    assert "“Keep the largest part” would change locked slices alone, such as slice 4 of object 1." in text
    assert driver.controller.panels.review.lock_button.text() in ("Lock (L)", "Unlock (L)")
    assert "Unlock (L)" in text
    assert "frames=" not in text
    # As it says.
    driver.show_frame(4)
    driver.press("L")
    driver.settle()
    dock.apply_button.click()
    qtbot.waitUntil(lambda: not dock.task.running, timeout=20000)
    driver.settle()
    assert not np.any(session.mask(1, 4)[30:33, 30:33])
    dock.close_down()
