"""The report of the self-check."""

from __future__ import annotations

from qtpy.QtGui import QGuiApplication

from napari_sam2.widgets.views.check_dialog import CheckDialog


def test_the_report_can_be_read_and_copied_but_not_changed(qtbot):
    dialog = CheckDialog("device: cpu\nall is well")
    qtbot.addWidget(dialog)
    assert dialog.text.isReadOnly()
    dialog.copy_button.click()
    assert QGuiApplication.clipboard().text() == "device: cpu\nall is well"
