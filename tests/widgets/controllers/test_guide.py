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


def test_the_sentence_fits_what_is_left_to_propagate(make_driver, volume_data):
    driver = make_driver(volume_data)
    widget, controller = driver.widget, driver.controller

    def said():
        driver.settle()
        return widget.header.hint_label.text(), stands_out(widget), "Continue" in widget.run.both_button.text()

    looks_right = ("Looks right? Propagate through all slices (Shift+S)", ["both_button"], False)
    left = "{} slices are not up to date: propagate (Shift+S), or correct more first."
    save = ("Nothing is doubtful. Save the labels (Shift+E), or begin the next object (M).", ["save_button"], False)

    def first(found):
        return found[0].partition(";")[0], *found[1:]

    driver.drag(0, 5, 5, 20, 20)
    assert first(said()) == looks_right
    driver.begin_run()
    widget.run.stop_button.click()
    assert said() == ("Correct what went wrong, then continue (Shift+S).", ["both_button"], True)
    controller.step(back=True)
    assert first(said()) == looks_right
    controller.step(back=False)
    driver.settle()
    half = len(driver.filled())
    assert said()[2]
    driver.predictor.delay = 0
    controller.propagate("both")
    assert said() == save
    controller.step(back=True)
    assert said() == (left.format(12 - half), ["both_button"], False)
    controller.step(back=False)
    assert said() == save
    driver.brush(6, (30, 30), (30, 40), size=3)
    found = said()
    assert found[0].endswith("are not up to date: propagate (Shift+S), or correct more first.")
    assert found[1:] == (["both_button"], False)
    controller.propagate("both")
    driver.settle()
    widget.run.range_entry.setChecked(True)
    controller.objects.add()
    assert said()[0].startswith("Paint object 2 on the slice where it is largest")
    driver.drag(3, 25, 25, 35, 35)
    assert first(said()) == looks_right
    controller.objects.choose(1)
    assert said()[0] == "This object is up to date, others are not: propagate (Shift+S)."
    # Within the range that was chosen, nothing is left.
    widget.run.first_box.setValue(3)
    widget.run.last_box.setValue(3)
    assert said() == save


def test_what_is_doubtful_of_other_objects_is_not_forgotten(make_driver, volume_data, predictor):
    driver = make_driver(volume_data)
    driver.drag(5, 5, 5, 20, 20)
    predictor.rivals = {8: 0.9, 9: 0.9}
    driver.controller.propagate("both")
    driver.settle()
    hint = driver.widget.header.hint_label
    assert hint.text() == "2 slices are doubtful: look at the next (N)."
    driver.press("N")
    assert hint.text() == "Is this slice right? Lock it (L); if not, click what is wrong."
    driver.press("L")
    assert hint.text() == "1 slice is doubtful: look at it (N)."
    driver.press("L")
    driver.show_frame(5)
    assert hint.text() == "2 slices are doubtful: look at the next (N)."
    driver.controller.objects.add()
    predictor.rivals = {}
    driver.drag(5, 25, 25, 35, 35)
    driver.controller.propagate("both")
    driver.settle()
    assert driver.widget.header.hint_label.text() == "2 slices of other objects are doubtful: look there (N)."
    driver.press("N")
    driver.controller.context.submit(lambda w: w.change(lambda s: s.lock_frames(1, range(12))), "Locking…")
    driver.settle()
    assert driver.widget.header.hint_label.text().startswith("Every mask is locked. Save")


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_icons_have_the_colour_of_the_theme(make_driver, volume_data, theme):
    driver = make_driver(volume_data)
    driver.viewer.theme = theme
    button = driver.widget.run.undo_button
    picture = button.icon().pixmap(32, 32).toImage()
    inked = [picture.pixelColor(x, y) for x in range(32) for y in range(32) if picture.pixelColor(x, y).alpha() > 200]
    assert inked
    assert all((color.lightness() > 128) == (theme == "dark") for color in inked)
