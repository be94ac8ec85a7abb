"""Correcting in a real viewer: brush, lasso, scribble, locks, cuts, the strip, and labels to start from."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import numpy as np
import pytest
from app_model.types import KeyBinding
from napari.layers import Labels
from napari.utils.interactions import mouse_move_callbacks, mouse_press_callbacks, mouse_release_callbacks


def stroke(driver, *positions, size=1):
    """Press, move and release the mouse on the labels layer, at data coordinates of the shown slice."""
    labels = driver.layer_group.labels
    labels.brush_size = size
    world = [labels.data_to_world(p) for p in positions]
    event = SimpleNamespace(
        type="mouse_press",
        is_dragging=False,
        modifiers=[],
        position=tuple(world[0]),
        pos=np.array(world[0][-2:], float),
        dims_displayed=list(driver.viewer.dims.displayed),
        dims_point=list(world[0]),
        view_direction=None,
        up_direction=None,
        button=1,
    )
    mouse_press_callbacks(labels, event)
    for place in world[1:]:
        event.type, event.is_dragging, event.position = "mouse_move", True, tuple(place)
        mouse_move_callbacks(labels, event)
    event.type, event.is_dragging = "mouse_release", False
    mouse_release_callbacks(labels, event)


def show(driver, frame):
    driver.controller.selection.show_frame(frame)


def brush(driver, frame, *positions, size=1):
    show(driver, frame)
    if driver.controller.tools.active_tool() != "brush":
        driver.controller.tools.activate("brush")
    stroke(driver, *[(frame, y, x) for y, x in positions], size=size)
    driver.settle()


def press(driver, key, owner=None):
    owner = driver.viewer if owner is None else owner
    owner.keymap[KeyBinding.from_str(key)](owner)
    driver.settle()


def filled(driver, obj=1):
    return np.flatnonzero((driver.labels == obj).any(axis=(1, 2))).tolist()


# ---------------------------------------------------------------------- brush


def test_a_brush_stroke_is_one_step_that_locks_its_slice(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(5, 5, 5, 20, 20)
    driver.controller.propagate("both")
    driver.settle()
    before = driver.session.mask(1, 7)
    brush(driver, 7, (30, 30), (30, 40), size=3)
    assert driver.session.mask(1, 7)[30, 30:41].all()
    assert driver.session.mask(1, 7)[10, 10]
    assert driver.controller.selection.worker.locked(1) == {7}
    assert np.array_equal(driver.labels, driver.session.labels())
    assert not driver.labels[6, 30, 30]
    driver.controller.step(back=True)
    driver.settle()
    assert np.array_equal(driver.session.mask(1, 7), before)
    assert driver.controller.selection.worker.locked(1) == set()
    assert np.array_equal(driver.labels, driver.session.labels())


def test_outside_erases_and_a_run_leaves_the_edit_alone(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(5, 5, 5, 20, 20)
    show(driver, 5)
    driver.controller.tools.activate("brush")
    driver.controller.tools.flip()
    assert driver.layer_group.labels.mode == "erase"
    brush(driver, 5, (10, 5), (10, 20), size=5)
    edited = driver.session.mask(1, 5)
    assert not edited[10].any()
    assert edited[18].any()
    driver.controller.propagate("both")
    driver.settle()
    assert np.array_equal(driver.session.mask(1, 5), edited)
    assert driver.labels.any(axis=(1, 2)).all()
    # The neighbours follow from the corrected mask.
    assert not (driver.labels[6, 10] == 1).any()


def test_an_eraser_over_two_objects_is_one_step(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(5, 5, 5, 15, 15)
    driver.controller.objects.add()
    driver.drag(5, 5, 20, 15, 30)
    steps = len(driver.session.scores(1))
    driver.controller.tools.set_positive(False)
    driver.controller.tools.activate("brush")
    driver.layer_group.labels.mode = "erase"
    brush(driver, 5, (10, 0), (10, 40), size=3)
    assert steps == 1
    assert not driver.labels[5, 10].any()
    assert driver.controller.selection.worker.locked(1) == driver.controller.selection.worker.locked(2) == {5}
    driver.controller.step(back=True)
    driver.settle()
    assert (driver.labels[5, 10] == 1).any()
    assert (driver.labels[5, 10] == 2).any()


def test_naparis_own_undo_cannot_bring_old_strokes_back(make_driver, volume_data):
    driver = make_driver(volume_data)
    brush(driver, 5, (10, 10), (10, 20))
    brush(driver, 5, (20, 10), (20, 20))
    assert driver.layer_group.labels.mode == "paint"
    before = driver.labels.copy()
    driver.layer_group.labels.undo()
    assert np.array_equal(driver.labels, before)
    press(driver, "Ctrl+Z", driver.layer_group.labels)
    assert driver.labels[5, 10, 15] == 1
    assert not driver.labels[5, 20].any()
    press(driver, "Ctrl+Shift+Z", driver.layer_group.labels)
    assert np.array_equal(driver.labels, before)


def test_the_bucket_and_a_new_label_make_a_new_object(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(5, 5, 5, 15, 15)
    show(driver, 5)
    driver.controller.tools.activate("brush")
    labels = driver.layer_group.labels
    labels.selected_label = 3
    assert driver.controller.tools.obj_id == 3
    labels.fill((5, 10, 10), 3)
    driver.settle()
    assert list(driver.session.objects) == [1, 3]
    assert (driver.labels[5] == 3).sum() == 11 * 11
    assert not (driver.labels == 1).any()


def test_the_brush_stays_on_the_shown_slice(make_driver, volume_data):
    driver = make_driver(volume_data)
    show(driver, 5)
    driver.controller.tools.activate("brush")
    driver.layer_group.labels.n_edit_dimensions = 3
    brush(driver, 5, (20, 20), size=9)
    assert filled(driver) == [5]
    assert driver.layer_group.labels.n_edit_dimensions == 2


@pytest.mark.parametrize("axis", ["y", "x"])
def test_the_brush_edits_the_frames_of_another_axis(make_driver, volume_data, axis):
    driver = make_driver(volume_data, scale=(3, 0.7, 0.7))
    driver.controller.selection.choose_axis(axis)
    driver.controller.selection.show_frame(8)
    driver.controller.tools.activate("brush")
    place = {"y": (6, 8, 20), "x": (6, 20, 8)}[axis]
    stroke(driver, place, size=3)
    driver.settle()
    assert driver.labels[place] == 1
    others = tuple(i for i in range(3) if i != "zyx".index(axis))
    assert np.flatnonzero(driver.labels.any(axis=others)).tolist() == [8]


def test_a_stroke_during_a_run_is_kept(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(0, 5, 5, 20, 20)
    show(driver, 9)
    driver.controller.tools.activate("brush")
    driver.predictor.gate = threading.Event()
    driver.controller.propagate("both")
    driver.qtbot.waitUntil(lambda: driver.controller.runs.running)
    stroke(driver, (9, 30, 30), (9, 30, 40), size=3)
    driver.qtbot.waitUntil(lambda: driver.controller.selection.worker.locked(1) == {9}, timeout=5000)
    driver.predictor.gate.set()
    driver.settle()
    assert driver.labels[9, 30, 35] == 1
    assert not driver.labels[9, 10, 10]
    assert filled(driver) == list(range(12))
    assert np.array_equal(driver.labels, driver.session.labels())


# ---------------------------------------------------------------------- lasso, scribble


def draw(driver, tool, frame, corners):
    show(driver, frame)
    driver.controller.tools.activate(tool)
    kind = "polygon" if tool == "lasso" else "path"
    driver.layer_group.boxes.add(np.array([(frame, y, x) for y, x in corners], float), shape_type=kind)
    driver.settle()


def test_a_lasso_is_filled_and_becomes_a_mask_prompt(make_driver, volume_data):
    driver = make_driver(volume_data)
    draw(driver, "lasso", 4, [(10, 10), (10, 30), (30, 30), (30, 10)])
    assert driver.session.prompts(1, 4).mask is not None
    assert driver.layer_group.boxes.nshapes == 0
    assert (driver.session.mask(1, 4)[12:29, 12:29]).all()
    assert not driver.session.mask(1, 4)[5].any()
    driver.controller.propagate("both")
    driver.settle()
    assert filled(driver) == list(range(12))
    driver.controller.step(back=True)
    driver.controller.step(back=True)
    driver.settle()
    assert not driver.labels.any()


def test_a_lasso_with_outside_takes_away(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(4, 5, 5, 20, 20)
    driver.controller.tools.set_positive(False)
    draw(driver, "lasso", 4, [(0, 0), (0, 49), (12, 49), (12, 0)])
    assert not driver.session.mask(1, 4)[:12].any()
    assert driver.session.mask(1, 4)[15].any()


def test_a_scribble_becomes_points_along_it(make_driver, volume_data):
    driver = make_driver(volume_data)
    draw(driver, "scribble", 4, [(20, 10), (20, 20), (20, 30)])
    assert driver.layer_group.boxes.nshapes == 0
    points = driver.session.prompts(1, 4).points
    assert 3 <= len(points) <= 8
    assert {round(p.y) for p in points} == {20}
    assert all(10 <= p.x <= 30 for p in points)
    assert len(driver.layer_group.points.data) == len(points)
    assert driver.labels[4, 20, 20] == 1
    driver.controller.step(back=True)
    driver.settle()
    assert len(driver.layer_group.points.data) == 0


# ---------------------------------------------------------------------- locks, cuts, the strip


def test_l_locks_and_releases_and_a_locked_slice_refuses_marks(make_driver, volume_data, warned):
    driver = make_driver(volume_data)
    driver.drag(5, 5, 5, 20, 20)
    show(driver, 5)
    assert driver.widget.review.lock_button.text() == "Lock (L)"
    press(driver, "L")
    assert driver.widget.review.lock_button.text() == "Unlock (L)"
    driver.click(5, 30, 30)
    assert "locked" in warned[0]
    assert len(driver.layer_group.points.data) == 0
    assert driver.layer_group.boxes.nshapes == 1
    press(driver, "L")
    driver.click(5, 30, 30)
    assert driver.labels[5, 30, 30] == 1


def test_lock_button_says_why_it_is_off(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(5, 5, 5, 20, 20)
    show(driver, 6)
    assert not driver.widget.review.lock_button.isEnabled()
    assert "no mask here" in driver.widget.review.lock_button.toolTip()


def test_lock_all_seen_takes_slices_where_the_slider_rested_on_the_present_mask(make_driver, volume_data, warned):
    driver = make_driver(volume_data)
    driver.drag(5, 5, 5, 20, 20)
    driver.settle()
    driver.qtbot.wait(300)
    show(driver, 8)
    driver.qtbot.wait(300)
    driver.controller.propagate("both")
    driver.settle()
    show(driver, 2)
    driver.widget.review.lock_seen_button.click()
    driver.settle()
    # The mask of 5 was there when the slider rested on it; that of 8 came later.
    assert driver.controller.selection.worker.locked(1) == {2, 5}
    for frame in (3, 4):
        show(driver, frame)
        driver.qtbot.wait(300)
    for frame in (9, 10, 11):
        show(driver, frame)
        driver.qtbot.wait(10)
    show(driver, 4)
    driver.widget.review.lock_seen_button.click()
    driver.settle()
    assert driver.controller.selection.worker.locked(1) == {2, 3, 4, 5}
    driver.controller.step(back=True)
    driver.settle()
    assert driver.controller.selection.worker.locked(1) == {2, 5}
    assert warned == []


def test_cut_above_and_below_the_shown_slice(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(5, 5, 5, 20, 20)
    driver.controller.propagate("both")
    driver.settle()
    show(driver, 8)
    driver.widget.review.above_button.click()
    driver.settle()
    show(driver, 3)
    driver.widget.review.below_button.click()
    driver.settle()
    assert filled(driver) == list(range(3, 9))
    driver.controller.step(back=True)
    driver.settle()
    assert filled(driver) == list(range(9))


def test_the_strip_shows_figures_locks_and_marks_and_a_click_goes_there(make_driver, volume_data):
    from qtpy.QtCore import QPoint, Qt

    driver = make_driver(volume_data)
    driver.drag(5, 5, 5, 20, 20)
    driver.controller.propagate("both")
    driver.settle()
    brush(driver, 7, (30, 30), (30, 45), size=12)
    strip = driver.widget.review.strip
    assert driver.session.scores(1)["doubtful"].any()
    doubtful = driver.session.scores(1).index[driver.session.scores(1)["doubtful"]].tolist()
    assert strip.doubtful.opts["x"].tolist() == doubtful
    assert sorted([*strip.good.opts["x"], *doubtful]) == list(range(12))
    assert strip.locked.getData()[0].tolist() == [7]
    assert strip.prompted.getData()[0].tolist() == [5]
    assert strip.here.value() == 7
    driver.viewer.window.activate()
    driver.qtbot.wait(50)
    view = strip.plot.getPlotItem().vb
    place = view.mapViewToScene(view.mapToView(view.boundingRect().center()))
    place = strip.plot.mapFromScene(view.mapViewToScene(place.__class__(3, 0.5)))
    driver.qtbot.mouseClick(
        strip.plot.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(round(place.x()), round(place.y()))
    )
    driver.qtbot.waitUntil(lambda: driver.controller.selection.shown_frame() == 3, timeout=2000)
    assert strip.here.value() == 3


def test_frames_are_found_where_another_layer_has_finer_slices(make_driver, volume_data):
    driver = make_driver(volume_data, scale=(3, 1, 1), translate=(7, 0, 0))
    driver.viewer.add_image(np.zeros((60, 40, 50), np.uint8), name="finer")
    driver.controller.selection.choose_image(driver.image)
    for frame in (0, 4, 11):
        show(driver, frame)
        assert driver.controller.selection.shown_frame() == frame
        assert driver.viewer.dims.point[0] == 7 + 3 * frame


def test_n_goes_round_the_doubtful_slices(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(5, 5, 5, 20, 20)
    driver.controller.propagate("both")
    driver.settle()
    show(driver, 0)
    press(driver, "N")
    assert driver.controller.selection.shown_frame() == 0
    assert "Nothing is doubtful" in driver.widget.status.text()
    brush(driver, 7, (30, 30), (30, 45), size=20)
    doubtful = driver.session.scores(1).index[driver.session.scores(1)["doubtful"]].tolist()
    assert doubtful == [6, 8]
    for expected in (8, 6, 8):
        press(driver, "N", driver.layer_group.labels)
        assert driver.controller.selection.shown_frame() == expected


# ---------------------------------------------------------------------- objects


def test_objects_are_deleted_merged_ordered_hidden_and_measured(make_driver, volume_data):
    driver = make_driver(volume_data, scale=(3, 0.5, 0.5), units=("mm",) * 3)
    driver.drag(5, 0, 0, 19, 19)
    driver.controller.objects.add()
    driver.drag(5, 10, 10, 29, 29)
    table = driver.widget.objects.table
    assert table.item(0, 4).text() == "0.3 mL"
    assert (driver.labels[5] == 1).sum() == 400
    driver.controller.objects.move(-1)
    driver.settle()
    assert list(driver.session.objects) == [2, 1]
    assert (driver.labels[5] == 2).sum() == 400
    driver.widget.advanced.overlap_box.setCurrentIndex(1)
    driver.widget.advanced.overlap_box.activated.emit(1)
    driver.settle()
    assert driver.session.overlap == "overwrite"
    assert (driver.labels[5] == 1).sum() == 400
    from qtpy.QtCore import Qt

    table.item(0, 0).setCheckState(Qt.CheckState.Unchecked)
    assert driver.layer_group.labels.colormap.color_dict[2][3] == 0
    assert driver.layer_group.labels.colormap.color_dict[1][3] == 1
    assert (driver.labels == 2).any()
    press(driver, "W")
    assert driver.controller.tools.obj_id == 1
    (action,) = driver.widget.objects.merge_menu.actions()
    action.trigger()
    driver.settle()
    assert list(driver.session.objects) == [1]
    assert (driver.labels[5] == 1).sum() == 700
    driver.controller.step(back=True)
    driver.settle()
    assert list(driver.session.objects) == [2, 1]
    driver.widget.objects.delete_button.click()
    driver.settle()
    assert list(driver.session.objects) == [2]
    assert driver.controller.tools.obj_id == 2
    assert not (driver.labels == 1).any()


def test_objects_of_another_labels_layer_start_a_run(make_driver, volume_data):
    driver = make_driver(volume_data)
    data = np.zeros(volume_data.shape, np.uint8)
    data[:, 5:10, 5:10] = 1
    data[:, 20:30, 20:30] = 4
    other = driver.viewer.add_layer(Labels(data, name="expert"))
    assert [name for name, _ in driver.controller.labels_to_take()] == ["expert"]
    from napari_sam2.widgets.views.labels_dialog import LabelsDialog, LabelsRequest

    dialog = LabelsDialog(driver.controller.labels_to_take(), "slices", driver.widget)
    assert dialog.request() == LabelsRequest(other, False, None)
    dialog.every_box.setValue(4)
    assert dialog.request() == LabelsRequest(other, False, 4)
    show(driver, 5)
    driver.controller.take_labels(dialog.request())
    driver.settle()
    assert driver.session.prompted_frames(4) == [1, 5, 9]
    assert np.array_equal(driver.labels[5], data[5])
    driver.controller.step(back=True)
    driver.settle()
    assert not driver.labels.any()
    other.selected_label = 4
    driver.controller.take_labels(LabelsRequest(other, True, None))
    driver.settle()
    assert list(driver.session.objects) == [4]
    driver.controller.propagate("both")
    driver.settle()
    assert filled(driver, 4) == list(range(12))


# ---------------------------------------------------------------------- keys, runs


def test_keys_answer_propagate_and_hide(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.widget.prompt.preview_box.setChecked(False)
    driver.click(5, 20, 25)
    assert not driver.predictor.asked
    show(driver, 5)
    press(driver, "S", driver.layer_group.points)
    assert driver.labels[5, 20, 25] == 1
    press(driver, "Shift+S", driver.layer_group.points)
    assert filled(driver) == list(range(12))
    press(driver, "V", driver.layer_group.points)
    assert not driver.layer_group.labels.visible
    press(driver, "V")
    assert driver.layer_group.labels.visible
    driver.controller.objects.add()
    driver.click(5, 5, 5)
    press(driver, "Q")
    assert driver.controller.tools.obj_id == 1
    press(driver, "Q")
    assert driver.controller.tools.obj_id == 2


def test_stop_correct_continue(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(0, 5, 5, 20, 20)
    driver.predictor.delay = 0.05
    driver.controller.propagate("both")
    driver.qtbot.waitUntil(lambda: driver.labels[3].any(), timeout=5000)
    driver.widget.run.stop_button.click()
    driver.settle()
    stopped = filled(driver)
    assert len(stopped) < 12
    assert "Continue" in driver.widget.run.both_button.text()
    driver.predictor.delay = 0
    brush(driver, 2, (30, 30), (30, 40), size=3)
    edited = driver.session.mask(1, 2)
    kept = driver.session.mask(1, 0)
    driver.widget.run.both_button.click()
    driver.settle()
    assert filled(driver) == list(range(12))
    assert np.array_equal(driver.session.mask(1, 2), edited)
    assert np.array_equal(driver.session.mask(1, 0), kept)
    assert driver.labels[11, 30, 35] == 1
    assert "Continue" not in driver.widget.run.both_button.text()


# ---------------------------------------------------------------------- the window of an image that nobody chose


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
