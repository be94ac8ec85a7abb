"""Marks and masks of other axes and time points stay where they are; layers that change or go during a run."""

from __future__ import annotations

import numpy as np
import pytest

BOX = ((5, 5), (5, 20), (20, 20), (20, 5))


@pytest.fixture
def film():
    return np.random.default_rng(1).integers(0, 1000, (3, 8, 30, 32)).astype(np.int16)


def draw(driver, *place):
    """Draw the box with the tool on a slice of a 4-D image."""
    if driver.controller.tools.active_tool() != "box":
        driver.controller.tools.activate("box")
    driver.layer_group.boxes.add_rectangles(np.array([(*place, *corner) for corner in BOX], float))
    driver.settle()


def go_to(driver, axis, index):
    driver.viewer.dims.set_current_step(axis, index)
    driver.settle()


def test_a_box_belongs_to_its_time_point(make_driver, film):
    driver = make_driver(film)
    driver.controller.selection.choose_axis("z")
    go_to(driver, 0, 1)
    draw(driver, 1, 6)
    assert np.flatnonzero(driver.labels.any(axis=(1, 2, 3))).tolist() == [1]
    before = driver.labels.copy()
    go_to(driver, 0, 0)
    assert driver.controller.selection.worker.pending.shown == {}
    assert np.array_equal(driver.labels, before)
    draw(driver, 0, 6)
    assert sorted(int(box[0, 0]) for box in driver.layer_group.boxes.data) == [0, 1]
    driver.controller.step(back=True)
    driver.settle()
    assert [int(box[0, 0]) for box in driver.layer_group.boxes.data] == [1]
    go_to(driver, 0, 1)
    assert list(driver.controller.selection.worker.pending.shown) == [(1, 6)]
    assert np.array_equal(driver.labels, before)


def test_marks_and_masks_of_another_axis_come_back(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(6, 5, 5, 20, 20)
    driver.controller.objects.add()
    driver.click(3, 30, 30)
    driver.controller.propagate("both")
    driver.settle()
    along_z = driver.labels.copy()
    driver.controller.selection.choose_axis("x")
    driver.settle()
    assert driver.layer_group.boxes.nshapes == 1
    assert not driver.layer_group.points.shown.any()
    assert driver.controller.selection.worker.pending.shown == {}
    assert not driver.labels.any()
    assert "are kept" in driver.widget.status.text()
    driver.click(6, 20, 25)
    assert driver.labels[6, 20, 25] == 2
    driver.controller.step(back=True)
    driver.settle()
    assert len(driver.layer_group.points.data) == 1
    driver.controller.step(back=False)
    driver.settle()
    driver.controller.selection.choose_axis("z")
    driver.settle()
    assert set(driver.controller.selection.worker.pending.shown) == {(1, 6), (2, 3)}
    assert driver.layer_group.points.shown.tolist() == [True, False]
    assert np.array_equal(driver.labels, along_z)
    assert driver.layer_group.outline.nshapes == 0
    driver.controller.selection.choose_axis("x")
    driver.settle()
    assert driver.labels[6, 20, 25] == 2
    assert np.flatnonzero(driver.labels.any(axis=(0, 1))).tolist() == [25]


def test_time_points_of_an_axis_are_shown_together_again(make_driver, film):
    driver = make_driver(film)
    driver.controller.selection.choose_axis("z")
    for t in (0, 2):
        go_to(driver, 0, t)
        draw(driver, t, 4)
    before = driver.labels.copy()
    driver.controller.selection.choose_axis("t")
    driver.settle()
    assert not driver.labels.any()
    driver.controller.selection.choose_axis("z")
    driver.settle()
    assert np.array_equal(driver.labels, before)


def test_the_time_slider_changes_neither_object_nor_range_and_a_run_goes_on(make_driver, film):
    driver = make_driver(film)
    driver.controller.selection.choose_axis("z")
    go_to(driver, 0, 1)
    draw(driver, 1, 0)
    driver.controller.objects.add()
    driver.widget.run.last_box.setValue(6)
    driver.begin_run()
    go_to_other = driver.viewer.dims.set_current_step
    go_to_other(0, 0)
    assert driver.controller.tools.obj_id == 2
    assert driver.widget.run.last_box.value() == 6
    driver.settle()
    assert np.flatnonzero(driver.labels[1].any(axis=(1, 2))).tolist() == list(range(7))
    assert not driver.labels[[0, 2]].any()


def test_an_image_of_another_shape_gets_labels_of_its_own(make_driver, volume_data, warned):
    driver = make_driver(volume_data)
    driver.drag(6, 5, 5, 20, 20)
    driver.drag(3, 5, 5, 20, 20)
    old, before = driver.layer_group.labels, driver.labels.copy()
    driver.image.data = volume_data[:5].copy()
    driver.settle()
    assert old in driver.viewer.layers
    assert np.array_equal(old.data, before)
    assert [old.name in text for text in warned] == [True]
    assert driver.layer_group.boxes.nshapes == 2
    assert driver.labels.shape == (5, 40, 50)
    assert np.flatnonzero(driver.labels.any(axis=(1, 2))).tolist() == [3]
    driver.image.data = volume_data[0].copy()
    driver.settle()
    assert driver.controller.selection.axis is None
    driver.click(20, 25)
    assert driver.labels.shape == (40, 50)
    assert driver.labels[20, 25] == 1


def test_other_values_of_the_same_shape_get_labels_of_their_own(make_driver, volume_data, warned):
    driver = make_driver(volume_data)
    driver.drag(2, 5, 5, 20, 20)
    driver.controller.propagate("both")
    driver.settle()
    old, before = driver.layer_group.labels, driver.labels.copy()
    driver.image.data = volume_data[::-1].copy()
    driver.settle()
    assert old.name == "SAM 2 labels (other data)"
    assert np.array_equal(old.data, before)
    assert ["other values" in text and old.name in text for text in warned] == [True]
    # The mark counts for the new values; what was tracked through the old ones does not.
    assert np.array_equal(driver.labels, driver.session.labels())
    assert driver.filled() == [2]


def test_the_range_of_a_run_follows_the_number_of_slices(make_driver, volume_data):
    driver = make_driver(volume_data[:6].copy())
    run = driver.controller.panels.run
    for count in (12, 5):
        driver.image.data = volume_data[:count].copy()
        driver.settle()
        assert run.frames() == range(count)


def test_a_spacing_that_is_put_right_counts_at_once(make_driver, volume_data):
    driver = make_driver(volume_data, units=("mm",) * 3)
    driver.click(5, 20, 20)
    table = driver.controller.panels.objects.table
    before = table.item(0, 4).text()
    driver.show_frame(8)
    driver.image.scale = (10, 1, 1)
    driver.settle()
    assert driver.session.volume.spacing == (10, 1, 1)
    assert table.item(0, 4).text() == driver.controller.objects._rows()[0].size != before
    # The viewer stands where it stood, which is in another slice now; a stroke belongs to that one.
    shown = driver.controller.selection.shown_frame()
    driver.brush(shown, (30, 30))
    assert driver.session.mask(1, shown)[30, 30]


def test_colours_of_sixteen_bits_are_seen_by_their_values(make_driver):
    data = np.random.default_rng(1).integers(2000, 9000, (40, 50, 3)).astype(np.uint16)
    driver = make_driver(data, rgb=True)
    driver.click(20, 25)
    # One pair for all three, so that hues stay.
    low, high = driver.session.contrast_limits
    assert 2000 <= low < high <= 9000
    assert high - low > 5000
