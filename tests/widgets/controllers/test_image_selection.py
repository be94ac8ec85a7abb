"""Marks and masks of other axes and time points stay where they are; layers that change or go during a run."""

from __future__ import annotations

import numpy as np
import pytest

import napari_sam2 as ns

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


def begin_run(driver):
    driver.predictor.delay = 0.05
    driver.controller.propagate("both")
    driver.qtbot.waitUntil(lambda: driver.controller.runs.running and driver.controller.runs._written > 1, timeout=5000)


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
    begin_run(driver)
    go_to_other = driver.viewer.dims.set_current_step
    go_to_other(0, 0)
    assert driver.controller.tools.obj_id == 2
    assert driver.widget.run.last_box.value() == 6
    driver.settle()
    assert np.flatnonzero(driver.labels[1].any(axis=(1, 2))).tolist() == list(range(7))
    assert not driver.labels[[0, 2]].any()


@pytest.mark.parametrize("which", ["image", "labels"])
def test_a_layer_that_goes_during_a_run_ends_it_and_nothing_is_drawn_any_more(make_driver, volume_data, which):
    driver = make_driver(volume_data)
    driver.drag(0, 5, 5, 20, 20)
    labels, drawn = driver.layer_group.labels, []
    begin_run(driver)
    driver.viewer.layers.remove(driver.image if which == "image" else labels)
    labels.events.set_data.connect(drawn.append)
    driver.settle()
    assert not drawn
    if which == "labels":
        assert "The labels layer was deleted" in driver.widget.status.text()
        driver.predictor.delay = 0
        driver.controller.propagate("both")
        driver.settle()
        assert driver.layer_group.labels in driver.viewer.layers
        assert driver.labels.any(axis=(1, 2)).all()


def test_another_axis_during_a_run_shows_nothing_of_it(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(0, 5, 5, 20, 20)
    begin_run(driver)
    driver.controller.selection.choose_axis("x")
    driver.settle()
    assert not driver.labels.any()
    driver.controller.selection.choose_axis("z")
    driver.settle()
    assert driver.labels[:2].any(axis=(1, 2)).all()


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


def test_colours_of_sixteen_bits_are_seen_by_their_values(make_driver):
    data = np.random.default_rng(1).integers(2000, 9000, (40, 50, 3)).astype(np.uint16)
    driver = make_driver(data, rgb=True)
    driver.click(20, 25)
    low, high = driver.session.window
    assert 2000 <= low < high <= 9000
    assert high - low > 5000


PLACE = {"scale": (3, 0.7, 0.7), "translate": (100, -20, 5), "units": ("mm",) * 3}
TURN = {"rotate": np.array([[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]])}


@pytest.mark.parametrize("place", [PLACE, {**PLACE, **TURN}], ids=["translated", "turned"])
def test_saved_labels_lie_where_the_layer_lies_now(make_driver, volume_data, place, tmp_path):
    driver = make_driver(volume_data, **place)
    driver.click(5, 20, 25)
    driver.image.scale = (5, 1, 1)
    driver.controller.save(tmp_path / "dock.nii.gz")
    driver.settle()
    driver.layer_group.labels.save(str(tmp_path / "layer.nii.gz"), plugin="napari-sam2")
    for name in ("dock", "layer"):
        saved = ns.read_volume(tmp_path / f"{name}.nii.gz")
        assert saved.spacing == pytest.approx((5, 1, 1))
        # The file may have been turned upright; a labelled voxel is at the same place of the world all the same.
        found = np.argwhere(np.asarray(saved.array) == 1)
        there = (np.c_[found, np.ones(len(found))] @ saved.affine.T)[:, 2::-1]
        voxels = np.argwhere(driver.labels == 1)
        wanted = np.array([driver.image.data_to_world(v) for v in voxels])
        assert np.allclose(sorted(there.round(3).tolist()), sorted(wanted.round(3).tolist()), atol=2e-3)


def test_both_ways_of_saving_keep_the_grid_of_the_file(make_napari_viewer, predictor, qtbot, tmp_path):
    import nibabel

    from napari_sam2.layers.volume_layers import layer_data
    from napari_sam2.plugin.dock_widget import SegmentWidget

    affine = np.array([[-0.7, 0, 0, 40], [0, 0, 2.5, -30], [0, -0.7, 0, 12], [0, 0, 0, 1]])
    values = np.random.default_rng(0).integers(0, 1000, (20, 24, 6)).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(values, affine), tmp_path / "image.nii.gz")
    data, options, _ = layer_data(ns.read_volume(tmp_path / "image.nii.gz"), "image")
    viewer = make_napari_viewer()
    viewer.add_image(data, **options)
    widget = SegmentWidget(viewer, load=lambda name, device: predictor)
    viewer.window.add_dock_widget(widget)
    controller = widget.controller
    controller.tools.activate("point")
    layer_group = controller.selection.layer_group
    layer_group.points.add([s // 2 for s in data.shape])
    qtbot.waitUntil(lambda: not controller.busy, timeout=10000)
    controller.save(tmp_path / "dock.nii.gz")
    qtbot.waitUntil(lambda: not controller.busy, timeout=10000)
    layer_group.labels.save(str(tmp_path / "layer.nii.gz"), plugin="napari-sam2")
    dock, layer = (nibabel.load(tmp_path / f"{name}.nii.gz") for name in ("dock", "layer"))
    assert np.allclose(layer.affine, affine)
    assert np.allclose(dock.affine, affine)
    assert np.asarray(layer.dataobj).any()
    assert np.array_equal(np.asarray(layer.dataobj), np.asarray(dock.dataobj))
    controller.close()


def test_marks_deleted_together_are_one_step(make_driver, volume_data):
    driver = make_driver(volume_data)
    driver.drag(6, 5, 5, 20, 20)
    driver.drag(9, 5, 5, 20, 20)
    driver.drag(3, 5, 5, 20, 20)
    driver.layer_group.boxes.selected_data = {0, 1}
    driver.layer_group.boxes.remove_selected()
    driver.settle()
    assert np.flatnonzero(driver.labels.any(axis=(1, 2))).tolist() == [3]
    driver.controller.step(back=True)
    driver.settle()
    assert driver.layer_group.boxes.nshapes == 3
    assert np.flatnonzero(driver.labels.any(axis=(1, 2))).tolist() == [3, 6, 9]
    driver.controller.step(back=False)
    driver.settle()
    assert driver.layer_group.boxes.nshapes == 1
    assert driver.session.replay() == 0


def test_of_marks_deleted_together_a_locked_one_stays(make_driver, volume_data, warned):
    driver = make_driver(volume_data)
    driver.drag(6, 5, 5, 20, 20)
    driver.drag(9, 5, 5, 20, 20)
    driver.session.lock(frame=9, obj_id=1)
    driver.layer_group.boxes.selected_data = {0, 1}
    driver.layer_group.boxes.remove_selected()
    driver.settle()
    assert ["locked" in text for text in warned] == [True]
    assert driver.session.prompted_frames(1) == [9]
    assert driver.layer_group.boxes.nshapes == 1
