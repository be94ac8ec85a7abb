"""The layers around one image, in a viewer without a window."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_sam2.core.frames import FrameGrid
from napari_sam2.core.prompts import BoxPrompt, PointPrompt, PromptSet
from napari_sam2.layers.image import volume_from_layer
from napari_sam2.layers.layer_group import LayerCallbacks, LayerGroup
from napari_sam2.layers.prompts import NEGATIVE, POSITIVE

SHAPE = (6, 30, 40)


@pytest.fixture
def calls():
    """The names of the callbacks that were called."""
    return []


@pytest.fixture
def group(calls):
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros(SHAPE, np.uint8), name="scan")
    callbacks = LayerCallbacks(
        lambda: calls.append("markers"),
        lambda: calls.append("tool"),
        lambda: calls.append("stroke"),
        lambda label: calls.append(("picked", label)),
    )
    made = LayerGroup(viewer, image, callbacks)
    made.follow("z")
    return made


@pytest.fixture
def grid(group):
    return FrameGrid.of(volume_from_layer(group.image), "z")


def test_layers_are_made_when_they_are_needed_and_again_when_they_were_removed(group):
    assert group.owned() == []
    points, boxes = group.ensure_prompt_layers()
    labels = group.ensure_labels()
    assert [layer.name for layer in group.viewer.layers] == ["scan", labels.name, boxes.name, points.name]
    group.viewer.layers.remove(points)
    assert group.ensure_prompt_layers()[0] is not points
    assert group.ensure_prompt_layers()[1] is boxes


def test_a_click_belongs_to_the_current_object_and_is_reported(group, grid, calls):
    points, _ = group.ensure_prompt_layers()
    group.set_next(3, NEGATIVE)
    calls.clear()
    points.mode = "add"
    points.add((2, 10, 20))
    assert "markers" in calls
    assert group.read(grid) == {(3, 2): PromptSet((PointPrompt(10, 20, False),))}


def test_what_is_written_is_returned_as_it_is_read_and_not_reported(group, grid, calls):
    table = {
        (1, 2): PromptSet((PointPrompt(10, 20),), BoxPrompt(1.25, 2, 9, 12)),
        (2, 4): PromptSet((PointPrompt(0, 0),)),
    }
    shown = group.write(grid, table)
    assert shown == group.read(grid)
    assert shown[1, 2].box == BoxPrompt(1, 2, 9, 12)
    assert "markers" not in calls
    assert group.write(grid, {}) == {} == group.read(grid)


def test_nothing_to_write_makes_no_layers(group, grid):
    assert group.write(grid, {}) == {}
    assert group.owned() == []


def test_of_two_boxes_of_an_object_on_a_frame_the_newer_stays(group, grid):
    _, boxes = group.ensure_prompt_layers()
    for y in (2, 12):
        boxes.add_rectangles(np.array([(1, y, 5), (1, y, 15), (1, y + 8, 15), (1, y + 8, 5)], float))
    assert not group.tidy_boxes(grid)
    assert group.read(grid) == {(1, 1): PromptSet(box=BoxPrompt(12, 5, 21, 16))}


def test_a_box_without_a_pixel_and_a_point_outside_are_removed(group, grid):
    points, boxes = group.ensure_prompt_layers()
    boxes.add_rectangles(np.array([(1, 2.2, 5.2), (1, 2.2, 5.4), (1, 2.4, 5.4), (1, 2.4, 5.2)], float))
    points.add([(1, 50, 5), (1, 5, 5)])
    assert group.tidy_boxes(grid)
    assert group.tidy_points(grid)
    assert boxes.nshapes == 0
    assert points.data.tolist() == [[1, 5, 5]]


def test_a_lasso_is_taken_and_a_scribble_becomes_points(group, grid):
    points, boxes = group.ensure_prompt_layers()
    boxes.add_polygons(np.array([(1, 2, 5), (1, 2, 15), (1, 12, 15), (1, 12, 5)], float))
    boxes.add_paths(np.array([(1, 20, 5), (1, 20, 35)], float))
    lasso, scribble = group.take_drawings(grid)
    assert lasso.is_outline
    assert not scribble.is_outline
    assert boxes.nshapes == 0
    assert len(points.data) > 2
    assert set(points.data[:, 1]) == {20}
    assert group.take_drawings(grid) == []


def test_marks_of_another_axis_wait(group, grid):
    group.write(grid, {(1, 2): PromptSet((PointPrompt(10, 20),))})
    assert group.follow("y")
    assert not group.points.shown.any()
    assert group.read(FrameGrid.of(volume_from_layer(group.image), "y")) == {}
    assert group.follow("z")
    assert group.points.shown.all()


def test_a_new_labels_layer_is_coloured_again(group):
    colors = {1: (1.0, 0.0, 0.0)}
    group.colors.draw(group.ensure_labels(), colors)
    group.viewer.layers.remove(group.labels)
    labels = group.ensure_labels()
    group.colors.draw(labels, colors)
    assert labels.colormap.map(np.array([1], np.uint16))[0].tolist() == [1, 0, 0, 1]


def test_a_picked_label_is_reported(group, calls):
    group.ensure_labels().selected_label = 4
    assert calls[-1] == ("picked", 4)


def test_the_outline_is_cut_at_the_border_and_taken_away(group, grid):
    group.show_outline(grid, 2, (-5, 3, 12.5, 99))
    corners = group.outline.data[0]
    assert corners.min(axis=0).tolist() == [2, 0, 2.5]
    assert corners.max(axis=0).tolist() == [2, 12, 39]
    group.show_outline(grid, 0, None)
    assert group.outline.nshapes == 0


def test_layers_follow_the_image_and_go_but_for_the_labels(group):
    group.ensure_prompt_layers()
    labels = group.ensure_labels()
    group.image.translate = (5, 6, 7)
    assert all(np.allclose(layer.translate, (5, 6, 7)) for layer in group.owned())
    group.remove_prompt_layers()
    assert list(group.viewer.layers) == [group.image, labels]
    group.image.translate = (0, 0, 0)
    assert np.allclose(labels.translate, (5, 6, 7))


def test_labels_that_are_made_while_another_image_is_worked_on_cannot_be_drawn_on(group):
    group.put_aside()
    labels = group.ensure_labels()
    assert not labels.editable
    group.take_up()
    assert labels.editable
    group.put_aside()
    group.remove_prompt_layers()
    # They are the user's own now.
    assert labels.editable


def test_labels_of_another_shape_are_left_under_another_name(group):
    labels = group.ensure_labels()
    group.image.data = np.zeros((2, 30, 40), np.uint8)
    assert not group.fits()
    assert group.leave_labels() == labels.name == "SAM 2 labels (other data)"
    assert group.fits()
    assert group.ensure_labels() is not labels


def test_t_flips_the_selected_points_only(group):
    points, _ = group.ensure_prompt_layers()
    points.add([(1, 5, 5), (1, 6, 6)])
    assert not group.flip()
    points.mode = "select"
    points.selected_data = {1}
    assert group.flip()
    assert points.features["polarity"].tolist() == [POSITIVE, NEGATIVE]
