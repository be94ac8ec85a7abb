"""Keys that the user may change, and that are napari's on layers of his own."""

from __future__ import annotations

import numpy as np
import pytest
from app_model.types import KeyBinding

from napari_sam2.interaction.preferences import Preferences
from napari_sam2.widgets.actions import ACTIONS, DEFAULT_KEYS
from napari_sam2.widgets.views.keys_sheet import KeysSheet


@pytest.fixture
def driver(make_driver, volume_data):
    return make_driver(volume_data)


def test_every_action_can_be_asked_for(driver):
    assert set(driver.controller.shortcuts.actions) == {action.name for action in ACTIONS}
    assert {str(key) for key in driver.viewer.keymap} >= {str(KeyBinding.from_str(a.key)) for a in ACTIONS}


def test_a_changed_key_works_is_shown_and_is_remembered(driver, make_driver, volume_data):
    form = driver.widget.dialogs.settings.keys_form
    form.fields["box"].value = "Shift-F2"
    form.apply_button.click()
    driver.press("Shift-F2")
    assert driver.controller.tools.active_tool() == "box"
    assert KeyBinding.from_str("B") not in driver.viewer.keymap
    assert driver.widget.prompt.box_button.text() == "Shift+F2"
    assert "Key: Shift+F2" in driver.widget.prompt.box_button.toolTip()
    driver.controller.tools.deactivate()
    assert "(Shift+F2)" in driver.widget.header.hint_label.text()
    assert Preferences().get("keys") == {"box": "Shift-F2"}
    again = make_driver(volume_data + 1)
    assert again.controller.shortcuts.keys["box"] == "Shift-F2"


def test_keys_that_clash_cannot_be_applied_and_a_sentence_says_which(driver):
    form = driver.widget.dialogs.settings.keys_form
    form.fields["box"].value = "P"
    assert not form.apply_button.isEnabled()
    assert "P is the key of" in form.problem_label.text()
    form.reset_button.click()
    assert form.apply_button.isEnabled()
    assert form.keys() == DEFAULT_KEYS


def test_on_a_layer_of_the_users_own_all_keys_are_napari_s(driver):
    own = driver.viewer.add_labels(np.zeros((12, 40, 50), np.uint8), name="mine")
    driver.viewer.layers.selection.active = own
    assert not driver.viewer.keymap
    assert KeyBinding.from_str("P") not in own.keymap
    assert "'mine'" in driver.widget.header.hint_label.text()
    driver.widget.prompt.point_button.click()
    assert driver.controller.tools.active_tool() == "point"
    assert KeyBinding.from_str("N") in driver.viewer.keymap


def test_the_sheet_lists_the_keys_that_count(driver, qtbot):
    asked = []
    sheet = KeysSheet({**DEFAULT_KEYS, "lasso": "F3", "brush": ""}, lambda: asked.append(True))
    qtbot.addWidget(sheet)
    assert (sheet.lines["Lasso tool"], sheet.lines["Brush tool"]) == ("F3", "–")
    assert len(sheet.lines) == len(ACTIONS)
    sheet.change_button.click()
    assert asked == [True]


def test_all_controls_have_a_name_for_screen_readers(driver):
    from qtpy.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QLineEdit, QTableWidget

    driver.click(6, 20, 25)
    kinds = (QAbstractButton, QComboBox, QAbstractSpinBox, QLineEdit, QTableWidget)
    found = [each for kind in kinds for each in driver.widget.findChildren(kind) if each.isVisibleTo(driver.widget)]
    parts_of_others = (QAbstractSpinBox, QComboBox, QTableWidget, QLineEdit)
    nameless = [
        each
        for each in found
        if not each.accessibleName()
        and not getattr(each, "text", str)()
        and not isinstance(each.parent(), parts_of_others)
    ]
    assert [type(each).__name__ for each in nameless] == []
    assert len(found) > 25
