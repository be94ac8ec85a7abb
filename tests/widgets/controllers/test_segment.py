"""The dock widget in a real viewer, with a predictor that needs no network."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from napari_sam2.layers.prompts import NEGATIVE, POSITIVE


def test_click_shows_the_mask_of_its_slice_at_once(desk, volume_data):
    d = desk(volume_data)
    d.click(5, 20, 25)
    assert d.labels[5, 20, 25] == 1
    assert d.labels.any(axis=(1, 2)).tolist() == [i == 5 for i in range(12)]
    assert threading.main_thread() not in d.predictor.threads


def test_moving_a_point_moves_the_mask(desk, volume_data):
    d = desk(volume_data)
    d.click(5, 20, 25)
    points = d.layer_group.points
    points.data = np.add(points.data, (1, -10, 0))
    d.settle()
    assert d.labels[6, 10, 25] == 1
    assert not d.labels[5].any()


def test_deleting_the_last_point_takes_the_mask_away(desk, volume_data):
    d = desk(volume_data)
    d.click(5, 20, 25)
    d.layer_group.points.remove([0])
    d.settle()
    assert not d.labels.any()
    assert d.controller.choices.worker.pending.shown == {}


def test_box_takes_the_pixels_whose_centres_lie_inside(desk, volume_data):
    d = desk(volume_data)
    d.drag(3, 9.6, 4.2, 20.4, 30.0)
    rows, columns = np.nonzero(d.labels[3])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (10, 20, 5, 30)


def test_second_box_replaces_the_first(desk, volume_data):
    d = desk(volume_data)
    d.drag(3, 5, 5, 10, 10)
    d.drag(3, 20, 20, 30, 30)
    assert d.layer_group.boxes.nshapes == 1
    assert not d.labels[3, 7, 7]
    assert d.labels[3, 25, 25] == 1


def test_box_without_a_pixel_is_taken_away(desk, volume_data):
    d = desk(volume_data)
    d.drag(3, 5.1, 5.1, 5.4, 5.4)
    assert d.layer_group.boxes.nshapes == 0
    assert "at least one pixel" in d.widget.status.text()


def test_t_flips_the_next_point_or_the_selected_ones(desk, volume_data):
    d = desk(volume_data)
    d.controller.tools.take("point")
    points = d.layer_group.points
    d.controller.tools.flip()
    assert d.widget.prompt.outside_button.isChecked()
    d.click(5, 20, 25)
    assert points.features["polarity"].tolist() == [NEGATIVE]
    points.mode = "select"
    points.selected_data = {0}
    d.controller.tools.flip()
    d.settle()
    assert points.features["polarity"].tolist() == [POSITIVE]
    assert np.allclose(points.face_color[0, :3], (0x2E / 255, 0xCC / 255, 0x40 / 255), atol=0.01)
    assert d.labels[5, 20, 25] == 1


def test_selecting_an_old_point_does_not_change_what_the_next_click_means(desk, volume_data):
    d = desk(volume_data)
    d.controller.tools.set_positive(False)
    d.click(5, 20, 25)
    d.controller.objects.add()
    points = d.layer_group.points
    points.mode = "select"
    points.selected_data = {0}
    d.controller.tools.take("point")
    d.click(5, 30, 30)
    assert points.features["obj"].tolist() == [1, 2]
    assert points.features["polarity"].tolist() == [NEGATIVE, POSITIVE]


def test_undo_takes_back_marker_and_mask_and_redo_brings_them_again(desk, volume_data):
    d = desk(volume_data)
    d.click(5, 20, 25)
    d.drag(2, 5, 5, 10, 10)
    d.controller.step(back=True)
    d.settle()
    assert d.layer_group.boxes.nshapes == 0
    assert len(d.layer_group.points.data) == 1
    assert not d.labels[2].any()
    assert d.labels[5].any()
    d.controller.step(back=True)
    d.settle()
    assert len(d.layer_group.points.data) == 0
    assert not d.labels.any()
    d.controller.step(back=False)
    d.controller.step(back=False)
    d.settle()
    assert d.layer_group.points.data.tolist() == [[5, 20, 25]]
    assert d.layer_group.points.features["polarity"].tolist() == [POSITIVE]
    assert d.labels[2, 7, 7] == 1
    assert d.labels[5, 20, 25] == 1


def test_ctrl_z_is_bound_where_the_user_is(desk, volume_data):
    from app_model.types import KeyBinding

    d = desk(volume_data)
    d.click(5, 20, 25)
    undo = KeyBinding.from_str("Ctrl+Z")
    owners = [d.viewer, *d.layer_group.owned()]
    assert all(undo in owner.keymap for owner in owners)
    d.layer_group.points.keymap[undo](d.layer_group.points)
    d.settle()
    assert not d.labels.any()


def test_undo_right_after_a_mark_takes_that_mark_back(desk, volume_data):
    d = desk(volume_data)
    d.click(5, 20, 25)
    d.layer_group.points.add([7, 10, 10])
    d.controller.step(back=True)
    d.settle()
    assert d.layer_group.points.data.tolist() == [[5, 20, 25]]
    assert not d.labels[7].any()


@pytest.mark.parametrize(
    ("direction", "frames"), [("both", range(12)), ("forward", range(5, 12)), ("backward", range(6))]
)
def test_propagation_fills_the_labels_layer(desk, volume_data, direction, frames):
    d = desk(volume_data)
    d.drag(5, 5, 5, 20, 20)
    d.controller.propagate(direction)
    d.settle()
    assert np.flatnonzero(d.labels.any(axis=(1, 2))).tolist() == list(frames)
    assert np.array_equal(d.labels, d.session.labels())
    assert threading.main_thread() not in d.predictor.threads


def test_range_boxes_limit_the_run(desk, volume_data):
    d = desk(volume_data)
    d.drag(5, 5, 5, 20, 20)
    d.widget.run.first_box.setValue(4)
    d.widget.run.last_box.setValue(8)
    d.controller.propagate("both")
    d.settle()
    assert np.flatnonzero(d.labels.any(axis=(1, 2))).tolist() == [4, 5, 6, 7, 8]


def test_cancel_keeps_finished_frames_and_undo_takes_back_the_run(desk, volume_data):
    d = desk(volume_data)
    d.drag(0, 5, 5, 20, 20)
    d.predictor.delay = 0.05
    d.controller.propagate("forward")
    d.qtbot.waitUntil(lambda: d.labels[2].any(), timeout=5000)
    assert d.widget.run.stop_button.isEnabled()
    d.widget.run.stop_button.click()
    d.settle()
    filled = np.flatnonzero(d.labels.any(axis=(1, 2))).tolist()
    assert 3 <= len(filled) < 12
    assert filled == list(range(len(filled)))
    assert np.array_equal(d.labels, d.session.labels())
    assert "Stopped" in d.widget.status.text()
    d.controller.step(back=True)
    d.settle()
    assert np.flatnonzero(d.labels.any(axis=(1, 2))).tolist() == [0]
    d.controller.propagate("both")
    d.settle()
    assert d.labels.any(axis=(1, 2)).all()


def test_window_stays_responsive_during_a_run(desk, volume_data):
    d = desk(volume_data)
    d.drag(0, 5, 5, 20, 20)
    d.predictor.gate = threading.Event()
    d.controller.propagate("both")
    d.qtbot.waitUntil(lambda: d.controller.runs.running)
    d.viewer.dims.set_current_step(0, 7)
    d.qtbot.wait(50)
    assert d.controller.runs.running
    assert not d.widget.run.undo_button.isEnabled()
    assert "a run is under way" in d.widget.run.undo_button.toolTip()
    d.predictor.gate.set()
    d.settle()


def test_undo_during_a_run_is_refused_with_a_sentence(desk, volume_data, warned):
    d = desk(volume_data)
    d.drag(0, 5, 5, 20, 20)
    d.predictor.gate = threading.Event()
    d.controller.propagate("both")
    d.qtbot.waitUntil(lambda: d.controller.runs.running)
    d.controller.step(back=True)
    d.qtbot.waitUntil(lambda: bool(warned))
    assert "run is under way" in warned[0]
    d.predictor.gate.set()
    d.settle()
    assert d.labels.any(axis=(1, 2)).all()


def test_removing_the_image_during_a_run_stops_it(desk, volume_data):
    d = desk(volume_data)
    d.drag(0, 5, 5, 20, 20)
    worker = d.controller.choices.worker
    d.predictor.delay = 0.05
    d.controller.propagate("both")
    d.qtbot.waitUntil(lambda: d.labels[2].any(), timeout=5000)
    d.viewer.layers.remove(d.image)
    assert [layer.name for layer in d.viewer.layers] == ["SAM 2 labels"]
    d.settle()
    assert worker.session is None
    assert not d.widget.run.both_button.isEnabled()
    assert d.widget.status.text().startswith("Open an image")


def test_switching_the_image_during_a_run_stops_it_and_coming_back_finds_the_work(desk, volume_data):
    d = desk(volume_data)
    d.drag(0, 5, 5, 20, 20)
    first = d.layer_group
    other = d.viewer.add_image(volume_data[:6] + 1, name="other")
    d.predictor.delay = 0.05
    d.controller.propagate("both")
    d.qtbot.waitUntil(lambda: d.labels[2].any(), timeout=5000)
    d.controller.choices.choose_image(other)
    d.settle()
    assert not first.points.visible
    assert d.widget.run.last_box.maximum() == 5
    d.click(2, 20, 20)
    assert d.labels.shape == (6, 40, 50)
    assert d.labels[2, 20, 20] == 1
    d.controller.choices.choose_image(d.image)
    assert d.layer_group is first
    assert first.boxes.visible
    d.controller.propagate("both")
    d.settle()
    assert d.labels.any(axis=(1, 2)).all()


def test_objects_are_counted_listed_and_reset_one_by_one(desk, volume_data):
    d = desk(volume_data)
    d.click(5, 10, 10)
    d.controller.objects.add()
    d.click(5, 30, 30)
    table = d.widget.objects.table
    assert [table.item(i, 0).text() for i in range(table.rowCount())] == ["1", "2"]
    assert d.labels[5, 10, 10] == 1
    assert d.labels[5, 30, 30] == 2
    table.selectRow(0)
    assert d.controller.tools.obj == 1
    d.widget.objects.reset_button.click()
    d.settle()
    assert not (d.labels == 1).any()
    assert (d.labels == 2).any()
    assert d.layer_group.points.features["obj"].tolist() == [2]
    table.item(1, 1).setText("kidney")
    d.settle()
    assert d.session.objects[2].name == "kidney"


def test_keys_and_prompt_layers_are_gone_after_closing(desk, volume_data):
    d = desk(volume_data)

    def earlier(viewer):
        return None

    keys_before = dict(d.viewer.keymap)
    d.controller.close()
    d.viewer.bind_key("P", earlier)
    keys = dict(d.viewer.keymap)
    from napari_sam2.plugin.dock_widget import SegmentWidget

    again = SegmentWidget(d.viewer, load=lambda *_: d.predictor)
    d.viewer.window.add_dock_widget(again, name="again")
    assert dict(d.viewer.keymap) != keys
    again.controller.tools.take("point")
    layer_group = again.controller.choices.layer_group
    points = layer_group.points
    again_keys = dict(points.keymap)
    d.viewer.window.remove_dock_widget(again)
    assert dict(d.viewer.keymap) == keys
    assert again_keys
    assert not points.keymap
    assert [layer.name for layer in d.viewer.layers] == ["picture"]
    assert keys_before
    again.deleteLater()


def test_contrast_limits_are_the_window_of_the_model(desk, volume_data):
    d = desk(volume_data, contrast_limits=(100, 900))
    d.click(5, 20, 25)
    assert d.session.window == (100, 900)
    d.image.contrast_limits = (200, 400)
    d.qtbot.waitUntil(lambda: d.session.window == (200, 400), timeout=5000)
    assert "200 … 400" in d.widget.source.window_label.text()


def test_masks_can_wait_for_the_run(desk, volume_data):
    d = desk(volume_data)
    d.widget.prompt.preview_box.setChecked(False)
    d.click(5, 20, 25)
    assert d.predictor.asked == []
    d.controller.propagate("both")
    d.settle()
    assert d.labels.any(axis=(1, 2)).all()


def test_a_burst_of_clicks_is_answered_in_order(desk, volume_data):
    d = desk(volume_data)
    d.click(5, 20, 25)
    d.predictor.delay = 0.1
    for x in (5, 15, 35, 45):
        d.layer_group.points.add([5, 20, x])
        d.qtbot.wait(5)
    d.settle()
    assert d.labels[5, 20, [5, 15, 25, 35, 45]].tolist() == [1] * 5
    assert len(d.predictor.asked) < 5


@pytest.mark.parametrize("axis", ["y", "x"])
def test_volume_along_another_axis(desk, volume_data, axis):
    d = desk(volume_data, scale=(3, 0.7, 0.7))
    d.controller.choices.choose_axis(axis)
    index = "zyx".index(axis)
    assert d.viewer.dims.order[0] == index
    assert d.widget.run.last_box.value() == volume_data.shape[index] - 1
    d.click(6, 20, 25)
    assert d.labels[6, 20, 25] == 1
    others = tuple(i for i in range(3) if i != index)
    assert np.flatnonzero(d.labels.any(axis=others)).tolist() == [(6, 20, 25)[index]]
    d.controller.propagate("both")
    d.settle()
    assert d.labels.any(axis=others).all()


def test_four_dimensions_without_names_are_followed_in_space(desk):
    d = desk(np.zeros((4, 5, 30, 30), np.float32))
    assert [d.widget.source.axis_box.itemData(i) for i in range(2)] == ["z", "t"]


def test_time_lapse_and_four_dimensions(desk):
    data = np.random.default_rng(1).random((4, 5, 30, 30)).astype(np.float32)
    d = desk(data, axis_labels=("t", "z", "y", "x"))
    assert d.widget.source.axis_box.itemData(0) == "t"
    d.viewer.dims.set_current_step(1, 2)
    d.click(1, 2, 15, 15)
    assert d.labels[1, 2, 15, 15] == 1
    d.controller.propagate("both")
    d.settle()
    assert np.argwhere(d.labels.any(axis=(2, 3))).tolist() == [[t, 2] for t in range(4)]
    d.viewer.dims.set_current_step(1, 3)
    d.click(0, 3, 5, 5)
    assert d.labels[0, 3, 5, 5] == 1
    assert d.labels[1, 2, 15, 15] == 1


def test_single_picture_and_rgb(desk):
    data = np.random.default_rng(1).integers(0, 255, (40, 50, 3)).astype(np.uint8)
    d = desk(data, rgb=True)
    d.click(20, 25)
    assert d.labels.shape == (40, 50)
    assert d.labels[20, 25] == 1
    assert not d.widget.run.both_button.isEnabled()
    assert "no other slice" in d.widget.run.both_button.toolTip()


def test_outline_of_the_models_window(desk, volume_data):
    d = desk(volume_data)
    d.click(5, 20, 25)
    outline = d.layer_group.outline
    corners = outline.data[0]
    assert corners[:, 0].tolist() == [5] * 4
    assert corners[:, 1:].min(axis=0).tolist() == [-0.5, 0.5]
    assert corners[:, 1:].max(axis=0).tolist() == [38.5, 47.5]
    assert d.viewer.layers.selection.active is d.layer_group.points
    d.controller.step(back=True)
    d.settle()
    assert outline.nshapes == 0


def test_labels_layer_that_was_deleted_comes_back(desk, volume_data):
    d = desk(volume_data)
    d.click(5, 20, 25)
    d.viewer.layers.remove(d.layer_group.labels)
    d.click(7, 20, 25)
    assert d.labels[5, 20, 25] == 1
    assert d.labels[7, 20, 25] == 1


def test_deleting_the_points_layer_deletes_its_prompts(desk, volume_data):
    d = desk(volume_data)
    d.click(5, 20, 25)
    d.viewer.layers.remove(d.layer_group.points)
    d.settle()
    assert not d.labels.any()


def test_without_an_image_everything_says_why(make_napari_viewer):
    from napari_sam2.plugin.dock_widget import SegmentWidget

    viewer = make_napari_viewer()
    widget = SegmentWidget(viewer)
    viewer.window.add_dock_widget(widget)
    for button in (widget.prompt.point_button, widget.run.both_button, widget.objects.next_button):
        assert not button.isEnabled()
        assert "no image" in button.toolTip()
    viewer.add_image(np.zeros((5, 5, 5)))
    assert widget.prompt.point_button.isEnabled()
    widget.controller.close()


def test_error_of_the_model_becomes_a_warning(make_napari_viewer, qtbot, volume_data, warned):
    from napari_sam2.errors import ModelNotDownloadedError
    from napari_sam2.plugin.dock_widget import SegmentWidget

    def load(name, device):
        raise ModelNotDownloadedError("sam2.1-tiny is not on this computer.")

    viewer = make_napari_viewer()
    viewer.add_image(volume_data)
    widget = SegmentWidget(viewer, load=load)
    viewer.window.add_dock_widget(widget)
    widget.controller.tools.take("point")
    widget.controller.choices.layer_group.points.add([1, 5, 5])
    qtbot.waitUntil(lambda: bool(warned), timeout=5000)
    assert warned == ["sam2.1-tiny is not on this computer."]
    widget.controller.close()


def test_saved_labels_are_those_of_the_layer(desk, volume_data, tmp_path):
    import napari_sam2 as ns

    d = desk(volume_data, scale=(3, 0.7, 0.7))
    d.click(5, 20, 25)
    path = tmp_path / "labels.nii.gz"
    d.controller.save(path)
    d.settle()
    assert d.labels.any()
    volume = d.controller.choices.worker.volume
    assert np.array_equal(ns.read_labels(path, volume), d.labels)
    assert ns.read_volume(path).spacing == pytest.approx((3, 0.7, 0.7))
