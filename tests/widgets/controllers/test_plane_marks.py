"""Marks in further planes: prompts of sessions along their axes, in a real window."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.layers.extra_layers import PLANE_NAME
from napari_sam2.plugin.three_planes_dock import TITLE, open_three_planes


@pytest.fixture
def planes(make_driver, volume_data):
    """The driver of a window with the further planes open, that across x first."""
    driver = make_driver(volume_data, scale=(2, 1, 1))
    open_three_planes(driver.viewer)
    driver.dock = driver.viewer.window.dock_widgets[TITLE]
    return driver


def side(driver, axis):
    return next(each for each in driver.dock.controller._sides if each.axis == axis)


def mark(driver, axis, *place):
    """Place a point with the tool in the plane across an axis, at data coordinates."""
    if driver.controller.tools.active_tool() != "point":
        driver.controller.tools.activate("point")
    here = side(driver, axis)
    assert here.model.layers.selection.active is here.group.points
    assert here.group.points.mode == "add"
    here.prepare()
    driver.viewer.dims.point = here.image.data_to_world(place)
    here.group.points.add(np.array(place, float))
    driver.qtbot.wait(20)
    driver.settle()


def outlined(driver, axis):
    """The labels that a plane outlines, on the grid of the image, and None where it outlines none."""
    found = [layer for layer in side(driver, axis).model.layers if layer.name == PLANE_NAME]
    return found[0] if found else None


def along(driver, axis):
    return driver.controller.selection.worker_along(axis)


def test_a_click_in_a_side_plane_is_a_prompt_of_its_voxel_on_that_plane(planes):
    planes.controller.objects.choose(3)
    mark(planes, "x", 5, 20, 31)
    session = along(planes, "x").session
    assert session.prompted_frames(3) == [31]
    assert session.prompts(3, 31).coordinates.tolist() == [[5, 20]]
    plane = outlined(planes, "x")
    assert plane.data.shape == (12, 40, 1)
    assert tuple(plane.data_to_world((5, 20, 0))) == tuple(planes.image.data_to_world((5, 20, 31)))
    assert plane.data[5, 20, 0] == 3
    # Another plane has no mask, and the session that is followed, with its labels, has nothing to do with it.
    planes.viewer.dims.set_point(2, 30)
    assert outlined(planes, "x") is None
    planes.viewer.dims.set_point(2, 31)
    assert outlined(planes, "x") is not None
    assert planes.session is None
    assert outlined(planes, "y") is None


def test_a_box_in_a_side_plane_is_a_box_of_that_plane(planes):
    planes.controller.tools.activate("box")
    here = side(planes, "y")
    assert here.group.boxes.mode == "add_rectangle"
    here.prepare()
    planes.viewer.dims.set_point(1, 12)
    here.group.boxes.add_rectangles(np.array([(2, 12, 5), (2, 12, 20), (8, 12, 20), (8, 12, 5)], float))
    planes.qtbot.wait(20)
    planes.settle()
    box = along(planes, "y").session.prompts(1, 12).box
    assert (box.y0, box.x0, box.y1, box.x1) == (2, 5, 9, 21)
    assert outlined(planes, "y").data[2:9, 0, 5:21].all()


def test_undo_goes_by_the_order_of_the_user_whatever_the_plane(planes):
    planes.click(4, 10, 10)
    mark(planes, "x", 5, 20, 31)
    planes.click(7, 10, 10)
    assert planes.session.prompted_frames(1) == [4, 7]
    planes.controller.step(back=True)
    planes.settle()
    assert planes.session.prompted_frames(1) == [4]
    assert along(planes, "x").session.prompted_frames(1) == [31]
    planes.controller.step(back=True)
    planes.settle()
    assert planes.session.prompted_frames(1) == [4]
    assert not along(planes, "x").session.objects
    assert len(side(planes, "x").group.points.data) == 0
    assert outlined(planes, "x") is None
    planes.controller.step(back=False)
    planes.settle()
    assert along(planes, "x").session.prompted_frames(1) == [31]
    assert len(side(planes, "x").group.points.data) == 1
    planes.controller.step(back=False)
    planes.settle()
    assert planes.session.prompted_frames(1) == [4, 7]


def test_a_mark_of_a_side_plane_is_there_when_its_axis_is_followed(planes):
    mark(planes, "x", 5, 20, 31)
    planes.controller.selection.choose_axis("x")
    planes.settle()
    assert planes.session.prompted_frames(1) == [31]
    assert planes.layer_group.points.shown.all()
    assert planes.labels[5, 20, 31] == 1
    # The planes beside it are others now.
    assert sorted(each.axis for each in planes.dock.controller._sides) == ["y", "z"]


def test_marks_of_a_side_plane_come_back_with_the_session(planes, qtbot, predictor):
    planes.click(4, 10, 10)
    mark(planes, "x", 5, 20, 31)
    paths = [planes.session.path, along(planes, "x").session.path]
    assert all(path.exists() for path in paths)
    planes.controller.close()
    planes.settle()
    planes.viewer.window.remove_dock_widget(planes.dock)
    planes.viewer.window.remove_dock_widget(planes.widget)
    driver = type(planes).show(planes.viewer, planes.image, predictor, qtbot)
    driver.settle()
    driver.controller.files.open(str(paths[0]))
    driver.settle()
    open_three_planes(driver.viewer)
    driver.dock = driver.viewer.window.dock_widgets[TITLE]
    driver.settle()
    assert along(driver, "x").session.path == paths[1]
    assert side(driver, "x").group.points.data.tolist() == [[5, 20, 31]]
    driver.close()


def test_a_time_lapse_is_marked_in_its_frames_alone(make_driver, volume_data):
    driver = make_driver(volume_data, axis_labels=("t", "y", "x"), units=("second", "pixel", "pixel"))
    open_three_planes(driver.viewer)
    dock = driver.viewer.window.dock_widgets[TITLE]
    assert dock.controller._sides == [None, None]
    assert "drawn in the main view" in dock.hint.text()


def test_closed_neither_widget_leaves_anything_behind(planes):
    mark(planes, "x", 5, 20, 31)
    planes.controller.close()
    assert planes.dock.controller._sides == [None, None]
    assert "drawn in the main view" in planes.dock.hint.text()
    model = planes.dock.controller.models[0]
    assert not [layer for layer in model.layers if layer.name.startswith("SAM 2 p") and layer.name != "SAM 2 position"]
