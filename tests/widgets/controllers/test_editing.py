"""Correcting in a real viewer: brush, lasso, scribble, locks, cuts, the strip, and labels to start from."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import numpy as np
import pytest
from app_model.types import KeyBinding
from napari.layers import Labels
from napari.utils.interactions import mouse_move_callbacks, mouse_press_callbacks, mouse_release_callbacks


def stroke(d, *positions, size=1):
    """Press, move and release the mouse on the labels layer, at data coordinates of the shown slice."""
    labels = d.layer_group.labels
    labels.brush_size = size
    world = [labels.data_to_world(p) for p in positions]
    event = SimpleNamespace(
        type="mouse_press",
        is_dragging=False,
        modifiers=[],
        position=tuple(world[0]),
        pos=np.array(world[0][-2:], float),
        dims_displayed=list(d.viewer.dims.displayed),
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


def show(d, frame):
    d.controller.choices.show_frame(frame)


def brush(d, frame, *positions, size=1):
    show(d, frame)
    if d.controller.tools.in_hand() != "brush":
        d.controller.tools.take("brush")
    stroke(d, *[(frame, y, x) for y, x in positions], size=size)
    d.settle()


def press(d, key, owner=None):
    owner = d.viewer if owner is None else owner
    owner.keymap[KeyBinding.from_str(key)](owner)
    d.settle()


def filled(d, obj=1):
    return np.flatnonzero((d.labels == obj).any(axis=(1, 2))).tolist()


# ---------------------------------------------------------------------- brush


def test_a_brush_stroke_is_one_step_that_locks_its_slice(desk, volume_data):
    d = desk(volume_data)
    d.drag(5, 5, 5, 20, 20)
    d.controller.propagate("both")
    d.settle()
    before = d.session.mask(1, 7)
    brush(d, 7, (30, 30), (30, 40), size=3)
    assert d.session.mask(1, 7)[30, 30:41].all()
    assert d.session.mask(1, 7)[10, 10]
    assert d.controller.choices.worker.locked(1) == {7}
    assert np.array_equal(d.labels, d.session.labels())
    assert not d.labels[6, 30, 30]
    d.controller.step(back=True)
    d.settle()
    assert np.array_equal(d.session.mask(1, 7), before)
    assert d.controller.choices.worker.locked(1) == set()
    assert np.array_equal(d.labels, d.session.labels())


def test_outside_erases_and_a_run_leaves_the_edit_alone(desk, volume_data):
    d = desk(volume_data)
    d.drag(5, 5, 5, 20, 20)
    show(d, 5)
    d.controller.tools.take("brush")
    d.controller.tools.flip()
    assert d.layer_group.labels.mode == "erase"
    brush(d, 5, (10, 5), (10, 20), size=5)
    edited = d.session.mask(1, 5)
    assert not edited[10].any()
    assert edited[18].any()
    d.controller.propagate("both")
    d.settle()
    assert np.array_equal(d.session.mask(1, 5), edited)
    assert d.labels.any(axis=(1, 2)).all()
    # The neighbours follow from the corrected mask.
    assert not (d.labels[6, 10] == 1).any()


def test_an_eraser_over_two_objects_is_one_step(desk, volume_data):
    d = desk(volume_data)
    d.drag(5, 5, 5, 15, 15)
    d.controller.objects.add()
    d.drag(5, 5, 20, 15, 30)
    steps = len(d.session.scores(1))
    d.controller.tools.set_positive(False)
    d.controller.tools.take("brush")
    d.layer_group.labels.mode = "erase"
    brush(d, 5, (10, 0), (10, 40), size=3)
    assert steps == 1
    assert not d.labels[5, 10].any()
    assert d.controller.choices.worker.locked(1) == d.controller.choices.worker.locked(2) == {5}
    d.controller.step(back=True)
    d.settle()
    assert (d.labels[5, 10] == 1).any()
    assert (d.labels[5, 10] == 2).any()


def test_naparis_own_undo_cannot_bring_old_strokes_back(desk, volume_data):
    d = desk(volume_data)
    brush(d, 5, (10, 10), (10, 20))
    brush(d, 5, (20, 10), (20, 20))
    assert d.layer_group.labels.mode == "paint"
    before = d.labels.copy()
    d.layer_group.labels.undo()
    assert np.array_equal(d.labels, before)
    press(d, "Ctrl+Z", d.layer_group.labels)
    assert d.labels[5, 10, 15] == 1
    assert not d.labels[5, 20].any()
    press(d, "Ctrl+Shift+Z", d.layer_group.labels)
    assert np.array_equal(d.labels, before)


def test_the_bucket_and_a_new_label_make_a_new_object(desk, volume_data):
    d = desk(volume_data)
    d.drag(5, 5, 5, 15, 15)
    show(d, 5)
    d.controller.tools.take("brush")
    labels = d.layer_group.labels
    labels.selected_label = 3
    assert d.controller.tools.obj == 3
    labels.fill((5, 10, 10), 3)
    d.settle()
    assert list(d.session.objects) == [1, 3]
    assert (d.labels[5] == 3).sum() == 11 * 11
    assert not (d.labels == 1).any()


def test_the_brush_stays_on_the_shown_slice(desk, volume_data):
    d = desk(volume_data)
    show(d, 5)
    d.controller.tools.take("brush")
    d.layer_group.labels.n_edit_dimensions = 3
    brush(d, 5, (20, 20), size=9)
    assert filled(d) == [5]
    assert d.layer_group.labels.n_edit_dimensions == 2


@pytest.mark.parametrize("axis", ["y", "x"])
def test_the_brush_edits_the_frames_of_another_axis(desk, volume_data, axis):
    d = desk(volume_data, scale=(3, 0.7, 0.7))
    d.controller.choices.choose_axis(axis)
    d.controller.choices.show_frame(8)
    d.controller.tools.take("brush")
    place = {"y": (6, 8, 20), "x": (6, 20, 8)}[axis]
    stroke(d, place, size=3)
    d.settle()
    assert d.labels[place] == 1
    others = tuple(i for i in range(3) if i != "zyx".index(axis))
    assert np.flatnonzero(d.labels.any(axis=others)).tolist() == [8]


def test_a_stroke_during_a_run_is_kept(desk, volume_data):
    d = desk(volume_data)
    d.drag(0, 5, 5, 20, 20)
    show(d, 9)
    d.controller.tools.take("brush")
    d.predictor.gate = threading.Event()
    d.controller.propagate("both")
    d.qtbot.waitUntil(lambda: d.controller.runs.running)
    stroke(d, (9, 30, 30), (9, 30, 40), size=3)
    d.qtbot.waitUntil(lambda: d.controller.choices.worker.locked(1) == {9}, timeout=5000)
    d.predictor.gate.set()
    d.settle()
    assert d.labels[9, 30, 35] == 1
    assert not d.labels[9, 10, 10]
    assert filled(d) == list(range(12))
    assert np.array_equal(d.labels, d.session.labels())


# ---------------------------------------------------------------------- lasso, scribble


def draw(d, tool, frame, corners):
    show(d, frame)
    d.controller.tools.take(tool)
    kind = "polygon" if tool == "lasso" else "path"
    d.layer_group.boxes.add(np.array([(frame, y, x) for y, x in corners], float), shape_type=kind)
    d.settle()


def test_a_lasso_is_filled_and_becomes_a_mask_prompt(desk, volume_data):
    d = desk(volume_data)
    draw(d, "lasso", 4, [(10, 10), (10, 30), (30, 30), (30, 10)])
    assert d.session.prompts(1, 4).mask is not None
    assert d.layer_group.boxes.nshapes == 0
    assert (d.session.mask(1, 4)[12:29, 12:29]).all()
    assert not d.session.mask(1, 4)[5].any()
    d.controller.propagate("both")
    d.settle()
    assert filled(d) == list(range(12))
    d.controller.step(back=True)
    d.controller.step(back=True)
    d.settle()
    assert not d.labels.any()


def test_a_lasso_with_outside_takes_away(desk, volume_data):
    d = desk(volume_data)
    d.drag(4, 5, 5, 20, 20)
    d.controller.tools.set_positive(False)
    draw(d, "lasso", 4, [(0, 0), (0, 49), (12, 49), (12, 0)])
    assert not d.session.mask(1, 4)[:12].any()
    assert d.session.mask(1, 4)[15].any()


def test_a_scribble_becomes_points_along_it(desk, volume_data):
    d = desk(volume_data)
    draw(d, "scribble", 4, [(20, 10), (20, 20), (20, 30)])
    assert d.layer_group.boxes.nshapes == 0
    points = d.session.prompts(1, 4).points
    assert 3 <= len(points) <= 8
    assert {round(p.y) for p in points} == {20}
    assert all(10 <= p.x <= 30 for p in points)
    assert len(d.layer_group.points.data) == len(points)
    assert d.labels[4, 20, 20] == 1
    d.controller.step(back=True)
    d.settle()
    assert len(d.layer_group.points.data) == 0


# ---------------------------------------------------------------------- locks, cuts, the strip


def test_l_locks_and_releases_and_a_locked_slice_refuses_marks(desk, volume_data, warned):
    d = desk(volume_data)
    d.drag(5, 5, 5, 20, 20)
    show(d, 5)
    assert d.widget.review.lock_button.text() == "Lock (L)"
    press(d, "L")
    assert d.widget.review.lock_button.text() == "Unlock (L)"
    d.click(5, 30, 30)
    assert "locked" in warned[0]
    assert len(d.layer_group.points.data) == 0
    assert d.layer_group.boxes.nshapes == 1
    press(d, "L")
    d.click(5, 30, 30)
    assert d.labels[5, 30, 30] == 1


def test_lock_button_says_why_it_is_off(desk, volume_data):
    d = desk(volume_data)
    d.drag(5, 5, 5, 20, 20)
    show(d, 6)
    assert not d.widget.review.lock_button.isEnabled()
    assert "no mask here" in d.widget.review.lock_button.toolTip()


def test_lock_all_seen_takes_slices_where_the_slider_rested_on_the_present_mask(desk, volume_data, warned):
    d = desk(volume_data)
    d.drag(5, 5, 5, 20, 20)
    d.settle()
    d.qtbot.wait(300)
    show(d, 8)
    d.qtbot.wait(300)
    d.controller.propagate("both")
    d.settle()
    show(d, 2)
    d.widget.review.lock_seen_button.click()
    d.settle()
    # The mask of 5 was there when the slider rested on it; that of 8 came later.
    assert d.controller.choices.worker.locked(1) == {2, 5}
    for frame in (3, 4):
        show(d, frame)
        d.qtbot.wait(300)
    for frame in (9, 10, 11):
        show(d, frame)
        d.qtbot.wait(10)
    show(d, 4)
    d.widget.review.lock_seen_button.click()
    d.settle()
    assert d.controller.choices.worker.locked(1) == {2, 3, 4, 5}
    d.controller.step(back=True)
    d.settle()
    assert d.controller.choices.worker.locked(1) == {2, 5}
    assert warned == []


def test_cut_above_and_below_the_shown_slice(desk, volume_data):
    d = desk(volume_data)
    d.drag(5, 5, 5, 20, 20)
    d.controller.propagate("both")
    d.settle()
    show(d, 8)
    d.widget.review.above_button.click()
    d.settle()
    show(d, 3)
    d.widget.review.below_button.click()
    d.settle()
    assert filled(d) == list(range(3, 9))
    d.controller.step(back=True)
    d.settle()
    assert filled(d) == list(range(9))


def test_the_strip_shows_figures_locks_and_marks_and_a_click_goes_there(desk, volume_data):
    from qtpy.QtCore import QPoint, Qt

    d = desk(volume_data)
    d.drag(5, 5, 5, 20, 20)
    d.controller.propagate("both")
    d.settle()
    brush(d, 7, (30, 30), (30, 45), size=12)
    strip = d.widget.review.strip
    assert d.session.scores(1)["doubtful"].any()
    doubtful = d.session.scores(1).index[d.session.scores(1)["doubtful"]].tolist()
    assert strip.doubtful.opts["x"].tolist() == doubtful
    assert sorted([*strip.good.opts["x"], *doubtful]) == list(range(12))
    assert strip.locked.getData()[0].tolist() == [7]
    assert strip.prompted.getData()[0].tolist() == [5]
    assert strip.here.value() == 7
    d.viewer.window.activate()
    d.qtbot.wait(50)
    view = strip.plot.getPlotItem().vb
    place = view.mapViewToScene(view.mapToView(view.boundingRect().center()))
    place = strip.plot.mapFromScene(view.mapViewToScene(place.__class__(3, 0.5)))
    d.qtbot.mouseClick(strip.plot.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(round(place.x()), round(place.y())))
    d.qtbot.waitUntil(lambda: d.controller.choices.shown_frame() == 3, timeout=2000)
    assert strip.here.value() == 3


def test_frames_are_found_where_another_layer_has_finer_slices(desk, volume_data):
    d = desk(volume_data, scale=(3, 1, 1), translate=(7, 0, 0))
    d.viewer.add_image(np.zeros((60, 40, 50), np.uint8), name="finer")
    d.controller.choices.choose_image(d.image)
    for frame in (0, 4, 11):
        show(d, frame)
        assert d.controller.choices.shown_frame() == frame
        assert d.viewer.dims.point[0] == 7 + 3 * frame


def test_n_goes_round_the_doubtful_slices(desk, volume_data):
    d = desk(volume_data)
    d.drag(5, 5, 5, 20, 20)
    d.controller.propagate("both")
    d.settle()
    show(d, 0)
    press(d, "N")
    assert d.controller.choices.shown_frame() == 0
    assert "Nothing is doubtful" in d.widget.status.text()
    brush(d, 7, (30, 30), (30, 45), size=20)
    doubtful = d.session.scores(1).index[d.session.scores(1)["doubtful"]].tolist()
    assert doubtful == [6, 8]
    for expected in (8, 6, 8):
        press(d, "N", d.layer_group.labels)
        assert d.controller.choices.shown_frame() == expected


# ---------------------------------------------------------------------- objects


def test_objects_are_deleted_merged_ordered_hidden_and_measured(desk, volume_data):
    d = desk(volume_data, scale=(3, 0.5, 0.5), units=("mm",) * 3)
    d.drag(5, 0, 0, 19, 19)
    d.controller.objects.add()
    d.drag(5, 10, 10, 29, 29)
    table = d.widget.objects.table
    assert table.item(0, 4).text() == "0.3 mL"
    assert (d.labels[5] == 1).sum() == 400
    d.controller.objects.move(-1)
    d.settle()
    assert list(d.session.objects) == [2, 1]
    assert (d.labels[5] == 2).sum() == 400
    d.widget.advanced.overlap_box.setCurrentIndex(1)
    d.widget.advanced.overlap_box.activated.emit(1)
    d.settle()
    assert d.session.overlap == "overwrite"
    assert (d.labels[5] == 1).sum() == 400
    from qtpy.QtCore import Qt

    table.item(0, 0).setCheckState(Qt.CheckState.Unchecked)
    assert d.layer_group.labels.colormap.color_dict[2][3] == 0
    assert d.layer_group.labels.colormap.color_dict[1][3] == 1
    assert (d.labels == 2).any()
    press(d, "W")
    assert d.controller.tools.obj == 1
    (action,) = d.widget.objects.merge_menu.actions()
    action.trigger()
    d.settle()
    assert list(d.session.objects) == [1]
    assert (d.labels[5] == 1).sum() == 700
    d.controller.step(back=True)
    d.settle()
    assert list(d.session.objects) == [2, 1]
    d.widget.objects.delete_button.click()
    d.settle()
    assert list(d.session.objects) == [2]
    assert d.controller.tools.obj == 2
    assert not (d.labels == 1).any()


def test_objects_of_another_labels_layer_start_a_run(desk, volume_data):
    d = desk(volume_data)
    data = np.zeros(volume_data.shape, np.uint8)
    data[:, 5:10, 5:10] = 1
    data[:, 20:30, 20:30] = 4
    other = d.viewer.add_layer(Labels(data, name="expert"))
    assert [name for name, _ in d.controller.labels_to_take()] == ["expert"]
    from napari_sam2.widgets.views.labels_dialog import LabelsDialog, LabelsRequest

    dialog = LabelsDialog(d.controller.labels_to_take(), "slices", d.widget)
    assert dialog.wish() == LabelsRequest(other, False, None)
    dialog.every_box.setValue(4)
    assert dialog.wish() == LabelsRequest(other, False, 4)
    show(d, 5)
    d.controller.take_labels(dialog.wish())
    d.settle()
    assert d.session.prompted_frames(4) == [1, 5, 9]
    assert np.array_equal(d.labels[5], data[5])
    d.controller.step(back=True)
    d.settle()
    assert not d.labels.any()
    other.selected_label = 4
    d.controller.take_labels(LabelsRequest(other, True, None))
    d.settle()
    assert list(d.session.objects) == [4]
    d.controller.propagate("both")
    d.settle()
    assert filled(d, 4) == list(range(12))


# ---------------------------------------------------------------------- keys, runs


def test_keys_answer_propagate_and_hide(desk, volume_data):
    d = desk(volume_data)
    d.widget.prompt.preview_box.setChecked(False)
    d.click(5, 20, 25)
    assert not d.predictor.asked
    show(d, 5)
    press(d, "S", d.layer_group.points)
    assert d.labels[5, 20, 25] == 1
    press(d, "Shift+S", d.layer_group.points)
    assert filled(d) == list(range(12))
    press(d, "V", d.layer_group.points)
    assert not d.layer_group.labels.visible
    press(d, "V")
    assert d.layer_group.labels.visible
    d.controller.objects.add()
    d.click(5, 5, 5)
    press(d, "Q")
    assert d.controller.tools.obj == 1
    press(d, "Q")
    assert d.controller.tools.obj == 2


def test_stop_correct_continue(desk, volume_data):
    d = desk(volume_data)
    d.drag(0, 5, 5, 20, 20)
    d.predictor.delay = 0.05
    d.controller.propagate("both")
    d.qtbot.waitUntil(lambda: d.labels[3].any(), timeout=5000)
    d.widget.run.stop_button.click()
    d.settle()
    stopped = filled(d)
    assert len(stopped) < 12
    assert "Continue" in d.widget.run.both_button.text()
    d.predictor.delay = 0
    brush(d, 2, (30, 30), (30, 40), size=3)
    edited = d.session.mask(1, 2)
    kept = d.session.mask(1, 0)
    d.widget.run.both_button.click()
    d.settle()
    assert filled(d) == list(range(12))
    assert np.array_equal(d.session.mask(1, 2), edited)
    assert np.array_equal(d.session.mask(1, 0), kept)
    assert d.labels[11, 30, 35] == 1
    assert "Continue" not in d.widget.run.both_button.text()


# ---------------------------------------------------------------------- the window of an image that nobody chose


def test_default_window_replaces_only_what_napari_guessed(desk):
    data = np.zeros((6, 40, 50), np.float32)
    data[:, 5:35, 5:45] = np.random.default_rng(0).normal(1040, 20, (6, 30, 40))
    data[0, 6, 6] = 4000
    d = desk(data)
    d.settle()
    low, high = d.image.contrast_limits
    assert 940 < low < 1000
    assert 1080 < high < 1140
    chosen = d.viewer.add_image(data + 1, name="chosen", contrast_limits=(-100, 300))
    d.controller.choices.choose_image(chosen)
    d.settle()
    assert tuple(chosen.contrast_limits) == (-100, 300)
    ct = d.viewer.add_image(data - 1000, name="CT")
    d.controller.choices.choose_image(ct)
    d.settle()
    assert tuple(ct.contrast_limits) == (-160, 240)
