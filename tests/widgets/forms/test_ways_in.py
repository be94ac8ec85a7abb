"""The docks of forms open from napari's menus and find the layers of the viewer, before and after."""

from __future__ import annotations

import numpy as np
import pytest

from support.menus import open_dock

COMMANDS = {
    "napari-sam2.measure_widget": "Measure objects",
    "napari-sam2.compare_widget": "Compare labels",
    "napari-sam2.operations_widget": "Change masks",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_menu_opens_a_dock_that_knows_the_layers(make_napari_viewer_proxy, command) -> None:
    viewer = make_napari_viewer_proxy()
    viewer.add_image(np.zeros((4, 8, 8)), name="ct")
    first = viewer.add_labels(np.ones((4, 8, 8), np.uint8), name="organs")
    open_dock(command, COMMANDS[command])
    title, dock = next(iter(viewer.window.dock_widgets.items()))
    assert title.startswith(COMMANDS[command])
    form = getattr(dock, "choice", None) or dock.form
    # The layer itself, not napari's proxy of it.
    assert form.labels_layer.value is first.__wrapped__
    viewer.add_labels(np.ones((4, 8, 8), np.uint8), name="later")
    first.name = "renamed"
    assert {layer.name for layer in form.labels_layer.choices} == {"renamed", "later"}
    assert form.labels_layer.value is first.__wrapped__
    viewer.layers.remove("renamed")
    assert [layer.name for layer in form.labels_layer.choices] == ["later"]
    dock.close_down()


def test_without_a_name_the_dock_to_segment_is_opened(make_napari_viewer) -> None:
    from napari.plugins._npe2 import get_widget_contribution

    make_napari_viewer()
    found = get_widget_contribution("napari-sam2")
    assert found is not None
    assert found[1] == "Segment with SAM 2"


def test_a_viewer_that_opens_later_does_not_lend_its_layers(make_napari_viewer) -> None:
    viewer = make_napari_viewer()
    viewer.add_labels(np.ones((4, 8, 8), np.uint8), name="mine")
    other = make_napari_viewer()
    other.add_labels(np.ones((4, 8, 8), np.uint8), name="theirs")
    _, dock = viewer.window.add_plugin_dock_widget("napari-sam2", "Change masks")
    assert [layer.name for layer in dock.choice.labels_layer.choices] == ["mine"]
    dock.close_down()
