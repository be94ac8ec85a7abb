"""Tools and polarity."""

from __future__ import annotations

import pytest

from napari_sam2.widgets.controllers.tools import _TOOLS
from napari_sam2.widgets.views.prompt_panel import PromptPanel


@pytest.fixture
def panel(qtbot):
    made = PromptPanel()
    qtbot.addWidget(made)
    return made


def test_each_tool_has_a_button_that_names_it(panel):
    clicked = []
    panel.tool_clicked.connect(clicked.append)
    for each in panel.tool_buttons.values():
        each.click()
    assert sorted(clicked) == sorted(_TOOLS)


def test_the_active_tool_alone_is_pressed(panel):
    panel.box_button.click()
    panel.set_tool("lasso")
    assert [name for name, each in panel.tool_buttons.items() if each.isChecked()] == ["lasso"]
    panel.set_tool("")
    assert not any(each.isChecked() for each in panel.tool_buttons.values())


def test_inside_and_outside_exclude_each_other(panel):
    said = []
    panel.polarity_clicked.connect(said.append)
    panel.set_positive(False)
    assert panel.outside_button.isChecked()
    assert not panel.inside_button.isChecked()
    assert said == []
    panel.inside_button.click()
    assert said == [True]


def test_without_an_image_each_button_says_why(panel):
    panel.set_enabled("there is no image to work on.")
    buttons = [*panel.tool_buttons.values(), panel.labels_button, panel.inside_button, panel.outside_button]
    assert all(not each.isEnabled() and "there is no image" in each.toolTip() for each in buttons)


def test_the_row_of_tools_is_narrow_before_the_style_is_there(qtbot):
    panel = PromptPanel()
    qtbot.addWidget(panel)
    # napari takes the width that is asked for then, and keeps it.
    assert panel.minimumSizeHint().width() <= 300
