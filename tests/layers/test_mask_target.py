"""Operations on the objects of a plain Labels layer."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_sam2.analysis.mask_operations import OPERATIONS
from napari_sam2.errors import NapariSam2Error, VolumeError
from napari_sam2.layers.labels import make_labels
from napari_sam2.layers.mask_target import LayerTarget, claim, is_claimed, target_of


def outcome(steps):
    """What a generator returns, and what it yields on the way."""
    seen = []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as stop:
            return stop.value, seen


def apply(target, *arguments):
    change, _ = outcome(target.apply(*arguments))
    return change()


def test_slices_lie_across_the_coarsest_axis() -> None:
    data = np.zeros((20, 30, 6), np.uint8)
    data[4:12, 6:20, 2:4] = 1
    layer = Labels(data.copy(), scale=(0.5, 0.5, 4.0), axis_labels=("z", "y", "x"), units=("mm",) * 3)
    assert apply(target_of(layer), "copy_to", [1], {"frame": 2, "to": 5}) == 8 * 14
    assert np.array_equal(layer.data[:, :, 5], data[:, :, 2])
    layer.undo()
    apply(target_of(layer), "shrink", [1], {"radius": 1.0, "dimensions": 2})
    expected = OPERATIONS["shrink"].apply(np.moveaxis(data == 1, 2, 0), (4.0, 0.5, 0.5), radius=1.0, dimensions=2)[0]
    assert np.array_equal(np.moveaxis(layer.data, 2, 0), expected)


def test_each_time_point_of_a_4d_series_is_a_volume() -> None:
    data = np.zeros((2, 5, 20, 20), np.uint8)
    data[0, 1:4, 5:12, 5:12] = data[0, 0, 17, 17] = 1
    data[1, 2:4, 8:12, 8:12] = data[1, 4, 1:3, 1] = 1
    layer = Labels(data, axis_labels=("t", "z", "y", "x"))
    apply(target_of(layer), "split", [1], {"dimensions": 3})
    # The second part of each time point is one object.
    assert np.argwhere(layer.data == 2).tolist() == [[0, 0, 17, 17], [1, 4, 1, 1], [1, 4, 2, 1]]
    layer.undo()
    assert np.unique(layer.data).tolist() == [0, 1]


def test_what_is_painted_in_the_meantime_stays() -> None:
    data = np.zeros((4, 20, 20), np.uint8)
    data[1:3, 5:12, 5:12] = 1
    layer = Labels(data)
    change, seen = outcome(target_of(layer).apply("grow", [1], {"radius": 1.0, "dimensions": 2}))
    assert seen == [(0, 1), (1, 1)]
    assert layer.data.max() == 1
    layer.data[0, 0, 0] = 3
    assert change() == 2 * 4 * 7
    assert layer.data[0, 0, 0] == 3
    assert np.count_nonzero(layer.data == 1) == 2 * (49 + 28)


def test_a_change_of_nothing_is_no_step_of_the_history() -> None:
    data = np.zeros((4, 20, 20), np.uint8)
    data[1, 5:9, 5:9] = 1
    layer = Labels(data)
    assert apply(target_of(layer), "largest", [1], {"dimensions": 3}) == 0
    layer.undo()
    assert np.count_nonzero(layer.data) == 16


def test_no_number_left_is_said_and_changes_nothing() -> None:
    data = np.zeros((1, 9, 9), np.uint8)
    data[0, 1, 1] = data[0, 5, 5] = 255
    layer = Labels(data.copy())
    with pytest.raises(NapariSam2Error, match="no number left"):
        outcome(target_of(layer).apply("split", [255], {"dimensions": 3}))
    assert np.array_equal(layer.data, data)


def test_a_layer_goes_to_who_claims_it() -> None:
    layer = make_labels(Image(np.zeros((2, 9, 9))))
    owner = LayerTarget(layer)
    assert not is_claimed(layer)
    claim(layer, owner)
    assert is_claimed(layer)
    assert target_of(layer) is owner
    claim(layer, None)
    assert not is_claimed(layer)
    assert isinstance(target_of(layer), LayerTarget)
    assert target_of(layer) is not owner


def test_an_object_on_another_grid_is_refused() -> None:
    layer = Labels(np.ones((2, 9, 9), np.uint8), name="here")
    other = Labels(np.ones((2, 9, 8), np.uint8), name="there")
    with pytest.raises(VolumeError, match="'there' are on another grid than 'here'"):
        outcome(LayerTarget(layer).preview("union", [1], {"other": (other, 1)}))
