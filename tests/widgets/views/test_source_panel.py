"""The choice of an image and its axes."""

from __future__ import annotations

import pytest

from napari_sam2.widgets.views.source_panel import SourcePanel


@pytest.fixture
def panel(qtbot):
    made = SourcePanel()
    qtbot.addWidget(made)
    return made


def test_the_current_image_is_found_by_identity(panel):
    one, two = [], []
    panel.set_images([("one", one), ("two", two)], two)
    assert panel.image_box.currentText() == "two"


def test_without_an_image_there_is_a_hint_and_no_axis_to_choose(panel):
    panel.set_images([], None)
    panel.set_axes([], None)
    panel.set_locked("")
    assert panel.image_box.currentText() == "open an image first"
    assert not panel.axis_box.isEnabled()
    assert "no image to work on" in panel.axis_box.toolTip()


def test_what_the_axes_are_is_said_with_the_reason_of_the_default(panel):
    panel.set_meaning("z 4 × 5 mm, y 8, x 9", "By default along z: coarsest spacing, 5 mm.")
    panel.set_locked("")
    assert panel.axes_label.text() == "z 4 × 5 mm, y 8, x 9\nBy default along z: coarsest spacing, 5 mm."
    assert panel.axes_button.isEnabled()
    panel.set_meaning("", "")
    panel.set_locked("")
    assert not panel.axes_button.isEnabled()
    assert "no image to work on" in panel.axes_button.toolTip()


def test_what_is_chosen_is_said_with_its_value(panel):
    image, said = object(), []
    panel.set_images([("one", image)], None)
    panel.set_axes([("z", "z"), ("y", "y")], "z")
    panel.image_chosen.connect(said.append)
    panel.axis_chosen.connect(said.append)
    panel.image_box.activated.emit(0)
    panel.axis_box.activated.emit(1)
    assert said == [image, "y"]


def test_during_a_run_neither_axis_nor_model_can_be_chosen(panel):
    panel.set_axes([("z", "z")], "z")
    panel.model.set_models([("Starter", "starter", "")], "starter")
    panel.set_locked("a run is under way; stop it first.")
    for box in (panel.axis_box, panel.model.model_box, panel.model.device_box):
        assert not box.isEnabled()
        assert "a run is under way" in box.toolTip()
    # Filling the list anew in the middle of a run does not open it again.
    panel.model.set_models([("Starter", "starter", ""), ("Large", "large", "")], "starter")
    assert not panel.model.model_box.isEnabled()
    panel.set_locked("")
    assert panel.axis_box.isEnabled()
