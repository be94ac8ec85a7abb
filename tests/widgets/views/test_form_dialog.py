"""What all dialogs with parameters share: names that are read out, and Enter and Escape."""

from __future__ import annotations

from pathlib import Path

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog

from napari_sam2.widgets.views.axes_dialog import AxesDialog
from napari_sam2.widgets.views.channels_dialog import Channel, ChannelsDialog
from napari_sam2.widgets.views.labels_dialog import LabelsDialog
from napari_sam2.widgets.views.place_dialog import PlaceDialog
from napari_sam2.widgets.views.range_dialog import RangeDialog
from napari_sam2.widgets.views.whole_run_dialog import ConsensusDialog, TimeDialog

DIALOGS = {
    "labels": (lambda: LabelsDialog([("one", 1)], "slices"), ["Labels", "Objects", "Slices", "… one in"]),
    "range": (lambda: RangeDialog((None, None), None), 2 * ["lowest value"] + 2 * ["highest value"]),
    "place": (lambda: PlaceDialog(None, "in memory"), ["in a folder of my choice:", "folder"]),
    "axes": (lambda: AxesDialog([("axis 1", "t")], {"t": "time"}, lambda _: ""), ["axis 1"]),
    "channels": (lambda: ChannelsDialog([Channel("a", 0), Channel("b", 1)], ()), ["red", "green", "blue"]),
    "all axes": (ConsensusDialog, ["A voxel belongs to the object"]),
    "time": (lambda: TimeDialog(1, 3), ["From time point 1 to", "Hand on", "objects move"]),
}


@pytest.fixture(params=DIALOGS)
def dialog_and_names(request, qtbot):
    make, names = DIALOGS[request.param]
    dialog = make()
    qtbot.addWidget(dialog)
    dialog.show()
    return dialog, names


def test_every_field_has_a_name_that_is_read_out(dialog_and_names):
    dialog, names = dialog_and_names
    assert [field.native.accessibleName() for field in dialog.form] == names


def test_enter_accepts_and_escape_does_not(dialog_and_names, qtbot):
    dialog, _ = dialog_and_names
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert dialog.result() == QDialog.DialogCode.Rejected
    dialog.show()
    qtbot.keyClick(dialog, Qt.Key.Key_Return)
    assert dialog.result() == QDialog.DialogCode.Accepted


def test_a_folder_that_is_chosen_is_the_answer(qtbot, tmp_path):
    dialog = PlaceDialog(None, "in memory")
    qtbot.addWidget(dialog)
    assert dialog.folder() is None
    dialog.fields.folder.value = tmp_path
    assert dialog.folder() == Path(tmp_path)
