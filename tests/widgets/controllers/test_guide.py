"""What is shown when, in a real window."""

from __future__ import annotations

import pytest

from napari_sam2.interaction.preferences import Preferences
from support.driver import WidgetDriver


def shown_steps(widget):
    return [i + 1 for i, step in enumerate(widget.steps.steps) if step.isVisibleTo(widget)]


def stands_out(widget):
    return [
        name for name in ("both_button", "save_button") if getattr(widget.run, name).property("napari_sam2_primary")
    ]


def test_only_what_can_be_used_is_shown(make_napari_viewer, predictor, qtbot, volume_data):
    viewer = make_napari_viewer()
    driver = WidgetDriver.show(viewer, None, predictor, qtbot)
    widget = driver.widget
    try:
        assert shown_steps(widget) == []
        assert widget.steps.sample_button.isVisibleTo(widget)
        assert widget.header.hint_label.text() == "Open an image, or begin with the CT sample."
        viewer.add_image(volume_data, name="picture")
        driver.settle()
        assert shown_steps(widget) == [1, 2]
        assert not widget.steps.sample_button.isVisibleTo(widget)
        assert widget.header.hint_label.text().startswith("Draw a box (B) around the object")
        driver.controller.tools.activate("point")
        assert widget.header.hint_label.text().startswith("Click on the object")
        driver.click(6, 20, 25)
        assert shown_steps(widget) == [1, 2, 3]
        assert widget.header.hint_label.text().startswith("Looks right? Propagate through all slices (Shift+S)")
        assert stands_out(widget) == ["both_button"]
        assert not widget.run.progress_row.isVisibleTo(widget)
        driver.begin_run()
        assert widget.run.progress_row.isVisibleTo(widget)
        driver.settle()
        assert widget.header.hint_label.text().startswith("Nothing is doubtful. Save the labels (Shift+E)")
        assert stands_out(widget) == ["save_button"]
        assert widget.objects.table.item(0, 2).text() == "done"
    finally:
        driver.close()


def test_the_first_step_folds_after_the_first_mark_and_says_what_was_chosen(make_driver, volume_data):
    driver = make_driver(volume_data, scale=(3, 1, 1), units=("mm",) * 3)
    first = driver.widget.steps.steps[0]
    assert not first.is_folded
    driver.click(6, 20, 25)
    assert first.is_folded
    assert first.summary.text().startswith("picture · z 12 × 3 mm · ")
    assert first.summary.text().endswith(" · Starter")


def test_a_step_that_the_user_opened_stays_open_also_the_next_time(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.click(6, 20, 25)
    first = driver.widget.steps.steps[0]
    first.heading.click()
    driver.click(6, 21, 26)
    assert not first.is_folded
    assert Preferences().get("folded steps") == {"0": False}
    again = make_driver(volume_data + 1)
    again.click(6, 20, 25)
    assert not again.widget.steps.steps[0].is_folded


def test_the_window_of_the_model_is_shown_while_a_mark_is_placed_only(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(6, 5, 5, 30, 30)
    group = driver.layer_group
    group.show_outline(driver.controller.selection.worker.grid, 6, (0, 0, 35, 35))
    assert group.outline.visible
    driver.controller.tools.deactivate()
    assert not group.outline.visible
    driver.controller.tools.activate("point")
    assert group.outline.visible


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_icons_have_the_colour_of_the_theme(make_driver, volume_data, theme):
    driver = make_driver(volume_data)
    driver.viewer.theme = theme
    button = driver.widget.run.undo_button
    picture = button.icon().pixmap(32, 32).toImage()
    inked = [picture.pixelColor(x, y) for x in range(32) for y in range(32) if picture.pixelColor(x, y).alpha() > 200]
    assert inked
    assert all((color.lightness() > 128) == (theme == "dark") for color in inked)
