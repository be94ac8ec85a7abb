"""Outlines of the accepted slices around the one that is shown."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from napari.utils.colormaps.standardize_color import transform_color

from napari_sam2.core.frames import FrameGrid
from napari_sam2.errors import VolumeError
from napari_sam2.layers.geometry import same_place
from napari_sam2.layers.image import place_on, volume_from_layer
from napari_sam2.layers.onion_skin import AFTER, BEFORE, NAME, OnionSkin, outlines_of


def disc(shape, y, x, radius) -> np.ndarray:
    rows, columns = np.indices(shape)
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


def shown(viewer) -> dict[int, np.ndarray]:
    """The outlines by the frame that they are from."""
    layer = viewer.layers[NAME]
    frames = layer.features["frame"] if layer.data else []
    return {int(f): np.asarray(d) for f, d in zip(frames, layer.data, strict=True)}


@pytest.fixture
def scene():
    viewer = ViewerModel()
    image = viewer.add_layer(Image(np.zeros((20, 40, 50)), scale=(3, 0.7, 0.7), translate=(5, 1, 2), name="ct"))
    return viewer, image, FrameGrid.of(volume_from_layer(image))


def test_the_nearest_slices_on_both_sides_follow_the_viewer(scene) -> None:
    viewer, image, grid = scene
    masks = {3: disc((40, 50), 20, 20, 8), 9: disc((40, 50), 22, 24, 5), 15: disc((40, 50), 10, 30, 4)}
    viewer.dims.set_current_step(0, 6)
    skin = OnionSkin(viewer, image, grid)
    assert NAME not in viewer.layers
    viewer.layers.selection.active = image
    skin.show(masks)
    assert viewer.layers.selection.active is image
    assert same_place(viewer.layers[NAME], image)
    for step, expected in ((6, {3, 9}), (9, {3, 15}), (1, {3}), (18, {15}), (12, {9, 15})):
        viewer.dims.set_current_step(0, step)
        drawn = shown(viewer)
        assert set(drawn) == expected
        for frame, outline in drawn.items():
            assert (outline[:, 0] == step).all()
            y, x = np.argwhere(masks[frame]).mean(axis=0)
            radius = np.sqrt(masks[frame].sum() / np.pi)
            assert np.hypot(outline[:, 1] - y, outline[:, 2] - x) == pytest.approx(radius, abs=0.8)
    layer = viewer.layers[NAME]
    colors = {int(f): c for f, c in zip(layer.features["frame"], layer.edge_color, strict=True)}
    assert colors[9] == pytest.approx(transform_color(BEFORE)[0])
    assert colors[15] == pytest.approx(transform_color(AFTER)[0])
    skin.show({})
    assert shown(viewer) == {}


def test_it_goes_away_and_follows_no_more(scene) -> None:
    viewer, image, grid = scene
    skin = OnionSkin(viewer, image, grid)
    skin.show({3: disc((40, 50), 20, 20, 8)})
    viewer.dims.ndisplay = 3
    assert shown(viewer) == {}
    viewer.dims.ndisplay = 2
    assert set(shown(viewer)) == {3}
    # Who takes the layer away gets it again with the next slice.
    viewer.layers.remove(NAME)
    viewer.dims.set_current_step(0, 7)
    assert set(shown(viewer)) == {3}
    skin.close()
    viewer.dims.set_current_step(0, 8)
    assert [layer.name for layer in viewer.layers] == ["ct"]


def test_along_another_axis_and_with_channels_it_lies_on_the_image() -> None:
    viewer = ViewerModel()
    image = viewer.add_layer(Image(np.zeros((2, 12, 20, 30)), axis_labels=("c", "z", "y", "x"), scale=(1, 2, 1, 1)))
    grid = FrameGrid.of(volume_from_layer(image), "x")
    skin = OnionSkin(viewer, image, grid)
    viewer.dims.set_point(3, 10.0)
    skin.show({4: disc((12, 20), 6, 8, 3)})
    outline = shown(viewer)[4]
    assert (outline[:, 3] == 10).all()
    assert (outline[:, 0] == 0).all()
    assert outline[:, 1:3].mean(axis=0) == pytest.approx([6, 8], abs=0.3)
    assert viewer.layers[NAME].scale.tolist() == place_on(image)["scale"].tolist()


def test_holes_have_outlines_too() -> None:
    ring = disc((30, 30), 15, 15, 10) & ~disc((30, 30), 15, 15, 4)
    assert len(outlines_of(ring)) == 2
    assert outlines_of(np.zeros((5, 5), bool)) == []


def test_a_single_image_and_a_mask_that_does_not_fit_are_refused(scene) -> None:
    viewer, image, grid = scene
    flat = Image(np.zeros((8, 9)), name="flat")
    with pytest.raises(VolumeError, match="'flat' is a single one"):
        OnionSkin(viewer, flat, FrameGrid.of(volume_from_layer(flat)))
    skin = OnionSkin(viewer, image, grid)
    with pytest.raises(VolumeError, match=r"slice 2 has the shape \(4, 5\)"):
        skin.show({2: np.ones((4, 5), bool)})
    with pytest.raises(VolumeError, match="20 slices"):
        skin.show({20: np.ones((40, 50), bool)})
