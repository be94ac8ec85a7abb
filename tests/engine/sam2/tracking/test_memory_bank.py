"""Memory is bounded, and the nearest accepted frames are attended."""

from __future__ import annotations

import pytest
import torch

from napari_sam2.engine.sam2.tracking.memory_bank import Memory, MemoryBank


def memory():
    return Memory(torch.zeros(1, 4, 2, 2), torch.zeros(1, 8))


@pytest.mark.parametrize("step", [1, -1])
def test_only_what_can_still_be_attended_is_kept(step):
    bank = MemoryBank(recent_frames=6, recent_pointers=16)
    bank.conditioning[500] = memory()
    for i in range(1, 300):
        bank.remember(500 + step * i, memory(), step)
    last = 500 + step * 299
    assert sorted(bank.tracked) == sorted(last - step * k for k in range(6))
    assert len(bank.pointers) == 16


def test_exact_mode_keeps_all():
    bank = MemoryBank(6, 16, max_conditioning=None, bounded=False)
    for i in range(50):
        bank.remember(i, memory(), 1)
    assert len(bank.tracked) == 50


@pytest.mark.parametrize(("frame", "expected"), [(45, [20, 40, 50, 60]), (0, [10, 20, 30, 40]), (95, [70, 80, 90, 99])])
def test_nearest_four_accepted_frames(frame, expected):
    bank = MemoryBank(6, 16, max_conditioning=4)
    for f in (10, 20, 30, 40, 50, 60, 70, 80, 90, 99):
        bank.conditioning[f] = memory()
    chosen = bank.attended_conditioning(frame)
    assert len(chosen) == 4
    if frame == 45:
        assert {40, 50} <= set(chosen)
    else:
        assert chosen == expected
