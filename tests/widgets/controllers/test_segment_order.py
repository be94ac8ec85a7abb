"""What was drawn is told to the session before anything else happens, however late the window gets to it."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from app_model.types import KeyBinding

import napari_sam2 as ns


@pytest.fixture
def cold(make_driver, volume_data):
    """A driver whose model is being loaded until ``loaded`` is set: nothing reaches the session before."""
    driver = make_driver(volume_data)
    driver.loaded = threading.Event()
    model_cache = driver.controller.selection.model_cache
    load = model_cache._load

    def slow(*choice):
        assert driver.loaded.wait(20)
        return load(*choice)

    model_cache._load = slow
    driver.controller.tools.activate("point")
    driver.settle()
    yield driver
    driver.loaded.set()


def press(driver, *keys):
    """What napari calls when a key is pressed; nothing else happens between, as in a window that is held up."""
    for key in keys:
        driver.viewer.keymap[KeyBinding.from_str(key)](driver.viewer)


def put(driver, *where):
    """Click without giving the window time."""
    driver.layer_group.points.add(np.array(where, float))


def finish(driver):
    driver.loaded.set()
    driver.settle()


CELLS = [(5, 8, 8), (5, 8, 40), (5, 32, 8), (5, 32, 40)]


def test_four_cells_clicked_in_a_held_up_window_are_four_objects(cold):
    for i, cell in enumerate(CELLS):
        if i:
            press(cold, "M")
        put(cold, *cell)
    finish(cold)
    assert [cold.labels[cell] for cell in CELLS] == [1, 2, 3, 4]
    assert list(cold.session.objects) == [1, 2, 3, 4]
    assert cold.layer_group.points.features["obj"].tolist() == [1, 2, 3, 4]


def test_the_button_begins_a_new_object_as_the_key_does(cold):
    put(cold, *CELLS[0])
    cold.widget.objects.next_button.click()
    put(cold, *CELLS[1])
    finish(cold)
    assert [cold.labels[cell] for cell in CELLS[:2]] == [1, 2]


def test_undo_takes_the_last_click_back_and_not_the_one_after_it(cold):
    put(cold, *CELLS[0])
    press(cold, "Ctrl+Z")
    put(cold, *CELLS[1])
    finish(cold)
    assert cold.labels[CELLS[0]] == 0
    assert cold.labels[CELLS[1]] == 1
    assert cold.layer_group.points.data.tolist() == [list(CELLS[1])]
    assert len(cold.session.prompts(1, 5).points) == 1


def test_a_click_after_reset_is_all_that_the_object_has(cold):
    put(cold, *CELLS[0])
    cold.widget.objects.reset_button.setEnabled(True)
    cold.widget.objects.reset_button.click()
    put(cold, *CELLS[1])
    finish(cold)
    assert [cold.labels[cell] for cell in CELLS[:2]] == [0, 1]


def test_deleting_the_second_object_goes_back_to_the_first(cold):
    put(cold, *CELLS[0])
    press(cold, "M")
    put(cold, *CELLS[1])
    cold.controller.objects.delete()
    put(cold, *CELLS[2])
    finish(cold)
    assert [cold.labels[cell] for cell in CELLS[:3]] == [1, 0, 1]


def test_a_lasso_keeps_the_side_that_was_chosen_when_it_was_drawn(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(5, 5, 5, 30, 30)
    driver.controller.tools.activate("lasso")
    corners = np.array([(5, 10, 10), (5, 10, 20), (5, 20, 20), (5, 20, 10)], float)
    driver.controller.tools.set_positive(False)
    driver.layer_group.boxes.add_polygons(corners)
    press(driver, "T")
    driver.settle()
    assert driver.labels[5, 15, 15] == 0
    assert driver.labels[5, 7, 7] == 1


@pytest.mark.parametrize("go", ["axis", "image"])
def test_a_click_before_another_image_or_axis_is_chosen_is_kept(make_driver, volume_data, go):
    driver = make_driver(volume_data)
    other = driver.viewer.add_image(volume_data[:6] + 1, name="other")
    driver.settle()
    driver.click(5, 8, 8)
    worker = driver.controller.selection.worker
    put(driver, 7, 20, 25)
    if go == "axis":
        driver.controller.selection.choose_axis("y")
    else:
        driver.controller.selection.choose_image(other)
    driver.settle()
    assert worker.session.prompted_frames(1) == [5, 7]


def test_a_click_before_the_time_slider_moves_is_kept(make_driver):
    driver = make_driver(np.random.default_rng(1).random((4, 5, 30, 30)).astype(np.float32))
    driver.viewer.dims.set_current_step(0, 0)
    driver.controller.selection.choose_axis("z")
    driver.click(0, 2, 10, 10)
    worker = driver.controller.selection.worker
    put(driver, 0, 3, 20, 20)
    driver.viewer.dims.set_current_step(0, 2)
    driver.settle()
    assert worker.session.prompted_frames(1) == [2, 3]


def test_a_run_right_after_the_contrast_limits_were_changed_sees_the_new_ones(make_driver, volume_data):
    driver = make_driver(volume_data, contrast_limits=(100, 900))
    driver.drag(0, 5, 5, 20, 20)
    driver.image.contrast_limits = (200, 400)
    driver.controller.propagate("both")
    assert not driver.controller.contrast.busy
    driver.settle()
    assert driver.session.window == (200, 400)
    stream = driver.predictor.streams[-1]
    assert sorted(stream.advanced) == list(range(1, 12))
    seen = np.clip((volume_data[7] - 200) / 200, 0, 1)
    assert np.allclose(stream.frames[7][..., 0], seen, atol=1e-6)


def test_saving_right_after_a_click_saves_its_mask(make_driver, volume_data, tmp_path):
    driver = make_driver(volume_data)
    driver.controller.tools.activate("point")
    driver.predictor.delay = 0.2
    put(driver, 5, 20, 25)
    driver.controller.save(tmp_path / "labels.nii.gz")
    driver.settle()
    saved = ns.read_labels(tmp_path / "labels.nii.gz", driver.controller.selection.worker.volume)
    assert saved[5, 20, 25] == 1


def test_a_click_while_an_undo_is_being_drawn_is_answered(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.click(5, 20, 25)
    driver.predictor.delay = 0.2
    put(driver, 7, 20, 25)
    driver.controller.step(back=True)
    put(driver, 8, 20, 25)
    driver.settle()
    assert driver.session.prompted_frames(1) == [5, 8]
    assert driver.labels[8, 20, 25] == 1
    assert not driver.labels[7].any()


def test_a_click_that_is_deleted_again_while_the_model_is_busy_changes_nothing(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(5, 5, 5, 20, 20)
    driver.controller.propagate("both")
    driver.settle()
    before = driver.labels.copy()
    driver.controller.tools.activate("point")
    driver.predictor.delay = 0.3
    put(driver, 8, 30, 30)
    driver.qtbot.wait(50)
    put(driver, 2, 30, 30)
    driver.qtbot.wait(50)
    driver.layer_group.points.remove([1])
    driver.settle()
    assert np.array_equal(driver.labels[2], before[2])
    assert driver.labels[8, 30, 30] == 1
    driver.controller.step(back=True)
    driver.settle()
    assert np.array_equal(driver.labels, before)


def test_buttons_hand_over_what_was_drawn(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.click(5, 20, 25)
    put(driver, 7, 20, 25)
    driver.widget.review.lock_clicked.emit()
    assert (1, 7) in driver.controller.selection.worker.pending.shown
    driver.settle()


def test_every_key_flushes(make_driver, volume_data, monkeypatch):
    driver = make_driver(volume_data)
    told = []
    monkeypatch.setattr(type(driver.controller.editing), "take_strokes", lambda self: told.append(True))
    for key in ("M", "R", "Q", "W", "L", "N", "T", "B", "P", "V", "Ctrl+Z", "Ctrl+Shift+Z", "S", "Shift+S", "Escape"):
        told.clear()
        press(driver, key)
        assert told, key
