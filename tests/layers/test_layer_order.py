"""The order of layers in a viewer."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Points

from napari_sam2.layers.layer_order import add_layer, raise_above, topmost


@pytest.fixture
def viewer():
    made = ViewerModel()
    for name in ("low", "high"):
        made.add_image(np.zeros((4, 4)), name=name)
    return made


@pytest.mark.parametrize(
    ("where", "order"),
    [
        ({}, ["low", "high", "new"]),
        ({"above": "low"}, ["low", "new", "high"]),
        ({"below": "high"}, ["low", "new", "high"]),
        ({"below": "low"}, ["new", "low", "high"]),
    ],
)
def test_a_layer_comes_beside_another_one(viewer, where, order):
    add_layer(viewer, Points(name="new"), **{side: viewer.layers[name] for side, name in where.items()})
    assert [layer.name for layer in viewer.layers] == order


def test_beside_a_layer_that_is_gone_it_is_on_top(viewer):
    gone = viewer.layers.pop(0)
    add_layer(viewer, Points(name="new"), above=gone)
    assert [layer.name for layer in viewer.layers] == ["high", "new"]


def test_the_active_layer_stays_active(viewer):
    viewer.layers.selection.active = viewer.layers["low"]
    add_layer(viewer, Points(name="new"), below=viewer.layers["low"])
    assert viewer.layers.selection.active is viewer.layers["low"]


def test_a_layer_is_raised_above_others_and_never_lowered(viewer):
    low, high = viewer.layers
    assert topmost(viewer, [high, low]) is high
    assert topmost(viewer, [Points()]) is None
    raise_above(viewer, low, [high, Points()])
    assert list(viewer.layers) == [high, low]
    raise_above(viewer, low, [high])
    assert list(viewer.layers) == [high, low]
