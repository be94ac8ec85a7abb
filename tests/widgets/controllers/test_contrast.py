"""What the user sees is what the model gets."""

from __future__ import annotations

import numpy as np


def spread(low, high, dtype, shape=(5, 20, 30)):
    values = np.linspace(low, high, int(np.prod(shape)))
    return values.reshape(shape).astype(dtype)


def test_default_window_replaces_only_what_napari_guessed(make_driver):
    data = np.zeros((6, 40, 50), np.float32)
    data[:, 5:35, 5:45] = np.random.default_rng(0).normal(1040, 20, (6, 30, 40))
    data[0, 6, 6] = 4000
    driver = make_driver(data)
    driver.settle()
    low, high = driver.image.contrast_limits
    assert 940 < low < 1000
    assert 1080 < high < 1140
    chosen = driver.viewer.add_image(data + 1, name="chosen", contrast_limits=(-100, 300))
    driver.controller.selection.choose_image(chosen)
    driver.settle()
    assert tuple(chosen.contrast_limits) == (-100, 300)
    ct = driver.viewer.add_image(data - 1000, name="CT")
    driver.controller.selection.choose_image(ct)
    driver.settle()
    assert tuple(ct.contrast_limits) == (-160, 240)


def test_contrast_limits_are_the_window_of_the_model(make_driver, volume_data):
    driver = make_driver(volume_data, contrast_limits=(100, 900))
    driver.click(5, 20, 25)
    assert driver.session.window == (100, 900)
    driver.image.contrast_limits = (200, 400)
    driver.qtbot.waitUntil(lambda: driver.session.window == (200, 400), timeout=5000)
    assert "200 … 400" in driver.widget.source.window_label.text()


def test_a_window_that_the_widget_chose_leaves_room(make_driver):
    data = spread(-1000, 1000, np.float32, (12, 40, 50))
    data[3, 5, 5] = np.nan
    driver = make_driver(data)
    driver.settle()
    (low, high), (least, most) = driver.image.contrast_limits, driver.image.contrast_limits_range
    assert -1000 < low < high < 1000
    assert (least, most) == (-1000, 1000)
    driver.image.contrast_limits = (-1000, 900)
    driver.settle()
    assert driver.controller.selection.worker.contrast_limits == (-1000, 900)


def preset(driver, name):
    action = next(a for a in driver.widget.source.preset_menu.actions() if a.text().startswith(name))
    action.trigger()
    driver.settle()  # The limits are chosen, and reach the session once they rest.
    driver.settle()


def test_a_preset_is_shown_and_is_what_the_model_gets(make_driver):
    scan = np.random.default_rng(0).integers(-1000, 1500, (6, 40, 50)).astype(np.int16)
    scan[:, :20] = -1000
    driver = make_driver(scan)
    driver.click(2, 30, 25)
    preset(driver, "Bone")
    assert tuple(driver.image.contrast_limits) == (-500, 1300)
    assert driver.session.contrast_limits == (-500, 1300)
    assert "-500 … 1300" in driver.widget.source.window_label.text()


def test_a_preset_of_ct_is_refused_for_other_values(make_driver, volume_data, warned):
    driver = make_driver(volume_data)
    driver.settle()
    before = tuple(driver.image.contrast_limits)
    preset(driver, "Lung")
    assert "Hounsfield" in warned[0]
    assert "Take MR or Microscopy" in warned[0]
    assert tuple(driver.image.contrast_limits) == before


def test_gamma_is_honoured_and_masks_of_another_window_are_told(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.click(5, 20, 25)
    driver.show_frame(5)
    note = driver.widget.review.note_label
    assert not note.isVisibleTo(driver.widget)
    driver.image.gamma = 0.5
    driver.settle()
    assert driver.session.gamma == 0.5
    assert "gamma 0.5" in driver.widget.source.window_label.text()
    assert "made with another window" in note.text()
    assert note.isVisibleTo(driver.widget)
    driver.image.gamma = 1
    driver.settle()
    assert note.text() == ""


def test_an_image_with_gamma_is_given_to_the_model_so_from_the_first_mark(make_driver, volume_data):
    driver = make_driver(volume_data, gamma=0.7)
    driver.click(5, 20, 25)
    assert driver.session.gamma == 0.7
