"""The zoom window: resampling there and back keeps a place, and the window moves when it must."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_sam2.engine.protocols import CropWindow
from napari_sam2.engine.sam2.tracking import crop_window


@pytest.mark.parametrize("side", [40.0, 64.0, 120.0])
@pytest.mark.parametrize("centre", [(50.0, 60.0), (5.0, 8.0), (95.5, 117.25)])
def test_crop_and_paste_keep_a_disc_in_place(side, centre):
    yy, xx = np.mgrid[:100, :120]
    disc = ((yy + 0.5 - centre[0]) ** 2 + (xx + 0.5 - centre[1]) ** 2) < (side / 4) ** 2
    window = CropWindow(centre[0] - side / 2, centre[1] - side / 2, centre[0] + side / 2, centre[1] + side / 2)
    soft = crop_window.crop(torch.from_numpy(disc).float()[None], window, 192)
    back = crop_window.paste_logits(soft * 20 - 10, window, (100, 120)).numpy() > 0
    assert 2 * (back & disc).sum() / (back.sum() + disc.sum()) > 0.985


def test_whole_frame_paste_is_plain_interpolation():
    logits = torch.randn(1, 1, 24, 24)
    pasted = crop_window.paste_logits(logits, crop_window.whole_frame((50, 70)), (50, 70))
    expected = torch.nn.functional.interpolate(logits, size=(50, 70), mode="bilinear", align_corners=False)[0, 0]
    assert torch.equal(pasted, expected)


def test_outside_of_the_window_is_outside_of_the_object():
    pasted = crop_window.paste_logits(torch.full((1, 1, 8, 8), 5.0), CropWindow(10, 10, 20, 20), (40, 40))
    assert (pasted[10:20, 10:20] > 0).all()
    pasted[10:20, 10:20] = -1
    assert (pasted < 0).all()


def test_sampling_to_the_edge_is_that_of_border_padding():
    logits = torch.randn(1, 1, 48, 48)
    grid = torch.rand(1, 60, 50, 2) * 2.6 - 1.3
    expected = torch.nn.functional.grid_sample(logits, grid, align_corners=False, padding_mode="border")
    assert torch.allclose(crop_window._sample_to_the_edge(logits, grid), expected, atol=1e-5)


def test_window_far_outside_the_frame_is_empty():
    pasted = crop_window.paste_logits(torch.full((1, 1, 8, 8), 5.0), CropWindow(100, 100, 120, 120), (40, 40))
    assert (pasted < 0).all()


@pytest.mark.parametrize(
    ("box", "moves"),
    [((12, 12, 36, 36), False), ((20, 20, 28, 28), True), ((2, 2, 46, 46), True), ((1, 10, 30, 30), True)],
)
def test_when_the_window_moves(box, moves):
    logits = torch.full((48, 48), -5.0)
    logits[box[0] : box[2], box[1] : box[3]] = 5.0
    found = crop_window.needs_new_window(logits, CropWindow(100, 200, 196, 296), 32)
    assert (found is not None) == moves
    if found is not None:
        assert found == (100 + 2 * box[0], 200 + 2 * box[1], 100 + 2 * box[2], 200 + 2 * box[3])


def test_smallest_window_does_not_shrink_further():
    logits = torch.full((48, 48), -5.0)
    logits[22:26, 22:26] = 5.0
    assert crop_window.needs_new_window(logits, CropWindow(0, 0, 32, 32), 32) is None


def test_including_widens_only_where_needed():
    window = CropWindow(0, 0, 100, 100)
    assert crop_window.including(window, [(50, 50)]) == window
    wide = crop_window.including(window, [(50, 150)])
    assert wide.height == pytest.approx(wide.width)
    assert wide.x0 < 50
    assert wide.x1 > 150


def test_resample_between_windows_keeps_places():
    logits = torch.full((1, 1, 48, 48), -8.0)
    logits[..., 20:30, 20:30] = 8.0
    source, target = CropWindow(0, 0, 96, 96), CropWindow(24, 24, 72, 72)
    box = crop_window.box_in_window(crop_window.resample_logits(logits, source, target)[0, 0] > 0)
    assert box is not None
    assert np.allclose(crop_window.to_frame_box(box, 48, target), (40, 40, 60, 60), atol=1.1)
