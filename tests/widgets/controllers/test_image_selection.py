"""Marks and masks of other axes and time points stay where they are; layers that change or go during a run."""

from __future__ import annotations

import numpy as np
import pytest

import napari_sam2 as ns

BOX = ((5, 5), (5, 20), (20, 20), (20, 5))


@pytest.fixture
def film():
    return np.random.default_rng(1).integers(0, 1000, (3, 8, 30, 32)).astype(np.int16)


def draw(d, *place):
    """Draw the box with the tool on a slice of a 4-D image."""
    if d.controller.tools.in_hand() != "box":
        d.controller.tools.take("box")
    d.layer_group.boxes.add_rectangles(np.array([(*place, *corner) for corner in BOX], float))
    d.settle()


def go_to(d, axis, index):
    d.viewer.dims.set_current_step(axis, index)
    d.settle()


def begin_run(d):
    d.predictor.delay = 0.05
    d.controller.propagate("both")
    d.qtbot.waitUntil(lambda: d.controller.runs.running and d.controller.runs._written > 1, timeout=5000)


def test_a_box_belongs_to_its_time_point(desk, film):
    d = desk(film)
    d.controller.choices.choose_axis("z")
    go_to(d, 0, 1)
    draw(d, 1, 6)
    assert np.flatnonzero(d.labels.any(axis=(1, 2, 3))).tolist() == [1]
    before = d.labels.copy()
    go_to(d, 0, 0)
    assert d.controller.choices.worker.pending.shown == {}
    assert np.array_equal(d.labels, before)
    draw(d, 0, 6)
    assert sorted(int(box[0, 0]) for box in d.layer_group.boxes.data) == [0, 1]
    d.controller.step(back=True)
    d.settle()
    assert [int(box[0, 0]) for box in d.layer_group.boxes.data] == [1]
    go_to(d, 0, 1)
    assert list(d.controller.choices.worker.pending.shown) == [(1, 6)]
    assert np.array_equal(d.labels, before)


def test_marks_and_masks_of_another_axis_come_back(desk, volume_data):
    d = desk(volume_data)
    d.drag(6, 5, 5, 20, 20)
    d.controller.objects.add()
    d.click(3, 30, 30)
    d.controller.propagate("both")
    d.settle()
    along_z = d.labels.copy()
    d.controller.choices.choose_axis("x")
    d.settle()
    assert d.layer_group.boxes.nshapes == 1
    assert not d.layer_group.points.shown.any()
    assert d.controller.choices.worker.pending.shown == {}
    assert not d.labels.any()
    assert "are kept" in d.widget.status.text()
    d.click(6, 20, 25)
    assert d.labels[6, 20, 25] == 2
    d.controller.step(back=True)
    d.settle()
    assert len(d.layer_group.points.data) == 1
    d.controller.step(back=False)
    d.settle()
    d.controller.choices.choose_axis("z")
    d.settle()
    assert set(d.controller.choices.worker.pending.shown) == {(1, 6), (2, 3)}
    assert d.layer_group.points.shown.tolist() == [True, False]
    assert np.array_equal(d.labels, along_z)
    assert d.layer_group.outline.nshapes == 0
    d.controller.choices.choose_axis("x")
    d.settle()
    assert d.labels[6, 20, 25] == 2
    assert np.flatnonzero(d.labels.any(axis=(0, 1))).tolist() == [25]


def test_time_points_of_an_axis_are_shown_together_again(desk, film):
    d = desk(film)
    d.controller.choices.choose_axis("z")
    for t in (0, 2):
        go_to(d, 0, t)
        draw(d, t, 4)
    before = d.labels.copy()
    d.controller.choices.choose_axis("t")
    d.settle()
    assert not d.labels.any()
    d.controller.choices.choose_axis("z")
    d.settle()
    assert np.array_equal(d.labels, before)


def test_the_time_slider_changes_neither_object_nor_range_and_a_run_goes_on(desk, film):
    d = desk(film)
    d.controller.choices.choose_axis("z")
    go_to(d, 0, 1)
    draw(d, 1, 0)
    d.controller.objects.add()
    d.widget.run.last_box.setValue(6)
    begin_run(d)
    go_to_other = d.viewer.dims.set_current_step
    go_to_other(0, 0)
    assert d.controller.tools.obj == 2
    assert d.widget.run.last_box.value() == 6
    d.settle()
    assert np.flatnonzero(d.labels[1].any(axis=(1, 2))).tolist() == list(range(7))
    assert not d.labels[[0, 2]].any()


@pytest.mark.parametrize("which", ["image", "labels"])
def test_a_layer_that_goes_during_a_run_ends_it_and_nothing_is_drawn_any_more(desk, volume_data, which):
    d = desk(volume_data)
    d.drag(0, 5, 5, 20, 20)
    labels, drawn = d.layer_group.labels, []
    begin_run(d)
    d.viewer.layers.remove(d.image if which == "image" else labels)
    labels.events.set_data.connect(drawn.append)
    d.settle()
    assert not drawn
    if which == "labels":
        assert "The labels layer was deleted" in d.widget.status.text()
        d.predictor.delay = 0
        d.controller.propagate("both")
        d.settle()
        assert d.layer_group.labels in d.viewer.layers
        assert d.labels.any(axis=(1, 2)).all()


def test_another_axis_during_a_run_shows_nothing_of_it(desk, volume_data):
    d = desk(volume_data)
    d.drag(0, 5, 5, 20, 20)
    begin_run(d)
    d.controller.choices.choose_axis("x")
    d.settle()
    assert not d.labels.any()
    d.controller.choices.choose_axis("z")
    d.settle()
    assert d.labels[:2].any(axis=(1, 2)).all()


def test_an_image_of_another_shape_gets_labels_of_its_own(desk, volume_data, warned):
    d = desk(volume_data)
    d.drag(6, 5, 5, 20, 20)
    d.drag(3, 5, 5, 20, 20)
    old, before = d.layer_group.labels, d.labels.copy()
    d.image.data = volume_data[:5].copy()
    d.settle()
    assert old in d.viewer.layers
    assert np.array_equal(old.data, before)
    assert [old.name in text for text in warned] == [True]
    assert d.layer_group.boxes.nshapes == 2
    assert d.labels.shape == (5, 40, 50)
    assert np.flatnonzero(d.labels.any(axis=(1, 2))).tolist() == [3]
    d.image.data = volume_data[0].copy()
    d.settle()
    assert d.controller.choices.axis is None
    d.click(20, 25)
    assert d.labels.shape == (40, 50)
    assert d.labels[20, 25] == 1


def test_colours_of_sixteen_bits_are_seen_by_their_values(desk):
    data = np.random.default_rng(1).integers(2000, 9000, (40, 50, 3)).astype(np.uint16)
    d = desk(data, rgb=True)
    d.click(20, 25)
    low, high = d.session.window
    assert 2000 <= low < high <= 9000
    assert high - low > 5000


PLACE = {"scale": (3, 0.7, 0.7), "translate": (100, -20, 5), "units": ("mm",) * 3}
TURN = {"rotate": np.array([[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]])}


@pytest.mark.parametrize("place", [PLACE, {**PLACE, **TURN}], ids=["translated", "turned"])
def test_saved_labels_lie_where_the_layer_lies_now(desk, volume_data, place, tmp_path):
    d = desk(volume_data, **place)
    d.click(5, 20, 25)
    d.image.scale = (5, 1, 1)
    d.controller.save(tmp_path / "dock.nii.gz")
    d.settle()
    d.layer_group.labels.save(str(tmp_path / "layer.nii.gz"), plugin="napari-sam2")
    for name in ("dock", "layer"):
        saved = ns.read_volume(tmp_path / f"{name}.nii.gz")
        assert saved.spacing == pytest.approx((5, 1, 1))
        # The file may have been turned upright; a labelled voxel is at the same place of the world all the same.
        found = np.argwhere(np.asarray(saved.array) == 1)
        there = (np.c_[found, np.ones(len(found))] @ saved.affine.T)[:, 2::-1]
        voxels = np.argwhere(d.labels == 1)
        wanted = np.array([d.image.data_to_world(v) for v in voxels])
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
    controller.tools.take("point")
    layer_group = controller.choices.layer_group
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


def test_marks_deleted_together_are_one_step(desk, volume_data):
    d = desk(volume_data)
    d.drag(6, 5, 5, 20, 20)
    d.drag(9, 5, 5, 20, 20)
    d.drag(3, 5, 5, 20, 20)
    d.layer_group.boxes.selected_data = {0, 1}
    d.layer_group.boxes.remove_selected()
    d.settle()
    assert np.flatnonzero(d.labels.any(axis=(1, 2))).tolist() == [3]
    d.controller.step(back=True)
    d.settle()
    assert d.layer_group.boxes.nshapes == 3
    assert np.flatnonzero(d.labels.any(axis=(1, 2))).tolist() == [3, 6, 9]
    d.controller.step(back=False)
    d.settle()
    assert d.layer_group.boxes.nshapes == 1
    assert d.session.replay() == 0


def test_of_marks_deleted_together_a_locked_one_stays(desk, volume_data, warned):
    d = desk(volume_data)
    d.drag(6, 5, 5, 20, 20)
    d.drag(9, 5, 5, 20, 20)
    d.session.lock(frame=9, obj_id=1)
    d.layer_group.boxes.selected_data = {0, 1}
    d.layer_group.boxes.remove_selected()
    d.settle()
    assert ["locked" in text for text in warned] == [True]
    assert d.session.prompted_frames(1) == [9]
    assert d.layer_group.boxes.nshapes == 1
