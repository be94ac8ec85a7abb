"""What an axis of the image is: shown, changed by the user, followed by session, layers and files."""

from __future__ import annotations

import numpy as np
import pytest

import napari_sam2 as ns
from napari_sam2.layers.volume_layers import layer_data

NAMED = {"axis_labels": ("c", "z", "y", "x")}


@pytest.fixture
def stained():
    """Two channels ``(c, z, y, x)`` of which the second is ten times as bright."""
    data = np.random.default_rng(1).integers(0, 100, (2, 6, 30, 32)).astype(np.uint16)
    data[1] *= 10
    return data


def listed(box):
    return [box.itemText(i) for i in range(box.count())]


def choose(driver, letters):
    driver.controller.selection.choose_axes(letters)
    driver.settle()


def meaning(driver):
    return driver.widget.source.axes_label.text().splitlines()[0].replace("\u00a0", " ")


def test_a_named_channel_is_not_followed(make_driver, stained):
    driver = make_driver(stained, **NAMED)
    assert listed(driver.widget.source.axis_box) == ["z, 6 slices", "y, 30 slices", "x, 32 slices"]
    assert meaning(driver) == "c 2, z 6, y 30, x 32"
    assert "channel 0" in driver.widget.source.window_label.text()
    assert tuple(driver.viewer.dims.order[-2:]) == (2, 3)


@pytest.mark.parametrize("channel", [0, 1])
def test_the_channel_that_is_shown_is_the_one_that_the_model_sees(make_driver, stained, channel):
    driver = make_driver(stained, **NAMED)
    driver.viewer.dims.set_current_step(0, channel)
    driver.settle()
    driver.click(0, 3, 20, 25)
    assert driver.session.grid.channels == (channel,)
    assert f"channel {channel}" in driver.widget.source.window_label.text()
    # Another channel shown later changes nothing about work that is under way.
    driver.viewer.dims.set_current_step(0, 1 - channel)
    driver.settle()
    driver.click(0, 4, 10, 10)
    assert driver.session.grid.channels == (channel,)
    assert driver.session.prompted_frames(1) == [3, 4]


@pytest.mark.parametrize("names", ["czyx", "zcyx", "zycx"])
def test_masks_of_channels_are_a_volume_without_them(make_driver, stained, names, tmp_path):
    moved = np.moveaxis(stained, 0, names.index("c"))
    driver = make_driver(
        moved, axis_labels=tuple(names), scale=[{"c": 1, "z": 3, "y": 1, "x": 1}[a] for a in names], rgb=False
    )
    where = {"c": 0, "z": 3, "y": 20, "x": 25}
    driver.click(*[where[a] for a in names])
    driver.controller.propagate("both")
    driver.settle()
    channel = names.index("c")
    assert driver.labels.shape[channel] == 1
    masks = driver.labels.squeeze(channel)
    assert masks.shape == (6, 30, 32)
    assert masks[:, 20, 25].all()
    assert np.array_equal(masks, driver.session.labels())
    driver.controller.save(tmp_path / "dock.tif")
    driver.settle()
    driver.layer_group.labels.save(str(tmp_path / "layer.tif"), plugin="napari-sam2")
    for name in ("dock", "layer"):
        saved = ns.read_volume(tmp_path / f"{name}.tif")
        assert saved.axes == "zyx"
        assert np.array_equal(saved.array, masks)


def test_a_stroke_on_channels_is_an_edit(make_driver, stained):
    driver = make_driver(stained, **NAMED)
    driver.click(0, 3, 20, 25)
    driver.viewer.dims.set_current_step(0, 1)
    driver.controller.selection.show_frame(3)
    driver.settle()
    driver.layer_group.labels.brush_size = 1
    driver.layer_group.labels.paint((0, 3, 5, 6), 1)
    driver.settle()
    assert driver.session.mask(1, 3)[5, 6]


def test_one_frame_of_channels_is_a_single_image(make_driver, stained):
    driver = make_driver(stained[:, 0], axis_labels=("c", "y", "x"))
    driver.click(0, 20, 25)
    assert listed(driver.widget.source.axis_box) == ["single image"]
    assert driver.session.labels()[20, 25] == 1


def test_what_is_assumed_is_shown_and_can_be_changed(make_driver, stained):
    driver = make_driver(stained.swapaxes(0, 1).copy())
    source = driver.widget.source
    assert meaning(driver) == "t 6 ?, z 2 ?, y 30, x 32"
    assert "the file does not say that t is time" in source.axes_label.text()
    assert source.axis_box.currentText() == "z, 2 slices, at one t"
    choose(driver, "zcyx")
    assert meaning(driver) == "z 6, c 2, y 30, x 32"
    assert source.axis_box.currentText() == "z, 6 slices"
    driver.click(2, 0, 20, 25)
    assert driver.session.volume.axes == "zcyx"
    assert driver.labels.shape == (6, 1, 30, 32)


def test_what_was_chosen_is_kept_while_the_image_is_open(make_driver, stained):
    driver = make_driver(stained)
    choose(driver, "czyx")
    other = driver.viewer.add_image(np.zeros((5, 30, 32)))
    driver.controller.selection.choose_image(other)
    driver.settle()
    driver.controller.selection.choose_image(driver.image)
    driver.settle()
    assert meaning(driver) == "c 2, z 6, y 30, x 32"
    assert driver.controller.selection.worker.volume.axes == "czyx"


def test_a_stack_can_be_called_a_film(make_driver, volume_data):
    driver = make_driver(volume_data)
    choose(driver, "tyx")
    assert listed(driver.widget.source.axis_box) == ["t, 12 frames"]
    assert driver.widget.run.range_label.text() == "frames"
    driver.click(5, 20, 25)
    assert driver.session.volume.axes == "tyx"


def test_other_axes_leave_the_masks_made_before_in_a_layer(make_driver, stained, warned):
    driver = make_driver(stained)
    driver.click(0, 3, 20, 25)
    old, before = driver.layer_group.labels, driver.labels.copy()
    choose(driver, "czyx")
    assert old in driver.viewer.layers
    assert np.array_equal(old.data, before)
    assert old.name in warned[0]
    assert driver.layer_group.labels is None
    assert driver.controller.selection.worker.pending.shown == {}
    driver.click(0, 3, 20, 25)
    assert driver.labels.shape == (1, 6, 30, 32)


@pytest.fixture
def read_film():
    """The layer of a file that says that its axes are t, y and x."""
    volume = ns.ImageVolume(np.random.default_rng(2).integers(0, 99, (4, 20, 20)), axes="tyx", spacing=(30, 2, 2))
    data, options, _ = layer_data(volume, "film")
    return data, {k: v for k, v in options.items() if k != "name"}


def test_the_user_is_believed_more_than_a_file(make_driver, read_film):
    driver = make_driver(read_film[0], **read_film[1])
    assert driver.controller.selection.axis == "t"
    assert meaning(driver) == "t 4 × 30 s, y 20, x 20"
    choose(driver, "zyx")
    assert tuple(driver.image.axis_labels) == ("z", "y", "x")
    assert driver.controller.selection.axis == "z"
    driver.click(2, 10, 10)
    assert driver.session.volume.axes == "zyx"


def test_what_the_user_said_of_the_axes_is_kept_in_the_session(make_driver, read_film, tmp_path):
    driver = make_driver(read_film[0], **read_film[1])
    choose(driver, "zyx")
    driver.click(2, 10, 10)
    driver.controller.files.save(str(tmp_path / "work.sam2"))
    driver.settle()
    before = driver.labels.copy()
    driver.viewer.layers.clear()
    driver.settle()
    driver.viewer.add_image(read_film[0], **read_film[1])
    driver.settle()
    assert driver.controller.selection.worker.volume.axes == "tyx"
    driver.controller.files.open(str(tmp_path / "work.sam2"))
    driver.settle()
    assert meaning(driver).startswith("z 4")
    assert driver.session.volume.axes == "zyx"
    assert np.array_equal(driver.labels, before)


def test_the_button_asks_what_the_axes_are(make_driver, volume_data, monkeypatch):
    driver = make_driver(volume_data)
    asked = []

    def answer(dialog):
        asked.append([box.label for box in dialog.boxes])
        dialog.boxes[0].value = "t"
        return True

    monkeypatch.setattr("napari_sam2.widgets.views.axes_dialog.AxesDialog.exec", answer)
    driver.widget.source.axes_button.click()
    driver.settle()
    assert asked == [["axis 1: 12 long", "axis 2: 40 long", "axis 3: 50 long"]]
    assert driver.controller.selection.axis == "t"


@pytest.mark.parametrize("axis", ["z", "t"])
def test_five_axes_are_followed_at_one_index_of_the_fifth(make_driver, axis):
    data = np.random.default_rng(3).integers(0, 100, (3, 2, 5, 30, 32)).astype(np.uint16)
    driver = make_driver(data, axis_labels=("t", "c", "z", "y", "x"))
    driver.controller.selection.choose_axis(axis)
    for place, index in enumerate((1, 1, 2)):
        driver.viewer.dims.set_current_step(place, index)
    driver.settle()
    driver.click(1, 0, 2, 20, 25)
    driver.controller.propagate("both")
    driver.settle()
    assert driver.session.grid.at == ({"z": ("t", 1), "t": ("z", 2)}[axis],)
    assert driver.session.grid.channels == (1,)
    here = driver.labels[1, 0] if axis == "z" else driver.labels[:, 0, 2]
    assert here[:, 20, 25].all()
    assert driver.labels.astype(bool).sum() == here.astype(bool).sum()


def test_axes_are_fixed_during_a_run(make_driver, stained):
    driver = make_driver(stained, **NAMED)
    driver.click(0, 3, 20, 25)
    driver.predictor.delay = 0.05
    driver.controller.propagate("both")
    driver.qtbot.waitUntil(lambda: driver.controller.runs.running, timeout=5000)
    assert not driver.widget.source.axes_button.isEnabled()
    driver.settle()
    assert driver.widget.source.axes_button.isEnabled()


def test_a_session_of_a_channel_goes_on_from_its_file(make_driver, stained, tmp_path):
    driver = make_driver(stained, **NAMED)
    driver.viewer.dims.set_current_step(0, 1)
    driver.settle()
    driver.click(0, 3, 20, 25)
    path = tmp_path / "work.sam2"
    driver.controller.files.save(str(path))
    driver.settle()
    before = driver.labels.copy()
    driver.viewer.layers.clear()
    driver.settle()
    image = driver.viewer.add_image(stained, **NAMED)
    driver.settle()
    driver.controller.files.open(str(path))
    driver.settle()
    assert driver.controller.selection.image is image
    assert np.array_equal(driver.labels, before)
    assert len(driver.layer_group.points.data) == 1
    assert driver.session.grid.channels == (1,)


def pick(driver, text):
    box = driver.widget.source.channel_box
    box.setCurrentIndex(listed(box).index(text))
    box.activated.emit(box.currentIndex())
    driver.settle()


def test_another_channel_after_the_first_mark_gets_the_marks_and_loses_nothing(make_driver, stained):
    driver = make_driver(stained, **NAMED)
    driver.click(0, 3, 20, 25)
    driver.controller.propagate("both")
    driver.settle()
    first, before = driver.session, driver.labels.copy()
    pick(driver, "channel 1")
    assert driver.session.grid.channels == (1,)
    assert "is kept" in driver.widget.status.text()
    assert driver.session.prompted_frames(1) == [3]
    assert np.flatnonzero(driver.labels.any(axis=(0, 2, 3))).tolist() == [3]
    pick(driver, "channel 0")
    pick(driver, "the one that is shown")
    assert driver.session is first
    assert np.array_equal(driver.labels, before)


def test_several_channels_are_colours_each_with_its_own_limits(make_driver, stained, monkeypatch):
    driver = make_driver(stained, **NAMED)
    monkeypatch.setattr("napari_sam2.widgets.views.channels_dialog.ChannelsDialog.exec", lambda dialog: True)
    pick(driver, "several as colours…")
    assert driver.widget.source.channel_box.currentText() == "0, 1 as red, green"
    assert "0 red, 1 green" in driver.widget.source.window_label.text()
    driver.click(0, 3, 20, 25)
    (_, dim), (_, bright) = driver.session.contrast_limits
    assert driver.session.grid.channels == (0, 1)
    assert bright > 5 * dim
    driver.image.contrast_limits = (10, 20)
    driver.settle()
    assert driver.session.contrast_limits[0][1] == dim


def test_an_image_without_channels_offers_none(make_driver, volume_data):
    driver = make_driver(volume_data)
    assert not driver.widget.source.channel_box.isVisibleTo(driver.widget.source)
