"""The form by which objects of another labels layer are taken."""

from __future__ import annotations

import pytest

from napari_sam2.widgets.views.labels_dialog import LabelsDialog, LabelsRequest

ONE, TWO = object(), object()


@pytest.fixture
def dialog(qtbot):
    made = LabelsDialog([("one", ONE), ("two", TWO)], "frames")
    qtbot.addWidget(made)
    return made


def test_at_first_all_objects_of_the_first_layer_are_taken_on_the_shown_frame(dialog):
    assert dialog.request() == LabelsRequest(ONE, False, None)


def test_a_step_between_frames_chooses_many_of_them(dialog):
    dialog.fields.every.value = 4
    assert dialog.fields.many.value
    assert dialog.request() == LabelsRequest(ONE, False, 4)
    dialog.fields.many.value = False
    assert dialog.request() == LabelsRequest(ONE, False, None)


def test_another_layer_and_its_selected_label_can_be_chosen(dialog):
    dialog.fields.layer.value = TWO
    dialog.fields.only_selected.value = True
    assert dialog.request() == LabelsRequest(TWO, True, None)


def test_the_form_speaks_of_frames(dialog):
    assert [widget.label for widget in dialog.form] == ["Labels", "Objects", "Frames", "… one in"]


@pytest.mark.parametrize("step", [0, 1001])
def test_a_step_out_of_range_is_refused(dialog, step):
    with pytest.raises(ValueError, match="10"):
        dialog.fields.every.value = step
    assert dialog.fields.every.value == 10
