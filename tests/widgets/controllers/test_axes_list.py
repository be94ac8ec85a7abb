"""What an axis of the image is: shown, changed by the user, followed by session, layers and files."""

from __future__ import annotations

import numpy as np
import pytest

import napari_sam2 as ns

NAMED = {"axis_labels": ("c", "z", "y", "x")}


@pytest.fixture
def stained():
    """Two channels ``(c, z, y, x)`` of which the second is ten times as bright."""
    data = np.random.default_rng(1).integers(0, 100, (2, 6, 30, 32)).astype(np.uint16)
    data[1] *= 10
    return data


def listed(box):
    return [box.itemText(i) for i in range(box.count())]


def choose(d, letters):
    box = d.widget.source.axes_box
    box.setCurrentIndex(box.findData(letters))
    box.activated.emit(box.currentIndex())
    d.settle()


def test_a_named_channel_is_not_followed(desk, stained):
    d = desk(stained, **NAMED)
    assert listed(d.widget.source.axis_box) == ["z, 6 slices", "y, 30 slices", "x, 32 slices"]
    assert d.widget.source.axes_box.currentText() == "c 2, z 6"
    assert "channel 0" in d.widget.source.window_label.text()
    assert tuple(d.viewer.dims.order[-2:]) == (2, 3)


@pytest.mark.parametrize("channel", [0, 1])
def test_the_channel_that_is_shown_is_the_one_that_the_model_sees(desk, stained, channel):
    d = desk(stained, **NAMED)
    d.viewer.dims.set_current_step(0, channel)
    d.settle()
    d.click(0, 3, 20, 25)
    assert d.session.grid.channels == (channel,)
    assert f"channel {channel}" in d.widget.source.window_label.text()
    # Another channel shown later changes nothing about work that is under way.
    d.viewer.dims.set_current_step(0, 1 - channel)
    d.settle()
    d.click(0, 4, 10, 10)
    assert d.session.grid.channels == (channel,)
    assert d.session.prompted_frames(1) == [3, 4]


@pytest.mark.parametrize("names", ["czyx", "zcyx", "zycx"])
def test_masks_of_channels_are_a_volume_without_them(desk, stained, names, tmp_path):
    moved = np.moveaxis(stained, 0, names.index("c"))
    d = desk(moved, axis_labels=tuple(names), scale=[{"c": 1, "z": 3, "y": 1, "x": 1}[a] for a in names], rgb=False)
    where = {"c": 0, "z": 3, "y": 20, "x": 25}
    d.click(*[where[a] for a in names])
    d.controller.propagate("both")
    d.settle()
    channel = names.index("c")
    assert d.labels.shape[channel] == 1
    masks = d.labels.squeeze(channel)
    assert masks.shape == (6, 30, 32)
    assert masks[:, 20, 25].all()
    assert np.array_equal(masks, d.session.labels())
    d.controller.save(tmp_path / "dock.tif")
    d.settle()
    d.layer_group.labels.save(str(tmp_path / "layer.tif"), plugin="napari-sam2")
    for name in ("dock", "layer"):
        saved = ns.read_volume(tmp_path / f"{name}.tif")
        assert saved.axes == "zyx"
        assert np.array_equal(saved.array, masks)


def test_a_stroke_on_channels_is_an_edit(desk, stained):
    d = desk(stained, **NAMED)
    d.click(0, 3, 20, 25)
    d.viewer.dims.set_current_step(0, 1)
    d.controller.choices.show_frame(3)
    d.settle()
    d.layer_group.labels.brush_size = 1
    d.layer_group.labels.paint((0, 3, 5, 6), 1)
    d.settle()
    assert d.session.mask(1, 3)[5, 6]


def test_one_frame_of_channels_is_a_single_image(desk, stained):
    d = desk(stained[:, 0], axis_labels=("c", "y", "x"))
    d.click(0, 20, 25)
    assert listed(d.widget.source.axis_box) == ["single image"]
    assert d.session.labels()[20, 25] == 1


def test_what_is_assumed_is_shown_and_can_be_changed(desk, stained):
    d = desk(stained.swapaxes(0, 1).copy())
    source = d.widget.source
    assert source.axes_box.isVisibleTo(source)
    assert source.axes_box.currentText() == "assumed: t 6, z 2"
    assert source.axis_box.currentText() == "z, 2 slices"
    choose(d, "zcyx")
    assert source.axes_box.currentText() == "z 6, c 2"
    assert source.axis_box.currentText() == "z, 6 slices"
    d.click(2, 0, 20, 25)
    assert d.session.volume.axes == "zcyx"
    assert d.labels.shape == (6, 1, 30, 32)


def test_what_was_chosen_is_kept_while_the_image_is_open(desk, stained):
    d = desk(stained)
    choose(d, "czyx")
    other = d.viewer.add_image(np.zeros((5, 30, 32)))
    d.controller.choices.choose_image(other)
    d.settle()
    d.controller.choices.choose_image(d.image)
    d.settle()
    assert d.widget.source.axes_box.currentText() == "c 2, z 6"
    assert d.controller.choices.worker.volume.axes == "czyx"


def test_a_stack_can_be_called_a_film(desk, volume_data):
    d = desk(volume_data)
    choose(d, "tyx")
    assert listed(d.widget.source.axis_box) == ["t, 12 frames"]
    assert d.widget.run.range_label.text() == "frames"
    d.click(5, 20, 25)
    assert d.session.volume.axes == "tyx"


def test_other_axes_leave_the_masks_made_before_in_a_layer(desk, stained, warned):
    d = desk(stained)
    d.click(0, 3, 20, 25)
    old, before = d.layer_group.labels, d.labels.copy()
    choose(d, "czyx")
    assert old in d.viewer.layers
    assert np.array_equal(old.data, before)
    assert old.name in warned[0]
    assert d.layer_group.labels is None
    assert d.controller.choices.worker.pending.shown == {}
    d.click(0, 3, 20, 25)
    assert d.labels.shape == (1, 6, 30, 32)


def test_an_image_of_our_readers_is_not_asked_about(desk):
    from napari_sam2.core.volume import ImageVolume
    from napari_sam2.layers.volume_layers import layer_data

    data, options, _ = layer_data(ImageVolume(np.zeros((4, 20, 20)), axes="tyx"), "film")
    d = desk(data, **{k: v for k, v in options.items() if k != "name"})
    assert not d.widget.source.axes_box.isVisibleTo(d.widget.source)
    assert d.controller.choices.axis == "t"


def test_axes_are_fixed_during_a_run(desk, stained):
    d = desk(stained, **NAMED)
    d.click(0, 3, 20, 25)
    d.predictor.delay = 0.05
    d.controller.propagate("both")
    d.qtbot.waitUntil(lambda: d.controller.runs.running, timeout=5000)
    assert not d.widget.source.axes_box.isEnabled()
    d.settle()
    assert d.widget.source.axes_box.isEnabled()


def test_a_session_of_a_channel_goes_on_from_its_file(desk, stained, tmp_path):
    d = desk(stained, **NAMED)
    d.viewer.dims.set_current_step(0, 1)
    d.settle()
    d.click(0, 3, 20, 25)
    path = tmp_path / "work.sam2"
    d.controller.files.save(str(path))
    d.settle()
    before = d.labels.copy()
    d.viewer.layers.clear()
    d.settle()
    image = d.viewer.add_image(stained, **NAMED)
    d.settle()
    d.controller.files.open(str(path))
    d.settle()
    assert d.controller.choices.image is image
    assert np.array_equal(d.labels, before)
    assert len(d.layer_group.points.data) == 1
    assert d.session.grid.channels == (1,)
