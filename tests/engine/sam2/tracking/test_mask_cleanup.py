"""Holes, strays and crumbs of masks."""

from __future__ import annotations

import pytest
import torch

from napari_sam2.engine.sam2.tracking.mask_cleanup import drop_disconnected, drop_small, fill_holes


def test_small_holes_are_filled_large_ones_stay():
    logits = torch.full((1, 1, 32, 32), 5.0)
    logits[..., 4:6, 4:6] = -5.0
    logits[..., 12:20, 12:20] = -5.0
    filled = fill_holes(logits, 8)[0, 0]
    assert (filled[4:6, 4:6] > 0).all()
    assert (filled[12:20, 12:20] < 0).all()


def _squares(*places: tuple[int, int]) -> torch.Tensor:
    """Logits (1, 1, 32, 32) of squares of four pixels at these corners."""
    logits = torch.full((1, 1, 32, 32), -5.0)
    for y, x in places:
        logits[..., y : y + 4, x : x + 4] = 5.0
    return logits


@pytest.mark.parametrize(
    ("now", "before", "left"),
    [
        ([(4, 4), (20, 20)], [(5, 5)], [(4, 4)]),  # something like the object elsewhere
        ([(4, 4), (20, 20)], [(5, 5), (21, 21)], [(4, 4), (20, 20)]),  # two parts that both were there
        ([(4, 4), (20, 20)], [(5, 5), (23, 23)], [(4, 4)]),  # one pixel of it was there
        ([(4, 4), (20, 20)], [(13, 13)], [(4, 4), (20, 20)]),  # a cell that jumped
        ([(4, 4), (20, 20)], [], [(4, 4), (20, 20)]),  # found again
        ([], [(4, 4)], []),
    ],
)
def test_parts_that_nothing_leads_to_are_dropped(now, before, left):
    other = _squares((9, 9))  # another object in the batch
    cleaned = drop_disconnected(torch.cat([_squares(*now), other]), torch.cat([_squares(*before), other]))
    assert torch.equal(cleaned > 0, torch.cat([_squares(*left), other]) > 0)


@pytest.mark.parametrize(
    ("clicked", "left"),
    [
        ([], [(9, 9)]),
        ([(21.5, 5.5)], [(9, 9), (4, 20)]),  # (x, y); the crumb at the right is what the user clicked on
        ([(99.0, 99.0)], [(9, 9)]),  # a click beside the window
    ],
)
def test_small_parts_of_an_answer_are_dropped_unless_clicked(clicked, left):
    large = _squares((9, 9))
    large[..., 9:21, 9:21] = 5.0
    answer, other = torch.maximum(large, _squares((4, 20), (26, 3))), _squares((4, 4), (20, 20))
    wanted = torch.maximum(large, _squares(*left))
    # Inputs of four pixels for one of the logits; of each object a click beside everything is negative.
    points = torch.tensor([[*clicked, (1.5, 30.5)][:1], [(1.5, 30.5)]]) * 4
    labels = torch.tensor([[int(bool(clicked))], [0]])
    cleaned = drop_small(torch.cat([answer, other]), points, labels, 128)
    assert torch.equal(cleaned > 0, torch.cat([wanted, other]) > 0), "two parts of one size both stay"
    assert torch.equal(cleaned.abs(), torch.cat([answer, other]).abs())
