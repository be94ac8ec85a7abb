"""A real window with a bundled sample, its ground truth as labels, and a dock opened as napari's menus do."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from napari.layers import Labels

from napari_sam2.layers.image import place_on
from napari_sam2.layers.volume_layers import layer_data
from napari_sam2.samples import load_sample

sample = cache(load_sample)


class FormDesk:
    """A viewer, its image and labels, and a dock."""

    def __init__(self, viewer, qtbot):
        self.viewer, self.qtbot = viewer, qtbot
        self.image = self.labels = self.dock = None

    def show(self, name, labels="truth"):
        """Open a sample, with its ground truth as a layer."""
        found = sample(name)
        data, options, _ = layer_data(found.volume, name)
        self.image = self.viewer.add_image(data, **options)
        self.labels = self.add(found.truth, labels)
        self.labels.features = {"index": [0, *found.names], "name": ["", *found.names.values()]}
        return found

    def add(self, array, name):
        """Add labels that lie on the image."""
        layer = Labels(np.array(array, dtype=np.uint16), name=name, **place_on(self.image))
        self.viewer.add_layer(layer)
        return layer

    def open(self, title):
        """Open a dock by its name in the menu."""
        _, self.dock = self.viewer.window.add_plugin_dock_widget("napari-sam2", title)
        return self.dock

    def settle(self):
        """Wait for what runs in the background."""
        self.qtbot.waitUntil(lambda: not self.dock.task.running, timeout=60000)
        return self.dock.status.text()

    def press(self):
        """Press the form's own button, and wait; returns what the dock says then."""
        self.dock.form.call_button.native.click()
        return self.settle()


@pytest.fixture
def form_desk(make_napari_viewer, qtbot):
    """A viewer without layers, and what is done in it."""
    desk = FormDesk(make_napari_viewer(), qtbot)
    yield desk
    if desk.dock is not None:
        desk.dock.close_down()
        desk.settle()
