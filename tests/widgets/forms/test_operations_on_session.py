"""Change masks on the labels that a session draws: steps of the session, which the dock widget undoes."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.analysis.mask_operations import OPERATIONS
from napari_sam2.layers.mask_target import is_claimed
from napari_sam2.plugin.forms import OperationsDock


@pytest.fixture
def desk(make_driver, volume_data, qtbot):
    """A driver with two objects on a few slices, and the dock."""
    driver = make_driver(volume_data, scale=(2.0, 0.5, 0.5), units=("mm",) * 3, axis_labels=("z", "y", "x"))
    driver.drag(4, 8, 8, 18, 20)
    driver.press("Shift-S")
    driver.qtbot.waitUntil(lambda: not driver.controller.runs.running, timeout=10000)
    driver.controller.objects.add()
    driver.drag(4, 24, 24, 34, 40)
    dock = OperationsDock(driver.viewer)
    driver.viewer.window.add_dock_widget(dock, name="Change masks")
    dock.choice.labels_layer.value = driver.layer_group.labels
    yield driver, dock
    dock.close_down()
    qtbot.waitUntil(lambda: not dock.task.running, timeout=10000)


def press(desk, button):
    driver, dock = desk
    button.click()
    driver.qtbot.waitUntil(lambda: not dock.task.running, timeout=10000)
    driver.settle()
    return dock.status.text()


def choose(dock, operation, objects, **values):
    dock.choice.operation.value = operation
    dock.choice.objects.value = objects
    for name, value in values.items():
        dock.values[name].value = value


def test_applying_is_one_step_that_the_dock_widget_undoes(desk):
    driver, dock = desk
    driver.controller.objects.rename(1, "kidney")
    driver.settle()
    driver.qtbot.waitUntil(lambda: dock.choice.objects.native.item(0).text() == "1 kidney", timeout=5000)
    assert dock.choice.objects.choices == (1, 2)
    before, steps = driver.labels.copy(), len(driver.session.steps)
    choose(dock, "shrink", [1], radius=0.6, dimensions=2)
    assert dock.values["radius"].native.suffix() == " mm"
    said = press(desk, dock.preview_button)
    outlined = driver.viewer.layers["preview: Shrink"].data.copy()
    assert np.array_equal(driver.labels, before)
    assert len(driver.session.steps) == steps
    expected = OPERATIONS["shrink"].apply(before == 1, (2.0, 0.5, 0.5), radius=0.6, dimensions=2)[0]
    assert np.array_equal(outlined == 1, expected)
    count = np.count_nonzero((before == 1) & ~expected)
    assert said.startswith(f"{count:,} voxels would change")
    assert f"{count:,} voxels changed" in press(desk, dock.apply_button)
    assert np.array_equal(driver.labels == 1, expected)
    assert np.array_equal(driver.labels == 2, before == 2)
    assert [step.name for step in driver.session.steps[steps:]] == ["apply"]
    driver.controller.step(back=True)
    driver.settle()
    assert np.array_equal(driver.labels, before)
    assert len(driver.session.steps) == steps


def test_parts_become_objects_and_one_is_added_to_another(desk):
    driver, dock = desk
    driver.brush(4, (2, 45), size=3)
    driver.controller.review.toggle_lock()
    driver.settle()
    before = driver.labels.copy()
    choose(dock, "split", [2], dimensions=3)
    press(desk, dock.apply_button)
    assert sorted(driver.session.objects) == [1, 2, 3]
    driver.qtbot.waitUntil(lambda: dock.choice.objects.choices == (1, 2, 3), timeout=5000)
    choose(dock, "union", [2], other=(driver.layer_group.labels, 3))
    press(desk, dock.apply_button)
    assert driver.session.mask(2, 4).sum() == np.count_nonzero(before[4] == 2)


def test_the_values_are_those_of_the_image(desk, volume_data):
    driver, dock = desk
    driver.viewer.add_image(np.zeros_like(volume_data), name="other", scale=(2.0, 0.5, 0.5))
    before = driver.labels.copy()
    choose(dock, "threshold", [1], low=300.0, high=700.0)
    assert dock.values["image"].choices == (driver.image,)
    press(desk, dock.apply_button)
    kept = (before == 1) & (volume_data >= 300) & (volume_data <= 700)
    assert np.array_equal(driver.labels == 1, kept)


def test_locked_slices_alone_are_refused_in_a_sentence(desk):
    driver, dock = desk
    for frame in driver.filled(2):
        driver.session.lock(obj_id=2, frame=frame)
    before = driver.labels.copy()
    choose(dock, "shrink", [2], radius=0.6, dimensions=2)
    text = press(desk, dock.apply_button)
    assert "” would change locked slices alone, such as slice " in text
    assert "press Unlock (L)" in text
    assert "frames=" not in text
    assert np.array_equal(driver.labels, before)


def test_a_run_keeps_the_masks_to_itself(desk):
    driver, dock = desk
    driver.begin_run()
    choose(dock, "shrink", [1], radius=0.6, dimensions=2)
    dock.apply_button.click()
    assert dock.status.text().startswith("A run is under way.")
    driver.controller.runs.stop()
    driver.settle()


def test_labels_of_another_image_are_refused_until_it_is_chosen(desk, volume_data):
    driver, dock = desk
    other = driver.viewer.add_image(volume_data.copy(), name="other")
    driver.controller.selection.choose_image(other)
    driver.settle()
    dock.choice.operation.value = "grow"
    dock.choice.all_objects.value = True
    assert press(desk, dock.preview_button).startswith("These labels belong to an image that is not the one")
    driver.controller.selection.choose_image(driver.image)
    driver.settle()
    assert "would change" in press(desk, dock.preview_button)
    assert dock.values is not None


def test_labels_are_plain_again_once_the_dock_widget_is_closed(desk):
    driver, dock = desk
    labels = driver.layer_group.labels
    assert is_claimed(labels)
    driver.close()
    assert not is_claimed(labels)
    before = labels.data.copy()
    choose(dock, "shrink", [1], radius=0.6, dimensions=2)
    press(desk, dock.apply_button)
    assert np.count_nonzero(labels.data == 1) < np.count_nonzero(before == 1)
    labels.undo()
    assert np.array_equal(labels.data, before)


def test_of_a_series_of_volumes_the_time_point_shown_is_changed(make_driver, volume_data, qtbot):
    driver = make_driver(np.stack([volume_data, volume_data[::-1]]), axis_labels=("t", "z", "y", "x"))
    driver.controller.selection.choose_axis("z")
    group = driver.layer_group
    for t, size in ((0, 10), (1, 12)):
        driver.viewer.dims.set_current_step(0, t)
        driver.settle()
        driver.controller.tools.activate("box")
        group.boxes.add_rectangles(
            np.array([(t, 4, 8, 8), (t, 4, 8, 8 + size), (t, 4, 18, 8 + size), (t, 4, 18, 8)], float)
        )
        driver.settle()
    before = driver.labels.copy()
    assert [np.count_nonzero(before[t] == 1) for t in (0, 1)] == [11 * 11, 11 * 13]
    dock = OperationsDock(driver.viewer)
    driver.viewer.window.add_dock_widget(dock, name="Change masks")
    dock.choice.labels_layer.value = group.labels
    choose(dock, "shrink", [1], radius=1.0, dimensions=2)
    press((driver, dock), dock.apply_button)
    assert np.array_equal(driver.labels[0], before[0])
    assert np.count_nonzero(driver.labels[1]) == 9 * 11
    driver.controller.step(back=True)
    driver.settle()
    assert np.array_equal(driver.labels, before)
    dock.close_down()
