"""Clicks and boxes of the simulated user."""

from __future__ import annotations

import numpy as np
import torch

from training.simulated_prompts import SimulatedPrompter


def test_corrections_lie_in_what_is_wrong() -> None:
    truth, found = torch.zeros(3, 32, 32, dtype=torch.bool), torch.zeros(3, 32, 32, dtype=torch.bool)
    truth[0, 4:12, 4:12] = True  # missing
    found[1, 20:30, 20:30] = True  # surplus, on a frame without the object
    points, labels = SimulatedPrompter(np.random.default_rng(0)).correction_click(truth, found)
    assert labels.flatten().tolist() == [1, 0, -1]
    x, y = points[0, 0].long().tolist()
    assert truth[0, y, x]
    x, y = points[1, 0].long().tolist()
    assert found[1, y, x]


def test_boxes_enclose_the_object_roughly() -> None:
    mask = torch.zeros(1, 64, 64, dtype=torch.bool)
    mask[0, 10:40, 20:50] = True
    points, labels = SimulatedPrompter(np.random.default_rng(0), box_jitter=0.0).first_prompt(mask, "box")
    assert points[0].tolist() == [[20, 10], [50, 40]]
    assert labels[0].tolist() == [2, 3]
