"""Looking at a volume in three planes."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from napari_sam2.layers.planes import CROSS_NAME, camera_of
from napari_sam2.plugin.three_planes_dock import TITLE, ThreePlanesWidget, open_three_planes


@pytest.fixture
def docked(make_napari_viewer, qtbot):
    """``make(*shape) → viewer, image, widget``."""

    def make(*shape, **arguments):
        viewer = make_napari_viewer()
        image = viewer.add_image(np.random.default_rng(0).random(shape), rgb=False, **arguments)
        open_three_planes(viewer)
        return viewer, image, viewer.window.dock_widgets[TITLE]

    return make


def click(model, position, moved=0):
    """Press the mouse in a view at a place of the world, and let it go again after so many pixels."""
    event = SimpleNamespace(type="mouse_press", pos=(50, 50), position=position)
    runs = [callback(model, event) for callback in model.mouse_drag_callbacks if callback.__name__ == "_go_to_click"]
    assert runs
    for run in runs:
        next(run)
        if moved:
            event.type, event.pos = "mouse_move", (50 + moved, 50)
            next(run, None)
        event.type = "mouse_release"
        next(run, None)


def test_the_two_other_planes_are_shown_with_the_lowest_slice_below(docked):
    _, _, widget = docked(6, 30, 32, scale=(3, 1, 1))
    assert [model.dims.order for model in widget.controller.models] == [(2, 0, 1), (1, 0, 2)]
    assert [view.title.text() for view in widget.views] == ["z – y", "z – x"]
    assert camera_of(widget.controller.models[0]).orientation2d[0] == "up"
    assert not widget.splitter.isHidden()


def test_a_click_in_one_view_brings_all_to_the_same_place(docked):
    viewer, _, widget = docked(6, 30, 32, scale=(3, 1, 1))
    views = [viewer, *widget.controller.models]
    click(views[2], (6, 11, 20))
    assert [tuple(view.dims.point) for view in views] == [(6, 11, 20)] * 3
    click(viewer, (6, 4, 5))
    assert [tuple(view.dims.point) for view in views] == [(6, 4, 5)] * 3
    click(viewer, (9, 20, 20), moved=30)
    assert tuple(viewer.dims.point) == (6, 4, 5)
    viewer.dims.set_current_step(0, 1)
    assert {view.dims.point[0] for view in views} == {3}
    for view in views:
        assert view.layers[CROSS_NAME].nshapes == 2


def test_the_lines_are_a_pixel_wide_at_least_in_a_small_view(docked):
    viewer, _, widget = docked(6, 30, 32, scale=(3, 1, 1))
    for view in (viewer, *widget.controller.models):
        camera_of(view).zoom = 0.5
    viewer.dims.set_current_step(0, 4)
    for view in (viewer, *widget.controller.models):
        lines = view.layers[CROSS_NAME]
        for width, across in zip(lines.edge_width, reversed(view.dims.order[-2:]), strict=True):
            assert width * lines.scale[across] * 0.5 >= 1


def test_another_plane_in_the_main_view_turns_the_others(docked):
    viewer, _, widget = docked(6, 30, 32)
    viewer.dims.order = (1, 0, 2)
    assert [model.dims.order[-2:] for model in widget.controller.models] == [(0, 1), (1, 2)]


def test_a_single_picture_has_no_other_plane_and_that_is_said(docked, qtbot):
    viewer, _, widget = docked(30, 32)
    assert widget.splitter.isHidden()
    assert "one plane only" in widget.hint.text()
    viewer.add_image(np.zeros((5, 30, 32)))
    qtbot.waitUntil(lambda: not widget.splitter.isHidden(), timeout=5000)
    assert CROSS_NAME in viewer.layers


def test_closed_it_leaves_nothing_in_the_main_viewer(docked):
    viewer, image, widget = docked(6, 30, 32)
    viewer.window.remove_dock_widget(widget)
    widget.controller.fit()  # As the timer of a dock that was shown just before.
    assert list(viewer.layers) == [image]
    assert not [c for c in viewer.mouse_drag_callbacks if c.__name__ == "_go_to_click"]
    viewer.dims.set_current_step(0, 2)
    assert len(widget.controller.models[0].layers) == 0


def test_it_is_docked_once(docked):
    viewer, _, widget = docked(6, 30, 32)
    open_three_planes(viewer)
    assert [d for d in viewer.window.dock_widgets.values() if isinstance(d, ThreePlanesWidget)] == [widget]


def test_it_opens_from_the_menu_of_plugins(make_napari_viewer):
    viewer = make_napari_viewer()
    viewer.add_image(np.zeros((4, 8, 9)))
    _, widget = viewer.window.add_plugin_dock_widget("napari-sam2", TITLE)
    assert isinstance(widget, ThreePlanesWidget)
    assert len(widget.controller.models[0].layers) == 2
