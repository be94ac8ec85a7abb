"""Layers of one grid as the channels that the model sees, in a real window."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QTimer

from napari_sam2.widgets.views.channels_dialog import ChannelsDialog
from support.driver import WidgetDriver, shown_dialog


@pytest.fixture
def split(make_napari_viewer, predictor, qtbot):
    """A window with two layers of one grid, as napari splits them; the second is the current image."""
    data = np.random.default_rng(0).integers(0, 1000, (2, 8, 30, 32)).astype(np.int16)
    viewer = make_napari_viewer()
    first, second = viewer.add_image(data, channel_axis=0, name=["ct", "pet"], scale=(2, 1, 1))
    driver = WidgetDriver.show(viewer, second, predictor, qtbot)
    driver.settle()
    driver.first = first
    assert driver.controller.selection.image is second
    yield driver
    driver.close()


def choose(driver, *texts):
    """Answer the dialog with these layers as red, green, blue."""

    def answer():
        dialog = shown_dialog(driver.widget, ChannelsDialog)
        try:
            for box, text in zip(dialog.boxes, (*texts, "none", "none"), strict=False):
                box.native.setCurrentText(text)
        finally:
            dialog.accept()

    driver.widget.more.menu.look()
    assert driver.widget.more.menu.channels_action.isEnabled()
    QTimer.singleShot(50, answer)
    driver.widget.more.menu.channels_action.trigger()
    driver.settle()


def test_layers_are_channels_and_each_slider_is_followed(split, predictor):
    split.click(3, 10, 10)
    alone = split.session
    choose(split, "ct", "pet")
    worker = split.controller.selection.worker
    assert (worker.volume.name, worker.grid.channels, worker.grid.label_axes) == ("ct + pet", (0, 1), "zyx")
    assert "ct red, pet green" in split.widget.source.window_label.text()
    # The mark counts here too, and is told to a session of its own.
    split.settle()
    assert split.session is not alone
    assert split.session.prompted_frames(1) == [3]
    assert split.labels[3, 10, 10] == 1
    layers = list(split.viewer.layers)
    assert layers.index(split.layer_group.labels) > layers.index(split.first)
    assert predictor.streams[-1].frames[0].shape == (30, 32, 3)
    split.first.contrast_limits = 100, 500
    split.image.contrast_limits = 5, 700
    split.settle()
    assert split.session.contrast_limits == ((100, 500), (5, 700))
    choose(split, "pet")
    assert split.session is alone


def test_a_channel_that_leaves_the_viewer_is_none_any_more(split):
    choose(split, "pet", "ct")
    split.click(3, 10, 10)
    path = split.session.path
    split.viewer.layers.remove(split.first)
    split.settle()
    assert split.controller.selection.worker.grid.channels == ()
    assert path.exists()
    split.widget.more.menu.look()
    assert "no other layer" in split.widget.more.menu.channels_action.toolTip()


@pytest.mark.parametrize("moved", ["first", "image"])
def test_a_channel_that_is_moved_is_none_until_it_lies_on_the_grid_again(split, warned, moved):
    choose(split, "pet", "ct")
    split.click(3, 10, 10)
    both, layer = split.session, getattr(split, moved)
    layer.translate = (0, 3, 0)
    split.settle()
    assert split.controller.selection.channels.layers == ()
    assert split.controller.selection.worker.grid.channels == ()
    assert ["no channels any more" in text and layer.name in text for text in warned] == [True]
    split.controller.selection.choose_axis("y")
    split.controller.selection.choose_axis("z")
    layer.translate = (0, 0, 0)
    choose(split, "pet", "ct")
    assert split.session is both


def test_a_session_of_several_layers_is_opened_again_with_them(split, predictor, qtbot):
    choose(split, "pet", "ct")
    split.click(3, 10, 10)
    split.first.contrast_limits = 100, 500
    split.settle()
    path = split.session.path
    split.controller.close()
    split.settle()
    split.viewer.window.remove_dock_widget(split.widget)
    split.first.contrast_limits = 0, 900
    again = WidgetDriver.show(split.viewer, split.image, predictor, qtbot)
    again.settle()
    again.controller.files.open(str(path))
    again.settle()
    selection = again.controller.selection
    assert selection.channels.layers == (split.image, split.first)
    assert again.session.path == path
    assert again.labels[3, 10, 10] == 1
    assert tuple(split.first.contrast_limits) == (100, 500)
    again.close()
