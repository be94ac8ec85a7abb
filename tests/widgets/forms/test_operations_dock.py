"""Change masks: a form for each operation, a preview that changes nothing, and one undo."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import label

from napari_sam2.analysis.mask_operations import OPERATIONS
from napari_sam2.layers.geometry import same_place
from napari_sam2.layers.mask_target import LayerTarget, claim


def choose(dock, operation, objects, **values):
    """Choose as a user does: layer, objects, operation, then its values."""
    dock.choice.operation.value = operation
    dock.choice.objects.value = objects
    for name, value in values.items():
        dock.values[name].value = value


def press(desk, button):
    button.click()
    return desk.settle()


def test_every_operation_has_a_form_with_units_and_ranges(form_desk) -> None:
    form_desk.show("ct_abdomen")
    dock = form_desk.open("Change masks")
    assert [text for _, text in zip(OPERATIONS, dock.choice.operation.choices, strict=True)] == list(OPERATIONS)
    for name, operation in OPERATIONS.items():
        dock.choice.operation.value = name
        assert list(dock.values.asdict()) == [parameter.name for parameter in operation.parameters]
    dock.choice.operation.value = "remove_small"
    assert dock.values["volume"].native.suffix() == " mm³"
    dock.values["dimensions"].value = 2
    assert dock.values["volume"].native.suffix() == " mm²"
    dock.choice.operation.value = "smooth"
    assert dock.values["radius"].native.suffix() == " mm"
    assert dock.values["radius"].value == pytest.approx(3.6)  # two pixels
    dock.choice.operation.value = "threshold"
    assert dock.values["low"].native.suffix() == " HU"
    assert (dock.values["low"].value, dock.values["high"].value) == tuple(form_desk.image.contrast_limits)
    dock.choice.operation.value = "copy_to"
    assert dock.values["to"].max == form_desk.labels.data.shape[0] - 1
    assert dock.values["frame"].value == form_desk.viewer.dims.current_step[0]


def test_a_preview_changes_nothing_and_goes_away(form_desk) -> None:
    found = form_desk.show("ct_abdomen")
    dock = form_desk.open("Change masks")
    choose(dock, "shrink", [1, 7], radius=4.0)
    said = press(form_desk, dock.preview_button)
    preview = form_desk.viewer.layers["preview: Shrink"]
    expected = sum(
        np.where(OPERATIONS["shrink"].apply(found.truth == i, found.volume.spacing, radius=4.0)[0], i, 0)
        for i in (1, 7)
    )
    assert np.array_equal(preview.data, expected)
    assert np.array_equal(form_desk.labels.data, found.truth)
    count = np.count_nonzero(expected != np.where(np.isin(found.truth, (1, 7)), found.truth, 0))
    assert said.startswith(f"{count:,} voxels would change")
    assert same_place(preview, form_desk.image)
    assert preview.contour > 0
    assert form_desk.viewer.layers.selection.active is form_desk.labels
    # A layer of marks that comes has nothing to do with it.
    form_desk.viewer.add_points(ndim=3, name="marks")
    assert preview in form_desk.viewer.layers
    form_desk.viewer.layers.remove("marks")
    dock.drop_button.click()
    assert dock.status.text() == ""
    assert [layer.name for layer in form_desk.viewer.layers] == ["ct_abdomen", "truth"]
    # Any other choice makes it untrue.
    for change in (
        lambda: setattr(dock.values["radius"], "value", 5.0),
        lambda: setattr(dock.choice.objects, "value", [2]),
        lambda: setattr(dock.choice.operation, "value", "grow"),
        dock.close_down,
    ):
        press(form_desk, dock.preview_button)
        assert len(form_desk.viewer.layers) == 3
        change()
        assert len(form_desk.viewer.layers) == 2


def test_applying_is_one_undo_of_the_layer(form_desk) -> None:
    found = form_desk.show("ct_abdomen")
    dock = form_desk.open("Change masks")
    before = form_desk.labels.data.copy()
    dock.choice.all_objects.value = True
    choose(dock, "smooth", [], radius=3.0)
    press(form_desk, dock.preview_button)
    outlined = form_desk.viewer.layers["preview: Smooth"].data.copy()
    said = press(form_desk, dock.apply_button)
    after = form_desk.labels.data.copy()
    assert said.startswith(f"Smooth: {np.count_nonzero(after != before):,} voxels changed.")
    assert np.array_equal(after, outlined)
    assert len(form_desk.viewer.layers) == 2
    # One object alone, where no neighbour has a say, is what the function makes of it.
    aorta = OPERATIONS["smooth"].apply(found.truth == 5, found.volume.spacing, radius=3.0)[0]
    alone = aorta & np.isin(found.truth, (0, 5))
    assert np.array_equal((after == 5) & alone, alone & ~np.isin(after, (1, 2, 3, 4)))
    form_desk.labels.undo()
    assert np.array_equal(form_desk.labels.data, before)
    form_desk.labels.redo()
    assert np.array_equal(form_desk.labels.data, after)
    form_desk.labels.undo()
    form_desk.labels.undo()
    assert np.array_equal(form_desk.labels.data, before)


def test_growing_takes_nothing_from_neighbours(form_desk) -> None:
    found = form_desk.show("ct_abdomen")
    dock = form_desk.open("Change masks")
    choose(dock, "grow", [7], radius=6.0)
    press(form_desk, dock.apply_button)
    grown = OPERATIONS["grow"].apply(found.truth == 7, found.volume.spacing, radius=6.0)[0]
    assert np.array_equal(form_desk.labels.data == 7, grown & np.isin(found.truth, (0, 7)))
    others = ~np.isin(found.truth, (0, 7))
    assert np.array_equal(form_desk.labels.data[others], found.truth[others])


def test_parts_become_new_objects_that_can_be_chosen(form_desk, qtbot) -> None:
    form_desk.show("ct_abdomen")
    dock = form_desk.open("Change masks")
    form_desk.labels.data[:] = 0
    form_desk.labels.data[5:8, 10:20, 10:20] = 4
    form_desk.labels.data[5:8, 40:45, 10:20] = 4
    form_desk.labels.events.paint(value=[])
    qtbot.waitUntil(lambda: dock.choice.objects.choices == (4,), timeout=5000)
    choose(dock, "split", [4])
    press(form_desk, dock.apply_button)
    assert np.unique(form_desk.labels.data).tolist() == [0, 4, 5]
    assert np.count_nonzero(form_desk.labels.data == 4) == 300
    assert dock.choice.objects.choices == (4, 5)
    choose(dock, "union", [4], other=(form_desk.labels, 5))
    press(form_desk, dock.apply_button)
    assert np.unique(form_desk.labels.data).tolist() == [0, 4]
    assert label(form_desk.labels.data)[1] == 2


def test_another_layer_and_the_image_can_be_used(form_desk) -> None:
    found = form_desk.show("ct_abdomen")
    dock = form_desk.open("Change masks")
    ring = np.zeros_like(found.truth)
    ring[20:40] = 9
    other = form_desk.add(ring, "part")
    dock.choice.labels_layer.value = form_desk.labels
    choose(dock, "intersect", [1], other=(other, 9))
    press(form_desk, dock.apply_button)
    assert np.array_equal(form_desk.labels.data == 1, (found.truth == 1) & (ring == 9))
    choose(dock, "threshold", [6], low=200.0, high=3000.0)
    press(form_desk, dock.apply_button)
    values = np.asarray(found.volume.array)
    assert np.array_equal(form_desk.labels.data == 6, (found.truth == 6) & (values >= 200) & (values <= 3000))


def test_a_time_lapse_is_changed_frame_by_frame(form_desk) -> None:
    found = form_desk.show("dividing_cells")
    dock = form_desk.open("Change masks")
    dock.choice.operation.value = "shrink"
    assert dock.values["dimensions"].choices == (2,)
    assert dock.values["radius"].native.suffix() == " µm"
    choose(dock, "shrink", [1], radius=2.0)
    press(form_desk, dock.apply_button)
    _, *pixel = found.volume.spacing
    expected = OPERATIONS["shrink"].apply(found.truth == 1, (1.0, *pixel), radius=2.0, dimensions=2)[0]
    assert np.array_equal(form_desk.labels.data == 1, expected)
    assert 0 < np.count_nonzero(expected) < np.count_nonzero(found.truth == 1)


def test_the_selected_label_is_the_object(form_desk) -> None:
    form_desk.show("ct_abdomen")
    dock = form_desk.open("Change masks")
    assert dock.choice.objects.value == [1]
    form_desk.labels.selected_label = 3
    assert dock.choice.objects.value == [3]
    assert dock.choice.objects.native.item(2).text() == "3 right kidney"
    # A layer that comes does not undo what was entered.
    choose(dock, "grow", [2, 3], radius=9.5)
    form_desk.viewer.add_labels(np.zeros((2, 2), np.uint8))
    assert (dock.choice.objects.value, dock.values["radius"].value) == ([2, 3], 9.5)


def test_what_is_missing_is_said_in_a_sentence(form_desk) -> None:
    dock = form_desk.open("Change masks")
    assert press(form_desk, dock.apply_button).startswith("There are no labels to change.")
    form_desk.labels = form_desk.viewer.add_labels(np.zeros((4, 20, 30), np.uint8), name="none")
    assert press(form_desk, dock.apply_button) == "The labels 'none' hold no object."
    form_desk.labels.data[1, 2:9, 2:9] = 1
    dock.choice.objects.value = []
    assert press(form_desk, dock.preview_button).startswith("No object is chosen.")
    dock.choice.all_objects.value = True
    dock.choice.operation.value = "threshold"
    assert press(form_desk, dock.apply_button).startswith("There is no image on the grid of the labels 'none'.")
    locked = np.zeros((4, 20, 30), np.uint8)
    locked[1] = 1
    locked.flags.writeable = False
    layer = form_desk.viewer.add_labels(locked, name="file")
    dock.choice.labels_layer.value = layer
    assert "cannot be changed" in press(form_desk, dock.apply_button)


def test_a_2d_image_is_one_slice(form_desk) -> None:
    data = np.zeros((20, 30), np.uint8)
    data[5:9, 5:9] = data[15, 20] = 1
    form_desk.labels = form_desk.viewer.add_labels(data.copy(), name="flat")
    dock = form_desk.open("Change masks")
    assert dock.values["dimensions"].choices == (2,)
    choose(dock, "largest", [1])
    press(form_desk, dock.apply_button)
    assert np.count_nonzero(form_desk.labels.data) == 16


def test_a_layer_that_was_claimed_is_changed_by_its_owner(form_desk) -> None:
    form_desk.show("ct_abdomen")
    asked = []

    class Owner(LayerTarget):
        def apply(self, operation, objects, values):
            asked.append((operation, list(objects), dict(values)))
            yield 1, 1
            return lambda: 12

    claim(form_desk.labels, Owner(form_desk.labels))
    dock = form_desk.open("Change masks")
    choose(dock, "grow", [3], radius=2.0)
    assert "12 voxels changed" in press(form_desk, dock.apply_button)
    assert asked == [("grow", [3], {"radius": 2.0, "dimensions": 3})]
    claim(form_desk.labels, None)
    before = form_desk.labels.data.copy()
    press(form_desk, dock.apply_button)
    assert len(asked) == 1
    assert not np.array_equal(form_desk.labels.data, before)
